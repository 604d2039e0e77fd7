"""The study as one page: it needs no other file, no network and no script."""

import functools
import importlib.resources
import os
import uuid
from pathlib import Path

import jinja2

from pipeline.canary.study import money
from pipeline.preview import words as said
from pipeline.study import words
from pipeline.study.charts import cost_chart, curves
from pipeline.study.names import meaning
from pipeline.study.result import Study

TEMPLATE = "study.html.j2"


def write_page(study: Study, page: Path) -> Path:
    """Write the page, whole or not at all; its path."""
    html = _template().render(
        study=study,
        told=words.recommended(study),
        curves=curves(study),
        cost=cost_chart(study),
        chosen=study.recommendation and study.recommendation.point,
        best=study.recommendation and study.recommendation.best,
    )
    temporary = page.with_name(f".tmp-{uuid.uuid4().hex}")
    temporary.write_text(html, "utf-8")
    os.replace(temporary, page)
    return page


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,  # names of judges and rubrics are other people's text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(
        interval=words.interval,
        gap=words.gap,
        gap_interval=words.gap_interval,
        costs=words.costs,
        whole_cost=words.whole_cost,
        fixed=words.fixed,
        money=money,
        meaning=meaning,
        plural=said.plural,
        px=lambda value: f"{value:.1f}",
        share=lambda value: f"{value:.1%}",
        number=lambda value: f"{value:,}",
    )
    report = importlib.resources.files("pipeline.report").joinpath("assets", "shared", "style.css")
    environment.globals["style"] = report.read_text("utf-8") + _source("study.css")
    return environment.get_template(TEMPLATE)


def _source(name: str) -> str:
    return importlib.resources.files("pipeline.study").joinpath(name).read_text("utf-8")


def _plain(value: object) -> object:
    return said.plain(value) if type(value) is str else value
