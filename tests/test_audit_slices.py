"""Slices: the parts of the clips that an audit looks at on their own."""

import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.slices import slices_of
from pipeline.formats.facts import ClipFacts


def clip(i, **known):
    return ClipFacts(**{"video_id": f"v{i:03}", "prompt_id": f"p{i}", "generator": "x", **known})


def test_an_attribute_with_one_value_is_no_slice():
    assert slices_of([clip(1), clip(2)]) == {}
    assert (
        slices_of([clip(1, source="a", duration_s=2.0), clip(2, source="a", duration_s=2.0)]) == {}
    )
    assert slices_of([]) == {}


def test_words_make_a_slice_for_each_value():
    found = slices_of([
        clip(1, source="msrvtt", complexity="simple"),
        clip(2, source="webvid", complexity="simple", generator="y"),
        clip(3, generator="y"),
    ])  # fmt: skip
    assert found == {
        "generator=x": {"v001"},
        "generator=y": {"v002", "v003"},
        "source=msrvtt": {"v001"},
        "source=webvid": {"v002"},
    }


def test_names_of_files_are_no_groups():
    assert slices_of([clip(i, source=f"file-{i}") for i in range(41)]) == {}


def test_footage_can_be_left_out():
    found = slices_of([clip(1), clip(2, generator="real"), clip(3, generator="y")])
    assert found["generator!=real"] == {"v001", "v003"}
    assert "generator!=real" not in slices_of([clip(1, generator="real")])


def test_numbers_fall_into_three_bins_of_about_equal_size():
    # 1, 2, 3, 4, 5, 6 words: two clips each
    found = slices_of([clip(i, prompt=" ".join(["word"] * i)) for i in range(1, 7)])
    assert found == {
        "prompt_words=1..2": {"v001", "v002"},
        "prompt_words=3..4": {"v003", "v004"},
        "prompt_words=5..6": {"v005", "v006"},
    }
    # where most clips have one length, that is a bin, and what is left the other
    found = slices_of([clip(i, duration_s=4.0 if i < 9 else 10.0) for i in range(10)])
    assert {name: len(held) for name, held in found.items()} == {
        "duration_s=4..4": 9,
        "duration_s=10..10": 1,
    }
    # few values are a bin each, however unequal
    found = slices_of([clip(i, duration_s=d) for i, d in enumerate([1.0, 8.0, 8.0, 8.0])])
    assert {name: len(held) for name, held in found.items()} == {
        "duration_s=1..1": 1,
        "duration_s=8..8": 3,
    }


@given(st.lists(st.integers(0, 20), max_size=40), st.randoms())
def test_every_clip_with_a_number_is_in_exactly_one_bin(lengths, mixed: random.Random):
    clips = [clip(i, duration_s=float(n)) for i, n in enumerate(lengths)]
    found = slices_of(clips)
    held = [video for videos in found.values() for video in videos]
    assert len(held) == len(set(held))
    # none where one bin would hold all: every value alike, or nearly every one the largest
    assert len(held) in (0, len(clips))
    assert found or len(set(lengths)) < 2 or lengths.count(max(lengths)) > 2 * len(lengths) / 3
    mixed.shuffle(clips)
    assert slices_of(clips) == found
