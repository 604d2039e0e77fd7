"""The whole study in plain values: page, terminal and JSON tell the same."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from annotators.ledger import Spent
from pipeline.canary.ask import ToBuy
from pipeline.canary.shift import Replies, Row, Scores
from pipeline.preview.words import plural, usd


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a judge said to one variant of a clip on one dimension, in its first draw."""

    annotator: str
    dimension: str
    variant: str
    score: float | None
    said: str  # the rationale, or why there is no score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A clip on the page: its middle frame under every variant that changes frames."""

    video_id: str
    generator: str
    prompt: str
    pictures: Sequence[tuple[str, bytes]]  # variant, JPEG
    width_px: int
    height_px: int
    said: Sequence[Said]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything there is to tell."""

    name: str
    sent: bool
    simulated: bool
    n_clips: int  # asked about
    n_prompts: int
    words: Sequence[tuple[str, str]]  # what a variant says
    to_buy: Sequence[ToBuy]
    paid: Spent  # now
    rows: Sequence[Row]
    replies: Sequence[Replies]
    scores: Sequence[Scores]
    shown: Sequence[Shown]
    notes: Sequence[str]
    stopped: str  # why it ended early; empty: it did not

    @property
    def sentences(self) -> list[str]:
        """One per judge."""
        judges = dict.fromkeys(reply.annotator for reply in self.replies)
        return [sentence(judge, self.rows) for judge in judges]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "name": self.name,
            "simulated": self.simulated,
            "stopped": self.stopped or None,
            "n_clips": self.n_clips,
            "n_prompts": self.n_prompts,
            "words": [{"variant": variant, "words": words} for variant, words in self.words],
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "replies": [dataclasses.asdict(reply) for reply in self.replies],
            "scores": list(_plain_scores(self.scores)),
            "sentences": self.sentences,
            "notes": list(self.notes),
            "paid": {
                "requests": self.paid.requests,
                "usd": None if self.paid.unpriced else round(self.paid.usd, 6),
                "input_tokens": self.paid.input_tokens,
                "output_tokens": self.paid.output_tokens,
            },
        }


def _plain_scores(scores: Iterable[Scores]) -> Iterable[dict[str, Any]]:
    for one in scores:
        for variant, clips in one.by_variant.items():
            for clip, drawn in sorted(clips.items()):
                yield {
                    "annotator": one.annotator,
                    "dimension": one.dimension,
                    "variant": variant,
                    "video_id": clip,
                    "prompt_id": one.prompt_of[clip],
                    "scores": list(drawn),
                }


def sentence(judge: str, rows: Sequence[Row]) -> str:
    """What words did to a judge, with what is not known."""
    own = {(r.dimension, r.variant, r.minus): r for r in rows if r.annotator == judge}
    if not own:
        return f"{judge}: gave no score, so how far words move it is not known."
    told = [_of_dimension(name, own) for name in dict.fromkeys(name for name, _, _ in own)]
    n_clips = max(row.n_clips for row in own.values() if row.minus)
    n_prompts = max(row.n_prompts for row in own.values() if row.minus)
    return f"{judge}: {'; '.join(told)} ({n_clips} clips of {n_prompts} prompts)."


def _of_dimension(name: str, own: Mapping[tuple[str, str, str], Row]) -> str:
    praise, blame = own[name, "praise", "neutral"], own[name, "blame", "neutral"]
    prompt, other = own[name, "prompt_praise", "clean"], own[name, "prompt_blame", "clean"]
    if not any(row.moved is None or row.moved for row in (praise, blame, prompt, other)):
        return f"{name} was not moved by words in any clip"
    of = "" if praise.range is None or praise.value is None else f" of {praise.range:g}"
    return (
        f"{name} moved by {_by(praise, of, ',')} by words in the frames (praise; blame {_by(blame)}), "
        f"by {_by(prompt, '', ',')} by words in the prompt (praise; blame {_by(other)})"
    )


def _by(row: Row, of: str = "", end: str = "") -> str:
    """The shift with what speaks against it; ``end`` closes a doubt where the sentence goes on."""
    if row.value is None:
        return "an unknown amount"
    doubt = ""
    if row.low is None or row.high is None:
        doubt = ", without an interval"
    elif row.moved and row.low <= 0 <= row.high:
        doubt = ", perhaps by chance"
    return f"{amount(row)}{of}{doubt}{end if doubt else ''}"


def amount(row: Row) -> str:
    """``+0.90 [0.60, 1.20]``; a mean has no sign before it."""
    if row.value is None:
        return "unknown"
    value = f"{row.value:+.2f}" if row.minus else f"{row.value:.2f}"
    ends = "" if row.low is None or row.high is None else f" [{row.low:.2f}, {row.high:.2f}]"
    return f"{value}{ends}".replace("-0.00", "0.00").replace("+0.00", "0.00")


def money(spent: Spent) -> str:
    """What was paid, in words."""
    unknown = f" and {plural(spent.unpriced, 'request')} of unknown cost" if spent.unpriced else ""
    return f"{plural(spent.requests, 'request')}, {usd(spent.usd)}{unknown}"
