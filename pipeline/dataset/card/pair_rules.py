"""How scores and comparisons became pairs, in words: from the configuration of the run."""

from collections.abc import Mapping
from typing import Any

_METHODS = {
    "mean": "the mean",
    "median": "the median",
    "human_weights": "a mean, weighted by how near each annotator comes to the raters,",
    "dawid_skene": "the expected score by the model of Dawid and Skene",
}
_COMPARED = "how often each clip was preferred in the comparisons of the two"


def pair_rules(manifest: Mapping[str, Any]) -> list[str]:
    """Sentences on what a pair rests on, what a tie is, and what stands under ``overall``.

    A key that the record lacks has its default.
    """
    config = manifest.get("config") or {}
    preferences = config.get("preferences") or {}
    return [
        _basis(manifest.get("protocol") or "pointwise", config),
        _ties(preferences.get("tie_margin") or 0.0),
        _overall(preferences.get("weights")),
    ]


def _basis(protocol: str, config: Mapping[str, Any]) -> str:
    if protocol in ("pairwise", "listwise"):
        return f"The scores of a pair are {_COMPARED}."
    said = f"The scores of a pair are the consensus of each clip: {_consensus(config)}."
    if protocol == "tie_band":
        band = (config.get("protocol") or {}).get("band") or 0.0
        said += f" Where they differ by at most {band:g}, they are {_COMPARED}, if there are any."
    return said


def _consensus(config: Mapping[str, Any]) -> str:
    given = config.get("consensus") or {}
    method = _METHODS[given.get("method") or "mean"]
    named = given.get("annotators")
    of = "all annotators" if named is None else ", ".join(named)
    scale = given.get("scale") or "rubric"
    how = "" if scale == "rubric" else ", the scores of each in units of their standard deviation"
    return f"{method} of {of}{how}"


def _ties(margin: float) -> str:
    if margin:
        return f"Scores that differ by at most {margin:g} are ties and are kept as ties."
    return "Equal scores are ties and are kept as ties."


def _overall(weights: Mapping[str, float] | None) -> str:
    if weights is None:
        return "A score overall is the mean of all dimensions, missing where one of them is."
    named = ", ".join(f"{name} {weight:g}" for name, weight in weights.items() if weight)
    return (
        f"A score overall is the mean of these dimensions, missing where one of them is: {named}."
    )
