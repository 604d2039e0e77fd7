"""What the findings of a run come to, judge by judge: changed, not changed, or too little to tell."""

import dataclasses
from collections.abc import Sequence

from pipeline.sentinels.compare import Finding
from pipeline.sentinels.permutation import holm


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A finding, and its p among all tests of the run."""

    finding: Finding
    p_adjusted: float | None
    alpha: float
    n_tests: int

    @property
    def changed(self) -> bool:
        """Whether the scores differ by more than noise."""
        return self.p_adjusted is not None and self.p_adjusted <= self.alpha

    @property
    def able(self) -> bool:
        """Whether so many replies could have shown a change at all."""
        smallest = self.finding.smallest
        within = None if smallest is None else smallest * self.n_tests <= self.alpha * (1 + 1e-9)
        return self.changed or bool(within)

    @property
    def another(self) -> bool:
        """Whether its scores changed, or the model that the replies name: another judge either way.
        A new system fingerprint alone is none: it stands for the server's settings, too."""
        return self.changed or bool(self.finding.new_models)

    @property
    def said(self) -> str:
        """In words."""
        return "; ".join([self._scores(), *_facts(self.finding)])

    def _scores(self) -> str:
        found = self.finding
        if not found.n_readings:
            return "no reply could be read"
        if found.p is None or found.smallest is None:
            return "nothing to compare with yet"
        base = f"{_plural(found.n_before, 'earlier occasion')}, {_plural(found.n_clips, 'clip')}"
        if found.alike:
            base += "; draws are alike in every word, so each occasion counts as one reply"
        if not self.able:
            return (
                f"too few replies to tell ({base}): the largest difference of all would give p = "
                f"{found.smallest:.2g}, and {self.alpha:g} is shared by {_plural(self.n_tests, 'test')}"
            )
        told = f"{_shift(found)}, adjusted p = {self.p_adjusted:.2g} ({base})"
        return f"CHANGED: {told}" if self.changed else f"no change seen: {told}"


def verdicts(findings: Sequence[Finding], *, alpha: float, n_tests: int) -> list[Verdict]:
    """One per finding, in their order. ``n_tests``: of the whole run, those to come too."""
    tested = [i for i, found in enumerate(findings) if found.p is not None]
    adjusted = dict(zip(tested, holm([findings[i].p or 0.0 for i in tested], n_tests), strict=True))
    return [
        Verdict(finding=found, p_adjusted=adjusted.get(i), alpha=alpha, n_tests=n_tests)
        for i, found in enumerate(findings)
    ]


def most_telling(found: Sequence[Verdict]) -> Verdict:
    """Of one judge's verdicts the one that says most: the smallest p, and of equal ones the last;
    without any p the last."""
    return min(reversed(found), key=lambda one: 2.0 if one.finding.p is None else one.finding.p)


def _facts(found: Finding) -> list[str]:
    """What is plain without a test."""
    facts = []
    if found.new_models:
        facts.append(
            f"ANOTHER MODEL answers: {', '.join(found.new_models)} "
            f"(before: {', '.join(found.models_before)})"
        )
    if found.new_fingerprints:
        facts.append(f"new system fingerprint: {', '.join(found.new_fingerprints)}")
    if found.failures:
        reasons = ", ".join(f"{n} {reason}" for reason, n in found.failures.items())
        facts.append(f"scores missing now: {reasons} (before: {found.failures_before:,})")
    return facts


def _shift(found: Finding) -> str:
    if found.shift is None:
        return "no scores on both sides"
    if found.low is None or found.high is None:
        return f"mean shift {found.shift:+.2f} points (one clip: no interval)"
    return f"mean shift {found.shift:+.2f} points [{found.low:+.2f}, {found.high:+.2f}]"


def _plural(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
