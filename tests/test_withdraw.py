"""A clip that its owner takes back is nowhere afterwards, and everything else is as it was."""

import dataclasses
import itertools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from report_run import JUDGE
from withdraw_folder import (
    BLACK,
    everything,
    make_folder,
    names_of,
    rows_of,
)

from annotators.batch.results import read_lines
from annotators.batch.state import OUTPUT, TICKETS
from annotators.journal import Journal
from annotators.journal import remove as removal
from pipeline.__main__ import main
from pipeline.dataset.withdraw import withdraw as command
from pipeline.dataset.withdraw.facts import Facts
from pipeline.dataset.withdraw.find import sought
from pipeline.dataset.withdraw.stores import Gone
from pipeline.dataset.withdraw.withdraw import Asked, withdraw
from pipeline.dataset.withdraw.work import take_batches
from pipeline.dataset.withdrawn import NAME, PENDING, refuse_pending, withdrawn
from schemas import SPLITS
from schemas.ids import sha256_hex
from schemas.layout import PUBLISHED, Layout
from schemas.options import SetupError
from schemas.store import Store, blob_name
from schemas.tables import TABLES


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layout, dict[str, list[Any]]]:
    return make_folder(tmp_path_factory.mktemp("mini") / "out")


@pytest.fixture
def folder(made, tmp_path: Path) -> Layout:
    root = tmp_path / "out"
    shutil.copytree(made[0].root, root)
    return Layout(root)


@pytest.fixture(scope="module")
def rows(made) -> dict[str, list[Any]]:
    return made[1]


@dataclasses.dataclass(frozen=True)
class Done:
    """A folder from which clip 0 was withdrawn; what was in it, and what the command said."""

    before: Layout
    layout: Layout
    gone: Gone
    ids: set[str]


@pytest.fixture(scope="module")
def done(made, tmp_path_factory: pytest.TempPathFactory) -> Done:
    layout = Layout(tmp_path_factory.mktemp("done") / "out")
    shutil.copytree(made[0].root, layout.root)
    first = made[1]["videos"][0]
    gone = withdraw(layout.root, Asked(names=[first.video_id], reason="asked"))
    return Done(made[0], layout, gone, {first.video_id, "copy-of-0"})


def tables(layout: Layout) -> dict[str, list[dict[str, Any]]]:
    found = {name: rows_of(layout, name) for name in PUBLISHED}
    pairs = [row for split in SPLITS for row in rows_of(layout, "preferences", split)]
    return {**found, "preferences": pairs}


def about(row: dict[str, Any], ids: set[str]) -> bool:
    """Whether a row is about one of the clips, by its columns."""
    named = {row.get(name) for name in ("video_id", "video_a", "video_b")}
    named |= set(row.get("video_ids") or ()) | set((row.get("key") or "").split("/")[:1])
    named |= {v for part in (row.get("key") or "").split("/")[1:2] for v in part.split("+")}
    return bool(named & ids)


def found_in(layout: Layout, names: list[bytes]) -> dict[str, list[bytes]]:
    hits = {
        path: [name for name in names if name in data]
        for path, data in everything(layout.root).items()
    }
    return {path: hit for path, hit in hits.items() if hit}


def test_a_withdrawn_clip_is_in_no_byte_of_the_folder(done, rows) -> None:
    names, folder, gone = names_of(rows), done.layout, done.gone
    before = found_in(done.before, names)
    assert set(names) == {name for hit in before.values() for name in hit}  # all can be found
    # but for the tombstone, which says the ids and the content, and why, and no more
    assert list(found_in(folder, names)) == [NAME]
    first = rows["videos"][0]
    assert json.loads((folder.root / NAME).read_text())["withdrawn"] == [
        {
            "video_ids": sorted([first.video_id, "copy-of-0"]),
            "sha256": first.sha256,
            "reason": "asked",
        }
    ]
    assert gone.media == 1
    assert gone.notes == 1
    # 3 JPEGs of its own and the montage; the black one is clip 2's, too
    assert gone.frames == 4
    assert folder.frames.get(blob_name(sha256_hex(BLACK), ".jpg")) == BLACK
    # 2 dimensions x 2 draws, 2 x 2 comparisons with clip 1, and the sentinel's
    assert gone.replies == 4 + 4 + 1
    assert not list(folder.root.rglob(".tmp-*"))
    assert not (folder.root / "preview").exists()


def test_rows_of_other_clips_stay_as_they_are(done) -> None:
    before, after, ids = tables(done.before), tables(done.layout), done.ids
    for name, held in after.items():
        if name == "clip_checks":  # clips 1 and 3 repeated clip 0, and repeat nothing any more
            assert all(row["near_duplicate_of"] is None for row in held)
            assert all("near_duplicate" not in row["found"] for row in held)
            assert [r["video_id"] for r in held] == [
                r["video_id"] for r in before[name] if r["video_id"] not in ids
            ]
        elif name not in ("scores", "preferences"):  # which follow from the others: see below
            assert held == [row for row in before[name] if not about(row, ids)], name
    assert len(after["videos"]) == 5
    assert len(after["comparisons"]) == 3


def test_scores_are_those_that_the_remaining_rows_give(done, rows) -> None:
    """Clip 1 alone is left of the first prompt: it keeps its scores, and is in no pair. The prompts
    of other clips keep every row, those that no run would have made included."""
    before, after = tables(done.before), tables(done.layout)
    touched = {rows["videos"][0].prompt_id, rows["prompts"][2].prompt_id}
    for name in ("scores", "preferences"):
        others = [row for row in before[name] if row["prompt_id"] not in touched]
        assert [row for row in after[name] if row["prompt_id"] not in touched] == others
    assert not [r for r in after["preferences"] if r["prompt_id"] in touched]
    left = {(r["annotator_id"], r["dimension"]): r["mean"] for r in after["scores"]
            if r["video_id"] == rows["videos"][1].video_id}  # fmt: skip
    assert left["consensus", "prompt_following"] == 2.0  # report_run: clip 1 has score 2, and 3
    assert left["consensus", "overall"] == 2.5
    assert left[JUDGE, "video_quality"] == 3.0


def test_files_without_the_clip_are_not_touched(done, rows) -> None:
    """The folder was copied with its times, and what was written since has others."""
    media = f"media/{blob_name(rows['videos'][2].sha256, '.mp4')}"
    kept = ["tables/prompts", "tables/human_votes", "work/collect/wave-00000", media]

    def times(layout: Layout) -> dict[str, int]:
        paths = [
            path
            for name in kept
            for path in (layout.root / name, *(layout.root / name).glob("*.parquet"))
        ]
        return {str(p.relative_to(layout.root)): p.stat().st_mtime_ns for p in paths if p.is_file()}

    assert len(times(done.layout)) == 3
    assert times(done.layout) == times(done.before)


def test_the_journal_keeps_every_reply_about_others_loose_or_packed(done, rows) -> None:
    folder, ids = done.layout, done.ids
    others = [r.reply_key for r in rows["annotations"] if r.reply_key and r.video_id not in ids]
    others += [r.reply_key for r in rows["comparisons"] if not ids & set(r.video_ids)]
    old = Journal(Store(str(done.before.root / "journal")))
    journal = Journal(Store(str(folder.root / "journal")))
    bodies = {key: old.get(key).body for key in others}
    assert {key: journal.get(key).body for key in others} == bodies
    assert len(bodies) == 19
    marked = [
        json.loads(path.read_text())["keys"] for path in (folder.root / "journal/aside").iterdir()
    ]
    assert [len(keys) for keys in marked] == [1]  # the other clip's mark stands


def test_a_shared_journal_is_cleaned_too_and_said_so(tmp_path, capsys) -> None:
    shared = tmp_path / "paid"
    layout, rows = make_folder(tmp_path / "out", journal=str(shared))
    gone = withdraw(layout.root, Asked(names=[rows["videos"][0].video_id]))
    assert f"journal {shared}: other runs may use it" in capsys.readouterr().out
    assert gone.replies == 9
    held = everything(shared)
    assert not [p for p, data in held.items() for name in names_of(rows) if name in data]


def test_what_the_record_says_afterwards(done) -> None:
    folder = done.layout
    before = json.loads(done.before.run.read_text())
    record = json.loads(folder.run.read_text())
    assert record["withdrawn"] == {"clips": 2, "versions_before": [before["dataset_version"]]}
    assert record["dataset_version"] != before["dataset_version"]
    assert record["tables"]["videos"] == 5
    assert record["tables"]["comparisons"] == 3
    for book in record["books"].values():
        counts = [book[name] for name in ("written", "failed", "filtered", "upstream")]
        assert book["owed"] == sum(counts)
        assert min(counts) >= 0
    assert record["notes"] == ["what was left out"]
    assert record["spend"] == before["spend"]
    assert "withdrawn" in json.loads((folder.root / NAME).read_text())
    mark = json.loads((folder.work / "done" / "annotate-00000.json").read_text())
    # 42 owed to 7 clips, 6 each: 30 without two; clip 0's 6 rows are gone, and 6 are owed to clip 5
    assert mark["fingerprint"] == "f"
    counts = [mark["note"][0][name] for name in ("owed", "written", "upstream")]
    assert counts == [30, 24, 6]
    assert not (folder.work / PENDING).exists()
    assert not (folder.work / "record.json").exists()


def test_a_dry_run_counts_and_touches_nothing(folder, rows, capsys) -> None:
    before = everything(folder.root)
    assert main(["withdraw", str(folder.root), rows["videos"][0].video_id, "--dry-run"]) == 0
    said = capsys.readouterr().out
    for line in ("2 rows of videos", "6 rows of annotations", "4 rows of comparisons",
                 "1 files of the media store", "9 paid replies"):  # fmt: skip
        assert line in said
    after = everything(folder.root)
    after.pop("work/lock", None), before.pop("work/lock", None)
    assert after == before


@pytest.mark.parametrize("way", ["path", "uri", "bytes", "content", "prompt"])
def test_a_clip_can_be_named_in_several_ways(made, rows, tmp_path, way) -> None:
    folder, video = made[0], rows["videos"][2]
    file = tmp_path / "clip.mp4"
    file.write_bytes(folder.media.get(blob_name(video.sha256, ".mp4")) or b"")
    names = {
        "path": f"/clips/{video.video_id}.mp4",
        "uri": video.uri,
        "bytes": str(file),
        "content": video.sha256,
    }
    prompts = [video.prompt_id] if way == "prompt" else []
    found = sought(folder, [names[way]] if way in names else [], prompts)
    expected = {video.video_id} | ({rows["videos"][3].video_id} if prompts else set())
    assert found.video_ids == expected
    assert video.sha256 in found.contents


def test_an_unknown_clip_is_refused_with_those_near_it(folder, rows, capsys) -> None:
    wrong = rows["videos"][2].video_id[:-1] + "x"
    assert main(["withdraw", str(folder.root), wrong]) == 2
    said = capsys.readouterr().err
    assert rows["videos"][2].video_id in said
    assert "Nothing was withdrawn" in said
    assert not (folder.root / NAME).exists()
    assert folder.run.exists()
    assert main(["withdraw", str(folder.root / "tables")]) == 2
    assert main(["withdraw", str(folder.root)]) == 2  # nothing named, nothing withdrawn before


def test_a_folder_in_use_is_refused(folder, rows) -> None:
    from pipeline.state import locked

    with locked(folder), pytest.raises(SetupError, match="working in this folder"):
        withdraw(folder.root, Asked(names=[rows["videos"][0].video_id]))


def test_a_second_time_finds_nothing_and_a_second_clip_goes_too(folder, rows) -> None:
    asked = Asked(names=[rows["videos"][0].video_id])
    withdraw(folder.root, asked)
    record = folder.run.read_text()
    assert not withdraw(folder.root, asked).found
    assert folder.run.read_text() == record
    (folder.root / "list.txt").write_text(f"\n{rows['videos'][2].video_id}\n")
    listed = ["--file", str(folder.root / "list.txt"), "--date", "2026-01-02"]
    assert main(["withdraw", str(folder.root), *listed]) == 0
    entries = withdrawn(folder).entries
    assert {entry.date for entry in entries} == {None, "2026-01-02"}
    assert len(withdrawn(folder).versions) == 2
    assert [v["video_id"] for v in rows_of(folder, "videos")] == sorted(
        v.video_id for v in (rows["videos"][i] for i in (1, 3, 4, 5))
    )


STEPS = ["_take_rows", "take_replies", "take_media", "take_frames", "_mark", "_make_again"]
QUICK = {("_take_rows", "after"), ("take_replies", "after"), ("_make_again", "after")}


@pytest.mark.parametrize(
    ("step", "when"),
    [
        pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
        for case in itertools.product(STEPS, ["before", "after"])
    ],
)
def test_interrupted_anywhere_it_ends_the_next_time(folder, rows, monkeypatch, step, when) -> None:
    real = getattr(command, step)

    def cut(*args: Any, **named: Any) -> Any:
        if when == "after":
            real(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(command, step, cut)
        with pytest.raises(KeyboardInterrupt):
            withdraw(folder.root, Asked(names=[rows["videos"][0].video_id]))
    assert (folder.root / NAME).is_file()
    assert (folder.work / PENDING).is_file()
    if (step, when) != ("_make_again", "after"):
        assert not folder.run.exists()
    with pytest.raises(SetupError, match="withdrawal was interrupted"):
        refuse_pending(folder)
    withdraw(folder.root, Asked())
    assert list(found_in(folder, names_of(rows))) == [NAME]
    assert folder.run.is_file()
    record = json.loads(folder.run.read_text())
    assert len(record["withdrawn"]["versions_before"]) == 1
    assert record["tables"]["videos"] == 5


def test_a_kill_between_two_packs_loses_no_other_reply(folder, rows, monkeypatch) -> None:
    """The new pack is there and the old one still is: the second call ends with the new one alone."""
    real = Store.delete
    packs = folder.root / "journal" / "packs"
    (old,) = packs.iterdir()

    def cut(self: Store, name: str) -> None:
        if name.startswith("packs/"):
            raise KeyboardInterrupt
        real(self, name)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "delete", cut)
        with pytest.raises(KeyboardInterrupt):
            withdraw(folder.root, Asked(names=[rows["videos"][0].video_id]))
    assert old.exists()
    assert len(list(packs.iterdir())) == 2
    withdraw(folder.root, Asked())
    assert not old.exists()
    assert len(list(packs.iterdir())) == 1
    kept = [r.reply_key for r in rows["annotations"] if r.video_id == rows["videos"][2].video_id]
    journal = Journal(Store(str(folder.root / "journal")))
    assert all(journal.get(key) for key in kept if key)


def test_a_folder_that_is_not_complete_loses_the_clip_as_well(folder, rows) -> None:
    """Only waves are there: no record, no published tables."""
    shutil.rmtree(folder.root / "tables")
    folder.run.unlink()
    withdraw(folder.root, Asked(names=[rows["videos"][0].video_id]))
    assert list(found_in(folder, names_of(rows))) == [NAME]
    assert not folder.run.exists()


def test_a_reply_about_a_clip_with_the_same_pictures_stays() -> None:
    """All pictures of the withdrawn clip are another's, too: its reply, under the same key, is kept;
    a lineup that shows both clips goes."""
    facts = Facts(
        ids=frozenset("a"), contents=frozenset(), pictures=frozenset("12"), kept=frozenset("k")
    )
    assert not facts.shown("k", {"frames": ["1", "2"]})
    assert facts.shown("other", {"frames": ["1", "2"]})  # no row of the other clip has it
    assert not facts.shown("x", {"frames": ["1", "3"]})  # another clip that begins alike
    lineup = {"frames": ["3", "1", "1", "2"], "captions": [["A", 2], ["B", 2]]}
    assert facts.shown("x", lineup)
    assert not facts.shown("x", {"frames": [], "captions": []})


def test_nothing_but_what_is_wanted_leaves_a_journal(folder, rows) -> None:
    store = Store(str(folder.root / "journal"))
    before = {name: store.get(name) for name in store.names()}
    found = removal.remove(store, lambda key, request: False)
    assert (found.loose, found.packed, found.marks) == (0, 0, 0)
    dry = removal.remove(store, lambda key, request: True, dry=True)
    # 20 of the judge's annotations, 7 comparisons, 2 others
    assert dry.loose + dry.packed == 29
    assert {name: store.get(name) for name in store.names()} == before
    removal.remove(store, lambda key, request: True)
    assert list(store.names()) == []


def test_every_published_table_names_clips_in_columns_that_are_known() -> None:
    """A new table, or column, with ids of clips must be thought of here."""
    from pipeline.dataset.withdraw.rows import ONE, SEVERAL

    ways = {*ONE, SEVERAL}
    for name, (record, _) in TABLES.items():
        fields = {f.name for f in dataclasses.fields(record) if "video" in f.name}
        assert fields <= ways, name


def test_a_batch_that_is_not_read_yet_keeps_the_others_requests(tmp_path: Path) -> None:
    """Its output keeps as many lines as the server counts: one that named the clip names nothing."""
    layout = Layout(tmp_path)
    shard = layout.work / "annotators" / "batch" / "0123456789abcdef" / "000001"
    shard.mkdir(parents=True)
    asked = [{"key": k, "request": {"frames": [f]}} for k, f in (("k1", "own"), ("k2", "other"))]
    (shard / TICKETS).write_text("".join(json.dumps(one) + "\n" for one in asked))
    replies = [
        json.dumps({"custom_id": key, "response": {"status_code": 200, "body": {}}})
        for key in ("k1", "k2")
    ]
    (shard / OUTPUT).write_text("\n".join(replies) + "\n")
    facts = Facts(ids=frozenset("a"), contents=frozenset(), alone=frozenset({"own"}))
    gone = Gone()
    take_batches(layout, facts, gone, dry=True)
    assert len((shard / TICKETS).read_text().splitlines()) == 2
    take_batches(layout, facts, gone, dry=False)
    assert [json.loads(line)["key"] for line in (shard / TICKETS).read_text().splitlines()] == [
        "k2"
    ]
    assert (shard / OUTPUT).read_text().splitlines() == ['{"custom_id":""}', replies[1]]
    (first, second) = read_lines(shard / OUTPUT)
    assert first is not None
    assert first.custom_id == ""  # counted as a line that names no request
    assert second is not None
    assert second.custom_id == "k2"
