"""All checks over the clips of a run: what is found on each, and which of them are left out."""

from collections.abc import Mapping, Sequence

from pipeline.clip_checks.duplicates import Near, near_duplicates
from pipeline.clip_checks.options import ChecksOptions
from pipeline.clip_checks.rules import Measured, findings, near_duplicate
from schemas import CLIP_CHECKS, ClipCheck, Failure, Reason

STAGE = "check"
Found = dict[Reason, str]


def check_clips(
    clips: Sequence[Measured],
    options: ChecksOptions,
    split_of: Mapping[str, str | None],
    nsfw: Mapping[str, float | None],
) -> tuple[list[ClipCheck], list[Failure]]:
    """One row per clip, and a failure of stage ``check`` for each that is left out.

    ``split_of``: prompt_id -> split, None for one that is left out of all; ``nsfw``: what the hook gave,
    by video_id. Of near duplicates the first in the order of ids stays, but a clip that another rule
    leaves out stands for none that stays: it comes after all those.
    """
    found = {c.video_id: findings(c, options, nsfw.get(c.video_id)) for c in clips}
    out: set[str] = set(options.leave_out)
    order = sorted(clips, key=lambda c: (bool(out & found[c.video_id].keys()), c.video_id))
    near = near_duplicates(
        {c.video_id: c.perceptual_hash for c in order}, options.near_duplicate_bits
    )
    for video, of in near.items():
        found[video] = {**found[video], **near_duplicate(of.of, of.bits, options)}
    prompt_of = {c.video_id: c.prompt_id for c in clips}
    rows = [
        _row(c, found[c.video_id], out, near.get(c.video_id), prompt_of, split_of, nsfw)
        for c in clips
    ]
    return rows, [_failure(row, found[row.video_id], out) for row in rows if row.left_out]


def _row(
    clip: Measured,
    found: Found,
    out: set[str],
    near: Near | None,
    prompt_of: Mapping[str, str],
    split_of: Mapping[str, str | None],
    nsfw: Mapping[str, float | None],
) -> ClipCheck:
    other = prompt_of[near.of] if near else None
    return ClipCheck(
        video_id=clip.video_id,
        prompt_id=clip.prompt_id,
        generator=clip.generator,
        found=tuple(_in_order(found)),
        left_out=bool(out & found.keys()),
        near_duplicate_of=near.of if near else None,
        near_duplicate_bits=near.bits if near else None,
        across_prompts=other != clip.prompt_id if other else None,
        across_splits=_parted(split_of[other], split_of[clip.prompt_id]) if other else None,
        nsfw=nsfw.get(clip.video_id),
    )


def _parted(one: str | None, other: str | None) -> bool:
    """Whether two prompts stand in different splits; one that is left out stands in none."""
    return None not in (one, other) and one != other


def _in_order(found: Found) -> list[Reason]:
    return [reason for reason in CLIP_CHECKS if reason in found]


def _failure(row: ClipCheck, found: Found, out: set[str]) -> Failure:
    """Under the first reason that leaves the clip out; the message has all."""
    reasons = [reason for reason in _in_order(found) if reason in out]
    return Failure(
        stage=STAGE,
        key=row.video_id,
        reason=reasons[0],
        message="; ".join(found[reason] for reason in reasons),
    )
