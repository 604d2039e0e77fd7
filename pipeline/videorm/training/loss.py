"""Bradley-Terry with ties (Rao and Kupper 1967): reward differences against labels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def rao_kupper(difference: Tensor, label: Tensor, log_k: Tensor) -> Tensor:
    """Negative log-likelihood of each pair, in nats.

    ``difference`` d = reward(a) - reward(b), ``label`` +1 where a is preferred, -1 where b is, 0
    for a tie, ``log_k`` > 0; all (P,). Rao and Kupper: P(a) = s(d - log k), P(b) = s(-d - log k)
    and P(tie) = (k^2 - 1) P(a) P(b), which is what remains to one. s is the logistic function.
    """
    lose_a = F.softplus(log_k - difference)  # -log P(a)
    lose_b = F.softplus(log_k + difference)  # -log P(b)
    tie = lose_a + lose_b - torch.log(torch.expm1(2 * log_k))
    return torch.where(label > 0, lose_a, torch.where(label < 0, lose_b, tie))


def per_prompt_mean(values: Tensor, weight: Tensor, prompt: Tensor, n_prompts: int) -> Tensor:
    """Weighted mean of pair values within each prompt, then the mean over prompts that have any.

    ``values``, ``weight`` and ``prompt`` (the pair's prompt, 0-based) are (P,). So every prompt
    counts alike however many of its pairs are labelled, and a pair that is missing or of weight
    zero changes nothing, not even the denominator.
    """
    total = values.new_zeros(n_prompts).index_add(0, prompt, values * weight)
    mass = values.new_zeros(n_prompts).index_add(0, prompt, weight)
    counted = mass > 0
    means = torch.where(counted, total / torch.where(counted, mass, 1.0), 0.0)
    return means.sum() / counted.sum().clamp_min(1)
