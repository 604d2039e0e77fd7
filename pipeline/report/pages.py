"""What every page is made of: packaged assets, and data in scripts.

Browsers refuse ``fetch`` for pages opened from disk, so the data are scripts that push one object
each onto ``window.VIDEOPREFER``.
"""

import importlib.resources
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

INDEX, AUDIT = "index.html", "audit.html"


def script(kind: str, value: Any) -> str:
    """A data script: JSON in which no prompt or rationale can end the script or open a tag."""
    text = json.dumps({"kind": kind, "value": value}, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"(window.VIDEOPREFER = window.VIDEOPREFER || []).push({text});\n"


def write_script(folder: Path, name: str, kind: str, value: Any) -> None:
    """Write ``folder/data/name``."""
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "data" / name).write_text(script(kind, value), "utf-8")


def copy_assets(folder: Path, pages: Collection[str] = (INDEX, AUDIT)) -> None:
    """The named pages into ``folder``, and what pages are drawn with into ``folder/assets``."""
    for asset in importlib.resources.files("pipeline.report").joinpath("assets").iterdir():
        page = asset.name.endswith(".html")
        if page and asset.name not in pages:
            continue
        where = folder if page else folder / "assets"
        where.mkdir(parents=True, exist_ok=True)
        (where / asset.name).write_bytes(asset.read_bytes())
