"""One question, measured and put on the rubric's scale: what runs in a child process."""

import traceback
from collections.abc import Callable

from annotators.base import Outcome, Question, failures
from annotators.signal import frames as pictures
from annotators.signal.finding import Finding
from annotators.signal.prompt_following import follow
from annotators.signal.request import Request, parse
from annotators.signal.scene import Scene, look
from annotators.signal.spec import SignalSpec
from annotators.signal.video_quality import rate
from schemas import Annotation, Dimension, Reason
from schemas.store import Store

MODEL = "signal-1"  # a new number wherever a score could change

_Rate = Callable[[pictures.Frames, Scene, Request], Finding]
_RATES: dict[str, _Rate] = {"prompt_following": follow, "video_quality": rate}

_NOTHING_ASKED = (
    "the prompt names no colour, shape, count, size, motion or background this "
    "annotator can measure; ask an annotator that understands pictures"
)


def judge(question: Question, frames_store: Store, spec: SignalSpec) -> list[Outcome]:
    """One outcome per dimension of the rubric. Never raises."""
    try:
        return [
            _outcome(question, dimension, frames_store, spec)
            for dimension in question.rubric.dimensions
        ]
    except pictures.FramesError as error:
        return list(failures(question, spec.annotator_id, error.reason, str(error)))
    except Exception as error:
        return internal(question, spec.annotator_id, error)


def internal(question: Question, annotator_id: str, error: BaseException) -> list[Outcome]:
    """A fault of this program as failures, with the traceback's last line."""
    last = traceback.format_exception(error)[-1].strip()
    message = f"a fault of this program: {last}"
    return list(failures(question, annotator_id, Reason.INTERNAL, message))


def _outcome(question: Question, dimension: Dimension, store: Store, spec: SignalSpec) -> Outcome:
    refusal = _not_applicable(question, dimension)
    if refusal:
        return failures(
            question, spec.annotator_id, Reason.NOT_APPLICABLE, refusal, dimensions=[dimension.name]
        )[0]
    frames = pictures.read(store, question.frames)
    finding = _RATES[dimension.name](frames, look(frames), parse(question.frames.prompt))
    return _annotation(question, dimension, finding, spec)


def _not_applicable(question: Question, dimension: Dimension) -> str | None:
    if dimension.name not in _RATES:
        return (
            f"signal has no measurement for the dimension {dimension.name!r}; it answers "
            + " and ".join(_RATES)
        )
    if dimension.name == "prompt_following" and not parse(question.frames.prompt):
        return _NOTHING_ASKED
    return None


def on_scale(value: float, dimension: Dimension, scores: str) -> float:
    """``value`` 0..1 as a score of the dimension: the nearest scale point, or to 0.001 between."""
    exact = dimension.low + (dimension.high - dimension.low) * min(1.0, max(0.0, value))
    if scores == "continuous":
        return round(exact, 3)
    return float(min((point.score for point in dimension.scale), key=lambda s: abs(s - exact)))


def _annotation(
    question: Question, dimension: Dimension, finding: Finding, spec: SignalSpec
) -> Annotation:
    frames, rubric = question.frames, question.rubric
    return Annotation(
        video_id=frames.video_id,
        dimension=dimension.name,
        annotator_id=spec.annotator_id,
        draw=question.draw,
        prompt_id=frames.prompt_id,
        generator=frames.generator,
        score=on_scale(finding.value, dimension, spec.scores),
        scale_low=float(dimension.low),
        scale_high=float(dimension.high),
        n_frames=len(frames.jpeg_sha256),
        model=MODEL,
        rationale=finding.rationale,
        rubric=rubric.name,
        rubric_version=rubric.version,
        rubric_sha256=rubric.sha256,
        cost_usd=0.0,
        simulated=frames.simulated,
    )
