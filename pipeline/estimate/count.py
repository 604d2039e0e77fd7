"""The whole estimate: every clip looked at, every question counted."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from annotators.journal import Journal
from pipeline.config import Config
from pipeline.estimate import words
from pipeline.estimate.assumptions import JPEG_BYTES_PER_PIXEL, ROW_BYTES
from pipeline.estimate.clips import Clips, look_at
from pipeline.estimate.gate import gate_words
from pipeline.estimate.lines import line_of
from pipeline.estimate.making import making_lines, unpriced_generators
from pipeline.estimate.questions import draws_of
from pipeline.estimate.result import Disk, Estimate, Line
from pipeline.estimate.watching import watching_lines
from pipeline.gate import rated_clips, required
from pipeline.generators.made import Made
from pipeline.plan import Plan
from schemas import FrameSet


def estimate(
    config: Config,
    plan: Plan,
    *,
    frames: Mapping[str, FrameSet] | None = None,
    journal: Journal | None = None,
    made: Made | None = None,
    first: Collection[str] | None = None,
) -> Estimate:
    """Read the headers of all clips and count what the annotators would be asked.

    ``frames`` are those of an earlier run on the same folder, by video_id; only for them can the
    ``journal`` say what is paid already; ``made`` knows which clips a generator made before;
    ``first`` are the clips before a gate, None: those that :func:`pipeline.gate.rated_clips` names. A
    clip that cannot be read is left out and named.
    """
    pool = config.generators.by_name if config.generators else {}
    clips = look_at(plan.clips, config.frames, frames or {}, pool)
    counted = [
        line_of(spec, draws_of(spec, plan, config.protocol, clips), journal)
        for spec in plan.annotators
    ]
    gated = rated_clips(config, plan) if first is None and required(config) else first or ()
    watching = list(watching_lines(config, plan, clips, gated))
    found = Estimate(
        heading=words.heading(config, plan, clips),
        making=tuple(making_lines(config, plan, clips, made)),
        lines=tuple(line for line, _ in counted),
        watching=tuple(line for line, _ in watching),
        disk=_disk(config, plan, clips, counted, sum(n_bytes for _, n_bytes in watching)),
        assumed=tuple(words.assumed(config, plan, clips)),
        notes=(
            *words.unreadable(clips),
            *words.unpriced(plan),
            *unpriced_generators(config),
            *gate_words(config, plan, clips, journal, made, gated),
            *plan.notes,
        ),
    )
    short = words.short(config.budget, found.worst)
    return dataclasses.replace(found, notes=(*found.notes, *short))


def _disk(
    config: Config, plan: Plan, clips: Clips, counted: Sequence[tuple[Line, int]], watching: int
) -> Disk:
    """``watching``: bytes of sentinels' replies."""

    def pixels(sets: Mapping[str, FrameSet]) -> int:
        return sum(len(f.indices) * f.frame_width_px * f.frame_height_px for f in sets.values())

    new, old = pixels(clips.coming), pixels(clips.known)
    published = new + old if config.frames.publish else 0
    # every rubric is asked equally often, and gives a row per dimension
    n_rubrics = len(plan.rubrics or plan.comparing)
    questions = sum(line.questions for line, _ in counted)
    rows = questions * len(plan.dimensions) // n_rubrics
    return Disk(
        clips=clips.new_bytes,
        frames=round(new * JPEG_BYTES_PER_PIXEL),
        journal=watching + sum(n_bytes for _, n_bytes in counted),
        tables=round(published * JPEG_BYTES_PER_PIXEL) + rows * ROW_BYTES,
    )
