"""What a point costs when it is bought alone, from its rows: what it cost, whoever bought it."""

import dataclasses
from typing import Self

from annotators.judge import JudgeSpec
from pipeline.dataset.parquet import parts, read_columns
from pipeline.study.place import Placed

COLUMNS = ("reply_key", "input_tokens", "output_tokens", "cost_usd")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of all clips together. ``usd`` None: a price is unknown; 0: the judge is free.

    ``requests`` counts replies that a row rests on: of a chain of cut replies the last one only, while
    tokens and money count all of them.
    """

    n_clips: int
    requests: int
    input_tokens: int
    output_tokens: int
    usd: float | None
    answered: float = 1.0  # share of what was asked for that got a reply, a refusal included

    @property
    def tokens(self) -> int:
        """In and out."""
        return self.input_tokens + self.output_tokens

    @property
    def usd_per_clip(self) -> float | None:
        """Of the clips that were answered: who was down costs nothing, and is not cheap for it.

        None where a price is unknown.
        """
        return None if self.usd is None else self.usd / self._n_answered

    @property
    def tokens_per_clip(self) -> float:
        """In and out, of the clips that were answered."""
        return self.tokens / self._n_answered

    @property
    def _n_answered(self) -> float:
        return self.n_clips * (self.answered or 1.0)

    @classmethod
    def of(cls, placed: Placed, n_clips: int) -> Self:
        """Annotations and failures of a point's tables. A model that runs here is free."""
        layout, keys, tokens, costs = placed.layout, set[str](), [0, 0], list[float | None]()
        rows = list(read_columns(parts(layout.table("annotations")), COLUMNS))
        rows += [
            row[1:]
            for row in read_columns(parts(layout.table("failures")), ("stage", *COLUMNS))
            if row[0] == "annotate"
        ]
        for key, given, got, usd in rows:
            keys.update([key] if key else [])
            tokens = [tokens[0] + (given or 0), tokens[1] + (got or 0)]
            costs.append(usd)
        asks = isinstance(placed.point.judge, JudgeSpec)
        answered = sum(bool(key) for key, *_ in rows) / len(rows) if asks and rows else 1.0
        known = [usd for usd in costs if usd is not None]
        return cls(
            n_clips=n_clips,
            requests=len(keys) if asks else 0,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            usd=sum(known) if len(known) == len(costs) else None,
            answered=answered,
        )
