"""From the arguments of `train` to VideoRM's options."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.videorm.options import VideoRMOptions


def options_of(arguments: argparse.Namespace) -> "VideoRMOptions":
    """The options that ``--preset``, ``--arm``, ``--labels`` and ``--set`` give together.

    Raises :class:`SetupError` naming the key, what is wrong with it and what is known.
    """
    from pydantic import ValidationError

    from pipeline.config import override
    from pipeline.videorm.keys import told
    from pipeline.videorm.options import VideoRMOptions

    tree = _own(arguments)
    for text in arguments.set:
        key = text.partition("=")[0]
        if _said(tree, key) and key in ("preset", "arms", "data.labels"):
            raise SetupError(f"--set {key}: an option of its own says it, too; keep one")
        override(tree, text)
    try:
        return VideoRMOptions.model_validate(tree)
    except ValidationError as error:
        raise SetupError("\n".join(told(fault, "--set ") for fault in error.errors())) from None


def _own(arguments: argparse.Namespace) -> dict[str, Any]:
    """What has an option of its own."""
    tree: dict[str, Any] = {}
    if arguments.preset:
        tree["preset"] = arguments.preset
    if arguments.arm:
        tree["arms"] = arguments.arm
    if arguments.labels:
        tree["data"] = {"labels": arguments.labels}
    return tree


def _said(tree: dict[str, Any], key: str) -> bool:
    node: Any = tree
    for name in key.split("."):
        if not isinstance(node, dict) or name not in node:
            return False
        node = node[name]
    return True


def check_data(folders: list[Path]) -> None:
    """Raise :class:`SetupError` for a folder that holds no dataset, before torch is loaded."""
    for folder in folders:
        if not folder.is_dir():
            raise SetupError(f"--data {folder}: no such folder; name the output of a run")
        if not (folder / "tables" / "preferences").is_dir():
            raise SetupError(
                f"--data {folder}: holds no tables/preferences; name the output folder of a complete "
                "run, or of a dataset that one published"
            )
