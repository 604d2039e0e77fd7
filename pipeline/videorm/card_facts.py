"""What a model card states: the network, what it learned from, how good it is, what it cannot do."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipeline.report.aggregates import preference_counts
from pipeline.report.tables import read_audit, read_table, simulated_kinds
from pipeline.videorm.model.config import FILES, VideoRMConfig, read_config
from pipeline.videorm.options import VideoRMOptions
from schemas import CONSENSUS, SPLITS
from schemas.layout import Layout

Row = dict[str, Any]
# of an audit: what pairs are worth as labels, and the people they are held against
STATISTICS = (
    "pair_accuracy_ties_half_loo",
    "pair_accuracy_ties_half",
    "pair_accuracy_with_ties_loo",
    "pair_accuracy_with_ties",
    "spearman_within_prompt_loo",
    "spearman_within_prompt",
    "krippendorff_alpha_ordinal",
)
REFERENCES = ("human_ceiling", "raters", "chance")
SECTIONS: Mapping[str, str] = {  # of metrics.json, and what the card shows of a row
    "accuracy": "against dimension arm value low high n_pairs n_prompts",
    "differences": "against dimension arm minus value low high",
    "three_way": "against dimension arm threshold threshold_from value low high n_pairs",
    "slices": "against dimension slice arm value low high n_pairs",
    "best_of_n": "gold dimension arm n value low high n_prompts",
    "calibration": "against dimension arm before after temperature n_pairs",
    "probes": "probe dimension arm expected tolerance value low high unit n_clips verdict",
}
OF_AN_ARM = ("description", "parameters", "trained_parameters", "selected_epoch")
# where a model is trained, how fast and on what is no deviation from a recipe
NOT_OF_A_RECIPE = (
    "preset", "seed", "dimensions", "overall", "arms", "trunk", "tokenizer", "towers", "device",
    "threads", "track", "cache", "save_trunk", "data.memory_gb", "data.workers", "training.precision",
    "training.compile", "training.gradient_checkpointing", "training.checkpoint_seconds",
)  # fmt: skip
PAPER = "videorm-paper"


def card_facts(
    folder: Path,
    metrics: Mapping[str, Any],
    options: VideoRMOptions,
    data: Sequence[Path],
    audit: Mapping[Path, Sequence[Mapping[str, Any]]] | None = None,
) -> Row:
    """Everything the card's template asks for; arguments as in :func:`pipeline.videorm.card.write_card`."""
    config = read_config(folder)
    datasets = [_dataset(path) for path in data]
    return {
        "config": config,
        "options": options,
        "weights": config.overall or dict.fromkeys(config.dimensions, 1.0),
        "arm": dict.fromkeys(OF_AN_ARM) | metrics.get("arms", {}).get(config.arm, {}),
        "trunk_name": None if config.trunk is None else Path(config.trunk).name,
        "hub_trunk": _hub_id(config),
        "data": datasets,
        "splits": SPLITS,
        "simulated": sorted({kind for one in datasets for kind in one["simulated"]}),
        "deviations": deviations(options),
        "paper": PAPER,
        "swapped": options.data.text_swap.among(config.dimensions),
        "answers": metrics.get("answers", {}),
        "audits": _audits(data, audit),
        "notes": metrics.get("notes", ()),
        "withdrawn": metrics.get("withdrawn", 0),
        "validated": any("validation_loss" in row for row in metrics.get("curve", ())),
        "files": [(name, _sha256(folder / name)) for name in FILES],
        **{name: _rows(metrics, name) for name in SECTIONS},
    }


def _rows(metrics: Mapping[str, Any], name: str) -> list[Row]:
    """Rows of a section; what one does not have is None, and shown as a dash."""
    empty = dict.fromkeys(SECTIONS[name].split())
    return [{**empty, **row} for row in metrics.get(name) or ()]


def _hub_id(config: VideoRMConfig) -> str | None:
    """The trunk where it is a name on a hub: a folder of one machine is nobody else's base model."""
    trunk = config.trunk
    if trunk is None or trunk.startswith((".", "/", "~")) or Path(trunk).exists():
        return None
    return trunk


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# what it differs in from the paper


def deviations(options: VideoRMOptions) -> list[tuple[str, Any, Any]]:
    """(key, there, here) of every setting that differs from the preset of the paper."""
    paper = VideoRMOptions(preset=PAPER, trunk=options.trunk or "HPS v2")
    there, here = _flat(paper.model_dump(mode="json")), _flat(options.model_dump(mode="json"))
    return [
        (key, there[key], here[key])
        for key in there
        if there[key] != here[key]
        and not any(key == own or key.startswith(f"{own}.") for own in NOT_OF_A_RECIPE)
    ]


def _flat(tree: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= (
            _flat(value, f"{at}{name}.")
            if isinstance(value, Mapping) and value
            else {f"{at}{name}": value}
        )
    return found


# what it learned from


def _dataset(folder: Path) -> Row:
    """What a folder holds, by its tables. A published dataset may lack some of them."""
    layout = Layout(folder)
    annotations = [
        name
        for table in ("annotations", "comparisons")
        for name in _distinct(layout, table, "annotator_id")
    ]
    return {
        "name": folder.resolve().name,
        "prompts": _length(layout, "prompts"),
        "clips": _length(layout, "videos"),
        "generators": _distinct(layout, "videos", "generator"),
        "annotators": list(dict.fromkeys(annotations)),
        "ratings": _length(layout, "human_ratings"),
        "votes": _length(layout, "human_votes"),
        "raters": len(
            {
                *_distinct(layout, "human_ratings", "rater"),
                *_distinct(layout, "human_votes", "rater"),
            }
        ),
        "pairs": _pairs(layout),
        "simulated": simulated_kinds(layout),
    }


def _length(layout: Layout, table: str) -> int:
    return int(read_table(layout, table, columns=["prompt_id"]).num_rows)


def _distinct(layout: Layout, table: str, column: str) -> list[str]:
    found = pc.unique(read_table(layout, table, columns=[column]).column(column))
    return sorted(str(name) for name in found.to_pylist() if name is not None)


def _pairs(layout: Layout) -> list[Row]:
    """Pairs and ties of every dimension, by split."""
    counts = preference_counts(layout)
    return [
        {
            "dimension": dimension,
            "splits": {
                split: [
                    row for row in counts if (row["dimension"], row["split"]) == (dimension, split)
                ]
                for split in SPLITS
            },
        }
        for dimension in dict.fromkeys(row["dimension"] for row in counts)
    ]


# how far the annotations can be trusted


def _audits(
    data: Sequence[Path], given: Mapping[Path, Sequence[Mapping[str, Any]]] | None
) -> list[Row]:
    if given is None:
        read = {folder: read_audit(folder) for folder in data}
        given = {folder: found["rows"] for folder, found in read.items() if found}
    return [
        {"name": folder.resolve().name, "rows": kept}
        for folder, rows in given.items()
        if (kept := audit_rows(rows))
    ]


def audit_rows(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows about the labels: the consensus, which the pairs are made of (every judge, where there
    is none), beside the people among themselves. As they stand in audit.json, none is worked out."""
    whole = [r for r in rows if r["slice"] == "all" and r["statistic"] in STATISTICS]
    judges = {CONSENSUS} if any(r["annotator"] == CONSENSUS for r in whole) else None
    kept = [
        dict(r)
        for r in whole
        if r["annotator"] in REFERENCES
        or (judges is None and not r["annotator"].startswith("rater "))
        or r["annotator"] in (judges or ())
    ]
    return sorted(
        kept, key=lambda r: (r["dimension"], STATISTICS.index(r["statistic"]), r["annotator"])
    )
