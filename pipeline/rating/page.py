"""The rating page: one file that opens from disk, asks people, and gives their answers as a table.

It loads nothing and sends nothing: clips lie in it, and its Content-Security-Policy forbids any
request. It is blind: it holds no generator's name. Ids of clips and prompts, which a manifest may
have given and which may name a generator, stand in it in base64 and are never shown; the clips are
files of their own without metadata (:mod:`pipeline.rating.clips`) in an order drawn by hash. That is a
veil against reading, not a secret: who has the run can find out. Each rater sees the items, and
of a pair the two sides, in an order drawn by a hash of their name.
"""

import base64
import functools
import hashlib
import importlib.resources
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.rating.clips import PageClip
from pipeline.rating.dimensions import title
from pipeline.rating.items import Item
from schemas import Dimension
from schemas.ids import hash_fraction, sha256_hex
from schemas.options import SetupError

SCRIPTS = ("answers.js", "page.js")
MB = 10**6


def render_page(
    items: Sequence[Item],
    mode: str,
    asked: Sequence[Dimension],
    clips: Mapping[str, PageClip],
    prompts: Mapping[str, str],
    limit_mb: float = 200,
) -> str:
    """The page as HTML. ``clips`` by video id; ``prompts``: texts by id; ``items``: those asked.

    Raises :class:`SetupError` where the clips take more than ``limit_mb`` (10^6 bytes, as text in the
    page, a third more than as files).
    """
    data = _data(items, mode, asked, clips, prompts)
    needed = sorted({video for item in items for video in item.candidate.videos}, key=_place)
    _check_size([clips[video] for video in needed], limit_mb, len(items))
    style, script = _asset("rate.css"), "\n".join(map(_asset, SCRIPTS))
    parts = {
        "POLICY": _policy(style, script),
        "STYLE": style,
        "SCRIPT": script,
        "DATA": _json(data),
        "CLIPS": "\n".join(_embedded(n, clips[video]) for n, video in enumerate(needed)),
    }
    return re.sub("@([A-Z]+)@", lambda place: parts[place[1]], _asset("rate.html"))


def selection_id(items: Sequence[Item], mode: str, asked: Sequence[Dimension]) -> str:
    """Sixteen hex digits for what is asked: answers kept in a browser belong to it alone."""
    said = [
        mode,
        *(f"{item.item} {' '.join(item.candidate.videos)}" for item in items),
        *(f"{a.name} {a.question} {a.scale}" for a in asked),
    ]
    return sha256_hex("\n".join(said).encode())[:16]


def _data(
    items: Sequence[Item],
    mode: str,
    asked: Sequence[Dimension],
    clips: Mapping[str, PageClip],
    prompts: Mapping[str, str],
) -> dict[str, Any]:
    videos = sorted({video for item in items for video in item.candidate.videos}, key=_place)
    number = {video: n for n, video in enumerate(videos)}
    return {
        "selection": selection_id(items, mode, asked),
        "mode": mode,
        "dimensions": [_dimension(a) for a in asked],
        "clips": [{"code": _veiled(video), "mime": clips[video].mime} for video in videos],
        "items": [
            {
                "item": item.item,
                "prompt": prompts[item.candidate.prompt_id],
                "code": _veiled(item.candidate.prompt_id),
                "clips": [number[video] for video in item.candidate.videos],
            }
            for item in items
        ],
    }


def _place(video: str) -> float:
    return hash_fraction("place in the page", video)


def _veiled(identifier: str) -> str:
    return base64.b64encode(identifier.encode()).decode()


def _dimension(asked: Dimension) -> dict[str, Any]:
    points = [{"score": p.score, "label": p.label, "anchor": p.anchor} for p in asked.scale]
    return {
        "name": asked.name,
        "title": title(asked.name),
        "question": asked.question,
        "points": points,
    }


def _check_size(clips: Sequence[PageClip], limit_mb: float, n_items: int) -> None:
    size_mb = sum(-(-len(clip.data) // 3) * 4 for clip in clips) / MB
    if size_mb > limit_mb:
        fit = max(1, int(n_items * limit_mb / size_mb))
        raise SetupError(
            f"the clips of {n_items} items take {size_mb:.0f} MB in the page and --page-mb allows "
            f"{limit_mb:g}; ask for fewer (about --items {fit}), raise --page-mb if the raters' "
            "browsers can take it, or write Label Studio's files alone (--no-page)"
        )


def _embedded(n: int, clip: PageClip) -> str:
    text = base64.b64encode(clip.data).decode()
    return f'<script type="text/plain" id="clip-{n}">{text}</script>'


def _json(value: Any) -> str:
    """JSON in which no prompt can end the script or open a tag."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(style: str, script: str) -> str:
    """No request at all; the page's own style and script by their hashes, clips from its memory."""
    return (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "media-src blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@functools.cache
def _asset(name: str) -> str:
    asset = importlib.resources.files("pipeline.rating").joinpath("assets", name)
    return asset.read_text("utf-8")
