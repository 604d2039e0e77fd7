"""Frames of all waves -> what the clip checks find, and the frames of the clips that are kept."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.books import book_of
from pipeline.check import Stopped, clip_check_book
from pipeline.clip_checks.check import STAGE, check_clips
from pipeline.clip_checks.made_from import fingerprint_of
from pipeline.clip_checks.nsfw import HookError, nsfw_values
from pipeline.clip_checks.rules import COLUMNS, Measured, measured, without_names
from pipeline.clip_checks.words import notes_on, told
from pipeline.dataset.parquet import parts, publish, read_columns, read_rows, write_rows
from pipeline.preference.splits import Splits
from pipeline.stages.splits import decide
from pipeline.state import fingerprint, fresh
from pipeline.waves import Waves
from schemas import ClipCheck, Failure, FrameSet

FIRST = "check-first"  # of the waves before a gate, among each other


def check(run: Waves, collected: str) -> str:
    """Every wave at once: a clip may repeat one of another wave. Reads columns, never a picture.

    Returns the fingerprint of what there is to judge: the one given, unless clips are left out.
    Raises :class:`~pipeline.check.Stopped` where the NSFW hook fails.
    """
    decide(run)
    splits = {p.prompt_id: p.split for p in run.plan.prompts}
    noted = _once(run, STAGE, splits, run.numbers())
    run.add(book_of(noted))
    rows = list(read_rows(ClipCheck, run.wave_files(STAGE, "clip_checks")))
    _leave_out(run, STAGE, rows)
    run.say(told(rows))
    notes = notes_on(rows, splits, hooked=run.config.checks.nsfw is not None)
    for note in notes:
        run.say(note)
    run.notes += notes
    run.note("running")
    if run.left_out and not run.first:
        return fingerprint(collected, sorted(run.left_out))
    return collected  # with a gate, each wave follows from its own clips: Run.made_of


def check_first(run: Waves) -> None:
    """The waves before a gate, their clips among each other: the others are not there yet.

    What is found here counts until ``check`` has seen every clip. It may leave out another clip then, such
    as one that a later clip with a smaller id repeats; its wave is done anew, from the journal.
    """
    decide(run, run.first)
    splits = {p.prompt_id: p.split for p in run.plan.prompts}
    _once(run, FIRST, splits, run.first)
    files = [path for n in run.first for path in parts(run.folder(FIRST, n) / "clip_checks")]
    _leave_out(run, FIRST, read_rows(ClipCheck, files))


def _once(run: Waves, stage: str, splits: Splits, numbers: Collection[int]) -> dict[str, Any]:
    """The book of the stage, which is done unless it is whole."""
    waves: dict[int, Sequence[Measured]] = {}

    def measured_waves() -> Iterator[Sequence[Measured]]:
        for number in numbers:
            whole = _measured(run, number)
            yield whole  # the fingerprint reads the names of the pictures, too
            waves[number] = whole if run.config.checks.nsfw else list(map(without_names, whole))

    rules = fingerprint(stage, run.config.checks.model_dump(mode="json"), splits)
    made = fingerprint_of(rules, measured_waves())
    noted: dict[str, Any] = run.once(stage, made, lambda: _work(run, stage, waves, splits))
    return noted


def _leave_out(run: Waves, stage: str, rows: Iterable[ClipCheck]) -> None:
    """From here on the clips that a stage left out are no one's to judge."""
    run.checked = stage
    run.left_out = frozenset(row.video_id for row in rows if row.left_out)


def _measured(run: Waves, number: int) -> list[Measured]:
    return [measured(row) for row in read_columns(run.taken(number), COLUMNS)]


def _work(
    run: Waves, stage: str, waves: Mapping[int, Sequence[Measured]], splits: Splits
) -> dict[str, Any]:
    run.again(stage)  # until it is whole once more, what lies there is not
    clips = [clip for wave in waves.values() for clip in wave]
    rows, failures = check_clips(clips, run.config.checks, splits, _nsfw(run, clips))
    row_of = {row.video_id: row for row in rows}
    failure_of = {failure.key: failure for failure in failures}
    for number, wave in waves.items():
        rows_of_wave = [row_of[clip.video_id] for clip in wave]
        _write(run, run.folder(stage, number), number, rows_of_wave, failure_of)
    files = [path for n in waves for path in parts(run.folder(stage, n) / "clip_checks")]
    planned = [clip.video_id for number in waves for clip in run.waves[number]]
    book = clip_check_book(planned, [clip.video_id for clip in clips], files)
    run.require(book)
    if stage == STAGE:
        publish(files, run.layout.table("clip_checks"), ClipCheck)
    return {"stage": book.stage, **book.as_dict()}


def _nsfw(run: Waves, clips: Sequence[Measured]) -> dict[str, float | None]:
    options = run.config.checks.nsfw
    if options is None:
        return {}
    run.say(
        f"check: {options.hook} is asked about {len(clips)} clips, those it told of before apart"
    )
    try:
        return nsfw_values(
            clips, options, run.layout.frames, run.layout.work / STAGE / "nsfw.jsonl"
        )
    except HookError as error:
        raise Stopped(str(error)) from error


def _write(
    run: Waves,
    folder: Path,
    number: int,
    rows: Sequence[ClipCheck],
    failure_of: Mapping[str, Failure],
) -> None:
    """The tables of a wave; its kept frames only where some are not."""
    fresh(folder)
    out = {row.video_id for row in rows if row.left_out}
    write_rows(ClipCheck, rows, _file(folder, "clip_checks"))
    write_rows(Failure, [failure_of[video] for video in out], _file(folder, "failures"))
    if out:
        write_rows(FrameSet, _kept(run, number, out), _file(folder, "frames"))


def _kept(run: Waves, number: int, out: set[str]) -> Iterator[FrameSet]:
    return (f for f in read_rows(FrameSet, run.taken(number)) if f.video_id not in out)


def _file(folder: Path, table: str) -> Path:
    return folder / table / "part-00000.parquet"
