"""What the two stages that ask annotators share: preparing them, and what their rows were made from."""

import contextlib
import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from annotators import stopping
from annotators.base import AnnotatorSpec, Question, RunStopped
from annotators.journal import Journal
from pipeline.brought import version_in
from pipeline.dataset.parquet import parts, read_columns
from pipeline.side_by_side import side_by_side
from pipeline.state import FREE_FIELDS, fingerprint
from pipeline.waves import Waves
from schemas.ids import sha256_hex
from schemas.plugins import ANNOTATORS

Questions = Callable[[AnnotatorSpec], Iterator[Question]]


@contextlib.contextmanager
def held(run: Waves, annotators: Sequence[AnnotatorSpec]) -> Iterator[None]:
    """While any worker may be open, whatever the annotators hold where the command runs."""
    with contextlib.ExitStack() as stack:
        for annotator in annotators:
            stack.enter_context(annotator.hold(run.recipe.resources))
        yield


def prepare(run: Waves, annotators: Sequence[AnnotatorSpec], questions: Questions) -> None:
    """What annotators do once before the workers ask, such as sending a batch. All at the same time."""
    resources = dataclasses.replace(run.recipe.resources, keep=run.home.keep_spent)
    tasks = [
        functools.partial(
            annotator.prepare,
            functools.partial(questions, annotator),
            resources,
            run.say,
        )
        for annotator in annotators
    ]
    with stopping.awaiting():
        errors = side_by_side(tasks)
    for error in errors:
        if not isinstance(error, RunStopped):
            raise error
        run.say(str(error))  # the first wave that lacks an answer ends the run, with its rows


def compact(run: Waves, table: str) -> Callable[[Path], None]:
    """The wave's replies become a few big files: a night leaves no hundred thousand small ones."""

    def work(folder: Path) -> None:
        rows = (
            key
            for name in (table, "failures")
            for (key,) in read_columns(parts(folder / name), ("reply_key",))
        )
        keys = {key for key in rows if key is not None}
        if keys:
            Journal(run.recipe.resources.journal).compact(keys)

    return work


def shape(annotator: AnnotatorSpec) -> dict[str, Any]:
    """What of an annotator shapes its rows: its block, the file it reads, if any, and the version of the
    package that brought it, if one did."""
    block = annotator.model_dump(mode="json", exclude=set(FREE_FIELDS))
    block |= version_in(ANNOTATORS, annotator)
    return {**block, "files": [_digest(path) for path in annotator.files]}


def _digest(path: Path) -> str:
    with path.open("rb") as file:  # weights may be gigabytes
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_of_rows(run: Waves, made: str, stage: str, table: str) -> str:
    """Of the rows themselves: a second run may get answers that the first did not."""
    files = run.wave_files(stage, table)
    return fingerprint(made, [sha256_hex(file.read_bytes()) for file in files])
