"""One small run that goes through all four pipelines, on any engine, and what it leaves, hashed."""

import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from gate_run import clips_in

from pipeline import command

KEY = "A_TEST_KEY"  # the variable that the judge's key is in


def tree_of(base_url: str) -> dict[str, Any]:
    """2 prompts of 3 clips and a paid judge that scores them and compares those that tie: all pipelines."""
    return {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {
            "clips_per_prompt": 3,
            "pool": [
                {"kind": "simulated", "name": name}
                for name in ("sim-clean", "sim-colour-flicker", "sim-motion-frozen")
            ],
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": base_url,
                "api_key_env": KEY,
                "concurrency": 8,
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            }
        ],
        "frames": {"count": 2},
        "protocol": {"kind": "tie_band", "band": 1.0},
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
    }


def write(folder: Path, base_url: str) -> Path:
    """The configuration's file, below a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "judged.yaml"
    path.write_text(yaml.safe_dump(tree_of(base_url)))
    return path


def write_free(folder: Path) -> Path:
    """A configuration of the same clips whose annotators ask nobody: pixels, and scores in a file."""
    tree = tree_of("")
    tree |= {"annotators": [{"kind": "signal"}], "protocol": "pointwise"}
    clips = clips_in(folder, tree)
    (folder / "recorded.csv").write_text(
        "video_id,score\n" + "".join(f"{c.video_id},{1 + n % 5}\n" for n, c in enumerate(clips))
    )
    recorded = {"kind": "recorded", "path": "recorded.csv", "dimension": "video_quality"}
    tree["annotators"].append(recorded)
    path = folder / "free.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def run(config: Path, output: Path | str, *flags: str) -> int:
    """The command in this process; its exit code."""
    return command.main(["--config", str(config), "--output", str(output), *flags])


def hashes(root: Path) -> dict[str, str]:
    """SHA-256 of every published Parquet file, by its name below ``tables``."""
    tables = root / "tables"
    return {
        path.relative_to(tables).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(tables.rglob("*.parquet"))
    }


def row_hashes(root: Path) -> dict[str, str]:
    """For each table, how many rows it has and a hash of them that knows no order."""
    found: dict[str, list[str]] = {}
    for path in sorted((root / "tables").rglob("*.parquet")):
        rows = found.setdefault(path.relative_to(root / "tables").parts[0], [])
        rows += [
            json.dumps(row, sort_keys=True, default=repr) for row in pq.read_table(path).to_pylist()
        ]
    return {
        table: f"{len(rows)}:{hashlib.sha256(chr(10).join(sorted(rows)).encode()).hexdigest()[:12]}"
        for table, rows in sorted(found.items())
    }


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
