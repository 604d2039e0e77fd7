"""A made-up audit with every statistic there is, for the tests of the audit page.

The numbers follow from the names alone. Annotator, generator, rater and rationale hold hostile text.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.audit.names import STATISTICS

HOSTILE_NAME = "</script><img src=x onerror=\"document.title='owned'\">"
ANNOTATORS = ("judge <b>", "CLIPScore", "consensus", "UMTScore", "BLIPScore")
GENERATORS = ("cogvideo", "text2video-zero", f"zeta {HOSTILE_NAME}", "real")
RATERS = ("human0", "human1", "human2")
DIMENSIONS = ("prompt_following", "video_quality")
SLICES = (
    *(f"generator={name}" for name in GENERATORS),
    "generator!=real",
    "complexity=complex",
    "complexity=simple",
    "source=MSRVTT",
    "source=WebVid",
    "prompt_words=3..8",
    "prompt_words=9..31",
    "duration_s=1.5..2",
)
ONE_RATER = ("rater_mean", "rater_sd", "rater_offset", "rater_tie_share", "rater_pair_agreement",
             "rater_pair_agreement_strict", "rater_pair_coverage")  # fmt: skip
AMONG = ("fleiss_kappa", "icc_2_1", "icc_2_k", "krippendorff_alpha_nominal",
         "krippendorff_alpha_ordinal", "krippendorff_alpha_interval",
         "krippendorff_alpha_interval_centred")  # fmt: skip
SLICED = ("confusion_share", "calibration_accuracy", "calibration_mean_rating", "slice_gap",
          "slice_gap_p", "bradley_terry_strength", "davidson_strength")  # fmt: skip
OF_A_JURY = ("error_correlation", "mean_error_correlation", "effective_judges", "all_wrong")
RATES = ("refusal_rate", "parse_failure_rate", "other_failure_rate")
REFERENCES = ("pair_accuracy_ties_half", "pair_accuracy_ties_half_loo", "pair_accuracy_with_ties",
              "pair_accuracy_with_ties_loo")  # fmt: skip
DIFFERS = ("judge <b>", "prompt_following", "complexity=complex")  # the one slice that does


def luck(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def row(
    annotator: str,
    statistic: str,
    dimension: str,
    value: float | None,
    half: float | None = 0.04,
    *,
    where: str = "all",
    n_items: int = 412,
    n_raters: int = 3,
) -> dict[str, Any]:
    ends = (None, None) if half is None or value is None else (value - half, value + half)
    return {"annotator": annotator, "statistic": statistic, "dimension": dimension, "slice": where,
            "value": value, "low": ends[0], "high": ends[1], "n_items": n_items,
            "n_raters": n_raters}  # fmt: skip


def full_audit() -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows as in ``audit.json`` and details as in ``audit_details.json``."""
    rows = list(itertools.chain.from_iterable(map(_dimension, DIMENSIONS)))
    details = {
        "scope": {
            "simulated": False,
            "annotators": list(ANNOTATORS),
            "dimensions": {name: [name] for name in DIMENSIONS},
            "generators": list(GENERATORS),
            "left_out_generators": [],
            "n_ratings": 5571,
            "n_clips": 1857,
            "n_prompts": 619,
            "n_raters": 3,
            "resampling_unit": "prompt",
            "resamples": 2000,
            "seed": 0,
            "level": 0.95,
            "versions": {"videoprefer": "0.1.0", "numpy": "2.3.1"},
            "statistics": STATISTICS,
        },
        "notes": [f"left out: rows of {HOSTILE_NAME}", "one rated clip has no score"],
        "unmet": ["spearman of consensus on video_quality is 0.41; at least 0.5 is required"],
        "disagreements": [
            disagreement(annotator, dimension, n)
            for dimension in DIMENSIONS
            for annotator in ANNOTATORS[:2]
            for n in range(3)
        ],
        "alt_test": [
            _alternative(annotator, dimension, n)
            for annotator in ANNOTATORS
            for dimension in DIMENSIONS
            for n in range(len(RATERS))
        ],
    }
    return rows, details


def _dimension(dimension: str) -> Iterator[dict[str, Any]]:
    for statistic in REFERENCES:
        yield row("human_ceiling", statistic, dimension, 0.80, n_items=1201)
        yield row("chance", statistic, dimension, 0.5, 0.0)
        yield row("all_tie", statistic, dimension, 0.31, 0.02)
    for annotator in ANNOTATORS:
        yield from _annotator(annotator, dimension)
    yield from _people(dimension)
    for one, other in itertools.combinations(ANNOTATORS[:2], 2):
        yield row(f"{one} & {other}", "error_correlation", dimension, 0.41)
    for statistic in OF_A_JURY[1:]:
        yield row("jury", statistic, dimension, 0.2 + luck(statistic, dimension))


def _annotator(annotator: str, dimension: str) -> Iterator[dict[str, Any]]:
    key = (annotator, dimension)
    others = {*ONE_RATER, *AMONG, *SLICED, *OF_A_JURY, *RATES}
    for statistic in STATISTICS:
        if statistic in others:
            continue
        undefined = statistic == "kendall_tau_c" and annotator == "CLIPScore"
        loo = statistic.endswith(("_loo", "_ceiling")) and not statistic.endswith("_of_ceiling")
        yield row(annotator, statistic, dimension,
                  None if undefined else round(0.35 + 0.5 * luck(statistic, *key), 4),
                  None if statistic == "tie_threshold" else 0.05,
                  n_items=1201 if loo else 412)  # fmt: skip
    for where in SLICES:
        differs = (*key, where) == DIFFERS
        yield row(annotator, "pair_accuracy_ties_half", dimension, 0.5 + 0.3 * luck(where, *key),
                  where=where, n_items=130)  # fmt: skip
        yield row(annotator, "slice_gap", dimension, -0.13 if differs else 0.01, where=where)
        yield row(annotator, "slice_gap_p", dimension, 0.003 if differs else 0.6, None, where=where)
        yield row(annotator, "spearman", dimension, 0.3 + 0.3 * luck(where, "s", *key), where=where)
    yield from _curves(annotator, dimension)
    yield from _board(annotator, dimension)
    for statistic, where in itertools.product(RATES, ("all", *SLICES[:4])):
        yield row(annotator, statistic, dimension, 0.2 * luck(statistic, where, *key), 0.01,
                  where=where, n_items=619, n_raters=0)  # fmt: skip


def _curves(annotator: str, dimension: str) -> Iterator[dict[str, Any]]:
    margins = ("0..0.012", "0.012..0.025", "0.025..0.041", "0.041..0.07", "0.07..0.31")
    for n, margin in enumerate(margins):
        yield row(annotator, "calibration_accuracy", dimension, 0.52 + 0.07 * n, 0.06,
                  where=f"margin={margin}", n_items=83)  # fmt: skip
    for score in range(1, 6):
        empty = score == 1 and annotator == "CLIPScore"
        yield row(annotator, "calibration_mean_rating", dimension, None if empty else 1.8 + 0.5 * score,
                  0.2, where=f"score={score}..{score}", n_items=0 if empty else 371)  # fmt: skip
    for human, judge in itertools.product(range(1, 6), repeat=2):
        share = 0.14 if human == judge else 0.015
        yield row(annotator, "confusion_share", dimension, share, 0.01,
                  where=f"human={human},judge={judge}", n_items=5571)  # fmt: skip


def _board(annotator: str, dimension: str) -> Iterator[dict[str, Any]]:
    for n, generator in enumerate(GENERATORS):
        for statistic in ("bradley_terry_strength", "davidson_strength"):
            yield row(annotator, statistic, dimension, n - 1.5 + 0.5 * luck(annotator, generator),
                      0.3, where=f"generator={generator}", n_items=310)  # fmt: skip


def _people(dimension: str) -> Iterator[dict[str, Any]]:
    for statistic in (*AMONG, *ONE_RATER[4:], "exact_agreement", "mean_score", "human_tie_share"):
        yield row("raters", statistic, dimension, 0.4 + 0.4 * luck(statistic, dimension))
    for where in SLICES[:4]:
        yield row("raters", "krippendorff_alpha_ordinal", dimension, 0.5, where=where)
    yield from _board("raters", dimension)
    for rater in RATERS:
        for statistic in ONE_RATER:
            value = luck(statistic, rater, dimension)
            value = value - 0.5 if statistic == "rater_offset" else value
            yield row(f"rater {rater}", statistic, dimension, value, n_raters=1)
        yield row(f"rater {rater}", "pair_accuracy_ties_half_loo", dimension, 0.95, 0.02)


def _alternative(annotator: str, dimension: str, n: int) -> dict[str, Any]:
    return {"annotator": annotator, "dimension": dimension, "of": "pairs", "rater": RATERS[n],
            "n_items": 412, "advantage": 0.6, "p": 0.01 + n / 10, "beaten": n == 0}  # fmt: skip


def disagreement(
    annotator: str, dimension: str, n: int, videos: Sequence[str] = ("v-a", "v-b")
) -> dict[str, Any]:
    """One entry of ``disagreements``, its text hostile."""

    def side(video: str, generator: str, score: float, ratings: tuple[int, ...]) -> dict[str, Any]:
        return {"video_id": video, "generator": generator, "score": score,
                "rationale": f"Score {score}. {HOSTILE_NAME}" if n == 0 else None,
                "ratings": dict(zip(RATERS, ratings))}  # fmt: skip

    return {
        "annotator": annotator,
        "dimension": dimension,
        "prompt_id": f"p-{n}",
        "prompt": f"A kite {n} over a lake {HOSTILE_NAME}" if n < 2 else None,
        "a": side(videos[0], GENERATORS[2], 0.213, (5, 4, 5)),
        "b": side(videos[1], GENERATORS[0], 0.341, (1, 2, 1)),
        "judge_margin": -0.128,
        "human_margin": 3.3333333333,
        "judge_sureness": 2.1,
        "human_sureness": 2.6,
        "said": {"human0": 4.0, "human1": 2.0, "human2": 4.0},
        "rationale": f"B is sharper. {HOSTILE_NAME}" if n == 0 else None,
        "shown_first": "b" if n == 0 else None,
    }
