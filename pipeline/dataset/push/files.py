"""Which files of a finished folder a dataset on the Hub consists of.

Only what is named here is ever sent: neither the journal nor the work folder, the status, the notes on
generated clips or the loose frames (the `frames` table carries them), nothing whose name begins with a
dot, and of the clips only those that the `videos` table names.
"""

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa

from pipeline.dataset.checksums import CHECKSUMS
from pipeline.dataset.clips import FILE, FOLDER
from pipeline.dataset.withdrawn import NAME as WITHDRAWN
from pipeline.report.tables import NAMES, read_table, table_files
from schemas.layout import Layout
from schemas.options import SetupError

# Clips are what makes the rows worth something, so they go along unless left out. A model belongs into a
# repository of models, with a card and a licence of its own, and the pages repeat what the tables say, once
# per prompt, and show frames that are sent in the table alone: both only where asked for.
PARTS = {
    "media": "the clips",
    "videorm": "the reward model that was trained on the data",
    "report": "the pages, without the frames they show (`report DIR --output OUT` writes whole ones)",
}
DEFAULT_PARTS = frozenset({"media"})
ROOT_FILES = (
    "README.md",
    "croissant.json",
    CHECKSUMS,
    "run.json",
    "audit.json",
    "audit_details.json",
    "judges.json",
    WITHDRAWN,
)
LIST_OF_CLIPS = f"{FOLDER}/{FILE}"
NEEDED = ("README.md", "croissant.json", CHECKSUMS, "run.json")
# of a trained model; checkpoints, which are pickles, and logs of a tracker stay here
_MODEL = frozenset({".json", ".safetensors", ".md", ".txt", ".model", ".parquet"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sent:
    """One file: its path in the repository, where it lies here, and its size in bytes."""

    path: str
    file: Path
    size: int
    sha256: str | None = None  # where it is known already
    data: bytes | None = None  # what is sent instead of the file's own bytes

    @property
    def part(self) -> str:
        """``tables``, ``media``, ``videorm``, ``report``, or ``card`` for what lies beside them."""
        folder, slash, _ = self.path.partition("/")
        return folder if slash else "card"


def published(layout: Layout, parts: Collection[str] = DEFAULT_PARTS) -> list[Sent]:
    """The files of a finished folder, sorted by path; ``parts``: which of `PARTS`.

    Raises :class:`SetupError` for one that has to be there and is not, and for a link.
    """
    for name in NEEDED:
        if not (layout.root / name).is_file():
            raise SetupError(
                f"{layout.root / name}: not there; a videoprefer older than this one made the folder, or "
                "it was not copied whole. The same `run` again writes it and reuses all that is done"
            )
    return [_sent(layout, name) for name in sorted(paths(layout, parts))]


def paths(layout: Layout, parts: Collection[str] = tuple(PARTS)) -> set[str]:
    """Paths that belong to the dataset as it is now, whether or not a clip lies here."""
    names = {*_root(layout), *_tables(layout)}
    for part in parts:
        names.update(_FOUND[part](layout))
    return names


def is_managed(path: str) -> bool:
    """Whether a path in a repository is one that a push puts there, and may take away again."""
    folder, slash, _ = path.partition("/")
    return folder in ("tables", *PARTS) if slash else path in ROOT_FILES


def outside(layout: Layout) -> int:
    """How many rows of `videos` name a clip that does not lie in the folder: it is not sent."""
    return sum(not uri.startswith("media/") for uri in _uris(layout))


def _root(layout: Layout) -> Iterator[str]:
    yield from (name for name in ROOT_FILES if (layout.root / name).is_file())


def _tables(layout: Layout) -> Iterator[str]:
    for table in NAMES:
        for file in table_files(layout, table):
            if not file.name.startswith("."):
                yield file.relative_to(layout.root).as_posix()


def list_of_clips(layout: Layout) -> list[Sent]:
    """The file that names the clips of `media/`, if there is one.

    Where the Hub has one, it goes along `--without media`, too: it would name clips that are gone.
    """
    return [_sent(layout, LIST_OF_CLIPS)] if (layout.root / LIST_OF_CLIPS).is_file() else []


def _media(layout: Layout) -> Iterator[str]:
    if (layout.root / LIST_OF_CLIPS).is_file():
        yield LIST_OF_CLIPS
    for uri in _uris(layout):
        if uri.startswith("media/"):
            if ".." in PurePosixPath(uri).parts:
                raise SetupError(f"{layout.table('videos')}: uri {uri!r} leads out of the folder")
            yield uri


def _uris(layout: Layout) -> list[str]:
    try:
        uris: list[str] = read_table(layout, "videos", columns=["uri"]).column("uri").to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise SetupError(
            f"{layout.table('videos')}: cannot be read ({error}); restore the folder, or run the same "
            "`run` command again"
        ) from error
    return uris


def _below(folder: str, layout: Layout) -> Iterator[str]:
    top = layout.root / folder
    for file in top.rglob("*"):
        inside = file.relative_to(top)
        hidden = any(part.startswith(".") for part in inside.parts)
        of_model = folder != "videorm" or file.suffix in _MODEL
        if file.is_file() and not hidden and of_model:
            yield f"{folder}/{inside.as_posix()}"


_FOUND: dict[str, Callable[[Layout], Iterator[str]]] = {
    "media": _media,
    "videorm": functools.partial(_below, "videorm"),
    "report": functools.partial(_below, "report"),
}


def _sent(layout: Layout, name: str) -> Sent:
    file = layout.root / name
    if file.is_symlink():
        raise SetupError(f"{file}: is a link; put the file itself there, then push again")
    if not file.is_file():
        raise SetupError(
            f"{file}: not there, but table videos names it; restore it, or push `--without media`"
        )
    return Sent(path=name, file=file, size=file.stat().st_size)
