"""A small file of every kind of human data, in the layout of its release, with values made up."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

KITE, DOG = "a red kite over a lake", "a dog, digging in snow"


def rows_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """A CSV whose header is every column that some row has."""
    header = list(dict.fromkeys(name for row in rows for name in row))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def json_lines(path: Path, values: Sequence[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


TABLE = [
    {"prompt_id": "p1", "generator": g, "rater": r, "aspect": "quality", "score": s}
    for g, r, s in (("m1", "ann", 4), ("m1", "bob", 5), ("m2", "ann", 2), ("m2", "bob", 0))
]
VOTES = [
    {"prompt_id": "p1", "video_a": a, "video_b": b, "rater": r, "dimension": "quality", "choice": c}
    for a, b, r, c in (("v1", "v2", "ann", "a"), ("v2", "v1", "bob", "tie"))
]
FETV = [
    {"0": {"video_id": "video9033", "static_quality": 2, "temporal_quality": 3, "alignment": 5}},
    {
        "7": {
            "video_id": "None",
            "alignment": 1,
            "static_quality": 4,
            "temporal_quality": 0,
            "fine-grained_alignment": {"color": 3, "camera view": 5},
        }
    },
]
ARENA = [
    {"id": 0, "prompt": KITE, "video_left": "aa.mp4", "video_right": "bb.mp4", "vote_type": "leftvote"},
    {"id": 1, "prompt": DOG, "video_left": "cc.mp4", "video_right": "dd.mp4", "vote_type": "bothbad_vote"},
]  # fmt: skip
RESULTS = [
    {
        "idx": i,
        "prompt": p,
        "response": r,
        "model_vote": m,
        "human_vote": h,
        "correct": m is not None,
    }
    for i, p, r, m, h in (
        (0, KITE, "So [[A>B]]", "[[A>B]]", "leftvote"),
        (1, KITE, "[[A=B]]", "[[A=B]]", "tievote"),
        (2, DOG, "1.", None, "bothbad_vote"),
    )
]
WIDE = [
    {"idx": 0, "prompt": KITE, "human_vote": "A", "judge_one": "B", "judge_two-1.5": "A"},
    {"idx": 1, "prompt": KITE, "human_vote": "tie_good", "judge_one": "invalid", "judge_two-1.5": "tie_bad"},
    {"idx": 2, "prompt": DOG, "human_vote": "tie_bad", "judge_one": "tie_good", "judge_two-1.5": "B"},
]  # fmt: skip
TRAIN = [
    {"path_A": a, "path_B": b, "prompt": p, "VQ": vq, "MQ": mq, "TA": ta, "fps_A": 8.0}
    for a, b, p, vq, mq, ta in (
        ("a.mp4", "./b.mp4", KITE, "A", "same", "invalid"),
        ("c.mp4", "d.mp4", DOG, "B", "", "B"),
    )
]
REWARD_BENCH = [
    {"path_A": "m1/1.mp4", "A_model": "m1", "path_B": "m2/1.mp4", "B_model": "m2", "prompt": KITE,
     "VQ": "A", "MQ": "same", "TA": "B", "Overall": "A", "MOS_A_VQ": 3.5, "MOS_B_VQ": 2},
]  # fmt: skip
SHORT_PAIRS = [{"prompt": KITE, "video_a": "a.mp4", "video_b": "b.mp4", "VQ": "B", "MQ": "same"}]
TVGE = {
    "0": {"prompt": KITE, "models": {"floor33": [1.3], "gen2": [2.2], "pika": []}},
    "7": {"prompt": DOG, "models": {"floor33": [0.4], "gen2": [5]}},
}
VIDEO_BENCH = [
    {
        "prompt_en": KITE,
        "videos": {m: f"color/{m}/{KITE}_{i}.mp4" for m in ("kling", "lavie")},
        "human_anno": {"kling": [3, 3, 0, 2], "lavie": [1, 2, 2, 4]},
        "grid_view": {"kling": 3, "lavie": 2},
    }
    for i in (0, 1)
]
T2VQA = f"m1/0001.mp4|{KITE}|61.25\nm2/0001.mp4|{KITE}|-3\n"
VBENCH = [
    {
        "prompt_en": KITE,
        "question_en": "Which is smoother?",
        "videos": {m: f"https://host/{m}/kite-0.mp4" for m in ("lavie", "show-1", "pika")},
        "human_anno": {
            "lavie": {"pika": 1, "show-1": 0.5},
            "pika": {"lavie": 0, "show-1": 0},
            "show-1": {"lavie": 0.5, "pika": 1},
        },
    }
]
EVALCRAFTER = [
    {"Model": "pika", "Video": "0007.mp4", "Visual Quality": 3, "Text-Video Alignment": 4,
     "Motion Quality": 2, "Temporal Consistency": 5, "Subjective Likeness": 9, "User": u}
    for u in ("u1", "u2")
]  # fmt: skip
TC_BENCH = {
    "seine_00025-00000": [[5, 4, 3], [5, 3, 0]],
    "seine_00025-00001": [[1, 1, 1], [2, 2, 2]],
    "model_scope_00025-00000": [[2, 2], [3, 3]],
}

# What writes an example into a folder, by kind, and by layout where a kind has several.
EXAMPLES: dict[str, Callable[[Path], Path]] = {
    "table": lambda f: rows_csv(f / "ratings.csv", TABLE),
    "votes": lambda f: rows_csv(f / "votes.csv", VOTES),
    "fetv": lambda f: json_lines(
        f / "manual" / "human1" / "manual_eval_results_damo-text2video.json", FETV
    ),
    "fetv/folder": lambda f: EXAMPLES["fetv"](f).parents[1],
    "genai_bench": lambda f: as_json(f / "data.json", ARENA),
    "genai_bench/results": lambda f: as_json(f / "gpt" / "pairwise.json", RESULTS),
    "genai_bench/lines": lambda f: json_lines(f / "gpt.pairwise.jsonl", RESULTS),
    "genai_bench/wide": lambda f: rows_csv(f / "judges.csv", WIDE),
    "videoalign": lambda f: rows_csv(f / "train.csv", TRAIN),
    "videoalign/bench": lambda f: rows_csv(f / "bench.csv", REWARD_BENCH),
    "videoalign/short": lambda f: rows_csv(f / "pairs.csv", SHORT_PAIRS),
    "tvge": lambda f: as_json(f / "t2vscore_alignment_score.json", TVGE),
    "video_bench": lambda f: as_json(f / "color.json", VIDEO_BENCH),
    "t2vqa": lambda f: _text(f / "train.txt", T2VQA),
    "vbench": lambda f: as_json(f / "motion_smoothness.json", VBENCH),
    "evalcrafter": lambda f: rows_csv(f / "feedback.csv", EVALCRAFTER),
    "tc_bench": lambda f: as_json(f / "human_scores_all.json", TC_BENCH),
}


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
