"""Readers of what benchmarks published: their values in our words, in any order, or a clear refusal."""

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from people_examples import (
    ARENA,
    DOG,
    EVALCRAFTER,
    EXAMPLES,
    FETV,
    KITE,
    RESULTS,
    TRAIN,
    TVGE,
    VBENCH,
    VIDEO_BENCH,
    as_json,
    json_lines,
    rows_csv,
)

from pipeline.formats.fetv import GENERATORS
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import PeopleRead, Scale
from pipeline.formats.readers import READERS
from schemas import ids
from schemas.options import SetupError

K, D = ids.prompt_id(KITE), ids.prompt_id(DOG)


def read(path: Path, kind: str, scale: Scale | None = None, **finder: Any) -> PeopleRead:
    return READERS[kind].read(path, ClipFinder(**(finder or {"open": True})), scale)


def scores(found: PeopleRead) -> dict[tuple[str, str, str, str], float]:
    return {(r.prompt_id, r.generator, r.dimension, r.rater): r.score for r in found.ratings}


def refused(path: Path, kind: str, message: str, scale: Scale | None = None) -> None:
    with pytest.raises(SetupError, match=message) as said:
        read(path, kind, scale)
    assert str(said.value).startswith(str(path))


@pytest.mark.parametrize("example", EXAMPLES)
def test_clips_that_are_not_here_are_counted_and_left_out(tmp_path: Path, example: str) -> None:
    kind = example.partition("/")[0]
    path = EXAMPLES[example](tmp_path)
    found = read(path, kind, known=())
    assert (found.ratings, found.votes) == ((), ())
    assert found.left_out["rows are about clips that are not here"] > 0
    here = read(path, kind)
    assert "rows are about clips that are not here" not in here.left_out
    assert here.ratings or here.votes
    assert {r.source for r in (*here.ratings, *here.votes)} == {
        path.name if path.is_file() else "manual_eval_results_damo-text2video.json"
    }


ROWS = {
    "table": (".csv", "ratings"),
    "votes": (".csv", "votes"),
    "genai_bench": (".json", "data"),
    "genai_bench/results": (".json", "pairwise"),
    "genai_bench/wide": (".csv", "judges"),
    "videoalign": (".csv", "train"),
    "tvge": (".json", "t2vscore_alignment_score"),
    "video_bench": (".json", "color"),
    "vbench": (".json", "motion_smoothness"),
    "evalcrafter": (".csv", "feedback"),
    "tc_bench": (".json", "human_scores_all"),
    "t2vqa": (".txt", "train"),
    "fetv": (".jsonl", ""),
}


@pytest.mark.parametrize("example", ROWS)
def test_the_order_of_rows_changes_nothing(tmp_path: Path, example: str) -> None:
    kind = example.partition("/")[0]
    path = EXAMPLES[example](tmp_path)
    first = read(path, kind)
    rng = random.Random(0)
    for _ in range(4):
        path.write_text(_shuffled(path.read_text(), ROWS[example][0], rng))
        assert read(path, kind) == first


def _shuffled(text: str, layout: str, rng: random.Random) -> str:
    if layout == ".json":
        whole = json.loads(text)
        rows = list(whole.items()) if isinstance(whole, dict) else whole
        rng.shuffle(rows)
        return json.dumps(dict(rows) if isinstance(whole, dict) else rows)
    head, *lines = text.splitlines() if layout == ".csv" else ["", *text.splitlines()]
    rng.shuffle(lines)
    return "".join(line + "\n" for line in [head, *lines] if line)


# FETV


def test_fetv(tmp_path: Path) -> None:
    """Rater and generator by the names of folder and file; a 0 and a 5 of 3 are missing marks."""
    found = read(EXAMPLES["fetv"](tmp_path), "fetv")
    m, h = "modelscope-t2v", "human1"
    assert scores(found) == {
        ("fetv-0000", m, "static_quality", h): 2,
        ("fetv-0000", m, "temporal_quality", h): 3,
        ("fetv-0000", m, "alignment", h): 5,
        ("fetv-0007", m, "alignment", h): 1,
        ("fetv-0007", m, "static_quality", h): 4,
        ("fetv-0007", m, "fine_grained_color", h): 3,
    }
    assert found.left_out == {
        "scores are off the scale 1 to 5": 1,
        "scores are off the scale 1 to 3": 1,
    }
    assert found.scale is None
    assert found.scales["alignment"] == (1, 5)
    assert found.scales["fine_grained_camera_view"] == (1, 3)


def test_fetv_of_all_raters_with_prompts(tmp_path: Path) -> None:
    for rater, name in (("human0", "damo-text2video"), ("human1", "ground-truth"), ("human1", "x")):
        json_lines(tmp_path / rater / f"manual_eval_results_{name}.json", FETV[:1])
    prompt = {"prompt": KITE, "prompt complexity": ["simple"], "source": "MSRVTT"}
    json_lines(tmp_path / "fetv_data.json", [prompt, {"prompt": DOG}])
    finder = ClipFinder(open=True)
    found = READERS["fetv"].read(tmp_path, finder, None)
    made = {(r.generator, r.rater) for r in found.ratings}
    assert made == {("modelscope-t2v", "human0"), ("real", "human1"), ("x", "human1")}
    facts = {(c.prompt, c.complexity, c.source) for c in finder.clips.values()}
    assert facts == {(KITE, "simple", "MSRVTT")}
    # two spellings of one model in one folder would be the same rater twice
    assert GENERATORS["videofusion"] == "modelscope-t2v"
    json_lines(tmp_path / "human0" / "manual_eval_results_videofusion.json", FETV[:1])
    with pytest.raises(SetupError, match=r"row 1 and .*row 1 are both about clip"):
        read(tmp_path, "fetv")


def test_fetv_as_released(test_data: Path, tmp_path: Path) -> None:
    """A table made of the release, put back into its files, gives the same ratings."""
    table = read(test_data / "fetv" / "human_ratings.csv", "table")
    files: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for r in table.ratings:
        file = files.setdefault((r.rater, r.generator), {})
        file.setdefault(str(int(r.prompt_id.removeprefix("fetv-"))), {})[r.dimension] = r.score
    for (rater, generator), lines in files.items():
        path = tmp_path / rater / f"manual_eval_results_{generator}.json"
        json_lines(path, [{number: marks} for number, marks in lines.items()])
    assert scores(read(tmp_path, "fetv")) == scores(table)
    assert len(table.ratings) == 27_153


def test_bad_fetv(tmp_path: Path) -> None:
    name = "manual_eval_results_m.json"
    for lines, message in (
        ([{"x": {}}], 'row 1: expected {"NUMBER"'),
        ([{"0": {}, "1": {}}], 'row 1: expected {"NUMBER"'),
        ([{"0": {"alignment": "good"}}], "row 1: column 'alignment': expected a number"),
        ([{"0": {"fine-grained_alignment": 3}}], "row 1, 'fine-grained_alignment': expected"),
        ([FETV[0], FETV[0]], "rows 1 and 2 are both about clip"),
    ):
        refused(json_lines(tmp_path / "h" / name, lines), "fetv", message)
    refused(json_lines(tmp_path / "ratings.json", FETV), "fetv", "expected RATER/manual_eval")
    refused(tmp_path / "h" / "manual_eval_results_x.json", "fetv", "no such file")
    (tmp_path / "none").mkdir()
    refused(tmp_path / "none", "fetv", "holds no file named manual_eval_results_GENERATOR.json")


# GenAI-Bench and VideoAlign


def test_genai_bench_pairs(tmp_path: Path) -> None:
    found = read(EXAMPLES["genai_bench"](tmp_path), "genai_bench")
    assert [(v.prompt_id, v.choice) for v in sorted(found.votes, key=lambda v: v.choice)] == [
        (K, "a"),
        (D, "both_bad"),
    ]
    kite = next(v for v in found.votes if v.prompt_id == K)
    assert kite.video_a == ids.video_id(K, "unknown", "aa.mp4")
    assert (kite.rater, kite.dimension) == ("human", "overall")
    assert any("names no raters" in note for note in found.notes)


def test_genai_bench_results_are_the_same_pairs_in_every_file(tmp_path: Path) -> None:
    """Two pairs of one prompt are told by their position; both vocabularies say the same."""
    long, lines, wide = (
        read(EXAMPLES[f"genai_bench/{layout}"](tmp_path), "genai_bench").votes
        for layout in ("results", "lines", "wide")
    )
    key = [(v.prompt_id, v.video_a, v.video_b, v.choice) for v in long]
    assert [(v.prompt_id, v.video_a, v.video_b, v.choice) for v in lines] == key
    assert [(v.prompt_id, v.video_a, v.video_b, v.choice) for v in wide] == key
    assert {(v.prompt_id, v.choice) for v in long} == {
        (K, "a"),
        (K, "both_good"),
        (D, "both_bad"),
    }
    assert len({video for v in long for video in (v.video_a, v.video_b)}) == 6


def test_a_release_that_repeats_itself(tmp_path: Path) -> None:
    """The same vote again is counted, its mirror image too; another one is refused."""
    row = {**ARENA[0], "video_left": "bb.mp4", "video_right": "aa.mp4", "vote_type": "rightvote"}
    found = read(as_json(tmp_path / "a.json", [ARENA[0], ARENA[0], row]), "genai_bench")
    assert len(found.votes) == 1
    assert found.left_out == {"votes repeat an earlier row": 2}
    other = {**row, "vote_type": "leftvote"}
    path = as_json(tmp_path / "b.json", [ARENA[0], other])
    refused(path, "genai_bench", "rows 1 and 2 are votes of rater 'human' on the same pair")
    path = as_json(tmp_path / "c.json", [RESULTS[0], RESULTS[0]])
    refused(path, "genai_bench", "rows 1 and 2 have the same idx 0")


def test_published_genai_bench_votes(test_data: Path) -> None:
    found = read(test_data / "genai_bench" / "gpt4o.pairwise.json.gz", "genai_bench")
    assert len(found.votes) == 1_069
    assert len({v.prompt_id for v in found.votes}) == 214
    wide = read(test_data / "genai_bench" / "genai_bench_video_votes.csv", "genai_bench")
    assert {(v.video_a, v.choice) for v in found.votes} == {
        (v.video_a, v.choice) for v in wide.votes
    }


def test_videoalign(tmp_path: Path) -> None:
    """Three labels and one that is invalid, two and one that is blank."""
    found = read(EXAMPLES["videoalign"](tmp_path), "videoalign")
    assert {(v.prompt_id, v.dimension, v.choice) for v in found.votes} == {
        (K, "VQ", "a"),
        (K, "MQ", "tie"),
        (D, "VQ", "b"),
        (D, "TA", "b"),
    }
    assert found.left_out == {"labels are 'invalid', which is no vote": 1, "labels are blank": 1}
    assert found.votes[0].video_a in {
        ids.video_id(p, "unknown", f"{f}.mp4") for p in (K, D) for f in "ac"
    }
    short = read(EXAMPLES["videoalign/short"](tmp_path), "videoalign")
    assert {(v.dimension, v.choice) for v in short.votes} == {("VQ", "b"), ("MQ", "tie")}
    for label in ("a", "A ", "better"):
        path = rows_csv(tmp_path / "bad.csv", [{**TRAIN[0], "TA": label}])
        if label.strip() == "A":
            assert len(read(path, "videoalign").votes) == 3
        else:
            refused(path, "videoalign", "row 2, column 'TA': .* is not one of A, B, same, invalid")


def test_videogen_reward_bench_names_generators(tmp_path: Path) -> None:
    finder = ClipFinder(open=True)
    found = READERS["videoalign"].read(EXAMPLES["videoalign/bench"](tmp_path), finder, None)
    assert {clip.generator for clip in finder.clips.values()} == {"m1", "m2"}
    assert {v.dimension: v.choice for v in found.votes} == {
        "VQ": "a",
        "MQ": "tie",
        "TA": "b",
        "Overall": "a",
    }
    assert found.ratings == ()
    assert any("MOS_* are not read" in note for note in found.notes)


def test_published_videoalign_pairs(test_data: Path) -> None:
    found = read(test_data / "videoalign" / "pairs.csv", "videoalign")
    # 3 rows x 3 labels: VQ b tie a, MQ b tie tie, TA a a tie
    assert sorted((v.dimension, v.choice) for v in found.votes) == [
        ("MQ", "b"), ("MQ", "tie"), ("MQ", "tie"),
        ("TA", "a"), ("TA", "a"), ("TA", "tie"),
        ("VQ", "a"), ("VQ", "b"), ("VQ", "tie"),
    ]  # fmt: skip


# means of several raters


def test_tvge(tmp_path: Path) -> None:
    found = read(EXAMPLES["tvge"](tmp_path), "tvge")
    assert scores(found) == {
        ("evalcrafter-0000", "floor33", "alignment", "mean"): 1.3,
        ("evalcrafter-0000", "gen2", "alignment", "mean"): 2.2,
        ("evalcrafter-0007", "gen2", "alignment", "mean"): 5,
    }
    # pika's empty list, and floor33's 0.4
    assert found.left_out == {"rows have no score": 1, "scores are off the scale 1 to 5": 1}
    assert found.scale == (1, 5)
    assert any("means of ten raters" in note for note in found.notes)
    # clips that are known by the text of their prompt are found by it
    finder = ClipFinder(open=True)
    clip = finder.find(Path("x"), 1, prompt=DOG, generator="gen2")
    assert clip is not None
    again = READERS["tvge"].read(tmp_path / "t2vscore_alignment_score.json", finder, None)
    assert {r.prompt_id for r in again.ratings if r.video_id == clip.video_id} == {D}


def test_a_text_that_two_numbers_share_names_neither(tmp_path: Path) -> None:
    """Among clips known by their prompt's text, 0 and 7 could be the same one: they are left out."""
    entry = {"prompt": KITE, "models": {"gen2": [2]}}
    path = as_json(tmp_path / "quality.json", {"0": entry, "7": entry, "8": TVGE["7"]})
    finder = ClipFinder(open=True)
    clips = [finder.find(Path("x"), 1, prompt=p, generator="gen2") for p in (KITE, DOG)]
    found = read(path, "tvge", known=[clip for clip in clips if clip is not None])
    assert [(r.prompt_id, r.score) for r in found.ratings] == [(D, 5)]
    # 0 and 7 of gen2, 8 of floor33
    assert found.left_out == {"rows are about clips that are not here": 3}
    assert len(read(path, "tvge").ratings) == 3
    rows = [{"model": "gen2", "index": i, "prompt": p, "motion_quality": 4, "visual_quality": 4,
             "temporal_consistency": 4} for i, p in ((0, KITE), (7, KITE), (8, DOG))]  # fmt: skip
    table = rows_csv(tmp_path / "feedback.csv", rows)
    found = read(table, "evalcrafter", known=[clip for clip in clips if clip is not None])
    assert {r.prompt_id for r in found.ratings} == {D}


def test_bad_tvge(tmp_path: Path) -> None:
    refused(as_json(tmp_path / "scores.json", TVGE), "tvge", "must say which of alignment and")
    for entries, message in (
        ([1], "expected an object"),
        ({"x": {"prompt": KITE, "models": {}}}, "entry 'x': expected a number with"),
        ({"0": {"prompt": KITE}}, "entry '0': expected a number with"),
        ({"0": {"prompt": "", "models": {"m": [1]}}}, "entry '0': expected a prompt"),
        ({"0": {"prompt": KITE, "models": {"m": [1, 2]}}}, "'m': expected a list of one mean"),
        ({"0": {"prompt": KITE, "models": {"m": ["x"]}}}, "column 'm': expected a number"),
    ):
        refused(as_json(tmp_path / "quality.json", entries), "tvge", message)
    path = tmp_path / "quality.json"
    one = json.dumps({"prompt": KITE, "models": {"m": [1]}})
    path.write_text(f'{{"0": {one}, "0": {one}}}')
    refused(path, "tvge", "rows 1 and 2 are both about clip")


def test_t2vqa(tmp_path: Path) -> None:
    found = read(EXAMPLES["t2vqa"](tmp_path), "t2vqa")
    assert scores(found) == {(K, "m1", "overall", "mean"): 61.25}
    assert found.left_out == {"scores are off the scale 0 to 100": 1}
    assert found.ratings[0].video_id == ids.video_id(K, "m1", "m1/0001.mp4")
    path = tmp_path / "bad.txt"
    path.write_text(f"m1/1.mp4|{KITE}|good\n")
    refused(path, "t2vqa", "row 1, MOS: 'good' is not a number")
    for infinite in ("inf", "nan"):
        path.write_text(f"m1/1.mp4|{KITE}|{infinite}\n")
        refused(path, "t2vqa", "row 1, MOS")


# slots


def test_video_bench(tmp_path: Path) -> None:
    """Two clips of each model, four slots; of one clip a zero, of the other a 4 on 1 to 3."""
    found = read(EXAMPLES["video_bench"](tmp_path), "video_bench")
    assert len({r.video_id for r in found.ratings}) == 4
    first = ids.video_id(K, "kling", f"color/kling/{KITE}_0.mp4")
    assert {r.rater: r.score for r in found.ratings if r.video_id == first} == {
        "slot0": 3,
        "slot1": 3,
        "slot3": 2,
    }
    assert found.left_out == {"scores are off the scale 1 to 3": 4}
    assert (found.scale, {r.dimension for r in found.ratings}) == ((1, 3), {"color"})
    assert any("slot 0 need not be the same person" in note for note in found.notes)
    own = read(EXAMPLES["video_bench"](tmp_path), "video_bench", (1, 5))
    assert own.left_out == {"scores are off the scale 1 to 5": 2}
    wide = as_json(tmp_path / "video-text consistency.json", VIDEO_BENCH)
    assert read(wide, "video_bench").scale == (1, 5)


def test_bad_video_bench(tmp_path: Path) -> None:
    path = as_json(tmp_path / "beauty.json", VIDEO_BENCH)
    refused(path, "video_bench", "its name is none of the dimensions aesthetic_quality")
    assert read(path, "video_bench", (1, 5)).scale == (1, 5)
    for change, message in (
        ({"videos": {"kling": "x.mp4"}}, "row 1: human_anno has model 'lavie', videos has not"),
        ({"human_anno": [1]}, "row 1, 'human_anno': expected an object by model"),
        ({"human_anno": {"kling": 3}}, "human_anno of 'kling': expected a list of scores"),
        ({"human_anno": {"kling": ["x"]}}, "column 'kling': expected a number"),
        ({"prompt_en": " "}, "row 1, column 'prompt_en': is blank"),
    ):
        path = as_json(tmp_path / "color.json", [{**VIDEO_BENCH[0], **change}])
        refused(path, "video_bench", message)


def test_tc_bench(tmp_path: Path) -> None:
    found = read(EXAMPLES["tc_bench"](tmp_path), "tc_bench")
    first = ids.video_id("tc-bench-i2v-00025", "seine", "seine_00025-00000")
    assert {(r.dimension, r.rater): r.score for r in found.ratings if r.video_id == first} == {
        ("dimension_1", "slot0"): 5,
        ("dimension_1", "slot1"): 4,
        ("dimension_1", "slot2"): 3,
        ("dimension_2", "slot0"): 5,
        ("dimension_2", "slot1"): 3,
    }
    assert found.left_out == {"scores are off the scale 1 to 5": 1}
    # a generator's name may hold underscores, and a clip may have fewer raters
    other = [r for r in found.ratings if r.generator == "model_scope"]
    assert len(other) == 4
    as_json(tmp_path / "i2v_prompts.json", [{"id": 25, "prompt": KITE}])
    finder = ClipFinder(open=True)
    READERS["tc_bench"].read(tmp_path / "human_scores_all.json", finder, None)
    assert {clip.prompt for clip in finder.clips.values()} == {KITE}


def test_bad_tc_bench(tmp_path: Path) -> None:
    for entries, message in (
        ({"seine-1": [[1], [2]]}, "entry 'seine-1': expected MODEL_PROMPT-SAMPLE"),
        ({"seine_1-1": [[1]]}, "entry 'seine_1-1': expected MODEL_PROMPT-SAMPLE with two lists"),
        ({"seine_1-1": [[1], 2]}, "entry 'seine_1-1': expected a list of scores, got 2"),
        ({"seine_1-1": [[1], ["x"]]}, "column 'seine_1-1': expected a number, got 'x'"),
        ({}, "expected an object"),
    ):
        refused(as_json(tmp_path / "x.json", entries), "tc_bench", message)
    path = tmp_path / "x.json"
    path.write_text('{"seine_1-1": [[1], [2]], "seine_1-1": [[1], [2]]}')
    refused(path, "tc_bench", "rows 1 and 2 are both about clip")


# VBench and EvalCrafter


def test_vbench(tmp_path: Path) -> None:
    """lavie > pika, lavie = show-1, pika < show-1: three pairs, each said in both directions."""
    finder = ClipFinder(open=True)
    found = READERS["vbench"].read(EXAMPLES["vbench"](tmp_path), finder, None)
    made = {v: c.generator for v, c in finder.clips.items()}
    assert {(made[v.video_a], made[v.video_b]): v.choice for v in found.votes} == {
        ("lavie", "pika"): "a",
        ("lavie", "show-1"): "tie",
        ("pika", "show-1"): "b",
    }
    assert {v.dimension for v in found.votes} == {"motion_smoothness"}
    one_way = copy.deepcopy(VBENCH)
    del one_way[0]["human_anno"]["lavie"]  # type: ignore[attr-defined]
    path = as_json(tmp_path / "again" / "motion_smoothness.json", one_way)
    assert read(path, "vbench").votes == found.votes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pika": {"lavie": 1}}, "row 1: human_anno says of 'pika' and 'lavie' one thing in one"),
        ({"pika": {"lavie": 0.5}}, "the two must add up to 1"),
        ({"pika": {"pika": 0.5}}, "row 1: holds 'pika' against itself"),
        ({"pika": {"gen-2": 1}}, "row 1: human_anno has model 'gen-2', videos has not"),
        ({"pika": 1}, "row 1, human_anno of 'pika': expected an object by model"),
        ({"pika": {"lavie": "x"}}, "row 1: column 'lavie': expected a number"),
    ],
)
def test_bad_vbench(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    row = copy.deepcopy(VBENCH[0])
    row["human_anno"] = {**row["human_anno"], **change}  # type: ignore[dict-item]
    refused(as_json(tmp_path / "color.json", [row]), "vbench", message)


def test_labels_of_vbench_that_are_none_are_missing(tmp_path: Path) -> None:
    row = {**VBENCH[0], "human_anno": {"lavie": {"pika": 2, "show-1": None}, "pika": {"lavie": 1}}}
    found = read(as_json(tmp_path / "color.json", [row]), "vbench")
    assert [v.choice for v in found.votes] == ["b"]  # pika > lavie, from the direction that counts
    assert found.left_out == {"labels are blank, or none of 1, 0 and 0.5": 2}


def test_evalcrafter(tmp_path: Path) -> None:
    found = read(EXAMPLES["evalcrafter"](tmp_path), "evalcrafter")
    assert {(p, g) for p, g, _, _ in scores(found)} == {("evalcrafter-0007", "pika")}
    assert {(d, r): s for (_, _, d, r), s in scores(found).items() if r == "u1"} == {
        ("visual_quality", "u1"): 3,
        ("text_video_alignment", "u1"): 4,
        ("motion_quality", "u1"): 2,
        ("temporal_consistency", "u1"): 5,
    }
    assert found.left_out == {"scores are off the scale 1 to 5": 2}
    assert any("not confirmed" in note for note in found.notes)
    slots = [
        {"model": "pika", "index": 7, "visual_quality": [3, 2, 3], "motion_quality": [1, None]}
    ]
    listed = read(as_json(tmp_path / "x.json", slots), "evalcrafter")
    assert {(r.dimension, r.rater): r.score for r in listed.ratings} == {
        ("visual_quality", "slot0"): 3,
        ("visual_quality", "slot1"): 2,
        ("visual_quality", "slot2"): 3,
        ("motion_quality", "slot0"): 1,
    }
    assert listed.left_out == {"rows have no score": 1}


def test_bad_evalcrafter(tmp_path: Path) -> None:
    for change, message in (
        ({"Video": "kite.mp4"}, "row 2, column 'Video': 'kite.mp4' is not a number such as 0007"),
        ({"Model": ""}, "row 2: says too little of its clip"),
        ({"Visual Quality": "x"}, "row 2: column 'Visual Quality': expected a number"),
        ({"User": "u2"}, "rows 2 and 3 are both about clip"),
    ):
        path = rows_csv(tmp_path / "x.csv", [{**EVALCRAFTER[0], **change}, EVALCRAFTER[1]])
        refused(path, "evalcrafter", message)
    rows = [{k: v for k, v in EVALCRAFTER[0].items() if k != "Video"}]
    refused(rows_csv(tmp_path / "x.csv", rows), "evalcrafter", "has no column number or index")
