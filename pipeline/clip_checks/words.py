"""What a person is told of the clip checks."""

from collections import Counter
from collections.abc import Mapping, Sequence

from schemas import CLIP_CHECKS, ClipCheck, Reason

WORDS = {
    Reason.BLACK: "black",
    Reason.FROZEN: "frozen",
    Reason.TOO_SHORT: "too short",
    Reason.LETTERBOX: "letterboxed",
    Reason.NEAR_DUPLICATE: "near duplicate",
    Reason.NSFW: "not safe for work",
}


def told(rows: Sequence[ClipCheck]) -> str:
    """``check: 3 black, 12 near duplicates (4 across splits), 0 left out``."""
    counts = Counter(reason for row in rows for reason in row.found)
    across = sum(bool(row.across_splits) for row in rows)
    said = [_said(reason, counts[reason], across) for reason in CLIP_CHECKS if counts[reason]]
    return f"check: {', '.join([*said, f'{sum(row.left_out for row in rows)} left out'])}"


def _said(reason: Reason, n: int, across: int) -> str:
    if reason != Reason.NEAR_DUPLICATE:
        return f"{n} {WORDS[reason]}"
    return f"{n} {WORDS[reason]}{'' if n == 1 else 's'} ({across} across splits)"


def notes_on(
    rows: Sequence[ClipCheck], split_of: Mapping[str, str | None], *, hooked: bool
) -> tuple[str, ...]:
    """What a reader of the results must know: leaks between splits, clips that the hook said nothing of."""
    return (*_leaks(rows, split_of), *(_silent(rows) if hooked else ()))


def _leaks(rows: Sequence[ClipCheck], split_of: Mapping[str, str | None]) -> list[str]:
    prompt_of = {row.video_id: row.prompt_id for row in rows}
    leaks = [row for row in rows if row.across_splits and row.near_duplicate_of]
    if not leaks:
        return []
    first = leaks[0]
    other = str(first.near_duplicate_of)
    one, judged = len(leaks) == 1, sum(not row.left_out for row in leaks)
    stand = "1 near duplicate stands" if one else f"{len(leaks)} near duplicates stand"
    they = "it is" if one else f"{judged or 'all'} of them are"
    what = (
        f"{they} judged, so what is measured on one split may have been trained on in another; leave "
        "near duplicates out with checks.leave_out: [near_duplicate], or give their prompts one split"
        if judged
        else f"{they} left out"
    )
    return [
        f"check: {stand} in another split than the clip repeated (for example {first.video_id} in "
        f"{split_of[first.prompt_id]}, {other} in {split_of[prompt_of[other]]}): {what}"
    ]


def _silent(rows: Sequence[ClipCheck]) -> list[str]:
    silent = sum(row.nsfw is None for row in rows)
    if not silent:
        return []
    clips = "1 clip" if silent == 1 else f"{silent} clips"
    return [f"check: the NSFW hook gave no value for {clips}; nothing is left out for want of one"]
