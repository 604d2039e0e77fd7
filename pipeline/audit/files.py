"""An audit from files alone: a run's folder or a table of scores, and files of human data."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.audit.audit import audit
from pipeline.audit.choices import Who
from pipeline.audit.of_run import Conditions, read_run
from pipeline.audit.options import AuditOptions, RatingsTable
from pipeline.audit.ratings import People, read_people, tables_of
from pipeline.audit.result import AuditResult
from pipeline.formats.cells import number_or_none, optional_text
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.judges import EVERY, JudgesRead, Key, read_judges, spread_out
from schemas.ids import prompt_id
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.rows import read_rows

OF_PROMPTS = ("prompt", "source", "complexity")
DESCRIBED = ("video_id", "prompt_id", "prompt", "generator", "video", "source", "complexity")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """An audit, and what is known of the clips that it was about."""

    result: AuditResult
    clips: Mapping[str, ClipFacts]


def audit_files(
    annotations: Path,
    ratings: Sequence[RatingsTable],
    output: Path,
    options: AuditOptions | None = None,
    clips: Path | None = None,
    chosen: Mapping[tuple[str, ...], str] | None = None,
) -> Audited:
    """Audit a run's folder, or a table of what judges said, against files of human data.

    A folder holds the published tables of a run; a table is one that
    :func:`pipeline.formats.judges.read_judges` reads. ``ratings`` are added to those of the options.
    ``clips`` says more of the clips of a table, or of their prompts: prompt, source, complexity, video.
    ``chosen`` says why people were given each clip or pair. Writes ``audit.json`` and
    ``audit_details.json`` into the folder ``output``. Raises :class:`SetupError` for whatever is missing
    or contradicts itself.
    """
    options = options or AuditOptions()
    if len(tables_of(options)) < len(options.ratings):
        raise SetupError("audit.ratings: only a run can simulate raters; name a table of ratings")
    options = options.model_copy(update={"ratings": [*options.ratings, *ratings]})
    if annotations.is_dir():
        found = _told_of_state(audit_run(Layout(annotations), options, chosen=chosen), annotations)
    else:
        found = _of_table(annotations, options, clips, chosen)
    _check_left_out(options, found.clips)
    found.result.write(output / "audit.json")
    return found


def _check_left_out(options: AuditOptions, clips: Mapping[str, ClipFacts]) -> None:
    """Raise :class:`SetupError` for a generator to be left out that is not there to be left out."""
    made = sorted({clip.generator for clip in clips.values()})
    for name in options.leave_out_generators:
        if name not in made:
            raise SetupError(
                f"--leave-out {name}: no clip is of this generator; generators are "
                + ", ".join(made)
            )


def _told_of_state(found: Audited, run: Path) -> Audited:
    """With a note where the run is not complete: its tables may be those of an earlier configuration."""
    status = Layout(run).status
    state = json.loads(status.read_text()).get("state") if status.is_file() else "complete"
    if state == "complete":
        return found
    note = (
        f"{run} is {state}, not complete: its tables are of the last configuration that was assembled, "
        "which need not be the one it has now"
    )
    result = dataclasses.replace(found.result, notes=(note, *found.result.notes))
    return dataclasses.replace(found, result=result)


def audit_run(
    layout: Layout,
    options: AuditOptions,
    people: People | None = None,
    chosen: Mapping[tuple[str, ...], str] | None = None,
) -> Audited:
    """Audit a run's folder against ``people``, by default what the files of the options hold."""
    run = read_run(layout)
    people = people or read_people(options, ClipFinder(run.clips))
    result = audit(
        run.scores,
        people.ratings,
        options,
        people.notes,
        votes=people.votes,
        margins=run.margins,
        scales=people.scales,
        clips=run.clips,
        conditions=run.conditions,
        rationales=run.rationales,
        replies=run.replies,
        chosen=chosen,
    )
    return Audited(result=result, clips={clip.video_id: clip for clip in run.clips})


def _of_table(
    annotations: Path,
    options: AuditOptions,
    clips: Path | None,
    chosen: Mapping[tuple[str, ...], str] | None,
) -> Audited:
    finder = ClipFinder(open=True)
    of_prompts = _describe(clips, finder) if clips is not None else {}
    _describe(annotations, finder)
    people = read_people(options, finder)
    judges = read_judges(annotations, finder)
    people = _about(people, judges.asked)
    if not people.ratings and not people.votes:
        raise SetupError(_nobody(annotations, options, people))
    known = {clip.video_id: _with(clip, of_prompts) for clip in finder.clips.values()}
    ours = set(options.dimensions) or people.dimensions
    result = audit(
        list(spread_out(judges.scores, sorted(ours))),
        people.ratings,
        options,
        [*people.notes, *_left_out(annotations, judges), *judges.notes],
        votes=people.votes,
        choices=list(spread_out(judges.choices, sorted(ours))),
        scales=people.scales,
        clips=list(known.values()),
        conditions=_conditions(judges, sorted(ours)),
        rationales=_by_clip(judges.rationales, sorted(ours)),
        chosen=chosen,
    )
    return Audited(result=result, clips=known)


def _about(people: People, asked: frozenset[str]) -> People:
    """What was said of clips that an annotator was asked about: the rest is another set's agreement."""
    ratings = [r for r in people.ratings if r.video_id in asked]
    votes = [v for v in people.votes if {v.video_a, v.video_b} <= asked]
    counted = {
        "ratings": len(people.ratings) - len(ratings),
        "votes": len(people.votes) - len(votes),
    }
    notes = [
        f"{n} {what} are about clips that the annotations do not name; left out"
        for what, n in counted.items()
        if n
    ]
    return dataclasses.replace(people, ratings=ratings, votes=votes, notes=[*people.notes, *notes])


def _nobody(annotations: Path, options: AuditOptions, people: People) -> str:
    """Why nothing that people said is about a clip of the annotations."""
    files = ", ".join(table.path for table in tables_of(options))
    told = f" ({'; '.join(people.notes)})" if people.notes else ""
    return (
        f"no rating or vote in {files} is about a clip of {annotations}{told}; name clips alike in both, "
        "by video_id or by prompt_id (or prompt) and generator, or give a manifest that tells which is "
        "which (--clips)"
    )


def _describe(table: Path, finder: ClipFinder) -> dict[str, dict[str, str | None]]:
    """Let the finder learn every clip that a row describes by prompt and generator.

    Returns what rows without a generator say of a prompt, by its id: they describe no clip.
    """
    of_prompts: dict[str, dict[str, str | None]] = {}
    for number, row in read_rows(table):
        said = {name: optional_text(row, name) for name in DESCRIBED}
        prompt = said["prompt_id"] or (said["prompt"] and prompt_id(said["prompt"]))
        if prompt and said["generator"] is None:
            of_prompts.setdefault(prompt, {name: said[name] for name in OF_PROMPTS})
        elif prompt:
            length = number_or_none(table, number, row, "duration_s")
            finder.find(table, number, **said, duration_s=length)
    return of_prompts


def _with(clip: ClipFacts, of_prompts: Mapping[str, Mapping[str, str | None]]) -> ClipFacts:
    """The clip with what is known of its prompt, where it does not say so itself."""
    told = of_prompts.get(clip.prompt_id, {})
    return dataclasses.replace(
        clip,
        prompt=clip.prompt or told.get("prompt"),
        source=clip.source or told.get("source"),
        complexity=clip.complexity or told.get("complexity"),
    )


def _conditions(judges: JudgesRead, dimensions: Sequence[str]) -> Conditions:
    """What each annotator gave at each temperature that the table tells."""
    found: dict[Who, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for (annotator, dimension, video), scores in judges.temperatures.items():
        for ours in dimensions if dimension == EVERY else [dimension]:
            for degrees, score in scores.items():
                found[annotator, ours][f"temperature={degrees:g}"][video] = score
    return found


def _by_clip(told: Mapping[Key, str], dimensions: Sequence[str]) -> dict[Who, dict[str, str]]:
    """Rationales by annotator and dimension, then by clip."""
    found: dict[Who, dict[str, str]] = defaultdict(dict)
    for (annotator, dimension, video), words in told.items():
        for ours in dimensions if dimension == EVERY else [dimension]:
            found[annotator, ours][video] = words
    return found


def _left_out(table: Path, judges: JudgesRead) -> Iterator[str]:
    return (f"{table.name}: {n} {what}; left out" for what, n in judges.left_out.items() if n)
