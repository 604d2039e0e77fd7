"""One run at an address at a time, over all machines."""

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator

from annotators.shared import started
from schemas.options import SetupError
from schemas.store import Store

LOCK = "work/lock"


@contextlib.contextmanager
def held(home: str) -> Iterator[None]:
    """Hold the address while the block runs.

    A process of this machine that died without giving it back is known to be dead; of another
    machine's that cannot be told. Raises :class:`SetupError` where somebody else has it.
    """
    store = Store(home)
    own = {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "since": time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime()),
    }
    if not store.put(LOCK, json.dumps(own).encode()):
        _take_over(store, own)
    try:
        yield
    finally:
        store.delete(LOCK)


def _take_over(store: Store, own: dict[str, object]) -> None:
    held = json.loads(store.get(LOCK) or b"{}")
    dead = held.get("host") == own["host"] and started(int(held["pid"])) != held["started"]
    if dead or not held:
        store.delete(LOCK)
        if store.put(LOCK, json.dumps(own).encode()):
            return
        held = json.loads(store.get(LOCK) or b"{}")
    raise SetupError(
        f"{store.root}: another run has been working there since {held.get('since')}, on "
        f"{held.get('host')} (process {held.get('pid')}); wait for it, choose another --output, or, if that "
        f"machine is gone, delete {store.path(LOCK)}"
    )
