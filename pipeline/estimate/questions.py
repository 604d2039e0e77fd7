"""What an annotator will be asked about the clips of an estimate: all draws of a question together."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from annotators.base import AnnotatorSpec, Question
from pipeline.estimate.clips import Clips
from pipeline.plan import Plan
from pipeline.protocol import ProtocolOptions, alone, compared, lineups_of_prompt
from schemas import FrameSet, Rubric


def draws_of(
    spec: AnnotatorSpec, plan: Plan, protocol: ProtocolOptions, clips: Clips
) -> Iterator[tuple[list[Question], bool]]:
    """The draws of every question, and whether all of its frames are taken. They differ in nothing but
    the draw, so they may share a request; a list, whose order each draw changes, comes draw by draw.

    Which pairs lie in a tie band only scores can tell: all pairs are counted.
    """
    for frames, taken in clips.frame_sets():
        for rubric in plan.rubrics:
            yield list(alone(frames, [rubric], spec.draws)), taken
    if protocol.compares not in spec.protocols:
        return
    of_prompt: dict[str, list[FrameSet]] = defaultdict(list)
    for frames, _ in clips.frame_sets():
        of_prompt[frames.prompt_id].append(frames)
    for shown in of_prompt.values():
        for rubric in plan.comparing:
            for draws in _of_prompt(spec, protocol, shown, rubric):
                yield draws, all(clip.video_id in clips.known for clip in draws[0].clips)


def _of_prompt(
    spec: AnnotatorSpec, protocol: ProtocolOptions, clips: Sequence[FrameSet], rubric: Rubric
) -> Iterator[list[Question]]:
    """The comparisons of one prompt's clips by one rubric."""
    by_id = {frames.video_id: frames for frames in clips}
    pairs = [(a, b) for a in by_id for b in by_id if a < b]
    alike: dict[tuple[str, ...], list[Question]] = defaultdict(list)
    for lineup in lineups_of_prompt(
        protocol, clips[0].prompt_id, by_id, rubric, spec.draws, close=pairs
    ):
        own = (str(lineup.draw),) if protocol.kind == "listwise" else ()
        shown = [by_id[video_id] for video_id in lineup.video_ids]
        alike[(*lineup.video_ids, *own)].append(compared(lineup, shown, [rubric]))
    yield from alike.values()
