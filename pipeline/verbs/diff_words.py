"""The summary of a diff that a person reads, with counts."""

from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.audit.names import ALL
from pipeline.verbs.words import number

SHOWN = 10  # lines of agreement
Found = Mapping[str, Any]


def summary(found: Found) -> str:
    """Everything that changed, in lines; what did not is not there."""
    lines = [
        *_versions(found),
        *_tables(found["tables"]),
        *_preferences(found["preferences"]),
        *_agreement(found["agreement"]),
        *_judges(found["judges"]),
        *_rubrics(found["rubrics"]),
        *_licences(found["licences"]),
        *_cost(found["cost"]),
        *_withdrawn(found["withdrawn"]),
    ]
    return "\n".join(lines)


def _versions(found: Found) -> Iterator[str]:
    old, new = found["old"], found["new"]
    for side, one in (("old", old), ("new", new)):
        made = ", ".join(
            f"{m['name']} ({m['dataset_version'] or m['run_id']})" for m in one["merged_from"]
        )
        yield (
            f"{side}  {one['folder']}: version {one['dataset_version']}, schema {one['schema_version']}"
            + (f", merged from {made}" if made else "")
        )
    if old["dataset_version"] == new["dataset_version"]:
        yield "the tables hold the same rows"


def _tables(tables: Found) -> Iterator[str]:
    for name, one in tables.items():
        if one["added"] or one["removed"] or one["changed"]:
            columns = ", ".join(f"{column} {n}" for column, n in list(one["columns"].items())[:5])
            yield (
                f"{name}: {one['old']} -> {one['new']} rows; {one['added']} added, {one['removed']} "
                f"removed, {one['changed']} changed" + (f" ({columns})" if columns else "")
            )


def _preferences(found: Found) -> Iterator[str]:
    if not found["common"]:
        yield "no pair is in both"
        return
    for one in found["dimensions"]:
        if one["flipped"]:
            yield (
                f"labels of {one['dimension']}: {one['flipped']} of {one['common']} common pairs are "
                f"others, {number(one['share'], one['low'], one['high'])} (n={one['prompts']} prompts): "
                f"{one['reversed']} reversed, {one['to_tie']} to a tie, {one['from_tie']} from a tie; "
                f"their mean |margin| {_figures(one['mean_size_of_margin_of_flipped'])}"
            )
        elif one["common"] and one["mean_margin_change"]:
            yield (
                f"labels of {one['dimension']}: none of {one['common']} flipped, margins moved by "
                f"{one['mean_margin_change']:.3f} on average"
            )
    for flip in found["flips"]:
        yield (
            f"  {flip['pair_id']} {flip['dimension']}: {flip['label'][0]} -> {flip['label'][1]}, margin "
            f"{flip['margin'][0]:.3g} -> {flip['margin'][1]:.3g}"
        )
    yield (
        f"pairs in another split: {found['moved']} of {found['common']}"
        + (" - what was trained on may be tested on now" if found["moved"] else "")
    )


def _figures(values: Found) -> str:
    old, new = values["old"], values["new"]
    return f"{old:.3f} -> {new:.3f}" if old is not None and new is not None else "unknown"


def _agreement(found: Found) -> Iterator[str]:
    if not any(found["audited"].values()):
        return
    rows = [row for row in found["changed"] if row["slice"] == ALL]
    rows.sort(key=_by_size)
    yield (
        f"agreement: {len(found['changed'])} of {found['matched']} figures moved, {found['apart']} beyond "
        f"their intervals; {found['only_new']} are new, {found['only_old']} gone"
    )
    for row in rows[:SHOWN]:
        old, new = (number(s["value"], s["low"], s["high"]) for s in (row["old"], row["new"]))
        yield (
            f"  {row['dimension']} {row['annotator']} {row['statistic']}: {old} -> {new} "
            f"(n={row['old']['n_items']} -> {row['new']['n_items']})"
            + (", intervals apart" if row["apart"] else "")
        )
    if len(rows) > SHOWN:
        yield f"  and {len(rows) - SHOWN} more"


def _by_size(row: Found) -> tuple[bool, float]:
    """First what moved beyond its interval, then what moved most for the width of it."""
    old, new = row["old"], row["new"]
    if None in (old["value"], new["value"], old["low"], old["high"]):
        return not row["apart"], 0.0
    return not row["apart"], -abs(new["value"] - old["value"]) / max(old["high"] - old["low"], 1e-9)


def _judges(found: Found) -> Iterator[str]:
    for word in ("added", "removed"):
        if found[word]:
            yield f"judges {word}: {', '.join(found[word])}"
    for one in found["changed"]:
        said = [f"snapshot {model} is new" for model in one["snapshots_added"]]
        said += [f"snapshot {model} is gone" for model in one["snapshots_removed"]]
        said += [f"{field} {v['old']} -> {v['new']}" for field, v in one["asked"].items()]
        yield f"judge {one['annotator']}: {', '.join(said)}"


def _rubrics(found: list[Found]) -> Iterator[str]:
    for one in found:
        old, new = (
            " and ".join(f"version {r['version']} ({r['sha256'][:8]})" for r in one[side] or ())
            or "none"
            for side in ("old", "new")
        )
        yield f"rubric {one['rubric']} ({one['protocol']}): {old} -> {new}"


def _licences(found: list[Found]) -> Iterator[str]:
    for one in found:
        what = one["value"] or "none stated"
        yield f"{one['column']} of {one['table']}, {what}: {one['old']} -> {one['new']} rows"


def _cost(found: Found) -> Iterator[str]:
    usd, requests = found["usd"], found["requests"]
    if usd["old"] != usd["new"] or requests["old"] != requests["new"]:
        old, new = ("unknown" if v is None else f"${v:.4f}" for v in (usd["old"], usd["new"]))
        yield f"spent: {old} -> {new}, {requests['old']} -> {requests['new']} requests"


def _withdrawn(found: Found) -> Iterator[str]:
    if found["since"]:
        yield f"withdrawn since: {len(found['since'])} clips"
    if found["no_longer"]:
        yield (
            f"{len(found['no_longer'])} clips were withdrawn from the old one, and the new one does not "
            "say so"
        )
