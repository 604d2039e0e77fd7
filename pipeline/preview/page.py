"""The preview as one page: it needs no other file, no network and no script."""

import base64
import functools
import importlib.resources
import os
import uuid
from pathlib import Path

import jinja2

from pipeline.preview import words
from pipeline.preview.view import Preview

TEMPLATE = "preview.html.j2"


def write_page(shown: Preview, folder: Path) -> Path:
    """Write ``folder/index.html``, whole or not at all; its path."""
    html = _template().render(shown=shown, kinds=words.kinds([item.what for item in shown.items]))
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
        autoescape=True,  # prompts, replies and messages are other people's text
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_plain,
    )
    environment.filters.update(
        asked=words.asked,
        capital=lambda text: text[:1].upper() + text[1:],
        count=words.count,
        number=words.number,
        plural=words.plural,
        rank=words.count,
        seconds=words.seconds,
        share=words.share,
        size=words.size,
        times=words.times,
        usd=words.usd,
        jpeg=lambda data: "data:image/jpeg;base64," + base64.b64encode(data).decode(),
    )
    report = importlib.resources.files("pipeline.report").joinpath("assets", "shared", "style.css")
    own = importlib.resources.files("pipeline.preview").joinpath("preview.css")
    environment.globals["scale"] = words.scale
    environment.globals["watched"] = words.WATCHED
    environment.globals["style"] = report.read_text("utf-8") + own.read_text("utf-8")
    return environment.get_template(TEMPLATE)


def _source(name: str) -> str:
    return importlib.resources.files("pipeline.preview").joinpath(name).read_text("utf-8")


def _plain(value: object) -> object:
    return words.plain(value) if type(value) is str else value
