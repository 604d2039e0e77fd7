"""Which weights a clip is made with: a commit of the hub, or a hash over a folder's files.

Either is part of a clip's settings, and so of its id: a model retrained under its old name makes other
clips. A commit has to be written down by who configures, since the branch it stands for may move on
between a run and its resumption.
"""

import functools
import hashlib
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas.ids import sha256_hex
from schemas.options import SetupError

FOLDER = "sha256:"  # what the pin of a folder begins with
INDEX = "model_index.json"
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+\Z")
# notes and pictures, and weights in formats that are never read here
_SHAPES_NOTHING = {
    ".md", ".log", ".png", ".jpg", ".jpeg", ".webp", ".gif", ".mp4", ".pdf", ".bin", ".ckpt", ".pt",
    ".pth", ".onnx", ".pb", ".msgpack", ".h5", ".lock",
}  # fmt: skip
_TIMEOUT_S = 20.0

Stamp = tuple[str, str, int, int]  # of a file: name in the folder, path, size, time of last change


def folder_of(model: str) -> Path | None:
    """The folder that a model's name stands for; None: it is a name on the hub.

    Raises :class:`SetupError` for what is neither.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")) or not _HUB_NAME.match(model):
        raise SetupError(f"{model}: there is no such folder, and no model of the hub is named so")
    return None


@functools.lru_cache(maxsize=256)
def name_of(model: str) -> str:
    """A name of the hub, or a folder's own name: where it lies says nothing of what it is."""
    folder = Path(model).expanduser()
    return folder.resolve().name if folder.is_dir() else model


@functools.lru_cache(maxsize=256)
def place_of(where: str) -> tuple[str, str | None]:
    """A component's folder, or its name on the hub and its commit.

    >>> place_of("guoyww/animatediff-motion-adapter-v1-5-2@0123abc")
    ('guoyww/animatediff-motion-adapter-v1-5-2', '0123abc')
    """
    if Path(where).expanduser().is_dir():
        return where, None
    model, at, revision = where.partition("@")
    return model, revision if at else None


@functools.lru_cache(maxsize=256)
def pin(model: str, revision: str | None) -> str:
    """The commit of a model of the hub, or ``sha256:`` and the hash of a folder's files.

    A folder is read whole, and then not looked at again in this process before :func:`look_again`.
    Raises :class:`SetupError` for a model of the hub without a commit.
    """
    folder = folder_of(model)
    if folder is not None:
        if revision is not None:
            raise SetupError(
                f"revision {revision!r} is of the hub, and {model} is a folder; leave it out"
            )
        return FOLDER + _folder_hash(_stamps(folder))
    if revision and _COMMIT.match(revision):
        return revision
    raise SetupError(_write_it_down(model, revision))


def look_again() -> None:
    """Let the next :func:`pin` see whether a folder's files have changed; those that have not are not
    read again."""
    for remembered in (name_of, pin, place_of):
        remembered.cache_clear()


def _write_it_down(model: str, revision: str | None) -> str:
    given = f"revision {revision!r} is no commit" if revision else "it needs a commit"
    start = (
        f"{model} is no folder here; put it there, or, if it is a model of the hub, {given} (40 "
        "hexadecimal digits), so that ids stay"
    )
    now = _commit(model, revision or "main")
    if now is None:
        return f"{start} with the weights: take one from https://huggingface.co/{model}/commits"
    return f"{start} with the weights: {revision or 'main'} is {now} now"


def _commit(model: str, revision: str) -> str | None:
    """What the hub says a branch stands for now, None where it cannot be asked or does not know."""
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return None
    try:
        return HfApi().model_info(model, revision=revision, timeout=_TIMEOUT_S).sha
    except Exception:  # dozens of errors of a network; the caller refuses in any case
        return None


def _stamps(folder: Path) -> tuple[Stamp, ...]:
    """Files that may shape a clip, in the folder and those in it, but for hidden ones."""
    root = folder.resolve()
    found = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root)
        hidden = any(part.startswith(".") for part in name.parts)
        if not hidden and path.suffix.lower() not in _SHAPES_NOTHING and path.is_file():
            stat = path.stat()
            found.append((name.as_posix(), str(path), stat.st_size, stat.st_mtime_ns))
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _folder_hash(stamps: tuple[Stamp, ...]) -> str:
    with ThreadPoolExecutor(4) as threads:  # hashing lets go of the interpreter's lock
        hashes = list(threads.map(_file_hash, [path for _, path, _, _ in stamps]))
    lines = (f"{name}\n{one}\n" for (name, _, _, _), one in zip(stamps, hashes))
    return sha256_hex("".join(lines).encode())


def _file_hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
