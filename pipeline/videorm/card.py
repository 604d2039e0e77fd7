"""The model card: README.md of a model's folder with Hugging Face metadata, written from files."""

import importlib.resources
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from pipeline.dataset.card.card import markdown
from pipeline.dataset.card.facts import count
from pipeline.videorm.card_facts import Row, card_facts
from pipeline.videorm.options import VideoRMOptions

TEMPLATE = "card.md.j2"


def write_card(
    folder: Path,
    metrics: Mapping[str, Any],
    options: VideoRMOptions,
    data: Sequence[Path],
    audit: Mapping[Path, Sequence[Mapping[str, Any]]] | None = None,
) -> Path:
    """Write ``folder/README.md`` of the model that lies there; its path.

    ``metrics`` is what training returned (the content of metrics.json): a section stands in the card
    only where its rows are there. ``data`` are the folders that were learned from. ``audit``: the rows
    of an audit of their annotations by folder; None: those of each folder's audit.json, where it has
    one. What other people wrote is escaped for Markdown. Raises :class:`schemas.options.SetupError`
    where the folder holds no model.
    """
    facts = card_facts(folder, metrics, options, data, audit)
    front_matter = yaml.safe_dump(_metadata(facts), sort_keys=False, allow_unicode=True)
    text = _environment().get_template(TEMPLATE).render(**facts, front_matter=front_matter)
    path = folder / "README.md"
    path.write_text(text, "utf-8")
    return path


def _environment() -> jinja2.Environment:
    source = importlib.resources.files("pipeline.videorm").joinpath(TEMPLATE)
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({TEMPLATE: source.read_text("utf-8")}),
        autoescape=False,  # Markdown, not HTML: see `markdown`
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters.update(md=markdown, count=count, figure=figure, interval=interval)
    return environment


def figure(value: float | None, absent: str = "undefined") -> str:
    """A number with three digits after the point; ``absent`` where there is none."""
    return absent if value is None else f"{value:.3f}"


def interval(row: Mapping[str, Any]) -> str:
    """``[low, high]`` of a row, a dash where it has none."""
    low, high = row.get("low"), row.get("high")
    return "–" if low is None or high is None else f"[{low:.3f}, {high:.3f}]"


def _metadata(facts: Mapping[str, Any]) -> Row:
    """Front matter: what a hub reads. The licence is for whoever publishes the model to choose."""
    tags = ["reward-model", "text-to-video", "video-preference", "videoprefer"]
    return {
        "library_name": "videoprefer",
        "pipeline_tag": "video-classification",
        "tags": [*tags, *(["simulated"] if facts["simulated"] else [])],
        **({"base_model": facts["hub_trunk"]} if facts["hub_trunk"] else {}),
        "language": ["en"],
    }
