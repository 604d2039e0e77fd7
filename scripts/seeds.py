"""The demonstration once per seed (prompts, clips, raters and training alike), and a table of them all.

    .venv/bin/python scripts/seeds.py out/seeds 0 1 2 3 4

No seed is left out of the table, whatever its numbers; a run that fails ends the script with its exit
code. Runs that are already whole are only read.

The four arms are one network with the temporal shift and the head over frames (`videorm`), with one of the
two, and with neither (`per frame`). Pair accuracy on held-out prompts, ties of the target left out, with 95 %
intervals by bootstrap over prompts; `- ARM` is VideoRM minus that arm on the same prompts.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SEEDED = ("sources.0.seed", "generators.seed", "audit.ratings.0.seed", "videorm.seed")
ARMS = ("videorm", "shift", "transformer", "per_frame")
BESIDE = ("annotator", "human_ceiling")


def run(root: Path, seed: int) -> dict[str, Any]:
    """Run the demonstration with one seed; returns VideoRM's metrics."""
    settings = [part for key in SEEDED for part in ("--set", f"{key}={seed}")]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pipeline.run",
            "--config",
            "demo",
            "--output",
            str(root),
            *settings,
        ],
        check=True,
    )
    metrics: dict[str, Any] = json.loads((root / "videorm" / "metrics.json").read_text())
    return metrics


def row(metrics: dict[str, Any], against: str, dimension: str) -> list[str]:
    """Cells of one line of the table; a dash where a run has no such arm."""
    values = {r["arm"]: r for r in chosen(metrics["accuracy"], against, dimension)}
    minus = {r["minus"]: r for r in chosen(metrics["differences"], against, dimension)}
    counts = next(iter(values.values()), None)
    return [
        *(cell(values.get(arm)) for arm in (*ARMS, *BESIDE)),
        *(cell(minus.get(arm), sign="+") for arm in ARMS[1:]),
        f"{counts['n_pairs']} / {counts['n_prompts']}" if counts else "-",
    ]


def chosen(rows: list[dict[str, Any]], against: str, dimension: str) -> list[dict[str, Any]]:
    """Rows of the test split without ties."""
    return [
        r
        for r in rows
        if (r["against"], r["dimension"]) == (against, dimension)
        and r.get("split", "test") == "test"
        and r.get("ties", "dropped") == "dropped"
    ]


def cell(number: dict[str, Any] | None, sign: str = "") -> str:
    """A value with its interval: ``.832 [.811, .852]``."""
    if number is None or number["value"] is None:
        return "-"
    spelled = (f"{number[name]:{sign}.3f}" for name in ("value", "low", "high"))
    value, low, high = (text.replace("0.", ".", 1) for text in spelled)
    return f"{value} [{low}, {high}]"


def table(found: Mapping[int, dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table; everything of every seed."""
    names = [arm.replace("_", " ") for arm in (*ARMS, *BESIDE)]
    columns = ["seed", "against", "dimension", *names, *(f"- {n}" for n in names[1 : len(ARMS)])]
    lines = [
        "| " + " | ".join([*columns, "pairs / prompts"]) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for against in ("annotator", "raters"):
        for dimension in ("all", "prompt_following", "video_quality"):
            for seed, metrics in found.items():
                cells = [str(seed), against, dimension, *row(metrics, against, dimension)]
                lines.append("| " + " | ".join(cells) + " |")
    return lines


def main(arguments: list[str]) -> int:
    """Print the table."""
    if len(arguments) < 2:
        print(__doc__)
        return 2
    folder, seeds = Path(arguments[0]), [int(seed) for seed in arguments[1:]]
    for line in table({seed: run(folder / f"seed-{seed}", seed) for seed in seeds}):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
