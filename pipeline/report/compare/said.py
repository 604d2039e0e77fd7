"""What people said of the clips that two runs have in common: one standard for both."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.audit.targets import Said
from pipeline.report.aggregates import human_dimensions
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_table
from schemas import HumanRating, HumanVote
from schemas.tables import from_table

KEYS = {
    "human_ratings": ["video_id", "rater", "dimension"],
    "human_votes": ["video_a", "video_b", "rater", "dimension"],
}
SAID = {"human_ratings": "score", "human_votes": "choice"}


def people_of_both(old: Side, new: Side) -> tuple[Said, list[str]]:
    """Ratings and votes of clips that both runs have, each once, and why some dimension has none.

    Where a rater said one thing in one run and another in the other (simulated ones with another seed do)
    there is no one target: the dimension is left out.
    """
    found: dict[str, pa.Table] = {}
    why = []
    left_out = {*_left_out(old), *_left_out(new)}
    clips = _common_clips(old, new, left_out)
    for table, keys in KEYS.items():
        one, other = (read_table(side.layout, table) for side in (old, new))
        one, other = (_about(_sorted(rows), clips["video_id"]) for rows in (one, other))
        conflict = _conflicts(one, other, keys, SAID[table])
        for dimension, n in sorted(conflict.items()):
            why.append(
                f"{dimension}: {n} times the same rater said two things of the same clips in the two runs, "
                "so there is no one standard to hold both to"
            )
        joined = pa.concat_tables([one, other.join(one.select(keys), keys, join_type="left anti")
                                   .select(one.column_names).cast(one.schema)])  # fmt: skip
        kept = pc.invert(pc.is_in(joined["dimension"], pa.array(sorted(conflict), pa.string())))
        found[table] = joined.filter(kept)
    generators = dict(zip(clips["video_id"].to_pylist(), clips["generator"].to_pylist()))
    return Said(
        scores=[],
        choices=[],
        ratings=list(from_table(HumanRating, found["human_ratings"])),
        votes=list(from_table(HumanVote, found["human_votes"])),
        generators=generators,
    ), why


def _left_out(side: Side) -> list[str]:
    return list((side.config.get("audit") or {}).get("leave_out_generators") or ())


def _common_clips(old: Side, new: Side, left_out: set[str]) -> pa.Table:
    """Clips of both runs, but of generators that either audit leaves out."""
    one, other = (
        read_table(side.layout, "videos", columns=["video_id", "generator"]) for side in (old, new)
    )
    both = one.filter(pc.is_in(one["video_id"], other["video_id"].combine_chunks()))
    gone = pa.array(sorted(left_out), pa.string())
    return both.filter(pc.invert(pc.is_in(both["generator"], gone)))


def _about(rows: pa.Table, clips: pa.ChunkedArray) -> pa.Table:
    """Ratings of the clips, or votes on two of them."""
    for column in ("video_id", "video_a", "video_b"):
        if column in rows.column_names:
            rows = rows.filter(pc.is_in(rows[column], clips.combine_chunks()))
    return rows


def _sorted(rows: pa.Table) -> pa.Table:
    """Votes with the lower id first, so that one vote told both ways about is one; ratings as they are."""
    if "choice" not in rows.column_names:
        return rows
    a, b, choice = rows["video_a"], rows["video_b"], rows["choice"]
    swap = pc.greater(a, b)
    other = pc.if_else(pc.equal(choice, "a"), "b", pc.if_else(pc.equal(choice, "b"), "a", choice))
    for name, value in (
        ("video_a", pc.if_else(swap, b, a)),
        ("video_b", pc.if_else(swap, a, b)),
        ("choice", pc.if_else(swap, other, choice)),
    ):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), value)
    return rows


def _conflicts(one: pa.Table, other: pa.Table, keys: list[str], said: str) -> dict[str, int]:
    """By dimension, how often a rater said another thing in the other run."""
    columns = [*keys, said]
    met = one.select(columns).join(
        other.select(columns), keys, join_type="inner", right_suffix="_new"
    )
    apart = met.filter(pc.not_equal(met[said], met[f"{said}_new"]))
    counted = apart.group_by("dimension").aggregate([(said, "count")]).to_pylist()
    return {row["dimension"]: row[f"{said}_count"] for row in counted}


def answers_of_both(old: Side, new: Side) -> tuple[dict[str, list[str]], list[str]]:
    """Which human dimensions answer for each of ours, where both runs say the same of it."""
    said = [human_dimensions(side.record) for side in (old, new)]
    ours = [_dimensions(side) for side in (old, new)]
    found, why = {}, []
    for name in sorted(ours[0] & ours[1]):
        theirs = [one.get(name, [name]) for one in said]
        if sorted(theirs[0]) == sorted(theirs[1]):
            found[name] = theirs[0]
        else:
            why.append(f"{name}: other human dimensions answer for it in each run's configuration")
    return found, why


def _dimensions(side: Side) -> set[str]:
    found: set[str] = set()
    for table in ("scores", "preferences"):
        column = read_table(side.layout, table, columns=["dimension"])["dimension"]
        found |= set(pc.unique(column).to_pylist())
    return found
