"""What was counted, wave by wave, over all runs on a folder: `run.json` sums it.

Each attempt at a wave buys something, so what was bought is added up over all of them; its items count
once, as the attempt that made the wave whole left them. A wave that is whole is not counted again.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.progress import OF_ITEMS, Counts, Spread, counts_from, read_counts
from pipeline.state import write_json

Stages = Mapping[str, Counts]
OF_ITEM_SPREADS = ("decode_ms", "item_ms")


class Counters:
    """A small file for each wave below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def spent(self, wave: str, counts: Stages) -> None:
        """Enter what an attempt at a wave bought, whatever becomes of it."""
        kept = self._read(wave)
        more = {stage: _halves(c)[1] for stage, c in counts.items()}
        self._write(wave, {**kept, "spent": summed([kept["spent"], more])})

    def whole(self, wave: str, counts: Stages) -> None:
        """Enter the items of a wave that is whole, in place of those of an earlier time."""
        own = {stage: _halves(c)[0] for stage, c in counts.items()}
        self._write(wave, {**self._read(wave), "items": own})

    def salvage(self, progress: Path) -> None:
        """Enter what a killed run left in the folder of its workers' counts, a folder for each wave.

        The last half second before the kill may be missing: the ledger alone knows every cent.
        """
        for folder in sorted(path for path in progress.glob("*") if path.is_dir()):
            if counts := read_counts(folder):
                self.spent(folder.name, counts)

    def totals(self, waves: Collection[str]) -> dict[str, Counts]:
        """By stage. Items of the waves named, which are those of the run; money of all there ever were."""
        files = sorted(self._folder.glob("*.json"))
        kept = {path.stem: self._read(path.stem) for path in files}
        items = [one["items"] for wave, one in kept.items() if wave in waves]
        return summed([*items, *(one["spent"] for one in kept.values())])

    def _write(self, wave: str, kept: Mapping[str, Stages]) -> None:
        plain = {h: {s: c.plain() for s, c in found.items()} for h, found in kept.items()}
        write_json(self._folder / f"{wave}.json", plain)

    def _read(self, wave: str) -> dict[str, dict[str, Counts]]:
        path = self._folder / f"{wave}.json"
        if not path.is_file():
            return {"items": {}, "spent": {}}
        plain: dict[str, dict[str, Any]] = json.loads(path.read_text())
        return {
            half: {stage: counts_from(c) for stage, c in found.items()}
            for half, found in plain.items()
        }


def summed(many: Iterable[Stages]) -> dict[str, Counts]:
    """The sum, by stage; what is given stays as it is."""
    total: dict[str, Counts] = {}
    for one in many:
        for stage, counts in one.items():
            total.setdefault(stage, Counts()).__iadd__(counts)
    return dict(sorted(total.items()))


def agreed(told: Stages, ticked: Stages) -> dict[str, Counts]:
    """The engine's own numbers where it has any: it counts a bundle that was given up and done again once.
    Percentiles are the workers': an engine's distribution has none."""
    if not told:
        return dict(ticked)
    return {
        stage: dataclasses.replace(c, spreads=_finer(c, ticked.get(stage, Counts())))
        for stage, c in told.items()
    }


def _finer(told: Counts, ticked: Counts) -> dict[str, Spread]:
    found = dict(told.spreads)
    for name, spread in found.items():
        other = ticked.spreads.get(name)
        if other is not None and other.n == spread.n:
            found[name] = other
    return found


def _halves(counts: Counts) -> tuple[Counts, Counts]:
    """What is of items, and what is of replies and money."""
    items = {name: getattr(counts, name) for name in OF_ITEMS}
    own = {n: s for n, s in counts.spreads.items() if n in OF_ITEM_SPREADS}
    rest = {n: s for n, s in counts.spreads.items() if n not in OF_ITEM_SPREADS}
    return (
        Counts(**items, reasons=counts.reasons, spreads=own),
        dataclasses.replace(counts, **dict.fromkeys(OF_ITEMS, 0), reasons={}, spreads=rest),
    )
