"""The command `study`: plan every point, run them, hold them against people, and tell."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from annotators.batch.spec import OpenAIBatchSpec
from pipeline.command import COMPLETE, RESUME
from pipeline.config import Config, load_config
from pipeline.display import Display
from pipeline.home.place import layout_of
from pipeline.interrupts import Interrupts
from pipeline.plan import make_plan
from pipeline.state import check_claim, locked, write_json
from pipeline.study.estimate import estimate_of
from pipeline.study.grid import Point, applies, points_of
from pipeline.study.labels import labels_of
from pipeline.study.measure import Bench, bench_of, ceiling_of, results_of
from pipeline.study.options import AXES, StudyOptions
from pipeline.study.page import write_page
from pipeline.study.place import PAGE, RESULT, Placed, placed
from pipeline.study.recommend import recommend
from pipeline.study.result import Study
from pipeline.study.run import Planned, Ran, run_points
from pipeline.study.subset import Subset, subset_of
from pipeline.study.terminal import print_study
from schemas.layout import Layout
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the command line asks for."""

    config: str
    output: Path
    overrides: Sequence[str] = ()
    estimate: bool = False
    rebuild: bool = False
    flags: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Of the study: the configuration's."""
        return Path(self.config).stem


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """A whole study, checked, before anything is asked of anybody."""

    config: Config
    options: StudyOptions
    points: Sequence[Planned]
    subset: Subset
    notes: Sequence[str]
    simulated: bool

    @property
    def labels(self) -> list[str]:
        """Of the points."""
        return labels_of([planned.placed.point for planned in self.points])


def study(asked: Ask, display: Display, interrupts: Interrupts) -> int:
    """Run the study; returns the exit code of the contract.

    Writes ``OUTPUT/study.json`` and ``OUTPUT/index.html`` also where a point stops, of the points that
    are whole. Raises :class:`SetupError` for whatever a run refuses, and where there is nothing to
    compare or nobody to compare with.
    """
    config = load_config(asked.config, asked.overrides)
    layout = layout_of(asked.output)
    if (layout.work / "config.json").is_file():
        raise SetupError(f"{layout.root} holds a run; give a study a folder of its own")
    planning = plan_study(config, layout)
    if asked.estimate:
        estimate = estimate_of(layout, planning.points, planning.labels)
        display.say(_heading(asked, planning))
        for note in planning.notes:
            display.say(f"note: {note}")
        display.say(estimate.text())
        return COMPLETE
    display.say(f"videoprefer study: {_heading(asked, planning)} -> {layout.root}")
    for note in planning.notes:
        display.say(f"note: {note}")
    if not asked.rebuild:
        for planned in planning.points:
            check_claim(planned.placed.layout, planned.placed.config)
    with locked(layout):
        for name in (RESULT, PAGE):
            (layout.root / name).unlink(missing_ok=True)
        ran = run_points(
            layout,
            planning.points,
            asked.flags,
            rebuild=asked.rebuild,
            display=display,
            interrupts=interrupts,
        )
        if ran.complete:
            _tell(asked.name, planning, layout, ran)
    if ran.message:
        display.say(ran.message if RESUME in ran.message else f"{ran.message} {RESUME}")
    return ran.code


def _heading(asked: Ask, planning: Planning) -> str:
    return f"{asked.name}: {len(planning.points)} points, {planning.subset.notes[0]}"


def plan_study(config: Config, study: Layout) -> Planning:
    """Everything checked, of every point. Raises :class:`SetupError`; nothing is written."""
    if config.protocol.kind != "pointwise":
        raise SetupError(
            f"protocol: {config.protocol.kind}: a study tries settings of judging clips on their own; "
            "add --set protocol=pointwise"
        )
    options = config.study or StudyOptions()
    points, notes = points_of(config, options)
    planned = [_planned(placed(config, point, study)) for point in points]
    first = planned[0].plan
    subset = subset_of(config, options, first, [one.plan.scored for one in planned])
    ready = [dataclasses.replace(one, plan=subset.of(one.plan)) for one in planned]
    return Planning(
        config=config,
        options=options,
        points=ready,
        subset=subset,
        notes=[
            *notes,
            *subset.notes[1:],
            *_notes_of(planned, subset),
            *dict.fromkeys(_plan_notes(planned)),
        ],
        simulated=any(clip.simulated for clip in ready[0].plan.clips),
    )


def _planned(one: Placed) -> Planned:
    try:
        return Planned(placed=one, plan=make_plan(one.config))
    except SetupError as error:
        setting = one.point.setting
        raise SetupError(
            f"study: the point with {setting.frames} frames, temperature {setting.temperature}, "
            f"{setting.draws} draws of {one.point.judge.annotator_id}: {error}"
        ) from error


def _plan_notes(planned: Sequence[Planned]) -> list[str]:
    """Of the sources and the models; that prompts have no clip matters to a run alone."""
    return [note for one in planned for note in one.plan.notes if "nothing is said of" not in note]


def _notes_of(planned: Sequence[Planned], subset: Subset) -> Iterator[str]:
    every = dict.fromkeys(name for one in planned for name in one.plan.scored)
    batched = [one for one in planned if isinstance(one.placed.point.judge, OpenAIBatchSpec)]
    if len(batched) > 1:
        yield (
            f"{len(batched)} points are asked in batches, one point after the other, each of which "
            "may take the provider's day; kind openai asks for the same at once, and dearer"
        )
    if left := [name for name in every if name not in subset.dimensions]:
        yield f"{', '.join(left)} does not count: not asked of every point, not labelled, or not chosen"


def _tell(name: str, planning: Planning, layout: Layout, ran: Ran) -> None:
    """Write the result and the page, and print."""
    told = _study_of(name, planning, layout, ran)
    write_json(layout.root / RESULT, told.plain())
    write_page(told, layout.root / PAGE)
    print_study(told, layout.root / PAGE)


def _study_of(name: str, planning: Planning, layout: Layout, ran: Ran) -> Study:
    done = [planned.placed for planned in ran.complete]
    bench = bench_of(done[0], planning.subset)
    results = results_of(bench, done, planning.options.least_coverage)
    whole = not ran.message
    return Study(
        name=name,
        layout=layout,
        stopped=ran.message,
        simulated=planning.simulated,
        statistic=planning.subset.statistic,
        design=planning.options.design,
        dimension=results[0].headline.dimension,
        dimensions=[pairs.name for pairs in bench.pairs],
        axes=_axes([planned.placed.point for planned in planning.points]),
        n_points=len(planning.points),
        n_clips=len(planning.subset.videos),
        n_prompts=len(planning.subset.prompts),
        n_raters=planning.subset.n_raters,
        level=bench.how.level,
        resamples=bench.how.resamples,
        results=results,
        places=[placed.layout for placed in done],
        ceiling=ceiling_of(bench),
        recommendation=recommend(results, planning.options.least_coverage) if whole else None,
        notes=[*planning.notes, *_how(bench, planning.subset)],
        paid=ran.paid,
    )


def _axes(points: Sequence[Point]) -> dict[str, Sequence[Any]]:
    """The values of whatever was varied, of the judges that it changes something for."""
    judges = dict.fromkeys(point.judge.annotator_id for point in points)
    found: dict[str, Sequence[Any]] = {"annotators": list(judges)}
    for axis in AXES:
        own = (getattr(p.setting, axis) for p in points if applies(p.judge, axis))
        values = dict.fromkeys(own)
        found[axis] = list(values) if axis == "rubrics" else sorted(values, key=_cold)
    return {axis: values for axis, values in found.items() if len(values) > 1}


def _cold(value: float | None) -> float:
    """The model's default temperature comes first: nobody knows which it is."""
    return -1.0 if value is None else value


def _how(bench: Bench, subset: Subset) -> list[str]:
    """Sentences that a reader of the numbers must know."""
    several = len(bench.pairs) > 1
    return [
        f"{subset.statistic}: "
        + ("the mean of its dimensions; " if several else "")
        + f"{100 * bench.how.level:g} % percentile intervals, {bench.how.resamples} resamples of whole "
        f"prompts, seed {bench.how.seed}; differences are of the same draws and the same pairs",
        "the best of several noisy values is too high on average: its own number is optimistic, and so "
        "is that of the recommended point; judge new clips by the audit of a run",
        "the best is the point that no other beats on the clips that both scored; where every clip was "
        "scored, that with the highest value",
        "recommended is the cheapest point whose difference from the best is within one standard error "
        "(the rule of Breiman et al. 1984, with the standard error of the paired difference); of costs "
        "within 1 % of the cheapest, the one with the highest value",
        "cost is what a point's replies cost when they were bought, failures included, as if it were "
        "bought alone: replies that points share are counted in each; per clip that got a reply",
        *bench.people.notes,
    ]
