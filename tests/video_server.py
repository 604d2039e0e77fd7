"""A small Videos API on the loopback interface that counts the jobs it would bill.

A job is done after some looks at it; what becomes of it follows from words in its prompt, and a clip's
bytes from the job. Faults are scripted by arrival, for each kind of call on its own.

    with VideoServer(create=["rate_limit", None, "lost"], content=["cut"]) as server:
        ... server.base_url, server.jobs, server.calls

By hand: ``python tests/video_server.py --port 8378 --looks 3``.
"""

import argparse
import dataclasses
import email.message
import email.parser
import email.policy
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

MP4 = b"\0\0\0\x18ftypisom"  # what a clip begins with
# fault -> status, code, message: answered before anything is made of the request
ERRORS = {
    "rate_limit": (429, "rate_limit_exceeded", "Too many jobs in the making, try again later"),
    "server_error": (500, "server_error", "The server had an error"),
    "gateway": (504, "gateway", "upstream timed out"),
    "bad_request": (400, "invalid_value", "seconds must be one of 4, 8, 12"),
    "moderation": (400, "moderation_blocked", "Your request was blocked by our moderation system."),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: {key}"),
    "forbidden": (403, "forbidden", "This key may not use the model"),
    "payment": (402, "payment_required", "Add credits"),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota"),
    "not_found": (404, "not_found", "No such video"),
}
# further: "slow" (late, but well), "garbage" (200 and no JSON), "reset" (the connection breaks before
# anything happens), "lost" (the job is made, then the connection breaks), "lost_gateway" (made, then 504)
# of content: "cut", "cut_chunks", "endless_length", "page" (HTML), "empty", "too_large", "elsewhere"
# (a redirect to another host name)
# a word in the prompt -> status and error of the job in the end
ENDS: dict[str, tuple[str, dict[str, str] | None]] = {
    "broken": ("failed", {"code": "internal_error", "message": "The job crashed"}),
    "blocked": ("failed", {"code": "moderation_blocked", "message": "Blocked by moderation"}),
    "broke": ("failed", {"code": "insufficient_quota", "message": "No credit is left"}),
    "endless": ("in_progress", None),
    "expires": ("expired", None),
}


@dataclasses.dataclass
class Job:
    """What a request became."""

    id: str
    fields: dict[str, str]
    created_at: float
    looks: int = 0
    deleted: bool = False

    @property
    def content(self) -> bytes:
        """The clip: no two jobs give the same."""
        return MP4 + f"{self.id} {self.fields['prompt']}".encode() + bytes(2000)


class VideoServer:
    """Runs while the ``with`` block does. ``jobs``: everything that would be billed, by id."""

    def __init__(
        self,
        *,
        create: Iterable[str | None] = (),
        look: Iterable[str | None] = (),
        content: Iterable[str | None] = (),
        listing: Iterable[str | None] = (),
        looks: int = 1,
        latency_s: float = 0.0,
        retry_after_s: float = 0.01,
        prompts_listed: bool = True,
        most_jobs: int = 1000,
        port: int = 0,
    ) -> None:
        self.jobs: dict[str, Job] = {}
        self.calls: Counter[str] = Counter()  # by kind: create, look, content, listing, delete
        self.keys: set[str] = set()  # bearer tokens, Idempotency-Keys
        self.once: list[str] = []
        self.most_at_once = 0  # of jobs that are not done
        self.looks, self.latency_s, self.retry_after_s = looks, latency_s, retry_after_s
        self.prompts_listed, self.most_jobs = prompts_listed, most_jobs
        self.script = {
            "create": list(create),
            "look": list(look),
            "content": list(content),
            "listing": list(listing),
        }
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.videos = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}
        )

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_address[1]

    @property
    def base_url(self) -> str:
        """What ``base_url:`` of a generator must be."""
        return f"http://127.0.0.1:{self.port}/v1"

    def prompts(self) -> Counter[str]:
        """How many jobs of each prompt were made."""
        with self.lock:
            return Counter(job.fields["prompt"] for job in self.jobs.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def arrive(self, kind: str) -> str | None:
        """Note a call. Returns its fault."""
        with self.lock:
            self.calls[kind] += 1
            script = self.script.get(kind, [])
            n = self.calls[kind] - 1
            return script[n] if n < len(script) else None

    def make(self, fields: dict[str, str]) -> Job | None:
        """A new job, which is billed; None where too many are in the making."""
        with self.lock:
            busy = sum(job.looks < self.looks for job in self.jobs.values())
            if busy >= self.most_jobs:
                return None
            self.most_at_once = max(self.most_at_once, busy + 1)
            job = Job(f"video_{len(self.jobs):04}", fields, time.time())
            self.jobs[job.id] = job
            return job

    def shown(self, job: Job) -> dict[str, Any]:
        """A job as the API shows it."""
        ends = (end for word, end in ENDS.items() if word in job.fields["prompt"].split())
        status, error = next(ends, ("completed", None))
        if job.looks < self.looks:
            status, error = ("in_progress" if job.looks else "queued"), None
        told = {"prompt": job.fields["prompt"]} if self.prompts_listed else {}
        return {
            "id": job.id, "object": "video", "status": status, "error": error,
            "model": job.fields.get("model", "default"), "created_at": int(job.created_at),
            "progress": 100 * job.looks // max(self.looks, 1), **told,
            "seconds": job.fields.get("seconds", "4"), "size": job.fields.get("size", "720x1280"),
        }  # fmt: skip


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    videos: VideoServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed closes its connections; that is what tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        fields = self._fields()
        self.server.videos.once.append(self.headers.get("Idempotency-Key", ""))
        fault = self._arrive("create")
        if fault in ("lost", "lost_gateway"):
            self.server.videos.make(fields)
            self._reset() if fault == "lost" else self._error("gateway")
        elif fault is None or fault == "slow":
            job = self.server.videos.make(fields)
            self._json(self.server.videos.shown(job)) if job else self._error("rate_limit")

    def do_GET(self) -> None:
        videos, address = self.server.videos, urlsplit(self.path)
        parts = address.path.strip("/").split("/")
        kind = {2: "listing", 3: "look"}.get(len(parts), "content")
        fault = self._arrive(kind)
        if fault in ERRORS or fault in ("garbage", "reset"):
            return
        if kind == "listing":
            self._list(parse_qs(address.query))
            return
        job = videos.jobs.get(parts[2])
        if job is None or job.deleted:
            self._error("not_found")
        elif kind == "look":
            with videos.lock:
                job.looks += 1
            self._json(videos.shown(job))
        else:
            self._content(job, fault)

    def do_DELETE(self) -> None:
        self._arrive("delete")
        job = self.server.videos.jobs[self.path.rsplit("/", 1)[1]]
        job.deleted = True
        self._json({"id": job.id, "object": "video.deleted", "deleted": True})

    def _arrive(self, kind: str) -> str | None:
        """Notes the call, waits, and answers by itself what no further thought is needed for."""
        videos = self.server.videos
        fault = videos.arrive(kind)
        videos.keys.add(self.headers.get("Authorization", "none"))
        time.sleep(videos.latency_s + (0.2 if fault == "slow" else 0))
        if fault in ERRORS:
            self._error(str(fault))
        elif fault == "garbage":
            self.send(200, b"<html>The proxy says hello.</html>", {"Content-Type": "text/html"})
        elif fault == "reset":
            self._reset()
        return fault

    def _fields(self) -> dict[str, str]:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Type"] == "application/json":
            return {name: str(value) for name, value in json.loads(body).items()}
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        return {
            str(part.get_param("name", header="content-disposition")): _text(part)
            for part in form.iter_parts()
        }

    def _list(self, query: dict[str, list[str]]) -> None:
        videos = self.server.videos
        with videos.lock:
            newest = [videos.shown(j) for j in reversed(videos.jobs.values()) if not j.deleted]
        ids = [job["id"] for job in newest]
        begin = ids.index(query["after"][0]) + 1 if "after" in query else 0
        page = newest[begin : begin + 2]  # small pages: every test turns them
        more = begin + 2 < len(newest)
        self._json({"object": "list", "data": page, "has_more": more})

    def _content(self, job: Job, fault: str | None) -> None:
        data = job.content
        if self.server.videos.shown(job)["status"] != "completed":
            self._error("not_found")
        elif fault == "elsewhere":
            where = f"http://localhost:{self.server.videos.port}{self.path}?signed"
            self.send(302, b"", {"Location": where})
        elif fault == "page":
            self.send(200, b"<!doctype html>Sign in", {"Content-Type": "text/html"})
        elif fault == "empty":
            self.send(200, b"")
        elif fault == "too_large":
            self.send(200, data, {"Content-Length": str(2**28 + 1)})
        elif fault == "cut":
            self.send(200, data[:100], {"Content-Length": str(len(data))})
            self.close_connection = True
        elif fault == "endless_length":  # as HTTP/1.0 does: the end of the connection ends the clip
            self.send(200, data[:100], {"Content-Length": "", "Connection": "close"})
        elif fault == "cut_chunks":
            self.send(200, b"%x\r\n%b\r\n" % (100, data[:100]),
                      {"Content-Length": "", "Transfer-Encoding": "chunked"})  # fmt: skip
            self.close_connection = True
        else:
            self.send(200, data, {"Content-Type": "video/mp4"})

    def _error(self, name: str) -> None:
        status, code, message = ERRORS[name]
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        error = {"message": message.format(key=key), "type": code, "code": code, "param": None}
        waits = {"Retry-After": str(self.server.videos.retry_after_s)} if status == 429 else {}
        self.send(status, json.dumps({"error": error}).encode(), waits)

    def _json(self, shown: dict[str, Any]) -> None:
        self.send(200, json.dumps(shown).encode(), {"Content-Type": "application/json"})

    def _reset(self) -> None:
        # zero linger: closing sends RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        """A response; the headers given replace the usual ones, empty ones are left out."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | (headers or {})).items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: tests read the counters."""


def _text(part: email.message.Message) -> str:
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def main() -> None:
    """Serve by hand."""
    parser = argparse.ArgumentParser(description="A loopback Videos API.")
    parser.add_argument("--port", type=int, default=8378)
    parser.add_argument("--looks", type=int, default=3, help="looks at a job until it is done")
    given = parser.parse_args()
    server = VideoServer(port=given.port, looks=given.looks)
    print(f"{server.base_url} (any key)", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        print(f"{len(server.jobs)} jobs billed")


if __name__ == "__main__":
    main()
