"""Rewards of clips, their order and the best of them: what `score` prints and Python calls give."""

from pathlib import Path

import pytest
import tiny_clip
from hypothesis import given
from hypothesis import strategies as st
from videorm_saved import DIMENSIONS, PROMPT, save_clip, save_model

from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import TIE, best_of, load_model, ranked, score_clips
from pipeline.videorm.score_files import Asked, check_output, rank_rows, read_asked, score_files
from schemas.options import SetupError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("videorm"))


def test_the_best_is_first_and_equals_share_a_rank() -> None:
    # 2 > 1 = 1 (within 1e-6) > 0; the equals stand in the order given, the next rank counts both
    assert ranked([1.0, 2.0, 1.0 + 5e-7, 0.0]) == [(1, 1), (0, 2), (2, 2), (3, 4)]
    assert ranked([]) == []


@given(st.lists(st.integers(-3, 3), max_size=12))
def test_a_rank_is_one_more_than_the_clips_that_are_better(values: list[int]) -> None:
    found = ranked([float(v) for v in values])
    assert sorted(position for position, _ in found) == list(range(len(values)))
    assert all(rank == 1 + sum(v > values[i] for v in values) for i, rank in found)


@given(st.lists(st.integers(-3, 3), max_size=8), st.lists(st.sampled_from([0, 1, 2]), min_size=8))
def test_the_order_of_summation_decides_nothing(values: list[int], noise: list[int]) -> None:
    exact = [float(v) for v in values]
    rough = [v + n * TIE / 4 for v, n in zip(exact, noise, strict=False)]
    assert ranked(rough) == ranked(exact)


def test_the_best_of_several_clips(folder: Path) -> None:
    clips = [tiny_clip.noise(4, seed) for seed in range(5)]
    rewards = score_clips(folder, PROMPT, clips)
    # weights of a fresh model are equal, so overall is the mean of both dimensions
    means = [sum(r.values()) / 2 for r in rewards]
    order = sorted(range(5), key=lambda i: -means[i])
    assert best_of(folder, PROMPT, clips) == order[:1]
    assert best_of(load_model(folder), PROMPT, clips, 3) == order[:3]
    by = sorted(range(5), key=lambda i: -rewards[i]["video_quality"])
    assert best_of(folder, PROMPT, clips, 5, by="video_quality") == by


def test_of_equal_clips_the_first_is_taken(folder: Path) -> None:
    one, other = tiny_clip.noise(4, 1), tiny_clip.noise(4, 2)
    best, worse = [(one, other)[i] for i in best_of(folder, PROMPT, [one, other], 2)]
    assert best_of(folder, PROMPT, [worse, best, best], 2) == [1, 2]
    assert best_of(folder, PROMPT, [best, worse, best], 2) == [0, 2]


@pytest.mark.parametrize(
    ("n", "by", "message"),
    [(0, "overall", "expected 1 to 2"), (3, "overall", "best 3 of 2"), (1, "beauty", "no reward")],
)
def test_what_cannot_be_picked_is_refused(folder: Path, n: int, by: str, message: str) -> None:
    clips = [tiny_clip.noise(4, seed) for seed in range(2)]
    with pytest.raises(ValueError, match=message):
        best_of(folder, PROMPT, clips, n, by=by)


def test_overall_weighs_as_the_configuration_says(tmp_path: Path) -> None:
    weighed = save_model(tmp_path / "m", overall={"prompt_following": 3.0, "video_quality": 1.0})
    (clip,) = _asked(tmp_path, 1)
    (answer,) = score_files(VideoRM.from_pretrained(weighed), [clip])
    assert answer.rewards is not None
    following, quality = (answer.rewards[d] for d in DIMENSIONS)
    assert answer.rewards["overall"] == pytest.approx((3 * following + quality) / 4, rel=1e-5)


def test_a_head_for_overall_is_overall(tmp_path: Path) -> None:
    pooled = save_model(tmp_path / "m", dimensions=("overall", "video_quality"))
    clips = [tiny_clip.noise(4, seed) for seed in range(4)]
    rewards = [r["overall"] for r in score_clips(pooled, PROMPT, clips)]
    assert best_of(pooled, PROMPT, clips) == [rewards.index(max(rewards))]


def test_batches_change_only_the_last_digits(folder: Path) -> None:
    clips = [tiny_clip.noise(n, n) for n in (4, 1, 3, 6, 2)]
    together, alone = (score_clips(folder, PROMPT, clips, batch_clips=n) for n in (5, 1))
    for one, other in zip(together, alone, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_device_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(SetupError, match="device 'abacus'"):
        score_clips(folder, PROMPT, [], device="abacus")


# --- files ---------------------------------------------------------------------------------------


def _asked(folder: Path, n: int) -> list[Asked]:
    return [
        Asked(prompt=PROMPT, clip=f"{i}.mp4", path=save_clip(folder / f"{i}.mp4", i))
        for i in range(n)
    ]


def test_a_clip_that_cannot_be_read_stops_no_other(folder: Path, tmp_path: Path) -> None:
    asked = _asked(tmp_path, 5)
    asked[1].path.write_bytes(b"no clip")
    asked[3].path.unlink()
    counted: list[tuple[int, int]] = []
    model = load_model(folder)
    found = list(
        score_files(model, asked, batch_clips=2, progress=lambda *both: counted.append(both))
    )
    assert [answer.asked.clip for answer in found] == [f"{i}.mp4" for i in range(5)]
    assert [answer.rewards is None for answer in found] == [False, True, False, True, False]
    assert [str(asked[i].path) in str(found[i].fault) for i in (1, 3)] == [True, True]
    # batches of two in their order: 0 good and 1 bad, 2 good and 3 bad, 4 good
    assert counted == [(1, 1), (2, 2), (3, 2)]
    alone = {
        answer.asked.clip: answer.rewards for answer in score_files(model, [asked[0], asked[4]])
    }
    for answer in (found[0], found[4]):
        assert answer.rewards == pytest.approx(alone[answer.asked.clip], abs=1e-5)


def test_a_reward_that_is_no_number_is_no_score(tmp_path: Path) -> None:
    model = VideoRM.from_pretrained(save_model(tmp_path / "m"))
    for weight in model.readout.parameters():
        weight.data.fill_(float("nan"))
    (answer,) = score_files(model, _asked(tmp_path, 1))
    assert answer.rewards is None
    assert "no finite number" in str(answer.fault)
    assert rank_rows([answer]) == []


def test_ranks_are_within_each_prompt(folder: Path, tmp_path: Path) -> None:
    for i in range(5):
        save_clip(tmp_path / f"{i}.mp4", i)
    manifest = tmp_path / "clips.csv"
    rows = ["a kite,0.mp4,x", "a dog,1.mp4,x", "a kite,2.mp4,y", "a dog,3.mp4,", "a kite,4.mp4,z"]
    manifest.write_text("\n".join(["prompt,video,generator", *rows]) + "\n")
    answers = list(score_files(load_model(folder), read_asked(manifest)))
    found = rank_rows(answers)
    # prompts in the order they came; within one, best first
    assert [(row["prompt"], row["rank"]) for row in found] == [
        ("a kite", 1), ("a kite", 2), ("a kite", 3), ("a dog", 1), ("a dog", 2),
    ]  # fmt: skip
    for kept in (found[:3], found[3:]):
        assert [r["overall"] for r in kept] == sorted((r["overall"] for r in kept), reverse=True)
    assert list(found[0]) == ["rank", "prompt", "generator", "clip", "overall", *DIMENSIONS]
    assert {row["clip"]: row.get("generator") for row in found}["3.mp4"] is None
    assert rank_rows(answers, best=1) == [found[0], found[3]]


@pytest.mark.parametrize(
    ("text", "message"),
    [("prompt\na\n", "video"), ("prompt,video\na,\n", "row 2, column 'video': is blank")],
)
def test_a_manifest_with_a_fault_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text(text)
    with pytest.raises(SetupError, match=message):
        read_asked(tmp_path / "clips.csv")


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    for name, message in (("a.txt", "a.jsonl"), ("no/a.csv", "no folder")):
        with pytest.raises(SetupError, match=message.replace("a.", r"\*.")):
            check_output(tmp_path / name)
    check_output(tmp_path / "a.parquet")
