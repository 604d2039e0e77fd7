"""The clips of a study: those that people rated, whole prompts of them, no more than are wanted."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from pipeline.audit.ratings import facts_of, read_people, tables_of
from pipeline.audit.simulated_raters import DIMENSIONS, SimulatedRaters
from pipeline.config import Config
from pipeline.formats.finder import ClipFinder
from pipeline.plan import Plan
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
    """Who said something of which clip, on which dimensions."""

    videos: frozenset[str]
    raters: frozenset[str]
    dimensions: frozenset[str]


def subset_of(
    config: Config, options: StudyOptions, plan: Plan, asked: Sequence[Sequence[str]]
) -> Subset:
    """Which of the plan's clips a study is about. ``asked``: the dimensions of each point.

    A prompt counts where two of its clips or more are labelled: pairs are within a prompt. Raises
    :class:`SetupError` where there are no labels, or too few, or nothing that they could answer for.
    """
    if config.audit is None or not config.audit.ratings:
        raise SetupError(
            "study: it needs clips that people rated, and there is no audit.ratings; name a table: "
            "audit: {ratings: [{kind: table, path: ratings.csv}]}"
        )
    labels = _labels(config, plan.clips)
    dimensions = _audited(config, options, asked, labels)
    statistic = _statistic(options, len(labels.raters))
    prompts: dict[str, list[Clip]] = defaultdict(list)
    for clip in plan.clips:
        if clip.video_id in labels.videos:
            prompts[clip.prompt_id].append(clip)
    paired = {prompt: clips for prompt, clips in prompts.items() if len(clips) > 1}
    chosen = _chosen(paired, options)
    if len(chosen) < FEWEST_PROMPTS:
        raise SetupError(
            f"study: {len(paired)} prompts have two labelled clips or more, and {len(chosen)} of "
            f"them fit under study.prompts and study.clips; at least {FEWEST_PROMPTS} are needed"
        )
    clips = [clip for own in chosen.values() for clip in own]
    left = f"; study.prompts and study.clips leave out {len(paired) - len(chosen)} more"
    return Subset(
        prompts=frozenset(chosen),
        videos=frozenset(clip.video_id for clip in clips),
        n_raters=len(labels.raters),
        statistic=statistic,
        dimensions=dimensions,
        notes=(
            f"{len(clips)} clips of {len(chosen)} prompts that people labelled"
            + (left if len(paired) > len(chosen) else ""),
        ),
    )


def _labels(config: Config, clips: Sequence[Clip]) -> _Labels:
    assert config.audit is not None
    out = set(config.audit.leave_out_generators)
    clips = [clip for clip in clips if clip.generator not in out]
    known = {clip.video_id for clip in clips}
    videos, raters, dimensions = set[str](), set[str](), set[str]()
    if tables_of(config.audit):
        people = read_people(config.audit, ClipFinder(facts_of(clips)))
        videos |= {rating.video_id for rating in people.ratings}
        videos |= {video for vote in people.votes for video in (vote.video_a, vote.video_b)}
        raters |= {x.rater for x in people.ratings} | {x.rater for x in people.votes}
        dimensions |= {x.dimension for x in people.ratings}
        dimensions |= {x.dimension for x in people.votes}
    for source in config.audit.ratings:
        if isinstance(source, SimulatedRaters):
            videos |= known
            raters |= {f"simulated {source.seed} {n}" for n in range(source.raters)}
            dimensions |= set(DIMENSIONS)
    return _Labels(
        videos=frozenset(videos & known),
        raters=frozenset(raters),
        dimensions=frozenset(dimensions),
    )


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


def _statistic(options: StudyOptions, n_raters: int) -> str:
    if options.statistic is None:
        return "pair_accuracy_ties_half" + (LEFT_OUT if n_raters > 1 else "")
    if options.statistic.endswith(LEFT_OUT) and n_raters < 2:
        raise SetupError(
            f"study.statistic: {options.statistic} leaves one rater out, and there is but one; set "
            f"{options.statistic.removesuffix(LEFT_OUT)}"
        )
    return options.statistic


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
