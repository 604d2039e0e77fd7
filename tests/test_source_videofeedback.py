"""VideoFeedback: clips as folders of frames, five scores each. Layout after TIGER-AI-Lab/VideoScore."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.audit.ratings import facts_of
from pipeline.formats.finder import ClipFinder
from pipeline.formats.readers import reader_of
from pipeline.formats.videofeedback import DIMENSIONS, read_videofeedback
from pipeline.sources.videofeedback import VideoFeedbackSource
from schemas.options import SetupError


def row(name: str, prompt: str, scores: tuple[Any, ...], n: int = 2) -> dict[str, Any]:
    """One row as the data set has it, the two turns of conversation included."""
    said = "\n".join(f"{d}: {s}" for d, s in zip(DIMENSIONS, scores, strict=True))
    return {
        "id": name,
        "images": [f"{name}_{i:02d}.jpg" for i in range(n)],
        "text prompt": prompt,
        "video link": f"https://host/{name}.mp4",
        **dict(zip(DIMENSIONS, scores, strict=True)),
        "conversations": [
            {"from": "human", "value": f'the text prompt is "{prompt}",\nall the frames'},
            {"from": "gpt", "value": said},
        ],
    }


KITE = row("p000001", "a red kite over a lake", (3, 2, 3, 4, 3))
DOG = row("p000002", "a dog digs in snow", (2, 2, 4, None, 1), n=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for item in (KITE, DOG):
        (tmp_path / "images" / item["id"]).mkdir(parents=True)
        for name in item["images"]:
            (tmp_path / "images" / item["id"] / name).write_bytes(b"\xff\xd8")
    return tmp_path


def written(folder: Path, *rows: dict[str, Any], name: str = "train.parquet") -> str:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    else:
        path.write_text(json.dumps(list(rows)))
    return str(path)


def refusal(path: str, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        VideoFeedbackSource(path=path, **options).read()
    return str(caught.value)


@pytest.mark.parametrize("name", ["train.parquet", "train.jsonl", "train.json"])
def test_clips_are_folders_of_frames(folder: Path, name: str) -> None:
    path = written(folder, KITE, DOG, name=name)
    found = VideoFeedbackSource(path=path).read()
    assert [(c.prompt, c.generator, c.path) for c in found.clips] == [
        ("a red kite over a lake", "unknown", str(folder / "images" / "p000001")),
        ("a dog digs in snow", "unknown", str(folder / "images" / "p000002")),
    ]
    assert [c.frame_files for c in found.clips] == [
        ("p000001_00.jpg", "p000001_01.jpg"),
        ("p000002_00.jpg", "p000002_01.jpg", "p000002_02.jpg"),
    ]
    assert {c.frame_rate for c in found.clips} == {8.0}
    assert found.clips[0].extra == '{"id":"p000001","video_link":"https://host/p000001.mp4"}'
    first, second = read_videofeedback(path)
    assert tuple(first.clip.scores.values()) == (3, 2, 3, 4, 3)
    assert first.clip.video_id(first.prompt) == found.clips[0].video_id
    # The empty score is absent; the others keep their names.
    assert second.clip.scores == {
        "visual quality": 2,
        "temporal consistency": 2,
        "dynamic degree": 4,
        "factual consistency": 1,
    }


def test_camera_footage_is_kept_apart(folder: Path) -> None:
    path = written(folder, KITE, name="real/train.parquet")
    images = str(folder / "images")
    assert "set config: real" in refusal(path, videos=images)
    found = VideoFeedbackSource(path=path, videos=images, config="real").read()
    assert [c.generator for c in found.clips] == ["real"]
    assert "take generator: out" in refusal(path, videos=images, config="real", generator="m1")
    annotated = written(folder, KITE, name="annotated/train.parquet")
    assert "set config: annotated" in refusal(annotated, videos=images, config="real")
    found = VideoFeedbackSource(path=annotated, videos=images, generator="m1").read()
    assert [c.generator for c in found.clips] == ["m1"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"visual quality": 5}, "row 2, column 'visual quality': 5 is not one of 1, 2, 3, 4"),
        ({"visual quality": 0}, "row 2, column 'visual quality': 0 is not one of"),
        ({"visual quality": 2.5}, "row 2, column 'visual quality': 2.5 is not one of"),
        ({"visual quality": "bad"}, "row 2: column 'visual quality': expected a number"),
        ({"text prompt": ""}, "row 2, column 'text prompt': is blank"),
        ({"id": None}, "row 2, column 'id': is blank"),
        ({"images": []}, "row 2, column 'images': expected distinct names"),
        ({"images": ["a_00.jpg", "b_01.jpg"]}, "row 2, column 'images'"),
        ({"images": ["a_00.jpg", "a_00.jpg"]}, "row 2, column 'images'"),
        ({"images": ["00.jpg"]}, "row 2, column 'images'"),
        ({"images": ["_00.jpg"]}, "row 2, column 'images'"),
        ({"images": ["p000002_/../../x.jpg"]}, "row 2, column 'images'"),
        ({"images": ["../x_00.jpg"]}, "row 2, column 'images'"),
        ({"images": ["p000002_99.jpg"]}, "column 'images': 1 of 2 clips are not there"),
    ],
)
def test_a_bad_row_is_named(folder: Path, change: dict[str, Any], says: str) -> None:
    assert says in refusal(written(folder, KITE, {**DOG, **change}, name="train.jsonl"))


def test_a_frame_may_not_lead_elsewhere(folder: Path) -> None:
    (folder / "secret.jpg").write_bytes(b"\xff\xd8")
    frame = folder / "images" / "p000001" / "p000001_01.jpg"
    frame.unlink()
    frame.symlink_to(folder / "secret.jpg")
    message = refusal(written(folder, KITE))
    assert "row 1, column 'images'" in message
    assert "is a link" in message


def test_clips_without_their_frames_can_be_left_out(folder: Path) -> None:
    (folder / "images" / "p000001" / "p000001_01.jpg").unlink()
    found = VideoFeedbackSource(path=written(folder, KITE, DOG), missing="leave_out").read()
    assert [c.prompt for c in found.clips] == ["a dog digs in snow"]
    assert "1 of 2 clips are not there" in found.notes[0]


@pytest.mark.parametrize("name", ["train.parquet", "real/train.parquet"])
def test_its_scores_are_ratings_of_the_clips_that_the_source_lists(folder: Path, name: str) -> None:
    """Nine scores of two clips: the dog has none for alignment, which is missing and not a 0."""
    path = written(folder, KITE, DOG, name=name)
    config = "real" if "real" in name else "annotated"
    found = VideoFeedbackSource(path=path, videos=str(folder / "images"), config=config).read()
    reader = reader_of(path)
    assert reader.kind == "videofeedback"
    people = reader.read(Path(path), ClipFinder(facts_of(found.clips)), None)
    said = {(r.video_id, r.dimension): r.score for r in people.ratings}
    kite, dog = (clip.video_id for clip in found.clips)
    assert len(said) == 9
    assert said[kite, "text-to-video alignment"] == 4
    assert (dog, "text-to-video alignment") not in said
    assert said[dog, "dynamic degree"] == 4
    assert set(people.scales.values()) == {(1, 4)}
    assert {r.rater for r in people.ratings} == {"human"}
