"""What Label Studio imports to ask people about clips: tasks, and the labelling configuration.

Formats as documented by Label Studio (guide "Import data into Label Studio"; tags Video, Text, Choices,
Choice). A task names its clips by id, in base64 where a manifest gave one that may tell the generator, and
the dimensions it asks about: :mod:`pipeline.formats.label_studio` reads the exports by them.
"""

import base64
import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from schemas import Dimension
from schemas.options import SetupError

LABELS = {
    "a": "A is better",
    "b": "B is better",
    "tie": "No difference",
    "both_good": "Both good",
    "both_bad": "Both bad",
}
DATA = (
    "item", "prompt", "prompt_id", "dimensions", "scale_low", "scale_high", "url", "video_id",
    "url_a", "url_b", "video_a", "video_b", "generator", "video",
)  # fmt: skip
EXPORTED = (
    "id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement",
    "history", "was_cancelled",
)  # fmt: skip
_OBJECTS = ("shown_prompt", "shown", "shown_a", "shown_b")  # names of the tags that show something
_OURS = re.compile(r"[0-9a-f]{16}")  # an id that is a hash tells nothing
VEIL = "base64:"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task: one clip, or two in the order shown (A, B), with the addresses that show them."""

    item: str
    prompt_id: str
    prompt: str
    videos: tuple[str, ...]
    urls: tuple[str, ...]
    dimensions: tuple[Dimension, ...]


def tasks_json(tasks: Iterable[Task]) -> str:
    """Tasks to import, in Label Studio's basic JSON: a list of objects with ``data`` alone."""
    return (
        json.dumps([{"data": _data(task)} for task in tasks], indent=1, ensure_ascii=False) + "\n"
    )


def _data(task: Task) -> dict[str, Any]:
    data: dict[str, Any] = {
        "item": task.item,
        "prompt": task.prompt,
        "prompt_id": veiled(task.prompt_id),
        "dimensions": ",".join(d.name for d in task.dimensions),
    }
    names = ("",) if len(task.videos) == 1 else ("_a", "_b")
    for name, video, url in zip(names, task.videos, task.urls, strict=True):
        data |= {f"video{name or '_id'}": veiled(video), f"url{name}": url}
    if len(task.videos) == 1 and len({(d.low, d.high) for d in task.dimensions}) == 1:
        data |= {"scale_low": task.dimensions[0].low, "scale_high": task.dimensions[0].high}
    return data


def veiled(identifier: str) -> str:
    if _OURS.fullmatch(identifier):
        return identifier
    return VEIL + base64.b64encode(identifier.encode()).decode()


def local_prefix(folder: str) -> str:
    """Addresses by which Label Studio serves files of its own machine (local files storage).

    ``folder`` is relative to LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT.
    """
    return f"/data/local-files/?d={quote(folder)}/"


def config_xml(mode: str, dimensions: Sequence[Dimension]) -> str:
    """The labelling configuration: clip or pair, then one set of choices per dimension.

    A choice's ``alias`` is what an export holds: the score, or one of ``schemas.human.CHOICES``.
    Raises :class:`SetupError` for a dimension whose name an export needs for something else.
    """
    view = ElementTree.Element("View")
    _add(view, "Header", value="What the video was asked to show", size="5")
    _add(view, "Text", name="shown_prompt", value="$prompt")
    if mode == "pairs":
        row = _add(view, "View", style="display: flex; gap: 16px;")
        for side in ("a", "b"):
            half = _add(row, "View", style="flex: 1; min-width: 0;")
            _add(half, "Header", value=side.upper())
            _add(half, "Video", name=f"shown_{side}", value=f"$url_{side}", muted="true")
    else:
        _add(view, "Video", name="shown", value="$url", muted="true")
    for dimension in dimensions:
        _ask(view, mode, dimension)
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def _ask(view: ElementTree.Element, mode: str, dimension: Dimension) -> None:
    if dimension.name in (*DATA, *EXPORTED, *_OBJECTS):
        raise SetupError(
            f"dimension {dimension.name!r}: Label Studio's exports have a column of that name; "
            "rename the dimension in the rubric"
        )
    spoken, pairs = dimension.name.replace("_", " ").capitalize(), mode == "pairs"
    asked = f"Which video is better? {dimension.question}" if pairs else dimension.question
    _add(view, "Header", value=f"{spoken}: {asked}", size="4")
    choices = _add(
        view,
        "Choices",
        name=dimension.name,
        toName="shown_a" if pairs else "shown",
        choice="single-radio",
        required="true",
        requiredMessage=f"{spoken} has no answer",
        **({"showInline": "true"} if pairs else {}),
    )
    points = {str(p.score): f"{p.score} {p.label}. {p.anchor}".strip() for p in dimension.scale}
    for alias, label in (LABELS if pairs else points).items():
        _add(choices, "Choice", alias=alias, value=label)


def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, attributes)


def unveiled(text: str) -> str:
    """The id that a task names."""
    if text.startswith(VEIL):
        return base64.b64decode(text.removeprefix(VEIL)).decode()
    return text
