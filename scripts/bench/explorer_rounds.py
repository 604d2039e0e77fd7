"""Rounds of one page after another, and what came of them."""

import dataclasses
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from explorer_browser import acted, heap_mib, opened
from explorer_data import DIMENSIONS, GENERATORS, JUDGES, THINGS
from selenium import webdriver

SETTLES_S = 1.0  # what a page reads after its first list
TYPED, WORD = THINGS[0], THINGS[1]
QUALITY = DIMENSIONS[1]
# What is asked for, in the address that pages link with; everything is cleared before each.
FILTERS = {
    "a word": f"q={WORD}",
    "a generator": f"generator={GENERATORS[0]}",
    "a range of scores": f"dimension={QUALITY}&source={JUDGES[0]}&min=4.5",
    "judge against people": f"dimension={QUALITY}&part={JUDGES[0]}:raters",
    "judge against judge": f"part={JUDGES[0]}:{JUDGES[1]}",
    "draws far apart": f"q={WORD}&part=draws:{JUDGES[0]}",
    "a failure": "reason=annotate.refusal",
    "all at once": f"q={WORD}&dimension={QUALITY}&source={JUDGES[0]}&min=2&part={JUDGES[0]}:raters",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A page and how it is used: the explorer, the giant page, or the floor."""

    name: str
    address: str
    kind: str  # explorer, plain or floor
    scale: float = 1.0  # of times that grow with the prompts


@dataclasses.dataclass(slots=True)
class Times:
    """Milliseconds (MiB of ``heap``) by what was done, one value a round; what pages said."""

    values: dict[str, list[float]] = dataclasses.field(default_factory=lambda: defaultdict(list))
    said: dict[str, str] = dataclasses.field(default_factory=dict)

    def add(self, what: str, found: tuple[float, str]) -> None:
        self.values[what].append(found[0])
        self.said[what] = found[1]

    def median(self, what: str) -> float | None:
        return statistics.median(self.values[what]) if self.values.get(what) else None

    def worst(self, what: str) -> float | None:
        return max(self.values[what]) if self.values.get(what) else None


def rounds_of(
    driver: webdriver.Chrome, pages: list[Shown], rounds: int, ids: list[str]
) -> dict[str, Times]:
    """Every page once a round, each time beginning with another one."""
    found = {page.name: Times() for page in pages}
    for turn in range(rounds):
        start = turn % len(pages)
        for page in pages[start:] + pages[:start]:
            _round(driver, page, found[page.name], ids[turn % len(ids)])
    return found


def _round(driver: webdriver.Chrome, page: Shown, times: Times, prompt: str) -> None:
    first = opened(driver, page.address, listed=page.kind != "floor")
    for name, value in first.items():
        times.values[name].append(value)
    time.sleep(SETTLES_S)
    if page.kind == "floor":
        times.add("nothing", acted(driver, "nothing", "x"))
    if page.kind != "floor":
        times.add("a word, typed", acted(driver, "type", TYPED))
        times.add("cleared, typed", acted(driver, "type", ""))
    if page.kind == "explorer":
        for name, hash_ in FILTERS.items():
            times.add(name, acted(driver, "address", hash_))
            times.add("everything cleared", acted(driver, "address", ""))
        times.add("a prompt opened", acted(driver, "open", prompt))
    times.values["heap"].append(heap_mib(driver))


def rows(found: dict[str, Times], pages: list[Shown]) -> list[dict[str, Any]]:
    """For programs."""
    return [
        {
            "page": page.name,
            "what": what,
            "n": len(values),
            "values": values,
            "said": found[page.name].said.get(what),
        }
        for page in pages
        for what, values in found[page.name].values.items()
    ]


def bytes_of(folder: Path) -> tuple[int, int]:
    """Bytes of a report's own files, and how many there are."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files), len(files)
