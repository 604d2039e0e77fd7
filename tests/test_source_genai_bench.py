"""GenAI-Bench: the clips and votes of both its layouts, and the votes of result files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.formats.genai_bench import read_bench_votes, read_genai_bench
from pipeline.sources.genai_bench import GenAIBenchSource
from schemas.options import SetupError

KITE, DOG = "a red kite over a lake", "a dog digs in snow"
COPY = [
    {"id": 0, "prompt": KITE, "video_left": "aa11.mp4", "video_right": "bb22.mp4",
     "vote_type": "leftvote"},
    {"id": 1, "prompt": DOG, "video_left": "cc33.mp4", "video_right": "dd44.mp4",
     "vote_type": "bothbad_vote"},
    {"id": 2, "prompt": DOG, "video_left": "dd44.mp4", "video_right": "ee55.mp4",
     "vote_type": "tievote"},
    {"id": 3, "prompt": KITE, "video_left": "bb22.mp4", "video_right": "aa11.mp4",
     "vote_type": "rightvote"},
]  # fmt: skip
HUB = [
    {"prompt": DOG, "left_video": "https://host/dd44.mp4", "right_video": "https://host/ee55.mp4",
     "left_model": "m1", "right_model": "m2", "vote_type": "tievote"},
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clips").mkdir()
    for name in ("aa11", "bb22", "cc33", "dd44", "ee55"):
        (tmp_path / "clips" / f"{name}.mp4").write_bytes(name.encode())
    return tmp_path


def written(folder: Path, rows: list[dict[str, Any]], name: str = "data.json") -> str:
    path = folder / name
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    return str(path)


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        GenAIBenchSource(path=path, **options).read()
    return str(caught.value)


@pytest.mark.parametrize("name", ["data.json", "data.jsonl", "data.parquet"])
def test_the_json_copy(folder: Path, name: str) -> None:
    path = written(folder, COPY, name)
    found = GenAIBenchSource(path=path, videos=str(folder / "clips")).read()
    assert [p.text for p in found.prompts] == [KITE, DOG]
    assert [Path(c.path or "").stem for c in found.clips] == [
        "aa11",
        "bb22",
        "cc33",
        "dd44",
        "ee55",
    ]
    assert {c.generator for c in found.clips} == {"unknown"}
    rows = list(read_genai_bench(path))
    assert [row.number for row in rows] == [1, 2, 3, 4]
    # The four votes stay four: a tie of two good clips is not one of two bad ones.
    assert [row.votes["overall"] for row in rows] == ["a", "both_bad", "both_good", "b"]
    assert rows[3].a.video_id(KITE) == rows[0].b.video_id(KITE) == found.clips[1].video_id


def test_the_layout_of_the_hub(folder: Path) -> None:
    path = written(folder, HUB, "test.parquet")
    message = refusal(path)
    assert "row 1, column 'left_video'" in message
    assert "urls: true" in message
    found = GenAIBenchSource(path=path, urls=True).read()
    assert [(c.path, c.generator) for c in found.clips] == [
        ("https://host/dd44.mp4", "m1"),
        ("https://host/ee55.mp4", "m2"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"vote_type": "tie"},
            "row 2, column 'vote_type': 'tie' is not one of leftvote, rightvote",
        ),
        ({"vote_type": None}, "row 2, column 'vote_type': is blank"),
        ({"video_right": "cc33.mp4"}, "row 2: both clips are the same"),
        ({"video_right": {"bytes": "x"}}, "row 2, column 'right_video': expected text"),
        ({"video_right": "aa11.mp4"}, f"under prompt {DOG!r}, but row 1 puts it under {KITE!r}"),
        ({"video_right": "../x.mp4"}, "row 2, column 'right_video'"),
        ({"left_video": "x.mp4"}, "'left_video' and 'video_left' mean the same"),
    ],
)
def test_a_bad_row_is_named(folder: Path, change: dict[str, Any], says: str) -> None:
    path = written(folder, [COPY[0], {**COPY[1], **change}])
    assert says in refusal(path, videos=str(folder / "clips"))


def test_a_json_file_that_is_no_list(folder: Path) -> None:
    (folder / "data.json").write_text('{"prompt": "x"}')
    assert "expected a JSON list of objects" in refusal(str(folder / "data.json"))
    (folder / "data.json").write_text('["x"]')
    assert "row 1 is not a JSON object" in refusal(str(folder / "data.json"))
    (folder / "data.json").write_text('[{"prompt": ')
    assert "not readable as JSON" in refusal(str(folder / "data.json"))
    (folder / "data.json").write_text('[{"prompt": "\\ud83d"}]')
    assert "row 1, prompt: holds half of a letter" in refusal(str(folder / "data.json"))
    (folder / "data.json").write_text("[]")
    assert "has no rows" in refusal(str(folder / "data.json"))


def test_votes_of_result_files_in_both_vocabularies(folder: Path) -> None:
    said = ["leftvote", "rightvote", "tievote", "bothbad_vote", "A", "B", "tie_good", "tie_bad"]
    rows = [{"idx": i, "prompt": KITE, "human_vote": vote} for i, vote in enumerate(said)]
    votes = list(read_bench_votes(written(folder, rows, "pairwise.jsonl")))
    assert [v.index for v in votes] == list(range(8))
    assert [v.vote for v in votes] == ["a", "b", "both_good", "both_bad"] * 2
    for change, says in (
        ({"idx": 0}, "rows 1 and 2 have the same idx 0"),
        ({"idx": "-1"}, "row 2, column 'idx': '-1' is not a whole number"),
        ({"human_vote": "invalid"}, "row 2, column 'human_vote': 'invalid'"),
    ):
        path = written(folder, [rows[0], {**rows[1], **change}])
        with pytest.raises(SetupError, match=says):
            list(read_bench_votes(path))


def test_published_votes(test_data: Path) -> None:
    votes = list(read_bench_votes(test_data / "genai_bench" / "genai_bench_video_votes.csv"))
    assert [v.index for v in votes] == list(range(1069))
    assert len({v.prompt for v in votes}) == 214
    # Counted with `cut`: A 325, B 375, tie_good 138, tie_bad 231.
    counts = {"a": 325, "b": 375, "both_good": 138, "both_bad": 231}
    assert Counter(v.vote for v in votes) == counts
