"""What came out, as tables for people and as rows for programs."""

from collections.abc import Collection, Sequence
from typing import Any

from rich import box
from rich.table import Table
from videorm_epoch import CLIPS_OF_PROMPT, FRAMES, PROMPTS, Cache, Epoch
from videorm_rounds import Contestant

GOAL = 0.9  # of the bare backbone's speed


def rows(
    case: str, contestants: Sequence[Contestant], peer: Contestant | None, peak: float | None
) -> list[dict[str, Any]]:
    """One per contestant; ratios are named by what they divide."""
    return [
        {
            "case": case,
            "contestant": one.name,
            "rounds": len(one.seconds),
            "calls": one.calls,
            "units": one.units,
            "seconds": one.seconds,
            "per_s": one.per_s,
            "over_peer": one.over(peer) if peer else None,
            "flops_per_s": one.flops_per_s or None,
            "of_peak": one.flops_per_s / peak if peak and one.flops else None,
        }
        for one in contestants
    ]


def table(title: str, unit: str, found: Sequence[dict[str, Any]], of: str) -> Table:
    """A case on the terminal; ``of``: what the ratio is to."""
    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", padding=(0, 1, 0, 0))
    columns = ("contestant", f"{unit}/s", f"of {of}", "least", "most", "GFLOP/s", "of peak")
    for name in columns:
        shown.add_column(name, justify="left" if name == "contestant" else "right", no_wrap=True)
    for row in found:
        per_s = [row["units"] / seconds for seconds in row["seconds"]]
        shown.add_row(
            row["contestant"],
            f"{row['per_s']:.4g}",
            _number(row["over_peer"], ".2f"),
            f"{min(per_s):.4g}",
            f"{max(per_s):.4g}",
            _number(row["flops_per_s"] and row["flops_per_s"] / 1e9, ".4g"),
            _number(row["of_peak"], ".1%"),
        )
    return shown


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def verdict(
    case: str, found: Sequence[dict[str, Any]], judged: Collection[str], peer: str
) -> list[str]:
    """Each VideoRM against the bare backbone, in one line."""
    return [
        f"{case}: {row['contestant']} {row['over_peer']:.2f} of {peer}; goal {GOAL} "
        f"{'met' if row['over_peer'] >= GOAL else 'NOT MET'}"
        for row in found
        if row["contestant"] in judged and row["over_peer"] is not None
    ]


def paper_lines(
    epochs: Sequence[Epoch], cache: Cache, encoder: str, per_s: float | None
) -> list[str]:
    """An epoch at the paper's size, and what stands before it."""
    frames = PROMPTS * CLIPS_OF_PROMPT * FRAMES
    scale = cache.n_bytes / 1e6
    encoding = "encoding once: not measured, for `forward` was left out"
    if per_s:
        encoding = (
            f"encoding once: {_spell(frames / per_s)} on {encoder} at {per_s:.4g} frames/s "
            "(extrapolated; frames that are decoded already)"
        )
    lines = [
        f"Paper scale: {PROMPTS} prompts, {PROMPTS * CLIPS_OF_PROMPT} clips, {frames} frames, "
        "embeddings of 1024",
        encoding,
        f"cache: {cache.whole_bytes / 1e9:.2f} GB; written at {scale / cache.write_s:.0f} MB/s, read "
        f"at {scale / cache.read_s:.0f} MB/s from memory ({cache.clips} clips measured, {scale:.0f} MB)",
    ]
    for one in epochs:
        how = "measured" if one.measured else f"extrapolated from {one.steps} steps"
        lines.append(
            f"{one.preset}: an epoch of {one.steps_of_epoch} steps of {one.batch_prompts} prompts, "
            f"{one.pairs} labelled pairs, {one.learned / 1e6:.1f} million parameters that learn: "
            f"{_spell(one.epoch_s)} ({how})"
        )
    return lines


def _spell(seconds: float) -> str:
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.3g} s"
