"""Merging small datasets: what is in the output, that it is whole, and what others can do with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from merge_folders import BOAT, DOG, KITE, clip, picture, preferences, record_of, rows, write_run

from annotators.journal import Journal, Request
from pipeline.dataset.merge import write
from pipeline.dataset.merge.files import bring, bring_notes
from pipeline.dataset.merge.merge import _check_empty, merge, plan_merge
from pipeline.dataset.merge.replies import bring_journals, take_out_withdrawn
from pipeline.dataset.version import dataset_version
from pipeline.dataset.withdrawn import Withdrawal, Withdrawn, withdrawn, write_withdrawn
from pipeline.sources.run import RunSource
from pipeline.verbs import merge as verb
from schemas import OVERALL, Annotation, FrameSet, HumanRating, Prompt, Score, Settings, Video
from schemas.ids import pair_id, prompt_id, sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store, blob_name

ONE, TWO = "first", "second"
A, B, C = "ga", "gb", "gc"


def merged(tmp_path: Path, *names: str, out: str = "both", **options: Any) -> Path:
    output = tmp_path / out
    folders = [tmp_path / name for name in names or (ONE, TWO)]
    how = {"say": lambda _: None}
    merge(plan_merge(folders, output, **options, **how), output, **how)
    return output


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs and what they come to: the second judges the kites again by another judge, and has a
    third kite, a boat, and another split for the dogs."""
    root = tmp_path_factory.mktemp("merge")
    write_run(
        root / ONE,
        {KITE: "train", DOG: "test"},
        {"j1": {(KITE, A): 4, (KITE, B): 2, (DOG, A): 3, (DOG, B): 5}},
        ratings=[(KITE, A, "ann", 5), (KITE, B, "ann", 1), (DOG, A, "ann", 2), (DOG, B, "ann", 4)],
        config={"preferences": {"tie_margin": 0.5}},
    )
    write_run(
        root / TWO,
        {KITE: "validation", DOG: "train", BOAT: "validation"},
        {"j2": {(KITE, A): 1, (KITE, B): 5, (DOG, A): 2, (DOG, B): 4, (BOAT, A): 2, (BOAT, B): 2}},
        ratings=[(KITE, A, "bob", 4), (KITE, B, "bob", 2), (BOAT, A, "bob", 3)],
        record={"spend": {"usd": 0.5, "requests": 1, "input_tokens": 1, "output_tokens": 1}},
    )
    journal = root / TWO / "journal" / "ab"
    journal.mkdir(parents=True)
    (journal / f"{'ab' * 32}.json").write_text("{}")
    merged(root)
    return root


def _without_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Card and report take most of the time, and one test has them."""
    for name in ("describe", "write_report", "audit_merged"):
        monkeypatch.setattr(f"pipeline.dataset.merge.merge.{name}", lambda *_: None)


def test_other_judges_of_the_same_clips(world: Path) -> None:
    """The consensus of a kite is the mean of both judges: ga (4 + 1) / 2 = 2.5, gb (2 + 5) / 2 = 3.5."""
    scores = {
        (s.video_id, s.annotator_id): s.mean
        for s in rows(world / "both", Score)
        if s.dimension == "quality"
    }
    assert scores[clip(KITE, A), "consensus"] == 2.5
    assert scores[clip(KITE, B), "consensus"] == 3.5
    assert scores[clip(BOAT, A), "consensus"] == 2
    found = preferences(world / "both")
    pair = found[pair_id(clip(KITE, A), clip(KITE, B), "quality")]
    winner = pair.video_a if pair.label == "a" else pair.video_b
    assert (winner, abs(pair.margin)) == (clip(KITE, B), 1.0)
    # the first run's tie_margin of 0.5 holds for the boats of the second
    assert found[pair_id(clip(BOAT, A), clip(BOAT, B), OVERALL)].label == "tie"


def test_splits_of_the_first_run_stay_and_those_of_the_second_hold_for_its_own(world: Path) -> None:
    split = {p.text: p.split for p in rows(world / "both", Prompt)}
    assert split == {KITE: "train", DOG: "test", BOAT: "validation"}
    found = preferences(world / "both")
    assert {p.split for p in found.values() if p.prompt == DOG} == {"test"}


def test_every_row_is_accounted_for(world: Path) -> None:
    record = record_of(world / "both")
    first, second = record["merged_from"]
    assert (first["name"], first["run_id"]) == (ONE, "run-first")
    assert first["dataset_version"] == dataset_version(Layout(world / ONE))
    assert second["rows"]["annotations"] == second["added"]["annotations"] == 6
    assert (second["rows"]["videos"], second["added"]["videos"]) == (6, 2)
    assert second["same"]["videos"] == 4
    assert record["tables"]["annotations"] == 4 + 6
    assert record["tables"]["human_ratings"] == 4 + 3
    for table, book in record["books"].items():
        parts = (book["written"], book["filtered"], book["upstream"])
        assert book["owed"] == sum(parts), table
    assert record["dataset_version"] == dataset_version(Layout(world / "both"))


def test_cost_and_judges_of_both(world: Path) -> None:
    record = record_of(world / "both")
    assert record["spend"]["usd"] == 1.75
    assert record["spend"]["requests"] == 3
    assert [a["annotator_id"] for a in record["annotators"]] == ["j1", "j2"]


def test_the_folder_is_whole(world: Path) -> None:
    """Clips, pictures and replies are there, the audit is of both, and card and pages tell of it."""
    root = world / "both"
    for video in rows(root, Video):
        assert sha256_hex((root / video.uri).read_bytes()) == video.sha256
    for frames in rows(root, FrameSet):
        assert (root / "frames" / blob_name(frames.jpeg_sha256[0], ".jpg")).is_file()
    assert (root / "journal" / "ab" / f"{'ab' * 32}.json").read_text() == "{}"
    audited = {
        (r["annotator"], r["dimension"]) for r in json.loads((root / "audit.json").read_text())
    }
    assert {("j1", "quality"), ("j2", "quality"), ("consensus", "quality")} <= audited
    assert {r.rater for r in rows(root, HumanRating)} == {"ann", "bob"}
    for name in ("README.md", "judges.json", "report/index.html", "splits.json"):
        assert (root / name).is_file(), name
    assert not (root / "work" / "merge.json").exists()


def test_merged_with_itself_it_is_the_same_dataset(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also what was merged before, merged again with a part of it."""
    _without_pages(monkeypatch)
    merged(world, "both", ONE, out="again")
    assert dataset_version(Layout(world / "again")) == dataset_version(Layout(world / "both"))
    second = record_of(world / "again")["merged_from"][1]
    assert set(second["added"].values()) == {0}
    assert record_of(world / "again")["merged_from"][0]["merged_from"][1]["name"] == TWO


def test_a_merged_folder_is_a_source(world: Path) -> None:
    found = RunSource(path=str(world / "both")).read()
    assert {c.video_id for c in found.clips} == {
        clip(p, g) for p in (KITE, DOG, BOAT) for g in (A, B)
    }
    assert found.settled == {
        prompt_id(KITE): "train",
        prompt_id(DOG): "test",
        prompt_id(BOAT): "validation",
    }


def test_an_interrupted_merge_starts_over(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the tables: there is no run.json, and the same command makes the same dataset."""

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    out = world / "killed"
    with monkeypatch.context() as patched:
        patched.setattr("pipeline.dataset.merge.merge.write_judges", killed)
        patched.setattr("pipeline.dataset.merge.merge.audit_merged", lambda *_: None)
        arguments = [str(world / ONE), str(world / TWO), "--output", str(out)]
        assert verb(arguments) == 3
    assert (out / "tables" / "annotations").is_dir()
    assert not (out / "run.json").exists()
    (out / "media" / "left.mp4").write_bytes(b"of another merge")
    _without_pages(monkeypatch)
    assert verb(arguments) == 0
    assert dataset_version(Layout(out)) == dataset_version(Layout(world / "both"))
    assert not (out / "media" / "left.mp4").exists()
    assert verb(arguments) == 2  # it holds a dataset now


def test_withdrawn_clips_do_not_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One by its id, and one by its content, which the other run has under another id."""
    _without_pages(monkeypatch)
    said = {"j1": {(KITE, A): 4, (KITE, B): 2, (KITE, C): 3}}
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, B): 2, (KITE, C): 3}})
    gone = (
        Withdrawal(video_ids=(clip(KITE, A),)),
        Withdrawal(video_ids=("elsewhere",), sha256=sha256_hex(f"{DOG}\n{B}".encode())),
    )
    write_withdrawn(Layout(tmp_path / ONE), Withdrawn(entries=gone))
    dogs = {(DOG, A): 1, (DOG, B): 2, (DOG, C): 3}
    write_run(
        tmp_path / TWO,
        {KITE: "train", DOG: "train"},
        {"j1": {**said["j1"], **dogs}},
        ratings=[(KITE, A, "ann", 3), (DOG, A, "ann", 3)],
    )
    out = merged(tmp_path)
    kept = {clip(KITE, B), clip(KITE, C), clip(DOG, A), clip(DOG, C)}
    assert {v.video_id for v in rows(out, Video)} == kept
    assert {a.video_id for a in rows(out, Annotation)} == kept
    assert {r.video_id for r in rows(out, HumanRating)} == {clip(DOG, A)}
    assert not (out / "media" / blob_name(sha256_hex(f"{KITE}\n{A}".encode()), ".mp4")).exists()
    assert withdrawn(Layout(out)).entries == withdrawn(Layout(tmp_path / ONE)).entries
    left_out = record_of(out)["merged_from"][1]["left_out"]
    assert left_out["annotations"] == {"of a clip that was withdrawn": 2}


def test_replies_about_withdrawn_clips_do_not_come_back_either(tmp_path: Path) -> None:
    """Of three replies of the second run one is named by a row of the withdrawn clip, one was shown its
    frame beside another's; the third stays, and so does the note on the clip that was generated."""
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, B): 2, (KITE, C): 3}})
    gone = Withdrawn(entries=(Withdrawal(video_ids=(clip(KITE, A),)),))
    write_withdrawn(Layout(tmp_path / ONE), gone)
    frames = {name: sha256_hex(picture(clip(KITE, name), "uniform-1")) for name in (A, B)}
    journal = Journal(Store(str(tmp_path / TWO / "journal")))
    named, shown, stays = (
        journal.put(_request(draw, shown), "{}").key
        for draw, shown in enumerate([("f" * 64,), (frames[B], frames[A]), (frames[B],)])
    )
    write_run(
        tmp_path / TWO,
        {KITE: "train"},
        {"j2": {(KITE, A): 4, (KITE, B): 1}},
        row={"reply_key": named},
    )
    for name in (A, B):
        note = {"name": "x.mp4", "sha256": sha256_hex(f"{KITE}\n{name}".encode())}
        Layout(tmp_path / TWO).generated.put(f"clips/ab/{name}.json", json.dumps(note).encode())
    out = tmp_path / "both"
    plan = plan_merge([tmp_path / ONE, tmp_path / TWO], out, say=lambda _: None)
    layout = Layout(out)
    bring_journals(plan.sources, layout, link=True)
    bring_notes(plan.sources, plan.chosen, layout, link=True)
    assert take_out_withdrawn(plan.sources, plan.chosen, layout) == 2
    kept = Journal(Store(str(out / "journal")))
    assert [kept.known(key) for key in (named, shown, stays)] == [False, False, True]
    assert journal.known(named)  # the runs are only read
    assert list(layout.generated.names()) == [f"clips/ab/{B}.json"]


def _request(draw: int, frames: tuple[str, ...]) -> Request:
    return Request(
        kind="openai", model="m", rubric="r", rubric_version=1, system="", user="", reply_format="json",
        reply_schema={}, frames=frames, settings=Settings(), draw=draw,
    )  # fmt: skip


def test_links_and_copies(tmp_path: Path) -> None:
    """A link is the same file; a copy is not, and holds the same. What is gone is told."""
    source, target = tmp_path / "source", tmp_path / "made" / "target"
    source.write_bytes(b"clip")
    assert bring(source, target, link=True)
    assert target.samefile(source)
    copied = tmp_path / "made" / "copied"
    assert bring(source, copied, link=False)
    assert not copied.samefile(source)
    assert copied.read_bytes() == b"clip"
    assert not bring(tmp_path / "gone", tmp_path / "made" / "other", link=False)
    assert not bring(tmp_path / "gone", tmp_path / "made" / "other", link=True)
    assert sorted(p.name for p in (tmp_path / "made").iterdir()) == ["copied", "target"]


def test_folders_that_cannot_be_merged(tmp_path: Path) -> None:
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, A): 4, (KITE, B): 2}})

    def refusal(*folders: Path, output: Path = tmp_path / "out", **options: Any) -> str:
        with pytest.raises(SetupError) as caught:
            plan_merge(folders, output, say=lambda _: None, **options)
        return str(caught.value)

    one, absent = tmp_path / ONE, tmp_path / "absent"
    assert "name two or more" in refusal(one)
    assert "no such folder" in refusal(one, absent)
    assert "is one of the runs" in refusal(one, one, output=one)
    assert "name a folder apart" in refusal(one, one, output=one / "within")
    assert "consensus.method" in refusal(one, one, settings=["consensus.method=guess"])
    assert "a merge has the blocks" in refusal(one, one, settings=["sources=[]"])
    newer = {**record_of(one), "schema_version": 99}
    (one / "run.json").write_text(json.dumps(newer))
    assert "update videoprefer" in refusal(one, one)
    (one / "run.json").unlink()
    assert "not a complete run" in refusal(one, one)


def test_a_lost_row_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is read back: where a row is lost on the way the merge is not complete."""
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, A): 4, (KITE, B): 2}})
    write_run(tmp_path / TWO, {DOG: "train"}, {"j1": {(DOG, A): 4, (DOG, B): 2}})

    whole = write.chosen_batches

    def without_last(source: Any, table: str, *rest: Any) -> Any:
        for batch in whole(source, table, *rest):
            yield batch.slice(0, len(batch) - 1) if table == "annotations" else batch

    monkeypatch.setattr(write, "chosen_batches", without_last)
    arguments = [str(tmp_path / ONE), str(tmp_path / TWO), "--output", str(tmp_path / "out")]
    assert verb(arguments) == 1
    assert not (tmp_path / "out" / "run.json").exists()


def test_an_output_that_holds_something_else(tmp_path: Path) -> None:
    """Whatever it is, it stays; a folder that was only claimed is begun anew."""
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, A): 4, (KITE, B): 2}})
    out = tmp_path / "out"
    (out / "work").mkdir(parents=True)
    (out / "work" / "lock").touch()
    _check_empty(Layout(out))
    (out / "work" / "config.json").write_text("{}")  # of a run that was interrupted
    with pytest.raises(SetupError, match="holds something else"):
        _check_empty(Layout(out))
    (out / "work" / "config.json").unlink()
    (out / "thesis.txt").write_text("mine")
    arguments = [str(tmp_path / ONE)] * 2 + ["--output", str(out)]
    assert verb(arguments) == 2
    assert (out / "thesis.txt").read_text() == "mine"


def test_dry_run_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(tmp_path / ONE, {KITE: "train"}, {"j1": {(KITE, A): 4, (KITE, B): 2}})
    arguments = [str(tmp_path / ONE)] * 2 + ["--output", str(tmp_path / "out"), "--dry-run"]
    assert verb(arguments) == 0
    assert "annotations: 2 rows, 0 added; 2 the same" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()
    assert prompt_id(KITE) in {p.prompt_id for p in rows(tmp_path / ONE, Prompt)}
