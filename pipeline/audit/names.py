"""The closed list of statistic names that ``audit.json`` may hold, and who they can be about."""

# Not annotators of clips, so no annotator may be called so:
RATERS = "raters"  # the raters among each other, or their votes together
HUMAN_CEILING = "human_ceiling"  # each rater against the mean of the others, averaged over raters
CHANCE = "chance"  # expectation of an annotator that never ties and guesses
ALL_TIE = "all_tie"  # an annotator that calls every pair a tie
JURY = "jury"  # all annotators but the consensus together, where there are two or more
RESERVED = (RATERS, HUMAN_CEILING, CHANCE, ALL_TIE, JURY)
RATER = "rater "  # begins the name of one rater alone: ``rater human0``

ALL = "all"  # the slice that is everything

# Accuracies leave out pairs tied in the target; n_items of such a row counts the others.
_ACCURACY = {
    "pair_accuracy_ties_half": "pairs of a prompt ordered as the target; an annotator tie is 1/2",
    "pair_accuracy_ties_wrong": "the same; an annotator tie is wrong",
    "pair_accuracy_ties_excluded": "the same; pairs tied by the annotator are left out",
}
_WITH_TIES = {
    "pair_accuracy_with_ties": "pairs on which annotator and target say the same of better, worse, "
    "tie; a margin up to a threshold is a tie, and the threshold is fitted on the other half of the prompts",
}
_POOLED = {
    "pearson": "linear correlation with the target, clips of all prompts pooled",
    "spearman": "rank correlation with the target, clips of all prompts pooled",
    "kendall_tau_b": "tau-b with the target, clips of all prompts pooled",
    "kendall_tau_c": "Stuart's tau-c with the target, clips of all prompts pooled",
}
RANKS_WITHIN = "spearman_within_prompt"
_WITHIN = {
    RANKS_WITHIN: "mean over prompts of Spearman's rho of a prompt's clips; a prompt that either side "
    "ties throughout has none, so annotator and rater may be averaged over different prompts",
    "kendall_tau_b_within_prompt": "mean over prompts of tau-b of a prompt's clips, likewise",
}
# Of annotators among each other, the consensus left out. The error of one on a pair that people do not
# tie: 0 in their order, 1/2 a tie, 1 in the other order; n_items counts those pairs.
_JURY = {
    "error_correlation": "of two annotators ('a & b'): correlation of their errors on the same pairs",
    "mean_error_correlation": "of the jury: mean over its couples, pairs that all of them judged",
    "effective_judges": "of the jury: independent judges its J are worth, J / (1 + (J - 1) mean)",
    "all_wrong": "of the jury: mean error of the best of them on each pair: what no choice can mend",
}
_SAME_SCALE = {
    "exact_agreement": "share of score pairs (annotator and rater, or two raters) that are equal",
    "within_one_agreement": "share of such pairs at most one point apart",
    "cohen_kappa": "kappa without weights, mean over raters (or over pairs of raters)",
    "cohen_kappa_linear": "kappa with linear weights, mean over raters (or over pairs of raters)",
    "cohen_kappa_quadratic": "quadratic kappa, mean over raters (or over pairs of raters)",
    "confusion_share": "share of score pairs at one level of the raters and one of the annotator",
    "mean_score": "mean of all scores",
}
_RATERS = {
    "fleiss_kappa": "Fleiss' kappa of the raters, levels without order",
    "krippendorff_alpha_nominal": "alpha of the raters, levels without order",
    "krippendorff_alpha_ordinal": "alpha of the raters, levels in order",
    "krippendorff_alpha_interval": "alpha of the raters, levels as numbers",
    "krippendorff_alpha_interval_centred": "the same after each rater's own mean is taken off: what is "
    "left once severity is gone",
    "krippendorff_alpha_ordinal_joined": "ordinal alpha of the raters and the annotator together",
    "icc_2_1": "ICC(2,1) of the raters, clips that all of them rated: one rater",
    "icc_2_k": "ICC(2,k) of the raters, clips that all of them rated: their mean",
    "rater_mean": "mean score of one rater",
    "rater_sd": "standard deviation of one rater's scores",
    "rater_offset": "mean difference of one rater from the mean of the others on the same clips",
    "rater_tie_share": "share of a prompt's pairs that a rater ties",
    "rater_pair_agreement": "two raters say the same of a pair: better, worse, tie",
    "rater_pair_agreement_strict": "the same, pairs on which both decide",
    "rater_pair_coverage": "share of pairs (times pairs of raters) on which both decide",
}
_PAIRS = {
    **_ACCURACY,
    **_WITH_TIES,
    "pair_accuracy_with_ties_optimistic": "the same, threshold fitted on the very pairs: an upper bound",
    "tie_threshold": "the threshold fitted on the calibration half: margins up to it are ties",
    "pair_agreement_with_ties": "pairs of a prompt with the same of better, worse, tie; no threshold",
    "judge_tie_share": "share of a prompt's pairs that the annotator calls a tie",
    "human_tie_share": "share of a prompt's pairs that are tied in the target",
}
_TESTS = {
    "alt_test_winning_rate": "alternative annotator test on pairs: share of raters that the annotator "
    "may replace; it passes at 0.5",
    "alt_test_advantage": "the same test: chance that the annotator is as near to the others as a rater",
    "alt_test_winning_rate_scores": "alternative annotator test on the scores of clips",
    "alt_test_advantage_scores": "the same test: chance that the annotator is as near as a rater",
    "calibration_accuracy": "pair accuracy, a tie half, where the annotator's margin is that large",
    "calibration_mean_rating": "mean of the target where the annotator's score is that high",
    "slice_gap": "pair accuracy, a tie half, in the slice minus that of all other pairs",
    "slice_gap_p": "p value of that gap, adjusted over all slices (Benjamini and Yekutieli)",
}
POSITION = {
    "first_position_rate": "share of decided choices that name the clip shown first",
    "position_consistency": "share of pairs seen in both orders on which both prefer the same",
}
_CHOICES = {
    **POSITION,
    "label_accuracy": "share of all questions whose choice is the raters' vote, both kinds of tie told "
    "apart; an unusable reply is wrong",
    "answered_share": "share of the questions with a usable choice, or of rated clips with a score",
}
_BOARD = {
    "bradley_terry_strength": "strength of a generator in log odds, mean 0; a tie is half a win",
    "davidson_strength": "the same, ties modelled after Davidson",
    "davidson_tie": "Davidson's nu: 0 no ties, larger the more",
    "leaderboard_spearman": "rank correlation of the annotator's and the raters' order of generators",
}
REPLIES = {
    "refusal_rate": "share of the verdicts owed that the judge or its provider's filter refused",
    "parse_failure_rate": "share of the verdicts owed whose reply could not be read as a verdict",
    "other_failure_rate": "share of the verdicts owed that are missing for another reason",
}
# Bases of the leave-one-rater-out variants.
LEAVE_ONE_OUT = (*_ACCURACY, *_WITH_TIES, *_POOLED, *_WITHIN)

# name -> what it is; the target is the mean of all raters unless the name says otherwise
STATISTICS: dict[str, str] = {
    **_SAME_SCALE,
    **_RATERS,
    **_POOLED,
    **_WITHIN,
    **_PAIRS,
    **_TESTS,
    **_CHOICES,
    **_BOARD,
    **REPLIES,
    **_JURY,
} | {
    name: text
    for base in LEAVE_ONE_OUT
    for name, text in (
        (f"{base}_loo", "the same, target the mean of all raters but one, averaged over the one"),
        (f"{base}_ceiling", "what the one left out reaches on the same clips and targets"),
        (f"{base}_of_ceiling", "the ratio _loo / _ceiling"),
    )
}
