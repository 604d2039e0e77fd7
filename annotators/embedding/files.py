"""The files of a model in a folder, and the name of their content."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

WEIGHTS = (".safetensors", ".bin")
_SUFFIXES = (".json", ".txt", *WEIGHTS)  # settings and vocabularies beside them


def model_files(name: str) -> tuple[Path, ...]:
    """Everything in a folder that a model is loaded from, sorted; none where it is no folder."""
    folder = Path(name)
    if not folder.is_dir():
        return ()
    return tuple(sorted(p for p in folder.iterdir() if p.suffix in _SUFFIXES and p.is_file()))


def content_hash(files: Sequence[Path]) -> str:
    """``sha256:`` and 64 digits over the names and contents of files, in the order given."""
    whole = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name} {digest}\n".encode())
    return f"sha256:{whole.hexdigest()}"
