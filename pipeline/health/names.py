"""The closed list of statistics that ``judges.json`` may hold, and how they are made."""

JUDGES = "judges.json"  # below the run's folder
ALL = "all"  # every dimension, every generator

STATISTICS: dict[str, str] = {
    "refusal_rate": "share of the verdicts owed that the judge or its provider's filter refused",
    "parse_failure_rate": "share of the verdicts owed whose reply could not be read as a verdict",
    "other_failure_rate": "share of the verdicts owed without a reply, for any other reason",
    "not_applicable_rate": "share of the verdicts owed that the annotator does not judge at all",
    "cost_per_verdict_usd": "all that was paid, failures included, over usable verdicts",
    "output_tokens_per_verdict": "output tokens, failures included, over usable verdicts",
    "distinct_draws": "distinct replies over draws, of items with several usable draws",
    "spread": "mean over items of the standard deviation between draws, in points of the scale",
    "first_position_rate": "share of decided comparisons that prefer the clip shown first",
    "first_position_expected": "what a judge blind to the order would have there: mean of 1 / n",
    "position_consistency": "share of items on which every order prefers the same clip",
    "repeat_flip_rate": "share of pairs of draws in one order that prefer different clips",
    "judges_spearman_within_prompt": "two annotators with each other: mean over prompts of rho",
    "judges_same_choice": "two annotators with each other: share of pairs on which both prefer one "
    "clip that they prefer the same",
}

METHOD = [
    "A verdict is one dimension of one reply. Rates are shares of all verdicts owed, so that the"
    " four rates and the usable verdicts together make 1. A comparison counts for each generator"
    " that it shows.",
    "Intervals are 95 % and take whole prompts as the unit of error: Wilson's on the effective"
    " sample size for shares, mean +- 1.96 standard errors for the rest.",
    "Two replies are the same where verdict and rationale are; where a judge gives no rationale,"
    " equal scores alone make them the same.",
    "Selection bias: each generator's refusals and unreadable verdicts against those of the other"
    " generators on the same prompts, by permutation within prompts, p values adjusted after Holm"
    " over all judges and generators, reported below 0.05 where the excess is a point or more.",
    "Position bias is reported where the interval of the first pick leaves out what is expected,"
    " copied draws where half of the items have nothing else.",
    "Agreement of two judges says nothing about whether either is right: models share faults.",
]
