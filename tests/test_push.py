"""Publishing on a Hub of our own: everything that belongs there and nothing else, however it is killed."""

import dataclasses
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hub_server import READ_ONLY, TOKEN, File, HubServer, Repo
from report_run import make_run

from pipeline.dataset.finish import describe
from pipeline.dataset.parquet import parts, publish, read_rows, write_rows
from pipeline.dataset.push.files import DEFAULT_PARTS, published
from pipeline.dataset.push.hub import Interrupted
from pipeline.dataset.push.push import Pushed, PushOptions, push
from pipeline.dataset.push.said import Progress, duration, size
from pipeline.dataset.version import dataset_version
from pipeline.verbs.push import push as verb
from schemas import Video
from schemas.layout import Layout
from schemas.options import SetupError

REPO = "me/clips"
KEY = "sk-live-0d93b7a1f4e26c58"


def finished(root: Path) -> Layout:
    """The miniature run, finished as a run is, with what must stay behind beside it."""
    layout = Layout(root)
    record = make_run(root)
    finish(layout, record)
    for name in ("journal/ab/entry.json", "work/config.json", "status.json", "generated/x.json",
                 "media/.tmp-1", "tables/videos/.tmp-2", "media/ff/orphan.mp4",
                 "tables/videos.old/part.parquet", "notes.txt"):  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("{}")
    return layout


def finish(layout: Layout, record: dict[str, Any]) -> None:
    record = {**record, "dataset_version": dataset_version(layout)}
    describe(layout, record)
    layout.run.write_text(json.dumps(record), "utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished(tmp_path_factory.mktemp("made") / "run").root


@pytest.fixture
def layout(made: Path, tmp_path: Path) -> Layout:
    """A copy that a test may change."""
    copy = tmp_path / "run"
    subprocess.run(["cp", "-r", made, copy], check=True)
    return Layout(copy)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes this process speak to a Hub: its client reads the environment when it is imported."""
    from huggingface_hub import constants

    def use(hub: HubServer, token: str | None = TOKEN) -> None:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("pipeline.dataset.push.push.token_of_hub", lambda: token)

    return use


@pytest.fixture
def hub(here: Callable[..., Any]) -> Iterator[HubServer]:
    with HubServer() as server:
        here(server)
        yield server


def pushed(layout: Layout, said: list[str] | None = None, **options: Any) -> Pushed:
    lines = [] if said is None else said
    return push(layout, PushOptions(repo=REPO, **options), lines.append, wait=lambda _: None)


def withdraw_one(layout: Layout) -> tuple[Video, Video]:
    """A newer version of the dataset, without its first clip; what went, and what stayed first."""
    gone, *rest = read_rows(Video, parts(layout.table("videos")))
    written = write_rows(Video, rest, layout.work / "videos.parquet")
    publish([written], layout.table("videos"), Video)
    (layout.root / gone.uri).unlink()
    finish(layout, json.loads(layout.run.read_text("utf-8")))
    return gone, rest[0]


# what is sent


@pytest.mark.parametrize("name", ["tables/scores", "judges.json"])
def test_a_folder_that_lacks_a_part_is_not_published(layout, hub, name):
    pushed(layout)
    before = hub.repos[REPO].files()
    path = layout.root / name
    (path if path.is_file() else sorted(path.glob("*.parquet"))[0]).unlink()
    with pytest.raises(SetupError, match=f"{name}.*: gone"):
        pushed(layout)
    assert hub.repos[REPO].files() == before


def test_a_repository_holds_what_is_published_and_nothing_else(layout, hub):
    said: list[str] = []
    done = pushed(layout, said)
    files = hub.repos[REPO].files()
    clips = [video.uri for video in read_rows(Video, parts(layout.table("videos")))]
    assert {path for path in files if path.startswith("media/")} == {
        *clips,
        "media/metadata.parquet",
    }
    assert {path.split("/")[0] for path in files} == {
        ".gitattributes", "README.md", "croissant.json", "checksums.sha256", "run.json", "audit.json",
        "audit_details.json", "judges.json", "tables", "media",
    }  # fmt: skip
    for path, data in files.items():
        if path not in (".gitattributes", "checksums.sha256"):
            assert data == (layout.root / path).read_bytes(), path
    assert {path for path in files if "old" in path or "tmp" in path} == set()
    version = json.loads(files["run.json"])["dataset_version"]
    commit = hub.repos[REPO].commits[-1]
    assert version in commit.summary
    assert len(hub.repos[REPO].commits) == 2  # the repository's own first one, and ours
    assert hub.repos[REPO].tags == {f"v-{version}": commit.oid}
    assert done.commit == commit.oid
    assert max(hub.uploads.values()) == 1


def test_the_checksums_that_are_sent_fit_what_is_sent(layout, hub):
    pushed(layout)
    files = hub.repos[REPO].files()
    listed = dict(
        reversed(line.split("  ")) for line in files["checksums.sha256"].decode().splitlines()
    )
    assert {hashlib.sha256(files[path]).hexdigest() for path in listed} == set(listed.values())
    beside = {".gitattributes", "README.md", "checksums.sha256", "run.json"}
    assert set(files) - set(listed) == beside
    assert any("frames/" in line for line in (layout.root / "checksums.sha256").open())


def test_what_is_said_before_anything_is_sent(layout, hub):
    said: list[str] = []
    pushed(layout, said, private=True)
    text = "\n".join(said)
    n_clips = len(list(read_rows(Video, parts(layout.table("videos")))))
    assert f"-> {REPO} (private)" in said[0]
    assert f"media    {n_clips + 1:>7} files" in text
    assert "stays here: videorm, journal, work, status" in text
    assert f"licences of videos: CC0-1.0 ({n_clips})" in text
    assert "simulated, and the card says so: prompts, clips, raters" in text
    assert "non-commercial" not in text
    assert hub.repos[REPO].private


def test_rows_that_may_not_be_sold_are_counted(layout, hub):
    first, *rest = read_rows(Video, parts(layout.table("videos")))
    sold = dataclasses.replace(first, licence="CC-BY-NC-4.0")
    made = dataclasses.replace(rest[0], terms="research only; see the service's terms")
    rows = [sold, made, *rest[1:]]
    publish([write_rows(Video, rows, layout.work / "v.parquet")], layout.table("videos"), Video)
    finish(layout, json.loads(layout.run.read_text("utf-8")))
    said: list[str] = []
    pushed(layout, said, dry_run=True)
    assert "note: 2 rows carry a non-commercial licence, or such terms" in said
    assert any("terms of generators: research only; see" in line for line in said)


def test_parts_are_asked_for_or_left_here(layout, hub):
    pushed(layout, parts=frozenset({"videorm"}))
    folders = {path.split("/")[0] for path in hub.repos[REPO].files() if "/" in path}
    assert folders == {"tables", "videorm"}
    said: list[str] = []
    pushed(layout, said)  # the default: clips, and no model
    folders = {path.split("/")[0] for path in hub.repos[REPO].files() if "/" in path}
    assert folders == {"tables", "videorm", "media"}
    assert "1 files of parts that are not sent stay there as they are" in said


# again


def test_the_same_version_is_sent_once(layout, hub):
    first = pushed(layout)
    hub.asked.clear()
    said: list[str] = []
    again = pushed(layout, said)
    assert (again.commit, again.n_sent, again.n_gone) == (first.commit, 0, 0)
    assert f"{REPO} holds version {again.version} already: nothing to send" in said
    assert {m for m, path in hub.asked if "/lfs/" in path or "/commit/" in path} == set()


def test_a_newer_version_is_one_commit_of_what_changed_and_what_is_gone(layout, hub):
    first = pushed(layout)
    gone, kept = withdraw_one(layout)
    said: list[str] = []
    done = pushed(layout, said)
    commit = hub.repos[REPO].commits[-1]
    assert done.version != first.version
    assert len(hub.repos[REPO].commits) == 3
    assert set(commit.deleted) == {gone.uri}
    assert done.n_gone == 1
    assert kept.uri not in commit.written
    assert "tables/videos/part-00000-of-00001.parquet" in commit.written
    assert not any(
        path.startswith(("tables/prompts", "tables/annotations")) for path in commit.written
    )
    assert set(hub.repos[REPO].tags) == {f"v-{first.version}", f"v-{done.version}"}
    assert gone.uri in hub.repos[REPO].files(f"v-{first.version}")
    assert any("older commits and tags" in line for line in said)


def test_a_clip_that_is_gone_goes_from_the_hub_though_clips_stay_here(layout, hub):
    pushed(layout)
    gone, kept = withdraw_one(layout)
    pushed(layout, parts=frozenset())
    files = hub.repos[REPO].files()
    assert gone.uri not in files
    assert kept.uri in files
    assert files["media/metadata.parquet"] == (layout.root / "media/metadata.parquet").read_bytes()


def test_what_somebody_added_on_the_hub_stays(layout, hub):
    pushed(layout)
    hub.repos[REPO].commits[-1].files["LICENSE"] = File(b"CC0", False)
    hub.repos[REPO].commits[-1].files["notes/of-mine.md"] = File(b"x", False)
    withdraw_one(layout)
    pushed(layout)
    assert {"LICENSE", "notes/of-mine.md"} <= set(hub.repos[REPO].files())


def test_a_branch_of_its_own_leaves_main_alone(layout, hub):
    pushed(layout)
    main = hub.repos[REPO].branches["main"]
    withdraw_one(layout)
    pushed(layout, branch="next", message="Without one clip")
    assert hub.repos[REPO].branches["main"] == main != hub.repos[REPO].branches["next"]
    assert hub.repos[REPO].commits[-1].summary.startswith("Without one clip (dataset version ")


def test_many_clips_come_before_the_one_commit_that_names_them(layout, hub, monkeypatch):
    monkeypatch.setattr("pipeline.dataset.push.work.COMMIT_FILES", 2)
    pushed(layout)
    commits = hub.repos[REPO].commits[1:]
    assert len(commits) == 4  # six clips, two at a time, and everything else
    for commit in commits[:-1]:
        assert len(commit.written) == 2
        assert all(path.startswith("media/") and path.endswith(".mp4") for path in commit.written)
    assert {"README.md", "media/metadata.parquet"} <= set(commits[-1].written)


def test_a_first_push_that_stopped_between_commits_goes_on(layout, here, monkeypatch):
    monkeypatch.setattr("pipeline.dataset.push.work.COMMIT_FILES", 2)
    faults = scripted(("POST", "/validate-yaml", 413))  # of the last commit, which has the card
    with HubServer(fault=faults) as hub:
        here(hub)
        with pytest.raises(Interrupted, match="too much for the Hub at once"):
            pushed(layout)
        stopped = hub.repos[REPO].files()
        assert {path.split("/")[0] for path in stopped} == {".gitattributes", "media"}
        done = pushed(layout)
        assert len(hub.repos[REPO].commits) == 5
        assert max(hub.uploads.values()) == 1
        assert done.n_sent == len(published(layout)) - (len(stopped) - 1)


def test_attempts_are_counted_from_the_last_commit_on(layout, here, monkeypatch):
    monkeypatch.setattr("pipeline.dataset.push.work.COMMIT_FILES", 2)
    monkeypatch.setattr("pipeline.dataset.push.push.ATTEMPTS", 2)
    answers = iter([None, 503, None, 503])  # to commits; two failures in a row would end it
    with HubServer(
        fault=lambda _, path: next(answers, None) if "/commit/" in path else None
    ) as hub:
        here(hub)
        said: list[str] = []
        pushed(layout, said)
        assert [line.rsplit(" in ", 1)[1] for line in said if "trying" in line] == ["2 s", "2 s"]
        assert len(hub.repos[REPO].commits) == 5


def test_large_files_go_in_parts(layout, here):
    with HubServer(part_bytes=1_000) as hub:
        here(hub)
        pushed(layout)
        video = next(iter(read_rows(Video, parts(layout.table("videos")))))
        assert hub.repos[REPO].files()[video.uri] == (layout.root / video.uri).read_bytes()
        assert any(path.endswith("/2") for method, path in hub.asked if method == "PUT")


def test_a_dry_run_writes_nothing(layout, hub, here):
    said: list[str] = []
    assert pushed(layout, said, dry_run=True).commit is None
    n = len(published(layout))
    assert any(line.startswith(f"would send: {n} files, ") for line in said)
    assert hub.repos == {}
    assert {method for method, _ in hub.asked} == {"GET"}
    hub.asked.clear()
    here(hub, token=None)
    pushed(layout, said, dry_run=True)
    assert hub.asked == []
    assert "no token, so the Hub was not asked" in said[-1]


# what goes wrong


def scripted(*faults: tuple[str, str, int]) -> Callable[[str, str], int | None]:
    """Each answers one request of this method whose path holds this text."""
    left = list(faults)
    lock = threading.Lock()

    def fault(method: str, path: str) -> int | None:
        with lock:
            for one in left:
                if one[0] == method and one[1] in path:
                    left.remove(one)
                    return one[2]
        return None

    return fault


def test_what_passes_is_tried_again_and_nothing_is_sent_twice(layout, here):
    faults = scripted(("GET", "/tree/", 503), ("POST", "/commit/", 502))
    with HubServer(fault=faults) as hub:
        here(hub)
        said: list[str] = []
        pushed(layout, said)
        assert [line for line in said if "trying again in" in line] == [
            f"{REPO}: the Hub answered 502 (as scripted); trying again in 2 s"
        ]  # the client itself asks again for the listing
        assert max(hub.uploads.values()) == 1
        assert len(hub.repos[REPO].commits) == 2


def test_a_commit_whose_answer_was_lost_is_not_made_twice(layout, here):
    with HubServer() as hub:
        here(hub)
        made = hub.repos
        lost = iter([True])

        def fault(method: str, path: str) -> int | None:
            # the commit is there, and what was to tell so is not
            return 504 if "/tag/" in path and next(lost, False) else None

        hub.fault = fault
        said: list[str] = []
        pushed(layout, said)
        assert any("was not made" in line for line in said)
        assert made[REPO].tags == {}
        again = pushed(layout)
        assert again.n_sent == 0
        assert len(made[REPO].commits) == 2
        assert set(made[REPO].tags) == {f"v-{again.version}"}


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("POST", "/repos/create", 403, "the token may not write there"),
        ("GET", "/whoami", 401, "does not accept the token"),
        ("POST", "/preupload/", 404, "no such repository or branch"),
        ("POST", "/commit/", 409, "somebody else changed the repository"),
        ("POST", "/commit/", 412, "somebody else changed the repository"),
        ("POST", "/commit/", 413, "too much for the Hub at once"),
        ("POST", "/validate-yaml", 400, "does not take what was sent"),
    ],
)
def test_what_the_hub_refuses_is_said_in_words(layout, here, method, path, status, message):
    fault = lambda m, p: status if m == method and path in p else None  # noqa: E731
    with HubServer(fault=fault) as hub:
        here(hub)
        with pytest.raises((SetupError, Interrupted), match=message):
            pushed(layout)
        assert all(len(repo.commits) == 1 for repo in hub.repos.values())


def test_a_token_that_only_reads_or_none_is_told_before_anything_is_sent(layout, hub, here):
    here(hub, token=READ_ONLY)
    with pytest.raises(SetupError, match="the token may not write"):
        pushed(layout)
    here(hub, token="hf_of_somebody_else")
    with pytest.raises(SetupError, match="does not accept the token"):
        pushed(layout)
    here(hub, token=None)
    with pytest.raises(SetupError, match="no token for the Hub: set HF_TOKEN"):
        pushed(layout)
    assert hub.repos == {}


def test_no_hub_to_be_reached_is_said_after_some_attempts(layout, hub, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SetupError, match="HF_HUB_OFFLINE is set, so nothing can be sent"):
        pushed(layout)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    said: list[str] = []
    with pytest.raises(Interrupted, match="the Hub was not reached, or broke off"):
        pushed(layout, said)
    waits = [line.rsplit(" in ", 1)[1] for line in said if "trying again" in line]
    assert waits == ["2 s", "4 s", "8 s", "16 s"]


def test_a_public_repository_does_not_get_what_was_meant_to_be_private(layout, hub):
    pushed(layout)
    with pytest.raises(SetupError, match="is public, and --private does not change that"):
        pushed(layout, private=True)


def test_a_repository_of_something_else_is_left_alone(layout, hub):
    hub.repos[REPO] = Repo(False)
    hub.repos[REPO].commits[-1].files["data/train.csv"] = File(b"a,b", False)
    with pytest.raises(SetupError, match=r"holds files, data/train\.csv for one, and no run\.json"):
        pushed(layout)


# folders that are not published


def test_an_incomplete_folder_is_refused(layout, hub, tmp_path):
    (tmp_path / "other").mkdir()
    with pytest.raises(SetupError, match="is not a complete run"):
        pushed(Layout(tmp_path / "other"))
    assert list((tmp_path / "other").iterdir()) == []
    layout.run.unlink()
    with pytest.raises(SetupError, match="is not a complete run"):
        pushed(layout)


def test_a_folder_in_use_is_refused(layout, hub):
    with (
        FileLock(layout.work / "lock"),
        pytest.raises(SetupError, match="another run is working in this folder"),
    ):
        pushed(layout)


def test_a_changed_or_missing_file_is_refused_by_name(layout, hub):
    table = parts(layout.table("scores"))[0]
    table.write_bytes(table.read_bytes() + b" ")
    with pytest.raises(SetupError, match=rf"tables/scores/{table.name}: changed"):
        pushed(layout)
    video = next(iter(read_rows(Video, parts(layout.table("videos")))))
    (layout.root / video.uri).unlink()
    with pytest.raises(
        SetupError, match="table videos names it; restore it, or push `--without media`"
    ):
        pushed(layout)


@pytest.mark.parametrize("name", ["run.json", "videorm/metrics.json"])
def test_a_file_that_holds_a_key_is_refused_and_the_key_not_shown(layout, hub, monkeypatch, name):
    monkeypatch.setenv("MY_JUDGE_API_KEY", KEY)
    path = layout.root / name
    value = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**value, "note": f"Bearer {KEY}"}), "utf-8")
    with pytest.raises(SetupError) as refused:
        pushed(layout, parts=frozenset({"media", "videorm"}))
    assert f"{path}: holds the value of MY_JUDGE_API_KEY" in str(refused.value)
    assert KEY not in str(refused.value)
    assert hub.repos == {}


def test_a_clip_outside_of_the_folder_is_counted_and_not_sent(layout, hub):
    first, *rest = read_rows(Video, parts(layout.table("videos")))
    elsewhere = dataclasses.replace(first, uri=str(layout.root / "work" / "config.json"))
    publish(
        [write_rows(Video, [elsewhere, *rest], layout.work / "v.parquet")],
        layout.table("videos"),
        Video,
    )
    finish(layout, json.loads(layout.run.read_text("utf-8")))
    said: list[str] = []
    pushed(layout, said)
    assert (
        "note: 1 clips lie outside of the folder and are not sent; their rows keep the uri" in said
    )
    assert first.uri not in hub.repos[REPO].files()


def test_a_uri_that_leads_out_of_the_folder_is_refused(layout, hub):
    first, *rest = read_rows(Video, parts(layout.table("videos")))
    bad = dataclasses.replace(first, uri="media/../work/config.json")
    publish(
        [write_rows(Video, [bad, *rest], layout.work / "v.parquet")], layout.table("videos"), Video
    )
    with pytest.raises(SetupError, match="leads out of the folder"):
        pushed(layout)


def test_progress_tells_rate_and_time_left():
    now = iter([0.0, 1.0, 4.0, 8.0])
    said: list[str] = []
    progress = Progress(8 << 20, said.append, lambda: next(now))
    for n_bytes in (1 << 20, 3 << 20, 4 << 20):
        progress.add(n_bytes)
    # nothing after one second; 4 MiB in four seconds; all in eight
    assert said == [
        "sent 4.0 MiB of 8.0 MiB (50%), 1.0 MiB/s, 4 s left",
        "sent 8.0 MiB of 8.0 MiB (100%), 1.0 MiB/s, 0 s left",
    ]
    assert [duration(s) for s in (59, 600, 7200)] == ["59 s", "10 min", "2.0 h"]
    assert [size(n) for n in (3, 2048, 5 << 40)] == ["3 B", "2.0 KiB", "5.0 TiB"]


def test_the_verb_says_where_the_dataset_is(layout, hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert (
        verb([str(layout.root), REPO, "--private", "--without", "media", "--include", "report"])
        == 0
    )
    said = capsys.readouterr()
    assert f"{hub.url}/datasets/{REPO} is at version " in said.out
    assert TOKEN not in said.out + said.err
    assert verb([str(layout.root), "clips"]) == 2
    assert "name owner and dataset, for example my-lab/clips" in capsys.readouterr().err
    assert verb([str(layout.root), REPO, "--without", "report", "--include", "report"]) == 2
    hub.fault = lambda _, path: 413 if "/commit/" in path else None
    assert verb([str(layout.root), REPO]) == 3
    assert "The same command goes on with it" in capsys.readouterr().err


# by command, in a process of its own

DOWNLOAD = """
import json, sys
from huggingface_hub import snapshot_download
from datasets import load_dataset
repo, names = sys.argv[1], sys.argv[2:]
folder = snapshot_download(repo, repo_type="dataset")
rows = {name: {s: len(d) for s, d in load_dataset(repo, name).items()} for name in names}
streamed = next(iter(load_dataset(repo, "videos", split="train", streaming=True)))["video_id"]
print(json.dumps({"folder": folder, "rows": rows, "streamed": streamed}))
"""


def run(
    hub: HubServer, cache: Path, *words: str, token: str | None = TOKEN
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline", "push", *words],
        env=hub.environment(cache, token), capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_the_verb_pushes_and_every_table_loads_from_there(layout, tmp_path):
    with HubServer() as hub:
        done = run(hub, tmp_path / "cache", str(layout.root), REPO)
        assert done.returncode == 0, done.stderr
        assert f"{hub.url}/datasets/{REPO} is at version " in done.stdout
        assert TOKEN not in done.stdout + done.stderr
        names = ["preferences", "videos", "frames", "annotations"]
        back = subprocess.run(
            [sys.executable, "-c", DOWNLOAD, REPO, *names],
            env=hub.environment(tmp_path / "other", token=None),
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert back.returncode == 0, back.stderr[-3000:]
        found = json.loads(back.stdout.splitlines()[-1])
        for path, data in hub.repos[REPO].files().items():
            assert (Path(found["folder"]) / path).read_bytes() == data
        n_clips = len(list(read_rows(Video, parts(layout.table("videos")))))
        assert found["rows"]["videos"] == {"train": n_clips}
        assert found["rows"]["preferences"].keys() >= {"train"}
        assert found["rows"]["frames"]["train"] == n_clips - 1  # one was never decoded


@pytest.mark.slow
def test_the_verb_refuses_with_2_and_stops_with_3(layout, tmp_path):
    with HubServer(fault=lambda m, p: 413 if "/commit/" in p else None) as hub:
        refused = run(hub, tmp_path / "cache", str(layout.root), REPO, token=None)
        assert refused.returncode == 2
        assert "no token for the Hub" in refused.stderr
        stopped = run(hub, tmp_path / "cache", str(layout.root), REPO)
        assert stopped.returncode == 3, stopped.stderr
        assert "The same command goes on with it" in stopped.stderr
        assert "Traceback" not in stopped.stderr + refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 4, 9])
def test_killed_anywhere_it_goes_on_and_sends_nothing_twice(layout, tmp_path, n):
    with HubServer() as hub:
        enough, go_on = threading.Event(), threading.Event()

        def after(count: int) -> None:
            if count >= n and not go_on.is_set():
                enough.set()
                go_on.wait(60)

        hub.after_upload = after
        words = [sys.executable, "-m", "pipeline", "push", str(layout.root), REPO]
        process = subprocess.Popen(words, env=hub.environment(tmp_path / "cache"))
        assert enough.wait(60)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        go_on.set()
        assert len(hub.repos[REPO].commits) == 1
        assert len(hub.objects) >= n
        done = run(hub, tmp_path / "cache", str(layout.root), REPO)
        assert done.returncode == 0, done.stderr
        assert max(hub.uploads.values()) == 1
        sent = {f.path for f in published(layout, DEFAULT_PARTS)}
        assert set(hub.repos[REPO].files()) == {*sent, ".gitattributes"}
