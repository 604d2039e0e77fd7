"""Reading a run: frames at the model's size, groups of pairs, and what is refused."""

import numpy as np
import pytest
from videorm_run import flat, jpeg, preferences, write, write_frames

from pipeline.videorm.data import check_trainable, load_groups
from pipeline.videorm.frames import decode_frame, pick, read_clips, stack_clip
from schemas import Preference
from schemas.options import SetupError
from schemas.tables import to_table


def test_a_frame_is_box_averaged_to_the_models_size():
    left_dark = flat(0, 96)
    left_dark[:, 48:] = 200
    small = decode_frame(jpeg(left_dark), 32)
    assert small.shape == (3, 32, 32)
    assert abs(int(small[0, 5, 3]) - 0) <= 3  # JPEG is not exact
    assert abs(int(small[0, 5, 28]) - 200) <= 3


def test_longer_clips_are_thinned_evenly_and_shorter_ones_padded():
    assert pick(5, 8) == [0, 1, 2, 3, 4]
    assert pick(9, 3) == [0, 4, 8]
    assert pick(4, 1) == [0]
    frames, valid = stack_clip([jpeg(flat(90)), jpeg(flat(120))], 4, 32)
    assert frames.shape == (4, 3, 32, 32)
    assert valid.tolist() == [True, True, False, False]
    assert (frames[2:] == 0).all()
    assert frames[1].mean() == pytest.approx(120, abs=2)


@pytest.mark.parametrize("publish", [True, False])
def test_frames_come_from_the_table_or_from_the_store(tmp_path, publish):
    write_frames(tmp_path, {"v": [jpeg(flat(90))], "w": [jpeg(flat(30))] * 2}, publish=publish)
    clips = read_clips(tmp_path, ["w", "v"], 2, 16)
    assert clips.frames.mean(axis=(1, 2, 3, 4)) == pytest.approx([30, 45], abs=2)  # v: half padding
    assert clips.valid.tolist() == [[True, True], [True, False]]
    with pytest.raises(SetupError, match="no frames of clip x"):
        read_clips(tmp_path, ["v", "x"], 2, 16)


def run(tmp_path, by_split) -> None:
    """by_split: {split: {prompt: {video: {dimension: score}}}}."""
    videos = {v for prompts in by_split.values() for s in prompts.values() for v in s}
    write_frames(tmp_path, {v: [jpeg(flat(50))] for v in sorted(videos)}, publish=True)
    for split, prompts in by_split.items():
        rows = [r for p, scores in prompts.items() for r in preferences(p, scores, split)]
        write(tmp_path, "preferences", to_table(Preference, rows), split)


def test_a_group_holds_all_pairs_of_a_prompt_and_no_overall(tmp_path):
    scores = {
        "v1": {"prompt_following": 4, "video_quality": 2},
        "v2": {"prompt_following": 3, "video_quality": 2},
        "v3": {"prompt_following": 5},
    }  # its quality was never scored
    run(tmp_path, {"train": {"a red kite": scores}})
    corpus = load_groups(tmp_path, 2, 16)
    assert corpus.dimensions == ("prompt_following", "video_quality")
    (group,) = corpus.groups["train"]
    assert [corpus.clips.video_ids[i] for i in group.rows] == ["v1", "v2", "v3"]
    found = sorted(zip(group.dimension, group.a, group.b, group.label, strict=True))
    # v1 4 > v2 3; v1 4 < v3 5; v2 3 < v3 5; quality: v1 and v2 tie, nothing with v3
    assert found == [(0, 0, 1, 1), (0, 0, 2, -1), (0, 1, 2, -1), (1, 0, 1, 0)]
    assert corpus.groups["test"] == ()


def test_only_the_named_dimensions_are_read(tmp_path):
    scores = {
        "v1": {"prompt_following": 4, "video_quality": 2},
        "v2": {"prompt_following": 3, "video_quality": 1},
    }
    run(tmp_path, {"train": {"p": scores}})
    corpus = load_groups(tmp_path, 2, 16, dimensions=["video_quality"])
    assert [g.dimension.tolist() for g in corpus.groups["train"]] == [[0]]
    with pytest.raises(SetupError, match=r"for sharpness.*there are prompt_following"):
        load_groups(tmp_path, 2, 16, dimensions=["sharpness"])


def test_what_cannot_be_trained_on_is_refused_with_the_split_and_the_dimension(tmp_path):
    good = {"v1": {"prompt_following": 4}, "v2": {"prompt_following": 3}}
    other = {"v3": {"prompt_following": 4}, "v4": {"prompt_following": 3}}
    tied = {"v5": {"prompt_following": 4}, "v6": {"prompt_following": 4}}
    for name, splits, message in (
        ("one", {"train": {"p": good}, "test": {"q": other}}, "1 prompts in the train split"),
        ("none", {"train": {"p": good, "q": other}}, "0 prompts in the test split"),
        (
            "tied",
            {"train": {"p": good, "q": other}, "test": {"r": tied}},
            "no untied pair of prompt_following in the test split",
        ),
    ):
        run(tmp_path / name, splits)
        with pytest.raises(SetupError, match=message):
            check_trainable(load_groups(tmp_path / name, 2, 16))
    with pytest.raises(SetupError, match="no preferences; name the folder of a complete run"):
        load_groups(tmp_path, 2, 16)


def test_a_prompt_in_two_splits_is_refused(tmp_path):
    good = {"v1": {"prompt_following": 4}, "v2": {"prompt_following": 3}}
    run(tmp_path, {"train": {"p": good}, "test": {"p": good}})
    with pytest.raises(SetupError, match="prompt p stands in train and in test"):
        load_groups(tmp_path, 2, 16)


def test_file_and_row_order_do_not_matter(tmp_path):
    scores = {f"v{i}": {"prompt_following": i % 3, "video_quality": i % 2} for i in range(4)}
    run(tmp_path / "a", {"train": {"p": scores, "q": {f"w{v}": s for v, s in scores.items()}}})
    run(tmp_path / "b", {"train": {"q": {f"w{v}": s for v, s in scores.items()}, "p": scores}})
    one, two = (load_groups(tmp_path / n, 2, 16).groups["train"] for n in "ab")
    for first, second in zip(one, two, strict=True):
        assert first.prompt_id == second.prompt_id
        for name in ("rows", "dimension", "a", "b", "label", "weight"):
            assert np.array_equal(getattr(first, name), getattr(second, name))
