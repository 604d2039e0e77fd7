"""Disks: whether a run's files can be written where they go, and whether there is room for them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding, fail, ok, refused, warn
from pipeline.doctor.stores import addresses
from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.config import Config

GIB = 2**30
HERE = Path(".")
ENOUGH = GIB  # free, where nothing says how much a run writes
WARN_BELOW = 2  # times what a run is estimated to add: an estimate of bytes is rough
PLAN_S = 15.0  # listing a large source takes longer, and `--estimate` is there for it
ON_A_HUB = {"transformers", "embedding", "diffusers", "huggingface"}  # kinds that may ask it
UNSET = "is not set; a run needs it"  # a note of an estimate's


def disks(asked: Asked) -> Iterator[Finding]:
    """Every folder of this machine that a run writes to."""
    for what, folder, remedy in _folders(asked):
        yield from _disk(what, _there(folder), remedy)


def _folders(asked: Asked) -> Iterator[tuple[str, Path, str]]:
    if asked.place is None:
        yield "this folder", HERE, "name a folder with --output"
    elif asked.home:
        yield "working copy", asked.place, "name another --working-copy"
    else:
        yield "output", asked.place, "name another --output"
    config = asked.config
    if config and config.journal and "://" not in config.journal:
        yield "journal", Path(config.journal), "name another folder in journal:"
    shared = config.generators.store if config and config.generators else None
    if shared and "://" not in shared:
        yield "made clips", Path(shared), "name another generators.store:"
    yield "temporary files", Path(tempfile.gettempdir()), "set TMPDIR to a folder on another disk"


def _there(folder: Path) -> Path:
    """The folder, or the innermost one around it that is there already."""
    folder = folder.expanduser().absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())


def _disk(what: str, folder: Path, remedy: str) -> Iterator[Finding]:
    check = "disk"
    try:
        with tempfile.TemporaryDirectory(prefix=".videoprefer-doctor-", dir=folder) as room:
            lacks = [name for name, able in NEEDED.items() if not _works(able, Path(room))]
    except OSError as error:
        yield fail(check, f"{what}: {folder} cannot be written to ({error.strerror})", remedy)
        return
    if lacks:
        said = f"{what}: the file system of {folder} has no {' and no '.join(lacks)}"
        yield fail(check, said, f"{remedy}, on a local disk")
        return
    free = shutil.disk_usage(folder).free
    said = f"{what}: {free / GIB:.1f} GiB free at {folder}"
    yield ok(check, said) if free >= ENOUGH else warn(check, said, f"make room, or {remedy}")


def _works(able: Callable[[Path], None], room: Path) -> bool:
    try:
        able(room)
    except OSError:
        return False
    return True


def _locks(room: Path) -> None:
    """A run holds its folder, and workers their budget, by such locks: two must not both get one."""
    with (room / "lock").open("w") as first, (room / "lock").open("w") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise OSError("two hold one lock")


def _links(room: Path) -> None:
    """What makes a reply in the journal appear once, and whole."""
    (room / "a").write_bytes(b"a")
    os.link(room / "a", room / "b")
    try:
        os.link(room / "a", room / "b")
    except FileExistsError:
        return
    raise OSError("a link overwrites")


def _syncs(room: Path) -> None:
    """What keeps a paid reply over a power cut."""
    with (room / "synced").open("wb") as file:
        file.write(b"a")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(room, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


NEEDED = {"locks (flock)": _locks, "hard links": _links, "fsync": _syncs}


def plan(asked: Asked) -> Iterator[Finding]:
    """What a run of the configuration would be refused for, and what it adds to the disk."""
    if asked.config is None:
        return
    if afar := [] if asked.reach else addresses(asked)[1]:
        yield warn("plan", f"not made, for sources lie elsewhere ({afar[0]})", "add --reach")
        return
    yield from in_child(
        "plan",
        __name__,
        "planned",
        asked.name,
        list(asked.overrides),
        str(_there(asked.place or HERE)),
        asked.home is not None,
        asked.reach,
        todo="`run --estimate` takes its time over it",
        no_answer=warn,
        patience_s=PLAN_S,
        environment={} if asked.reach else {"HF_HUB_OFFLINE": "1"},
    )


def planned(
    name: str, overrides: list[str], folder: str, elsewhere: bool, reach: bool
) -> Iterator[Finding]:
    """In a child: sources may be long, and what reads them may fail in many ways."""
    from pipeline.config import load_config
    from pipeline.estimate import estimate
    from pipeline.estimate.absent import without_absent
    from pipeline.plan import make_plan

    config = load_config(name, overrides)
    try:
        config, absent = without_absent(config)
        made = make_plan(config, keys=False)
    except SetupError as error:
        hub = not reach and ON_A_HUB.intersection(_kinds(config))
        yield (
            warn("plan", str(error), "add --reach: it may ask the hub")
            if hub
            else refused("plan", error)
        )
        return
    for note in absent:
        if not note.endswith(UNSET):  # told by its own check
            yield warn("plan", note, "a run needs it")
    yield ok("plan", f"{len(made.prompts):,} prompts, {len(made.clips):,} clips")
    need = estimate(config, made).disk.total
    yield compared(need, shutil.disk_usage(folder).free, folder, elsewhere)


def _kinds(config: "Config") -> Iterator[str]:
    pool = config.generators.pool if config.generators else ()
    for block in (*config.sources, *config.annotators, *pool):
        yield block.kind


def compared(need: int, free: int, folder: str, elsewhere: bool) -> Finding:
    """The estimate against what is free."""
    if elsewhere:
        return ok("disk", f"the run adds about {need / GIB:.1f} GiB, in the object store")
    said = f"the run adds about {need / GIB:.1f} GiB, and {free / GIB:.1f} GiB are free at {folder}"
    if free < need:
        return fail("disk", said, "make room, or name an --output on another disk")
    if free < WARN_BELOW * need:
        return warn("disk", said, "watch it, or name an --output on another disk")
    return ok("disk", said)
