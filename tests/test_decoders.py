"""The decoders agree: on every clip of the test data, for every policy, and on known colours."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import pytest
from coded_clips import write_colour
from decoders_apart import HAS_DECORD, NAMED, Agreement, Seen, compare, process, see

from schemas import Reason

SECONDS = 300  # a decoder that hangs fails the test, a busy machine does not
FAR = 0.3  # of 255, in the mean: the next frame of a clip with little movement is as near as 0.4


@pytest.fixture(scope="module")
def apart() -> Iterator[ProcessPoolExecutor]:
    with process() as pool:
        yield pool


def kind_of(clip: Path) -> str:
    with av.open(str(clip)) as opened:
        streams = [s for s in opened.streams.video]
        several = f" x{len(streams)}" if len(streams) > 1 else ""
        return f"{clip.suffix[1:]} {streams[0].codec_context.name}{several}"


def table(clips: Sequence[Path], apart: ProcessPoolExecutor) -> dict[str, list[Agreement]]:
    """How the decoders agree, by kind of clip; printed, so that ``pytest -s`` shows it."""
    kinds: dict[str, list[Agreement]] = {}
    for clip in clips:
        agreement = apart.submit(compare, str(clip)).result(SECONDS)
        kinds.setdefault(kind_of(clip), []).append(agreement)
    for kind, found in kinds.items():
        print(f"\n{kind}: {len(found)} clips", end="")
        for pair in sorted({pair for one in found for pair in one.worst}):
            worst = max(one.worst[pair] for one in found if pair in one.worst)
            print(f"; {' and '.join(pair)} {worst:.3f}", end="")
        for name, reason in sorted({item for one in found for item in one.refused.items()}):
            print(f"; {name} refused ({reason})", end="")
    print()
    return kinds


def check(kinds: dict[str, list[Agreement]]) -> None:
    for kind, found in kinds.items():
        for one in found:
            assert one.same_indices, kind
            assert one.worst_time_s <= 1e-6, kind
            assert all(worst <= FAR for worst in one.worst.values()), (kind, one.worst)
            assert ("pyav", "ffmpeg") in one.worst, kind
            assert set(one.refused) <= {"decord"}
            assert set(one.refused.values()) <= {Reason.WRONG_DECODER}


def all_clips(test_data: Path) -> list[Path]:
    folders = ("real", "fetv/gif", "videoalign/videos", "fetv/videos")
    return [clip for folder in folders for clip in sorted((test_data / folder).iterdir())]


def test_decoders_agree_on_real_clips(test_data: Path, apart: ProcessPoolExecutor) -> None:
    clips = all_clips(test_data)
    kinds = table(clips[: 5 + 4 + 6 + 4], apart)  # the rest of FETV is of one kind
    check(kinds)
    # Everything but GIF, AV1 and the clip with two video streams is read by all three.
    refused = {kind for kind, found in kinds.items() if any(one.refused for one in found)}
    assert refused == ({"gif gif", "mkv libdav1d", "mp4 h264 x2"} if HAS_DECORD else set())


@pytest.mark.slow
def test_decoders_agree_on_every_real_clip(test_data: Path, apart: ProcessPoolExecutor) -> None:
    clips = all_clips(test_data)
    kinds = table(clips, apart)
    check(kinds)
    assert sum(map(len, kinds.values())) == len(clips) == 5 + 4 + 6 + 140


@pytest.mark.parametrize(
    "policy",
    [
        {"policy": "segment_centres"},
        {"policy": "random_per_segment", "seed": 3},
        {"policy": "fps", "fps": 2},
        {"policy": "key_frames"},
        {"policy": "first_middle_last"},
    ],
)
def test_every_policy_takes_the_same_frames_with_every_decoder(
    test_data: Path, apart: ProcessPoolExecutor, policy: dict[str, object]
) -> None:
    clips = [clip for clip in all_clips(test_data) if clip.stat().st_size < 700_000]
    for clip in [*clips[:5], clips[-1]]:
        found = apart.submit(compare, str(clip), **policy).result(SECONDS)
        if clip.suffix == ".gif" and "fps" in policy:  # these have delays of zero
            assert found.refused["pyav"] is found.refused["ffmpeg"] is Reason.NO_TIMES
            continue
        assert ("pyav", "ffmpeg") in found.worst, (clip, found.refused)
        assert found.same_indices, clip
        assert found.worst_time_s <= 1e-6, clip
        assert all(worst <= FAR for worst in found.worst.values()), clip


@pytest.mark.parametrize("decoder", NAMED)
@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        # Stored: Y = 120, Cb = 100, Cr = 170. Limited range: y = 104 / 219 = 0.4749, pb = -28 / 224 =
        # -0.125, pr = 42 / 224 = 0.1875; full range: y = 120 / 255, pb = -28 / 255, pr = 42 / 255.
        # R = y + 2 (1 - Kr) pr, B = y + 2 (1 - Kb) pb, G = (y - Kr R - Kb B) / (1 - Kr - Kb), with
        # Kr, Kb = 0.299, 0.114 (BT.601) or 0.2126, 0.0722 (BT.709).
        ("colormatrix=smpte170m", (188, 98, 65)),
        ("colormatrix=bt709", (196, 105, 62)),
        ("colormatrix=smpte170m:fullrange=on", (179, 100, 70)),
        ("colormatrix=bt709:fullrange=on", (186, 106, 68)),
        ("colormatrix=undef", (188, 98, 65)),  # without a tag: BT.601, limited
    ],
)
def test_known_colours(
    tmp_path: Path,
    apart: ProcessPoolExecutor,
    decoder: str,
    tags: str,
    expected: tuple[int, int, int],
) -> None:
    clip = write_colour(tmp_path / "a.mp4", (120, 100, 170), tags)
    seen = apart.submit(see, str(clip), decoder=decoder).result(SECONDS)
    assert isinstance(seen, Seen), seen
    assert len(seen.middles) == 4
    for colour in seen.middles:
        assert max(abs(a - b) for a, b in zip(colour, expected, strict=True)) <= 2, colour
