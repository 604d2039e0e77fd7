"""What the clip checks follow from: rules, and frames. A withdrawal changes the second alone."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.clip_checks.rules import COLUMNS, Measured, measured
from pipeline.dataset.parquet import parts, read_columns


def fingerprint_of(rules: str, waves: Iterable[Sequence[Measured]]) -> str:
    """The fingerprint of the stage. ``rules``: that of everything but the frames.

    In two parts: where clips are withdrawn, the second is made anew from the frames that remain, so that
    what was decided of the others stands.
    """
    return f"{rules}-{_digest(waves)}"


def without_the_gone(fingerprint: str, collected: Path) -> str:
    """The same, after rows went from the waves of ``collected``."""
    rules, _, _ = fingerprint.rpartition("-")
    folders = sorted(collected.glob("wave-*/frames"))
    waves = ([measured(row) for row in read_columns(parts(f), COLUMNS)] for f in folders)
    return fingerprint_of(rules, waves)


def _digest(waves: Iterable[Sequence[Measured]]) -> str:
    """Of all that the checks read: collecting a wave again may have given other frames."""
    found = hashlib.sha256()
    for number, clips in enumerate(waves):
        for clip in sorted(clips, key=lambda clip: clip.video_id):
            found.update(repr((number, clip)).encode())
    return found.hexdigest()
