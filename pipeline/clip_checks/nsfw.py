"""The NSFW hook: a function of one's own, asked once about every clip; its values are kept on disk."""

import importlib
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pipeline.clip_checks.options import NsfwOptions
from pipeline.clip_checks.rules import Measured
from schemas.ids import canonical_json, sha256_hex
from schemas.options import SetupError
from schemas.store import Store, blob_name

Hook = Callable[[list[bytes]], float | None]


class HookError(RuntimeError):
    """The hook raised, or gave what is no value; the message names it and the clip."""


def load_hook(options: NsfwOptions) -> Hook:
    """The function that ``package.module:function`` names. Raises :class:`SetupError`."""
    module, _, name = options.hook.partition(":")
    try:
        hook = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a stranger's module raises
        raise SetupError(
            f"checks.nsfw.hook: {options.hook}: {error}; name a function as package.module:function, "
            "and put its folder on PYTHONPATH"
        ) from error
    if not callable(hook):
        raise SetupError(f"checks.nsfw.hook: {options.hook} is no function")
    found: Hook = hook
    return found


def nsfw_values(
    clips: Iterable[Measured], options: NsfwOptions, frames: Store, kept: Path
) -> dict[str, float | None]:
    """What the hook gives for each clip, in 0..1; None where it gave nothing.

    ``kept`` is a file of values, a line each; a clip whose value stands there is not asked about
    again while the hook's name and the clip's frames are the same. Raises :class:`HookError` where
    the hook fails: a clip that nobody could tell anything of must not pass for a safe one.
    """
    hook = load_hook(options)
    known = dict(_known(kept))
    values: dict[str, float | None] = {}
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.open("a", encoding="utf-8") as file:
        for clip in clips:
            key = _key(options, clip)
            if key not in known:
                known[key] = _asked(hook, options, clip, frames)
                file.write(f"\n{json.dumps([key, known[key]])}")  # a cut line stays one
                file.flush()
            values[clip.video_id] = known[key]
    return values


def _key(options: NsfwOptions, clip: Measured) -> str:
    return sha256_hex(canonical_json([options.hook, *clip.jpeg_sha256]).encode())


def _known(kept: Path) -> Iterator[tuple[str, float | None]]:
    if not kept.is_file():
        return
    for line in kept.read_text("utf-8").splitlines():
        try:
            key, value = json.loads(line)
        except ValueError:  # cut short when a run was killed, or blank
            continue
        yield key, value


def _asked(hook: Hook, options: NsfwOptions, clip: Measured, frames: Store) -> float | None:
    try:
        value = hook([_jpeg(frames, sha256) for sha256 in clip.jpeg_sha256])
        number = None if value is None else float(value)
    except Exception as error:  # whatever a stranger's function raises
        raise HookError(_fault(options, clip, f"{type(error).__name__}: {error}")) from error
    if number is not None and not (math.isfinite(number) and 0 <= number <= 1):
        raise HookError(_fault(options, clip, f"it gave {value!r}, not a number in 0..1 or None"))
    return number


def _jpeg(frames: Store, sha256: str) -> bytes:
    name = blob_name(sha256, ".jpg")
    data = frames.get(name)
    if data is None:
        raise FileNotFoundError(f"frame {frames.path(name)} is gone; delete the run's work folder")
    return data


def _fault(options: NsfwOptions, clip: Measured, what: str) -> str:
    return (
        f"checks.nsfw.hook: {options.hook} failed on clip {clip.video_id}: {what}; correct the "
        "function (what it gave for other clips is kept), or leave checks.nsfw out"
    )
