"""The study as one page: it needs no other file, no network and no script."""

import base64
import functools
import importlib.resources
import os
import uuid
from pathlib import Path

import jinja2

from pipeline.canary.study import Study, amount, money
from pipeline.preview import words

TEMPLATE = "canary.html.j2"


def write_page(study: Study, folder: Path) -> Path:
    """Write ``folder/index.html``, whole or not at all; its path."""
    html = _template().render(study=study)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".tmp-{uuid.uuid4().hex}"
    temporary.write_text(html, "utf-8")
    page = folder / "index.html"
    os.replace(temporary, page)
    return page


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,  # prompts and rationales are other people's text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(
        amount=amount,
        money=money,
        number=words.number,
        plural=words.plural,
        jpeg=lambda data: "data:image/jpeg;base64," + base64.b64encode(data).decode(),
    )
    report = importlib.resources.files("pipeline.report").joinpath("assets", "shared", "style.css")
    environment.globals["style"] = report.read_text("utf-8") + _source("canary.css")
    return environment.get_template(TEMPLATE)


def _source(name: str) -> str:
    return importlib.resources.files("pipeline.canary").joinpath(name).read_text("utf-8")


def _plain(value: object) -> object:
    return words.plain(value) if type(value) is str else value
