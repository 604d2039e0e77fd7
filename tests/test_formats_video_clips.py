"""T2VQA-DB's lists, VBench's labels and GenAI-Bench's votes: written, held to loaders, read again."""

from pathlib import Path

import pytest
from export_folder import DOG, JUDGED, KITE, Written, write_dataset

from pipeline.formats.clip_files import safe_name
from pipeline.formats.finder import ClipFinder
from pipeline.formats.readers import reader_of
from pipeline.formats.t2vqa import read_t2vqa
from pipeline.formats.writing import Choice, ExportError
from pipeline.sources.genai_bench import GenAIBenchSource
from pipeline.sources.t2vqa import T2VQASource
from schemas.options import SetupError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def written(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    out = tmp_path_factory.mktemp("out")
    names = ("t2vqa", "vbench", "genai_bench")
    return {name: Written(dataset, name, out / name) for name in names}


def test_t2vqa_as_it_stands(written: dict[str, Written]) -> None:
    # overall 3.5, 2.5, 4 on 1..5: 100 x 2.5/4, 100 x 1.5/4, 100 x 3/4; org/m3 can be no folder
    assert written["t2vqa"].text("train.txt") == (
        "m1/k1.mp4|a red kite, high over a lake|62.5\n"
        "m2/k2.mp4|a red kite, high over a lake|37.5\n"
        f"{safe_name('org/m3')}/k3.mp4|a red kite, high over a lake|75.0\n"
    )
    assert written["t2vqa"].text("test.txt") == (
        'm1/d1.mp4|a dog says "hi"|50.0\nm2/d2.mp4|a dog says "hi"|50.0\n'
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("a red kite,", "a red|kite,", "three parts"),
        ("|62.5\n", "|62.5\n\n", "three parts"),
        ("|75.0\n", "|75.0\n\n", "one line feed"),
        ("|75.0\n", "|75.0", "one line feed"),
        ("|62.5", "|", "MOS"),
        ("|62.5", "|nan", "MOS"),
        ("|62.5", "|100.5", "MOS"),
        ("|62.5", "|-1", "MOS"),
        ("m1/k1.mp4", "m1/k9.mp4", "file"),
        ("m1/k1.mp4", "/m1/k1.mp4", "file"),
        ("|a red kite, high over a lake|62.5", "||62.5", "prompt"),
        # the prompt of the other file: their program would train and test on it
        ("|a red kite, high over a lake|62.5", '|a dog says "hi"|62.5', "in one file"),
    ],
)
def test_each_rule_of_t2vqa(written: dict[str, Written], old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        written["t2vqa"].check_of_changed("train.txt", old, new)


def test_t2vqa_refuses_what_cannot_stand_between_0_and_100(tmp_path: Path) -> None:
    unbounded = write_dataset(tmp_path / "unbounded", scale=(None, None))
    with pytest.raises(SetupError, match="no bounds"):
        Written(unbounded, "t2vqa", tmp_path / "out")
    # a consensus that was standardised is on no rubric's scale, whatever its numbers
    config = {"config": {"consensus": {"scale": "standardised"}}}
    other = write_dataset(tmp_path / "standardised", record=config)
    with pytest.raises(SetupError, match="no bounds"):
        Written(other, "t2vqa", tmp_path / "out")


def test_t2vqa_leaves_out_prompts_that_a_line_cannot_hold(tmp_path: Path) -> None:
    bad = ("one|two", "one\ntwo", "one ")
    judged = {**JUDGED, **{f"x{n}": (text, "m1", (1, 1)) for n, text in enumerate(bad)}}
    judged = {**judged, "y": ("of no split", "m1", (1, 1))}
    splits = {KITE: "train", DOG: "test", **dict.fromkeys(bad, "train")}
    root = write_dataset(tmp_path / "data", judged, splits=splits)
    plan = Written(root, "t2vqa", tmp_path / "out").plan
    assert plan.left_out == {
        "clips are in no split: their prompt is in none, or their generator or content is kept out of it": 1,
        "clips have a prompt with | or a line break in it, or blanks at its ends": 3,
    }
    assert plan.n_rows == len(JUDGED)


def test_sources_and_audits_read_t2vqa(written: dict[str, Written]) -> None:
    file = written["t2vqa"].folder / "train.txt"
    assert [row.clip.scores["overall"] for row in read_t2vqa(file)] == [62.5, 37.5, 75.0]
    found = T2VQASource(kind="t2vqa", path=str(file)).read()
    assert [clip.generator for clip in found.clips] == ["m1", "m2", safe_name("org/m3")]
    people = reader_of(file).read(file, ClipFinder(open=True), None)
    assert sorted(rating.score for rating in people.ratings) == [37.5, 62.5, 75.0]


def test_vbench_as_it_stands(written: dict[str, Written]) -> None:
    # following k1 3, k2 3, k3 5: m1 and m2 are equal, m3 is better than both
    assert written["vbench"].text("train/prompt_following.json") == (
        '[\n{"prompt_en": "a red kite, high over a lake", "videos": {"m1": "videos/k1.mp4", "m2": '
        '"videos/k2.mp4", "org/m3": "videos/k3.mp4"}, "human_anno": {"m1": {"m2": 0.5, "org/m3": 0}, '
        '"m2": {"m1": 0.5, "org/m3": 0}, "org/m3": {"m1": 1, "m2": 1}}}\n]\n'
    )
    assert sorted(written["vbench"].plan.files) == sorted(
        f"{split}/{name}.json"
        for split in ("train", "test")
        for name in ("overall", "prompt_following", "video_quality")
    )


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"m1": {"m2": 0.5', '"m1": {"m2": 0.7', "0, 0.5 or 1"),
        ('"m1": {"m2": 0.5', '"m1": {"m2": 1', "add up to 1"),
        ('"m2": {"m1": 0.5, "org/m3": 0}', '"m2": {"org/m3": 0}', "both directions"),
        ('"m1": {"m2": 0.5', '"m1": {"m1": 0.5', "against itself"),
        ('"m1": {"m2": 0.5', '"m1": {"m4": 0.5', "has a video"),
        ('"m1": "videos/k1.mp4"', '"m1": "videos/k2.mp4"', "differ"),
        ('"m1": "videos/k1.mp4"', '"m1": "videos/k9.mp4"', "videos of m1"),
        ('"prompt_en": "a red kite, high over a lake"', '"prompt_en": ""', "prompt_en"),
        ('"prompt_en"', '"prompt"', "keys"),
    ],
)
def test_each_rule_of_vbench(written: dict[str, Written], old: str, new: str, said: str) -> None:
    with pytest.raises(ExportError, match=said):
        written["vbench"].check_of_changed("train/prompt_following.json", old, new)


def test_audits_read_vbench(written: dict[str, Written]) -> None:
    file = written["vbench"].folder / "test/video_quality.json"
    people = reader_of(file).read(file, ClipFinder(open=True), None)
    (vote,) = people.votes  # quality d1 2, d2 5
    assert (vote.dimension, vote.choice) == ("video_quality", "b")


def test_vbench_with_several_clips_of_one_generator(tmp_path: Path) -> None:
    judged = {
        "c1": (KITE, "m1", (1, 1)),
        "c2": (KITE, "m1", (2, 2)),
        "c3": (KITE, "m2", (3, 3)),
    }
    root = write_dataset(tmp_path / "data", judged)
    choice = Choice(dimensions={"temporal flicker": "overall"})
    plan = Written(root, "vbench", tmp_path / "out", choice).plan
    # c1 against c2 cannot be said; c1 and c2 against c3 need a row each, for both are m1
    rows = plan.files["train/temporal flicker.json"]
    assert sorted(row["videos"]["m1"] for row in rows) == ["videos/c1.mp4", "videos/c2.mp4"]
    assert plan.left_out == {
        "pairs hold two clips of one generator, which a table of models cannot part": 1
    }
    with pytest.raises(SetupError, match="no name for a file"):
        Written(root, "vbench", tmp_path / "no", Choice(dimensions={"a/b": "overall"}))


def test_genai_bench_as_it_stands(written: dict[str, Written]) -> None:
    assert written["genai_bench"].text("test.json") == (
        '[\n{"id": 0, "prompt": "a dog says \\"hi\\"", "video_left": "videos/d1.mp4", "video_right": '
        '"videos/d2.mp4", "vote_type": "tievote", "left_model": "m1", "right_model": "m2"}\n]\n'
    )
    # overall k1 3.5, k2 2.5, k3 4
    rows = written["genai_bench"].plan.files["train.json"]
    assert [(r["id"], r["video_left"], r["video_right"], r["vote_type"]) for r in rows] == [
        (0, "videos/k2.mp4", "videos/k3.mp4", "rightvote"),
        (1, "videos/k2.mp4", "videos/k1.mp4", "rightvote"),
        (2, "videos/k1.mp4", "videos/k3.mp4", "rightvote"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"id": 1', '"id": 2', "position"),
        ('"id": 0', '"id": "0"', "position"),
        ('"rightvote"', '"right"', "four words"),
        ('"video_left": "videos/k2.mp4"', '"video_left": "videos/k3.mp4"', "two clips"),
        ('"video_left": "videos/k2.mp4"', '"video_left": "k2.mp4"', "video_left"),
        ('"prompt": "a red kite, high over a lake"', '"prompt": null', "prompt"),
        ('"vote_type"', '"vote"', "keys"),
    ],
)
def test_each_rule_of_genai_bench(
    written: dict[str, Written], old: str, new: str, said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        written["genai_bench"].check_of_changed("train.json", old, new)


def test_sources_and_audits_read_genai_bench(written: dict[str, Written]) -> None:
    file = written["genai_bench"].folder / "train.json"
    found = GenAIBenchSource(kind="genai_bench", path=str(file)).read()
    assert sorted(clip.generator for clip in found.clips) == ["m1", "m2", "org/m3"]
    people = reader_of(file).read(file, ClipFinder(open=True), None)
    assert sorted(vote.choice for vote in people.votes) == ["b", "b", "b"]


def test_names_are_stable_safe_and_of_one_clip_each() -> None:
    assert safe_name("0123456789abcdef") == "0123456789abcdef"
    # first 16 digits of the SHA-256 of the text, behind a dot that no plain name holds
    assert safe_name("a_b") == "a-b.648fa9b31bc7ff7e"
    odd = ["a_b", "a|b", "a b", "A", "a", "..", "é" * 300, "-", "a-b", ".", "con.", "a.b"]
    names = [safe_name(text) for text in odd]
    assert len({name.casefold() for name in names}) == len(odd)
    assert all("/" not in n and "_" not in n and "|" not in n and len(n) <= 64 for n in names)
    assert not any(name.startswith(".") for name in names)
