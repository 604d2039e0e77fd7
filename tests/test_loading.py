"""Loading a model leaves those alone that compute, and other models that are loaded at the same time."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import tiny_clip
import tiny_vlm
import torch
from questions import question, resources

from annotators.base import Resources
from annotators.embedding import EmbeddingSpec
from annotators.loading import Turns
from annotators.local import TransformersSpec
from schemas import Annotation


def test_whoever_loads_is_alone_and_those_who_compute_are_many() -> None:
    turns, lock = Turns(), threading.Lock()
    now = {"loading": 0, "computing": 0}
    seen: set[tuple[int, int]] = set()
    together = threading.Barrier(3)

    def work(kind: str) -> None:
        with getattr(turns, kind)():
            with lock:
                now[kind] += 1
                seen.add((now["loading"], now["computing"]))
            if kind == "computing" and not together.broken:
                together.wait(10)  # passes only if three compute at the same time
            with lock:
                now[kind] -= 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, ["computing"] * 3))
        together.abort()
        list(pool.map(work, ["loading", "computing", "computing"] * 50))
    assert (0, 3) in seen
    assert {pair for pair in seen if pair[0]} == {(1, 0)}


def test_a_loader_that_waits_goes_before_those_who_come_to_compute() -> None:
    turns, order = Turns(), []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with turns.computing():
            inside.set()
            assert leave.wait(10)
            order.append("first")

    def load() -> None:
        with turns.loading():
            order.append("load")

    def late() -> None:
        with turns.computing():
            order.append("late")

    threads = [threading.Thread(target=job) for job in (first, load, late)]
    threads[0].start()
    assert inside.wait(10)
    threads[1].start()
    while not turns._wanting:
        pass
    threads[2].start()
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "load", "late"]


def test_a_load_that_fails_lets_the_others_go_on() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="no model"), turns.loading():
        raise ValueError("no model")
    with turns.computing(), turns.computing():
        pass
    with turns.loading():
        pass


def _score(clip: Path, place: Resources) -> float:
    spec = EmbeddingSpec(metric="clip_score", model=str(clip), dimension=None)
    judge = spec.open(place)
    (row,) = judge.submit(
        question(tiny_clip.frame_set(place.frames, tiny_clip.noise(2), "a kite"))
    ).result(60)
    judge.close()
    assert isinstance(row, Annotation), row
    return row.score


def test_a_model_in_bfloat16_that_loads_meanwhile_changes_nothing(tmp_path: Path) -> None:
    """Each round loads both anew, at once; without turns some round mixes their types, and torch may
    be left with bfloat16 for all that follows."""
    place = resources(tmp_path)
    clip, vlm = tmp_path / "clip", tmp_path / "vlm"
    tiny_clip.save(clip)
    tiny_vlm.tiny_vlm(vlm, "llava")
    alone = _score(clip, place)
    for _ in range(12):
        loaded = threading.Thread(
            target=lambda: TransformersSpec(model=str(vlm), dtype="bfloat16").open(place).close()
        )
        loaded.start()
        assert _score(clip, place) == alone
        loaded.join(60)
        assert torch.get_default_dtype() == torch.float32
