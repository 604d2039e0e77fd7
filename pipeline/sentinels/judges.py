"""Who is watched, and by which rubrics."""

from collections.abc import Sequence
from typing import TypeGuard

from annotators.base import AnnotatorSpec
from annotators.chat.spec import ChatSpec
from annotators.judge.spec import JudgeSpec
from annotators.models import ModelTable
from pipeline.at_once import immediate
from pipeline.sentinels.options import SentinelOptions
from schemas import Rubric


def judges_of(
    annotators: Sequence[AnnotatorSpec], options: SentinelOptions, models: ModelTable
) -> tuple[JudgeSpec, ...]:
    """Those that may change under their name, with as many draws as sentinels get.

    A judge that is asked by batches is asked at once here: sentinels come before a wave, which could
    not wait a day for them, and both ways ask the same model.
    """
    changing = [a for a in annotators if isinstance(a, JudgeSpec) and a.drifts]
    asked = [immediate(a, models) if is_batch(a) else a for a in changing]
    return tuple(judge.model_copy(update={"draws": options.draws}) for judge in asked)


def scored(rubrics: Sequence[Rubric]) -> tuple[Rubric, ...]:
    """The rubrics that sentinels are judged by: those that score clips one by one."""
    return tuple(rubric for rubric in rubrics if rubric.protocol == "pointwise")


def is_batch(spec: AnnotatorSpec) -> TypeGuard[ChatSpec]:
    """Whether a run would ask by batches."""
    return isinstance(spec, ChatSpec) and spec.batch
