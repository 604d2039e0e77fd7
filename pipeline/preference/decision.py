"""What the tables do not say of how prompts were split: ``splits.json`` in the folder of a dataset.

The tables say where a prompt stands (``prompts.split``, null where it is left out of all splits). This
file says why one is left out, which clips enter no pair, and by what rule it was decided.
"""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import Assigned
from pipeline.state import write_json
from schemas.layout import Layout
from schemas.options import SetupError

NAME = "splits.json"
FORMAT = 1


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """``left_out``: prompt_id -> why. ``unpaired``: ids of clips whose content stands under prompts of
    two splits, and that enter no pair for it."""

    near_duplicates: float | None
    held_out_generators: tuple[str, ...] = ()
    left_out: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unpaired: tuple[str, ...] = ()


def decision(
    found: Assigned, options: SplitOptions, clips: Iterable[tuple[str, str, str]]
) -> Decision:
    """Of what was assigned, and the clips (video_id, prompt_id, sha256)."""
    unpaired = (
        video
        for video, prompt, sha256 in clips
        if sha256 in found.contents and found.contents[sha256] != found.split[prompt]
    )
    return Decision(
        near_duplicates=options.near_duplicates,
        held_out_generators=tuple(sorted(options.held_out_generators)),
        left_out=found.why,
        unpaired=tuple(sorted(unpaired)),
    )


def write_decision(layout: Layout, found: Decision) -> None:
    """Write it, all at once."""
    write_json(layout.root / NAME, {"format": FORMAT, **to_plain(found)})


def read_decision(layout: Layout) -> Decision | None:
    """What the folder says; None where it says nothing, as those of schema version 1.

    Raises :class:`SetupError` for a file that is not whole.
    """
    path = layout.root / NAME
    if not path.is_file():
        return None
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if said.pop("format") != FORMAT:
            raise SetupError(f"{path}: is of a format that is not known here; update videoprefer")
        return from_plain(said)
    except (ValueError, KeyError, TypeError) as error:
        raise SetupError(
            f"{path}: not a whole record of the splits ({error}); restore the file, or run the same "
            "command on the folder again"
        ) from error


def to_plain(found: Decision) -> dict[str, Any]:
    """As JSON values."""
    plain = dataclasses.asdict(found)
    return {**plain, "left_out": dict(sorted(found.left_out.items()))}


def from_plain(said: Mapping[str, Any]) -> Decision:
    """The other way."""
    lists = {name: tuple(said[name]) for name in ("held_out_generators", "unpaired")}
    return Decision(**{**said, **lists})
