"""By which rules the merged dataset is assembled: the first run's, unless the user says otherwise."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.audit.options import AuditOptions
from pipeline.config import override
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.parquet import parts, read_columns, read_rows
from pipeline.preference.consensus import MARK_COLUMNS, keyed_mark
from pipeline.preference.fit import fit
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.rules import Rules
from pipeline.protocol import ProtocolOptions
from pipeline.report.options import ReportOptions
from pipeline.rubrics import scales_of
from schemas import HumanRating
from schemas.layout import Layout
from schemas.options import Options, SetupError

Block = TypeVar("Block", bound=Options)
MAY_BE_SET = ("consensus", "preferences", "protocol", "splits", "audit", "report", "frames")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MergeRules:
    """What the merged dataset follows. ``config``: as run.json holds it."""

    config: Mapping[str, Any]
    rules: Rules
    audit: AuditOptions | None
    report: ReportOptions
    publish_frames: bool
    notes: Sequence[str]


def merge_rules(sources: Sequence[Source], settings: Sequence[str]) -> MergeRules:
    """The first run's rules, with the dimensions of all runs. Raises :class:`SetupError` for a setting
    that a merge does not have, and for audits that contradict each other."""
    config, notes = _config(sources, settings)
    dimensions = list(dict.fromkeys(d for s in sources for d in scales_of(s.record)))
    first = list(scales_of(sources[0].record))
    preferences = block(PreferenceOptions, config, "preferences")
    if first and dimensions != first and preferences.weights is None:
        preferences = preferences.model_copy(update={"weights": dict.fromkeys(first, 1.0)})
        config["preferences"] = preferences.model_dump(mode="json")
        notes.append(
            f"overall stays the mean of the first run's dimensions, {', '.join(first)}; "
            f"{', '.join(dimensions[len(first) :])} of later runs count only with --set preferences.weights"
        )
    rules = Rules(
        dimensions=dimensions,
        consensus=block(ConsensusOptions, config, "consensus"),
        preferences=preferences,
        splits=block(SplitOptions, config, "splits"),
        protocol=block(ProtocolOptions, config, "protocol"),
    )
    return MergeRules(
        config=config,
        rules=rules,
        audit=_audit(config),
        report=block(ReportOptions, config, "report"),
        publish_frames=bool((config.get("frames") or {}).get("publish", True)),
        notes=notes,
    )


def block(kind: type[Block], config: Mapping[str, Any], name: str) -> Block:
    """A block of a plain configuration. Raises :class:`SetupError` for one that is not valid."""
    try:
        return kind.model_validate(config.get(name) or {})
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in (name, *fault["loc"]))
        raise SetupError(f"{where}: {fault['msg'].removeprefix('Value error, ')}") from None


def _audit(config: Mapping[str, Any]) -> AuditOptions | None:
    return None if config.get("audit") is None else block(AuditOptions, config, "audit")


def _config(sources: Sequence[Source], settings: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    config: dict[str, Any] = copy.deepcopy(dict(sources[0].config))
    config["rubrics"] = _joined(sources, "rubrics")
    config["annotators"] = _joined(sources, "annotators")
    config |= {"videorm": None, "sentinels": None}  # a model of its own would have to be trained
    config["audit"] = joined_audit(sources)
    for text in settings:
        if text.split(".", 1)[0] not in MAY_BE_SET:
            raise SetupError(
                f"--set {text}: a merge has the blocks {', '.join(MAY_BE_SET)}; nothing else of a run is "
                "done again"
            )
        override(config, text)
    return config, []


def _joined(sources: Sequence[Source], name: str) -> list[Any]:
    """The entries of a list of all runs, each once, the first run's first."""
    found: list[Any] = []
    for source in sources:
        found += [one for one in source.config.get(name) or () if one not in found]
    return found


def joined_audit(sources: Sequence[Source]) -> dict[str, Any] | None:
    """The first audit block there is, with the answers of all: which human dimensions stand for ours.

    Raises :class:`SetupError` where two runs answer for one dimension with others. What people said is
    in the tables, so files of ratings are not named again; requirements were those of each run.
    """
    blocks = [(s, s.config["audit"]) for s in sources if s.config.get("audit")]
    if not blocks:
        return None
    answers: dict[str, tuple[Source, list[str]]] = {}
    for source, one in blocks:
        for ours, theirs in (one.get("dimensions") or {}).items():
            known, said = answers.setdefault(ours, (source, list(theirs)))
            if sorted(said) != sorted(theirs):
                raise SetupError(
                    f"audit.dimensions.{ours}: {', '.join(said)} in {known.name}, {', '.join(theirs)} in "
                    f"{source.name}; no audit can hold both. Run one of them again with the other's "
                    "(the audit alone is done anew)"
                )
    dimensions = {ours: said for ours, (_, said) in answers.items()}
    return {**blocks[0][1], "ratings": [], "require": [], "dimensions": dimensions}


# rubrics


def rubric_changes(sources: Sequence[Source]) -> list[str]:
    """Notes on rubrics that runs have in common by name, and not by their words."""
    known: dict[tuple[str, str], tuple[str, Any]] = {}
    notes = []
    for source in sources:
        for rubric in source.record.get("rubrics") or ():
            key = rubric["name"], rubric.get("protocol", "pointwise")
            name, other = known.setdefault(key, (source.name, rubric))
            if other["sha256"] != rubric["sha256"]:
                notes.append(
                    f"{source.name} asked by another text of {rubric['name']} (version "
                    f"{rubric['version']}) than {name} (version {other['version']}); each row of "
                    "annotations names its own (rubric_sha256)"
                )
    return notes


# what is learned


def learned(rules: MergeRules, sources: Sequence[Source], layout: Layout) -> Rules:
    """The rules with what the consensus must learn from the merged tables, where it must."""
    found = rules.rules
    if not found.consensus.needs_fit:
        return found
    audit = rules.audit or AuditOptions()
    people = read_rows(HumanRating, parts(layout.table("human_ratings")))
    fitted = fit(
        map(keyed_mark, read_columns(parts(layout.table("annotations")), MARK_COLUMNS)),
        found.consensus,
        [p for p in people if p.generator not in audit.leave_out_generators],
        audit.dimensions,
        {d: scale for s in reversed(sources) for d, scale in scales_of(s.record).items()},
    )
    return dataclasses.replace(found, fitted=fitted)
