"""A dataset as the ``datasets`` library loads it: from the Hub, or from a folder.

A folder of clips with ``metadata.csv``, ``.jsonl`` or ``.parquet`` (columns ``file_name`` or
``NAME_file_name``), in a ZIP file if need be, or Parquet with a Video column. No clip is decoded, and
torchcodec is not needed: the Video feature is cast to its storage, bytes and a path.
"""

import contextlib
import dataclasses
import os
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from schemas.options import SetupError

_SNAPSHOT = re.compile(r"/snapshots/[0-9a-f]{40}/(.+)\Z")  # of the Hub's cache; a file's name
_ZIPPED = re.compile(r"zip://(.+?)::(/.+)\Z")  # a file in an archive: how the library names it
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
MOST_BYTES = 512 * 2**20  # of a clip in an archive
_BATCH = 256  # rows found at a time; each is read when its turn comes, for it may hold a clip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetClip:
    """A clip as a row of a dataset holds it: its bytes, or a path or address."""

    data: bytes | None
    path: str | None  # beside bytes it is a name; None: bytes alone
    name: str | None  # the path below the dataset, the same on every machine; None: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRow:
    """One row; ``cells`` holds the columns of plain values, ``clip`` is None where it names none."""

    number: int  # from 1
    cells: Mapping[str, Any]
    clip: DatasetClip | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """One split of a dataset. ``base`` is the folder or address that its relative paths start at."""

    name: str
    split: str
    base: str
    local: bool
    revision: str | None  # the commit on the Hub; None for a folder, or where it is not known
    columns: Sequence[str]  # of plain values
    left_out: Sequence[str]  # columns that hold something else: pictures, bytes, lists
    roots: Sequence[str]  # folders that its clips may lie in
    loaded: Any  # datasets.Dataset

    def rows(self, video: str) -> Iterator[DatasetRow]:
        """Every row; ``video`` is the column of the clips. A class label is given by its name."""
        table, number = self.loaded.with_format("arrow"), 0
        for batch in table.iter(batch_size=_BATCH):
            for at in range(batch.num_rows):
                row = batch.slice(at, 1).to_pylist()[0]
                number += 1
                cells = {
                    name: _named(self.loaded.features[name], row[name]) for name in self.columns
                }
                try:
                    clip = self._clip(row[video])
                except (OSError, KeyError, zipfile.BadZipFile, RuntimeError) as error:
                    raise SetupError(
                        f"{self.name}, split {self.split}: row {number}, column {video!r}: {error}"
                    ) from error
                yield DatasetRow(number=number, cells=cells, clip=clip)

    def _clip(self, value: Mapping[str, Any] | None) -> DatasetClip | None:
        data, path = (value or {}).get("bytes"), (value or {}).get("path")
        if data is None and not path:
            return None
        zipped = _ZIPPED.match(path or "")
        if data is None and zipped and self._holds(zipped[2]):
            data, path = _unzipped(zipped[2], zipped[1]), zipped[1]
        name = self._name(path) if data is None and path else None
        return DatasetClip(data=data, path=path or None, name=name)

    def _holds(self, path: str) -> bool:
        """Whether a local file is the dataset's own, links followed."""
        real = os.path.realpath(path)
        roots = (os.path.realpath(root) for root in (self.base, *self.roots) if "://" not in root)
        # the Hub's cache links each file to a blob beside the snapshots
        return any(real.startswith(f"{root}/") for root in roots)

    def _name(self, path: str) -> str:
        if cached := _SNAPSHOT.search(path):
            return cached[1]
        with contextlib.suppress(ValueError):
            return PurePosixPath(path).relative_to(self.base).as_posix()
        return path


def open_dataset(
    path: str, video: str, *, name: str | None = None, split: str = "train",
    revision: str | None = None,
) -> Dataset:  # fmt: skip
    """One split of a dataset on the Hub (``owner/name``) or of a folder.

    ``name`` is the configuration, ``revision`` a branch, tag or commit. What comes from the Hub is
    downloaded to its cache, once. Raises :class:`SetupError` naming the dataset: not found, not
    reachable, an unknown configuration, split or column, a column that holds no clips, a commit that
    is not the one asked for (offline, an older copy may be the only one at hand).
    """
    if path.startswith((".", "/", "~")) and not Path(path).is_dir():
        raise SetupError(f"{path}: no such folder, and no dataset of the Hub has such a name")
    if revision is not None and Path(path).is_dir():
        raise SetupError(f"{path}: revision {revision!r}: a folder has no revisions; take it out")
    builder, loaded = _load(path, name, split, revision)
    local = Path(path).is_dir()
    commit = None if local else _commit(path, revision, builder)
    loaded = _undecoded(path, loaded, video)
    columns = [n for n, feature in loaded.features.items() if _is_plain(feature) and n != video]
    return Dataset(
        name=Path(path).resolve().name if local else path,
        split=split,
        base=str(Path(path).resolve())
        if local
        else f"hf://datasets/{path}@{commit or revision or 'main'}",
        local=local,
        revision=commit,
        columns=columns,
        left_out=[n for n in loaded.features if n not in columns and n != video],
        roots=() if local else (_cache_of(path),),
        loaded=loaded,
    )


def _unzipped(archive: str, name: str) -> bytes:
    with zipfile.ZipFile(archive) as file, file.open(name) as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(f"{name} in {archive} is longer than {MOST_BYTES} bytes; unpack the archive")
    return data


def _load(path: str, name: str | None, split: str, revision: str | None) -> tuple[Any, Any]:
    """What ``datasets.load_dataset`` does, step by step: its builder knows the commit."""
    import datasets  # 0.7 s to import: only who reads a dataset pays

    try:
        with _without_torchcodec():
            builder = datasets.load_dataset_builder(path, name, revision=revision)
            builder.download_and_prepare()
            return builder, builder.as_dataset(split=split)
    except Exception as error:  # of the library, the Hub's client, the net: no common base
        reason = f"{error}: {error.__cause__}" if error.__cause__ else str(error)
        raise SetupError(
            f"{path} ({name or 'default configuration'}, split {split}): {reason}"
        ) from error


def _commit(path: str, revision: str | None, builder: Any) -> str | None:
    commit: str = builder.hash or ""  # of a dataset on the Hub: the commit, online and offline
    if not _COMMIT.match(commit):
        return None
    if revision and _COMMIT.match(revision) and revision != commit:
        raise SetupError(
            f"{path}: revision {revision} was asked for, but the copy at hand is {commit}; go online, "
            "or ask for that one"
        )
    return commit


@contextlib.contextmanager
def _without_torchcodec() -> Iterator[None]:
    """The Video feature asks of every clip whether it is a torchcodec decoder.

    An installation that lacks FFmpeg's libraries breaks at that question, and no clip here is one.
    """
    from datasets import config

    before, config.TORCHCODEC_AVAILABLE = config.TORCHCODEC_AVAILABLE, False
    try:
        yield
    finally:
        config.TORCHCODEC_AVAILABLE = before


def _undecoded(path: str, loaded: Any, video: str) -> Any:
    from datasets import Video

    if video not in loaded.features:
        raise SetupError(
            f"{path}: no column {video!r}; it has {', '.join(loaded.features)}; say which holds the "
            "clips with columns: {video: NAME}"
        )
    try:
        return loaded.cast_column(video, Video(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:  # what Arrow says of a wrong type
        raise SetupError(
            f"{path}: column {video!r} holds {loaded.features[video]}, which is no clip: {error}"
        ) from error


def _is_plain(feature: Any) -> bool:
    from datasets import ClassLabel, Value

    return isinstance(feature, Value | ClassLabel) and "binary" not in str(feature.dtype)


def _named(feature: Any, value: Any) -> Any:
    names = getattr(feature, "names", None)  # of a ClassLabel
    return (names[value] if value >= 0 else None) if names and value is not None else value


def _cache_of(path: str) -> str:
    """The folder in which the Hub's client keeps this dataset."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    return f"{constants.HF_HUB_CACHE}/{repo_folder_name(repo_id=path, repo_type='dataset')}"
