"""A rubric and a clip's prompt as the texts of a request.

The clip's prompt is data that anybody may have written. It goes into the user part alone, as one
JSON string (no line break of its own), cut to a limit, between tags that its author could not know:
they hold a hash of prompt and rubric, which unlike a random tag is the same on every machine and in
every run, so that equal requests have equal journal keys.
"""

import dataclasses
import functools
import json
from collections.abc import Sequence
from typing import Any

import jinja2

from prompts.letters import letters
from prompts.levels import shown_dimensions
from prompts.packaged import template_of
from schemas import Rubric
from schemas.ids import sha256_hex
from schemas.options import SetupError

MAX_PROMPT_CHARACTERS = 4000
# Line ends that JSON leaves as they are, and marks that turn the direction of writing: what cannot be
# seen as it is goes into the string as its number.
_UNSEEN = {
    code: f"\\u{code:04x}"
    for code in (0x7F, 0x85, *range(0x200E, 0x2010), *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


# not in the templates: released ones do not change, and users' own need not know of it
_MONTAGE = (
    "The frames of a video are shown together in one picture, in rows: from left to right, and from "
    "the top row to the bottom row. Black cells at the end of the last row are no frames."
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The request's words: ``system`` holds the rubric, ``user`` the clip's prompt.

    ``captions`` stand before the frames of each clip where several are shown: the words, and how
    many pictures follow them.
    """

    system: str
    user: str
    captions: tuple[tuple[str, int], ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A video as a template sees it; ``times_s`` is empty where a time is unknown."""

    letter: str
    n_frames: int
    times_s: tuple[float, ...]


def render(
    rubric: Rubric,
    *,
    prompt: str,
    n_frames: int,
    times_s: Sequence[float | None] = (),
    order_key: str | None = None,
    montage: bool = False,
) -> Rendered:
    """The texts for one clip of ``n_frames`` frames taken at ``times_s`` seconds.

    Times are left out where one is unknown. ``montage``: the frames are sent as one picture. With
    an ``order_key`` the levels of each scale stand in an order that is drawn by it. Raises
    :class:`SetupError` where the rubric compares videos, where its template names a variable that
    does not exist, or lacks one of its two blocks.
    """
    if rubric.protocol != "pointwise":
        raise _refused(rubric, f"it is {rubric.protocol}, and was given one video")
    words = _words(rubric, prompt, order_key)
    words |= {"n_frames": n_frames, "times_s": _known(times_s)}
    rendered = _rendered(rubric, words)
    if not montage:
        return rendered
    return dataclasses.replace(rendered, user=f"{rendered.user}\n\n{_MONTAGE}")


def render_several(
    rubric: Rubric,
    *,
    prompt: str,
    clips: Sequence[tuple[int, Sequence[float | None]]],
    order_key: str | None = None,
    montage: bool = False,
) -> Rendered:
    """The texts for several clips of one prompt: (number of frames, their times in seconds) of each,
    in the order they are shown, which gives them their letters.

    A template may word the captions in a block ``caption`` of its own; else the packaged template's
    is used. Raises :class:`SetupError` as :func:`render` does, and for a number of clips that the
    rubric's protocol does not compare.
    """
    if rubric.protocol == "pointwise":
        raise _refused(rubric, "it is pointwise, and was given several videos")
    if rubric.protocol == "pairwise" and len(clips) != 2:
        raise _refused(rubric, f"it is pairwise, and was given {len(clips)} videos")
    videos = [
        Shown(letter=letter, n_frames=n_frames, times_s=tuple(_known(times_s)))
        for letter, (n_frames, times_s) in zip(letters(len(clips)), clips, strict=True)
    ]
    rendered = _rendered(rubric, _words(rubric, prompt, order_key) | {"videos": videos}, videos)
    if not montage:
        return rendered
    return dataclasses.replace(
        rendered,
        user=f"{rendered.user}\n\n{_MONTAGE}",
        captions=tuple((words, 1) for words, _ in rendered.captions),
    )


def _words(rubric: Rubric, prompt: str, order_key: str | None) -> dict[str, Any]:
    shown = prompt[:MAX_PROMPT_CHARACTERS]
    return {
        "role": rubric.role,
        "task": rubric.task,
        "checklist": rubric.checklist,
        "dimensions": shown_dimensions(rubric, order_key),
        "prompt_json": json.dumps(shown, ensure_ascii=False).translate(_UNSEEN),
        "prompt_characters": len(prompt),
        "shown_characters": len(shown),
        "tag": sha256_hex(f"{rubric.sha256}\n{prompt}".encode())[:12],
    }


def _known(times_s: Sequence[float | None]) -> list[float]:
    known = [time for time in times_s if time is not None]
    return known if len(known) == len(times_s) else []


def _rendered(rubric: Rubric, words: dict[str, Any], videos: Sequence[Shown] = ()) -> Rendered:
    try:
        return Rendered(
            system=_block(rubric.template, "system", words),
            user=_block(rubric.template, "user", words),
            captions=tuple((_caption(rubric, words, video), video.n_frames) for video in videos),
        )
    except jinja2.TemplateError as error:
        line = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise _refused(rubric, f"its template cannot be rendered: {error}{line}") from error


def _caption(rubric: Rubric, words: dict[str, Any], video: Shown) -> str:
    template = rubric.template
    if "caption" not in _compiled(template).blocks:
        template = template_of(rubric.protocol).decode()
    return _block(template, "caption", words | {"video": video})


def _refused(rubric: Rubric, what: str) -> SetupError:
    return SetupError(f"rubric {rubric.name} version {rubric.version}: {what}")


def _block(template: str, name: str, words: dict[str, Any]) -> str:
    compiled = _compiled(template)
    if name not in compiled.blocks:
        raise jinja2.TemplateError(f"it has no block {name!r}")
    return "".join(compiled.blocks[name](compiled.new_context(words))).strip()


@functools.cache
def _compiled(template: str) -> jinja2.Template:
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
    )
    return environment.from_string(template)
