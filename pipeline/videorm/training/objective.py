"""What training makes small: the rewards of a batch against its labels, prompt by prompt."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipeline.videorm.data.batch import Batch
from pipeline.videorm.data.groups import Group
from pipeline.videorm.model.config import MODEL_TIE
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import TextSwapOptions, VideoRMOptions
from pipeline.videorm.training import loss
from schemas.options import SetupError

START_LOG_K = 0.5  # at equal rewards (k - 1) / (k + 1), a quarter of the pairs, are ties
LEAST_LOG_K = 1e-3  # at zero no tie is possible, and one that happens costs infinitely much
TIES = "are ties and are not learned from"
NO_GAP = "know a choice and no scores; no margin is demanded of them, only the order"
LABEL_ONLY = "know neither shares nor scores; their target is the label: 1, 0 or 1/2"
NEEDS_LEADER = ("bradley_terry", "margin")  # losses that say nothing of a tie


class Losses(NamedTuple):
    """Of a batch, or of a part of one: parts add up. A tuple, which wrappers of modules look into."""

    total: Tensor  # () float32, sum over prompts of each prompt's mean
    right: Tensor  # () float32, weight of untied pairs ordered as labelled; a model's tie is half
    untied: Tensor  # () float32, weight of untied pairs


class TieThreshold(nn.Module):
    """log k > 0 of each dimension, learned through a softplus, or ``fixed``."""

    def __init__(self, dimensions: int, fixed: float | None) -> None:
        super().__init__()
        start = START_LOG_K - LEAST_LOG_K
        raw = torch.full((dimensions,), math.log(math.expm1(start)))
        self.raw = nn.Parameter(raw) if fixed is None else None
        self.register_buffer("fixed", None if fixed is None else torch.full((dimensions,), fixed))
        self.fixed: Tensor | None

    def forward(self) -> Tensor:
        """(dimensions,)."""
        if self.raw is None:
            assert self.fixed is not None
            return self.fixed
        return F.softplus(self.raw) + LEAST_LOG_K


class Objective(nn.Module):
    """A model and the loss it is trained by.

    A prompt's loss is the weighted mean over its pairs (regression: over its known scores), so that
    every prompt counts alike; ``data.text_swap`` adds its weight times the mean over the prompt's clips.
    A prompt with nothing labelled that the loss can use adds nothing. Loss and rewards are float32
    under autocast too. Raises :class:`SetupError` for a text-swap dimension the model does not have.
    """

    def __init__(self, model: VideoRM, options: VideoRMOptions) -> None:
        super().__init__()
        self.model = model
        self.options = options.loss
        self.swap = options.data.text_swap
        names = model.config.dimensions
        self.swapped_dimensions = _positions(names, self.swap)
        ties = options.loss.kind == "rao_kupper"
        self.threshold = TieThreshold(len(names), options.loss.log_k) if ties else None

    @property
    def log_k(self) -> Tensor:
        """(dimensions,) Rao-Kupper's threshold; zeros under the other losses, which know no ties."""
        if self.threshold is not None:
            return self.threshold()
        return torch.zeros(len(self.model.config.dimensions))

    def forward(
        self, batch: Batch, text: Tensor, swapped: Tensor | None = None, depth: int | None = None
    ) -> Losses:
        """Losses of a batch whose ``clips`` are ready for the model at ``depth``.

        ``text`` (P, L) token ids or (P, D) embeddings of the batch's prompts; ``swapped``, alike, of
        another prompt for each: every clip should be worth more under its own. Where the other is the
        same text, nothing is asked.
        """
        z = self.model.clips(batch.clips, batch.valid, depth)
        if swapped is None or not self.swapped_dimensions:
            rewards = self.model.readout(z, self.model.texts(text)[batch.prompt])
            return self._losses(rewards, batch)
        text, swapped = _of_one_length(text, swapped)
        own, other = self.model.texts(torch.cat([text, swapped])).chunk(2)
        prompts = torch.cat([own[batch.prompt], other[batch.prompt]])
        rewards, elsewhere = self.model.readout(torch.cat([z, z]), prompts).chunk(2)
        same = (text == swapped).all(dim=1)[batch.prompt]  # (B,)
        return self._losses(rewards, batch, self._swap_values(rewards - elsewhere, same))

    def nats(self, rewards: Tensor, batch: Batch) -> Tensor:
        """Loss () of ``rewards`` (B, dimensions) on the batch's labels, summed over prompts.

        Of the pairs alone (regression: of the scores, in squared spreads instead of nats), without
        text swaps: what a held-out set is judged by.
        """
        with torch.autocast(rewards.device.type, enabled=False):
            return self._per_prompt(rewards.float(), batch).sum()

    def counted(self, groups: Sequence[Group]) -> int:
        """How many prompts have anything to learn under this loss; a mean's denominator."""
        return sum(self._teaches(g) for g in groups)

    def notes(self, groups: Sequence[Group]) -> tuple[str, ...]:
        """What the loss had to do without, one sentence each; nothing where nothing was missing."""
        kind, per_gap = self.options.kind, self.options.margin_per_gap
        n = sum(len(g.label) for g in groups)
        found = (
            (kind in NEEDS_LEADER, lambda g: g.label == 0, TIES),
            (kind == "margin" and per_gap, lambda g: (g.label != 0) & np.isnan(g.margin), NO_GAP),
            (kind == "soft", lambda g: np.isnan(g.margin) & np.isnan(g.share), LABEL_ONLY),
        )
        counts = [(sum(int(of(g).sum()) for g in groups), says) for asks, of, says in found if asks]
        return tuple(f"loss {kind}: {k} of {n} pairs {says}" for k, says in counts if k)

    def _losses(self, rewards: Tensor, batch: Batch, swaps: Tensor | None = None) -> Losses:
        with torch.autocast(rewards.device.type, enabled=False):
            rewards = rewards.float()
            per_prompt = self._per_prompt(rewards, batch)
            if swaps is not None:
                weight = self._weighs(batch)[batch.prompt].to(swaps.dtype)
                means = loss.prompt_means(swaps, weight, batch.prompt, len(batch.prompts))
                per_prompt = per_prompt + self.swap.weight * means
            return Losses(per_prompt.sum(), *_right(_differences(rewards, batch), batch))

    def _per_prompt(self, rewards: Tensor, batch: Batch) -> Tensor:
        """(P,) mean loss of each prompt, 0 where the loss can use nothing."""
        n = len(batch.prompts)
        if self.options.kind == "regression":
            values = loss.squared_error(rewards, batch.scores, self._spread(rewards))
            known = batch.scores.isfinite().to(values.dtype)
            prompt = batch.prompt.repeat_interleave(rewards.shape[1])
            return loss.prompt_means(values.flatten(), known.flatten(), prompt, n)
        values = self._pair_values(_differences(rewards, batch), batch)
        return loss.prompt_means(values, self._pair_weight(batch), batch.pair_prompt, n)

    def _pair_values(self, d: Tensor, batch: Batch) -> Tensor:
        """(N,) from differences of rewards (N,)."""
        options, label = self.options, batch.label.to(d.dtype)
        if options.kind == "bradley_terry":
            return loss.bradley_terry(d, label)
        if options.kind == "margin":
            gap = batch.margin.abs().nan_to_num(0.0) if options.margin_per_gap else 1.0
            return loss.margin(d, label, options.margin * torch.as_tensor(gap, device=d.device))
        if options.kind == "soft":
            target = loss.soft_target(label, batch.margin, batch.share, options.temperature)
            return loss.soft(d, target)
        return loss.rao_kupper(d, label, self.log_k.to(d.device)[batch.dimension])

    def _pair_weight(self, batch: Batch) -> Tensor:
        """(N,) weights of the pairs that the loss can use."""
        leader = self.options.kind in NEEDS_LEADER
        return loss.untied(batch.label, batch.weight) if leader else batch.weight

    def _weighs(self, batch: Batch) -> Tensor:
        """(P,) bool: :meth:`counted`, on the batch."""
        seen = torch.zeros(len(batch.prompts), device=batch.prompt.device)
        if self.options.kind == "regression":
            known = batch.scores.isfinite().any(dim=1).to(seen.dtype)
            return seen.index_add(0, batch.prompt, known) > 0
        weight = self._pair_weight(batch).to(seen.dtype)
        return seen.index_add(0, batch.pair_prompt, weight) > 0

    def _teaches(self, group: Group) -> bool:
        if self.options.kind == "regression":
            return bool(np.isfinite(group.scores).any())
        usable = group.weight > 0
        if self.options.kind in NEEDS_LEADER:
            usable = usable & (group.label != 0)
        return bool(usable.any())

    def _swap_values(self, lead: Tensor, same: Tensor) -> Tensor:
        """(B,) -log s of each clip's ``lead`` (B, dimensions) under its own prompt over another's."""
        with torch.autocast(lead.device.type, enabled=False):
            lead = (lead.float() / self._spread(lead))[:, self.swapped_dimensions]
            return torch.where(same, 0.0, F.softplus(-lead).mean(dim=1))

    def _spread(self, rewards: Tensor) -> Tensor:
        """(dimensions,) of the scores; one unless the model is a regression."""
        return self.model.readout.spread.to(rewards.device)


def _positions(names: Sequence[str], swap: TextSwapOptions) -> list[int]:
    """Where the text swap's dimensions stand among the model's; none without a text swap."""
    asked = swap.among(names)
    missing = [d for d in asked if d not in names]
    if missing:
        raise SetupError(
            f"videorm.data.text_swap.dimensions: {missing[0]!r}, but the model is trained on "
            f"{', '.join(names)}; name one of these, or set videorm.data.text_swap.weight to 0"
        )
    return [names.index(d) for d in asked]


def _of_one_length(text: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Token ids (P, L) with their last column, an end token or padding, repeated up to the longer."""
    length = max(text.shape[1], other.shape[1])
    texts = (
        torch.cat([x, x[:, -1:].expand(-1, length - x.shape[1])], dim=1) for x in (text, other)
    )
    one, two = texts
    return one, two


def _differences(rewards: Tensor, batch: Batch) -> Tensor:
    """(N,) reward of a minus reward of b in the pair's own dimension."""
    return rewards[batch.a, batch.dimension] - rewards[batch.b, batch.dimension]


def _right(differences: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Weight of untied pairs in the labels' order, and of all untied pairs."""
    d = differences.detach()
    hit = torch.where(d.abs() <= MODEL_TIE, 0.5, (d * batch.label > 0).to(d.dtype))
    weight = loss.untied(batch.label, batch.weight).to(d.dtype)
    return (weight * hit).sum(), weight.sum()
