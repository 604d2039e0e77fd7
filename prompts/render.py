"""A rubric and a clip's prompt as the two texts of a request.

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

from schemas import Rubric
from schemas.ids import sha256_hex
from schemas.options import SetupError

MAX_PROMPT_CHARACTERS = 4000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The request's words: ``system`` holds the rubric, ``user`` the clip's prompt."""

    system: str
    user: str


def render(
    rubric: Rubric, *, prompt: str, n_frames: int, times_s: Sequence[float | None] = ()
) -> Rendered:
    """The texts for one clip of ``n_frames`` frames taken at ``times_s`` seconds.

    Times are left out where one is unknown. Raises :class:`SetupError` where the rubric's template
    names a variable that does not exist, or lacks one of its two blocks.
    """
    shown = prompt[:MAX_PROMPT_CHARACTERS]
    words = {
        "role": rubric.role,
        "task": rubric.task,
        "checklist": rubric.checklist,
        "dimensions": rubric.dimensions,
        "prompt_json": json.dumps(shown, ensure_ascii=False),
        "prompt_characters": len(prompt),
        "shown_characters": len(shown),
        "tag": sha256_hex(f"{rubric.sha256}\n{prompt}".encode())[:12],
        "n_frames": n_frames,
        "times_s": [] if None in times_s else list(times_s),
    }
    try:
        return Rendered(
            system=_block(rubric.template, "system", words),
            user=_block(rubric.template, "user", words),
        )
    except jinja2.TemplateError as error:
        raise SetupError(
            f"rubric {rubric.name} version {rubric.version}: its template cannot be "
            f"rendered: {error}"
        ) from error


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
