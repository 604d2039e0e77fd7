"""Presets: ways of judging with a name, which fill in what a configuration leaves open."""

import functools
from pathlib import Path
from typing import Any

import yaml

from schemas.options import SetupError

JUDGES = ("openai", "openai-batch", "transformers")  # kinds that reply in words
FOLDER = Path(__file__).parent / "configs" / "presets"


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache
def _preset(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise SetupError(f"preset: there is no {name!r}; there are {', '.join(preset_names())}")
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def filled(tree: dict[str, Any]) -> dict[str, Any]:
    """The configuration with what its ``preset:`` says wherever it says nothing itself.

    ``judges:`` of a preset goes into every annotator that replies in words. Raises
    :class:`SetupError` for an unknown name.
    """
    name = tree.get("preset")
    if name is None:
        return tree
    preset = _preset(str(name))
    whole = {key: value for key, value in preset.items() if key != "judges"} | tree
    whole = _with_judges(whole, preset["judges"])
    if isinstance(whole.get("study"), dict):  # its judges are described as those of the run are
        whole["study"] = _with_judges(whole["study"], preset["judges"])
    return whole


def _with_judges(tree: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(tree.get("annotators"), list):
        return tree
    return tree | {"annotators": [_judge(block, settings) for block in tree["annotators"]]}


def _judge(block: Any, settings: dict[str, Any]) -> Any:
    if not isinstance(block, dict) or block.get("kind") not in JUDGES:
        return block
    return {**settings, **block}
