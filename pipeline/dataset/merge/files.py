"""Clips, pictures and notes of several runs in one folder: by hard link where that can be, or copied."""

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.tables import Chosen
from pipeline.dataset.merge.union import Part
from pipeline.dataset.merge.write import chosen_batches
from pipeline.dataset.parquet import IMAGES
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import TEMPORARY, Store, blob_name


def bring_clips(sources: Sequence[Source], chosen: Chosen, layout: Layout, link: bool) -> int:
    """The files of the kept clips that lie in a run's folder; how many. Those that a run refers to where
    they are stay there. Raises :class:`SetupError` for a clip whose file is gone."""
    n = 0
    for source, part in zip(sources, chosen.parts["videos"], strict=True):
        for batch in chosen_batches(source, "videos", part.keep, {}, source.files("videos")):
            for uri in batch.column("uri").to_pylist():
                if not _inside(uri):
                    continue
                if ".." in uri.split("/"):
                    raise SetupError(
                        f"table videos of {source.name}: uri {uri!r} leads out of its folder; no run writes "
                        "that, so restore the table"
                    )
                if not bring(source.layout.root / uri, layout.root / uri, link):
                    raise SetupError(
                        f"{source.layout.root / uri}: not there, and table videos of {source.name} names "
                        "it; bring the clips back (a copy of the whole folder has them), then merge again"
                    )
                n += 1
    return n


def _inside(uri: str) -> bool:
    """Whether a clip lies in its run's folder."""
    return "://" not in uri and not os.path.isabs(uri)


def bring_frames(sources: Sequence[Source], chosen: Chosen, layout: Layout, link: bool) -> int:
    """The pictures of the kept frames, from the run's store or from its table; how many clips'.

    Raises :class:`SetupError` for a picture that is in neither.
    """
    n = 0
    for source, part in zip(sources, chosen.parts["frames"], strict=True):
        names = pictures(source, part)
        missing = {
            digest
            for digest in names
            if not bring(
                Path(source.layout.frames.path(blob_name(digest, ".jpg"))),
                Path(layout.frames.path(blob_name(digest, ".jpg"))),
                link,
            )
        }
        if missing:
            _from_table(source, missing, layout)
        n += int(part.keep.sum())
    return n


def pictures(source: Source, part: Part) -> Iterator[str]:
    """The digests of every picture of the kept frames."""
    for batch in chosen_batches(source, "frames", part.keep, {}, source.files("frames")):
        yield from batch.column("jpeg_sha256").flatten().to_pylist()
        yield from batch.column("montage_sha256").drop_null().to_pylist()


def _from_table(source: Source, missing: set[str], layout: Layout) -> None:
    """Pictures that stand in the frames table alone: a dataset that was downloaded has no store."""
    for file in source.files("frames"):
        if IMAGES not in pq.read_schema(file).names:
            continue
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=16, columns=["jpeg_sha256", IMAGES]):
                _keep_pictures(batch, missing, layout)
    if missing:
        raise SetupError(
            f"{source.layout.root}: {len(missing)} pictures of frames are neither in frames/ nor in the "
            f"frames table, such as {min(missing)}; bring the folder back whole, then merge again"
        )


def _keep_pictures(batch: pa.RecordBatch, missing: set[str], layout: Layout) -> None:
    rows = zip(batch.column(0).to_pylist(), batch.column(1).to_pylist(), strict=True)
    for digests, images in rows:
        for digest, image in zip(digests, images, strict=True):
            if digest in missing and image["bytes"]:
                layout.frames.put(blob_name(digest, ".jpg"), image["bytes"])
                missing.discard(digest)


def bring_notes(sources: Sequence[Source], chosen: Chosen, layout: Layout, link: bool) -> int:
    """Notes on the kept clips that were generated: a run on the merged folder makes none of them again."""
    kept = {
        sha256
        for source, part in zip(sources, chosen.parts["videos"], strict=True)
        for batch in chosen_batches(source, "videos", part.keep, {}, source.files("videos"))
        for sha256 in batch.column("sha256").to_pylist()
    }
    n = 0
    for source in sources:
        notes = source.layout.generated
        for name in notes.names("clips"):
            if _noted(notes, name) in kept:
                n += bring(Path(notes.path(name)), Path(layout.generated.path(name)), link)
    return n


def _noted(notes: Store, name: str) -> str | None:
    """The content that a generator's note is about; None for a note that is damaged."""
    try:
        said = json.loads(notes.get(name) or b"null")
    except ValueError:
        return None
    return said.get("sha256") if isinstance(said, dict) else None


def bring(source: Path, target: Path, link: bool) -> bool:
    """Have a file at another place as well, all of it or nothing; False where it is gone. What is there
    already stays: it has the same name, which says what it holds."""
    if target.exists():
        return True
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        if link:
            os.link(source, target)
            return True
    except FileNotFoundError:
        return False
    except OSError:
        pass  # another file system, or one without hard links
    return _copy(source, target)


def _copy(source: Path, target: Path) -> bool:
    temporary = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, target)
    except FileNotFoundError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True
