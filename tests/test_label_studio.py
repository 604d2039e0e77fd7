"""Label Studio: the exports of two annotators read alike in three formats, and tasks that come back."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.label_studio import READER, is_label_studio, read_label_studio
from pipeline.formats.label_studio_tasks import Task, config_xml, local_prefix, tasks_json
from pipeline.formats.readers import reader_of
from schemas import Dimension, ScalePoint
from schemas.options import SetupError

SCALE = tuple(ScalePoint(score=n, label=f"L{n}", anchor=f"as {n}") for n in range(1, 6))
LOOK = Dimension(name="video_quality", question="How good does it look?", scale=SCALE)
FOLLOW = Dimension(name="prompt_following", question="How well does it follow?", scale=SCALE)
CLIPS = [
    ClipFacts(video_id="aaaaaaaaaaaaaaaa", prompt_id="p1", generator="alpha", video="c/a.mp4"),
    ClipFacts(video_id="bbbbbbbbbbbbbbbb", prompt_id="p1", generator="beta"),
    ClipFacts(video_id="alpha-7", prompt_id="p2", generator="alpha"),  # its id names its generator
]
A, B, C = (clip.video_id for clip in CLIPS)


def finder() -> ClipFinder:
    return ClipFinder(CLIPS)


def task(*videos: str, dimensions: tuple[Dimension, ...] = (FOLLOW, LOOK)) -> Task:
    urls = tuple(f"/data/local-files/?d=out/clips/{n}.mp4" for n, _ in enumerate(videos))
    return Task(
        item="0001",
        prompt_id="p1" if videos[0] != C else "p2",
        prompt="a kite",
        videos=videos,
        urls=urls,
        dimensions=dimensions,
    )


def data_of(*tasks: Task) -> list[dict[str, Any]]:
    return [row["data"] for row in json.loads(tasks_json(tasks))]


def choice(name: str, value: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "x", "type": "choices", "value": {"choices": [value]}}


def rating(name: str, value: int) -> dict[str, Any]:
    return {"from_name": name, "to_name": "x", "type": "rating", "value": {"rating": value}}


def annotation(number: int, who: Any, *result: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "completed_by": who,
        "result": list(result),
        "was_cancelled": False,
        "created_at": f"2026-01-01T00:00:{number:02d}.0Z",
        "updated_at": f"2026-01-01T00:00:{number:02d}.5Z",
        "lead_time": 3.5,
        **more,
    }


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def full(tmp_path: Path, data: list[dict[str, Any]], *annotations: list[dict[str, Any]]) -> Path:
    rows = [
        {"id": n, "annotations": made, "predictions": [annotation(99, 99, choice("video_quality", "b"))],
         "drafts": [annotation(98, 98, choice("video_quality", "b"))], "data": d}
        for n, (d, made) in enumerate(zip(data, annotations), start=1)
    ]  # fmt: skip
    return write(tmp_path / "export.json", rows)


def test_votes_of_several_annotators_without_predictions_and_cancelled_ones(tmp_path: Path) -> None:
    path = full(
        tmp_path,
        data_of(task(B, A)),
        [
            annotation(1, 7, choice("video_quality", "a"), choice("prompt_following", "both_bad")),
            annotation(2, {"id": 8, "email": "x@y.org"}, choice("video_quality", "tie")),
            annotation(3, 9, choice("video_quality", "b"), was_cancelled=True),
            annotation(4, 10),
        ],
    )
    read = read_label_studio(path, finder())
    assert [(v.video_a, v.video_b, v.rater, v.dimension, v.choice) for v in read.votes] == [
        (B, A, "7", "prompt_following", "both_bad"),  # in the order of the task's dimensions
        (B, A, "7", "video_quality", "a"),
        (B, A, "8", "video_quality", "tie"),
    ]
    assert not read.ratings
    assert read.left_out == {
        "annotations were cancelled or skipped": 1,
        "annotations hold no answer": 1,
    }
    assert {v.prompt_id for v in read.votes} == {"p1"}
    assert {v.source for v in read.votes} == {"export.json"}


def test_ratings_carry_the_scale_of_the_task_and_ids_come_back(tmp_path: Path) -> None:
    data = data_of(task(C), task(A))
    assert "alpha" not in json.dumps(data)  # an id that tells the generator is written in base64
    assert (data[0]["scale_low"], data[0]["scale_high"]) == (1, 5)
    path = full(
        tmp_path,
        data,
        [annotation(1, 7, choice("video_quality", "4"), rating("prompt_following", 2))],
        [annotation(2, 7, choice("video_quality", "9"))],
    )
    read = read_label_studio(path, finder())
    assert [(r.video_id, r.prompt_id, r.generator, r.dimension, r.score) for r in read.ratings] == [
        (C, "p2", "alpha", "prompt_following", 2.0),
        (C, "p2", "alpha", "video_quality", 4.0),
    ]
    assert read.scale == (1.0, 5.0)
    assert read.left_out == {"scores are off the scale 1 to 5": 1}
    wide = read_label_studio(path, finder(), (0, 10))
    assert [r.score for r in wide.ratings] == [2.0, 4.0, 9.0]
    assert wide.scale == (0, 10)


def flat_rows(data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the converter makes of two annotations: one answer each of a rating and a choice."""
    about = {"created_at": "t", "updated_at": "t", "lead_time": 1.0}
    return [
        {**data[0], "id": 1, "prompt_following": [{"rating": 2}], "video_quality": "4",
         "annotator": "ann@x.org", "annotation_id": 5, **about},
        {**data[0], "id": 1, "prompt_following": [{"rating": 3}], "annotator": "8",
         "annotation_id": 6, **about},
        {**data[0], "id": 1, "annotator": None, "annotation_id": None, **about},
    ]  # fmt: skip


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    out = io.StringIO()
    columns = sorted({name for row in rows for name in row})
    writer = csv.DictWriter(out, columns, quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    for row in rows:
        cells = {n: json.dumps(v) if isinstance(v, list) else v for n, v in row.items()}
        writer.writerow(cells)
    path.write_text(out.getvalue())
    return path


def test_json_min_and_csv_say_the_same(tmp_path: Path) -> None:
    rows = flat_rows(data_of(task(A)))
    least = read_label_studio(write(tmp_path / "e.json", rows), finder())
    table = read_label_studio(as_csv(tmp_path / "e.csv", rows), finder())
    for read in (least, table):
        assert [(r.rater, r.dimension, r.score) for r in read.ratings] == [
            ("ann@x.org", "prompt_following", 2.0),
            ("ann@x.org", "video_quality", 4.0),
            ("8", "prompt_following", 3.0),
        ]
        assert read.left_out == {"tasks have no annotation": 1}
        assert "e-mail" in read.notes[0]


def test_a_later_answer_of_the_same_rater_replaces_the_earlier(tmp_path: Path) -> None:
    path = full(
        tmp_path,
        data_of(task(A, B), task(B, A)),
        [
            annotation(9, 7, choice("video_quality", "a")),
            annotation(2, 7, choice("video_quality", "b")),
        ],
        [annotation(5, 7, choice("video_quality", "tie"))],
    )
    read = read_label_studio(path, finder())
    assert [(v.video_a, v.choice) for v in read.votes] == [(A, "a")]
    assert read.left_out == {"answers were replaced by a later one of the same rater": 2}


def test_clips_of_another_run_are_counted(tmp_path: Path) -> None:
    path = full(
        tmp_path,
        data_of(task(A, "cccccccccccccccc")),
        [annotation(1, 7, choice("video_quality", "a"))],
    )
    read = read_label_studio(path, finder())
    assert not read.votes
    assert read.left_out == {"rows are about clips that are not here": 1}


def test_tasks_of_other_people_are_found_by_path_and_their_numbers_are_no_answers(
    tmp_path: Path,
) -> None:
    data = {"video": "/data/local-files/?d=c%2Fa.mp4", "seed": 3}
    stars = annotation(1, 7, rating("stars", 5), choice("style", "drawing"))
    read = read_label_studio(full(tmp_path, [data], [stars]), finder())
    assert [(r.video_id, r.dimension, r.score) for r in read.ratings] == [(A, "stars", 5.0)]
    row = {
        **data, "stars": '[{"rating": 5}]', "annotator": "7", "annotation_id": "1", "lead_time": "1"
    }  # fmt: skip
    flat = read_label_studio(as_csv(tmp_path / "e.csv", [row]), finder())
    assert [(r.video_id, r.dimension, r.score) for r in flat.ratings] == [(A, "stars", 5.0)]


@pytest.mark.parametrize(
    ("videos", "result", "message"),
    [
        ((A, B), [choice("video_quality", "maybe")], "row 1, video_quality: 'maybe' is no answer"),
        ((A,), [choice("video_quality", "good")], "row 1, video_quality: 'good' is no answer"),
        ((A, C), [choice("video_quality", "a")], "are not two clips of one prompt"),
        (
            (A,),
            [choice("video_quality", "1"), choice("video_quality", "2")],
            "row 1: two answers to 'video_quality' in annotation 1",
        ),
        (
            (A,),
            [{**choice("video_quality", "1"), "value": {"choices": ["1", "2"]}}],
            "row 1, video_quality: 2 answers",
        ),
    ],
)
def test_what_cannot_be_an_answer_is_refused(
    tmp_path: Path, videos: tuple[str, ...], result: list[dict[str, Any]], message: str
) -> None:
    path = full(tmp_path, data_of(task(*videos)), [annotation(1, 7, *result)])
    with pytest.raises(SetupError, match=message):
        read_label_studio(path, finder())


def test_an_annotation_of_nobody_is_refused(tmp_path: Path) -> None:
    path = full(tmp_path, data_of(task(A)), [annotation(1, {}, choice("video_quality", "1"))])
    with pytest.raises(SetupError, match="row 1: an annotation says not who made it"):
        read_label_studio(path, finder())


def test_exports_are_told_from_other_tables(tmp_path: Path) -> None:
    made = [annotation(1, 7, choice("video_quality", "1"))]
    whole = full(tmp_path, data_of(task(A)), made)
    least = write(tmp_path / "min.json", flat_rows(data_of(task(A))))
    table = as_csv(tmp_path / "e.csv", flat_rows(data_of(task(A))))
    for path in (whole, least, table):
        assert is_label_studio(path)
        assert reader_of(path) is READER
    plain = tmp_path / "plain.csv"
    plain.write_text("video_id,rater,dimension,score\na,r,d,1\n")
    assert not is_label_studio(plain)
    assert not is_label_studio(write(tmp_path / "p.json", [{"video_id": "a", "score": 1}]))
    assert not is_label_studio(tmp_path / "absent.json")
    with pytest.raises(SetupError, match="row 2: is no task of a Label Studio export"):
        read_label_studio(plain, finder())


@pytest.mark.parametrize("mode", ["pairs", "clips"])
def test_the_configuration_asks_every_dimension_of_what_tasks_hold(mode: str) -> None:
    view = ElementTree.fromstring(config_xml(mode, (FOLLOW, LOOK)))
    named = {element.get("name"): element for element in view.iter() if element.get("name")}
    data = data_of(task(*((A, B) if mode == "pairs" else (A,))))[0]
    for element in view.iter():  # every variable is a field of the task
        value = element.get("value", "")
        assert not value.startswith("$") or value[1:] in data
    for choices in view.iter("Choices"):
        assert named[choices.get("toName")].tag == "Video"
        aliases = [one.get("alias") for one in choices]
        wanted = ["a", "b", "tie", "both_good", "both_bad"] if mode == "pairs" else list("12345")
        assert aliases == wanted
        assert choices.get("required") == "true"
    assert [c.get("name") for c in view.iter("Choices")] == ["prompt_following", "video_quality"]


def test_labels_are_read_where_an_export_has_them_instead_of_their_alias(tmp_path: Path) -> None:
    view = ElementTree.fromstring(config_xml("clips", (LOOK,)))
    labels = [one.get("value") or "" for one in view.iter("Choice")]
    made = [annotation(n, n, choice("video_quality", t)) for n, t in enumerate(labels, start=1)]
    read = read_label_studio(full(tmp_path, data_of(task(A)), made), finder())
    assert [r.score for r in read.ratings] == [1, 2, 3, 4, 5]
    view = ElementTree.fromstring(config_xml("pairs", (LOOK,)))
    labels = [one.get("value") or "" for one in view.iter("Choice")]
    made = [annotation(n, n, choice("video_quality", t)) for n, t in enumerate(labels, start=1)]
    read = read_label_studio(full(tmp_path, data_of(task(A, B)), made), finder())
    assert [v.choice for v in read.votes] == ["a", "b", "tie", "both_good", "both_bad"]


def test_a_dimension_that_an_export_would_confuse_is_refused() -> None:
    taken = Dimension(name="annotator", question="?", scale=SCALE)
    with pytest.raises(SetupError, match="dimension 'annotator'"):
        config_xml("clips", (taken,))


def test_local_addresses_are_escaped() -> None:
    assert local_prefix("my run/clips") == "/data/local-files/?d=my%20run/clips/"
