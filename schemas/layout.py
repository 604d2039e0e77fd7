"""Where everything of a run lies below its output folder, on this machine or in an object store."""

import dataclasses
from pathlib import Path

from schemas.store import Store

PUBLISHED = (
    "prompts",
    "videos",
    "frames",
    "clip_checks",
    "annotations",
    "comparisons",
    "scores",
    "human_ratings",
    "human_votes",
    "failures",
)  # one folder each; preferences: three


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Paths of one run. ``work`` holds what only the run itself needs.

    ``home``: the address of the output folder where it lies in an object store (``gs://bucket/run``).
    ``root`` is then the working copy of the machine on which the command runs: it holds what the command
    itself reads and makes, never all of the clips and frames.
    """

    root: Path
    home: str | None = None

    def at(self, path: Path) -> str:
        """A path below the root as any worker of the run can open it."""
        if self.home is None:
            return str(path)
        return f"{self.home}/{path.relative_to(self.root).as_posix()}"

    def place(self, uri: str) -> str:
        """Where a clip lies, by its uri (relative to the run's folder, or absolute, or an address)."""
        if "://" in uri or self.home is None or uri.startswith("/"):
            return uri if "://" in uri else str(self.clip_path(uri))
        return f"{self.home}/{uri}"

    def table(self, name: str, split: str | None = None) -> Path:
        """Folder of a published table's Parquet files."""
        folder = self.root / "tables" / name
        return folder / split if split else folder

    @property
    def work(self) -> Path:
        """Stage outputs and marks; safe to delete after a complete run."""
        return self.root / "work"

    @property
    def frames(self) -> Store:
        """JPEG bytes by content."""
        return Store(self.at(self.root / "frames"))

    @property
    def media(self) -> Store:
        """Clips by content."""
        return Store(self.at(self.root / "media"))

    @property
    def generated(self) -> Store:
        """Notes on the clips that generators made: none is made twice."""
        return Store(self.at(self.root / "generated"))

    @property
    def videorm(self) -> Path:
        """The trained reward model and its metrics."""
        return self.root / "videorm"

    @property
    def report(self) -> Path:
        """Pages a person looks at."""
        return self.root / "report"

    @property
    def card(self) -> Path:
        """The dataset card."""
        return self.root / "README.md"

    @property
    def audit(self) -> Path:
        """Agreement statistics, one row per number."""
        return self.root / "audit.json"

    @property
    def audit_details(self) -> Path:
        """What the audit's rows are about, and the clips that people and judges differ on most."""
        return self.root / "audit_details.json"

    @property
    def status(self) -> Path:
        """State, books and spend, at any time."""
        return self.root / "status.json"

    @property
    def run(self) -> Path:
        """The run's record; its presence means the set is complete."""
        return self.root / "run.json"

    def clip_path(self, uri: str) -> Path:
        """Local path of a video's uri (relative to the run's folder, or absolute)."""
        return self.root / uri  # an absolute uri replaces the root
