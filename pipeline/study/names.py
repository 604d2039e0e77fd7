"""The statistics by which a study can tell points apart, by the audit's names."""

LEFT_OUT = "_loo"  # the ending of those whose target is all raters but one
ACCURACIES = tuple(f"pair_accuracy_ties_{rule}" for rule in ("half", "wrong", "excluded"))
WITH_TIES = "pair_agreement_with_ties"
_TIES = {"half": "count half", "wrong": "count as wrong", "excluded": "are left out"}


def meaning(statistic: str) -> str:
    """A statistic in plain words."""
    base = statistic.removesuffix(LEFT_OUT)
    if base == WITH_TIES:
        said = "share of pairs of clips of which a judge says the same as people: better, worse or a tie"
    else:
        rule = base.removeprefix("pair_accuracy_ties_")
        said = (
            "share of pairs of clips of one prompt that a judge orders as people do; pairs that people "
            f"tie do not count, ties of the judge {_TIES[rule]}"
        )
    if statistic == base:
        return said
    return f"{said}; each rater is left out in turn, and the mean of the others is what is right"


KNOWN = (*ACCURACIES, WITH_TIES, *(f"{name}{LEFT_OUT}" for name in ACCURACIES))
