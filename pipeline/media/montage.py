"""All frames of a clip in one picture, as GPT-4V judges were shown clips: rows of frames in order."""

import dataclasses
import io
from collections.abc import Sequence

from PIL import Image

from pipeline.media.options import FramesOptions
from schemas import FrameSet
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def montage(jpegs: Sequence[bytes], columns: int, quality: int) -> bytes:
    """A JPEG of the pictures, all of one size: from left to right, then from top to bottom.

    A last row that is not full ends in black. Fewer pictures than ``columns`` make one row of that
    many.
    """
    pictures = [Image.open(io.BytesIO(jpeg)) for jpeg in jpegs]
    columns = min(columns, len(pictures))
    width, height = pictures[0].size
    sheet = Image.new("RGB", (columns * width, -(-len(pictures) // columns) * height))
    for number, picture in enumerate(pictures):
        sheet.paste(picture, (number % columns * width, number // columns * height))
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=quality)
    return written.getvalue()


def with_jpegs(
    frames: FrameSet, jpegs: Sequence[bytes], store: Store, options: FramesOptions
) -> FrameSet:
    """The same frames as other JPEGs of the same size, put into the store; so is their montage."""
    digests = tuple(put_jpeg(jpeg, store) for jpeg in jpegs)
    sheet, columns = put_montage(jpegs, store, options)
    return dataclasses.replace(
        frames, jpeg_sha256=digests, montage_sha256=sheet, montage_columns=columns
    )


def put_montage(
    jpegs: Sequence[bytes], store: Store, options: FramesOptions
) -> tuple[str | None, int | None]:
    """``montage_sha256`` and ``montage_columns`` of a FrameSet; the bytes are in the store then."""
    if options.montage is None:
        return None, None
    return put_jpeg(montage(jpegs, options.montage, options.jpeg_quality), store), options.montage


def put_jpeg(jpeg: bytes, store: Store) -> str:
    """SHA-256 of a JPEG that is in the store then."""
    digest = sha256_hex(jpeg)
    store.put(blob_name(digest, ".jpg"), jpeg)
    return digest
