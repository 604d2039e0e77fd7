"""How far rewards are from labels: one value per pair, or per score.

Throughout, d = reward(a) - reward(b) in log-odds, ``label`` is +1 where a is preferred, -1 where b is,
0 for a tie, and s is the logistic function. Values are in nats; none of them overflows, however large d.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def bradley_terry(difference: Tensor, label: Tensor) -> Tensor:
    """-log s(d) where a is preferred, -log s(-d) where b is; (P,) all.

    Bradley and Terry 1952 (Biometrika 39). It knows no ties: give those no weight (:func:`untied`).
    """
    return F.softplus(-label * difference)


def margin(difference: Tensor, label: Tensor, demanded: Tensor) -> Tensor:
    """-log s(label * d - m): the preferred clip should lead by ``demanded`` m >= 0; (P,) all.

    m that grows with the gap of scores is Llama 2's (arXiv 2307.09288, equation 2), the constant 0.57
    VideoAlign's (arXiv 2501.13918). Ties have no leader: give them no weight (:func:`untied`).
    """
    return F.softplus(demanded - label * difference)


def rao_kupper(difference: Tensor, label: Tensor, log_k: Tensor) -> Tensor:
    """Bradley-Terry with ties; ``log_k`` > 0 is the threshold; (P,) all.

    Rao and Kupper 1967 (JASA 62): P(a) = s(d - log k), P(b) = s(-d - log k), and
    P(tie) = (k^2 - 1) P(a) P(b), which is what remains to one.
    """
    lose_a = F.softplus(log_k - difference)  # -log P(a)
    lose_b = F.softplus(log_k + difference)  # -log P(b)
    # log(k^2 - 1) without computing k^2, which overflows, and exact near k = 1
    tie = lose_a + lose_b - 2 * log_k - torch.log(-torch.expm1(-2 * log_k))
    return torch.where(label > 0, lose_a, torch.where(label < 0, lose_b, tie))


def soft(difference: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of s(d) against ``target`` p, the probability that a is preferred; (P,) all.

    -p log s(d) - (1 - p) log s(-d), least at d = log(p / (1 - p)), where it is the entropy of p.
    """
    return F.binary_cross_entropy_with_logits(difference, target, reduction="none")


def soft_target(label: Tensor, margin: Tensor, share: Tensor, temperature: float) -> Tensor:
    """The probability (P,) that a is preferred, from the best that is known of each pair.

    The ``share`` of those asked that prefer a; without one, s(``margin`` / ``temperature``), scores'
    points per unit of log-odds; where only a choice is known (both NaN), the label: 1, 0 or 1/2.
    """
    by_label = (label.to(share.dtype) + 1) / 2
    by_margin = torch.sigmoid(margin / temperature)
    target = torch.where(margin.isfinite(), by_margin, by_label)
    return torch.where(share.isfinite(), share, target)


def squared_error(rewards: Tensor, scores: Tensor, spread: Tensor) -> Tensor:
    """((reward - score) / spread)^2 of rewards and scores (B, dimensions), ``spread`` (dimensions,).

    Regression on scores as VideoScore trains it (arXiv 2406.15252), but in units of the scores' spread,
    so that dimensions count alike whatever their scales. 0, without gradient, where the score is NaN.
    """
    known = scores.isfinite()
    gap = torch.where(known, rewards - torch.where(known, scores, 0.0), 0.0)
    return (gap / spread).square()


def untied(label: Tensor, weight: Tensor) -> Tensor:
    """``weight`` (P,) with nothing left for ties."""
    return torch.where(label == 0, 0.0, weight)


def prompt_means(values: Tensor, weight: Tensor, prompt: Tensor, n_prompts: int) -> Tensor:
    """Weighted mean of the values of each prompt, (n_prompts,); 0 for a prompt without any weight.

    ``values``, ``weight`` and ``prompt`` (the value's prompt, from 0) are (P,). So every prompt counts
    alike however many of its pairs are labelled, and a pair of weight zero changes nothing, not even
    the denominator.
    """
    total = values.new_zeros(n_prompts).index_add(0, prompt, values * weight)
    mass = values.new_zeros(n_prompts).index_add(0, prompt, weight)
    return torch.where(mass > 0, total / torch.where(mass > 0, mass, 1.0), 0.0)
