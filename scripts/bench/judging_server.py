"""A loopback chat server that costs next to nothing: it counts bytes, waits, and sends one fixed reply.

    .venv/bin/python scripts/bench/judging_server.py --port 8377

No body is read, let alone parsed: a client's speed is measured, not the server's. Requests with
pictures (20 kB and more) wait for the latency and are counted; whatever is smaller is some client's
probe and is answered at once. ``GET /begin?latency=0.2`` sets the counts to zero, ``GET /stats``
shows them. ``--content`` is the text of the reply.
"""

import argparse
import asyncio
import json
import resource
import time

SMALLEST_REQUEST = 20_000  # bytes; eight frames are a third of a million, a probe some hundred
READ_AT_ONCE = 1 << 20
CONTENT = json.dumps({"score": 4, "rationale": "The motion is smooth and the picture is clean."})
MODEL = "gpt-4o-mini"
# Clients that pace themselves by what a server allows are allowed everything
_HEADERS = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-ratelimit-limit-requests: 100000000\r\n"
    "x-ratelimit-limit-tokens: 100000000000\r\nx-ratelimit-remaining-requests: 99999999\r\n"
    "x-ratelimit-remaining-tokens: 99999999999\r\nx-ratelimit-reset-requests: 1ms\r\n"
    "x-ratelimit-reset-tokens: 1ms\r\nContent-Length: {length}\r\n\r\n"
)


class Counts:
    """What has happened since the last beginning. Times are monotonic seconds."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.arrivals: list[float] = []
        self.replies: list[float] = []
        self.now = self.most_at_once = self.bytes = self.probes = self.lost = 0
        self._cpu_s = time.process_time()

    def as_dict(self) -> dict[str, object]:
        """For ``/stats``."""
        return {
            "latency_s": self.latency_s,
            "requests": len(self.arrivals),
            "replies": len(self.replies),
            "probes": self.probes,
            "lost": self.lost,  # connections closed by the client before their reply
            "most_at_once": self.most_at_once,
            "bytes": self.bytes,
            "cpu_s": time.process_time() - self._cpu_s,
            "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "arrived_at": self.arrivals,
            "replied_at": self.replies,
        }


class Service:
    """One per process: the counts of the run and the reply, made once."""

    def __init__(self, content: str) -> None:
        self.counts = Counts(0.0)
        self.buffer = memoryview(bytearray(READ_AT_ONCE))  # one for all: it is emptied at once
        self.reply = _response(completion(content))

    def get(self, path: str) -> bytes:
        """The answer to a GET."""
        where, _, query = path.partition("?")
        if where == "/begin":
            self.counts = Counts(float(query.removeprefix("latency=") or 0))
        if where in ("/begin", "/stats"):
            return _response(self.counts.as_dict())
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "loopback"}
        return _response({"object": "list", "data": [model]})


class Connection(asyncio.BufferedProtocol):
    """HTTP/1.1 with keep-alive, one request at a time, bodies by Content-Length only."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._head = bytearray()
        self._left = 0  # bytes of the body still to come
        self._length = 0
        self._counts: Counts | None = None  # of the request that waits for its reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counts is not None:
            self._counts.now -= 1
            self._counts.lost += 1
            self._counts = None

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._service.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._left:
            self._left -= nbytes
            if self._left <= 0:
                self._arrived()
            return
        self._head += self._service.buffer[:nbytes]
        end = self._head.find(b"\r\n\r\n")
        if end >= 0:
            self._begin(bytes(self._head[:end]), len(self._head) - end - 4)
            self._head.clear()

    def _begin(self, head: bytes, n_body: int) -> None:
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        if method == "GET":
            self._transport.write(self._service.get(path))
            return
        fields = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        if "content-length" not in fields:
            raise ValueError(f"{method} {path}: only bodies with a Content-Length are understood")
        if fields.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._length = int(fields["content-length"])
        self._left = self._length - n_body
        if self._left <= 0:
            self._arrived()

    def _arrived(self) -> None:
        self._left = 0
        counts = self._service.counts
        if self._length < SMALLEST_REQUEST:
            counts.probes += 1
            self._transport.write(self._service.reply)
            return
        counts.arrivals.append(time.monotonic())
        counts.bytes += self._length
        counts.now += 1
        counts.most_at_once = max(counts.most_at_once, counts.now)
        self._counts = counts
        asyncio.get_running_loop().call_later(counts.latency_s, self._answer)

    def _answer(self) -> None:
        if self._counts is None:
            return  # the client is gone
        self._counts.now -= 1
        self._counts.replies.append(time.monotonic())
        self._counts = None
        self._transport.write(self._service.reply)


def completion(content: str) -> dict[str, object]:
    """A chat completion that says ``content``."""
    message = {"role": "assistant", "content": content, "refusal": None}
    choice = {"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}
    usage = {"prompt_tokens": 1280, "completion_tokens": 24, "total_tokens": 1304}
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1_767_225_600,
        "model": MODEL,
        "system_fingerprint": "fp_loopback",
        "choices": [choice],
        "usage": usage,
    }


def _response(body: object) -> bytes:
    data = json.dumps(body).encode()
    return _HEADERS.format(length=len(data)).encode() + data


async def serve(port: int, content: str) -> None:
    """Serve until cancelled; prints the port once it listens."""
    service = Service(content)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--content", default=CONTENT, help="text of every reply")
    given = parser.parse_args()
    asyncio.run(serve(given.port, given.content))
