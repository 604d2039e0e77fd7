"""The clips of a study: those that people rated, whole prompts of them, no more than are wanted."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from pipeline.audit.ratings import facts_of, read_people, tables_of
from pipeline.audit.simulated_raters import DIMENSIONS, SimulatedRaters
from pipeline.audit.targets import Said, Target, our_targets
from pipeline.config import Config
from pipeline.formats.finder import ClipFinder
from pipeline.plan import Plan
from pipeline.study.measured import counted
from pipeline.study.names import LEFT_OUT
from pipeline.study.options import StudyOptions
from schemas import Clip
from schemas.ids import hash_fraction
from schemas.options import SetupError

FEWEST_PROMPTS = 2  # one tells nothing of the spread


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subset:
    """What every point judges, and by what it is measured."""

    prompts: frozenset[str]  # ids
    videos: frozenset[str]  # ids
    n_raters: int
    statistic: str
    dimensions: tuple[str, ...]  # ours that are audited: of every point, or the one that is named
    notes: tuple[str, ...]

    def of(self, plan: Plan) -> Plan:
        """A plan for these clips alone."""
        return dataclasses.replace(
            plan,
            prompts=tuple(p for p in plan.prompts if p.prompt_id in self.prompts),
            clips=tuple(c for c in plan.clips if c.video_id in self.videos),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Labels:
    """What people said, and whether simulated ones say something of every clip besides."""

    said: Said
    simulated: frozenset[str]  # raters
    dimensions: frozenset[str]

    def targets(self, answers: Mapping[str, Sequence[str]]) -> list[Target]:
        """What points are held against; empty where simulated raters will fill every gap."""
        return [] if self.simulated else list(our_targets(self.said, answers))

    def raters(self, videos: Collection[str]) -> frozenset[str]:
        """Who said something of these clips."""
        rated = {x.rater for x in self.said.ratings if x.video_id in videos}
        voted = {x.rater for x in self.said.votes if {x.video_a, x.video_b} <= set(videos)}
        return self.simulated | rated | voted


def subset_of(
    config: Config, options: StudyOptions, plan: Plan, asked: Sequence[Sequence[str]]
) -> Subset:
    """Which of the plan's clips a study is about. ``asked``: the dimensions of each point.

    A prompt counts where people told two of its clips apart: pairs are within a prompt. Raises
    :class:`SetupError` where there are no labels, or too few, or nothing that they could answer for.
    """
    if config.audit is None or not config.audit.ratings:
        raise SetupError(
            "study: it needs clips that people rated, and there is no audit.ratings; name a table: "
            "audit: {ratings: [{kind: table, path: ratings.csv}]}"
        )
    clips = _wanted(config, plan.clips)
    labels = _labels(config, clips)
    named = _audited(config, options, asked, labels)
    targets = labels.targets({name: config.audit.dimensions.get(name, [name]) for name in named})
    n_raters = len(labels.raters([clip.video_id for clip in clips]))
    statistic = _statistic(options, n_raters, targets)
    told = [target for target in targets if counted(target.pairs, statistic).any()]
    if not told and not labels.simulated:
        raise SetupError(
            f"study: {statistic} has no pair to count on {', '.join(named)}: it needs two clips of "
            "one prompt that people told apart"
            + (", labelled by two raters or more" if statistic.endswith(LEFT_OUT) else "")
        )
    paired = _paired(clips, told, statistic) if told else _by_prompt(clips)
    chosen = _chosen(paired, options)
    if len(chosen) < FEWEST_PROMPTS:
        raise SetupError(
            f"study: {len(paired)} prompts have two labelled clips or more, and {len(chosen)} of "
            f"them fit under study.prompts and study.clips; at least {FEWEST_PROMPTS} are needed"
        )
    videos = frozenset(clip.video_id for own in chosen.values() for clip in own)
    left = f"; study.prompts and study.clips leave out {len(paired) - len(chosen)} more"
    return Subset(
        prompts=frozenset(chosen),
        videos=videos,
        n_raters=len(labels.raters(videos)),
        statistic=statistic,
        dimensions=tuple(n for n in named if not told or n in {target.ours for target in told}),
        notes=(
            f"{len(videos)} clips of {len(chosen)} prompts that people labelled"
            + (left if len(paired) > len(chosen) else ""),
            *_alone(options, n_raters, statistic),
        ),
    )


def _alone(options: StudyOptions, n_raters: int, statistic: str) -> Iterator[str]:
    if options.statistic is None and n_raters > 1 and not statistic.endswith(LEFT_OUT):
        yield (
            "most pairs have labels of one rater only, so that nobody is left out in turn and there is "
            "no person to compare with"
        )


def _wanted(config: Config, clips: Sequence[Clip]) -> list[Clip]:
    assert config.audit is not None
    out = set(config.audit.leave_out_generators)
    return [clip for clip in clips if clip.generator not in out]


def _labels(config: Config, clips: Sequence[Clip]) -> _Labels:
    assert config.audit is not None
    raters, dimensions = set[str](), set[str]()
    said = Said(scores=[], choices=[], ratings=[], votes=[], generators={})
    if tables_of(config.audit):
        people = read_people(config.audit, ClipFinder(facts_of(clips)))
        generators = {clip.video_id: clip.generator for clip in clips}
        said = dataclasses.replace(
            said, ratings=people.ratings, votes=people.votes, generators=generators
        )
        dimensions |= people.dimensions
    for source in config.audit.ratings:
        if isinstance(source, SimulatedRaters):
            raters |= {f"simulated {source.seed} {n}" for n in range(source.raters)}
            dimensions |= set(DIMENSIONS)
    return _Labels(said=said, simulated=frozenset(raters), dimensions=frozenset(dimensions))


def _by_prompt(clips: Sequence[Clip]) -> dict[str, list[Clip]]:
    """The clips of each prompt that has several."""
    prompts: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        prompts[clip.prompt_id].append(clip)
    return {prompt: own for prompt, own in prompts.items() if len(own) > 1}


def _paired(
    clips: Sequence[Clip], targets: Sequence[Target], statistic: str
) -> dict[str, list[Clip]]:
    """The clips of any pair, of prompts with a pair that counts: what else is judged tells nothing."""
    prompts, videos = set[str](), set[str]()
    for pairs in (target.pairs for target in targets):
        used = pairs.prompts[counted(pairs, statistic)]
        prompts |= {pairs.prompt_ids[p] for p in set(used.tolist())}
        videos |= {video for pair in pairs.pairs for video in pair}
    return _by_prompt([c for c in clips if c.prompt_id in prompts and c.video_id in videos])


def _audited(
    config: Config, options: StudyOptions, asked: Sequence[Sequence[str]], labels: _Labels
) -> tuple[str, ...]:
    """The dimensions of ours by which points are told apart: of all of them, and answered for."""
    assert config.audit is not None
    answers = config.audit.dimensions
    common = [name for name in asked[0] if all(name in own for own in asked)]
    found = [n for n in common if labels.dimensions.issuperset(answers.get(n, [n]))]
    if options.dimension is not None:
        found = [name for name in found if name == options.dimension]
    if not found:
        what = f"study.dimension: {options.dimension}" if options.dimension else "study"
        raise SetupError(
            f"{what}: no dimension that all points are asked for ({', '.join(common) or 'none'}) is "
            f"one that people labelled ({', '.join(sorted(labels.dimensions)) or 'none'}); say in "
            "audit.dimensions which answer for which"
        )
    return tuple(found)


def _statistic(options: StudyOptions, n_raters: int, targets: Sequence[Target]) -> str:
    """The one that is named; else with raters left out, where most pairs have several of them."""
    if options.statistic is None:
        return "pair_accuracy_ties_half" + (LEFT_OUT if _several(n_raters, targets) else "")
    if options.statistic.endswith(LEFT_OUT) and n_raters < 2:
        raise SetupError(
            f"study.statistic: {options.statistic} leaves one rater out, and there is but one; set "
            f"{options.statistic.removesuffix(LEFT_OUT)}"
        )
    return options.statistic


def _several(n_raters: int, targets: Sequence[Target]) -> bool:
    name = "pair_accuracy_ties_half"
    return n_raters > 1 and all(
        2 * counted(t.pairs, name + LEFT_OUT).sum() >= counted(t.pairs, name).sum() for t in targets
    )


def _chosen(paired: dict[str, list[Clip]], options: StudyOptions) -> dict[str, list[Clip]]:
    """Prompts by hash, as `limit:` takes them, whole."""
    ranked = sorted(paired, key=lambda prompt: (hash_fraction("study", prompt), prompt))
    found: dict[str, list[Clip]] = {}
    n_clips = 0
    for prompt in ranked[: options.prompts]:
        n_clips += len(paired[prompt])
        if options.clips is not None and n_clips > options.clips:
            break
        found[prompt] = paired[prompt]
    return found
