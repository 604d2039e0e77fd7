"""A process of its own that works on a lane, for tests that start several: hold or share.

python pace_worker.py hold FOLDER SLOTS      take slots, say so, and never give them back
python pace_worker.py share FOLDER MINE OF LIMIT SECONDS [REQUESTS_PER_MINUTE]
"""

import sys
import time
from pathlib import Path

import numpy as np

from annotators.pace import Lane, Limits, Result

NAME = "lane"


def held(folder: Path, workers: int) -> np.ndarray:
    """How many slots each worker says it holds: a book apart from the lane's own."""
    path = folder / "held"
    if not path.exists():
        np.zeros(workers, "i8").tofile(path)
    return np.memmap(path, "i8", "r+", shape=(workers,))


def hold(folder: Path, slots: int) -> None:
    lane = Lane(NAME, Limits(slots), folder)
    lane.register()
    for _ in range(slots):
        assert lane.take(1) == 0.0
    print("holding", flush=True)
    time.sleep(60)


def share(folder: Path, mine: int, of: int, limit: int, seconds: float, rate: float | None) -> None:
    """Take and give back as fast as it goes; prints requests sent and the most seen in flight."""
    lane, book = Lane(NAME, Limits(limit, rate), folder), held(folder, of)
    lane.register()
    print("ready", flush=True)
    sys.stdin.readline()
    end, sent, most, own = time.monotonic() + seconds, 0, 0, 0
    while time.monotonic() < end:
        if lane.take(1) == 0.0:
            own, sent = own + 1, sent + 1
            book[mine] = own  # after taking, and back before giving back: never more than is true
            most = max(most, int(book.sum()))
        if own and (own == limit or sent % 3 == 0 or lane.room <= 0):
            own -= 1
            book[mine] = own
            lane.done(Result.FAILED)
    print(sent, most, flush=True)


if __name__ == "__main__":
    what, where, *numbers = sys.argv[1:]
    if what == "hold":
        hold(Path(where), int(numbers[0]))
    else:
        me, workers, most_in_flight = map(int, numbers[:3])
        per_minute = float(numbers[4]) if len(numbers) > 4 else None
        share(Path(where), me, workers, most_in_flight, float(numbers[3]), per_minute)
