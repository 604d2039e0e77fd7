"""The dataset card: README.md with Hugging Face metadata, written from the run, never by hand."""

import importlib.resources
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from pipeline.dataset.card.facts import card_facts, count
from pipeline.dataset.card.metadata import metadata
from schemas.layout import Layout


def write_card(root: Path, manifest: Mapping[str, Any]) -> Path:
    """Write ``root/README.md`` from the tables, ``audit.json`` and the run's record; its path.

    Tables may be empty, ``audit.json`` absent. What other people wrote (prompt sources, generator
    names, licences) is escaped for Markdown.
    """
    layout = Layout(root)
    facts = card_facts(layout, manifest)
    front_matter = yaml.safe_dump(metadata(layout, facts), sort_keys=False, allow_unicode=True)
    text = (
        _environment(facts["simulated"])
        .get_template("card.md.j2")
        .render(
            **facts,
            front_matter=front_matter,
            licence_sentence=_licence_sentence(facts["licences"]),
        )
    )
    layout.card.write_text(text, "utf-8")
    return layout.card


def _environment(simulated: Sequence[str]) -> jinja2.Environment:
    source = importlib.resources.files("pipeline.dataset.card").joinpath("card.md.j2")
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({"card.md.j2": source.read_text("utf-8")}),
        autoescape=False,  # Markdown, not HTML: see `markdown`
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=markdown, count=count, fenced=fenced)
    environment.globals["sim"] = lambda *kinds: _simulated_words(simulated, kinds)
    return environment


# control characters, and marks that turn the direction of writing: a name could look like another
_UNSEEN = re.compile(
    r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def markdown(value: Any) -> str:
    """Text of other people in one line of Markdown or one cell of a table, shown as it is.

    Escapes what Markdown and HTML would act on; line breaks become blanks, control characters and
    marks of writing direction a replacement character; None is a dash.
    """
    if value is None or value == "":
        return "–"
    text = " ".join(_UNSEEN.sub("\ufffd", str(value)).split())
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|~!#])|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def fenced(text: str, language: str = "yaml") -> str:
    """Text verbatim in a code block whose fence is longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _simulated_words(simulated: Sequence[str], kinds: Iterable[str]) -> str:
    found = [kind for kind in kinds if kind in simulated]
    return f" (simulated {' and '.join(found)})" if found else ""


def _licence_sentence(licences: Sequence[str | None]) -> str:
    named = [licence for licence in licences if licence]
    if not named:
        return "No licence was stated for prompts and clips."
    rest = " Some rows state none." if None in licences else ""
    return f"Prompts and clips are under: {', '.join(named)}.{rest}"
