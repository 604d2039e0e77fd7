"""What sentinels add: the same few clips judged anew before every wave."""

import dataclasses
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from annotators.base import Question
from annotators.judge.spec import JudgeSpec
from pipeline.config import Config
from pipeline.estimate.clips import Clips, look_at
from pipeline.estimate.figures import plural
from pipeline.estimate.lines import line_of
from pipeline.estimate.result import Line
from pipeline.plan import Plan
from pipeline.running import in_waves
from pipeline.sentinels.check import manifest_clips, place_of
from pipeline.sentinels.judges import judges_of
from pipeline.sentinels.options import SentinelOptions
from schemas import FrameSet, Rubric

OCCASION = "estimate"  # none of a run's, so the journal holds nothing of it


def watching_lines(
    config: Config, plan: Plan, clips: Clips, first: Collection[str] = ()
) -> Iterator[tuple[Line, int]]:
    """A line for every judge that sentinels watch, and the bytes its replies take in the journal.

    At most: a wave that is whole already is not judged again. The rubrics, the clips and the number of
    waves are those of :mod:`pipeline.sentinels`; ``first``: ids of the clips before a gate.
    """
    options = config.sentinels
    if options is None:
        return
    shown = sentinels_among(options, config, clips, first)
    n_waves = len(in_waves(plan.clips, config.wave_size, first))
    for judge in judges_of(plan.annotators, options, plan.models):
        asked = [(draws, False) for draws in _draws(judge, shown, plan.watching)]
        line, n_bytes = line_of(judge, asked, None)
        yield _repeated(line, n_waves, len(shown)), n_waves * n_bytes


def sentinels_among(
    options: SentinelOptions, config: Config, clips: Clips, first: Collection[str] = ()
) -> list[FrameSet]:
    """The frames of the clips that are judged again and again, as far as they can be told now."""
    if options.path is not None:
        own = look_at(manifest_clips(options.path), config.frames, {})
        return [frames for frames, _ in own.frame_sets()]
    found = (f for f, _ in clips.frame_sets() if not first or f.video_id in first)
    return sorted(found, key=lambda frames: place_of(frames.video_id))[: options.clips]


def _draws(
    judge: JudgeSpec, clips: Sequence[FrameSet], rubrics: Sequence[Rubric]
) -> Iterator[list[Question]]:
    for frames in clips:
        for rubric in rubrics:
            yield [
                Question(frames=frames, rubric=rubric, draw=draw, occasion=OCCASION)
                for draw in range(judge.draws)
            ]


def _repeated(line: Line, n_waves: int, n_clips: int) -> Line:
    """Of one occasion -> of all, one after the other."""
    when = "before the only wave" if n_waves == 1 else f"before each of {n_waves:,} waves"
    counted = ("questions", "requests", "replies", "text_tokens", "image_tokens", "output_at_most",
               "output_likely", "usd_at_most", "usd_likely", "seconds")  # fmt: skip
    each = {name: getattr(line, name) for name in counted}
    of_all: dict[str, Any] = {
        name: None if value is None else n_waves * value for name, value in each.items()
    }
    return dataclasses.replace(
        line,
        annotator_id=f"sentinels: {line.annotator_id}",
        remark=f"{plural(n_clips, 'clip')} anew {when}",
        **of_all,
    )
