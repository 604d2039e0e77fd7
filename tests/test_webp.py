"""Animated WebP: Pillow alone reads it."""

from pathlib import Path

import numpy as np
import pytest
from coded_clips import HEIGHT, WIDTH, write_webp
from decoders_apart import NAMED, Seen, see

from pipeline.media.decode import decode
from pipeline.media.decoders.webp import webp_header
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from pipeline.media.probe import probe
from schemas import Reason

TEN = tuple(range(10))
EIGHTHS = tuple(i / 8 for i in TEN)  # eight frames a second


def webp(path: Path, **options: object) -> Seen | tuple[Reason, str]:
    return see(str(path), **options)


def test_an_animated_webp(tmp_path: Path) -> None:
    seen = webp(write_webp(tmp_path / "a.webp", TEN, ms=125))
    assert isinstance(seen, Seen)
    assert (seen.decoder, seen.numbers, seen.times_s) == ("pillow", TEN, EIGHTHS)
    assert (seen.width_px, seen.height_px, seen.keys, seen.notes) == (WIDTH, HEIGHT, None, ())


def test_an_animated_webp_without_delays_has_no_times(tmp_path: Path) -> None:
    clip = write_webp(tmp_path / "a.webp", TEN, ms=0)
    seen = webp(clip)
    assert isinstance(seen, Seen)
    assert (seen.numbers, set(seen.times_s)) == (TEN, {None})
    options = FramesOptions(policy="fps", fps=2)
    with pytest.raises(MediaError) as refused:
        decode(str(clip), options, policy_of(options, ""), lambda rgb: None)
    assert refused.value.reason is Reason.NO_TIMES


def test_a_webp_that_lets_light_through_shows_its_colours(tmp_path: Path) -> None:
    seen = webp(write_webp(tmp_path / "a.webp", TEN, alpha=128))
    assert isinstance(seen, Seen)
    assert (seen.numbers, seen.notes) == (TEN, ("alpha",))


@pytest.mark.parametrize("decoder", NAMED)
def test_other_decoders_are_refused_for_webp(tmp_path: Path, decoder: str) -> None:
    clip = write_webp(tmp_path / "a.webp", TEN)
    found = webp(clip, decoder=decoder)
    assert isinstance(found, tuple)
    assert found[0] is Reason.WRONG_DECODER
    assert found[1].startswith(f"{clip}: ")
    assert found[1].endswith("set frames.decoder: auto")


@pytest.mark.parametrize(
    "limit", [{"max_bytes": 100}, {"max_pixels": WIDTH * HEIGHT - 1}, {"max_frames": 9}]
)
def test_limits_hold_for_webp(tmp_path: Path, limit: dict[str, int]) -> None:
    clip = write_webp(tmp_path / "a.webp", TEN)
    found = webp(clip, **limit)
    assert isinstance(found, tuple)
    assert found[0] is Reason.TOO_LARGE
    assert f"frames.{next(iter(limit))}" in found[1]
    with pytest.raises(MediaError, match=f"frames.{next(iter(limit))}"):
        probe(str(clip), FramesOptions(**limit))


def test_a_webp_that_claims_a_huge_canvas_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    clip = write_webp(tmp_path / "a.webp", TEN)
    data = bytearray(clip.read_bytes())
    at = data.index(b"VP8X") + 12
    data[at : at + 6] = b"\xff" * 6  # 2^24 by 2^24 pixels
    with pytest.raises(MediaError, match="16777216 x 16777216") as refused:
        webp_header(str(clip), bytes(data), FramesOptions())
    assert refused.value.reason is Reason.TOO_LARGE


def test_a_damaged_webp_is_undecodable(tmp_path: Path) -> None:
    whole = write_webp(tmp_path / "a.webp", TEN).read_bytes()
    rng = np.random.default_rng(3)
    (tmp_path / "cut.webp").write_bytes(whole[: len(whole) // 2])
    cut = webp(tmp_path / "cut.webp")
    assert isinstance(cut, tuple)
    assert cut[0] is Reason.UNDECODABLE
    for _ in range(60):
        data = bytearray(whole)
        for at in rng.integers(12, len(data), 8):
            data[at] = rng.integers(256)
        (tmp_path / "m.webp").write_bytes(data)
        found = webp(tmp_path / "m.webp", max_frames=100, max_pixels=2**16)
        assert isinstance(found, Seen) or found[0] in (Reason.UNDECODABLE, Reason.TOO_LARGE)


def test_the_header_of_a_webp(tmp_path: Path) -> None:
    clip = write_webp(tmp_path / "a.webp", TEN, ms=125)
    header = probe(str(clip), FramesOptions())
    assert (header.width_px, header.height_px, header.n_frames) == (WIDTH, HEIGHT, 10)
    assert (header.fps, header.n_bytes) == (8.0, clip.stat().st_size)
