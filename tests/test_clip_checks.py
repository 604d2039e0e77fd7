"""The rules one by one at their thresholds, near duplicates beside brute force, the NSFW hook's values."""

import dataclasses
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clip_checks import duplicates, near_pairs
from pipeline.clip_checks.check import check_clips
from pipeline.clip_checks.duplicates import Near, near_duplicates
from pipeline.clip_checks.nsfw import HookError, load_hook, nsfw_values
from pipeline.clip_checks.options import ChecksOptions, NsfwOptions
from pipeline.clip_checks.rules import Measured, findings
from pipeline.clip_checks.words import notes_on, told
from pipeline.media.decode import decode
from pipeline.media.measure import measure, reduced
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas import CLIP_CHECKS, Reason
from schemas.ids import sha256_hex
from schemas.options import SetupError
from schemas.store import Store, blob_name

GOOD = Measured(
    video_id="v",
    prompt_id="p",
    generator="g",
    black_frames=0.0,
    motion=5.0,
    letterbox=0.0,
    perceptual_hash=(),
    n_frames_in_clip=16,
    duration_s=2.0,
    jpeg_sha256=("a" * 64,),
)
SPLITS = {"p": "train", "q": "test", "r": "train"}


def clip(video: str, prompt: str = "p", **values) -> Measured:
    return dataclasses.replace(GOOD, video_id=video, prompt_id=prompt, **values)


def hashed(*words: int) -> tuple[str, ...]:
    return tuple(f"{word:016x}" for word in words)


# one clip alone


@pytest.mark.parametrize(
    ("values", "met"),
    [
        ({}, set()),
        ({"black_frames": 0.9}, {Reason.BLACK}),
        ({"black_frames": 0.89}, set()),
        ({"motion": 0.25}, {Reason.FROZEN}),
        ({"motion": 0.26}, set()),
        ({"n_frames_in_clip": 7}, {Reason.TOO_SHORT}),
        ({"n_frames_in_clip": 8}, set()),
        ({"duration_s": 0.49}, {Reason.TOO_SHORT}),
        ({"duration_s": 0.5}, set()),
        ({"letterbox": 0.1}, {Reason.LETTERBOX}),
        ({"letterbox": 0.09}, set()),
        ({"black_frames": 1.0, "motion": 0.0}, {Reason.BLACK, Reason.FROZEN}),
        # missing is missing: no rule is met
        ({"black_frames": None, "motion": None, "letterbox": None, "duration_s": None}, set()),
    ],
)
def test_a_rule_is_met_from_its_threshold_on(values, met):
    assert findings(clip("v", **values), ChecksOptions()).keys() == met


def test_a_finding_tells_value_and_threshold():
    dark = clip("v", black_frames=0.95, motion=0.1, letterbox=0.25, n_frames_in_clip=3)
    options = ChecksOptions(nsfw=NsfwOptions(hook="a.b:c", threshold=0.4))
    assert findings(dark, options, nsfw=0.7) == {
        Reason.BLACK: "95% of the sampled frames are black (checks.black_frames: 0.9)",
        Reason.FROZEN: "luma changes by 0.1 of 255 from frame to frame (checks.frozen_motion: 0.25)",
        Reason.TOO_SHORT: "3 frames (checks.min_frames: 8)",
        Reason.LETTERBOX: "black bars take 25.0% of the picture (checks.letterbox: 0.1)",
        Reason.NSFW: "a.b:c gives 0.7 (checks.nsfw.threshold: 0.4)",
    }
    assert findings(clip("v"), options, nsfw=0.39) == {}


@pytest.mark.parametrize(
    "block",
    [
        {"leave_out": ["blank"]},
        {"leave_out": ["black", "black"]},
        {"leave_out": ["nsfw"]},
        {"nsfw": {"hook": "no colon"}},
        {"nsfw": {"hook": "a:b", "threshold": 2}},
        {"near_duplicate_bits": 32},
        {"min_frames": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(block):
    with pytest.raises(pydantic.ValidationError):
        ChecksOptions.model_validate(block)


def test_every_check_can_leave_clips_out():
    block = {"leave_out": list(CLIP_CHECKS), "nsfw": {"hook": "a:b"}}
    assert set(ChecksOptions.model_validate(block).leave_out) == set(CLIP_CHECKS)


# near duplicates


def test_two_clips_are_compared_frame_by_frame():
    one, other = hashed(0xFF, 0xF0F0), hashed(0xFE, 0xF0F7)  # 1 bit and 3 bits: 2 on average
    assert near_duplicates({"a": one, "b": other}, 2.0) == {"b": Near("a", 2.0)}
    assert near_duplicates({"a": one, "b": other}, 1.9) == {}
    assert near_duplicates({"a": one, "b": other[:1]}, 64.0) == {}  # not as many frames
    assert near_duplicates({"a": (), "b": ()}, 5.0) == {}  # never measured


def test_flat_frames_say_nothing():
    flat = 0
    assert near_duplicates({"a": hashed(flat, flat), "b": hashed(flat, flat)}, 5.0) == {}
    # beside the flat frames of a fade-in there is one, 8 bits apart: 8 on average, not 2
    fading, other = hashed(flat, flat, flat, 0xFF), hashed(flat, flat, flat, 0xFF00FF00)
    assert near_duplicates({"a": fading, "b": other}, 5.0) == {}
    assert near_duplicates({"a": fading, "b": fading}, 5.0) == {"b": Near("a", 0.0)}
    # a frame that is flat in one of them counts
    assert near_duplicates({"a": hashed(flat, 0xF), "b": hashed(0xFFFF, 0xF)}, 8.0) == {
        "b": Near("a", 8.0)
    }


def test_all_but_the_first_of_a_group_are_found_and_a_chain_is_no_group():
    # b is 4 bits from a, c 4 from b and 8 from a: c repeats no clip that stays
    chain = {"a": hashed(0x1), "b": hashed(0x1F), "c": hashed(0x1FF)}
    assert near_duplicates(chain, 4.0) == {"b": Near("a", 4.0)}
    assert near_duplicates(chain, 8.0) == {"b": Near("a", 4.0), "c": Near("a", 8.0)}


def brute(hashes: dict[str, tuple[str, ...]], bits: float) -> dict[str, Near]:
    """The docstring, word by word."""
    found: dict[str, Near] = {}
    for at, (name, own) in enumerate(hashes.items()):
        for other, theirs in itertools.islice(hashes.items(), at):
            if other in found or len(theirs) != len(own):
                continue
            pairs = [(int(a, 16), int(b, 16)) for a, b in zip(own, theirs, strict=True)]
            told_of = [(a ^ b).bit_count() for a, b in pairs if a or b]
            if told_of and sum(told_of) / len(told_of) <= bits:
                found[name] = Near(other, round(sum(told_of) / len(told_of), 4))
                break
    return found


@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 40),
    frames=st.integers(1, 9),
    bits=st.sampled_from([0.0, 0.5, 3.0, 5.0, 12.0, 31.0]),
    block=st.sampled_from([1, 3, 128]),
    share=st.sampled_from([None, 0.0, 1 / 16, 1e9]),
)
def test_nothing_is_missed_and_nothing_made_up(seed, n, frames, bits, block, share):
    """Clips a few bits around a few scenes, some frames flat: all with all in blocks of any size, or those
    that agree in parts, given up where they are too many."""
    rng = np.random.default_rng(seed)
    scenes = rng.integers(0, 2**64, (3, frames), np.uint64)
    words = scenes[rng.integers(0, 3, n)]
    for _ in range(rng.integers(0, 12)):
        words ^= np.uint64(1) << rng.integers(0, 64, words.shape, np.uint64)
    words[rng.random(words.shape) < 0.2] = 0
    lengths = rng.integers(1, frames + 1, n) if seed % 2 else [frames] * n
    hashes = {f"v{i:02}": hashed(*map(int, words[i, : lengths[i]])) for i in range(n)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "BLOCK", block)
        patch.setattr(duplicates, "PAIRS", 7)
        patch.setattr(near_pairs, "PIECE", 5)
        if share is not None:
            patch.setattr(duplicates, "FEW", 0)
            patch.setattr(near_pairs, "SHARE", share)
        assert near_duplicates(hashes, bits) == brute(hashes, bits)


def test_a_pair_that_only_its_flat_frame_gives_away_is_found_among_many():
    # 1 bit in the first frame, flat in one of them; in the second 9 bits, three in every third of the hash
    other = 0x7 | 0x7 << 24 | 0x7 << 50
    words = np.array([[0, 0xF0F0], [0x1, 0xF0F0 ^ other]], np.uint64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_pairs, "SHARE", 1e9)  # of two rows all pairs may be looked at
        later, earlier, distance = near_pairs.near_pairs(words, 5.0)
    assert (later.tolist(), earlier.tolist(), distance.tolist()) == ([1], [0], [5.0])


# all checks


def test_a_row_says_what_is_found_and_what_is_left_out():
    clips = [
        clip("a", "p", perceptual_hash=hashed(0xFF)),
        clip("b", "p", perceptual_hash=hashed(0xFE), motion=0.0),
        clip("c", "q", perceptual_hash=hashed(0xFD)),
        clip("d", "r", perceptual_hash=hashed(0xFC)),
    ]
    rows, failures = check_clips(clips, ChecksOptions(leave_out=("near_duplicate",)), SPLITS, {})
    told_of = {
        r.video_id: (r.found, r.near_duplicate_of, r.across_prompts, r.across_splits, r.left_out)
        for r in rows
    }
    assert told_of == {
        "a": ((), None, None, None, False),
        "b": (("frozen", "near_duplicate"), "a", False, False, True),
        "c": (("near_duplicate",), "a", True, True, True),  # p is of train, q of test
        "d": (("near_duplicate",), "a", True, False, True),
    }
    assert [(f.stage, f.key, f.reason) for f in failures] == [
        ("check", v, Reason.NEAR_DUPLICATE) for v in "bcd"
    ]
    assert failures[0].message == (
        "its frames' perceptual hashes differ from those of a in 1 of 64 bits on average "
        "(checks.near_duplicate_bits: 5)"
    )
    assert told(rows) == "check: 1 frozen, 3 near duplicates (1 across splits), 3 left out"


def test_a_clip_that_is_left_out_stands_for_none_that_stays():
    clips = [
        clip("a", perceptual_hash=hashed(0xFF), motion=0.0),
        clip("b", perceptual_hash=hashed(0xFF)),
        clip("c", perceptual_hash=hashed(0xFF)),
    ]
    options = ChecksOptions(leave_out=("frozen", "near_duplicate"))
    rows, failures = check_clips(clips, options, SPLITS, {})
    assert [(r.video_id, r.near_duplicate_of, r.left_out) for r in rows] == [
        ("a", "b", True),
        ("b", None, False),
        ("c", "b", True),
    ]
    assert [f.reason for f in failures] == [Reason.FROZEN, Reason.NEAR_DUPLICATE]
    assert "luma changes" in failures[0].message  # one row, with all of its reasons
    assert "perceptual hashes" in failures[0].message
    flagged, none = check_clips(clips, ChecksOptions(), SPLITS, {})
    assert [r.near_duplicate_of for r in flagged] == [None, "a", "a"]
    assert none == []


def test_a_near_duplicate_in_another_split_is_a_leak_that_is_told_either_way():
    clips = [
        clip("a", "p", perceptual_hash=hashed(0xFF)),
        clip("b", "q", perceptual_hash=hashed(0xFF)),
    ]
    rows, _ = check_clips(clips, ChecksOptions(), SPLITS, {})
    (note,) = notes_on(rows, SPLITS, hooked=False)
    assert "1 near duplicate stands in another split" in note
    assert "b in test, a in train" in note
    assert "it is judged" in note
    rows, _ = check_clips(clips, ChecksOptions(leave_out=("near_duplicate",)), SPLITS, {})
    (note,) = notes_on(rows, SPLITS, hooked=False)
    assert note.endswith("it is left out")
    same, _ = check_clips(clips, ChecksOptions(), {"p": "train", "q": "train"}, {})
    assert notes_on(same, SPLITS, hooked=False) == ()


# the NSFW hook

ASKED: list[list[bytes]] = []


def redness(jpegs: list[bytes]) -> float | None:
    """A hook: what the last byte says, of 100; nothing of a clip that begins with a question mark."""
    ASKED.append(jpegs)
    if jpegs[0] == b"!":
        raise ValueError("no picture")
    return None if jpegs[0] == b"?" else jpegs[-1][-1] / 100


A_NUMBER = 3
HOOK = NsfwOptions(hook=f"{__name__}:redness")


@pytest.fixture
def frames(tmp_path: Path) -> Store:
    ASKED.clear()
    return Store(str(tmp_path / "frames"))


def with_frames(store: Store, video: str, *jpegs: bytes) -> Measured:
    for jpeg in jpegs:
        store.put(blob_name(sha256_hex(jpeg), ".jpg"), jpeg)
    return clip(video, jpeg_sha256=tuple(sha256_hex(jpeg) for jpeg in jpegs))


def test_the_hook_is_asked_once_about_each_clip(tmp_path, frames):
    clips = [with_frames(frames, "a", b"x", bytes([80])), with_frames(frames, "b", b"?")]
    kept = tmp_path / "work" / "nsfw.jsonl"
    assert nsfw_values(clips, HOOK, frames, kept) == {"a": 0.8, "b": None}
    assert [[b"x", bytes([80])], [b"?"]] == ASKED
    kept.write_text(kept.read_text() + '\n["cut')  # as a run that was killed leaves it
    more = [*clips, with_frames(frames, "c", bytes([30]))]
    assert nsfw_values(more, HOOK, frames, kept) == {"a": 0.8, "b": None, "c": 0.3}
    assert nsfw_values(more, HOOK, frames, kept)["c"] == 0.3
    assert len(ASKED) == 3
    assert nsfw_values(clips[:1], NsfwOptions(hook=f"{__name__}:blind"), frames, kept) == {"a": 0.0}


def blind(jpegs: list[bytes]) -> float:
    return 0.0


def wild(jpegs: list[bytes]) -> float:
    return {b"n": float("nan"), b"b": 1.5, b"s": "half"}[jpegs[0]]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("hook", "jpeg", "said"),
    [
        ("redness", b"!", "failed on clip b: ValueError: no picture"),
        ("wild", b"n", "it gave nan"),
        ("wild", b"b", "it gave 1.5"),
        ("wild", b"s", "could not convert"),
    ],
)
def test_a_hook_that_fails_lets_no_clip_pass(tmp_path, frames, hook, jpeg, said):
    options = NsfwOptions(hook=f"{__name__}:{hook}")
    with pytest.raises(HookError, match=said):
        nsfw_values([with_frames(frames, "b", jpeg)], options, frames, tmp_path / "kept")


def test_what_was_told_before_a_failure_is_kept(tmp_path, frames):
    clips = [with_frames(frames, "a", bytes([80])), with_frames(frames, "b", b"!")]
    with pytest.raises(HookError):
        nsfw_values(clips, HOOK, frames, tmp_path / "kept")
    assert nsfw_values(clips[:1], HOOK, frames, tmp_path / "kept") == {"a": 0.8}
    assert len(ASKED) == 2
    (line,) = (tmp_path / "kept").read_text().split("\n")[1:]
    assert json.loads(line)[1] == 0.8


@pytest.mark.parametrize(
    "name", ["no_such_module:f", f"{__name__}:no_such_function", f"{__name__}:A_NUMBER"]
)
def test_a_hook_that_is_not_there_is_refused_by_name(name):
    with pytest.raises(SetupError, match=f"checks.nsfw.hook: {name}"):
        load_hook(NsfwOptions(hook=name))


def test_a_hook_whose_module_breaks_is_refused(tmp_path, monkeypatch):
    (tmp_path / "broken_hook.py").write_text("raise RuntimeError('no weights')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SetupError, match="no weights"):
        load_hook(NsfwOptions(hook="broken_hook:f"))
    sys.modules.pop("broken_hook", None)


def test_clips_without_a_value_are_told_of():
    rows, _ = check_clips([clip("a"), clip("b")], ChecksOptions(nsfw=HOOK), SPLITS, {"a": 0.1})
    (note,) = notes_on(rows, SPLITS, hooked=True)
    assert "no value for 1 clip;" in note


# real clips


def test_real_clips_are_not_flagged_and_their_originals_are_found_again(test_data):
    """FETV: none of 35 clips meets a rule or repeats another (the nearest of all 9,730 pairs of the
    140 differ in 19 bits); four MP4 files are the GIF files beside them, encoded anew."""
    options, frames = ChecksOptions(), FramesOptions()
    files = [
        *sorted((test_data / "fetv" / "videos").glob("*.mp4"))[::4],
        *sorted((test_data / "fetv" / "gif").glob("0001__cogvideo.gif")),
    ]
    hashes = {}
    for file in files:
        decoded = decode(str(file), frames, policy_of(frames, file.name), reduced)
        found = measure(decoded.taken)
        hashes[file.name] = found.perceptual_hash
        seen = clip(
            file.stem,
            black_frames=found.black_frames,
            motion=found.motion,
            letterbox=found.letterbox,
            n_frames_in_clip=len(decoded.timeline.pts),
            duration_s=decoded.timeline.duration_s,
        )
        assert findings(seen, options) == {}, file.name
    assert len(files) == 36
    near = near_duplicates(hashes, options.near_duplicate_bits)
    assert near.keys() == {"0001__cogvideo.gif"}
    assert near["0001__cogvideo.gif"].of == "0001__cogvideo.mp4"
