"""Which container a file is, by its first bytes. The name of a file is never believed.

Decoders that guess the format also open playlists (``ffconcat``, HLS, DASH), which name further
files and addresses. So the format is decided here, from a closed list, and decoders are told it.
"""

import dataclasses
import os
import stat

from pipeline.media.errors import MediaError
from schemas import Reason

HEAD_BYTES = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class Container:
    """A container format: FFmpeg's demuxer name and the usual suffix."""

    demuxer: str
    suffix: str


MP4, GIF = Container("mov", ".mp4"), Container("gif", ".gif")
WEBP = Container("webp", ".webp")  # for Pillow: no demuxer of FFmpeg is told this name
MPEG_TS, MPEG_VIDEO = Container("mpegts", ".ts"), Container("mpegvideo", ".mpeg")
_PACKET = 188
# ISO/IEC 14496-12 boxes that may come first: four bytes of size, then the type.
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
# Brands of still pictures in the same boxes: AVIF, HEIC, and what either may call itself.
_PICTURE_BRANDS = frozenset({b"avif", b"heic", b"heix", b"heim", b"heis", b"mif1"})
_MAGIC = (
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"\x1a\x45\xdf\xa3", Container("matroska", ".mkv")),  # EBML: Matroska and WebM
    (b"\x00\x00\x01\xba", Container("mpeg", ".mpeg")),  # MPEG program stream
    (b"\x00\x00\x01\xb3", MPEG_VIDEO),  # bare MPEG-1 or MPEG-2 video
    (b"FLV\x01", Container("flv", ".flv")),
    (b"OggS", Container("ogg", ".ogv")),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Container("asf", ".wmv")),
)
SUFFIXES = frozenset(
    {
        ".mp4",
        ".m4v",
        ".mov",
        ".webm",
        ".mkv",
        ".avi",
        ".gif",
        ".webp",
        ".mpeg",
        ".mpg",
        ".ts",
        ".flv",
        ".ogv",
        ".wmv",
    }
)  # what a stored clip may be called
_NOT_CLIPS = (
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"ffconcat", "a playlist, and playlists are refused"),
    (b"#extm3u", "a playlist, and playlists are refused"),
    (b"[playlist]", "a playlist, and playlists are refused"),
    (b"<!doctype html", "a web page, as an expired download link gives"),
    (b"<html", "a web page, as an expired download link gives"),
    (b"<?xml", "XML text or a playlist, and playlists are refused"),
    (b"<mpd", "a playlist, and playlists are refused"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the clip with `git lfs pull`"),
    (b"pk\x03\x04", "a ZIP archive"),
)


def container_of(head: bytes) -> Container | None:
    """The container that these first bytes begin, None if it is none of the known."""
    for magic, container in _MAGIC:
        if head.startswith(magic):
            return container
    if head[4:8] in _MP4_BOXES and not _is_picture(head):
        return MP4
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WEBP
    if head.startswith(b"RIFF") and head[8:12] == b"AVI ":
        return Container("avi", ".avi")
    if len(head) > _PACKET and head[0] == head[_PACKET] == 0x47:  # sync byte of two packets
        return MPEG_TS
    return None


def _is_picture(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS


def unreadable(path: str, error: Exception) -> MediaError:
    """The file was there when the source listed it, and cannot be read now."""
    return MediaError(
        Reason.NOT_FOUND,
        f"{path}: cannot be read ({error}); put the file back or take its row out of the source",
    )


def check_file(path: str, max_bytes: int) -> int:
    """Bytes of a regular, non-empty file that is not too large; else :class:`MediaError`."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        raise MediaError(Reason.NOT_FOUND, f"{path}: not a regular file; name a video file")
    if status.st_size == 0:
        raise MediaError(Reason.UNDECODABLE, f"{path}: the file is empty; fetch it again")
    if status.st_size > max_bytes:
        raise MediaError(
            Reason.TOO_LARGE,
            f"{path}: {status.st_size} bytes, and frames.max_bytes "
            f"is {max_bytes}; raise it or shorten the clip",
        )
    return status.st_size


def sniff(path: str) -> Container:
    """The container of a file; :class:`MediaError` for anything that is not a known container."""
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise unreadable(path, error) from error
    container = container_of(head)
    if container is None:
        raise MediaError(
            Reason.UNDECODABLE,
            f"{path}: not a video file ({_guess(head)}); fetch or "
            "export it again as mp4, webm, mkv, mov, avi, mpeg, ts, gif or an animated webp",
        )
    return container


def _guess(head: bytes) -> str:
    if _is_picture(head):
        return "it looks like an AVIF or HEIC picture"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for start, what in _NOT_CLIPS:
        if text.startswith(start) or head.startswith(start):
            return f"it looks like {what}"
    return f"it begins with {head[:8].hex(' ')}"
