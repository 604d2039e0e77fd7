"""What people said, from every file that an audit names: read before any work and again at its end."""

import dataclasses
import json
from collections.abc import Collection, Iterable, Sequence

from pipeline.audit.options import AuditOptions, RatingsTable
from pipeline.audit.simulated_raters import DIMENSIONS, SimulatedRaters
from pipeline.formats.cells import optional_text
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import PeopleRead
from pipeline.formats.picture_votes import exported
from pipeline.formats.ratings import ALIASES
from pipeline.formats.readers import reader_of
from schemas import Clip, HumanRating, HumanVote, Video
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import read_rows

Scale = tuple[float, float]
PLAIN = ("table", "votes")  # kinds whose dimensions stand in a column, whatever clips are known


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """All that people said of some clips; ``scales`` of the dimensions that they rated."""

    ratings: list[HumanRating] = dataclasses.field(default_factory=list)
    votes: list[HumanVote] = dataclasses.field(default_factory=list)
    scales: dict[str, Scale] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)

    @property
    def dimensions(self) -> set[str]:
        """Every dimension that was rated or voted on."""
        return {r.dimension for r in self.ratings} | {v.dimension for v in self.votes}

    def add(self, name: str, read: PeopleRead) -> None:
        """What a file holds, under the file's name."""
        self.ratings.extend(read.ratings)
        self.votes.extend(read.votes)
        self.notes.extend(f"{name}: {n} {what}; left out" for what, n in read.left_out.items() if n)
        self.notes.extend(f"{name}: {note}" for note in read.notes)
        for dimension in {rating.dimension for rating in read.ratings}:
            if (scale := read.scale_of(dimension)) is not None:
                low, high = self.scales.get(dimension, scale)
                self.scales[dimension] = min(low, scale[0]), max(high, scale[1])


def tables_of(options: AuditOptions) -> list[RatingsTable]:
    """The files among the ratings; the others are simulated."""
    return [source for source in options.ratings if isinstance(source, RatingsTable)]


def read_people(options: AuditOptions, finder: ClipFinder) -> People:
    """What every file says of the clips that the finder finds."""
    people = People()
    for table in tables_of(options):
        path = place_of(table.path)
        reader = reader_of(path, None if table.kind == "auto" else table.kind)
        read = reader.read(path, finder, table.scale)
        people.add(path.name, read)
        if not set(warned := exported(path)) & set(read.notes):
            people.notes.extend(warned)  # judged by a machine: no standard to hold a machine to
    return people


def check_dimensions(options: AuditOptions, human: Collection[str]) -> None:
    """Raise :class:`SetupError` for a human dimension named in the options that nobody rated."""
    for ours, theirs in options.dimensions.items():
        for name in theirs:
            if name not in human:
                raise SetupError(
                    f"audit.dimensions.{ours}: no rating has the dimension {name!r}; they have "
                    + (", ".join(sorted(human)) or "none")
                )


def rated_dimensions(options: AuditOptions) -> set[str]:
    """Every dimension that people rated or voted on, and those of simulated raters where there are any.

    Raises :class:`SetupError` naming file and row for whatever cannot be read.
    """
    found = {name for source in options.ratings for name in _made_up(source)}
    for table in tables_of(options):
        path = place_of(table.path)
        reader = reader_of(path, None if table.kind == "auto" else table.kind)
        said = reader.read(path, ClipFinder(open=True), table.scale)
        found |= {r.dimension for r in said.ratings} | {v.dimension for v in said.votes}
        if reader.kind in PLAIN:
            rows = read_rows(path, ("dimension",), ALIASES)
            found |= {name for _, row in rows if (name := optional_text(row, "dimension"))}
    return found


def _made_up(source: RatingsTable | SimulatedRaters) -> tuple[str, ...]:
    return DIMENSIONS if isinstance(source, SimulatedRaters) else ()


def check_ratings(options: AuditOptions, clips: Sequence[ClipFacts] | None = None) -> People:
    """Find what is wrong with the human data before any work is done.

    Columns, numbers and named dimensions always; with the ``clips`` of the plan also rows that
    match several clips, rows given twice, files that match none. Returns what is said of those clips.
    Raises :class:`SetupError` naming file and row.
    """
    found = rated_dimensions(options)
    if found:
        check_dimensions(options, found)
    if clips is None or not (tables := tables_of(options)):
        return People()
    said = read_people(options, ClipFinder(clips))
    if not said.ratings and not said.votes:
        files = ", ".join(table.path for table in tables)
        raise SetupError(f"audit.ratings: no rating in {files} is about a clip of this run")
    return said


def facts_of(clips: Iterable[Clip | Video]) -> list[ClipFacts]:
    """What clips, planned or there, say of themselves."""
    return [
        ClipFacts(
            video_id=clip.video_id,
            prompt_id=clip.prompt_id,
            generator=clip.generator,
            prompt=clip.prompt,
            source=clip.source,
            complexity=complexity(clip.extra),
        )
        for clip in clips
    ]


def complexity(extra: str | None) -> str | None:
    """What the column ``complexity`` of a manifest says of a clip's prompt, where it has one."""
    value = json.loads(extra).get("complexity") if extra else None
    return None if value is None else str(value)
