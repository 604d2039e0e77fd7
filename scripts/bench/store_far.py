"""A small S3 store in memory that answers after a while, in a process of its own: for speed alone.

``python store_far.py DELAY_S`` prints its port. It knows PUT (with ``If-None-Match: *``), GET, HEAD,
DELETE and the listing of a prefix.
"""

import asyncio
import sys
from email.utils import formatdate
from xml.sax.saxutils import escape

from aiohttp import web

MOST_LISTED = 1000


class Far:
    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.held: dict[str, bytes] = {}
        self.now = self.most = self.n = 0

    async def handle(self, request: web.Request) -> web.Response:
        if request.path == "/counts":
            return web.json_response({"requests": self.n, "most": self.most})
        self.n += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            data = await request.read()
            await asyncio.sleep(self.delay_s)
            return self.answer(request, data)
        finally:
            self.now -= 1

    def answer(self, request: web.Request, data: bytes) -> web.Response:
        name = request.path.removeprefix("/bucket").lstrip("/")
        if "list-type" in request.query:
            return self.listing(request)
        if request.method == "PUT":
            if name in self.held and request.headers.get("If-None-Match") == "*":
                return _error(412, "PreconditionFailed", "<Condition>If-None-Match</Condition>")
            self.held[name] = data
            return web.Response(headers={"ETag": '"x"'})
        if request.method == "DELETE":
            self.held.pop(name, None)
            return web.Response(status=204)
        if name not in self.held:
            return _error(404, "NoSuchKey")
        headers = {"ETag": '"x"', "Last-Modified": formatdate(0, usegmt=True)}
        if "Range" not in request.headers:
            return web.Response(body=self.held[name], headers=headers)
        start, _, end = request.headers["Range"].removeprefix("bytes=").partition("-")
        part = self.held[name][int(start) : int(end) + 1 if end else None]
        return web.Response(status=206, body=part, headers=headers)

    def listing(self, request: web.Request) -> web.Response:
        prefix, after = request.query.get("prefix", ""), request.query.get("continuation-token", "")
        names = sorted(n for n in self.held if n.startswith(prefix) and n > after)
        some, more = names[:MOST_LISTED], len(names) > MOST_LISTED
        rows = "".join(
            f"<Contents><Key>{escape(n)}</Key><Size>{len(self.held[n])}</Size><ETag>x</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for n in some
        )
        token = f"<NextContinuationToken>{escape(some[-1])}</NextContinuationToken>" if more else ""
        text = (
            f"<ListBucketResult><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"<KeyCount>{len(some)}</KeyCount>{token}{rows}</ListBucketResult>"
        )
        return web.Response(text=text, content_type="application/xml")


def _error(status: int, code: str, more: str = "") -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>{code}</Message>{more}</Error>"
    return web.Response(status=status, text=text, content_type="application/xml")


async def main(delay_s: float) -> None:
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{tail:.*}", Far(delay_s).handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1024)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
