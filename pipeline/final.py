"""The final stages, where the command runs: human tables, audit, VideoRM, card, report, run.json."""

import importlib.metadata
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit.files import audit_run
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People
from pipeline.brought import plugins_in
from pipeline.config import Config
from pipeline.dataset.finish import describe
from pipeline.dataset.parquet import parts, publish, read_rows, write_rows
from pipeline.dataset.version import dataset_version
from pipeline.dataset.withdrawn import noted
from pipeline.gate import RequirementError
from pipeline.health.write import write_judges
from pipeline.home.pictures import bring_for_report, bring_for_training
from pipeline.people import people_of, rating_files
from pipeline.report.write import write_report
from pipeline.running import Run
from pipeline.state import RECORD, fingerprint, plain, write_json
from pipeline.videorm.options import VideoRMOptions
from schemas import SPLITS, HumanRating, HumanVote, Video
from schemas.layout import PUBLISHED, Layout
from schemas.tables import SCHEMA_VERSION, table_of

VERSIONS = (
    "videoprefer",
    "apache-beam",
    "openai",
    "torch",
    "transformers",
    "av",
    "pyarrow",
    "datasets",
    "numpy",
    "pillow",
)
# keys of the videorm block by which only the last digits of a model differ, if anything
WHERE_AND_HOW_FAST: Any = {
    "device": True,
    "threads": True,
    "track": True,
    "cache": True,
    "data": {"memory_gb", "workers"},
    "training": {"checkpoint_seconds", "compile", "gradient_checkpointing"},
}


def finish(run: Run, made_from: str) -> None:
    """Everything after assembly; ends by writing run.json."""
    layout, config = run.layout, run.config
    made = fingerprint(
        made_from,
        config.audit and config.audit.model_dump(mode="json"),
        rating_files(config.audit),
    )
    people = run.once("human", made, lambda: _publish_people(layout, config))
    unmet: list[str] = []
    if (asked := config.audit) is not None:
        told = [
            f"before the other clips were judged, {line}"
            for line in (run.gate or {}).get("said", ())
        ]
        unmet = run.once("audit", made, lambda: _audit(layout, asked, people, told))
    if config.videorm is not None:
        made = fingerprint(made, _shaping(config.videorm))
        run.once("videorm", made, lambda: _train(run, config))
        _describe(layout, config)
    record = run_record(run)
    judges = write_judges(layout, record, run.watched())
    for note in judges["notes"]:
        run.say(f"judges: {note}")
    run.say("card and report")
    describe(layout, record)
    bring_for_report(run)
    write_report(layout.root, config.report, record, display=run.display)
    write_json(layout.work / RECORD if unmet else layout.run, record)
    run.home.publish(run.wave_files("collect", "frames"))
    if unmet:
        raise RequirementError("; ".join(unmet))


# people


def _publish_people(layout: Layout, config: Config) -> dict[str, Any]:
    """Write human_ratings and human_votes; returns the scales, and notes on what was left out."""
    people = people_of(config, read_rows(Video, parts(layout.table("videos"))))
    _publish(layout, HumanRating, people.ratings)
    _publish(layout, HumanVote, people.votes)
    return {"scales": people.scales, "notes": people.notes}


def _publish(layout: Layout, record: type, rows: Sequence[Any]) -> None:
    table = table_of(record)
    publish(
        [write_rows(record, rows, layout.work / "people" / f"{table}.parquet")],
        layout.table(table),
        record,
    )


def _audit(
    layout: Layout, options: AuditOptions, noted: Mapping[str, Any], told: Sequence[str]
) -> list[str]:
    """Against what was published of the people; returns the requirements that are not met."""
    people = People(
        ratings=list(read_rows(HumanRating, parts(layout.table("human_ratings")))),
        votes=list(read_rows(HumanVote, parts(layout.table("human_votes")))),
        scales={dimension: tuple(scale) for dimension, scale in noted["scales"].items()},
        notes=[*told, *noted["notes"]],
    )
    result = audit_run(layout, options, people).result
    result.write(layout.audit)
    return list(result.unmet)


# the reward model


def _shaping(options: VideoRMOptions) -> dict[str, Any]:
    """What of the block shapes the model: where and how fast it is trained is no reason to train anew."""
    return options.model_dump(mode="json", exclude=WHERE_AND_HOW_FAST)


def _train(run: Run, config: Config) -> None:
    from pipeline.videorm.experiment import train_and_validate  # torch: only who trains pays

    assert config.videorm is not None
    answers = config.audit.dimensions if config.audit else {}
    bring_for_training(run)
    run.say("videorm: training")
    train_and_validate(
        run.layout.root, run.layout.videorm, config.videorm, run.display.training, answers
    )


def _describe(layout: Layout, config: Config) -> None:
    """The model's card, with what the audit before it says of the annotations it learned from."""
    from pipeline.videorm.card import write_card as write_model_card

    assert config.videorm is not None
    metrics = json.loads((layout.videorm / "metrics.json").read_text())
    audited = config.audit is not None and layout.audit.is_file()
    audit = {layout.root: json.loads(layout.audit.read_text())} if audited else {}
    write_model_card(layout.videorm, metrics, config.videorm, [layout.root], audit)


# the record


def run_record(run: Run) -> dict[str, Any]:
    """What run.json, the card and the report say of this run. Holds no key and no time of day."""
    config, plan, layout = run.config, run.plan, run.layout
    return {
        "run_id": fingerprint(plain(config), run.name)[:16],
        "name": run.name,
        "state": "complete",
        "schema_version": SCHEMA_VERSION,
        "dataset_version": dataset_version(layout),
        "config": {"name": run.name, **plain(config)},
        "versions": versions(),
        **({"plugins": [p.as_dict() for p in brought]} if (brought := plugins_in(config)) else {}),
        "simulated": any(clip.simulated for clip in plan.clips),
        "tables": table_counts(layout),
        "books": {stage: book.as_dict() for stage, book in run.books.items()},
        "failures": run.failures(),
        "counters": run.counts(),
        "spend": run.spend(),
        "annotators": [
            {
                "annotator_id": a.annotator_id,
                "kind": a.kind,
                "model": getattr(a, "model", None),
                "temperature": getattr(a, "temperature", None),
                "draws": a.draws,
            }
            for a in plan.annotators
        ],
        "frames": {"count": config.frames.most, "policy": config.frames.policy_name},
        "rubrics": [
            {
                "name": r.name,
                "version": r.version,
                "protocol": r.protocol,
                "sha256": r.sha256,
                "text": plan.rubric_texts.get(r.name),  # of one's own; packaged ones come along
            }
            for r in (*plan.rubrics, *plan.comparing)
        ],
        "protocol": config.protocol.kind,
        "gate": run.gate,  # what was required of the rated clips before the others, and reached
        "notes": [*plan.notes, *run.notes],
        **({"withdrawn": gone} if (gone := noted(layout)) else {}),
    }


def versions() -> dict[str, str]:
    """Versions of what shapes the rows."""
    found = {"python": platform.python_version()}
    for name in VERSIONS:
        found[name] = importlib.metadata.version(name)
    return found


def table_counts(layout: Layout) -> dict[str, int]:
    """Rows of every published table."""
    import pyarrow.parquet as pq

    def rows(folder: Path) -> int:
        return sum(pq.ParquetFile(path).metadata.num_rows for path in parts(folder))

    counts = {name: rows(layout.table(name)) for name in PUBLISHED}
    counts["preferences"] = sum(rows(layout.table("preferences", split)) for split in SPLITS)
    return counts


def summary(run: Run, seconds: float) -> str:
    """The last lines a person reads."""
    layout = run.layout
    counts = table_counts(layout)
    spend = run.spend()
    money = "unknown (a model without a price)" if spend["usd"] is None else f"${spend['usd']:.4f}"
    lines = [
        "",
        f"complete in {seconds:.0f} s: {counts['videos']} clips, {_judged(counts)}, "
        f"{counts['preferences']} preferences, {counts['failures']} failures",
        f"spent by this run: {money}, {spend['requests']} requests",
        *_agreement_lines(layout),
        *_videorm_lines(layout),
        f"dataset  {_opened(layout)}",
        f"report   {layout.report / 'index.html'}",
    ]
    return "\n".join(lines)


def _opened(layout: Layout) -> str:
    """How to open the preferences with ``datasets``, which takes no address for a folder."""
    if layout.home is None:
        return f"datasets.load_dataset({str(layout.root)!r}, 'preferences')"
    files = f"{layout.home}/tables/preferences/train/*.parquet"
    return f"datasets.load_dataset('parquet', data_files={files!r})"


def _judged(counts: dict[str, int]) -> str:
    names = [name for name in ("annotations", "comparisons") if counts[name]] or ["annotations"]
    return ", ".join(f"{counts[name]} {name}" for name in names)


def _agreement_lines(layout: Layout) -> list[str]:
    if not layout.audit.is_file():
        return []
    rows = json.loads(layout.audit.read_text())
    wanted = [
        r
        for r in rows
        if r["slice"] == "all"
        and r["value"] is not None
        and r["statistic"] in ("pair_accuracy_ties_half_loo", "pair_accuracy_ties_half_ceiling")
        and r["annotator"] == "consensus"
    ]
    name = {
        "pair_accuracy_ties_half_loo": "agrees with raters",
        "pair_accuracy_ties_half_ceiling": "a rater with the others",
    }
    return [
        f"  {r['dimension']}: {name[r['statistic']]} on {_interval(r)} of pairs "
        f"({r['n_items']} pairs x raters, {r['n_raters']} raters)"
        for r in wanted
    ]


def _videorm_lines(layout: Layout) -> list[str]:
    path = layout.videorm / "metrics.json"
    if not path.is_file():
        return []
    metrics = json.loads(path.read_text())
    rows = [r for r in metrics["accuracy"] if r["dimension"] == "all" and r["value"] is not None]
    lines = [
        f"  {r['arm']} against the {r['against']}: {_interval(r)} ({r['n_pairs']} pairs of "
        f"{r['n_prompts']} held-out prompts)"
        for r in rows
    ]
    lines += [
        f"  {r['arm']} minus {r['minus']} against the {r['against']}: {_interval(r)}"
        for r in metrics["differences"]
        if r["dimension"] == "all"
    ]
    return ["VideoRM, pair accuracy without ties:", *lines] if lines else []


def _interval(row: dict[str, Any]) -> str:
    if row.get("low") is None:
        return f"{row['value']:.3f}"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
