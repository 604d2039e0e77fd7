"""One copy of a model per process, however many annotators ask it and however often they are opened."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from annotators.loading import loading
from annotators.local.spec import TransformersSpec
from schemas.ids import canonical_json

if TYPE_CHECKING:
    from annotators.local.engine import Engine

_OF_THE_MODEL = (
    "model", "revision", "dtype", "device", "device_map", "quantization", "attn_implementation",
    "trust_remote_code", "processor",
)  # fmt: skip
_engines: "dict[str, Engine]" = {}
_users: Counter[str] = Counter()
_lock = threading.Lock()


def _key(spec: TransformersSpec) -> str:
    block = spec.model_dump(mode="json", include=set(_OF_THE_MODEL))
    return canonical_json({**block, "revision": spec.weights})


def enter(spec: TransformersSpec) -> "Engine":
    """The engine of a spec's model, loaded if it is not. Every call is paired with :func:`leave`."""
    key = _key(spec)
    with _lock:
        if key not in _engines:
            _engines[key] = _open(spec)
        engine = _engines[key]
        engine.grow(spec.batch_size)
        _users[key] += 1
        return engine


def leave(spec: TransformersSpec) -> None:
    """The last one to leave lets go of the model and its memory, before anybody loads another."""
    key = _key(spec)
    with _lock:
        _users[key] -= 1
        if _users[key] > 0:
            return
        del _users[key]
        if engine := _engines.pop(key, None):
            from annotators.local.device import release

            engine.close()
            del engine
            release()


@contextlib.contextmanager
def held(spec: TransformersSpec) -> Iterator[None]:
    """While the block runs, the model stays loaded once it was loaded here. None is loaded for it."""
    key = _key(spec)
    with _lock:
        _users[key] += 1
    try:
        yield
    finally:
        leave(spec)


def _open(spec: TransformersSpec) -> "Engine":
    from annotators.local.engine import Engine
    from annotators.local.load import load

    with loading():
        return Engine(load(spec), spec.batch_size)
