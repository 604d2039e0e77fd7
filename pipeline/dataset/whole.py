"""Whether the files of a table can be read: asked before anything is written or deleted for them."""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.options import SetupError

FAULTS = (pa.ArrowException, OSError)


def check_readable(files: Iterable[Path]) -> None:
    """Read the footer of every file. Raises :class:`SetupError` for one that is no whole Parquet file."""
    for path in files:
        try:
            pq.read_metadata(path)
        except FAULTS as error:
            raise damaged(path, error) from error


def damaged(path: Path, error: BaseException) -> SetupError:
    """What a person is told of a file that cannot be read."""
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return SetupError(
        f"{path}: cannot be read ({said}); restore the file from a copy of the folder, or run that run "
        "again (--rebuild) to have its tables"
    )
