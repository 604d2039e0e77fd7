"""Which weights a name stands for: a model retrained under its old name is another model.

A model of the hub is pinned to a commit, one in a folder to a hash over its files. Either goes into the
journal's keys, so that old replies are never taken for those of new weights.
"""

import functools
import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemas.ids import sha256_hex
from schemas.options import SetupError

COMMIT = re.compile(r"[0-9a-f]{40}\Z")
FOLDER = "sha256:"  # what the pin of a folder begins with
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?\Z")
_SHAPES_NOTHING = {".md", ".log", ".png", ".jpg", ".jpeg", ".pdf"}
_TIMEOUT_S = 20.0

_TEMPLATES = ("chat_template.jinja", "chat_template.json")  # files of their own; else a key of
_MAY_HOLD_ONE = ("processor_config.json", "tokenizer_config.json")

Stamp = tuple[str, int, int]  # of a file: path, size, time of its last change


def folder_of(model: str) -> Path | None:
    """The folder that a model's name stands for; None: it is a name on the hub.

    Raises :class:`SetupError` for what is neither.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise SetupError(
                f"model {model}: the folder holds no config.json; give the folder that "
                "`save_pretrained` wrote"
            )
        return folder
    if model.startswith((".", "/", "~")) or not _HUB_NAME.match(model):
        raise SetupError(f"model {model}: there is no such folder, and no model of the hub has it")
    return None


def check_talks(folder: Path) -> None:
    """Raise :class:`SetupError` for a folder without a chat template: no question can be put to it, and
    that is known before another judge of the run is paid."""
    if any((folder / name).is_file() for name in _TEMPLATES):
        return
    if not any(_holds_template(folder / name) for name in _MAY_HOLD_ONE):
        raise SetupError(
            f"model {folder}: it has no chat template; choose the version tuned to instructions"
        )


def _holds_template(file: Path) -> bool:
    try:
        return bool(json.loads(file.read_bytes()).get("chat_template"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError) as error:
        raise SetupError(f"model {file.parent}: {file.name} cannot be read: {error}") from error


def pin(model: str, revision: str | None) -> str:
    """The commit of a model of the hub, or ``sha256:`` and the hash of a folder's files.

    Raises :class:`SetupError` where it cannot be told. A folder is read whole, once per process for
    as long as its files stay as they are.
    """
    folder = folder_of(model)
    if folder is not None:
        return FOLDER + _folder_hash(_stamps(folder))
    if revision and COMMIT.match(revision):
        return revision
    return _commit(model, revision or "main")


def _stamps(folder: Path) -> tuple[Stamp, ...]:
    """Files that may shape a reply: those of the folder itself, but for notes and hidden ones."""
    files = sorted(
        path
        for path in folder.resolve().iterdir()
        if path.is_file() and path.suffix not in _SHAPES_NOTHING and not path.name.startswith(".")
    )
    found = [(path, path.stat()) for path in files]
    return tuple((str(path), stat.st_size, stat.st_mtime_ns) for path, stat in found)


@functools.lru_cache(maxsize=32)
def _folder_hash(stamps: tuple[Stamp, ...]) -> str:
    with ThreadPoolExecutor(4) as threads:  # hashing lets go of the interpreter's lock
        hashes = list(threads.map(_file_hash, [path for path, _, _ in stamps]))
    lines = (f"{Path(path).name}\n{one}\n" for (path, _, _), one in zip(stamps, hashes))
    return sha256_hex("".join(lines).encode())


def _file_hash(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@functools.lru_cache(maxsize=32)
def _commit(model: str, revision: str) -> str:
    """As the hub says now; where it cannot be reached, as this machine's cache has it."""
    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        found = HfApi().model_info(model, revision=revision, timeout=_TIMEOUT_S).sha
    except HFValidationError as error:
        raise SetupError(f"model {model}: {error}") from error
    except HfHubHTTPError as error:
        raise SetupError(
            f"model {model}, revision {revision}: the hub says {str(error).splitlines()[0]}; check "
            "both names, and log in with `hf auth login` where the model asks for it"
        ) from error
    except Exception:  # offline by choice, or one of the many errors of a network
        cached = try_to_load_from_cache(model, "config.json", revision=revision)
        found = Path(cached).parent.name if isinstance(cached, str) else None
    if found is None:
        raise SetupError(
            f"model {model}: the hub cannot be reached, and revision {revision} is not in this "
            "machine's cache; go online once, give the commit as `revision:`, or give a folder"
        )
    return found
