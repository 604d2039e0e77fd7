"""What every page is made of: packaged assets, and data in scripts.

Browsers refuse ``fetch`` for pages opened from disk, so the data are scripts that push one object
each onto ``window.VIDEOPREFER``.
"""

import dataclasses
import functools
import importlib.resources
import json
from collections.abc import Collection, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import jinja2

SHARED = ("dom", "shell", "charts", "plots", "statistics", "agreement", "clips", "sides")
TEMPLATE = "page.html.j2"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its file, its name in the navigation, its room below ``assets``, its data scripts.

    ``parts`` are the scripts of its room in the order in which they are loaded; ``borrowed`` those of
    other rooms, loaded before them.
    """

    file: str
    name: str
    title: str
    room: str
    parts: tuple[str, ...]
    data: tuple[str, ...]
    borrowed: tuple[str, ...] = ()

    @property
    def scripts(self) -> list[str]:
        """Below ``assets``, in the order of loading."""
        shared = [f"shared/{name}.js" for name in SHARED]
        borrowed = [f"{name}.js" for name in self.borrowed]
        return [*shared, *borrowed, *(f"{self.room}/{name}.js" for name in self.parts)]

    @property
    def styles(self) -> list[str]:
        """Below ``assets``."""
        return ["shared/style.css", f"{self.room}/{self.room}.css"]


EXPLORE = Page(
    file="index.html",
    name="Explore",
    title="VideoPrefer report",
    room="explore",
    parts=(
        "measures",
        "match",
        "columns",
        "address",
        "presets",
        "overview",
        "filters",
        "list",
        "scores",
        "pairs",
        "comparisons",
        "transport",
        "prompt",
        "detail",
        "keys",
        "explorer",
        "page",
    ),
    data=("pages.js", "run.js", "agreement.js", "index.js"),
)
SCORES = Page(
    file="scores.html",
    name="Scores and pairs",
    title="Scores and pairs",
    room="scores",
    parts=("distributions", "pairs", "checks", "page"),
    data=("pages.js", "run.js", "agreement.js"),
)
AUDIT = Page(
    file="audit.html",
    name="Agreement",
    title="Audit: how far the annotations can be trusted",
    room="audit",
    parts=("plots", "dimension", "slices", "people", "pairs", "scope", "page"),
    data=("pages.js", "audit.js"),
)
BOOKS = Page(
    file="books.html",
    name="Books and judges",
    title="Books, money, health",
    room="books",
    parts=("names", "flow", "failures", "money", "judges", "drift", "gate", "page"),
    data=("pages.js", "run.js", "agreement.js", "judges.js", "books.js"),
)
VIDEORM = Page(
    file="videorm.html",
    name="VideoRM",
    title="VideoRM: the reward model",
    room="videorm",
    parts=(
        "names",
        "dots",
        "accuracy",
        "pairs",
        "curves",
        "calibration",
        "probes",
        "tables",
        "page",
    ),
    data=("pages.js", "videorm.js"),
)
COMPARE = Page(
    file="compare.html",
    name="Two runs",
    title="Two runs side by side",
    room="compare",
    parts=("runs", "labels", "people", "scores", "flips", "page"),
    data=("pages.js", "compare.js"),
)
OF_RUN = (EXPLORE, SCORES, AUDIT, BOOKS, VIDEORM)  # in the order of the navigation


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


def write_pages(
    folder: Path,
    pages: Sequence[Page] = OF_RUN,
    *,
    simulated: Collection[str] = (),
    of: str | None = None,
) -> None:
    """The named pages into ``folder``, what they are drawn with, and which pages there are.

    Pages of a run that already stand in ``folder`` stay and are linked. ``simulated`` names what is
    simulated in the words of the pages, ``of`` what they are about.
    """
    for page in pages:
        (folder / "assets").mkdir(parents=True, exist_ok=True)
        (folder / page.file).write_text(_template().render(page=page), "utf-8")
        for name in ("icon.svg", *page.styles, *page.scripts):
            _copy(_assets().joinpath(name), folder / "assets" / name)
    there = [page for page in (*OF_RUN, *pages) if (folder / page.file).is_file()]
    links = [{"file": page.file, "name": page.name} for page in dict.fromkeys(there)]
    about = {"pages": links, "simulated": list(simulated), "of": of}
    write_script(folder, "pages.js", "pages", about)


def _copy(asset: Traversable, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(asset.read_bytes())


def _assets() -> Traversable:
    return importlib.resources.files("pipeline.report").joinpath("assets")


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_assets().joinpath(TEMPLATE).read_text("utf-8"))
