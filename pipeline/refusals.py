"""What is refused before any work: judges, prices, consensus, splits and people that cannot work."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence

from annotators.base import AnnotatorSpec
from annotators.chat.spec import ChatSpec
from annotators.judge import JudgeSpec
from annotators.judge.request import requested
from annotators.ledger.rows import NAME_BYTES
from annotators.models import price_line
from pipeline.audit.foreseen import check_foreseen
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import check_ratings, facts_of, rated_dimensions, tables_of
from pipeline.config import Config
from pipeline.generators.simulated import SimulatedSpec
from pipeline.preference.checks import check_consensus as check_options
from pipeline.preference.splits import split_of
from pipeline.protocol import ProtocolOptions, lineups_of_prompt, written_alike
from pipeline.rubrics import rubrics_of
from pipeline.videorm.options import MIN_TRAIN_PROMPTS
from pipeline.videorm.refused import check_training
from schemas import OVERALL, Clip, Prompt, Rubric
from schemas.ids import canonical_json
from schemas.options import SetupError

MOST_IN_A_LIST = 26  # clips are named by letters


def check_protocol(
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
    counted = set(config.consensus.annotators or ())
    if counted and counted <= {a.annotator_id for a in annotators if a not in able}:
        raise SetupError(
            f"protocol: {kind}: none of consensus.annotators compares clips, so what the others say "
            "of them would be paid for and count for nothing; name one of "
            f"{', '.join(a.annotator_id for a in able)} there too, or set protocol: pointwise"
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
    shown = config.frames.shown * (most if wanted == "listwise" else 2)
    comparing = rubrics_of(config)[1]
    for annotator in able:
        annotator.check(comparing, shown)
    _refuse_alike(config.protocol, comparing[0], max(a.draws for a in able), clips)


def _refuse_alike(
    protocol: ProtocolOptions, rubric: Rubric, draws: int, clips: Sequence[Clip]
) -> None:
    """Two comparisons with one key could not be told apart in the books."""
    videos_of: dict[str, list[str]] = defaultdict(list)
    for clip in clips:
        videos_of[clip.prompt_id].append(clip.video_id)
    for prompt, videos in sorted(videos_of.items()):
        if not any("+" in video for video in videos):
            continue
        videos.sort()
        every_pair = itertools.combinations(videos, 2)
        asked = lineups_of_prompt(protocol, prompt, videos, rubric, draws, every_pair)
        if twins := written_alike(asked):
            one, other = (" and ".join(map(repr, lineup.video_ids)) for lineup in twins)
            raise SetupError(
                f"protocol: {protocol.kind}: prompt {prompt}: the keys of the clips {one}, and of "
                f"{other}, are the same, for ids are joined by '+'; give those clips a video_id "
                "without it"
            )


def refuse_twins(annotators: Sequence[AnnotatorSpec]) -> None:
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


def check_names(config: Config, annotators: Sequence[AnnotatorSpec]) -> None:
    """The ledger has room for every name, and an account for each."""
    judges = [a.annotator_id for a in annotators]
    accounts = [spec.account for spec in config.generators.pool] if config.generators else []
    for name in (*judges, *accounts):
        if len(name.encode()) > NAME_BYTES:
            raise SetupError(
                f"name {name[:40]!r}...: {len(name.encode())} bytes; at most {NAME_BYTES} fit into the "
                "account of what is spent"
            )
    if alike := set(judges).intersection(accounts):
        raise SetupError(
            f"annotators: the name {min(alike)!r} is that of a generator's account; choose another"
        )


def check_prices(config: Config, annotators: Sequence[AnnotatorSpec]) -> None:
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
    for spec in config.generators.pool if config.generators else ():
        if spec.worst_usd is None:
            raise SetupError(
                f"budget.usd: no price is known for the clips of generator {spec.name}, so a cap in USD "
                "cannot hold; add its price: or cap requests instead"
            )


def check_consensus(
    config: Config, annotators: Sequence[AnnotatorSpec], rubrics: Sequence[Rubric]
) -> None:
    """The annotators can be put together as asked."""
    check_options(
        config.consensus,
        {a.annotator_id: a.own_scale for a in annotators},
        {d.name: [point.score for point in d.scale] for r in rubrics for d in r.dimensions},
        rated_dimensions(config.audit) if config.audit else (),
        config.audit.dimensions if config.audit else {},
        scored=config.protocol.scores,
        compared=bool(config.protocol.compares),
    )


def check_weights(config: Config, dimensions: Sequence[str]) -> None:
    """The dimensions that `overall` weighs are asked for."""
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


def check_held_out(config: Config, clips: Sequence[Clip]) -> None:
    """A generator that is held out by a name that no clip has would be trained on unseen."""
    absent = sorted(set(config.splits.held_out_generators) - {clip.generator for clip in clips})
    if absent:
        raise SetupError(
            f"splits.held_out_generators: no clip is of {', '.join(absent)}; there are "
            f"{', '.join(sorted({clip.generator for clip in clips}))}"
        )


def check_splits(config: Config, prompts: Sequence[Prompt], clips: Sequence[Clip]) -> None:
    """VideoRM needs prompts with pairs in both splits: found out now, not after the judging.

    Roughly: which prompts are related, and so drawn together, is known when the clips are there.
    """
    held_out = {
        *config.splits.held_out_generators,
        *(config.videorm.data.held_out_generators if config.videorm else ()),
    }
    for split, needed in (("train", MIN_TRAIN_PROMPTS), ("test", 1)):
        left_out = held_out if split == "train" else set()
        n_clips = Counter(clip.prompt_id for clip in clips if clip.generator not in left_out)
        found = sum(
            n_clips[p.prompt_id] > 1 and split_of(p, config.splits) == split for p in prompts
        )
        if found < needed:
            but = " of generators that are not held out" if left_out else ""
            raise SetupError(
                f"videorm: {found} prompts with at least two clips{but} fall into the {split} "
                f"split, at least {needed} are needed; give more prompts, change splits:, or leave "
                "the videorm block out"
            )


def check_videorm(
    config: Config, prompts: Sequence[Prompt], clips: Sequence[Clip], dimensions: Sequence[str]
) -> None:
    """What of the videorm block cannot be trained, known before the judging is paid for."""
    if config.videorm is None:
        return
    check_training(
        config.videorm,
        asked=dimensions,
        generators={clip.generator for clip in clips},
        scored=config.protocol.scores,
        people=bool(config.audit and config.audit.ratings),
    )
    check_splits(config, prompts, clips)


def check_people(
    options: AuditOptions,
    config: Config,
    clips: Sequence[Clip],
    annotators: Sequence[AnnotatorSpec],
    dimensions: Sequence[str],
) -> list[str]:
    """Read the human tables now: a fault in them must not wait until the money is spent.

    Returns notes on what of the audit's options is about nothing here.
    """
    if not options.ratings:
        raise SetupError("audit: no ratings are given; name a table, or leave the block out")
    if len(tables_of(options)) < len(options.ratings):
        pool = config.generators.pool if config.generators else []
        known = {spec.name for spec in pool if isinstance(spec, SimulatedSpec)}
        if others := {clip.generator for clip in clips} - known:
            raise SetupError(
                "audit.ratings: simulated raters can rate simulated clips only, and there are clips of "
                + ", ".join(sorted(others))
            )
    facts = facts_of(clips)
    return check_foreseen(
        options,
        check_ratings(options, facts),
        facts,
        [a.annotator_id for a in annotators],
        [*dimensions, OVERALL],
        scored=config.protocol.scores,
        compared=bool(config.protocol.compares),
    )
