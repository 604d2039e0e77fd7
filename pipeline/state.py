"""A run's folder: who may work in it, what was asked for, what is whole, and how it stands."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import filelock
from pydantic import ValidationError

from pipeline.config import Config, changed_keys
from pipeline.generators.base import GeneratorSpec
from schemas.ids import canonical_json, sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.versions import check_version

ENOUGH_BYTES = 100 << 20  # free on the disk, to begin at all
CLAIM = "config.json"  # in the work folder
RECORD = "record.json"  # there, too: of a run that ended, but whose requirements were not met
# What may change between two runs on one folder without a flag: it touches no row that is there.
FREE_BLOCKS = (
    "budget",
    "concurrency",
    "models",
    "videorm",
    "audit",
    "study",
    "report",
    "sentinels",
    "claims",
)
FREE_FIELDS = (
    "base_url",
    "api_key_env",
    "endpoints",
    "requests_per_minute",
    "tokens_per_minute",
    "concurrency",
    "timeout_s",
    "max_attempts",
    "max_failure_rate",
    "price",
    "image_tokens",
    "capabilities",
    "poll_s",
    "enqueued_tokens",
    "shard_requests",
    "shard_bytes",
    "rounds",
    "transfers",
    "device",
    "device_map",
    "attn_implementation",
    "batch_size",
)  # of annotators
FREE_OF_GENERATORS = (
    "share",  # whose draw is in the clips themselves
    "base_url",
    "api_key_env",
    "concurrency",
    "timeout_s",
    "max_attempts",
    "poll_s",
    "price",
    "batch_size",
    "device",
    "offload",
    "vae_slicing",
    "environment",
)


def layout_of(output: Path) -> Layout:
    """The folder of a run. Raises :class:`SetupError` where it cannot be one."""
    if "://" in str(output) or ":/" in str(output):
        raise SetupError(f"--output {output}: this version writes to local folders only")
    root = output.expanduser().resolve()
    existing = next(p for p in (root, *root.parents) if p.exists())
    if not existing.is_dir():
        raise SetupError(f"--output {output}: {existing} is a file")
    if shutil.disk_usage(existing).free < ENOUGH_BYTES:
        raise SetupError(f"--output {output}: less than 100 MiB are free on that disk")
    return Layout(root)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically; NaN is refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".tmp-{uuid.uuid4().hex}")
    temporary.write_text(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    os.replace(temporary, path)


@contextmanager
def locked(layout: Layout) -> Iterator[None]:
    """Hold the folder for one run; a second run on it is refused at once."""
    layout.work.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(layout.work / "lock")
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise SetupError(
            f"{layout.root}: another run is working in this folder; wait for it, or "
            "choose another --output"
        ) from None
    try:
        yield
    finally:
        lock.release()


def plain(config: Config) -> dict[str, Any]:
    """A configuration as JSON values. Keys are never in it: only the names of their variables."""
    return config.model_dump(mode="json")


def shape_of(generator: GeneratorSpec) -> dict[str, Any]:
    """What of a generator's block shapes its clips."""
    block = generator.model_dump(mode="json")
    return {k: v for k, v in block.items() if k not in FREE_OF_GENERATORS}


def shaping(config: dict[str, Any]) -> dict[str, Any]:
    """The part of a plain configuration that shapes rows."""
    kept = {name: block for name, block in config.items() if name not in FREE_BLOCKS}
    kept["annotators"] = [
        {k: v for k, v in spec.items() if k not in FREE_FIELDS} for spec in config["annotators"]
    ]
    if config["generators"]:
        kept["generators"] = {
            **{k: v for k, v in config["generators"].items() if k != "store"},
            "pool": [
                {k: v for k, v in spec.items() if k not in FREE_OF_GENERATORS[1:]}
                for spec in config["generators"]["pool"]
            ],
        }
    return kept


def claim(layout: Layout, config: Config, name: str, rebuild: bool) -> None:
    """Bind the folder to this configuration; refuse another one unless ``rebuild``."""
    if not rebuild:
        check_claim(layout, config)
    else:
        Marks(layout).let_fall()
    layout.run.unlink(missing_ok=True)
    (layout.work / RECORD).unlink(missing_ok=True)
    write_json(layout.work / CLAIM, {"name": name, "config": plain(config)})


def check_claim(layout: Layout, config: Config) -> None:
    """Raise :class:`SetupError` where the folder holds a run of another configuration."""
    path = layout.work / CLAIM
    if path.is_file():
        held = json.loads(path.read_text())["config"]
        changed = changed_keys(shaping(_with_new_keys(held)), shaping(plain(config)))
        if changed:
            raise SetupError(
                f"{layout.root} holds a run of another configuration; changed: "
                f"{', '.join(changed)}. Use another --output, or --rebuild to go on here with the "
                "new one (every paid reply is reused)"
            )


def _with_new_keys(held: dict[str, Any]) -> dict[str, Any]:
    """A plain configuration that an earlier version of the program wrote, with today's defaults for keys
    that it did not know: the same configuration file says as much today."""
    try:
        return plain(Config.model_validate(held))
    except ValidationError:  # of a key that is no more: told as changed
        return held


def record_of(layout: Layout) -> dict[str, Any]:
    """The record of a run that came to its end, whether or not its requirements were met.

    Raises :class:`SetupError` where it did not, and where a newer videoprefer wrote it.
    """
    path = next((p for p in (layout.run, layout.work / RECORD) if p.is_file()), None)
    if path is None:
        raise SetupError(
            f"{layout.run}: not there, so {layout.root} is not a complete run; run it to the end first"
        )
    record: dict[str, Any] = json.loads(path.read_text("utf-8"))
    check_version(record.get("schema_version", 1), path)
    return record


def claimed(layout: Layout) -> tuple[str, Config]:
    """Name and configuration of the run that a folder holds.

    Raises :class:`SetupError` where it holds none.
    """
    path = layout.work / CLAIM
    if not path.is_file():
        raise SetupError(
            f"{path}: not there, so {layout.root} holds no run to go on with; give its configuration "
            "to `run --config ... --output ...` instead"
        )
    held = json.loads(path.read_text())
    return held["name"], Config.model_validate(held["config"])


def fingerprint(*parts: Any) -> str:
    """Digest of everything a stage's output depends on."""
    return sha256_hex(canonical_json(parts).encode())


class Marks:
    """Which stages are whole: a small file per stage, with the fingerprint of what it was made from."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.work / "done"

    def is_whole(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage is whole and was made from the same things."""
        path = self._path(stage)
        if not path.is_file():
            return False
        held = json.loads(path.read_text())
        if held.get("stands"):  # see `let_stand`
            self.write(stage, fingerprint, held["note"])
            return True
        return bool(held["fingerprint"] == fingerprint)

    def note(self, stage: str) -> Any:
        """What the stage noted when it was done."""
        return json.loads(self._path(stage).read_text())["note"]

    def write(self, stage: str, fingerprint: str, note: Any) -> None:
        """Note that a stage is whole."""
        if stage.startswith("collect-"):
            self.let_fall()
        write_json(self._path(stage), {"fingerprint": fingerprint, "note": note})

    def let_stand(self, stage: str, note: Any) -> None:
        """Have the next run with this configuration take a stage as it is, whatever it is made from by
        then: clips went from it, and what was asked about the others is not asked anew. It falls where clips
        are collected anew."""
        write_json(self._path(stage), {"fingerprint": None, "stands": True, "note": note})

    def let_fall(self) -> None:
        """Whatever stands is to be looked at once more."""
        for path in sorted(self._folder.glob("*.json")):
            if json.loads(path.read_text()).get("stands"):
                path.unlink()

    def forget(self, stage: str) -> None:
        """Let the next run do the stage again."""
        self._path(stage).unlink(missing_ok=True)

    def _path(self, stage: str) -> Path:
        return self._folder / f"{stage}.json"


def fresh(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
