"""What the folders hold to learn from: pairs of machines, of people or of both, and all prompts."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.preference.settled import published_splits
from pipeline.videorm.data.frame_index import FrameIndex
from pipeline.videorm.data.pairs import PAIRS, machine_pairs
from pipeline.videorm.data.people import VOTES, pairs_by_ratings, pairs_by_votes
from pipeline.videorm.data.splits import LEFT_OUT
from pipeline.videorm.data.tables import check_folder, check_rows, read_columns
from schemas import OVERALL, HumanRating, HumanVote, Prompt
from schemas.layout import Layout
from schemas.options import SetupError

Labels = Literal["machine", "human", "both"]
Answers = Mapping[str, Sequence[str]]  # our dimension -> the people's that answer for it
RATING = ("prompt_id", "video_id", "rater", "dimension", "score")
VOTE = ("prompt_id", "video_a", "video_b", "rater", "dimension", "choice")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """All that was read, before anything is left out."""

    pairs: pa.Table  # PAIRS; by people: of no split yet
    prompts: tuple[tuple[str, str, str | None], ...]  # prompt_id, text, stated split or LEFT_OUT
    machine: tuple[str, ...]  # dimensions of the preferences but `overall`
    people: tuple[str, ...]  # dimensions on which people rated or voted
    where: str  # the folders, in words
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One folder's tables, as they are."""

    path: Path
    machine: pa.Table  # PAIRS
    prompts: pa.Table  # prompt_id, text, split (or LEFT_OUT)
    ratings: pa.Table
    votes: pa.Table


def read_folders(folders: Iterable[Path], labels: Labels) -> list[Folder]:
    """The tables of each folder. Raises SetupError for one that holds nothing that is asked for."""
    found = [_read(Path(folder)) for folder in folders]
    for tables in found:
        _check_filled(tables, labels)
    return found


def read_sources(
    folders: Sequence[Folder],
    index: FrameIndex,
    labels: Labels,
    answers: Answers,
    wanted: Sequence[str] | None,
) -> Sources:
    """The pairs that ``labels`` asks for; ``overall`` only where ``wanted`` names it."""
    machine = pa.concat_tables([folder.machine for folder in folders])
    people = _named(t for folder in folders for t in (folder.ratings, folder.votes))
    own = sorted({*_named([machine])} - {OVERALL})
    asked = {d: answers.get(d, (d,)) for d in wanted or sorted({*own, *answers}) or people}
    parts, notes = [PAIRS.empty_table()], []
    seen: Sequence[pa.Table] = ()
    if labels != "human":
        named = pc.is_in(machine["dimension"], pa.array(wanted or own, pa.string()))
        parts.append(machine.filter(named))
    if labels != "machine":
        ratings, votes = seen = _people(folders, index)
        by_ratings, unseen = pairs_by_ratings(ratings, asked)
        parts += [by_ratings, pairs_by_votes(votes, asked)]
        notes = _notes(folders, seen, people, asked, parts[-2:], unseen)
    return Sources(
        pairs=pa.concat_tables(parts),
        prompts=_prompts(folders, index, machine, seen),
        machine=tuple(own),
        people=tuple(people),
        where=", ".join(str(folder.path) for folder in folders),
        notes=tuple(notes),
    )


def _named(tables: Iterable[pa.Table]) -> list[str]:
    """The dimensions of tables."""
    return sorted({d for table in tables for d in pc.unique(table["dimension"]).to_pylist()})


def _read(path: Path) -> Folder:
    check_folder(path)
    layout = Layout(path)
    ratings = read_columns(layout.table("human_ratings"), HumanRating, RATING)
    finite = pc.invert(pc.is_finite(ratings["score"]))
    check_rows(
        layout.table("human_ratings"),
        ratings,
        [*((n, ratings[n].is_null(), "a value") for n in RATING), ("score", finite, "a number")],
    )
    votes = read_columns(layout.table("human_votes"), HumanVote, VOTE)
    choice = pc.invert(pc.is_in(votes["choice"], pa.array(list(VOTES))))
    same = pc.equal(votes["video_a"], votes["video_b"])
    check_rows(
        layout.table("human_votes"),
        votes,
        [
            *((n, votes[n].is_null(), "a value") for n in VOTE),
            ("choice", choice, ", ".join(VOTES)),
            ("video_b", same, "another clip than video_a"),
        ],
    )
    return Folder(
        path=path,
        machine=machine_pairs(path),
        prompts=_marked(
            read_columns(layout.table("prompts"), Prompt, ("prompt_id", "text", "split")), layout
        ),
        ratings=ratings,
        votes=votes,
    )


def _marked(prompts: pa.Table, layout: Layout) -> pa.Table:
    """The prompts, those marked that the dataset leaves out of all splits."""
    where = published_splits(layout)
    ids = pc.unique(prompts["prompt_id"]).to_pylist()
    out = pa.array([i for i in ids if where.get(i, "") is None], pa.string())
    split = pc.if_else(pc.is_in(prompts["prompt_id"], value_set=out), LEFT_OUT, prompts["split"])
    return prompts.set_column(prompts.schema.get_field_index("split"), "split", split)


def _check_filled(folder: Folder, labels: Labels) -> None:
    people = len(folder.ratings) + len(folder.votes)
    if labels == "machine" and not len(folder.machine):
        hint = "; it has labels of people: `videorm.data.labels: human`" if people else ""
        raise SetupError(
            f"{Layout(folder.path).table('preferences')}: no preferences; name the folder of a "
            f"complete run{hint}"
        )
    if labels == "human" and not people:
        raise SetupError(
            f"{folder.path}: no human_ratings and no human_votes to learn from; set "
            "`videorm.data.labels: machine`, or run the pipeline with the people's labels"
        )
    if labels == "both" and not people + len(folder.machine):
        raise SetupError(
            f"{folder.path}: no preferences, human_ratings or human_votes; name the folder of a "
            "complete run"
        )


def _people(folders: Sequence[Folder], index: FrameIndex) -> tuple[pa.Table, pa.Table]:
    """Ratings and votes of all folders on clips that have frames, with prompts and generators."""
    ratings: list[pa.Table] = []
    votes: list[pa.Table] = []
    for folder in folders:
        texts = _texts(folder, index)
        for table, found, clips in (
            (folder.ratings, ratings, {"video_id": "generator"}),
            (folder.votes, votes, {"video_a": "generator_a", "video_b": "generator_b"}),
        ):
            for clip, generator in clips.items():
                at = pc.index_in(table[clip], index.clips["video_id"])
                names = index.clips["generator"].combine_chunks().take(at.combine_chunks())
                table = table.append_column(generator, names).filter(at.is_valid())
            found.append(_with_text(folder, table, texts))
    together = pa.concat_tables(votes)
    names = [name.replace("video_", "") for name in together.column_names]
    return pa.concat_tables(ratings), together.rename_columns(names)


def _texts(folder: Folder, index: FrameIndex) -> dict[str, str]:
    """The words of each prompt: of the prompts' table, else of the preferences, else of the frames."""
    clips, machine, prompts = index.clips, folder.machine, folder.prompts
    columns = (
        (clips["prompt_id"], clips["prompt"]),
        (machine["prompt_id"], machine["prompt"]),
        (prompts["prompt_id"], prompts["text"]),
    )
    return {k: v for ids, texts in columns for k, v in zip(*_lists(ids, texts), strict=True)}


def _lists(*columns: pa.ChunkedArray) -> list[list[str]]:
    return [column.to_pylist() for column in columns]


def _with_text(folder: Folder, table: pa.Table, texts: Mapping[str, str]) -> pa.Table:
    ids = table["prompt_id"].to_pylist()
    absent = sorted(set(ids) - set(texts))
    if absent:
        raise SetupError(
            f"{Layout(folder.path).table('prompts')}: no prompt {absent[0]}, which people rated clips "
            "of; name the folder of a complete run"
        )
    return table.append_column("prompt", pa.array([texts[i] for i in ids], pa.string()))


def _prompts(
    folders: Sequence[Folder], index: FrameIndex, machine: pa.Table, people: Iterable[pa.Table]
) -> tuple[tuple[str, str, str | None], ...]:
    tables = [machine.select(["prompt_id", "prompt", "split"])]
    tables += [f.prompts.rename_columns(["prompt_id", "prompt", "split"]) for f in folders]
    for table in (index.clips, *people):
        own = table.select(["prompt_id", "prompt"])
        tables.append(own.append_column("split", pa.nulls(len(own), pa.string())))
    together = pa.concat_tables(tables)
    distinct = together.group_by(together.column_names, use_threads=False).aggregate([])
    return tuple(zip(*_lists(*(distinct[n] for n in together.column_names)), strict=True))


def _notes(
    folders: Sequence[Folder],
    kept: Sequence[pa.Table],
    people: Sequence[str],
    asked: Answers,
    pairs: Sequence[pa.Table],
    unseen: int,
) -> list[str]:
    """What of the people's labels is not used."""
    rows = sum(len(f.ratings) + len(f.votes) for f in folders) - sum(map(len, kept))
    unused = sorted(set(people) - {name for theirs in asked.values() for name in theirs})
    silent = sorted(set(asked) - set(_named(pairs)))
    notes = {
        f"people's dimensions that answer for none of ours: {', '.join(unused)}": bool(unused),
        f"no pair by people on {', '.join(silent)}": bool(silent),
        f"{rows} ratings and votes on clips without frames left out": rows > 0,
        f"{unseen} pairs of rated clips that no rater saw both of left out": unseen > 0,
    }
    return [note for note, said in notes.items() if said]
