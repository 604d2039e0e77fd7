"""The room where a dataset becomes an export: what is refused, said, placed, checked and left behind."""

import dataclasses
import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from export_folder import DOG, JUDGED, KITE, content, write_dataset

from pipeline.__main__ import main
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import facts_of, read_people
from pipeline.export import export as room
from pipeline.export.material import open_material
from pipeline.formats.finder import ClipFinder
from pipeline.formats.writers import WRITERS
from pipeline.formats.writing import Choice, ExportError, Plan
from schemas import Annotation
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import to_table


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset") / "mine")


def run(root: Path, output: Path | None, name: str = "videoalign", **given: Any) -> room.Exported:
    choice = given.pop("choice", Choice())
    return room.export(root, name, output, choice, say=lambda text: None, **given)


def test_the_record_beside_an_export(dataset: Path, tmp_path: Path) -> None:
    exported = run(dataset, tmp_path / "out", choice=Choice(splits=("train",)))
    held = json.loads((tmp_path / "out/export.json").read_text())
    assert held == exported.record
    assert held["format"] == "videoalign"
    assert held["source"] == {
        "name": "made",
        "run_id": "r1",
        "dataset_version": "0123456789abcdef",
        "schema_version": 2,
        "simulated": False,
    }
    assert held["choice"]["splits"] == ["train"]
    assert held["rows"] == {"train.csv": 3}  # of three clips
    assert held["sha256"] == {"train.csv": sha256_hex((tmp_path / "out/train.csv").read_bytes())}
    assert held["media"] == {"files": 3, "bytes": 3 * len(content("k1"))}
    assert held["clips"][0] == {
        "generator": "m1",
        "licence": "CC-BY-4.0",
        "terms": "terms of m1",
        "clips": 1,
    }
    assert held["prompts"] == [{"source": "made", "licence": "CC0-1.0", "prompts": 1}]
    assert held["checked"]["rows were read back as planned"] == 3
    assert held["left_out"] == {
        "labels of MQ are 'invalid': the pair has none of that dimension": 3
    }


def test_the_same_dataset_gives_the_same_bytes(dataset: Path, tmp_path: Path) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        found = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}

    for name in ("one", "two"):
        run(dataset, tmp_path / name)
    assert files(tmp_path / "one") == files(tmp_path / "two")
    assert files(tmp_path / "one")["videos/k3.mp4"] == content("k3")


def test_clips_are_copied_or_linked(dataset: Path, tmp_path: Path) -> None:
    clip = dataset / open_material(dataset).videos["k1"].uri
    for media, shared in (("copy", False), ("link", True)):
        run(dataset, tmp_path / media, choice=Choice(media=media))  # type: ignore[arg-type]
        assert os.path.samefile(clip, tmp_path / media / "videos/k1.mp4") is shared


def test_a_file_system_without_links_gets_copies(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(source: Any, target: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    run(dataset, tmp_path / "out", choice=Choice(media="link"))
    assert (tmp_path / "out/videos/k1.mp4").read_bytes() == content("k1")


def test_a_dry_run_says_and_writes_nothing(dataset: Path, tmp_path: Path) -> None:
    said: list[str] = []
    given: dict[str, Any] = {"dry_run": True, "say": said.append}
    exported = room.export(dataset, "videodpo", tmp_path / "out", Choice(), **given)
    assert exported.rows == {"train/metadata.json": 3, "train/pair.json": 3}
    assert not exported.written
    assert list(tmp_path.iterdir()) == []
    assert "left out: 1 pairs are ties, which the format cannot say" in said
    assert "  media: 3 files, 0.0 MB, copied" in said


def test_what_cannot_be_exported_is_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no such format; there are: videoalign"):
        run(dataset, tmp_path / "out", "csv")
    with pytest.raises(SetupError, match="is not a complete run"):
        run(tmp_path, tmp_path / "out")
    # the only pair of this split is a tie
    with pytest.raises(SetupError, match=r"nothing of it .* videodpo: 1 pairs are ties"):
        run(dataset, tmp_path / "out", "videodpo", choice=Choice(splits=("test",)))
    for inside in (dataset, dataset / "out", dataset.parent):
        with pytest.raises(SetupError, match="own folder"):
            run(dataset, inside)
    assert list(tmp_path.iterdir()) == []


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data")
    shutil.rmtree(Layout(root).table("scores"))
    with pytest.raises(SetupError, match=r"scores.*holds no Parquet"):
        open_material(root)


def test_an_earlier_export_is_replaced_only_where_asked(dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run(dataset, out)
    with pytest.raises(SetupError, match="--replace"):
        run(dataset, out)
    exported = run(dataset, out, replace=True, choice=Choice(splits=("test",)))
    assert not (out / "train.csv").exists()
    assert exported.rows == {"test.csv": 1}
    with pytest.raises(SetupError, match="another export"):
        run(dataset, out, "videodpo", replace=True)
    other = write_dataset(tmp_path / "other", record={"run_id": "r2"})
    with pytest.raises(SetupError, match="another export"):
        run(other, out, replace=True)
    nameless = write_dataset(tmp_path / "nameless", record={"run_id": None, "name": None})
    run(nameless, tmp_path / "two")
    with pytest.raises(SetupError, match="another export"):  # nothing says that it is the same
        run(nameless, tmp_path / "two", replace=True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").write_text("dear")
    with pytest.raises(SetupError, match="no export"):
        run(dataset, tmp_path / "mine", replace=True)
    assert sorted(path.name for path in out.iterdir()) == ["export.json", "test.csv", "videos"]


def test_a_clip_that_is_gone_or_elsewhere_is_told(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data", videos={"k1": {"uri": "gs://bucket/k1.mp4"}})
    (root / open_material(root).videos["d1"].uri).unlink()
    material = open_material(root)
    assert set(material.absent) == {"d1", "k1"}
    exported = run(root, tmp_path / "out", "genai_bench")
    assert exported.record["left_out"] == {
        # k1 against k2 and k3; d1 against d2
        "pairs hold a clip that cannot be placed: the clip lies in an object store": 2,
        "pairs hold a clip that cannot be placed: the clip's file is gone": 1,
    }
    assert exported.rows == {"train.json": 1}


def test_a_damaged_clip_ends_the_export_and_nothing_is_left(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data")
    (root / open_material(root).videos["k2"].uri).write_bytes(b"clip k9")
    with pytest.raises(ExportError, match=r"SHA-256 .* clip 'k2'"):
        run(root, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_writer_that_writes_something_else_is_found_out(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(dataset, tmp_path / "out")
    before = (tmp_path / "out/train.csv").read_bytes()
    right = WRITERS["videoalign"]

    def swapped(plan: Plan, folder: Path) -> None:
        rows = [{**row, "VQ": {"A": "B", "B": "A"}[row["VQ"]]} for row in plan.files["train.csv"]]
        right.write(dataclasses.replace(plan, files={**plan.files, "train.csv": rows}), folder)

    def shorter(plan: Plan, folder: Path) -> None:
        rows = plan.files["train.csv"][:-1]
        right.write(dataclasses.replace(plan, files={**plan.files, "train.csv": rows}), folder)

    wrong: list[tuple[Callable[[Plan, Path], None], str]] = [
        (swapped, "row 1, VQ: 'B' was written, 'A' is read back"),
        (shorter, "2 rows are read back, 3 were written"),
    ]
    for write, said in wrong:
        monkeypatch.setitem(WRITERS, "videoalign", dataclasses.replace(right, write=write))
        with pytest.raises(ExportError, match=said):
            run(dataset, tmp_path / "out", replace=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/train.csv").read_bytes() == before


def test_one_content_under_two_prompts_is_two_files(tmp_path: Path) -> None:
    same = {"sha256": sha256_hex(content("k1"))}
    root = write_dataset(tmp_path / "data", videos={"d1": same})
    (root / open_material(root).videos["d1"].uri).write_bytes(content("k1"))
    run(root, tmp_path / "out", "videogen_rewardbench")
    for name in ("k1", "d1"):  # a path has one prompt there: by it a clip is scored once
        assert (tmp_path / f"out/videos/{name}.mp4").read_bytes() == content("k1")


def test_a_full_disk_is_told_before(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=34))
    with pytest.raises(SetupError, match="make room"):  # five clips of seven bytes
        run(dataset, tmp_path / "out")
    run(dataset, tmp_path / "out", choice=Choice(media="link"))  # links take none


# material


def test_material_is_sorted_and_says_what_no_format_can_take(tmp_path: Path) -> None:
    judged = {"z": (KITE, "m1", (1.0, 1.0)), **JUDGED, "y": (DOG, "m3", (2.0, 2.0))}
    root = write_dataset(
        tmp_path / "data",
        judged,
        videos={
            "k2": {"sha256": sha256_hex(content("k1"))},  # the same file as k1
            "y": {"prompt": DOG + " "},  # the same prompt_id, other bytes
        },
    )
    material = open_material(root)
    assert list(material.videos) == sorted(judged)
    ids = [preference.pair_id for preference in material.preferences]
    assert ids == sorted(ids)
    assert material.left_out == {
        # k1 and k2, three dimensions; y against d1 and d2, three dimensions each
        "preferences (of all dimensions) hold two clips of the same content": 3,
        "preferences (of all dimensions) hold clips whose prompts are not the same, byte for byte": 6,
    }
    # train: 4 clips, 6 pairs less one; test: d1 against d2
    assert len(material.preferences) == 3 * (5 + 1)
    assert material.scales == dict.fromkeys(
        ("prompt_following", "video_quality", "overall"), (1, 5)
    )
    assert material.scores["k1", "overall"].mean == 3.5
    assert material.splits == {"p0": "train", "p1": "test"}
    assert material.rationales["k1", "video_quality"] == "k1: video_quality"
    assert len(material.rationales) == 2 * len(judged)
    assert len(open_material(root, ("test",)).preferences) == 3
    exported = run(root, None, "genai_bench")
    assert exported.rows == {"train.json": 5, "test.json": 1}


def test_two_scales_of_one_dimension_are_refused(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "data")
    file = Layout(root).table("annotations") / "part-00000-of-00001.parquet"
    one = pq.read_table(file).to_pylist()[0] | {"scale_high": 7.0, "draw": 1}
    rows = to_table(Annotation, [Annotation(**one)])
    pq.write_table(rows, file.with_name("part-00001.parquet"))
    with pytest.raises(SetupError, match="scales"):
        open_material(root)


# the verb


def test_the_verb(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(dataset), "--format", "videoalign", "--dry-run"]) == 0
    assert "dry run: nothing was written" in capsys.readouterr().out
    out = ["--output", str(tmp_path / "out")]
    options = ["--split", "test", "--dimension", "MQ=overall", "--link", *out]
    assert main(["export", str(dataset), "--format", "videoalign", *options]) == 0
    said = capsys.readouterr().out
    assert "MQ is our overall" in said
    assert "rows were read back as planned" in said
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "export.json",
        "test.csv",
        "videos",
    ]
    for wrong in (
        ["--format", "videoalign"],  # no OUT
        ["--format", "nothing", *out],
        ["--format", "videoalign", "--dimension", "VQ", *out],
        ["--format", "videoalign", "--dimension", "VQ=overall", "--dimension", "VQ=overall", *out],
        ["--format", "videoalign", *out],  # is there
    ):
        assert main(["export", str(dataset), *wrong]) == 2
        assert "refused: --" in capsys.readouterr().err.replace(
            "give the dataset's folder and ", ""
        )
    clip = dataset / open_material(dataset).videos["k1"].uri
    clip.write_bytes(b"clip k9")
    try:
        options = ["--format", "videoalign", "--output", str(tmp_path / "damaged")]
        assert main(["export", str(dataset), *options]) == 1
        assert "nothing was left behind" in capsys.readouterr().out
    finally:
        clip.write_bytes(content("k1"))


def test_every_format_says_what_it_is_and_what_it_cannot(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["export", "--format", "list"]) == 0
    listed = capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["export", "--help"])
    assert listed.strip() in capsys.readouterr().out
    for name, writer in WRITERS.items():
        assert f"  {name}: " in listed
        assert writer.what
        assert writer.loader


# splits and people


def test_a_clip_in_no_pair_does_not_slip_into_a_split_that_it_is_kept_out_of(
    tmp_path: Path,
) -> None:
    """Prompts without a pair have no pairs to tell the splits of their clips: the rule does."""
    judged = {
        "k1": (KITE, "m1", (3.0, 4.0)),  # with k2 held out, no pair of this prompt is left
        "k2": (KITE, "held", (3.0, 2.0)),
        "d1": (DOG, "held", (4.0, 2.0)),
        "d2": (DOG, "m1", (1.0, 5.0)),
        "s1": ("the sea", "m1", (2.0, 2.0)),  # of the content of d1, as it were
    }
    root = write_dataset(
        tmp_path / "data", judged, splits={KITE: "train", DOG: "test", "the sea": "train"}
    )
    for name in ("train", "test"):
        file = Layout(root).table("preferences", name) / "part-00000-of-00001.parquet"
        pq.write_table(pq.read_table(file).slice(0, 0), file)
    rule = {"near_duplicates": 0.85, "held_out_generators": ["held"], "left_out": {}}
    decided = {"format": 1, **rule, "unpaired": ["s1"]}
    (root / "splits.json").write_text(json.dumps(decided))
    run(root, tmp_path / "out", "t2vqa")
    assert (tmp_path / "out/train.txt").read_text() == f"m1/k1.mp4|{KITE}|62.5\n"
    assert [line[:9] for line in (tmp_path / "out/test.txt").open()] == ["held/d1.m", "m1/d2.mp4"]
    assert json.loads((tmp_path / "out/export.json").read_text())["left_out"] == {
        "clips are in no split: their prompt is in none, or their generator or content is kept out of it": 2
    }


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("videoalign", "train.csv"),
        ("videogen_rewardbench", "train.csv"),
        ("genai_bench", "train.json"),
        ("unifiedreward", "train/dpo_data.json"),
        ("videodpo", "train/pair.json"),
        ("vbench", "train/overall.json"),
    ],
)
def test_an_export_finds_the_dataset_again_and_is_not_taken_for_people(
    dataset: Path, tmp_path: Path, name: str, file: str
) -> None:
    """Sent out and labelled anew, its clips are found by the names that the export gave them."""
    run(dataset, tmp_path / "out", name)
    table = {"kind": "auto", "path": str(tmp_path / "out" / file)}
    clips = facts_of(open_material(dataset).videos.values())
    people = read_people(AuditOptions.model_validate({"ratings": [table]}), ClipFinder(clips))
    won = {
        frozenset((v.video_a, v.video_b)): {"a": v.video_a, "b": v.video_b}[v.choice]
        for v in people.votes
        if v.dimension.lower() == "overall" or name in ("genai_bench", "videoalign")
        if v.dimension in ("overall", "Overall", "preference", "VQ")
    }
    # overall: k3 (4), k1 (3.5), k2 (2.5); video_quality: k1 (4), k3 (3), k2 (2)
    best = "k1" if name == "videoalign" else "k3"
    pairs = {frozenset(("k1", "k2")): "k1", frozenset(("k3", "k2")): "k3"}
    assert won == {**pairs, frozenset(("k1", "k3")): best}
    assert sum("its labels are its judges', not people's" in note for note in people.notes) == 1


def test_a_terminated_export_leaves_nothing(
    dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def terminated(*given: Any) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(room, "place", terminated)
    output = ["--output", str(tmp_path / "out")]
    assert main(["export", str(dataset), "--format", "videoalign", *output]) == 3
    assert "nothing was left behind" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_stands_in_two_splits_is_told(tmp_path: Path) -> None:
    """As in datasets that were split by prompt_id alone; d1 is the file of k1."""
    root = write_dataset(
        tmp_path / "data",
        videos={"d1": {"sha256": sha256_hex(content("k1"))}},
        record={"simulated": True},
    )
    (root / open_material(root).videos["d1"].uri).write_bytes(content("k1"))
    for name in ("genai_bench", "t2vqa"):
        exported = run(root, tmp_path / name, name)
        notes = exported.record["notes"]
        assert any(
            n.startswith("ATTENTION: 1 contents of clips stand in two splits") for n in notes
        )
        assert not any("prompts stand in two splits" in note for note in notes)
        assert any("is simulated" in note for note in notes)


def test_an_output_that_is_a_link_is_followed(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    run(dataset, tmp_path / "out")
    run(dataset, tmp_path / "out", replace=True)
    assert (tmp_path / "disk/export.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "out"]


def test_clips_of_ties_alone_are_neither_good_nor_bad(dataset: Path, tmp_path: Path) -> None:
    exported = run(dataset, tmp_path / "out", "trl-unpaired")
    assert exported.rows == {"train.jsonl": 2}  # k3 won twice, k2 lost twice
    assert exported.record["left_out"] == {
        # k1 won once and lost once; d1 and d2 are a tie
        "clips won as many of their pairs as they lost, so that they are neither good nor bad": 3,
        "pairs are ties, which the format cannot say": 1,
    }
