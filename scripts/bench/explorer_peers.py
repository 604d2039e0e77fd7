"""The floor and the plain alternative: an empty page, and all prompts as one page of static HTML."""

import html
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EMPTY = "<!doctype html><html lang=en><meta charset=utf-8><title>empty</title><main>nothing</main>"
HEAD = """<!doctype html><html lang=en><meta charset=utf-8><title>all prompts</title>
<style>body { font: 15px sans-serif } .clips { display: grid; grid-template-columns: repeat(4, 1fr) }
video { width: 100% }</style>
<main><p><input type=search> <span role=status></span></p>
"""
FILTER = """</main><script>
const boxes = [...document.querySelectorAll('details')];
const texts = boxes.map((box) => box.firstChild.textContent.toLowerCase());
const status = document.querySelector('[role=status]');
const filter = (word) => { let n = 0;
  boxes.forEach((box, i) => { box.hidden = !texts[i].includes(word); n += !box.hidden; });
  status.textContent = n + ' match'; };
const search = document.querySelector('input');
search.addEventListener('input', () => filter(search.value.toLowerCase()));
filter('');
</script>
"""


def empty_page(folder: Path) -> Path:
    """A page with one word."""
    page = folder / "empty.html"
    page.write_text(EMPTY, "utf-8")
    return page


def giant_page(report: Path, prompts: int, page: Path) -> Path:
    """The first so many prompts of a report, each in a ``<details>``: the same clips, frames, scores and
    rationales, and a box that hides those without a word."""
    with open(page, "w", encoding="utf-8") as file:
        file.write(HEAD)
        for entry in _entries(report, prompts):
            file.write(_prompt(entry))
        file.write(FILTER)
    return page


def _entries(report: Path, prompts: int) -> Iterator[dict[str, Any]]:
    number, left = 0, prompts
    while left > 0 and (path := report / "data" / f"prompts-{number}.js").is_file():
        text = path.read_text("utf-8")
        pushed = json.loads(text[text.index("push(") + 5 : text.rindex(")")])["value"]
        yield from pushed[:left]
        left, number = left - len(pushed), number + 1


def _prompt(entry: dict[str, Any]) -> str:
    clips = "".join(map(_clip, entry["clips"]))
    pairs = "".join(
        f"<li>{p['a'] + 1} {p['label']} {p['b'] + 1}, {p['dimension']}: {p['margin']:.2f}</li>"
        for p in entry["pairs"]
    )
    return (
        f'<details id="prompt-{entry["id"]}"><summary>{html.escape(entry["text"])}</summary>'
        f'<div class="clips">{clips}</div><ul>{pairs}</ul></details>\n'
    )


def _clip(clip: dict[str, Any]) -> str:
    frames = "".join(
        f'<img loading="lazy" src="{frame["src"]}" alt="" width=32 height=32>'
        for frame in clip["frames"]["items"]
    )
    rows = "".join(
        f"<tr><th>{s['annotator']}<td>{s['dimension']}<td>{s['mean']:.2f}" for s in clip["scores"]
    )
    people = "".join(
        f"<tr><th>raters<td>{r['dimension']}<td>{r['mean']:.2f}" for r in clip["ratings"]
    )
    said = "".join(
        f"<p>{html.escape(draw['rationale'])}</p>"
        for score in clip["scores"]
        for draw in score["draws"]
        if draw["rationale"]
    )
    video = f'<video preload="none" controls muted src="{clip["media"]}"></video>'
    return (
        f"<div><h4>{clip['generator']}</h4>{video}"
        f"<div>{frames}</div><table>{rows}{people}</table>{said}</div>"
    )
