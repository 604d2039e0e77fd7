"""VideoRM with a name: values that a configuration leaves open."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

DEFAULT = "videorm-tiny"
FOLDER = Path(__file__).resolve().parents[1] / "configs" / "videorm"


def preset_names() -> list[str]:
    """Names of the presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@functools.cache
def _preset(name: str) -> dict[str, Any]:
    if name not in preset_names():
        raise ValueError(f"preset: there is no {name!r}; there are {', '.join(preset_names())}")
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def filled(given: Mapping[str, Any]) -> dict[str, Any]:
    """What was given over what its ``preset`` says, block by block. ValueError for an unknown one.

    The preset's tokenizer goes with the preset's trunk: another trunk comes with its own.
    """
    base = _preset(str(given.get("preset", DEFAULT)))
    if given.get("trunk", base.get("trunk")) != base.get("trunk"):
        base = {key: value for key, value in base.items() if key != "tokenizer"}
    return _over(base, given)


def _over(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    whole = dict(base)
    for key, value in given.items():
        below = whole.get(key)
        # a block that is an object already was validated, with defaults: it stands for itself
        deep = isinstance(below, Mapping) and isinstance(value, Mapping)
        whole[key] = _over(below, value) if deep else value
    return whole
