"""The demonstration once per seed (prompts, clips, raters and training alike), and a table of them all.

    .venv/bin/python scripts/seeds.py out/seeds 0 1 2 3 4

No seed is left out of the table, whatever its numbers; a run that fails ends the script with its exit
code. Runs that are already whole are only read.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SEEDED = ("sources.0.seed", "generators.seed", "audit.ratings.0.seed", "videorm.seed")


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
    """Cells of one line of the table."""
    values = {
        r["arm"]: r
        for r in metrics["accuracy"]
        if (r["against"], r["dimension"]) == (against, dimension)
    }
    (difference,) = (
        r for r in metrics["differences"] if (r["against"], r["dimension"]) == (against, dimension)
    )
    arms = ("videorm", "per_frame", "annotator", "human_ceiling")
    return [
        *(cell(values[arm]) if arm in values else "-" for arm in arms),
        cell(difference, sign="+"),
        f"{difference['n_pairs']} / {difference['n_prompts']}",
    ]


def cell(number: dict[str, Any], sign: str = "") -> str:
    """A value with its interval."""
    spelled = (f"{number[name]:{sign}.3f}" for name in ("value", "low", "high"))
    value, low, high = spelled
    return f"{value} [{low}, {high}]"


def main(arguments: list[str]) -> int:
    """Print a Markdown table."""
    if len(arguments) < 2:
        print(__doc__)
        return 2
    folder, seeds = Path(arguments[0]), [int(seed) for seed in arguments[1:]]
    found = {seed: run(folder / f"seed-{seed}", seed) for seed in seeds}
    print(
        "| seed | against | dimension | VideoRM | per frame | annotator | human ceiling "
        "| VideoRM - per frame | pairs / prompts |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for against in ("annotator", "raters"):
        for dimension in ("all", "prompt_following", "video_quality"):
            for seed, metrics in found.items():
                cells = [str(seed), against, dimension, *row(metrics, against, dimension)]
                print("| " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
