"""What an audit comes to, as it is found; its notes say a thing once, of all whom it is about."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from pipeline.audit import names
from pipeline.audit.disagreements import Disagreement
from pipeline.audit.measures.alt_test import AltTest
from pipeline.audit.measures.leaderboard import leaderboard_notes
from pipeline.audit.measures.slice_tests import SliceGap
from pipeline.audit.names import ALL
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.result import AuditRow
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.pairs import signs

SHOWN = 5  # annotators that a note names


class Findings:
    """Rows, disagreements, single tests and gaps; and notes on what could not be measured."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.disagreements: list[Disagreement] = []
        self.alt_test: list[dict[str, Any]] = []
        self.gaps: list[tuple[str, str, SliceGap]] = []  # annotator, dimension
        self._told: dict[tuple[str, str], list[str]] = {}  # before and after the names -> names

    @property
    def notes(self) -> list[str]:
        """A sentence for every thing to be said."""
        return [f"{before}{_some(who)}{after}" for (before, after), who in self._told.items()]

    def add(self, row: AuditRow, n_undefined: int) -> None:
        """A row, with a note where prompts had to be left out of it."""
        self.rows.append(row)
        if n_undefined and row.slice == ALL and row.statistic == names.RANKS_WITHIN:
            self._tell(
                f"{row.statistic} and tau-b within prompts on {row.dimension} leave out prompts whose "
                "clips are all tied: ",
                f"{row.annotator} {n_undefined}",
                "",
            )

    def people(self, dimension: str, panel: PairPanel) -> None:
        """Why people set no right answer to any pair."""
        if not panel.n_pairs:
            self._tell(
                f"{dimension}: people judged no two clips of one prompt, so nothing is said of pairs",
                "",
                "",
            )
        elif not signs(panel.target).any():
            self._tell(
                f"{dimension}: people tie every pair, so there is no accuracy on pairs", "", ""
            )

    def annotator(
        self, annotator: str, dimension: str, panel: PairPanel, judged: PairPanel
    ) -> None:
        """Why an annotator has no accuracy on pairs, or one that says nothing."""
        assert judged.judge is not None
        if panel.n_pairs and not judged.n_pairs:
            what = f" on {dimension}: judged no two clips of one prompt that people judged"
        elif judged.n_pairs and not signs(judged.judge).any():
            what = f" on {dimension}: ties every pair" + (
                f" (scores that differ by less than {1e-9:g} are equal; multiply them)"
                if np.any(judged.judge)
                else ""
            )
        else:
            return
        self._tell("", annotator, what)

    def test(self, annotator: str, dimension: str, test: AltTest) -> None:
        """The single tests behind an alternative annotator test, and why some are missing."""
        kind = "scores" if test.scores else "pairs"
        told = {"annotator": annotator, "dimension": dimension, "of": kind}
        self.alt_test += [{**told, **dataclasses.asdict(rater)} for rater in test.raters]
        for note in test.notes:
            self._tell(
                "alternative annotator test of ", annotator, f" on {dimension} ({kind}): {note}"
            )

    def board(self, who: str, dimension: str, panel: PairPanel, differences: Array) -> None:
        """Why generators are missing from a leaderboard, where there are several to compare."""
        if len(set(panel.generators)) > 1:
            for note in leaderboard_notes(panel, differences):
                self._tell("leaderboard of ", who, f" on {dimension}: {note}")

    def _tell(self, before: str, who: str, after: str) -> None:
        told = self._told.setdefault((before, after), [])
        if who not in told:
            told.append(who)


def _some(who: Sequence[str]) -> str:
    more = f" and {len(who) - SHOWN} more" if len(who) > SHOWN else ""
    return ", ".join(who[:SHOWN]) + more
