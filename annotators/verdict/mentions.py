"""One place of a reply that answers a dimension, and the words judges use for a score."""

import dataclasses
import re

from annotators.verdict.numbers import Value
from schemas import Dimension, Reason, Rubric

SCORE_FIELDS = ("score", "rating")
LOOSE_FIELDS = ("overall", "verdict", "answer", "level", "grade")  # a score only if a number
FOREIGN_FIELDS = (  # plain in their own language; a word like the French `note` is not
    "评分", "分数", "得分", "評分", "スコア", "評価", "점수", "평점", "bewertung", "punktzahl",
    "puntuación", "calificación", "pontuação", "оценка", "балл", "التقييم", "स्कोर",
)  # fmt: skip
LABEL_FIELDS = ("label", "level", "grade", "category", "verdict", "word", "class", "level_name")
RATIONALE_FIELDS = ("rationale", "reason", "reasoning", "explanation", "justification")
_BEFORE, _AFTER = r"^(?:(?:final|overall|my|the|total)_)+", r"_(?:score|rating|level|grade)$"
_QUESTIONS = """
    prompt_following prompt_adherence prompt_alignment text_alignment alignment text_video_alignment
    instruction_following video_quality visual_quality motion_quality motion sharpness clarity
    aesthetics aesthetic_quality temporal_consistency temporal_quality static_quality consistency
    dynamics dynamic_degree realism naturalness lighting light colour color composition subjects
    attributes action setting manner style background camera"""
_OTHER_QUESTIONS = frozenset(_QUESTIONS.split())
_PART = re.compile(
    r"(?:frame|second|shot|scene|clip|video|image|picture)s?_?(?:no_?)?[\dab]\d{0,3}$"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """One place that answers: a number, or why it is none.

    ``dimension`` is None where the number answers something that was not asked; ``level`` is the
    level that words beside the number name; a ``loose`` mention without a number says nothing.
    """

    dimension: str | None
    value: float | Reason
    level: int | None = None
    rationale: str | None = None
    loose: bool = False


def normal(name: str) -> str:
    """Field names as they are compared: ``Video-Quality`` and ``videoQuality`` are
    ``video_quality``."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name[:80].strip())
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


def bare(name: str) -> str:
    """A name without what says that it is a score: ``overall_video_quality_score``."""
    name = normal(name)
    short = re.sub(_AFTER, "", re.sub(_BEFORE, "", name))
    return short or name


def mention(
    dimension: str | None, value: Value, *, rationale: str | None = None, loose: bool = False
) -> Mention:
    """A mention of a value that was read."""
    return Mention(
        dimension=dimension, value=value.number, level=value.level, rationale=rationale, loose=loose
    )


class Names:
    """Which dimension of a rubric a name stands for."""

    def __init__(self, rubric: Rubric) -> None:
        self.only = rubric.dimensions[0] if len(rubric.dimensions) == 1 else None
        self._named = {normal(dimension.name): dimension for dimension in rubric.dimensions}
        if self.only:
            self._named[normal(rubric.name)] = self.only
            if normal(self.only.name).endswith("_quality"):  # then `quality` alone is no other one
                self._named["quality"] = self.only
        aspects = {normal(item.partition(":")[0]) for item in rubric.checklist if ":" in item}
        self._others = (_OTHER_QUESTIONS | aspects) - set(self._named)

    @property
    def spoken(self) -> list[str]:
        """Names of the dimensions, as they are compared."""
        return list(self._named)

    def dimension(self, name: str) -> Dimension | None:
        """The dimension of that name; None where it is no dimension's."""
        return self._named.get(normal(name)) or self._named.get(bare(name))

    def is_other(self, name: str) -> bool:
        """Whether the name is that of another question, of one aspect or of a part of the clip."""
        name = bare(name)
        return name in self._others or _PART.match(name) is not None
