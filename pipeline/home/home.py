"""What goes between a run's working copy and its address, and when."""

import contextlib
import shutil
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.dataset.elsewhere import BESIDE
from pipeline.dataset.parquet import parts, rows_in
from pipeline.home.files import PICTURES, Far, below, inside
from pipeline.home.lock import held
from pipeline.home.turns import TURN, see_turn, take_turn, turn_of
from pipeline.state import COPY, RECORD
from schemas.layout import Layout
from schemas.store import Store

# below the work folder: what workers write at the address, and the working copy holds without pictures
WORKERS = ("work/collect", "work/annotate", "work/compare", "work/assemble")
# there: what is of no use to another machine
OWN = ("work/lock", "work/progress", f"work/{COPY}", "work/ledgers", "work/turn")
# below the address: stores that workers write themselves, of which a working copy has a part at most
STORES = ("work", "frames", "media", "generated", "journal")
CLIPS = "media/metadata.parquet"  # the one file of a store that is made here
LAST = "run.json"  # its presence means that everything is there
# whose marks come last: each vouches for files that must be there before it
MARKS = "work/done"
# stages that write tables and the like, which are put there when the run is complete: until then their
# marks are true of one working copy only
MADE_HERE = tuple(
    f"{MARKS}/{stage}.json"
    for stage in ("check", "assemble", "publish", "human", "audit", "videorm")
)
# what money was spent on while a stage is under way; a ledger is a mapped file, whose time says nothing
SPENT = ("work/ledger", "work/annotators")


class Home:
    """The address of a run, seen from its working copy. Does nothing where there is no address."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._far = Far(layout.home) if layout.home else None
        self._sent: dict[str, tuple[int, int]] = {}  # name -> size and time of what is there
        self._sending = threading.Lock()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Alone at the address while the block runs; what another machine left there is brought here.

        Raises :class:`~schemas.options.SetupError` where another run is at work there.
        """
        if self._far is None or self.layout.home is None:
            yield
            return
        Store(self.layout.home).check()
        with held(self.layout.home):
            if turn_of(self.layout) != self._far.text(TURN):
                shutil.rmtree(self.layout.root, ignore_errors=True)  # another machine went on since
                see_turn(self.layout, None)
                self._bring(self._far)
            take_turn(self.layout, self._far)
            yield

    def begin(self) -> None:
        """What stands at the address is no complete set from here on."""
        if self._far is not None:
            self._far.delete([LAST, f"work/{RECORD}"])

    def forget(self, mark: Path) -> None:
        """A stage is no longer whole, for other machines either; before anything of it goes."""
        if self._far is not None:
            self._sent.pop(self._name(mark), None)
            self._far.delete([self._name(mark)])

    def cleared(self, folder: Path, out: Path) -> str:
        """Where workers write what shall lie in ``folder``; ``out`` is empty, here."""
        if self._far is None:
            return str(out)
        self._far.delete(self._far.names(self._name(folder)))
        return self.layout.at(folder)

    def fetch(self, folder: Path, out: Path) -> None:
        """Bring what workers wrote for ``folder`` to ``out``: every row, no picture."""
        if self._far is None:
            return
        name = self._name(folder)
        names = self._far.names(name)
        self._far.each(self._far.get, names, (out / n[len(name) + 1 :] for n in names))

    def offer(self, files: Iterable[Path]) -> tuple[str, ...]:
        """The files as workers open them; those that were written here are put there."""
        files = list(files)
        if self._far is not None:
            own = [file for file in files if not inside(self._name(file), WORKERS)]
            self._send((self._name(file), file) for file in own)
        return tuple(map(self.layout.at, files))

    def keep(self) -> None:
        """Put there what another machine needs to go on with the run: marks, plans, settled facts."""
        if self._far is None:
            return
        self.keep_spent()
        places = [p for p in self.layout.work.iterdir() if not p.name.startswith(".tmp-")]
        for place in sorted(places, key=lambda place: (self._name(place) == MARKS, place)):
            if self._name(place) not in (*WORKERS, *OWN, *SPENT):
                files = [p for _, p in below(place)] if place.is_dir() else [place]
                self._send((self._name(file), file) for file in files)
        for file in (self.layout.status, self.layout.root / "withdrawn.json"):
            if file.is_file():
                self._send([(self._name(file), file)])

    def keep_bill(self) -> None:
        """Put there what was spent so far, and what is on the wire; from any thread."""
        if self._far is not None and (ledger := self.layout.root / SPENT[0]).is_file():
            self._far.put(ledger, SPENT[0])

    def keep_spent(self) -> None:
        """Put there the bill, and what is on order: no machine that goes on orders it again. From any
        thread."""
        if self._far is None:
            return
        with self._sending:
            self.keep_bill()  # before what says that it was entered there
            files = {self._name(p): p for _, p in below(self.layout.root / SPENT[1])}
            self._send(files.items())
            self._far.delete(n for n in self._far.names(SPENT[1]) if n not in files)

    def publish(self, frames: Sequence[Path]) -> None:
        """Put there everything that the run made for others, ``run.json`` last of all.

        ``frames``: the waves' files of the frames table, in order; with their pictures they lie there
        already, and are copied there.
        """
        if self._far is None:
            return
        self.keep()
        made = {name: path for name, path in below(self.layout.root) if self._is_made(name)}
        last = made.pop(LAST, None)
        pictures = self._pictures()
        self._send((name, path) for name, path in made.items() if name not in pictures)
        self._copy_pictures(self._far, [self._name(file) for file in full(frames)], pictures)
        for folder in ("tables", "report", "videorm"):
            there = self._far.names(folder)
            self._far.delete(name for name in there if name not in made)
        if last is not None:
            self._send([(LAST, last)])

    def bring(self, uris: Iterable[str]) -> None:
        """Bring clips and frames here, by their names below the run's folder; those of a clip that lies
        elsewhere, and those that are here, are passed over."""
        if self._far is None:
            return
        names = [uri for uri in dict.fromkeys(uris) if "://" not in uri and not uri.startswith("/")]
        names = [name for name in names if not (self.layout.root / name).is_file()]
        self._far.each(self._far.get, names, (self.layout.root / name for name in names))

    def _is_made(self, name: str) -> bool:
        return name == CLIPS or not (inside(name, STORES) or name.endswith(BESIDE))

    def _pictures(self) -> list[str]:
        """Names of the files of the published frames table, in order."""
        return [self._name(file) for file in parts(self.layout.table(PICTURES))]

    def _copy_pictures(self, far: Far, files: Sequence[str], names: Sequence[str]) -> None:
        if files:
            far.each(far.copy, files, names)
        else:  # a table without rows is one file, made here
            self._send((name, self.layout.root / name) for name in names)

    def _send(self, files: Iterable[tuple[str, Path]]) -> None:
        """Put files there that are not there as they are."""
        assert self._far is not None
        new = {name: path for name, path in files if self._sent.get(name) != _stamp(path)}
        stamps = {name: _stamp(path) for name, path in new.items()}
        self._far.each(self._far.put, new.values(), new)
        self._sent |= stamps

    def _bring(self, far: Far) -> None:
        names = [name for name in far.names("") if not inside(name, (*OWN, *STORES[1:], "report"))]
        untrue = () if LAST in names else MADE_HERE
        names = [name for name in names if name != LAST and name not in untrue]
        far.each(far.get, names, (self.layout.root / name for name in names))

    def _name(self, path: Path) -> str:
        return path.relative_to(self.layout.root).as_posix()


def full(files: Iterable[Path]) -> list[Path]:
    """Those with rows: a published table is made of them."""
    return [file for file in files if rows_in([file])]


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
