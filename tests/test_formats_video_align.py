"""VideoAlign's training CSV and VideoGen-RewardBench's: written, held to their loaders, read again."""

import dataclasses
import shutil
from pathlib import Path

import pandas
import pytest
from export_folder import JUDGED, Written, write_dataset
from hypothesis import given
from hypothesis import strategies as st

from pipeline.export.export import compare
from pipeline.export.material import open_material
from pipeline.formats.csv_words import MISSING_WORDS, csv_fault
from pipeline.formats.finder import ClipFinder
from pipeline.formats.readers import reader_of
from pipeline.formats.videoalign import read_videoalign
from pipeline.formats.videoalign_write import REWARDBENCH, TRAINING_COLUMNS, VIDEOALIGN
from pipeline.formats.writing import Choice, ExportError, Plan
from pipeline.sources.videoalign import VideoAlignSource
from schemas.options import SetupError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def training(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(dataset, "videoalign", tmp_path_factory.mktemp("out") / "va")


@pytest.fixture(scope="module")
def bench(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    return Written(dataset, "videogen_rewardbench", tmp_path_factory.mktemp("out") / "vg")


def test_the_training_table_as_it_stands(training: Written) -> None:
    # k2 against k1: quality 2 and 4 -> B, following 3 and 3 -> same; nobody says anything of motion
    assert training.text("train.csv") == (
        "path_A,path_B,prompt,VQ,MQ,TA,fps_A,num_frames_A,fps_B,num_frames_B\n"
        'videos/k2.mp4,videos/k1.mp4,"a red kite, high over a lake",B,invalid,same,8.0,16.0,8.0,16.0\n'
        'videos/k1.mp4,videos/k3.mp4,"a red kite, high over a lake",A,invalid,B,8.0,16.0,8.0,16.0\n'
        'videos/k2.mp4,videos/k3.mp4,"a red kite, high over a lake",B,invalid,B,8.0,16.0,8.0,16.0\n'
    )
    assert training.text("test.csv").endswith(
        'videos/d1.mp4,videos/d2.mp4,"a dog says ""hi""",B,invalid,A,8.0,16.0,8.0,16.0\n'
    )
    assert not (training.folder / "validation.csv").exists()  # nothing is in that split


def test_the_bench_table_as_it_stands(bench: Written) -> None:
    assert bench.text("test.csv") == (
        "path_A,A_model,path_B,B_model,prompt,VQ,MQ,TA,Overall,fps_A,num_frames_A,fps_B,num_frames_B\n"
        'videos/d1.mp4,m1,videos/d2.mp4,m2,"a dog says ""hi""",B,invalid,A,same,8.0,16.0,8.0,16.0\n'
    )


def test_what_is_lost_is_told(training: Written) -> None:
    said = "\n".join(training.told)
    assert "left out: 4 labels of MQ are 'invalid'" in said
    assert "the dimensions overall are not written" in said
    assert "margins" in said


def loss_mask(path: Path) -> dict[str, list[int]]:
    """Labels as `convert_GSB_csv_to_reward_data` of VideoAlign's data.py makes them: 22 is masked."""
    table = pandas.read_csv(path)
    known = {"A": 1, "B": -1, "same": 0, "invalid": 22}
    return {
        dim: [known.get(row[dim], 22) for _, row in table.iterrows()] for dim in ("VQ", "MQ", "TA")
    }


def test_their_loader_masks_no_label_that_the_dataset_has(training: Written) -> None:
    # quality of (k2, k1), (k1, k3), (k2, k3): 2-4, 4-3, 2-3; following: 3-3, 3-5, 3-5
    assert loss_mask(training.folder / "train.csv") == {
        "VQ": [-1, 1, -1],
        "MQ": [22, 22, 22],
        "TA": [0, -1, -1],
    }


def test_their_benchmark_scores_every_clip_once_and_maps_every_label(bench: Written) -> None:
    # as convert_pair_to_single and main of eval_videogen_rewardbench.py
    table = pandas.read_csv(bench.folder / "train.csv")
    single = pandas.concat(
        [
            table[[f"path_{s}", f"{s}_model", "prompt", f"fps_{s}", f"num_frames_{s}"]].set_axis(
                ["path", "model", "prompt", "fps", "num_frames"], axis=1
            )
            for s in "AB"
        ]
    ).drop_duplicates(subset=["path"])
    assert sorted(single["model"]) == ["m1", "m2", "org/m3"]
    mapped = {
        d: table[d].map({"A": 1, "B": -1, "same": 0}).tolist() for d in ("VQ", "TA", "Overall")
    }
    # overall of (k2, k1), (k1, k3), (k2, k3): 2.5-3.5, 3.5-4, 2.5-4
    assert mapped == {"VQ": [-1, 1, -1], "TA": [0, -1, -1], "Overall": [-1, -1, -1]}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (",B,invalid,same,", ",b,invalid,same,", "VQ"),  # letters count
        (",B,invalid,same,", ",B,,same,", "MQ"),  # an empty cell is masked without a word
        ("videos/k2.mp4,", "/videos/k2.mp4,", "path_A"),
        ("videos/k2.mp4,", "videos/../videos/k2.mp4,", "path_A"),
        ("videos/k2.mp4,", "videos/k9.mp4,", "path_A"),
        ("videos/k2.mp4,videos/k1.mp4", "videos/k1.mp4,videos/k1.mp4", "path_B"),
        (",8.0,16.0,8.0,16.0\n", ",0.0,16.0,8.0,16.0\n", "fps_A"),
        (",8.0,16.0,8.0,16.0\n", ",8.0,16.0,8.0,1.0\n", "num_frames_B"),
        (",8.0,16.0,8.0,16.0\n", ",8.0,16.0,8.0,\n", "num_frames_B"),
        ("num_frames_B\n", "frames_B\n", "keys"),
    ],
)
def test_each_rule_of_the_training_table(training: Written, old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        training.check_of_changed("train.csv", old, new)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # one row of VQ without a label: the benchmark would count it as a wrong answer
        ("lake\",B,invalid,same,B", "lake\",invalid,invalid,same,B", "in every row or in none"),
        # k1 is model m1 in the row before
        ("videos/k1.mp4,m1,videos/k3", "videos/k1.mp4,m2,videos/k3", "one prompt and one model"),
        (",B,invalid,same,B,", ",B,invalid,same,draw,", "Overall"),
    ],
)  # fmt: skip
def test_each_rule_of_the_bench_table(bench: Written, old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        bench.check_of_changed("train.csv", old, new)


def test_a_clip_that_is_not_there_or_empty_is_found(training: Written) -> None:
    for content in (None, b""):
        with pytest.raises(ExportError, match=r"videos/k1\.mp4"):
            training.check_without("videos/k1.mp4", content)


def test_a_row_that_reads_otherwise_is_found(training: Written) -> None:
    before = training.text("train.csv")
    (training.folder / "train.csv").write_text(before.replace("A,invalid,B", "A,invalid,A"))
    try:
        with pytest.raises(ExportError, match="row 2, TA: 'B' was written, 'A' is read back"):
            compare(training.writer, training.plan, training.folder)
    finally:
        (training.folder / "train.csv").write_text(before)


def test_sources_and_audits_read_the_export(training: Written, bench: Written) -> None:
    rows = list(read_videoalign(training.folder / "train.csv"))
    assert [row.votes for row in rows] == [
        {"VQ": "b", "TA": "tie"},
        {"VQ": "a", "TA": "b"},
        {"VQ": "b", "TA": "b"},
    ]
    found = VideoAlignSource(kind="videoalign", path=str(bench.folder / "train.csv")).read()
    assert sorted(clip.generator for clip in found.clips) == ["m1", "m2", "org/m3"]
    assert {clip.prompt for clip in found.clips} == {"a red kite, high over a lake"}
    table = bench.folder / "test.csv"
    people = reader_of(table).read(table, ClipFinder(open=True), None)
    # quality d1 2, d2 5; following 4, 1; overall 3, 3; no motion
    assert {(v.dimension, v.choice) for v in people.votes} == {
        ("VQ", "b"),
        ("TA", "a"),
        ("Overall", "tie"),
    }


def test_a_dimension_that_the_user_names_answers_for_motion(dataset: Path, tmp_path: Path) -> None:
    choice = Choice(dimensions={"MQ": "video_quality"}, splits=("test",))
    written = Written(dataset, "videoalign", tmp_path / "out", choice)
    assert ",B,B,A,8.0" in written.text("test.csv")
    assert not written.plan.left_out
    for wrong in ({"XX": "video_quality"}, {"VQ": "colour"}):
        with pytest.raises(SetupError, match="--dimension"):
            Written(dataset, "videoalign", tmp_path / "other", Choice(dimensions=wrong))


def test_what_a_csv_cell_or_the_loader_cannot_take_is_left_out(tmp_path: Path) -> None:
    judged = {
        **JUDGED,
        **{f"{p}{n}": (p, f"m{n}", (n, 3)) for p in ("NA", "one\rtwo") for n in (1, 2)},
    }
    judged = {**judged, "e1": ("grey", "m1", (1, 2)), "e2": ("grey", "m2", (2, 2))}
    judged = {**judged, "f1": ("blue", "m1", (1, 2)), "f2": ("blue", "m2", (2, 2))}
    splits = dict.fromkeys([prompt for prompt, _, _ in judged.values()], "train")
    root = write_dataset(
        tmp_path / "data",
        {k.replace("\r", "-"): v for k, v in judged.items()},
        splits=splits,
        frames={"e1": {"fps": None, "duration_s": None}, "f2": {"n_frames_in_clip": 1, "indices": (0,),
                "times_s": (0.0,), "jpeg_sha256": ("0" * 64,)}},
    )  # fmt: skip
    plan = Written(root, "videoalign", tmp_path / "out").plan
    assert {what: n for what, n in plan.left_out.items() if "MQ" not in what} == {
        "pairs have a prompt that is or holds a word that pandas reads as missing": 1,
        "pairs have a prompt that is or holds a carriage return or a zero byte, which a CSV file does "
        "not keep": 1,
        "pairs hold a clip of a single frame": 1,
        "pairs hold a clip whose frame rate is not known": 1,
    }
    assert plan.n_rows == 4  # a pair is one row, whatever its dimensions: those of JUDGED


def test_a_pair_that_lacks_a_dimension_is_masked_in_training_and_left_out_of_the_test(
    dataset: Path,
) -> None:
    material = open_material(dataset)
    lacking = dataclasses.replace(
        material,
        preferences=[
            p
            for p in material.preferences
            if p.dimension != "video_quality" or {p.video_a, p.video_b} != {"k1", "k2"}
        ],
    )
    training = VIDEOALIGN.plan(lacking, Choice())
    assert [row["VQ"] for row in training.files["train.csv"]] == ["invalid", "A", "B"]
    bench = REWARDBENCH.plan(lacking, Choice())
    assert bench.n_rows == 3
    said = "pairs have no label on one of the dimensions, which would count as wrong"
    assert bench.left_out[said] == 1


def test_the_words_are_those_of_pandas() -> None:
    from pandas._libs.parsers import STR_NA_VALUES

    assert MISSING_WORDS == STR_NA_VALUES


ODD = st.sampled_from(
    ["a, b", 'say "hi"', "two\nlines", "a|b", "NA", "null", "🎈 red", " x ", "'", "\\", "#N/A", "é"]
) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(prompts=st.lists(ODD, min_size=1, max_size=4))
def test_odd_prompts_come_back_or_are_refused(
    prompts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = [prompt for prompt in prompts if csv_fault(prompt) is None]
    row = dict.fromkeys(TRAINING_COLUMNS, "x") | dict.fromkeys(TRAINING_COLUMNS[6:], 8.0)
    rows = [{**row, "prompt": prompt} for prompt in ["a word", *kept]]  # not numbers alone
    folder = tmp_path_factory.getbasetemp() / "odd"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    plan = Plan(files={"train.csv": rows}, media={})
    VIDEOALIGN.write(plan, folder)
    assert VIDEOALIGN.read(folder, "train.csv") == rows
    # and as their program reads it
    assert pandas.read_csv(folder / "train.csv")["prompt"].tolist() == ["a word", *kept]
