"""A run whose output folder is an address: what goes there, what comes here, who may work on it."""

import contextlib
import itertools
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest

from pipeline.config import Config
from pipeline.dataset.parquet import IMAGES, read_rows, write_rows
from pipeline.home import Home
from pipeline.home.lock import LOCK
from pipeline.home.place import layout_of
from pipeline.home.unseen import refuse_unseen
from pipeline.plan import Plan, make_plan
from pipeline.state import Marks
from schemas import FrameSet, Video
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store, blob_name

_buckets = itertools.count()
JPEG = b"\xff\xd8 no picture, but bytes \xff\xd9"


@pytest.fixture
def address() -> Iterator[str]:
    """Of a folder in memory, one per test."""
    bucket = f"bucket-{next(_buckets)}"
    yield f"memory://{bucket}/run"
    with contextlib.suppress(FileNotFoundError):  # nothing was put there
        fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


@pytest.fixture
def layout(address: str, tmp_path: Path) -> Layout:
    return layout_of(address, tmp_path / "copy")


def there(address: str, folder: str = "") -> list[str]:
    fs, root = fsspec.core.url_to_fs(address)
    return sorted(path[len(root) + 1 :] for path in fs.find(f"{root}/{folder}".rstrip("/")))


def frames_of(layout: Layout, video: str = "v1") -> FrameSet:
    layout.frames.put(blob_name(sha256_hex(JPEG), ".jpg"), JPEG)
    return FrameSet(
        video_id=video,
        prompt_id="p1",
        prompt="a cat",
        generator="g",
        policy="uniform-1",
        decoder="pyav",
        indices=(0,),
        times_s=(0.0,),
        jpeg_sha256=(sha256_hex(JPEG),),
        fps=8.0,
        duration_s=1.0,
        width_px=64,
        height_px=64,
        n_frames_in_clip=8,
        frame_width_px=64,
        frame_height_px=64,
    )


# which folder


def test_a_local_folder_is_its_own_home(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "out")
    assert (layout.root, layout.home) == (tmp_path / "out", None)
    assert layout.at(layout.work / "x") == str(tmp_path / "out/work/x")
    assert layout.place("media/a.mp4") == str(tmp_path / "out/media/a.mp4")


def test_an_address_has_its_stores_there_and_a_working_copy_here(
    layout: Layout, address: str
) -> None:
    assert layout.frames.root == f"{address}/frames"
    assert layout.at(layout.work / "plan" / "x.parquet") == f"{address}/work/plan/x.parquet"
    assert layout.place("media/a.mp4") == f"{address}/media/a.mp4"
    assert layout.place("gs://other/a.mp4") == "gs://other/a.mp4"
    assert layout.place("/clips/a.mp4") == "/clips/a.mp4"


def test_the_working_copy_of_an_address_is_always_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    one, again, other = (layout_of(f"gs://{n}") for n in ("b/run", "b/run/", "c/run"))
    assert one == again
    assert one.root.parent == other.root.parent == tmp_path / "videoprefer" / "runs"
    assert one.root != other.root
    assert one.root.name.startswith("run-")


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("ftp://host/run", "neither a local folder nor gs://"),
        ("hf://datasets/me/run", "neither a local folder nor gs://"),
        ("gs://", "neither a local folder nor gs://"),
        (Path("gs://bucket/run"), "local folders only"),
    ],
)
def test_what_is_no_output_is_refused(output: str | Path, told: str) -> None:
    with pytest.raises(SetupError, match=told):
        layout_of(output)


def test_a_working_copy_is_of_one_address_only(
    layout: Layout, address: str, tmp_path: Path
) -> None:
    with Home(layout).held():
        pass
    with pytest.raises(SetupError, match=f"the working copy of {address}; give that address"):
        layout_of(layout.root)
    with pytest.raises(SetupError, match="choose another --working-copy"):
        layout_of("memory://another/run", layout.root)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(SetupError, match="not empty, and no working copy"):
        layout_of(address, tmp_path / "mine")
    with pytest.raises(SetupError, match="leave it out"):
        layout_of(tmp_path / "out", tmp_path / "copy")


# what goes between


def test_rows_come_here_and_pictures_stay_there(layout: Layout) -> None:
    home, folder = Home(layout), layout.work / "collect" / "wave-00000"
    out = layout.work / "collect" / ".tmp-wave-00000"
    to = home.cleared(folder, out)
    one = frames_of(layout)
    write_rows(FrameSet, [one], f"{to}/frames/part-00000.parquet", images=layout.frames)
    home.fetch(folder, out)

    (file,) = out.rglob("*.parquet")
    assert file == out / "frames" / "part-00000.parquet"
    (picture,) = pq.read_table(file)[IMAGES].to_pylist()[0]
    assert picture == {"bytes": None, "path": f"{one.jpeg_sha256[0]}.jpg"}
    assert list(read_rows(FrameSet, [file])) == [one]
    assert list(read_rows(FrameSet, [f"{to}/frames/part-00000.parquet"])) == [one]


def test_a_wave_that_is_done_anew_leaves_nothing_of_the_first_time(
    layout: Layout, address: str
) -> None:
    home, folder = Home(layout), layout.work / "annotate" / "wave-00000"
    for name in ("part-00000.parquet", "part-00001.parquet"):
        write_rows(Video, [], f"{home.cleared(folder, folder)}/videos/{name}")
    assert there(address) == ["work/annotate/wave-00000/videos/part-00001.parquet"]


def test_only_what_was_written_here_is_offered(layout: Layout, address: str) -> None:
    home = Home(layout)
    made = layout.work / "plan" / "clips-00000.parquet"
    fetched = layout.work / "collect" / "wave-00000" / "frames" / "part-00000.parquet"
    for file in (made, fetched):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"rows")
    assert home.offer([made, fetched]) == (
        f"{address}/work/plan/clips-00000.parquet",
        f"{address}/work/collect/wave-00000/frames/part-00000.parquet",
    )
    assert there(address) == ["work/plan/clips-00000.parquet"]
    made.write_bytes(b"other rows")
    home.offer([made])
    assert fsspec.open(f"{address}/work/plan/clips-00000.parquet").open().read() == b"other rows"


def _published(layout: Layout, home: Home) -> Path:
    """The files of a run that is complete: one wave of frames, a table, a page, run.json."""
    wave = layout.work / "collect" / "wave-00000"
    address = home.cleared(wave, wave)
    part = "frames/part-00000.parquet"
    write_rows(FrameSet, [frames_of(layout)], f"{address}/{part}", images=layout.frames)
    home.fetch(wave, wave)
    for name in ("frames", "videos"):
        table = layout.table(name)
        table.mkdir(parents=True, exist_ok=True)
        (table / "part-00000-of-00001.parquet").write_bytes((wave / part).read_bytes())
    layout.report.mkdir(exist_ok=True)
    (layout.report / "index.html").write_text("<p>a page")
    layout.run.write_text("{}")
    return wave / part


def test_the_record_is_the_last_to_come_and_the_first_to_go(
    layout: Layout, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(layout)
    file = _published(layout, home)
    order: list[str] = []
    put = home._far.put  # type: ignore[union-attr]
    monkeypatch.setattr(home._far, "put", lambda path, name: (order.append(name), put(path, name)))
    home.publish([file])
    assert order[-1] == "run.json"
    assert {name for name in there(address) if not name.startswith(("work", "frames/"))} == {
        "report/index.html",
        "run.json",
        "tables/frames/part-00000-of-00001.parquet",
        "tables/videos/part-00000-of-00001.parquet",
    }
    with fsspec.open(f"{address}/tables/frames/part-00000-of-00001.parquet") as table:
        (row,) = pq.read_table(table).to_pylist()
    assert row[IMAGES][0]["bytes"] == JPEG  # those of the workers' file, which never came by here
    home.begin()
    assert "run.json" not in there(address)


def test_what_a_later_run_no_longer_has_goes_from_there(layout: Layout, address: str) -> None:
    home = Home(layout)
    file = _published(layout, home)
    old = layout.table("videos") / "part-00001-of-00002.parquet"
    old.write_bytes(b"an older, longer table")
    home.publish([file])
    assert old.relative_to(layout.root).as_posix() in there(address, "tables")
    old.unlink()
    home.publish([file])
    assert there(address, "tables/videos") == ["tables/videos/part-00000-of-00001.parquet"]


def test_clips_and_frames_are_brought_once(layout: Layout) -> None:
    layout.media.put("ab/clip.mp4", b"a clip")
    home = Home(layout)
    home.bring(["media/ab/clip.mp4", "/elsewhere/clip.mp4", "gs://bucket/clip.mp4"])
    assert (layout.root / "media/ab/clip.mp4").read_bytes() == b"a clip"
    layout.media.delete("ab/clip.mp4")
    home.bring(["media/ab/clip.mp4"])  # is here


# who


def test_another_machine_goes_on_where_the_first_stopped(address: str, tmp_path: Path) -> None:
    first, second = (layout_of(address, tmp_path / name) for name in ("first", "second"))
    with (home := Home(first)).held():
        (first.work / "done").mkdir(parents=True)
        (first.work / "done" / "collect-00000.json").write_text("{}")
        home.keep()
    with Home(second).held():
        assert (second.work / "done" / "collect-00000.json").read_text() == "{}"
        (second.work / "done" / "annotate-00000.json").write_text("{}")
        Home(second).keep()
    (first.work / "done" / "stale.json").write_text("{}")
    with Home(first).held():  # whose working copy is out of date now
        found = sorted(path.name for path in (first.work / "done").iterdir())
    assert found == ["annotate-00000.json", "collect-00000.json"]


def test_what_was_not_sent_yet_is_not_lost_on_the_same_machine(layout: Layout) -> None:
    with Home(layout).held():
        (layout.work / "done").mkdir(parents=True)
        (layout.work / "done" / "collect-00000.json").write_text("{}")
    with Home(layout).held():  # killed before it sent anything
        assert (layout.work / "done" / "collect-00000.json").is_file()


def _marked(layout: Layout, *stages: str) -> None:
    for stage in stages:
        Marks(layout).write(stage, "made of it", None)


def test_another_machine_makes_the_tables_that_the_first_had_not_put_there(
    address: str, tmp_path: Path
) -> None:
    first, second = (layout_of(address, tmp_path / name) for name in ("first", "second"))
    with (home := Home(first)).held():
        _marked(first, "check", "annotate-00000", "assemble", "videorm")
        home.keep()  # and is killed: no table lies there
    with Home(second).held():
        stages = ("check", "annotate-00000", "assemble", "videorm")
        assert [Marks(second).there(stage) for stage in stages] == [False, True, False, False]


def test_another_machine_takes_a_complete_run_as_it_is(address: str, tmp_path: Path) -> None:
    first, second = (layout_of(address, tmp_path / name) for name in ("first", "second"))
    with (home := Home(first)).held():
        _marked(first, "check", "assemble")
        first.run.write_text("{}")
        home.publish([])
    with Home(second).held():
        assert Marks(second).there("check")
        assert Marks(second).there("assemble")


def test_a_wave_that_is_done_anew_is_whole_for_no_machine(address: str, tmp_path: Path) -> None:
    first, second = (layout_of(address, tmp_path / name) for name in ("first", "second"))
    with (home := Home(first)).held():
        _marked(first, "annotate-00000")
        home.keep()
        home.forget(Marks(first).path("annotate-00000"))  # its rows go next, and then it is killed
    with Home(second).held():
        assert not Marks(second).there("annotate-00000")


def test_what_was_spent_and_ordered_is_there_before_the_stage_ends(
    layout: Layout, address: str
) -> None:
    home, order = Home(layout), layout.work / "annotators" / "batch" / "0" / "shard.json"
    order.parent.mkdir(parents=True)
    order.write_text("prepared")
    (layout.work / "ledger").write_bytes(b"one")
    home.keep_spent()
    assert there(address) == ["work/annotators/batch/0/shard.json", "work/ledger"]
    stat = (layout.work / "ledger").stat()
    (layout.work / "ledger").write_bytes(b"two")
    os.utime(layout.work / "ledger", ns=(stat.st_atime_ns, stat.st_mtime_ns))  # a mapped file
    order.unlink()  # dropped: no machine may send it
    Home(layout).keep_spent()
    assert there(address) == ["work/ledger"]
    assert fsspec.open(f"{address}/work/ledger").open().read() == b"two"


def test_two_runs_at_one_address_are_refused(address: str, tmp_path: Path) -> None:
    one, other = (layout_of(address, tmp_path / name) for name in ("one", "other"))
    with Home(one).held():
        with (
            pytest.raises(
                SetupError, match=r"another run has been working there since .* UTC, on "
            ),
            Home(other).held(),
        ):
            pass
        assert LOCK in there(address)
    with Home(other).held():
        pass
    assert LOCK not in there(address)


def test_the_lock_of_a_dead_process_is_taken_over(layout: Layout) -> None:
    dead = {"host": socket.gethostname(), "pid": 2**22 + 1, "started": 5, "since": "yesterday"}
    store = Store(str(layout.home))
    store.put(LOCK, json.dumps(dead).encode())
    with Home(layout).held():
        pass
    store.put(LOCK, json.dumps({**dead, "host": "another.machine"}).encode())
    with (
        pytest.raises(SetupError, match=r"on another\.machine .* delete memory://"),
        Home(layout).held(),
    ):
        pass


def test_without_an_address_nothing_goes_anywhere(tmp_path: Path) -> None:
    layout = layout_of(tmp_path / "out")
    home = Home(layout)
    with home.held():
        home.begin()
        assert home.cleared(layout.work / "a", layout.work / "b") == str(layout.work / "b")
        home.fetch(layout.work / "a", layout.work / "b")
        assert home.offer([layout.work / "x"]) == (str(layout.work / "x"),)
        home.keep()
        home.publish([])
    assert not layout.root.exists()


# what workers elsewhere can see


def asked(annotator: dict[str, object]) -> tuple[Config, Plan]:
    config = Config.model_validate(
        {
            "sources": [{"kind": "simulated", "prompts": 2}],
            "generators": {
                "clips_per_prompt": 2,
                "pool": [{"kind": "simulated", "name": "sim-clean"}],
            },
            "annotators": [annotator],
        }
    )
    return config, make_plan(config, keys=False)


def test_what_workers_elsewhere_cannot_see_is_refused(layout: Layout, tmp_path: Path) -> None:
    config, plan = asked({"kind": "signal"})
    refuse_unseen(config, plan, layout)
    with pytest.raises(SetupError, match=f"--output {tmp_path}.*give an address"):
        refuse_unseen(config, plan, layout_of(tmp_path / "out"))
    with pytest.raises(SetupError, match="a batch is sent and collected where the command runs"):
        refuse_unseen(*asked({"kind": "openai-batch", "model": "gpt-4o"}), layout)
