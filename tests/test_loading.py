"""Loading a model leaves those alone that compute, and other models that are loaded at the same time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tiny_clip
import tiny_vlm
import torch
import transformers
from questions import question, resources

from annotators.embedding import EmbeddingSpec, towers
from annotators.loading import Turns
from annotators.local import TransformersSpec, share
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


def test_no_model_is_loaded_or_asked_while_another_one_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = resources(tmp_path)
    clip, vlm = tmp_path / "clip", tmp_path / "vlm"
    tiny_clip.save(clip)
    tiny_vlm.tiny_vlm(vlm, "llava")
    inside, wanted = threading.Event(), threading.Event()
    seen: list[tuple[str, bool]] = []

    def slow(load: Any) -> Any:
        def loaded(*args: Any, **kwargs: Any) -> Any:
            inside.set()
            assert wanted.wait(30)
            time.sleep(0.5)  # whoever takes no turns comes in here
            try:
                return load(*args, **kwargs)
            finally:
                inside.clear()

        return loaded

    def noted(name: str, work: Any) -> Any:
        def done(*args: Any, **kwargs: Any) -> Any:
            seen.append((name, inside.is_set()))
            return work(*args, **kwargs)

        return done

    auto = transformers.AutoModelForImageTextToText
    monkeypatch.setattr(auto, "from_pretrained", slow(auto.from_pretrained))
    monkeypatch.setattr(towers, "load", noted("load", towers.load))
    monkeypatch.setattr("annotators.embedding.annotator.load", towers.load)
    monkeypatch.setattr(towers.Towers, "_embedded", noted("ask", towers.Towers._embedded))
    chat = TransformersSpec(model=str(vlm), dtype="bfloat16")
    spec = EmbeddingSpec(metric="clip_score", model=str(clip), dimension=None)
    asked = question(tiny_clip.frame_set(place.frames, tiny_clip.noise(2), "a kite"))

    def meanwhile(work: Any) -> Any:
        wanted.clear()
        loading = threading.Thread(target=lambda: (share.enter(chat), share.leave(chat)))
        loading.start()
        assert inside.wait(30)
        wanted.set()
        found = work()
        loading.join(30)
        return found

    judge = meanwhile(lambda: spec.open(place))
    (row,) = meanwhile(lambda: judge.submit(asked).result(30))
    judge.close()
    assert isinstance(row, Annotation)
    assert seen == [("load", False), ("ask", False)]
    assert torch.get_default_dtype() == torch.float32
