"""One export: what would be lost is said, files are placed, written, checked, read back and compared.

The folder appears whole or not at all: everything is done in a folder beside it, which then takes
its name.
"""

import dataclasses
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.export.material import open_material
from pipeline.export.media import bytes_needed, place
from pipeline.export.record import RECORD, record_of_export, refuse_other, source_of_dataset
from pipeline.export.shared_rules import check_files, check_plan
from pipeline.export.warnings import warnings_of
from pipeline.formats.writers import writer_of
from pipeline.formats.writing import Choice, ExportError, Material, Plan, Writer
from pipeline.state import write_json
from schemas.layout import Layout
from schemas.options import SetupError

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export came to. ``checked``: how many rows or files each rule held for."""

    output: Path | None  # None: a dry run that named no folder
    rows: Mapping[str, int]  # of each table's file
    media: int  # files
    checked: Mapping[str, int]
    record: Mapping[str, Any]  # as export.json holds it; empty after a dry run
    written: bool  # False: a dry run


def export(
    root: Path,
    name: str,
    output: Path | None,
    choice: Choice,
    *,
    dry_run: bool = False,
    replace: bool = False,
    say: Say = print,
) -> Exported:
    """Write the dataset below ``root`` as format ``name`` into the folder ``output``.

    What is lost and left out is said before anything is written; ``dry_run`` ends there. ``replace``
    lets an earlier export of the same dataset and format be replaced. Without ``output`` it is a dry
    run, too.

    Raises :class:`SetupError` for what is found before: an unknown format, an incomplete dataset,
    nothing that could be written, a folder that is in the way; :class:`ExportError` where what was
    written does not hold: then nothing is left behind.
    """
    writer = writer_of(name)
    layout = Layout(root.expanduser().resolve())
    source = source_of_dataset(layout)
    if output is not None:
        output = output.expanduser().resolve()  # what a link names, not the link
        _check_place(layout.root, output)
        refuse_other(output, name, source, replace)
    material = open_material(layout.root, choice.splits)
    plan = writer.plan(material, choice)
    warned = warnings_of(material, plan, choice, simulated=source.simulated)
    plan = dataclasses.replace(
        plan, left_out={**material.left_out, **plan.left_out}, notes=[*plan.notes, *warned]
    )
    size = bytes_needed(material, plan.media)
    _tell(writer, plan, choice, size, say)
    _check_worth(writer, plan, layout.root)
    if dry_run or output is None:
        return _exported(output, plan, check_plan(material, plan), {}, written=False)
    _check_room(output, size if choice.media == "copy" else 0)
    with _beside(output) as folder:
        checked = _write(writer, material, plan, folder, choice)
        record = record_of_export(writer, source, choice, material, plan, checked, folder)
        write_json(folder / RECORD, record)
    return _exported(output, plan, checked, record, written=True)


def _check_place(root: Path, output: Path) -> None:
    real = output.resolve()
    if real == root or real in root.parents or root in real.parents:
        raise SetupError(
            f"--output {output}: lies in the dataset's own folder {root}, or around it; name another"
        )


def _tell(writer: Writer, plan: Plan, choice: Choice, size: int, say: Say) -> None:
    say(f"{writer.name}: {writer.what}")
    for path, rows in plan.files.items():
        say(f"  {path}: {len(rows):,} rows")
    how = "copied"
    if choice.media == "link":
        how = "linked: where the disk allows it they are the dataset's own files, not to be changed"
    say(f"  media: {len(plan.media):,} files, {size / 1e6:,.1f} MB, {how}")
    for what, n in plan.left_out.items():
        say(f"left out: {n:,} {what}")
    for sentence in plan.lost:
        say(f"lost: {sentence}")
    for sentence in plan.notes:
        say(f"note: {sentence}")


def _check_worth(writer: Writer, plan: Plan, root: Path) -> None:
    if not plan.n_rows:
        why = "; ".join(f"{n:,} {what}" for what, n in plan.left_out.items())
        raise SetupError(
            f"{root}: nothing of it can be written as {writer.name}"
            + (f": {why}" if why else "; choose other splits or dimensions")
        )


def _check_room(output: Path, size: int) -> None:
    there = next(path for path in (output, *output.parents) if path.exists())
    if not there.is_dir():
        raise SetupError(f"--output {output}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise SetupError(f"--output {output}: {there} may not be written to; name another folder")
    free = shutil.disk_usage(there).free
    if free < size:
        raise SetupError(
            f"--output {output}: {size / 1e9:.1f} GB of media are to be copied and {free / 1e9:.1f} GB "
            "are free; make room, name another disk, or take hard links (--link)"
        )


def _write(
    writer: Writer, material: Material, plan: Plan, folder: Path, choice: Choice
) -> dict[str, int]:
    checked = check_plan(material, plan)
    place(material, plan.media, folder, choice.media)
    for path in plan.files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
    writer.write(plan, folder)
    checked |= check_files(material, plan, folder)
    checked |= writer.check(folder, plan)
    checked["rows were read back as planned"] = compare(writer, plan, folder)
    return checked


def compare(writer: Writer, plan: Plan, folder: Path) -> int:
    """How many rows of the files are those that were planned.

    Raises :class:`ExportError` at the first that is not.
    """
    for path, rows in plan.files.items():
        found = writer.read(folder, path)
        for number, (planned, read) in enumerate(zip(rows, found, strict=False), start=1):
            if planned != read:
                raise ExportError(_difference(folder / path, number, planned, read))
        if len(found) != len(rows):
            raise ExportError(
                f"{folder / path}: {len(found)} rows are read back, {len(rows)} were written"
            )
    return plan.n_rows


def _difference(file: Path, number: int, planned: Any, read: Any) -> str:
    fields = [k for k in {**planned, **read} if planned.get(k) != read.get(k) or k not in read]
    field = fields[0] if fields else "?"
    return (
        f"{file}: row {number}, {field}: {planned.get(field)!r} was written, "
        f"{read.get(field)!r} is read back"
    )


@contextmanager
def _beside(output: Path) -> Iterator[Path]:
    """A folder that takes the name ``output`` when all went well, and vanishes otherwise."""
    output.parent.mkdir(parents=True, exist_ok=True)
    folder = output.with_name(f".tmp-{output.name}-{uuid.uuid4().hex}")
    old = output.with_name(f".tmp-old-{output.name}-{uuid.uuid4().hex}")
    folder.mkdir()
    try:
        yield folder
        _swap(folder, output, old)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)


def _swap(folder: Path, output: Path, old: Path) -> None:
    if not output.exists():
        os.rename(folder, output)
        return
    os.rename(output, old)
    try:
        os.rename(folder, output)
    except OSError:
        os.rename(old, output)
        raise


def _exported(
    output: Path | None,
    plan: Plan,
    checked: Mapping[str, int],
    record: Mapping[str, Any],
    *,
    written: bool,
) -> Exported:
    return Exported(
        output=output,
        rows={path: len(rows) for path, rows in plan.files.items()},
        media=len(plan.media),
        checked=checked,
        record=record,
        written=written,
    )
