"""Single answers in exports of Label Studio, as JSON, JSON-MIN and CSV each write them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.formats.label_studio_tasks import LABELS
from schemas.options import SetupError

_CHOICE = {**{label.lower(): choice for choice, label in LABELS.items()}, **{c: c for c in LABELS}}


def value_of(file: Path, number: int, name: str, raw: Any) -> Any:
    """A single rating or choice out of what the three exports make of it; None for anything else."""
    if isinstance(raw, str) and raw.lstrip()[:2] in ("[{", "[]", '{"', '["'):
        try:
            raw = json.loads(raw)
        except ValueError:
            return None  # text that happens to begin so
    if isinstance(raw, Mapping):
        raw = raw.get("rating", raw.get("choices"))
    if isinstance(raw, list):
        if len(raw) > 1:
            raise SetupError(f"{file}: row {number}, {name}: {len(raw)} answers; a clip has one")
        return value_of(file, number, name, raw[0]) if raw else None
    return raw


def choice_of(value: Any) -> str | None:
    """One of ``schemas.human.CHOICES``, by itself or by the label of our configuration."""
    return _CHOICE.get(str(value).strip().lower())


def score_of(value: Any) -> float | None:
    """A number, or the one that a choice's label begins with; None for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = re.match(r"\s*(-?\d+(?:\.\d+)?)(?=\s|$)", str(value))
    return float(found[1]) if found else None


def must_be_answer(raw: Any) -> bool:
    """Whether a cell of JSON-MIN or CSV can be nothing but a rating or a choice between clips."""
    text = raw if isinstance(raw, str) else json.dumps(raw)
    return re.match(r'\s*\[?\s*\{\s*"(rating|choices)"\s*:', text) is not None or (
        choice_of(raw) is not None
    )
