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

from pipeline.brought import version_in
from pipeline.config import Config, changed_keys
from pipeline.generators.base import GeneratorSpec
from schemas.ids import canonical_json, sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.plugins import GENERATORS
from schemas.versions import check_version

CLAIM = "config.json"  # in the work folder
COPY = "home"  # there, too, in a working copy: the address that it is one of
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
    "accelerator",
    "min_ram",
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
    block = generator.model_dump(mode="json") | version_in(GENERATORS, generator)
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
                f"{layout.home or layout.root} holds a run of another configuration; changed: "
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


def record_of(layout: Layout, *, pictures: bool = True) -> dict[str, Any]:
    """The record of a run that came to its end, whether or not its requirements were met.

    ``pictures``: whether clips and frames are needed, too, which a working copy has a part of at most.
    Raises :class:`SetupError` where it did not, where a newer videoprefer wrote it, and for a working
    copy.
    """
    if pictures:
        refuse_copy(layout.root)
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


def home_of(root: Path) -> str | None:
    """The address of which a folder is the working copy; None where it is none."""
    mark = root / "work" / COPY
    return str(json.loads(mark.read_text())["home"]) if mark.is_file() else None


def refuse_copy(root: Path) -> None:
    """Raise :class:`SetupError` for a working copy: it lacks most of the clips and frames."""
    if (home := home_of(root)) is not None:
        raise SetupError(
            f"{root}: the working copy of {home}, without most of its clips and frames; copy that folder "
            "here as a whole (gcloud storage cp -r, aws s3 sync) and name the copy"
        )


def fingerprint(*parts: Any) -> str:
    """Digest of everything a stage's output depends on."""
    return sha256_hex(canonical_json(parts).encode())


class Marks:
    """Which stages are whole: a small file per stage, with the fingerprint of what it was made from."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.work / "done"
        self._fallen = (
            False  # whether nothing stands any more: the folder is locked while a run works
        )

    def is_whole(self, stage: str, fingerprint: str) -> bool:
        """Whether the stage is whole and was made from the same things."""
        path = self.path(stage)
        if not path.is_file():
            return False
        held = json.loads(path.read_text())
        if held.get("stands"):  # see `let_stand`
            self.write(stage, fingerprint, held["note"])
            return True
        return bool(held["fingerprint"] == fingerprint)

    def there(self, stage: str) -> bool:
        """Whether there is a mark, of whatever it was made from."""
        return self.path(stage).is_file()

    def note(self, stage: str) -> Any:
        """What the stage noted when it was done."""
        return json.loads(self.path(stage).read_text())["note"]

    def write(self, stage: str, fingerprint: str, note: Any) -> None:
        """Note that a stage is whole."""
        if stage.startswith("collect-") and not self._fallen:
            self.let_fall()
            self._fallen = True
        write_json(self.path(stage), {"fingerprint": fingerprint, "note": note})

    def let_stand(self, stage: str, note: Any) -> None:
        """Have the next run with this configuration take a stage as it is, whatever it is made from by
        then: clips went from it, and what was asked about the others is not asked anew. It falls where clips
        are collected anew."""
        self._fallen = False
        write_json(self.path(stage), {"fingerprint": None, "stands": True, "note": note})

    def let_fall(self) -> None:
        """Whatever stands is to be looked at once more."""
        for path in sorted(self._folder.glob("*.json")):
            if json.loads(path.read_text()).get("stands"):
                path.unlink()

    def forget(self, stage: str) -> None:
        """Let the next run do the stage again."""
        self.path(stage).unlink(missing_ok=True)

    def path(self, stage: str) -> Path:
        return self._folder / f"{stage}.json"


def fresh(folder: Path) -> Path:
    """An empty folder of that name."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
