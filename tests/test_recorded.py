"""Kind `recorded`: files of scores and of replies, found by clip, refused where they are faulty."""

import csv
import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pydantic
import pytest
from questions import QUALITY, frame_set, question, resources

from annotators import RecordedSpec, expand_all
from annotators.base import Outcome
from annotators.records import Columns
from prompts import load_rubric
from schemas import Annotation, Failure, FrameSet, Reason, Rubric
from schemas.options import SetupError

FOLLOWING = load_rubric("videoprefer/prompt_following")
CLIPS = [
    frame_set("v0", prompt_id="p0", generator="a"),
    frame_set("v1", prompt_id="p0", generator="b"),
    frame_set("v2", prompt_id="p1", generator="a"),
]
BY_GENERATOR = "prompt_id,generator,metric,score\np0,a,clip,0.25\np0,b,clip,0.5\np9,a,clip,1\n"


def write(tmp_path: Path, text: str, name: str = "scores.csv") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def ask(spec: RecordedSpec, frames: FrameSet, rubric: Rubric = QUALITY) -> Outcome:
    (outcome,) = spec.open(resources(Path("unused"))).submit(
        question(frames, rubric=rubric)).result(0)  # fmt: skip
    return outcome


def score(spec: RecordedSpec, frames: FrameSet, rubric: Rubric = QUALITY) -> float | Reason:
    outcome = ask(spec, frames, rubric)
    return outcome.score if isinstance(outcome, Annotation) else outcome.reason


def test_a_metric_by_prompt_and_generator(tmp_path: Path) -> None:
    (spec,) = RecordedSpec(path=write(tmp_path, BY_GENERATOR), scale="unbounded").expand()
    spec.check([QUALITY, FOLLOWING], 8)
    assert ask(spec, CLIPS[0]) == Annotation(
        video_id="v0", dimension="video_quality", annotator_id="clip", draw=0, prompt_id="p0",
        generator="a", score=0.25, scale_low=None, scale_high=None, n_frames=0,
        cost_usd=0.0)  # fmt: skip
    assert score(spec, CLIPS[0], FOLLOWING) == 0.25  # no dimension: it stands for every one asked
    assert score(spec, CLIPS[1]) == 0.5
    missing = ask(spec, CLIPS[2])
    assert isinstance(missing, Failure)
    assert (missing.reason, missing.key, missing.cost_usd) == (
        Reason.NOT_RECORDED, "v2/video_quality/clip/0", 0.0)  # fmt: skip


def test_rows_without_a_clip_are_counted(tmp_path: Path) -> None:
    (spec,) = RecordedSpec(path=write(tmp_path, BY_GENERATOR), scale="unbounded").expand()
    assert spec.unmatched(CLIPS) == 1  # p9
    assert spec.unmatched([]) == 3


def test_a_row_that_matches_several_clips_is_refused(tmp_path: Path) -> None:
    (spec,) = RecordedSpec(path=write(tmp_path, BY_GENERATOR), scale="unbounded").expand()
    twin = frame_set("v7", prompt_id="p0", generator="b")
    with pytest.raises(SetupError, match="row 3: p0/b matches several clips"):
        spec.unmatched([*CLIPS, twin])


def test_a_file_stands_for_as_many_annotators_as_it_names(tmp_path: Path) -> None:
    path = write(tmp_path, "video_id,annotator,score\nv0,zoe,2\nv0,bob,3\nv1,bob,4\n")
    found = expand_all([RecordedSpec(path=path)])
    assert [spec.annotator_id for spec in found] == ["bob", "zoe"]
    bob, zoe = found
    assert isinstance(bob, RecordedSpec)
    assert isinstance(zoe, RecordedSpec)
    assert [score(bob, clip) for clip in CLIPS] == [3, 4, Reason.NOT_RECORDED]
    assert [score(zoe, clip) for clip in CLIPS] == [2, Reason.NOT_RECORDED, Reason.NOT_RECORDED]
    assert bob.unmatched(CLIPS[:1]) == 1
    assert zoe.unmatched(CLIPS[:1]) == 0
    only = RecordedSpec(path=path, annotator="zoe", name="z")
    assert [spec.annotator_id for spec in expand_all([only])] == ["z"]
    assert score(only, CLIPS[0]) == 2
    with pytest.raises(SetupError, match=r"2 annotators \(bob, zoe\)"):
        expand_all([RecordedSpec(path=path, name="n")])
    with pytest.raises(SetupError, match="no annotator 'eve'; there are bob, zoe"):
        RecordedSpec(path=path, annotator="eve").check([QUALITY], 8)


def test_a_file_of_one_unnamed_annotator(tmp_path: Path) -> None:
    path = write(tmp_path, "video_id,score\nv0,2\n")
    assert [s.annotator_id for s in expand_all([RecordedSpec(path=path)])] == ["recorded"]
    (named,) = RecordedSpec(path=path, name="mine").expand()
    assert (named.annotator_id, score(named, CLIPS[0])) == ("mine", 2)


def test_dimensions_of_the_file_and_of_the_configuration(tmp_path: Path) -> None:
    text = "video_id,dimension,score\nv0,video_quality,2\nv0,prompt_following,5\nv1,other,1\n"
    path = write(tmp_path, text)
    spec = RecordedSpec(path=path)
    assert score(spec, CLIPS[0]) == 2
    assert score(spec, CLIPS[0], FOLLOWING) == 5
    assert score(spec, CLIPS[1]) == Reason.NOT_RECORDED
    one = RecordedSpec(path=path, dimension="video_quality")
    assert score(one, CLIPS[0]) == 2
    assert score(one, CLIPS[0], FOLLOWING) == Reason.NOT_RECORDED
    with pytest.raises(SetupError, match="'beauty'; there are video_quality, prompt_following"):
        RecordedSpec(path=path, dimension="beauty").check([QUALITY, FOLLOWING], 8)


def test_columns_by_another_name_and_kept_rationales(tmp_path: Path) -> None:
    text = "video_id,who,stars,why\nv0,bob,4,sharp\n"
    columns = Columns(score="stars", annotator="who", rationale="why")
    (spec,) = RecordedSpec(path=write(tmp_path, text), columns=columns).expand()
    row = ask(spec, CLIPS[0])
    assert isinstance(row, Annotation)
    assert (row.annotator_id, row.score, row.rationale) == ("bob", 4, "sharp")


@pytest.mark.parametrize(
    ("scale", "given", "expected"),
    [
        (None, "5", 5.0),  # the rubric's own scale, 1 to 5
        (None, "6", Reason.OFF_SCALE),
        (None, "3.5", 3.5),
        ((0, 10), "6", 6.0),
        ((0, 10), "-0.5", Reason.OFF_SCALE),
        ("unbounded", "-1e6", -1e6),
        (None, " ", Reason.NOT_RECORDED),  # an empty cell records nothing
    ],
)
def test_scales(tmp_path: Path, scale: object, given: str, expected: float | Reason) -> None:
    path = write(tmp_path, f"video_id,score\nv0,{given}\n")
    assert score(RecordedSpec.model_validate({"path": path, "scale": scale}), CLIPS[0]) == expected


def test_a_scale_must_ascend(tmp_path: Path) -> None:
    with pytest.raises(pydantic.ValidationError, match="low < high"):
        RecordedSpec(path="x.csv", scale=(5, 1))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ('{"score": 4, "rationale": "r"}', 4.0),
        ("Rating: 2\nRationale: r", 2.0),
        ("I cannot view images.", Reason.REFUSAL),
        ("Rating: 3-4", Reason.SEVERAL_ANSWERS),
        ("Rating: 9", Reason.OFF_SCALE),
        ("", Reason.NOT_RECORDED),
    ],
)
def test_recorded_replies(tmp_path: Path, reply: str, expected: float | Reason) -> None:
    rows = json.dumps({"video_id": "v0", "annotator": "old-judge", "reply": reply}) + "\n"
    (spec,) = RecordedSpec(path=write(tmp_path, rows, "replies.jsonl")).expand()
    assert score(spec, CLIPS[0]) == expected


def test_the_three_formats_say_the_same(tmp_path: Path) -> None:
    rows = [{"video_id": "v0", "score": 2.5}, {"video_id": "v1", "score": 3.0}]
    with (tmp_path / "s.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, ["video_id", "score"])
        writer.writeheader()
        writer.writerows(rows)
    write(tmp_path, "\n".join(map(json.dumps, rows)) + "\n\n", "s.jsonl")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "s.parquet")
    for name in ("s.csv", "s.jsonl", "s.parquet"):
        spec = RecordedSpec(path=str(tmp_path / name))
        assert [score(spec, clip) for clip in CLIPS] == [2.5, 3.0, Reason.NOT_RECORDED]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video_id,score\nv0,1\nv0,1\n", "rows 2 and 3"),
        ("video_id,metric,dimension,score\nv0,m,d,1\nv1,m,d,1\nv0,m,d,2\n", "rows 2 and 4"),
        ("video_id,score\nv0,good\n", "row 2, column score: expected a finite number, got 'good'"),
        ("video_id,score\nv0,1\nv1,nan\n", "row 3, column score: .*'nan'"),
        ("video_id,score\nv0,inf\n", "row 2, column score: .*'inf'"),
        ("video_id,stars\nv0,1\n", "needs either a column score or a column reply"),
        ("video_id,score,reply\nv0,1,x\n", "needs either"),
        ("clip,score\nv0,1\n", "needs a column video_id"),
        ("prompt_id,score\np0,1\n", "needs a column video_id"),
        ("video_id,score\n,1\n", "row 2: names no clip"),
        ("video_id,score\nv0\n", "row 2 has 1 cells, the header has 2"),
        ("video_id,score\nv0,1,2\n", "row 2 has 3 cells, the header has 2"),
        ("video_id,score\n", "has no rows"),
        ("", "no header"),
    ],
)
def test_a_faulty_file_is_named_with_row_and_column(
    tmp_path: Path, text: str, message: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SetupError, match=message) as caught:
        RecordedSpec(path=path).check([QUALITY], 8)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("s.jsonl", '{"video_id": "v0", "score": 1}\n{"video_id"', "row 2 is not JSON"),
        ("s.jsonl", "[1]\n", "row 1 is not a JSON object"),
        (
            "s.jsonl",
            r'{"video_id": "v\ud83d", "score": 1}',
            "row 1, video_id: holds half of a letter",
        ),
        ("s.jsonl", '{"video_id": "v0", "score": true}\n', "row 1, column score: .*True"),
        ("s.jsonl", '{"video_id": "v0", "score": [1]}\n', "row 1, column score"),
        ("s.parquet", "no parquet", "not readable as Parquet"),
        ("s.txt", "x", r"expected a file named \*.csv"),
    ],
)
def test_a_file_that_is_not_what_its_name_says(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(SetupError, match=message):
        RecordedSpec(path=write(tmp_path, text, name)).check([QUALITY], 8)


def test_a_missing_file_and_a_missing_column(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"absent.csv: no such file"):
        RecordedSpec(path=str(tmp_path / "absent.csv")).check([QUALITY], 8)
    path = write(tmp_path, "video_id,score\nv0,1\n")
    with pytest.raises(SetupError, match=r"columns.score: there is no column 'stars'"):
        RecordedSpec(path=path, columns=Columns(score="stars")).check([QUALITY], 8)


def test_one_draw_only() -> None:
    with pytest.raises(pydantic.ValidationError, match="draws"):
        RecordedSpec(path="x.csv", draws=2)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path, "video_id,score\nv0,2\n")
    assert score(RecordedSpec(path=path), CLIPS[0]) == 2
    write(tmp_path, "video_id,score\nv0,3\nv1,3\n")
    assert score(RecordedSpec(path=path), CLIPS[0]) == 3


def test_the_metrics_of_fetv(test_data: Path) -> None:
    """Five metrics; the clips of the manifest are 35 prompts x 4 models, every metric has each."""
    spec = RecordedSpec(path=str(test_data / "fetv" / "metric_scores.csv"), scale="unbounded")
    with (test_data / "fetv" / "manifest.csv").open(encoding="utf-8") as file:
        clips = [
            frame_set(f"v{i}", prompt_id=row["prompt_id"], generator=row["generator"])
            for i, row in enumerate(csv.DictReader(file))
        ]
    assert len(clips) == 140
    metrics = expand_all([spec])
    assert len(metrics) == 5
    for metric in metrics:
        assert isinstance(metric, RecordedSpec)
        metric.check([QUALITY, FOLLOWING], 8)
        found = Counter(type(ask(metric, clip)) for clip in clips)
        assert found == {Annotation: 140}
        assert metric.unmatched(clips) == len(metric.records().rows) - 140
