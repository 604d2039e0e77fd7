"""From a configuration to what shall exist, all of it checked before any work and any money."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from annotators import expand_all
from annotators.base import AnnotatorSpec
from annotators.chat.spec import ChatSpec
from annotators.judge import JudgeSpec
from annotators.models import ModelTable, load_models, retires_soon
from pipeline.clip_checks.nsfw import load_hook
from pipeline.config import Config
from pipeline.dataset.withdrawn import NOTHING, Withdrawn, handed_on, told, without
from pipeline.generators.pool import plan_clips
from pipeline.media.decoders.decord_reader import check_installed
from pipeline.preference.splits import Splits, refuse_two_splits
from pipeline.refusals import (
    check_consensus,
    check_held_out,
    check_names,
    check_people,
    check_prices,
    check_protocol,
    check_videorm,
    check_weights,
    refuse_twins,
)
from pipeline.rubrics import rubrics_of, texts_of
from pipeline.sentinels.check import check_sentinels
from pipeline.sources.base import Found
from pipeline.sources.gather import gather
from prompts import load_rubric
from schemas import Clip, Prompt, Rubric
from schemas.ids import hash_fraction
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a run will ask for; prompts sorted by id, clips by those of prompt and clip."""

    prompts: tuple[Prompt, ...]
    clips: tuple[Clip, ...]
    rubrics: tuple[Rubric, ...]  # by which clips are scored on their own
    comparing: tuple[Rubric, ...]  # by which clips are compared
    watching: tuple[Rubric, ...]  # by which sentinels are judged
    rubric_texts: Mapping[str, str]  # of rubrics that are not packaged
    annotators: tuple[AnnotatorSpec, ...]
    models: ModelTable  # prices and capabilities, with their date
    notes: tuple[str, ...]  # what was left out, and why
    # where datasets among the sources put a prompt; None: they left it out
    settled: Splits = dataclasses.field(default_factory=dict)
    withdrawn: tuple[Clip, ...] = ()  # named, and left out: their owners took them back

    @property
    def named(self) -> tuple[Clip, ...]:
        """The clips with those that were withdrawn: which wave a clip is in does not change when another
        goes."""
        return tuple(sorted((*self.clips, *self.withdrawn), key=_place))

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension asked for, in the order of the rubrics."""
        asked = self.rubrics or self.comparing
        return tuple(d.name for rubric in asked for d in rubric.dimensions)

    @property
    def scored(self) -> tuple[str, ...]:
        """The dimensions on which clips are scored on their own."""
        return self.dimensions if self.rubrics else ()


def make_plan(config: Config, *, keys: bool = True, withdrawn: Withdrawn = NOTHING) -> Plan:
    """Read the sources and check everything. Raises :class:`SetupError` at the first fault.

    ``keys``: whether the judges' keys must be set, too; to count what would be asked none is needed.
    ``withdrawn``: clips that are left out, whatever names them.
    """
    rubrics, comparing = rubrics_of(config)
    found = gather(config.sources)
    refuse_two_splits(found.prompts, found.settled)
    prompts = _limited(list(found.prompts), config.limit)
    kept = {prompt.prompt_id for prompt in prompts}
    clips = [clip for clip in found.clips if clip.prompt_id in kept]
    left_out = [*found.notes]
    if config.generators is not None:
        for spec in config.generators.pool:
            spec.check()
        clips += plan_clips(prompts, config.generators, clips)
    else:
        left_out += _without_clips(config, found, prompts, clips)
    _refuse_duplicates(clips)
    clips, gone = without(clips, withdrawn.joined(handed_on(config.sources)))
    left_out += told(gone)
    models = load_models(Path(config.models) if config.models else None)
    annotators = tuple(spec.resolved(models) for spec in expand_all(config.annotators))
    for annotator in annotators:
        shown = config.frames.shown if isinstance(annotator, JudgeSpec) else config.frames.most
        annotator.check([*rubrics, *comparing], shown)
        if keys:
            annotator.check_key()
    check_protocol(config, annotators, prompts, clips)
    watching = tuple(r for r in map(load_rubric, config.rubrics) if r.protocol == "pointwise")
    refuse_twins(annotators)
    if config.sentinels is not None:
        check_sentinels(
            config.sentinels,
            annotators,
            watching,
            models,
            n_images=config.frames.shown,
            capped=config.budget.usd is not None,
        )
    check_names(config, annotators)
    check_prices(config, annotators)
    check_consensus(config, annotators, rubrics or comparing)
    asked = [d.name for rubric in rubrics or comparing for d in rubric.dimensions]
    check_weights(config, asked)
    if config.frames.decoder == "decord":
        check_installed()
    if config.checks.nsfw is not None:
        load_hook(config.checks.nsfw)
    check_held_out(config, clips)
    check_videorm(config, _as_settled(prompts, found.settled), clips, asked)
    if config.audit is not None:
        left_out += check_people(config.audit, config, clips, annotators, asked)
    return Plan(
        prompts=tuple(sorted(prompts, key=lambda p: p.prompt_id)),
        clips=tuple(sorted(clips, key=_place)),
        rubrics=rubrics,
        comparing=comparing,
        watching=watching,
        rubric_texts=texts_of(config),
        annotators=annotators,
        models=models,
        notes=(*left_out, *_unmatched(annotators, clips), *_retiring(annotators, models)),
        settled={p: split for p, split in found.settled.items() if p in kept},
        withdrawn=tuple(gone),
    )


def _place(clip: Clip) -> tuple[str, str]:
    return clip.prompt_id, clip.video_id


def _as_settled(prompts: Sequence[Prompt], settled: Splits) -> list[Prompt]:
    """Those that may stand in a split, with the one that is known already."""
    return [
        dataclasses.replace(prompt, split=settled.get(prompt.prompt_id, prompt.split))
        for prompt in prompts
        if settled.get(prompt.prompt_id, "") is not None
    ]


def _limited(prompts: list[Prompt], limit: int | None) -> list[Prompt]:
    ranked = sorted(prompts, key=lambda p: hash_fraction("limit", p.prompt_id))
    return ranked[:limit]


def _without_clips(
    config: Config, found: Found, prompts: Sequence[Prompt], clips: Sequence[Clip]
) -> Iterator[str]:
    """Prompts that nothing will be said of. Refused if there is no clip at all."""
    if not clips:
        why = "; ".join(found.notes) or "no source names one"
        if found.clips:
            why = f"none of the prompts that limit: {config.limit} chose has one; raise it"
        raise SetupError(
            f"sources: {len(prompts)} prompts, and no clips ({why}); add `generators:` to make some"
        )
    named = {clip.prompt_id for clip in clips}
    idle = [prompt for prompt in prompts if prompt.prompt_id not in named]
    if idle:
        yield (
            f"{len(idle)} of {len(prompts)} prompts have no clip, and nothing is said of them, such as "
            f"{idle[0].text!r} of {idle[0].source}; add `generators:` to make clips"
        )


def _refuse_duplicates(clips: Sequence[Clip]) -> None:
    twice = [key for key, times in Counter(c.video_id for c in clips).items() if times > 1]
    if twice:
        raise SetupError(
            f"sources: video_id {twice[0]} comes from more than one source "
            f"({len(twice)} such ids); give the clips ids of their own"
        )


def _retiring(annotators: Sequence[AnnotatorSpec], models: ModelTable) -> tuple[str, ...]:
    """Models that may be gone before the run is repeated, or even done."""
    judges = [a for a in annotators if isinstance(a, ChatSpec)]
    known = [(judge, models.facts(judge.model)) for judge in judges]
    return tuple(
        f"{judge.model}: {sentence}"
        for judge, facts in known
        if facts and (sentence := retires_soon(facts, datetime.date.today()))
    )


def _unmatched(annotators: Sequence[AnnotatorSpec], clips: Sequence[Clip]) -> tuple[str, ...]:
    return tuple(
        f"{', '.join(path.name for path in annotator.files)}: {left} rows of "
        f"{annotator.annotator_id} match no clip and were left out"
        for annotator in annotators
        if (left := annotator.unmatched(clips))
    )
