"""Runs with a gate: a small world of simulated clips, and ratings of some of them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml

from pipeline import command
from pipeline.config import load_config
from pipeline.dataset.parquet import parts
from pipeline.plan import make_plan
from schemas import CONSENSUS, SPLITS, Clip
from schemas.layout import PUBLISHED, Layout

DIMENSIONS = ("prompt_following", "video_quality")
N_PROMPTS, N_CLIPS, N_RATED = 4, 16, 6  # 4 clips of each prompt; 3 of two prompts are rated
ACCURACY = "pair_accuracy_ties_half"

Means = dict[tuple[str, str], float]  # of a clip on a dimension


def tree_of(base_url: str, **changes: Any) -> dict[str, Any]:
    """A configuration whose judge is at ``base_url``."""
    return {
        "sources": [{"kind": "simulated", "prompts": N_PROMPTS}],
        "generators": {
            "pool": [
                {"kind": "simulated", "name": name} for name in ("sim-clean", "sim-colour-flicker")
            ]
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": base_url,
                "api_key_env": "A_TEST_KEY",
                "concurrency": 4,
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            }
        ],
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
        "wave_size": 5,
        **changes,
    }


def write(folder: Path, tree: dict[str, Any]) -> str:
    """The configuration's file."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return str(path)


def run(folder: Path, tree: dict[str, Any], *flags: str) -> int:
    """A run below ``folder``, in ``out``; its exit code."""
    return command.main(["--config", write(folder, tree), "--output", str(folder / "out"), *flags])


def table(root: Path, name: str) -> list[dict[str, Any]]:
    """All rows of a published table."""
    layout = Layout(root)
    folders = (
        [layout.table(name, s) for s in SPLITS] if name == "preferences" else [layout.table(name)]
    )
    return [row for f in folders for file in parts(f) for row in pq.read_table(file).to_pylist()]


def rows_of(root: Path) -> dict[str, list[str]]:
    """All published tables but the people's, without an order."""
    names = {*PUBLISHED, "preferences"} - {"human_ratings", "human_votes"}
    return {name: sorted(map(repr, table(root, name))) for name in names}


def means_of(root: Path) -> Means:
    """What the consensus thinks of every clip."""
    own = [row for row in table(root, "scores") if row["annotator_id"] == CONSENSUS]
    return {(row["video_id"], row["dimension"]): row["mean"] for row in own}


def read(root: Path, name: str) -> Any:
    """A JSON file of a run."""
    return json.loads((root / name).read_text())


def clips_in(folder: Path, tree: dict[str, Any]) -> tuple[Clip, ...]:
    """The clips of a configuration."""
    return make_plan(load_config(write(folder, tree))).clips


def rated_of(clips: Iterable[Clip]) -> list[Clip]:
    """Three clips of the second prompt, and three of the last."""
    clips = list(clips)
    prompts = sorted({clip.prompt_id for clip in clips})
    return [
        clip
        for prompt in (prompts[1], prompts[3])
        for clip in [clip for clip in clips if clip.prompt_id == prompt][:3]
    ]


def write_ratings(
    folder: Path, clips: Iterable[Clip], score: Callable[[str, str], float], raters: int = 1
) -> str:
    """A table of ratings: every rater's score of each clip on both dimensions."""
    lines = [
        f"{clip.video_id},r{rater},{dimension},{score(clip.video_id, dimension)}"
        for clip in clips
        for rater in range(raters)
        for dimension in DIMENSIONS
    ]
    path = folder / "ratings.csv"
    path.write_text("video_id,rater,dimension,score\n" + "\n".join(lines) + "\n")
    return str(path)


def required(path: str, **more: Any) -> dict[str, Any]:
    """An audit block that asks for something."""
    asked = {"statistic": ACCURACY, "at_least": 0.9, **more}
    return {"ratings": [{"kind": "table", "path": path}], "require": asked, "resamples": 200}
