"""All frames of a clip in one picture, as GPT-4V judges were shown clips: rows of frames in order."""

import dataclasses
import io
from collections.abc import Sequence
from typing import NamedTuple

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
    kept = put_jpegs(jpegs, store, options)
    return dataclasses.replace(
        frames,
        jpeg_sha256=kept.jpegs,
        montage_sha256=kept.montage,
        montage_columns=options.montage,
    )


class Kept(NamedTuple):
    """SHA-256 of the JPEGs of a clip, and of their montage where one was asked for."""

    jpegs: tuple[str, ...]
    montage: str | None


def put_jpegs(jpegs: Sequence[bytes], store: Store, options: FramesOptions) -> Kept:
    """The digests of JPEGs that are in the store then, with their montage if the options ask for one."""
    digests = tuple(map(sha256_hex, jpegs))
    data = {blob_name(d, ".jpg"): jpeg for d, jpeg in zip(digests, jpegs)}
    sheet = None
    if options.montage is not None:
        picture = montage(jpegs, options.montage, options.jpeg_quality)
        sheet = sha256_hex(picture)
        data[blob_name(sheet, ".jpg")] = picture
    store.put_many(data)
    return Kept(digests, sheet)
