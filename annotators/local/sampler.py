"""Draws the next token of every row of a batch, each row by itself.

A row's draws depend on its own job alone: the n-th token is drawn by a number hashed from the job's key
and n. ``generate`` is given scores that leave it no choice.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import LogitsProcessor

from annotators.local.job import Job, Spoken
from annotators.local.vocabulary import WIDTH, Vocabulary

LEAST = -9999.0  # a log-probability of minus infinity, which JSON cannot write; as OpenAI writes it


class Row:
    """One reply on its way."""

    def __init__(self, job: Job, vocabulary: Vocabulary) -> None:
        self.job, self._vocabulary = job, vocabulary
        self.held = None if job.schema is None else vocabulary.held(job.schema, job.max_tokens)
        self.tokens: list[int] = []
        self.spoken: list[Spoken] = []
        self.finish: str | None = None

    @property
    def number(self) -> float:
        """In [0, 1): decides the next token."""
        digest = hashlib.sha256(f"{self.job.key}:{len(self.tokens)}".encode()).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    @property
    def text(self) -> str:
        """What was said: of a held reply every byte, for that is what fits the schema."""
        if self.held is None:
            return self._vocabulary.text(self.tokens)
        return b"".join(map(self._vocabulary.raw, self.tokens)).decode(errors="replace")

    def take(self, token: int, spoken: Spoken | None) -> None:
        """Go on with a token, or end."""
        if token in self._vocabulary.ends:
            self.finish = "stop"
            return
        self.tokens.append(token)
        if spoken:
            self.spoken.append(spoken)
        if self.held:
            self.held.take(token, self._vocabulary.raw(token))
            if self.held.whole:
                self.finish = "stop"
        if self.finish is None and len(self.tokens) >= self.job.max_tokens:
            self.finish = "length"


class Sampler(LogitsProcessor):
    """The rows of one batch, in the batch's order."""

    def __init__(self, rows: Sequence[Row], vocabulary: Vocabulary) -> None:
        self._rows, self._vocabulary = rows, vocabulary
        self._quotes = packed(vocabulary.quotes, vocabulary.size)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the same shape: the token that was drawn, and nothing else."""
        scores = scores.float()
        allowed = self._allowed(scores)
        drawn = self._draw(scores.masked_fill(~allowed, -torch.inf)).tolist()
        notes = self._notes(scores, allowed, drawn)
        for i, row in enumerate(self._rows):
            if row.finish is None:
                row.take(drawn[i], notes.get(i))
            else:
                drawn[i] = self._vocabulary.ends[0]
        only = torch.full_like(scores, -torch.inf)
        at = torch.tensor(drawn, device=scores.device)
        return only.scatter_(1, at[:, None], 0.0)

    def _allowed(self, scores: torch.Tensor) -> torch.Tensor:
        """Which tokens may come next, (rows, vocabulary)."""
        free = np.full(self._quotes.shape, 0xFFFFFFFF, np.uint32)
        bits = np.stack([self._bits(row, free) for row in self._rows]).view(np.int32)
        n_rows, size = scores.shape
        words = torch.from_numpy(bits).to(scores.device)
        single = torch.arange(WIDTH, device=scores.device, dtype=torch.int32)
        known = ((words[:, :, None] >> single) & 1).bool().reshape(n_rows, -1)
        # beyond the tokenizer's vocabulary, models have rows of filling
        known = known[:, : min(size, self._vocabulary.size)]
        return torch.nn.functional.pad(known, (0, size - known.shape[1]), value=False)

    def _bits(self, row: Row, free: NDArray[np.uint32]) -> NDArray[np.uint32]:
        if row.held is None or row.finish is not None:
            return free
        return row.held.allowed(self._quotes)

    def _draw(self, scores: torch.Tensor) -> torch.Tensor:
        """One token per row: the likeliest at temperature 0, else by inverse transform sampling from
        softmax(scores / temperature), cut to the nucleus of ``top_p`` (arXiv 1904.09751)."""
        likeliest = scores.argmax(-1)
        if all(row.job.temperature == 0 for row in self._rows):
            return likeliest
        jobs = [row.job for row in self._rows]
        fine = torch.float32 if scores.device.type == "mps" else torch.float64
        column = {"dtype": fine, "device": scores.device}
        heat = torch.tensor([[job.temperature or 1.0] for job in jobs], **column)
        chances = (scores.to(fine) / heat).softmax(-1)
        if any(job.top_p < 1 for job in jobs):
            chances = _nucleus(chances, torch.tensor([[job.top_p] for job in jobs], **column))
        heaped = chances.cumsum(-1)
        number = torch.tensor([[row.number] for row in self._rows], **column)
        drawn = torch.searchsorted(heaped, number * heaped[:, -1:], right=True).squeeze(-1)
        cold = torch.tensor([job.temperature == 0 for job in jobs], device=scores.device)
        return torch.where(cold, likeliest, drawn)

    def _notes(
        self, scores: torch.Tensor, allowed: torch.Tensor, drawn: Sequence[int]
    ) -> dict[int, Spoken]:
        """What is noted of each row that asked for it."""
        return {
            i: self._note(row, scores[i].log_softmax(-1), allowed[i], drawn[i])
            for i, row in enumerate(self._rows)
            if row.job.top_logprobs and row.finish is None
        }

    def _note(self, row: Row, logs: torch.Tensor, allowed: torch.Tensor, drawn: int) -> Spoken:
        """The token that was drawn, and the likeliest; where the schema leaves no more than these, all
        that it allows: the levels of a scale are then all there. A judge's own words, most of a reply,
        go without: nothing reads their alternatives."""
        raw = self._vocabulary.raw
        if row.held and row.held.in_free_text:
            return Spoken(raw=raw(drawn), logprob=max(LEAST, logs[drawn].item()), top=())
        n = min(row.job.top_logprobs, len(logs))
        some = allowed.nonzero().squeeze(-1).tolist()
        first = some if len(some) <= n else []
        ids = list(dict.fromkeys([*first, *logs.topk(n).indices.tolist()]))[:n]
        values = logs[[*ids, drawn]].clamp(min=LEAST).tolist()
        top = sorted(zip(ids, values), key=lambda pair: -pair[1])
        return Spoken(
            raw=raw(drawn),
            logprob=values[-1],
            top=tuple((raw(token), value) for token, value in top),
        )


def _nucleus(chances: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Without the unlikely tokens that the likelier ones, together at least ``top_p``, leave over."""
    sorted_, order = chances.sort(descending=True, stable=True)
    before = sorted_.cumsum(-1) - sorted_
    return torch.zeros_like(chances).scatter_(-1, order, sorted_.masked_fill(before >= top_p, 0.0))


def packed(tokens: Sequence[int], size: int) -> NDArray[np.uint32]:
    """A bit for each token, as llguidance lays them out: the lowest bit of a word first."""
    bits = np.zeros(-(-size // WIDTH) * WIDTH, np.uint8)
    bits[list(tokens)] = 1
    return np.packbits(bits, bitorder="little").view("<u4").astype(np.uint32)
