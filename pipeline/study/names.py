"""The statistics by which a study can tell points apart, by the audit's names."""

LEFT_OUT = "_loo"  # the ending of those whose target is all raters but one
ACCURACIES = tuple(f"pair_accuracy_ties_{rule}" for rule in ("half", "wrong", "excluded"))
WITH_TIES = "pair_agreement_with_ties"
KNOWN = (*ACCURACIES, WITH_TIES, *(f"{name}{LEFT_OUT}" for name in ACCURACIES))
