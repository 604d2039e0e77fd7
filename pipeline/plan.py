"""From a configuration to what shall exist: every check that needs no work and no money."""

import dataclasses
import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from annotators import expand_all
from annotators.base import AnnotatorSpec
from annotators.chat.request import requested
from annotators.chat.spec import ChatSpec
from annotators.models import ModelTable, load_models, price_line, retires_soon
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import check_ratings, tables_of
from pipeline.config import Config
from pipeline.generators.pool import plan_clips
from pipeline.preference.splits import split_of
from pipeline.sources import manifest, simulated
from pipeline.videorm.options import MIN_TRAIN_PROMPTS
from prompts import load_rubric
from schemas import CONSENSUS, OVERALL, Clip, Prompt, Rubric
from schemas.ids import hash_fraction
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a run will ask for, sorted by id."""

    prompts: tuple[Prompt, ...]
    clips: tuple[Clip, ...]
    rubrics: tuple[Rubric, ...]
    annotators: tuple[AnnotatorSpec, ...]
    models: ModelTable  # prices and capabilities, with their date
    notes: tuple[str, ...]  # what was left out, and why

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension asked for, in the order of the rubrics."""
        return tuple(d.name for rubric in self.rubrics for d in rubric.dimensions)

    @property
    def questions(self) -> int:
        """Requests at most: clips x rubrics x draws of every annotator."""
        return len(self.clips) * len(self.rubrics) * sum(a.draws for a in self.annotators)


def make_plan(config: Config) -> Plan:
    """Read the sources and check everything. Raises :class:`SetupError` at the first fault."""
    rubrics = tuple(load_rubric(name) for name in config.rubrics)
    _refuse_repeated_dimensions(rubrics)
    prompts, clips = _read_sources(config)
    prompts = _limited(prompts, config.limit)
    kept = {prompt.prompt_id for prompt in prompts}
    clips = [clip for clip in clips if clip.prompt_id in kept]
    if config.generators is not None:
        supplied = {clip.prompt_id for clip in clips}
        bare = [prompt for prompt in prompts if prompt.prompt_id not in supplied]
        clips += plan_clips(bare, config.generators)
    _refuse_duplicates(clips)
    models = load_models(Path(config.models) if config.models else None)
    annotators = tuple(spec.resolved(models) for spec in expand_all(config.annotators))
    for annotator in annotators:
        annotator.check(rubrics, config.frames.count)
    _refuse_twins(annotators)
    _check_prices(config, annotators)
    _check_consensus(config, annotators)
    _check_weights(config, [d.name for rubric in rubrics for d in rubric.dimensions])
    if config.videorm is not None:
        _check_splits(config, prompts, clips)
    if config.audit is not None:
        _check_people(config.audit, config, clips)
    return Plan(
        prompts=tuple(sorted(prompts, key=lambda p: p.prompt_id)),
        clips=tuple(sorted(clips, key=lambda c: c.video_id)),
        rubrics=rubrics,
        annotators=annotators,
        models=models,
        notes=(*_unmatched(annotators, clips), *_retiring(annotators, models)),
    )


def _read_sources(config: Config) -> tuple[list[Prompt], list[Clip]]:
    prompts: dict[str, Prompt] = {}
    clips: list[Clip] = []
    for source in config.sources:
        if isinstance(source, manifest.ManifestSource):
            read, found = manifest.read(source)
            clips += found
        else:
            read = simulated.read(source)
        for prompt in read:
            known = prompts.setdefault(prompt.prompt_id, prompt)
            if " ".join(known.text.split()) != " ".join(prompt.text.split()):
                raise SetupError(
                    f"sources: prompt_id {prompt.prompt_id} stands for two texts: "
                    f"{known.text!r} and {prompt.text!r}"
                )
            if known.split != prompt.split:
                raise SetupError(
                    f"sources: prompt {prompt.prompt_id} is put into two splits: "
                    f"{known.split} and {prompt.split}"
                )
    return list(prompts.values()), clips


def _limited(prompts: list[Prompt], limit: int | None) -> list[Prompt]:
    ranked = sorted(prompts, key=lambda p: hash_fraction("limit", p.prompt_id))
    return ranked[:limit]


def _refuse_duplicates(clips: Sequence[Clip]) -> None:
    twice = [key for key, times in Counter(c.video_id for c in clips).items() if times > 1]
    if twice:
        raise SetupError(
            f"sources: video_id {twice[0]} comes from more than one source "
            f"({len(twice)} such ids); give the clips ids of their own"
        )


def _refuse_repeated_dimensions(rubrics: Sequence[Rubric]) -> None:
    counted = Counter(d.name for rubric in rubrics for d in rubric.dimensions)
    twice = [name for name, times in counted.items() if times > 1]
    if twice or OVERALL in counted:
        raise SetupError(
            f"rubrics: dimension {(twice or [OVERALL])[0]!r} is asked for twice, or is "
            "the name of the mean of all; drop one rubric or rename the dimension"
        )
    for rubric in rubrics:
        if rubric.protocol != "pointwise":
            raise SetupError(
                f"rubrics: {rubric.name} is {rubric.protocol}; this version judges pointwise only"
            )


def _refuse_twins(annotators: Sequence[AnnotatorSpec]) -> None:
    """Two judges that ask the same of the same model share every reply: no second opinion."""
    first: dict[object, str] = {}
    for judge in annotators:
        if not isinstance(judge, ChatSpec):
            continue
        twin = first.setdefault((judge.model, judge.reply_format, requested(judge)), "")
        if twin:
            raise SetupError(
                f"annotators: {twin} and {judge.annotator_id} ask the same of {judge.model}, so the "
                "journal gives both the same replies; for more replies of one judge set draws:, for "
                "another judge change a setting, or the model's name where a server has another one"
            )
        first[judge.model, judge.reply_format, requested(judge)] = judge.annotator_id


def _check_prices(config: Config, annotators: Sequence[AnnotatorSpec]) -> None:
    """A cap in USD holds only where every price is known."""
    if config.budget.usd is None:
        return
    for annotator in annotators:
        if isinstance(annotator, ChatSpec) and annotator.price is None:
            raise SetupError(
                f"budget.usd: no price is known for {annotator.model} (annotator "
                f"{annotator.annotator_id}), so a cap in USD cannot hold; add to the annotator:\n"
                f"  {price_line(annotator.model)}\nor cap requests or tokens instead"
            )


def _check_consensus(config: Config, annotators: Sequence[AnnotatorSpec]) -> None:
    ids = [annotator.annotator_id for annotator in annotators]
    named = config.consensus.annotators
    for name in named or []:
        if name not in ids:
            raise SetupError(
                f"consensus.annotators: no annotator {name!r}; there are: " + ", ".join(ids)
            )
    if CONSENSUS in ids:
        raise SetupError(f"annotators: {CONSENSUS!r} is the name of all annotators together")
    scales = {
        a.annotator_id: a.own_scale for a in annotators if named is None or a.annotator_id in named
    }
    if len(set(scales.values())) > 1 or ("unbounded" in scales.values() and len(scales) > 1):
        told = ", ".join(f"{name} ({scale or 'the rubric'})" for name, scale in scales.items())
        raise SetupError(
            f"consensus: scores on different scales do not average: {told}; name those whose scores "
            f"make the preferences, for example consensus: {{annotators: [{ids[0]}]}}"
        )


def _check_weights(config: Config, dimensions: Sequence[str]) -> None:
    weights = config.preferences.weights
    if weights is None:
        return
    for name, weight in weights.items():
        if name not in dimensions or weight < 0:
            raise SetupError(
                f"preferences.weights.{name}: {weight:g}; expected a weight of at least 0 for one of "
                + ", ".join(dimensions)
            )
    if not any(weights.values()):
        raise SetupError("preferences.weights: at least one dimension must weigh more than 0")


def _check_splits(config: Config, prompts: Sequence[Prompt], clips: Sequence[Clip]) -> None:
    """VideoRM needs prompts with pairs in both splits: found out now, not after the judging."""
    n_clips = Counter(clip.prompt_id for clip in clips)
    paired = [prompt for prompt in prompts if n_clips[prompt.prompt_id] > 1]
    count = Counter(split_of(prompt, config.splits) for prompt in paired)
    for split, needed in (("train", MIN_TRAIN_PROMPTS), ("test", 1)):
        if count[split] < needed:
            raise SetupError(
                f"videorm: {count[split]} prompts with at least two clips fall into the {split} "
                f"split, at least {needed} are needed; give more prompts, change splits:, or leave "
                "the videorm block out"
            )


def _check_people(options: AuditOptions, config: Config, clips: Sequence[Clip]) -> None:
    """Read the human tables now: a fault in them must not wait until the money is spent."""
    if not options.ratings:
        raise SetupError("audit: no ratings are given; name a table, or leave the block out")
    if config.generators is None and len(tables_of(options)) < len(options.ratings):
        raise SetupError("audit.ratings: simulated raters can rate simulated clips only")
    check_ratings(options, clips)


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
