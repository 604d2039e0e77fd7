"""What a reply to a rubric must be, as a strict JSON schema."""

from typing import Any

from schemas import Dimension, Rubric


def reply_schema(rubric: Rubric) -> dict[str, Any]:
    """JSON schema of a reply: ``score`` before ``rationale``, so that the score is the judge's first
    word and its probabilities are not those of an argument already made (arXiv 2503.03064).

    A rubric of one dimension is answered by these two fields, one of several by an object of that
    shape per dimension. The score is an enumeration: bounds on numbers are not portable across
    servers. Every field is required and no other is allowed, as strict mode demands.
    """
    if len(rubric.dimensions) == 1:
        return _judgement(rubric.dimensions[0])
    return _object({dimension.name: _judgement(dimension) for dimension in rubric.dimensions})


def _judgement(dimension: Dimension) -> dict[str, Any]:
    scores = [point.score for point in dimension.scale]
    return _object({"score": {"type": "integer", "enum": scores}, "rationale": {"type": "string"}})


def _object(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }
