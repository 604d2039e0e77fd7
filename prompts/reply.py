"""What a reply to a rubric must be, as a strict JSON schema."""

from collections.abc import Sequence
from typing import Any

from prompts.letters import letters
from schemas import Dimension, Rubric


def reply_schema(rubric: Rubric, n_clips: int = 1) -> dict[str, Any]:
    """JSON schema of a reply about ``n_clips`` videos: the answer before its ``rationale``, so that
    it is the judge's first word and its probabilities are not those of an argument already made
    (arXiv 2503.03064).

    The answer is ``score`` of one video, ``choice`` between two, or ``ranking`` of all, best first. A
    rubric of one dimension is answered by these two fields, one of several by an object of that
    shape per dimension. Answers are enumerations: bounds on numbers and on the length of lists are
    not portable across servers, so a ranking's completeness is checked when it is read. Every field
    is required and no other is allowed, as strict mode demands. No tie can be expressed: offered,
    about 40 % of those chosen are false (GenArena, arXiv 2602.06013).
    """
    shown = () if rubric.protocol == "pointwise" else letters(_n_shown(rubric, n_clips))
    answers = {d.name: _answered(_answer(rubric.protocol, d, shown)) for d in rubric.dimensions}
    return answers[rubric.dimensions[0].name] if len(answers) == 1 else _object(answers)


def _n_shown(rubric: Rubric, n_clips: int) -> int:
    return 2 if rubric.protocol == "pairwise" else n_clips


def _answer(protocol: str, dimension: Dimension, shown: Sequence[str]) -> dict[str, Any]:
    one = {"type": "string", "enum": list(shown)}
    if protocol == "pairwise":
        return {"choice": one}
    if protocol == "listwise":
        return {"ranking": {"type": "array", "items": one}}
    return {"score": {"type": "integer", "enum": [point.score for point in dimension.scale]}}


def _answered(answer: dict[str, Any]) -> dict[str, Any]:
    return _object({**answer, "rationale": {"type": "string"}})


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
