"""Frozen parts encoded once: the same rewards as from pixels, and never a row of something else."""

import dataclasses
import logging
import pickle
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_clip
import tiny_siglip
import torch
from numpy.typing import NDArray
from torch import Tensor
from videorm_run import write_frames

from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.frame_index import index_frames
from pipeline.videorm.data.frames import StreamedClips, clips_of
from pipeline.videorm.model.build import build
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training import feature_store
from pipeline.videorm.training.feature_store import EncodedClips
from pipeline.videorm.training.features import encode_clips, encode_texts

CPU = torch.device("cpu")
N, T = 6, 4
PROMPTS = ["a red kite", "blue"]


@dataclasses.dataclass
class Counted:
    """Clips that remember which rows were read."""

    held: HeldClips
    read_rows: list[int] = dataclasses.field(default_factory=list)

    @property
    def video_ids(self) -> tuple[str, ...]:
        return self.held.video_ids

    @property
    def keys(self) -> tuple[str, ...]:
        return self.held.keys

    @property
    def depth(self) -> int | None:
        return None

    def read(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        self.read_rows += rows.tolist()
        return self.held.read(rows)


def clips(names: str = "abcdef", seed: int = 0) -> Counted:
    """Of each name its own pixels, whatever stands beside it; every third clip is short."""
    frames = np.stack(
        [
            np.random.default_rng((seed, ord(n))).integers(0, 256, (T, 3, 32, 32), np.uint8)
            for n in names
        ]
    )
    valid = np.array([[True] * T if ord(n) % 3 else [True, True, False, False] for n in names])
    keys = tuple(f"{seed}{n}" * 32 for n in names)
    return Counted(HeldClips(video_ids=tuple(names), keys=keys, frames=frames, valid=valid))


@pytest.fixture(scope="module")
def trunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trunks")
    tiny_clip.save(root / "clip")
    tiny_clip.save(root / "other", seed=1)
    tiny_siglip.save(root / "siglip")
    return root


def model(trunk: Path, *, arm: str = "videorm", moved: bool = True, **change: Any) -> VideoRM:
    given = {"frames": T, "head": {"heads": 2}, "shift": {"blocks": "all"}} | change
    made = build(VideoRMOptions(trunk=str(trunk), **given), arm, ["one", "two"], [])
    if moved:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for part in (made.head, made.readout):
                for p in part.parameters():
                    p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return made.eval()


def encoded(
    made: VideoRM,
    shown: Counted,
    folder: Path,
    depth: int = 2,
    rows: Sequence[int] | None = None,
    **change: Any,
) -> EncodedClips:
    given = {"device": CPU, "dtype": torch.float32, "batch_clips": 2} | change
    return encode_clips(made, shown, rows, depth, folder, **given)


def rewards(made: VideoRM, shown: Any, depth: int | None) -> Tensor:
    seen, valid = shown.read(np.arange(N))
    seen = seen.float() / 255 if depth is None else seen
    with torch.no_grad():
        return made(made.encode(PROMPTS), seen, valid, torch.arange(N) % 2, depth)


# ---------------------------------------------------------------------------------------- the same


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("placement", ["branch", "input"])
@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_rewards_from_the_cache_are_those_from_pixels(
    trunks: Path, tmp_path: Path, kind: str, placement: str, depth: int
) -> None:
    """With the shift inside what is frozen, and with padded clips."""
    made = model(trunks / kind, shift={"blocks": "all", "placement": placement, "fraction": 0.25})
    pixels = rewards(made, clips(), None)
    assert pixels.std(dim=0).min() > 1e-3  # clips are told apart, so the test can fail
    for dtype, tolerance in (
        (torch.float32, 1e-5), (torch.float16, 5e-3), (torch.bfloat16, 5e-2),
    ):  # fmt: skip
        kept = encoded(made, clips(), tmp_path, depth, dtype=dtype)
        assert kept.depth == depth
        assert (kept.video_ids, kept.keys) == (clips().video_ids, clips().keys)
        seen, valid = kept.read(np.array([2, 0]))
        assert seen.dtype == dtype  # as stored; the model widens it
        assert valid.tolist() == [[True, True, False, False], [True] * 4]
        assert seen[0, 2:].abs().max() == 0  # nothing of what stood in the padding is kept
        assert (rewards(made, kept, depth) - pixels).abs().max() < tolerance * pixels.abs().max()


def test_a_prefix_below_blocks_that_learn(trunks: Path, tmp_path: Path) -> None:
    made = model(trunks / "clip", training={"train_blocks": 1})
    kept = encoded(made, clips(), tmp_path, depth=1)
    assert torch.allclose(rewards(made, kept, 1), rewards(made, clips(), None), atol=1e-5)
    with torch.no_grad():  # a step of training: what is kept stays true
        for p in made.trunk.blocks[1].parameters():
            p.add_(0.1)
    assert torch.allclose(rewards(made, kept, 1), rewards(made, clips(), None), atol=1e-5)
    again = clips()
    encoded(made, again, tmp_path, depth=1)
    assert again.read_rows == [0]  # a look at the shape, nothing passed
    with pytest.raises(
        ValueError, match="depth 2: frozen is the image tower to 1; the rest learns"
    ):
        encoded(made, clips(), tmp_path, depth=2)


def test_the_models_mode_is_left_alone(trunks: Path, tmp_path: Path) -> None:
    made = model(trunks / "clip").train()
    encoded(made, clips(), tmp_path)
    assert made.training
    assert made.readout.training
    assert not made.trunk.blocks[0].training  # frozen


# --------------------------------------------------------------------------------- once, and shared


def test_what_is_there_is_not_encoded_again(trunks: Path, tmp_path: Path) -> None:
    made, told = model(trunks / "clip"), []
    encoded(made, clips(), tmp_path, progress=lambda done, of: told.append((done, of)))
    assert told == [(2, 6), (4, 6), (6, 6)]
    again = clips()
    kept = encoded(made, again, tmp_path, progress=lambda *_: pytest.fail("encoded again"))
    assert again.read_rows == [0]
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)


def test_a_dataset_that_shares_clips_shares_their_features(trunks: Path, tmp_path: Path) -> None:
    made = model(trunks / "clip")
    encoded(made, clips("abc"), tmp_path)
    other = clips("xbcaay")  # others, the same in another order, one twice
    kept = encoded(made, other, tmp_path)
    assert other.read_rows == [0, 0, 5]  # the look at the shape; then x and y alone
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips("xbcaay"), None), atol=1e-5)


def test_two_rows_of_the_same_frames_are_encoded_once(trunks: Path, tmp_path: Path) -> None:
    shown = clips("aabbba")
    kept = encoded(model(trunks / "clip"), shown, tmp_path)
    assert shown.read_rows == [0, 0, 2]  # the look at the shape, then one of each
    seen, _ = kept.read(np.arange(6))
    assert torch.equal(seen[[0, 0, 2, 2]], seen[[1, 5, 3, 4]])


def test_only_the_rows_asked_for_are_encoded(trunks: Path, tmp_path: Path) -> None:
    made, shown = model(trunks / "clip"), clips()
    kept = encoded(made, shown, tmp_path, rows=[1, 4])
    assert set(shown.read_rows) == {1, 4}
    whole = encoded(made, clips(), tmp_path / "whole").read(np.array([4, 1]))[0]
    assert torch.allclose(kept.read(np.array([4, 1]))[0], whole, atol=1e-6)
    with pytest.raises(KeyError, match=r"no features of clip c in .*: encode it first"):
        kept.read(np.array([1, 2]))
    assert encoded(made, shown, tmp_path / "none", rows=[]).depth == 2


@pytest.mark.parametrize(
    "change",
    [
        {"trunk": "other"},
        {"trunk": "siglip"},
        {"options": {"fit": "crop"}},
        {"options": {"shift": {"blocks": "all", "fraction": 0.125}}},
        {"options": {"shift": {"blocks": "all", "placement": "input"}}},
        {"options": {"shift": {"blocks": [0]}}},
        {"arm": "per_frame"},  # no shift
        {"encode": {"dtype": torch.float16}},
        {"encode": {"depth": 1}},
        {"seed": 1},  # other frames under the same names
    ],
)
def test_another_setting_is_another_folder(
    trunks: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    first = encoded(model(trunks / "clip"), clips(), tmp_path)
    made = model(
        trunks / change.get("trunk", "clip"),
        arm=change.get("arm", "videorm"),
        **change.get("options", {}),
    )
    shown = clips(seed=change.get("seed", 0))
    second = encoded(made, shown, tmp_path, **change.get("encode", {}))
    assert sorted(set(shown.read_rows)) == list(range(N))  # missed
    assert (second.folder != first.folder) == ("seed" not in change)
    seen = [kept.read(np.arange(N))[0] for kept in (first, second)]
    if "fit" not in change.get("options", {}):  # what was made of other pixels elsewhere
        assert seen[0].shape != seen[1].shape or not torch.equal(seen[0], seen[1].float())


def test_tokens_of_another_precision_or_size_or_number_of_frames_are_missed(
    trunks: Path, tmp_path: Path
) -> None:
    made = model(trunks / "clip")
    first = encoded(made, clips(), tmp_path)
    held = clips().held
    fewer = dataclasses.replace(held, frames=held.frames[:, :3], valid=held.valid[:, :3])
    assert encoded(made, Counted(fewer), tmp_path).folder != first.folder
    made.trunk.config.vision_config.hidden_act = "quick_gelu"  # the weights do not say
    assert encoded(made, clips(), tmp_path).folder != first.folder


@pytest.mark.parametrize(
    "change",
    [
        {"head": {"heads": 4}},
        {"readout": {"kind": "cosine"}},
        {"seed": 7},
        {"training": {"train_blocks": 1}},
        {"shift": {"blocks": [0]}},  # above the depth nothing matters
    ],
)
def test_what_stands_above_the_frozen_part_does_not_matter(
    trunks: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    encoded(model(trunks / "clip"), clips(), tmp_path, depth=1)
    again = clips()
    encoded(model(trunks / "clip", **change), again, tmp_path, depth=1)
    assert again.read_rows == [0]


def test_clips_that_are_decoded_as_they_are_read_are_read_in_the_order_of_the_disk(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jpegs = {name: tiny_clip.noise(T, seed=ord(name)) for name in "dbca"}  # as the table has them
    write_frames(tmp_path / "run", jpegs, publish=True)
    found = index_frames([tmp_path / "run"]).places(list("abcd"), T)
    given = {"image_size": 32, "fit": "squeeze", "workers": 1, "threads": 1}
    held, streamed = (clips_of(found, (), memory_gb=gb, **given) for gb in (1.0, 0.0))
    made, seen = model(trunks / "clip"), []
    read = StreamedClips.read
    monkeypatch.setattr(
        StreamedClips, "read", lambda self, rows: seen.append(rows.tolist()) or read(self, rows)
    )
    from_disk = encoded(made, streamed, tmp_path / "streamed", batch_clips=3)
    names = [[streamed.video_ids[row] for row in rows] for rows in seen[1:]]
    assert names == [["d", "b", "c"], ["a"]]
    from_memory = encoded(made, held, tmp_path / "held", batch_clips=3)
    pairs = zip(from_disk.read(range(4)), from_memory.read(range(4)), strict=True)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)


# ------------------------------------------------------------------------------- kills and damage


class Killed(BaseException):
    pass


def test_a_stopped_encoding_goes_on_where_it_was(trunks: Path, tmp_path: Path) -> None:
    def stop(done: int, of: int) -> None:
        if done == 4:
            raise Killed

    made = model(trunks / "clip")
    with pytest.raises(Killed):
        encoded(made, clips(), tmp_path, progress=stop)
    again, told = clips(), []
    kept = encoded(made, again, tmp_path, progress=lambda *at: told.append(at))
    assert told == [(2, 2)]
    assert sorted(set(again.read_rows)) == [0, 4, 5]  # 0 for its shape
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)


def test_a_kill_costs_what_was_not_yet_written(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kill -9 leaves it: whole shards, and a part of one under another name."""
    monkeypatch.setattr(feature_store, "SHARD_BYTES", 1)  # a shard for every batch
    made = model(trunks / "clip")
    kept = encoded(made, clips(), tmp_path)
    shards = sorted(kept.folder.glob("*.safetensors"))
    assert len(shards) == 3
    half = shards[0].read_bytes()[:50]
    shards[0].unlink()
    (kept.folder / "0123.part").write_bytes(half)
    told: list[tuple[int, int]] = []
    kept = encoded(made, clips(), tmp_path, progress=lambda *at: told.append(at))
    assert told == [(2, 2)]
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 0x40  # in the values: 2 x 4 x 8 floats, before the 8 bytes of the valid frames
    path.write_bytes(data)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def pickled(path: Path) -> None:
    path.write_bytes(pickle.dumps({"values": [1, 2]}))


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, pickled])
def test_a_damaged_shard_is_told_and_encoded_again(
    trunks: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: Any,
) -> None:
    monkeypatch.setattr(feature_store, "SHARD_BYTES", 1)
    made = model(trunks / "clip")
    kept = encoded(made, clips(), tmp_path)
    shard = sorted(kept.folder.glob("*.safetensors"))[1]
    damage(shard)
    told: list[tuple[int, int]] = []
    with caplog.at_level(logging.WARNING):
        kept = encoded(made, clips(), tmp_path, progress=lambda *at: told.append(at))
    assert f"{shard} is damaged" in caplog.text
    assert told == [(2, 2)]
    assert not shard.exists()
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)


def test_two_at_once_do_each_other_no_harm(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_store, "SHARD_BYTES", 1)
    start, faults = threading.Barrier(2), []

    def work() -> None:
        try:
            made = model(trunks / "clip")
            start.wait()
            for _ in range(3):
                encoded(made, clips(), tmp_path)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    made = model(trunks / "clip")
    kept = encoded(made, clips(), tmp_path, progress=lambda *_: pytest.fail("encoded again"))
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)
    assert not list(kept.folder.glob("*.part"))


# ------------------------------------------------------------------------------- memory and range


def test_a_batch_that_does_not_fit_is_halved_and_stays_so(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, sizes = model(trunks / "clip"), []
    frames = made.trunk.frames

    def small(pixels: Tensor, *rest: Any) -> Tensor:
        sizes.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError("too many")
        return frames(pixels, *rest)

    monkeypatch.setattr(made.trunk, "frames", small)
    kept = encoded(made, clips(), tmp_path, batch_clips=5)
    assert sizes == [5, 2, 2, 1, 1]  # five and one clips
    monkeypatch.undo()
    assert torch.allclose(rewards(made, kept, 2), rewards(made, clips(), None), atol=1e-5)


def test_one_clip_that_does_not_fit_is_told(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: Any) -> Tensor:
        raise torch.OutOfMemoryError("too many")

    made = model(trunks / "clip")
    monkeypatch.setattr(made.trunk, "frames", none)
    with pytest.raises(RuntimeError, match="one clip of 4 frames does not fit the memory of cpu"):
        encoded(made, clips(), tmp_path)


def test_values_that_float16_does_not_hold_are_told_not_kept(trunks: Path, tmp_path: Path) -> None:
    made = model(trunks / "clip")
    with torch.no_grad():
        made.trunk.towers.visual_projection.weight.mul_(1e6)
    with pytest.raises(ValueError, match=r"not finite in torch\.float16: keep them in float32"):
        encoded(made, clips(), tmp_path, dtype=torch.float16)
    assert not list(tmp_path.rglob("*.safetensors"))
    encoded(made, clips(), tmp_path, dtype=torch.bfloat16)


def test_it_travels_to_other_processes_as_paths(trunks: Path, tmp_path: Path) -> None:
    kept = encoded(model(trunks / "clip"), clips(), tmp_path, depth=1)
    seen, _ = kept.read(np.arange(N))
    sent = pickle.dumps(kept)
    assert len(sent) < 2000 < seen.numel() * seen.element_size()
    assert torch.equal(pickle.loads(sent).read(np.arange(N))[0], seen)


# ----------------------------------------------------------------------------------------- prompts


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_prompts_are_embedded_once_each(
    trunks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = model(trunks / kind)
    with torch.no_grad():
        expected = made.trunk.texts(made.encode(PROMPTS))
    texts = encode_texts(made, [*PROMPTS, *PROMPTS], tmp_path, device=CPU)
    assert list(texts) == PROMPTS
    assert torch.allclose(torch.stack(list(texts.values())), expected, atol=1e-5)
    seen = []
    inner = made.trunk.texts
    monkeypatch.setattr(made.trunk, "texts", lambda ids: seen.append(len(ids)) or inner(ids))
    more = encode_texts(made, [*PROMPTS, "a blue kite"], tmp_path, device=CPU)
    assert seen == [1]
    assert torch.equal(more[PROMPTS[0]], texts[PROMPTS[0]])
    # another tower, another folder
    other = model(trunks / ("other" if kind == "clip" else "clip"))
    assert not torch.equal(
        encode_texts(other, PROMPTS, tmp_path, device=CPU)[PROMPTS[0]], texts[PROMPTS[0]]
    )


def test_embeddings_of_prompts_stand_for_their_words(trunks: Path, tmp_path: Path) -> None:
    made = model(trunks / "clip")
    texts = encode_texts(made, PROMPTS, tmp_path, device=CPU)
    seen, valid = clips().read(np.arange(N))
    prompt = torch.arange(N) % 2
    given = torch.stack([texts[p] for p in PROMPTS])
    with torch.no_grad():
        cached = made(given, seen.float() / 255, valid, prompt)
    assert torch.allclose(cached, rewards(made, clips(), None), atol=1e-5)


def test_a_text_tower_that_learns_is_refused_and_no_prompts_are_none(
    trunks: Path, tmp_path: Path
) -> None:
    made = model(trunks / "clip")
    assert encode_texts(made, [], tmp_path, device=CPU) == {}
    made.trunk.towers.text_projection.requires_grad_(True)
    with pytest.raises(ValueError, match="the text tower learns"):
        encode_texts(made, PROMPTS, tmp_path, device=CPU)
