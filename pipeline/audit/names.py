"""The closed list of statistic names that ``audit.json`` may hold, and who they can be about."""

# Not annotators of clips, so no annotator may be called so:
RATERS = "raters"  # the raters among each other
HUMAN_CEILING = "human_ceiling"  # each rater against the mean of the others, averaged over raters
CHANCE = "chance"  # expectation of an annotator that never ties and guesses
ALL_TIE = "all_tie"  # an annotator that calls every pair a tie
JURY = "jury"  # all annotators but the consensus together, where there are two or more
RESERVED = (RATERS, HUMAN_CEILING, CHANCE, ALL_TIE, JURY)

ALL = "all"  # the slice that is everything

# Accuracies leave out pairs tied in the target; n_items of such a row counts the others.
_ACCURACY = {
    "pair_accuracy_ties_half": "pairs of a prompt ordered as the target; an annotator tie is 1/2",
    "pair_accuracy_ties_wrong": "the same; an annotator tie is wrong",
    "pair_accuracy_ties_excluded": "the same; pairs tied by the annotator are left out",
}
_WITHIN = {"spearman_within_prompt": "mean over prompts of Spearman's rho of a prompt's clips"}
# Of annotators among each other, the consensus left out. The error of one on a pair that people do not
# tie: 0 in their order, 1/2 a tie, 1 in the other order; n_items counts those pairs.
_JURY = {
    "error_correlation": "of two annotators ('a & b'): correlation of their errors on the same pairs",
    "mean_error_correlation": "of the jury: mean over its couples, pairs that all of them judged",
    "effective_judges": "of the jury: independent judges its J are worth, J / (1 + (J - 1) mean)",
    "all_wrong": "of the jury: mean error of the best of them on each pair: what no choice can mend",
}
# Bases of the leave-one-rater-out variants.
LEAVE_ONE_OUT = (*_ACCURACY, *_WITHIN)

# name -> what it is; the target is the mean of all raters unless the name says otherwise
STATISTICS: dict[str, str] = {
    "exact_agreement": "share of score pairs (annotator and rater, or two raters) that are equal",
    "within_one_agreement": "share of such pairs at most one point apart",
    "cohen_kappa_quadratic": "quadratic kappa, mean over raters (or over pairs of raters)",
    "krippendorff_alpha_nominal": "alpha of the raters, levels without order",
    "krippendorff_alpha_ordinal": "alpha of the raters, levels in order",
    "krippendorff_alpha_interval": "alpha of the raters, levels as numbers",
    "krippendorff_alpha_ordinal_joined": "ordinal alpha of the raters and the annotator together",
    "icc_2_1": "ICC(2,1) of the raters, clips that all of them rated",
    "pearson": "linear correlation with the target, clips of all prompts pooled",
    "spearman": "rank correlation with the target, clips of all prompts pooled",
    "kendall_tau_b": "tau-b with the target, clips of all prompts pooled",
    "kendall_tau_c": "Stuart's tau-c with the target, clips of all prompts pooled",
    **_WITHIN,
    "kendall_tau_b_within_prompt": "mean over prompts of tau-b of a prompt's clips",
    **_ACCURACY,
    "pair_agreement_with_ties": "pairs of a prompt with the same of better, worse, tie",
    "judge_tie_share": "share of a prompt's pairs that the annotator calls a tie",
    "human_tie_share": "share of a prompt's pairs that are tied in the target",
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
