"""The words that judges were asked with, for the card: rubrics, and their templates as rendered."""

import importlib.resources
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prompts import as_protocol
from prompts.load import load_rubric, rubric_names
from prompts.render import Rendered, render, render_several
from schemas import Rubric
from schemas.options import SetupError

Row = dict[str, Any]
PLACE = "(THE PROMPT OF THE CLIP)"  # stands where a request has the clip's prompt
LINEUP = 4  # clips in the example of a listwise request
WORDLESS = frozenset(("signal", "recorded", "embedding", "videorm"))  # kinds that read no rubric
LOST = "# A rubric of the run's own; its text was not recorded."


def rubric_rows(manifest: Mapping[str, Any]) -> list[Row]:
    """Every rubric of the run's record: ``name``, ``version``, ``protocol``, ``sha256``, its ``text``,
    and the request rendered from it, ``system``, ``user`` and ``captions`` (None where the rubric cannot
    be had as it was: then its digest is not the recorded one)."""
    config = manifest.get("config") or {}
    montage = bool((config.get("frames") or {}).get("montage"))
    n_frames = (manifest.get("frames") or {}).get("count") or 1
    return [_row(given, n_frames, montage) for given in manifest.get("rubrics") or []]


def dimensions_asked(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """The dimensions of the record's rubrics, in their order, without those of a rubric that is lost."""
    found = (rubric_of(given) for given in manifest.get("rubrics") or [])
    return tuple(dict.fromkeys(d.name for rubric in found if rubric for d in rubric.dimensions))


def _row(given: Mapping[str, Any], n_frames: int, montage: bool) -> Row:
    rubric = rubric_of(given)
    words = None if rubric is None else request_of(rubric, n_frames, montage)
    return {
        **{key: given[key] for key in ("name", "version", "sha256")},
        "protocol": given.get("protocol", "pointwise"),
        "text": given.get("text") or _packaged_text(given, rubric),
        "system": words and words.system,
        "user": words and words.user,
        "captions": [] if words is None else [text for text, _ in words.captions],
    }


def request_of(rubric: Rubric, n_frames: int, montage: bool) -> Rendered:
    """The request of one clip (two, four) whose prompt is `PLACE`, its times unknown.

    The tags around the prompt hold a hash of it: in every request they are others.
    """
    if rubric.protocol == "pointwise":
        return render(rubric, prompt=PLACE, n_frames=n_frames, montage=montage)
    clips = [(n_frames, ())] * (2 if rubric.protocol == "pairwise" else LINEUP)
    return render_several(rubric, prompt=PLACE, clips=clips, montage=montage)


def rubric_of(given: Mapping[str, Any]) -> Rubric | None:
    """The rubric of a record, if what is packaged, or the recorded text, has the recorded digest."""
    named = f"{given['name']}@{given['version']}"
    found = _own(given["text"]) if given.get("text") else None
    if found is None and named in rubric_names():
        found = load_rubric(named)
    if found is None:
        return None
    asked = as_protocol(found, given.get("protocol") or found.protocol)
    return asked if asked.sha256 == given["sha256"] else None


def _own(text: str) -> Rubric | None:
    """A rubric by its text; None where it is none, or its template lay beside it and was not recorded."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "rubric.yaml")
        file.write_bytes(text.encode())
        try:
            return load_rubric(str(file))
        except SetupError:
            return None


def _packaged_text(given: Mapping[str, Any], rubric: Rubric | None) -> str:
    if rubric is None:
        return LOST
    file = importlib.resources.files("prompts").joinpath(
        "rubrics", f"{given['name']}.v{given['version']}.yaml"
    )
    return file.read_text("utf-8")
