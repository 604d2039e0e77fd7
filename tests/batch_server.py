"""A loopback Files and Batches API that counts, per ``custom_id``, what it would bill.

Verdicts are those of ``judge_server``. Everything that real batches do to a client is scripted:

    calls    (name of the call, how many of it came before) -> a fault: "server_error", "rate_limit",
             "unauthorized", "insufficient_quota", "not_found", "not_yet", "reset" (not done),
             "late_reset" (it was done, and the reply is lost), "short" (the reply breaks off)
    lines    (custom_id, how often it was tried before) -> what becomes of one request: None (answered),
             "refused", "filtered", "busy", "broken", "quota", "expired", "vanished" (no line at all),
             "cut" (at its token cap), "garbage" (a reply that is no completion), or a fault of
             ``judge_server`` that a reply can have ("one_choice", "cut_choice", ...)
    batches  number of the batch -> "invalid" (fails validation), "invalid_line", "no_room", "quota",
             "expired", "cancelled"
    tampers  "shuffle", "repeat", "unknown", "unreadable": done to every output file

    with BatchServer(lines=lambda key, n: "expired" if n == 0 else None) as server:
        ... server.base_url, server.bills, server.batches, server.files
"""

import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from judge_server import _completion

PAGE = 2  # of lists, whatever is asked for: so that a client must turn pages

_ERRORS = {
    "server_error": (500, "server_error", "The server had an error"),
    "rate_limit": (429, "rate_limit_exceeded", "Slow down"),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: {key}"),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota"),
    "not_found": (404, "not_found", "Not Found"),
    "not_yet": (
        400,
        "invalid_request_error",
        "Cannot find file file-1, or it has no access to it.",
    ),
}
_LINES = {
    "refused": (400, "invalid_image", "An image could not be read"),
    "filtered": (400, "content_filter", "The prompt was filtered"),
    "busy": (429, "rate_limit_exceeded", "Rate limit reached"),
    "broken": (500, "server_error", "The server had an error"),
    "quota": (429, "insufficient_quota", "You exceeded your current quota"),
}
_INVALID = {
    "invalid": ("invalid_file", None, "The file could not be processed"),
    "invalid_line": ("invalid_json_line", 1, "This line is not parseable as valid JSON"),
    "no_room": ("token_limit_exceeded", None, "Enqueued token limit reached. Limit: 90,000"),
    "quota": ("billing_hard_limit_reached", None, "Billing hard limit has been reached"),
}


@dataclass
class File:
    """What was uploaded, or what a batch wrote."""

    id: str
    name: str
    purpose: str
    content: bytes

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "id": self.id, "object": "file", "bytes": len(self.content), "created_at": 0,
            "filename": self.name, "purpose": self.purpose, "status": "processed",
        }  # fmt: skip


@dataclass
class Batch:
    """One batch; it ends when it has been looked at ``looks`` times."""

    id: str
    file: File
    metadata: dict[str, str]
    status: str = "validating"
    looks: int = 1
    output: str | None = None
    error: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    complaint: tuple[str, int | None, str] | None = None

    def shown(self) -> dict[str, Any]:
        """As the API shows it."""
        complaints = None
        if self.complaint:
            code, line, message = self.complaint
            complaints = {"data": [{"code": code, "line": line, "message": message, "param": None}]}
        return {
            "id": self.id, "object": "batch", "endpoint": "/v1/chat/completions",
            "completion_window": "24h", "created_at": 0, "input_file_id": self.file.id,
            "metadata": self.metadata, "status": self.status, "output_file_id": self.output,
            "error_file_id": self.error, "errors": complaints, "request_counts": self.counts,
        }  # fmt: skip


def _never(*_: object) -> None:
    return None


class BatchServer:
    """Runs while the ``with`` block does."""

    def __init__(
        self,
        *,
        calls: Callable[[str, int], str | None] = _never,
        lines: Callable[[str, int], str | None] = _never,
        batches: Callable[[int], str | None] = _never,
        tampers: Collection[str] = (),
        looks: int = 1,
    ) -> None:
        self.bills: Counter[str] = Counter()  # by custom_id
        self.calls: Counter[str] = Counter()
        self.asked: dict[str, dict[str, Any]] = {}  # the last line with a custom_id, as it came
        self.files: dict[str, File] = {}
        self.batches: dict[str, Batch] = {}
        self.most_at_once = 0  # batches that had not ended
        self._calls, self._lines, self._fates = calls, lines, batches
        self._tampers, self._looks = tampers, looks
        self._tried: Counter[str] = Counter()
        self._n = 0
        self.lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}
        )

    @property
    def base_url(self) -> str:
        """What ``base_url:`` of an annotator must be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

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

    def fault(self, call: str) -> str | None:
        """Note a call; what is to go wrong with it."""
        with self.lock:
            self.calls[call] += 1
            return self._calls(call, self.calls[call] - 1)

    def add_file(self, name: str, purpose: str, content: bytes) -> File:
        """Keep a file."""
        with self.lock:
            self._n += 1
            file = File(f"file-{self._n}", name, purpose, content)
            self.files[file.id] = file
            return file

    def add_batch(self, file: File, metadata: dict[str, str]) -> Batch:
        """Begin a batch."""
        with self.lock:
            batch = Batch(f"batch_{len(self.batches)}", file, metadata, looks=self._looks)
            self.batches[batch.id] = batch
            open_ones = [
                b for b in self.batches.values() if b.status in ("validating", "in_progress")
            ]
            self.most_at_once = max(self.most_at_once, len(open_ones))
            return batch

    def look(self, batch: Batch) -> Batch:
        """One look at a batch, which takes it further."""
        with self.lock:
            if batch.status in ("validating", "in_progress"):
                batch.looks -= 1
                batch.status = "in_progress"
                if batch.looks <= 0:
                    self._end(batch)
            return batch

    def _end(self, batch: Batch) -> None:
        fate = self._fates(list(self.batches).index(batch.id))
        if fate in _INVALID:
            batch.status, batch.complaint = "failed", _INVALID[fate]
            batch.counts = {"total": 0, "completed": 0, "failed": 0}
            return
        asked = [json.loads(line) for line in batch.file.content.splitlines()]
        output, errors = [], []
        for one in asked:
            self.asked[one["custom_id"]] = one
            kind, line = self._answer(one, fate)
            (output if kind else errors).append(line) if line else None
        batch.status = fate or "completed"
        batch.counts = {
            "total": len(asked), "completed": len(output), "failed": len(asked) - len(output),
        }  # fmt: skip
        if output:
            batch.output = self._write("output", self._tampered(output)).id
        if errors:
            batch.error = self._write("errors", errors).id

    def _answer(self, asked: dict[str, Any], fate: str | None) -> tuple[bool, str | None]:
        """Whether it belongs into the output file, and the line."""
        key = asked["custom_id"]
        what = self._lines(key, self._tried[key])
        self._tried[key] += 1
        if what == "vanished":
            return False, None
        if what == "expired" or (fate in ("expired", "cancelled") and what != "answered"):
            error = {
                "code": f"batch_{fate or what}",
                "message": "It could not be executed in time.",
            }
            return False, json.dumps({"custom_id": key, "response": None, "error": error})
        if what in _LINES:
            status, code, message = _LINES[what]
            body: Any = {"error": {"message": message, "type": code, "code": code, "param": None}}
            return False, _line(key, status, json.dumps(body))
        self.bills[key] += 1
        if what == "garbage":
            return True, _line(key, 200, '{"object": "page"}')
        # numbers and blanks that no JSON writer of ours would make
        text = json.dumps(_completion(asked["body"], "truncated" if what == "cut" else what))
        return True, _line(key, 200, text.replace('"created": 0', '"created":  0.0e0'))

    def _tampered(self, lines: list[str]) -> list[str]:
        if "repeat" in self._tampers:
            lines = [*lines, lines[0]]
        if "unknown" in self._tampers:
            stranger = json.loads(lines[0]) | {"custom_id": "f" * 64}
            lines = [json.dumps(stranger), *lines]
        if "unreadable" in self._tampers:
            lines = [*lines, lines[0][:40]]
        if "shuffle" in self._tampers:
            random.Random(0).shuffle(lines)
        return lines

    def _write(self, name: str, lines: list[str]) -> File:
        return self.add_file(f"{name}.jsonl", "batch_output", ("\n".join(lines) + "\n").encode())


def _line(key: str, status: int, body: str) -> str:
    return (
        f'{{"id": "batch_req", "custom_id": "{key}", "response": '
        f'{{"status_code": {status}, "request_id": "r", "body": {body}}}, "error": null}}'
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    service: BatchServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed closes its connections; that is what tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._route("GET", b"")

    def do_DELETE(self) -> None:
        self._route("DELETE", b"")

    def do_POST(self) -> None:
        self._route("POST", self._read())

    def _route(self, method: str, body: bytes) -> None:
        parts = urlsplit(self.path)
        self._after = parse_qs(parts.query).get("after", [""])[0]
        kind, *rest = parts.path.removeprefix("/v1/").split("/")
        call = {
            ("POST", "files", 0): "upload", ("GET", "files", 0): "list_files",
            ("GET", "files", 2): "download", ("DELETE", "files", 1): "delete",
            ("POST", "batches", 0): "create", ("GET", "batches", 0): "list_batches",
            ("GET", "batches", 1): "retrieve", ("POST", "batches", 2): "cancel",
        }[method, kind, len(rest)]  # fmt: skip
        fault = self.server.service.fault(call)
        if fault == "reset":
            self._reset()
        elif fault in _ERRORS:
            status, code, message = _ERRORS[fault]
            key = self.headers.get("Authorization", "").removeprefix("Bearer ")
            error = {"message": message.format(key=key), "type": code, "code": code, "param": None}
            self._send(status, json.dumps({"error": error}).encode())
        else:
            content = getattr(self, f"_{call}")(rest, body)
            if fault == "late_reset":
                self._reset()
            elif content is None:
                self._send(404, b'{"error": {"message": "no such thing", "code": "not_found"}}')
            else:
                self._send(200, content, short=fault == "short")

    def _upload(self, rest: list[str], body: bytes) -> bytes:
        boundary = self.headers["Content-Type"].split("boundary=")[1].encode()
        fields: dict[str, bytes] = {}
        name = ""
        for part in body.split(b"--" + boundary)[1:-1]:
            head, content = part[2:].split(b"\r\n\r\n", 1)
            words = head.decode()
            fields[words.split('name="')[1].split('"')[0]] = content[:-2]
            if 'filename="' in words:
                name = words.split('filename="')[1].split('"')[0]
        file = self.server.service.add_file(name, fields["purpose"].decode(), fields["file"])
        return json.dumps(file.shown()).encode()

    def _list_files(self, rest: list[str], body: bytes) -> bytes:
        return self._page([f.shown() for f in self.server.service.files.values()])

    def _download(self, rest: list[str], body: bytes) -> bytes | None:
        file = self.server.service.files.get(rest[0])
        return None if file is None else file.content

    def _delete(self, rest: list[str], body: bytes) -> bytes:
        with self.server.service.lock:
            self.server.service.files.pop(rest[0], None)
        return json.dumps({"id": rest[0], "object": "file", "deleted": True}).encode()

    def _create(self, rest: list[str], body: bytes) -> bytes | None:
        asked, service = json.loads(body), self.server.service
        file = service.files.get(asked["input_file_id"])
        if file is None:
            return None
        return json.dumps(service.add_batch(file, asked["metadata"]).shown()).encode()

    def _retrieve(self, rest: list[str], body: bytes) -> bytes | None:
        batch = self.server.service.batches.get(rest[0])
        return (
            None if batch is None else json.dumps(self.server.service.look(batch).shown()).encode()
        )

    def _cancel(self, rest: list[str], body: bytes) -> bytes | None:
        batch = self.server.service.batches[rest[0]]
        batch.status = "cancelled"
        return json.dumps(batch.shown()).encode()

    def _list_batches(self, rest: list[str], body: bytes) -> bytes:
        newest_first = [b.shown() for b in reversed(self.server.service.batches.values())]
        return self._page(newest_first)

    def _page(self, items: list[dict[str, Any]]) -> bytes:
        ids = [item["id"] for item in items]
        begin = ids.index(self._after) + 1 if self._after else 0
        page = items[begin : begin + PAGE]
        more = begin + PAGE < len(items)
        return json.dumps({"object": "list", "data": page, "has_more": more}).encode()

    def _read(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"]))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def _reset(self) -> None:
        # zero linger: closing sends RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def _send(self, status: int, data: bytes, *, short: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if short else data)
        self.close_connection = short

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: tests read the counters."""
