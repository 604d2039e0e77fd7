"""Every kind of human data that can be read, and which of them a file is."""

from pathlib import Path

from pipeline.formats import (
    chosen_votes,
    evalcrafter_ratings,
    fetv,
    genai_bench_results,
    hpdv2,
    hpdv3,
    imagereward,
    label_studio,
    pickapic,
    ratings,
    t2vqa,
    tc_bench,
    trl,
    tvge,
    ultrafeedback,
    vbench_votes,
    video_bench,
    videoalign_votes,
    videofeedback,
    votes,
)
from pipeline.formats.peek import columns_of
from pipeline.formats.people import Reader
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import local_file, plain_name, read_rows

_ALL = (
    ratings.READER,
    votes.READER,
    fetv.READER,
    genai_bench_results.READER,
    videoalign_votes.READER,
    tvge.READER,
    video_bench.READER,
    t2vqa.READER,
    vbench_votes.READER,
    evalcrafter_ratings.READER,
    tc_bench.READER,
    label_studio.READER,
    videofeedback.READER,
    hpdv2.READER,
    hpdv3.READER,
    imagereward.READER,
    pickapic.READER,
    trl.READER,
    ultrafeedback.READER,
    chosen_votes.VIDEODPO,
    chosen_votes.UNIFIEDREWARD,
)
TABLES = (".csv", ".tsv", ".parquet")

READERS: dict[str, Reader] = {reader.kind: reader for reader in _ALL}


def reader_of(path: str | Path, kind: str | None = None) -> Reader:
    """The reader of this kind; without a kind, the only one that the file's content fits.

    Raises :class:`SetupError` for an unknown kind, a file that is not there, and one that fits no
    kind or several, naming them.
    """
    if kind is not None:
        if kind not in READERS:
            raise SetupError(f"{path}: unknown kind {kind!r}; known are {', '.join(READERS)}")
        return READERS[kind]
    file = place_of(path)
    if not file.is_dir():
        local_file(path)
    fitting = [reader for reader in READERS.values() if reader.is_it(file)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        kinds = ", ".join(reader.kind for reader in fitting)
        raise SetupError(f"{file}: may be any of the kinds {kinds}; say which with kind:")
    if plain_name(file).suffix.lower() in TABLES:
        next(read_rows(file))  # a table that cannot be read says why
    raise SetupError(
        f"{file}: is none of the kinds of human data that can be told by their content: "
        + "; ".join(f"{reader.kind} ({reader.what})" for reader in READERS.values())
        + _seen(file)
    )


def _seen(file: Path) -> str:
    columns = sorted(map(str, columns_of(file))) if not file.is_dir() else []
    return ". Its columns are " + ", ".join(columns[:20]) if columns else ""
