"""Generators that are held out, and what is known of real footage without asking."""

import numpy as np
import pytest
from videorm_folders import load, pairs, write_folder

from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.damage import DAMAGES
from pipeline.videorm.options import DataOptions, RealOptions
from schemas.options import SetupError

Q = "video_quality"
SCORES = {"v1": {Q: 3}, "v2": {Q: 2}, "v3": {Q: 1}}
OTHER = {"w1": {Q: 3}, "w2": {Q: 2}, "w3": {Q: 1}}
GENERATORS = {v + n: g for v in "vwx" for n, g in (("1", "sora"), ("2", "lavie"), ("3", "pika"))}


def real(**given) -> DataOptions:
    return DataOptions(real=RealOptions(**{"generators": ("camera",), **given}))


def test_clips_of_held_out_generators_are_only_tested_on(tmp_path):
    test = {v.replace("v", "x"): s for v, s in SCORES.items()}
    by_split = {"train": {"p": SCORES}, "validation": {"q": OTHER}, "test": {"r": test}}
    write_folder(tmp_path, by_split, generators=GENERATORS)
    corpus = load(tmp_path, options=DataOptions(held_out_generators=("pika", "lavie")))
    assert corpus.groups["train"] == corpus.groups["validation"] == ()  # one clip is no pair
    corpus = load(tmp_path, options=DataOptions(held_out_generators=("pika",)))
    assert {s: [p[2:4] for p in pairs(corpus, s)] for s in corpus.groups} == {
        "train": [("v1", "v2")],
        "validation": [("w1", "w2")],
        "test": [("x1", "x2"), ("x1", "x3"), ("x2", "x3")],
    }
    assert corpus.clips.video_ids == ("v1", "v2", "w1", "w2", "x1", "x2", "x3")
    assert corpus.groups["test"][0].generators == ("sora", "lavie", "pika")
    assert corpus.notes == ("4 pairs with 2 clips of pika are neither trained on nor validated on",)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (DataOptions(held_out_generators=("sorra",)), "held_out_generators"),
        (real(generators=("sorra",), over_generated=1.0), r"real\.generators"),
    ],
)
def test_a_generator_that_nobody_is_is_refused(tmp_path, options, field):
    write_folder(tmp_path, {"train": {"p": SCORES}}, generators=GENERATORS)
    with pytest.raises(
        SetupError, match=rf"{field}: no clip is of sorra; there are lavie, pika, sora"
    ):
        load(tmp_path, options=options)


def test_real_clips_are_preferred_where_nobody_said_otherwise(tmp_path):
    # v1 is real and was judged against v2 alone; x is real too, in the same prompt, and never judged
    generators = {"v1": "camera", "x": "camera", "t1": "camera"}
    by_split = {
        "train": {"p": {"v1": {Q: 1}, "v2": {Q: 2}}},
        "test": {"r": {"t2": {Q: 1}, "t3": {Q: 1}}},
    }
    more = {"v4": "p", "x": "p", "t1": "r"}
    write_folder(tmp_path, by_split, generators=generators, more=more)
    corpus = load(tmp_path, options=real(over_generated=0.25))
    assert pairs(corpus, "train") == [
        ("p", Q, "v1", "v2", -1, -1.0, None, 1.0),  # as the judge said
        ("p", Q, "v1", "v4", 1, None, None, 0.25),
        ("p", Q, "x", "v2", 1, None, None, 0.25),
        ("p", Q, "x", "v4", 1, None, None, 0.25),
    ]
    assert [p[2:4] for p in pairs(corpus, "test")] == [("t2", "t3")]  # nothing is added to a test
    assert corpus.generators["x"] == "camera"
    assert np.isnan(corpus.groups["train"][0].scores[-2:]).all()
    with pytest.raises(
        SetupError, match=r"real\.dimensions: fun is not trained; there are video_q"
    ):
        load(tmp_path, options=real(over_generated=1, dimensions=("fun",)))


@pytest.mark.parametrize("memory_gb", [1.0, 0.0])
def test_real_clips_are_preferred_to_their_damaged_copies(tmp_path, memory_gb):
    generators = {"v1": "camera", "t1": "camera"}
    by_split = {
        "train": {"p": {"v1": {Q: 1}, "v2": {Q: 2}}},
        "test": {"r": {"t1": {Q: 1}, "t2": {Q: 1}}},
    }
    write_folder(tmp_path, by_split, generators=generators, frames=4)
    options = real(over_damaged=0.5).model_copy(update={"memory_gb": memory_gb})
    corpus = load(tmp_path, options=options, frames=4)
    assert isinstance(corpus.clips, HeldClips) == bool(memory_gb)
    names = ["v1#blurred", "v1#frozen", "v1#shuffled"]
    assert list(corpus.clips.video_ids) == ["t1", "t2", "v1", "v2", *names]
    assert pairs(corpus, "train")[1:] == [("p", Q, "v1", n, 1, None, None, 0.5) for n in names]
    assert len(pairs(corpus, "test")) == 1
    assert corpus.generators["v1#frozen"] == "camera#frozen"
    assert len(set(corpus.clips.keys)) == 7
    pixels, _ = corpus.clips.read(np.array([2, 4, 5, 6]))
    whole, *copies = pixels.numpy().transpose(0, 1, 3, 4, 2)
    for name, copy, key in zip(names, copies, corpus.clips.keys[4:], strict=True):
        assert (copy == DAMAGES[name.split("#")[1]](whole, int(key[:8], 16))).all()


@pytest.mark.parametrize(
    ("frames", "copies"), [(1, ["v1#blurred"]), (2, ["v1#blurred", "v1#frozen", "v1#shuffled"])]
)
def test_no_copy_is_made_that_would_be_the_clip_itself(tmp_path, frames, copies):
    by_split = {"train": {"p": {"v1": {Q: 1}, "v2": {Q: 2}}}}
    write_folder(tmp_path, by_split, generators={"v1": "camera"}, frames=frames)
    corpus = load(tmp_path, options=real(over_damaged=1.0))
    assert [p[3] for p in pairs(corpus, "train")[1:]] == copies


def test_a_held_out_real_generator_is_not_trained_on_by_the_back_door(tmp_path):
    by_split = {"train": {"p": SCORES | {"v4": {Q: 5}}}}
    write_folder(tmp_path, by_split, generators=GENERATORS | {"v4": "camera"})
    options = real(over_damaged=1.0, over_generated=1.0)
    options = options.model_copy(update={"held_out_generators": ("camera",)})
    corpus = load(tmp_path, options=options)
    assert corpus.clips.video_ids == ("v1", "v2", "v3")


def test_a_clip_may_be_named_like_a_copy(tmp_path):
    write_folder(
        tmp_path, {"train": {"p": {"v1": {Q: 1}, "v1#frozen": {Q: 2}, "w#frozen": {Q: 3}}}}
    )
    corpus = load(tmp_path)
    assert corpus.clips.video_ids == ("v1", "v1#frozen", "w#frozen")
    assert corpus.clips.read(np.arange(3))[0].shape == (3, 2, 3, 16, 16)
