"""Who is asked about what: annotators, rubrics and clips, and the words written onto these."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from annotators.base import AnnotatorSpec, Resources
from annotators.judge.gate import Unanswered
from annotators.recorded import RecordedSpec
from pipeline.canary.ask import Made
from pipeline.canary.caption import TooSmall, share_covered
from pipeline.canary.choose import choose
from pipeline.canary.variants import (
    CLEAN,
    IN_FRAMES,
    VARIANTS,
    Ends,
    ends_of,
    variants_of,
    words_of,
)
from pipeline.config import Config
from pipeline.plan import Plan
from pipeline.preview.ask import at_once
from pipeline.preview.collect import collect
from pipeline.preview.words import plain, plural
from schemas import Clip, Failure, FrameSet, Rubric
from schemas.layout import Layout
from schemas.options import SetupError

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Who is asked, by which rubrics, about which clips, and what had to be left out."""

    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]
    clips: Sequence[Clip]
    left_out: Sequence[str]


def subjects_of(plan: Plan, config: Config, name: str, n_clips: int) -> Subjects:
    """Every annotator that looks at frames, every rubric of one clip, ``n_clips`` clips.

    Raises :class:`SetupError` where one of the three is missing.
    """
    capped = config.budget.usd is not None
    seeing = [spec for spec in plan.annotators if not isinstance(spec, RecordedSpec)]
    if not seeing:
        raise SetupError(
            "annotators: all are recorded, and a recorded score was given before the words were "
            "written; add one that looks at frames"
        )
    rubrics = list(plan.watching)
    if not rubrics:
        raise SetupError("rubrics: none judges a clip by itself, and only such a score can shift")
    names = {rubric.name for rubric in rubrics}
    clips = choose(plan.clips, n_clips)
    if not clips:
        raise SetupError(f"--config {name}: it has no clips to write on")
    blind = [spec.annotator_id for spec in plan.annotators if isinstance(spec, RecordedSpec)]
    others = [rubric.name for rubric in plan.comparing if rubric.name not in names]
    return Subjects(
        annotators=[at_once(spec, plan.models, capped=capped) for spec in seeing],
        rubrics=rubrics,
        clips=clips,
        left_out=[
            *(f"{name} is left out: its scores are recorded, it sees no pixels" for name in blind),
            *(f"rubric {name} is left out: it compares clips" for name in others),
        ],
    )


def write_words(
    config: Config,
    subjects: Subjects,
    layout: Layout,
    resources: Resources,
    say: Say,
    *,
    free_only: bool = False,
) -> tuple[Made, list[str]]:
    """Every variant of every clip that has frames, and why others have none.

    Raises :class:`SetupError` where no clip can be written on.
    """
    say(f"canary: taking the frames of {plural(len(subjects.clips), 'clip')} and writing on them")
    frames = collect(subjects.clips, config, layout, resources, free_only=free_only)
    ends = dict.fromkeys(ends_of(rubric) for rubric in subjects.rubrics)
    made: dict[tuple[str, Ends], dict[str, FrameSet]] = {}
    lost = []
    for clip in subjects.clips:
        found = frames[clip.video_id]
        try:
            if isinstance(found, Failure):
                raise Unanswered(found.reason, found.message)
            made |= {
                (clip.video_id, scale): variants_of(found, scale, layout.frames, config.frames)
                for scale in ends
            }
        except Unanswered as error:
            lost.append(plain(f"clip {clip.video_id} is left out: {error.reason}: {error.message}"))
        except TooSmall as error:
            lost.append(f"clip {clip.video_id} is left out: {error}")
    if not made:
        raise SetupError("no clip can be written on; " + "; ".join(lost[:3]))
    return made, lost


def words_on(made: Made) -> list[tuple[str, str]]:
    """Every variant's words once, of every scale."""
    said = (words_of(ends) for ends in dict.fromkeys(ends for _, ends in made))
    pairs = [pair for words in said for pair in words.items()]
    return sorted(set(pairs), key=lambda pair: (VARIANTS.index(pair[0]), pair[1]))


def notes_of(subjects: Subjects, made: Made) -> Iterable[str]:
    """Sentences that a reader of the numbers must know."""
    yield "means over clips of the mean over draws; 95 % percentile intervals, 2000 resamples of prompts"
    yield "a clip that has the highest score already cannot be praised higher, nor the lowest blamed lower"
    covered = [
        share_covered(sets[CLEAN], [words_of(ends)[name] for name in IN_FRAMES])
        for (_, ends), sets in made.items()
    ]
    span = dict.fromkeys(f"{share(covered):.0%}" for share in (min, max))
    yield f"the bar covers {' to '.join(span)} of a frame"
    drawn = [s for s in subjects.annotators if getattr(s, "temperature", 0) != 0]
    if drawn:
        yield (
            "scores of "
            + ", ".join(spec.annotator_id for spec in drawn)
            + " also move by chance from reply to reply: an interval covers that, the share of clips "
            "moved does not"
        )
