"""What an estimate says beside its table: what it rests on, what is missing, what will not fit."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from annotators.chat.spec import ChatSpec, OpenAISpec
from annotators.judge.spec import TOP_LOGPROBS
from annotators.ledger import Amount, Budget
from pipeline.config import Config
from pipeline.estimate.assumptions import (
    ALTERNATIVE_BYTES,
    ASSUMED_CLIP,
    JPEG_BYTES_PER_PIXEL,
    LATENCY_S,
    OUTPUT_TOKENS,
    REPLY_BYTES,
    ROW_BYTES,
)
from pipeline.estimate.clips import Clips
from pipeline.estimate.figures import plural
from pipeline.generators.base import GeneratorSpec
from pipeline.plan import Plan
from pipeline.protocol import ProtocolOptions


def heading(config: Config, plan: Plan, clips: Clips) -> tuple[str, ...]:
    """How much there is, and from where its sizes are known."""
    n_frames = sum(len(frames.indices) for frames, _ in clips.frame_sets())
    measured = len(clips.coming) - clips.n_generated - clips.n_elsewhere
    return (
        f"{plural(len(plan.prompts), 'prompt')}, {plural(len(plan.clips), 'clip')}, "
        f"{plural(len(plan.dimensions), 'dimension')} in "
        f"{plural(len(plan.rubrics or plan.comparing), 'rubric')}",
        f"{plural(n_frames, 'frame')}, at most {config.frames.most} per clip",
        _pairs(plan),
        *_claimed(config, plan),
        f"sizes of clips: {_origins(clips, measured)}",
        *_compared(config.protocol, clips),
    )


def possible_pairs(plan: Plan) -> int:
    """Pairs of clips of one prompt, each dimension counted."""
    sizes = Counter(clip.prompt_id for clip in plan.clips).values()
    return sum(math.comb(n, 2) for n in sizes) * len(plan.dimensions)


def _pairs(plan: Plan) -> str:
    """A pair is a prompt, two of its clips and a dimension."""
    return f"at most {plural(possible_pairs(plan), 'pair')} of clips of one prompt, every dimension counted"


def _claimed(config: Config, plan: Plan) -> Iterator[str]:
    """What the publication says that the recipe rebuilds, beside the counts above."""
    claims = config.claims
    if claims is None:
        return
    told = [
        f"{said:,} {what}"
        for said, what in (
            (claims.prompts, "prompts"),
            (claims.clips, "clips"),
            (claims.pairs, "decided pairs"),
        )
        if said is not None
    ]
    share = claims.untied_share
    of = (
        "" if share is None else f", {100 * share:.1f} % of {claims.possible_pairs:,} possible ones"
    )
    yield f"{claims.source} says: {', '.join(told)}{of}"


def _origins(clips: Clips, measured: int) -> str:
    told = (
        (len(clips.known), "known from this folder"),
        (measured, "from their headers"),
        (clips.n_generated, "assumed (not generated yet)"),
        (clips.n_elsewhere, "assumed (not on this machine)"),
    )
    return ", ".join(f"{n:,} {where}" for n, where in told if n) or "none"


def _compared(protocol: ProtocolOptions, clips: Clips) -> Iterator[str]:
    """What is asked where clips are compared."""
    sizes = Counter(frames.prompt_id for frames, _ in clips.frame_sets()).values()
    n_pairs = sum(math.comb(n, 2) for n in sizes)
    n_lists = sum(n > 1 for n in sizes)
    if protocol.kind == "pairwise":
        yield f"pairwise: {plural(n_pairs, 'pair')} of clips of one prompt, each in both orders"
    elif protocol.kind == "listwise":
        yield (
            f"listwise: {plural(n_lists, 'list')} of {max(sizes, default=0)} clips at most, each in "
            "an order and in its reverse"
        )
    elif protocol.kind == "tie_band":
        yield (
            "tie_band: every clip on its own; then, in both orders, those of "
            f"{plural(n_pairs, 'pair')} whose scores differ by at most {protocol.band:g}: from none to "
            "all of them"
        )


def assumed(config: Config, plan: Plan, clips: Clips) -> Iterator[str]:
    """Every figure that was neither measured nor given."""
    asking = [spec for spec in plan.annotators if isinstance(spec, ChatSpec)]
    if clips.n_generated:
        yield "a clip that is not made yet is as long and as large as its generator declares"
    unknown = [spec.name for spec in _pool(config) if spec.declared is None]
    if clips.n_elsewhere:
        unknown.append("sources elsewhere")
    if unknown:
        said = ASSUMED_CLIP
        yield (
            f"clips of {', '.join(unknown)}, of which nothing is known: {said.n_frames} frames of "
            f"{said.width_px} x {said.height_px} pixels"
        )
    if asking:
        yield "text tokens, by an estimate that knows no model's tokenizer"
        yield (
            f"output likely: {OUTPUT_TOKENS} tokens per dimension, of a model that reasons all that "
            "max_output_tokens allows. At most means that every draw is asked for once: a reply cut "
            "at its cap is asked for again, with a larger cap"
        )
    if any(isinstance(spec, OpenAISpec) for spec in asking):
        yield f"time: {LATENCY_S:g} s per reply, nothing refused, nothing sent twice"
    if asking and config.protocol.kind == "tie_band":
        yield (
            "for the most, every pair of a prompt's clips lies in the tie band, for the least none: "
            "only their scores can tell. A budget is held against the most"
        )
    if shared := [spec for spec in asking if _shares(spec, plan)]:
        yield (
            f"draws of {_names(shared)} that share a request pay for its input once, where the "
            "server gives as many replies as it is asked for; each that is missing is asked for alone"
        )
    if with_logprobs := [
        spec for spec in asking if any(map(spec.wants_distribution, plan.rubrics))
    ]:
        yield (
            f"disk of {_names(with_logprobs)}: {TOP_LOGPROBS} alternatives to every token of a "
            f"reply, {ALTERNATIVE_BYTES} bytes each"
        )
    for spec in asking:
        if spec.image_tokens is None:
            yield (
                f"image tokens of {spec.annotator_id} are a guess: no rule for {spec.model} is "
                "known; give image_tokens: in its block"
            )
    yield (
        f"disk: {JPEG_BYTES_PER_PIXEL} bytes per pixel of a frame, {REPLY_BYTES:,} per reply and the "
        f"words of its request, {ROW_BYTES} per annotation"
    )


def _pool(config: Config) -> Sequence[GeneratorSpec]:
    return config.generators.pool if config.generators else ()


def _shares(spec: ChatSpec, plan: Plan) -> bool:
    return any(spec.choices(rubric) for rubric in (*plan.rubrics, *plan.comparing))


def _names(specs: Sequence[ChatSpec]) -> str:
    return ", ".join(spec.annotator_id for spec in specs)


def unpriced(plan: Plan) -> Iterator[str]:
    """Whose cost nobody can tell."""
    for spec in plan.annotators:
        if isinstance(spec, ChatSpec) and spec.price is None:
            yield (
                f"the cost of {spec.annotator_id} is unknown (no price for {spec.model}); give "
                "price: in its block"
            )


def unreadable(clips: Clips) -> Iterator[str]:
    """Which clips the estimate leaves out."""
    if len(clips.unreadable) == 1:
        yield f"one clip cannot be read and is left out: {clips.unreadable[0]}"
    elif clips.unreadable:
        yield (
            f"{len(clips.unreadable):,} clips cannot be read and are left out; the first: "
            + clips.unreadable[0]
        )


def short(budget: Budget, worst: Amount) -> Iterator[str]:
    """Which cap is lower than what may be used. What earlier runs spent counts towards it, too."""
    tokens = worst.input_tokens + worst.output_tokens
    for name, cap, needed in (
        ("usd", budget.usd, worst.usd),
        ("tokens", budget.tokens, tokens),
        ("requests", budget.requests, worst.requests),
    ):
        if cap is not None and needed is not None and needed > cap:
            yield (
                f"budget.{name} is {cap:,}, and the run may need up to {round(needed, 2):,}: at the "
                "cap it stops, and goes on where budget is raised"
            )
