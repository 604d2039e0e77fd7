"""What another process does at a store, for tests: says when it is ready, waits for a line, works."""

import asyncio
import contextlib
import json
import sys

from schemas.store import Store


def request_of(n: int):
    """The n-th of some requests, the same in every process."""
    from annotators.journal import Request
    from schemas import Settings

    return Request(
        kind="openai", model="m", rubric="r", rubric_version=1, system="s", user=f"question {n}",
        reply_format="json", reply_schema={}, frames=(), settings=Settings(), draw=0,
    )  # fmt: skip


def write(root: str, who: str, n: int) -> list[str]:
    """Names of those that this process wrote."""
    store = Store(root)
    return [name for name in (f"{i:02d}/x" for i in range(n)) if store.put(name, who.encode())]


def buy(root: str, who: str, n: int) -> dict[str, object]:
    """The bodies that count, and how many were bought here."""
    from annotators.journal import Journal  # not for those who need a store alone

    journal, bought = Journal(Store(root)), []

    @contextlib.asynccontextmanager
    async def paid():
        bought.append(who)
        await asyncio.sleep(0.05)
        yield f"reply to {who}"

    async def all_of_them():
        return await asyncio.gather(*(journal.once(request_of(i), paid) for i in range(n)))

    entries = asyncio.run(all_of_them())
    return {"bodies": [e.body for e in entries], "bought": len(bought)}


def put_big(root: str, who: str, n: int) -> bool:
    """Bytes that take a while."""
    return Store(root).put("big", who.encode() * n)


if __name__ == "__main__":
    work, root, who, n = sys.argv[1:]
    print("ready", flush=True)
    sys.stdin.readline()
    print(json.dumps(globals()[work](root, who, int(n))), flush=True)
