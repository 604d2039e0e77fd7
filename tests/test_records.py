"""Records are validated at birth and survive the trip through Parquet; ids are those of the contract."""

import dataclasses
import hashlib
import pickle

import pytest

from schemas import Annotation, Failure, FrameSet, Preference, Prompt, Reason, RecordError, Settings
from schemas.ids import canonical_json, hash_fraction, pair_id, prompt_id, video_id
from schemas.tables import TABLES, arrow_schema, from_row, from_table, key_of, to_row, to_table

FRAMES = dict(
    video_id="v",
    prompt_id="p",
    prompt="a kite",
    generator="g",
    policy="uniform-8",
    decoder="pyav-index",
    indices=(0, 7),
    times_s=(0.0, None),
    jpeg_sha256=("0" * 64, "1" * 64),
    n_frames_in_clip=8,
    fps=8.0,
    duration_s=1.0,
    width_px=64,
    height_px=48,
    frame_width_px=64,
    frame_height_px=48,
)
ANNOTATION = dict(
    video_id="v",
    dimension="video_quality",
    annotator_id="judge",
    draw=0,
    prompt_id="p",
    generator="g",
    score=4.0,
    scale_low=1,
    scale_high=5,
    n_frames=8,
)
PREFERENCE = dict(
    pair_id="x",
    prompt_id="p",
    prompt="a kite",
    dimension="overall",
    video_a="v",
    video_b="w",
    generator_a="g",
    generator_b="h",
    score_a=4.0,
    score_b=3.0,
    label="a",
    margin=1.0,
    weight=1.0,
    split="train",
    annotator_id="consensus",
    n_a=1,
    n_b=1,
)


def sha16(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_ids_follow_the_contract():
    assert prompt_id("  a  red\n kite ") == prompt_id("a red kite") == sha16("a red kite")
    assert video_id("p", "g", "clips/1.mp4") == sha16("p\ng\nclips/1.mp4")
    assert pair_id("w", "v", "overall") == pair_id("v", "w", "overall") == sha16("v\nw\noverall")


def test_hash_fraction_is_spread_evenly_and_depends_on_every_field():
    drawn = [hash_fraction("salt", str(i)) for i in range(2000)]
    assert all(0 <= x < 1 for x in drawn)
    # mean of 2000 uniforms: 0.5 with standard error 0.2887 / sqrt(2000) = 0.0065; four of them
    assert abs(sum(drawn) / 2000 - 0.5) < 0.026
    assert hash_fraction("a", "bc") != hash_fraction("ab", "c")


def test_canonical_json_has_one_form_and_refuses_nan():
    assert canonical_json({"b": 1, "a": [1.5, "é"]}) == '{"a":[1.5,"é"],"b":1}'
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"score": float("nan")})


@pytest.mark.parametrize(
    "record",
    [
        FrameSet(**FRAMES),
        Annotation(**ANNOTATION, requested=Settings(temperature=0.3), distribution=(0.5, 0.5)),
        Annotation(**ANNOTATION),
        Preference(**PREFERENCE),
        Failure(
            stage="frames", key="v", reason=Reason.NO_VIDEO, message="audio only", cost_usd=None
        ),
    ],
)
def test_a_record_survives_parquet_rows(record):
    kind = type(record)
    assert list(from_table(kind, to_table(kind, [record]))) == [record]
    assert from_row(kind, to_row(record)) == record


@pytest.mark.parametrize(
    "record",
    [
        FrameSet(**FRAMES),
        Annotation(**ANNOTATION, requested=Settings(temperature=0.3), distribution=(0.5, 0.5)),
        Settings(seed=1),
    ],
)
def test_a_record_is_pickled_as_its_values_and_comes_back(record):
    values = tuple(getattr(record, field.name) for field in dataclasses.fields(record))
    assert record.__getstate__() == values
    assert pickle.loads(pickle.dumps(record)) == record
    assert to_row(record) == dataclasses.asdict(record)


def test_every_table_has_a_schema_with_a_version():
    for record, key in TABLES.values():
        schema = arrow_schema(record)
        assert schema.metadata[b"schema_version"] == b"2"
        assert set(key) <= set(schema.names)


def test_keys_are_the_fields_joined_by_slashes():
    assert key_of(Annotation(**ANNOTATION)) == "v/video_quality/judge/0"


def test_names_of_models_may_hold_a_slash():
    assert Annotation(**{**ANNOTATION, "annotator_id": "org/judge", "generator": "org/t2v"})


@pytest.mark.parametrize(
    ("kind", "good", "field", "bad"),
    [
        (Annotation, ANNOTATION, "generator", ""),
        (Annotation, ANNOTATION, "score", 6.0),
        (Annotation, ANNOTATION, "score", float("nan")),
        (Annotation, ANNOTATION, "video_id", "a/b"),
        (Annotation, ANNOTATION, "cost_usd", -0.1),
        (FrameSet, FRAMES, "indices", (7, 0)),
        (FrameSet, FRAMES, "indices", (0, 8)),
        (FrameSet, FRAMES, "jpeg_sha256", ("0" * 64,)),
        (Preference, PREFERENCE, "label", "b"),
        (Preference, PREFERENCE, "video_b", "v"),
        (Preference, PREFERENCE, "split", "dev"),
    ],
)
def test_a_bad_field_is_named(kind, good, field, bad):
    with pytest.raises(RecordError, match=rf"{kind.__name__}\.{field}: expected .*, got "):
        kind(**{**good, field: bad})


def test_unknown_and_missing_columns_are_named():
    with pytest.raises(RecordError, match="has no field 'colour'"):
        from_row(Prompt, {"prompt_id": "p", "text": "t", "source": "s", "colour": "red"})
    with pytest.raises(RecordError, match="source"):
        from_row(Prompt, {"prompt_id": "p", "text": "t"})
