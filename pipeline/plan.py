"""From a configuration to what shall exist: every check that needs no work and no money."""

import dataclasses
import datetime
import itertools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from annotators import expand_all
from annotators.base import AnnotatorSpec
from annotators.chat.spec import ChatSpec
from annotators.judge import JudgeSpec
from annotators.judge.request import requested
from annotators.models import ModelTable, load_models, price_line, retires_soon
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import check_ratings, rated_dimensions, tables_of
from pipeline.config import Config
from pipeline.generators.pool import plan_clips
from pipeline.preference.checks import check_consensus
from pipeline.preference.splits import split_of
from pipeline.protocol import ProtocolOptions, lineups_of_prompt, written_alike
from pipeline.sentinels.check import check_sentinels
from pipeline.sources import manifest, simulated
from pipeline.videorm.options import MIN_TRAIN_PROMPTS
from prompts import as_protocol, load_rubric
from schemas import OVERALL, Clip, Prompt, Rubric
from schemas.ids import canonical_json, hash_fraction
from schemas.options import SetupError

MOST_IN_A_LIST = 26  # clips are named by letters


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a run will ask for; prompts sorted by id, clips by those of prompt and clip."""

    prompts: tuple[Prompt, ...]
    clips: tuple[Clip, ...]
    rubrics: tuple[Rubric, ...]  # by which clips are scored on their own
    comparing: tuple[Rubric, ...]  # by which clips are compared
    watching: tuple[Rubric, ...]  # by which sentinels are judged
    annotators: tuple[AnnotatorSpec, ...]
    models: ModelTable  # prices and capabilities, with their date
    notes: tuple[str, ...]  # what was left out, and why

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Every dimension asked for, in the order of the rubrics."""
        asked = self.rubrics or self.comparing
        return tuple(d.name for rubric in asked for d in rubric.dimensions)

    @property
    def scored(self) -> tuple[str, ...]:
        """The dimensions on which clips are scored on their own."""
        return self.dimensions if self.rubrics else ()


def make_plan(config: Config) -> Plan:
    """Read the sources and check everything. Raises :class:`SetupError` at the first fault."""
    rubrics, comparing = rubrics_of(config)
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
        annotator.check([*rubrics, *comparing], config.frames.count)
    _check_protocol(config, annotators, prompts, clips)
    watching = tuple(r for r in map(load_rubric, config.rubrics) if r.protocol == "pointwise")
    _refuse_twins(annotators)
    if config.sentinels is not None:
        check_sentinels(
            config.sentinels,
            annotators,
            watching,
            models,
            n_images=config.frames.count,
            capped=config.budget.usd is not None,
        )
    _check_prices(config, annotators)
    _check_consensus(config, annotators, rubrics or comparing)
    _check_weights(config, [d.name for rubric in rubrics or comparing for d in rubric.dimensions])
    if config.videorm is not None:
        _check_splits(config, prompts, clips)
    if config.audit is not None:
        _check_people(config.audit, config, clips)
    return Plan(
        prompts=tuple(sorted(prompts, key=lambda p: p.prompt_id)),
        clips=tuple(sorted(clips, key=lambda c: (c.prompt_id, c.video_id))),
        rubrics=rubrics,
        comparing=comparing,
        watching=watching,
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


def rubrics_of(config: Config) -> tuple[tuple[Rubric, ...], tuple[Rubric, ...]]:
    """The rubrics by which clips are scored, and those by which they are compared.

    A rubric for clips on their own serves for comparisons too, in the template of that protocol.
    Raises :class:`SetupError` where a rubric is written for another protocol than is asked for.
    """
    named, protocol = [load_rubric(name) for name in config.rubrics], config.protocol
    _refuse_repeated_names(named)
    _refuse_repeated_dimensions(named)
    if protocol.scores:
        _refuse_others("pointwise", named, protocol.kind)
    scoring = tuple(named) if protocol.scores else ()
    if (wanted := protocol.compares) is None:
        return scoring, ()
    _refuse_others(wanted, [r for r in named if r.protocol != "pointwise"], protocol.kind)
    return scoring, tuple(r if r.protocol == wanted else as_protocol(r, wanted) for r in named)


def _refuse_others(wanted: str, rubrics: Sequence[Rubric], kind: str) -> None:
    for rubric in rubrics:
        if rubric.protocol != wanted:
            raise SetupError(
                f"rubrics: {rubric.name} is {rubric.protocol}, and protocol: {kind} asks for {wanted} "
                "ones; set `protocol:`, or name another rubric"
            )


def _check_protocol(
    config: Config,
    annotators: Sequence[AnnotatorSpec],
    prompts: Sequence[Prompt],
    clips: Sequence[Clip],
) -> None:
    """Whoever must compare can, and there is something to compare."""
    wanted, kind = config.protocol.compares, config.protocol.kind
    if wanted is None:
        return
    able = [a for a in annotators if wanted in a.protocols]
    unable = [a.annotator_id for a in annotators if wanted not in a.protocols]
    if not able or (unable and not config.protocol.scores):
        raise SetupError(
            f"protocol: {kind}: {', '.join(unable)} can score clips, not compare them; leave it out, "
            "or set protocol: pointwise" + (" or tie_band" if able else "")
        )
    n_clips = Counter(clip.prompt_id for clip in clips)
    most = max(n_clips.values(), default=0)
    if most < 2:
        raise SetupError(f"protocol: {kind}: no prompt has two clips to compare")
    if wanted == "listwise" and most > MOST_IN_A_LIST:
        crowded = max(n_clips, key=lambda prompt: n_clips[prompt])
        raise SetupError(
            f"protocol: listwise: prompt {crowded} has {most} clips, and a list holds at most "
            f"{MOST_IN_A_LIST}; set protocol: pairwise"
        )
    shown = config.frames.count * (most if wanted == "listwise" else 2)
    comparing = rubrics_of(config)[1]
    for annotator in able:
        annotator.check(comparing, shown)
    _refuse_alike(config.protocol, comparing[0], max(a.draws for a in able), clips)


def _refuse_alike(
    protocol: ProtocolOptions, rubric: Rubric, draws: int, clips: Sequence[Clip]
) -> None:
    """Two comparisons with one key could not be told apart in the books."""
    joined = {clip.prompt_id for clip in clips if "+" in clip.video_id}
    for prompt in sorted(joined):
        videos = sorted(clip.video_id for clip in clips if clip.prompt_id == prompt)
        every_pair = itertools.combinations(videos, 2)
        asked = lineups_of_prompt(protocol, prompt, videos, rubric, draws, every_pair)
        if twins := written_alike(asked):
            one, other = (" and ".join(map(repr, lineup.video_ids)) for lineup in twins)
            raise SetupError(
                f"protocol: {protocol.kind}: prompt {prompt}: the keys of the clips {one}, and of "
                f"{other}, are the same, for ids are joined by '+'; give those clips a video_id "
                "without it"
            )


def _refuse_repeated_names(rubrics: Sequence[Rubric]) -> None:
    counted = Counter(rubric.name for rubric in rubrics)
    if twice := [name for name, times in counted.items() if times > 1]:
        raise SetupError(
            f"rubrics: two are named {twice[0]!r}, and what is asked is kept by that name; change "
            "`name:` in one of the files, or drop one"
        )


def _refuse_repeated_dimensions(rubrics: Sequence[Rubric]) -> None:
    counted = Counter(d.name for rubric in rubrics for d in rubric.dimensions)
    twice = [name for name, times in counted.items() if times > 1]
    if twice or OVERALL in counted:
        raise SetupError(
            f"rubrics: dimension {(twice or [OVERALL])[0]!r} is asked for twice, or is "
            "the name of the mean of all; drop one rubric or rename the dimension"
        )


def _refuse_twins(annotators: Sequence[AnnotatorSpec]) -> None:
    """Two judges that ask the same of the same model share every reply: no second opinion."""
    first: dict[object, str] = {}
    for judge in annotators:
        if not isinstance(judge, JudgeSpec):
            continue
        asked = (
            judge.interface,
            judge.model,
            canonical_json(judge.engine),
            judge.reply_format,
            requested(judge),
            judge.score,
            judge.levels,
        )
        twin = first.setdefault(asked, judge.annotator_id)
        if twin != judge.annotator_id:
            raise SetupError(
                f"annotators: {twin} and {judge.annotator_id} ask the same of {judge.model}, so the "
                "journal gives both the same replies; for more replies of one judge set draws:, for "
                "another judge change a setting, or the model's name where a server has another one"
            )


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


def _check_consensus(
    config: Config, annotators: Sequence[AnnotatorSpec], rubrics: Sequence[Rubric]
) -> None:
    check_consensus(
        config.consensus,
        {a.annotator_id: a.own_scale for a in annotators},
        {d.name: [point.score for point in d.scale] for r in rubrics for d in r.dimensions},
        rated_dimensions(config.audit) if config.audit else (),
        config.audit.dimensions if config.audit else {},
        scored=config.protocol.scores,
        compared=bool(config.protocol.compares),
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
