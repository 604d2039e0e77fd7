"""The raters: what scores a set of frames by a rubric, and the journal of what was paid."""

from collections.abc import Sequence

from annotators.base import AnnotatorSpec
from annotators.batch import OpenAIBatchSpec
from annotators.chat import OpenAISpec
from annotators.embedding import EmbeddingSpec
from annotators.local import TransformersSpec
from annotators.recorded import RecordedSpec
from annotators.signal import SignalSpec
from schemas import RecordError
from schemas.base import check_names
from schemas.options import SetupError

# Every kind of this room. A further one is a file here and a line there, or another package's.
OWN: tuple[type[AnnotatorSpec], ...] = (
    OpenAISpec,
    OpenAIBatchSpec,
    TransformersSpec,
    EmbeddingSpec,
    SignalSpec,
    RecordedSpec,
)

__all__ = [
    "OWN",
    "AnnotatorSpec",
    "EmbeddingSpec",
    "OpenAIBatchSpec",
    "OpenAISpec",
    "RecordedSpec",
    "SignalSpec",
    "TransformersSpec",
    "expand_all",
]


def expand_all(specs: Sequence[AnnotatorSpec]) -> list[AnnotatorSpec]:
    """One spec per annotator, in the given order.

    Raises :class:`SetupError` for two with one ``annotator_id`` and for one that is no valid id.
    """
    found: dict[str, AnnotatorSpec] = {}
    for spec in specs:
        for one in spec.expand():
            _check_id(one)
            if one.annotator_id in found:
                raise SetupError(
                    f"annotators: two are called {one.annotator_id!r}; give one of "
                    "them a `name:` of its own"
                )
            found[one.annotator_id] = one
    return list(found.values())


def _check_id(spec: AnnotatorSpec) -> None:
    try:
        check_names(spec, "annotator_id")
    except RecordError as error:
        raise SetupError(f"annotators: {error}; give it a `name:`") from error
