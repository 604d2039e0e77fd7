"""An OpenAI-compatible server over a tiny random model: what it says is random, how it says it is real.

It honours ``response_format`` with a JSON schema, ``n``, ``seed``, ``max_tokens``, ``temperature``,
``top_p``, ``logprobs`` and ``top_logprobs``, with the constrained decoding of kind ``transformers``.

    with TinyServer(folder) as server:
        ... server.base_url, server.bodies

By hand: ``python tests/tiny_server.py FOLDER --port 8378``.
"""

import argparse
import base64
import hashlib
import io
import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image

from annotators.local import TransformersSpec
from annotators.local.body import completion_of
from annotators.local.engine import Engine
from annotators.local.job import Job, JobFailed
from annotators.local.load import load

SNAPSHOT = "tiny-random"


class TinyServer:
    """Runs while the ``with`` block does."""

    def __init__(
        self, folder: Path, *, port: int = 0, batch_size: int = 8, ignores: Sequence[str] = ()
    ) -> None:
        self._ignores = frozenset(ignores)  # fields of a request, as servers do that know them not
        self.engine = Engine(load(TransformersSpec(model=str(folder))), batch_size)
        self.bodies: list[dict[str, Any]] = []  # every request that arrived, in order
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.tiny = self

    @property
    def base_url(self) -> str:
        """What ``base_url:`` of an annotator must be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.engine.close()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body of a chat completion."""
        self.bodies.append(body)
        body = {name: value for name, value in body.items() if name not in self._ignores}
        waiting = [self.engine.submit(_job(body, i)) for i in range(body.get("n") or 1)]
        return completion_of(SNAPSHOT, "fp_tiny", [one.result() for one in waiting])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tiny: TinyServer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self._send(200, self.server.tiny.complete(body))
        except (JobFailed, KeyError, ValueError) as error:
            self._send(400, {"error": {"message": str(error), "type": "invalid_request_error"}})

    def _send(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def _job(body: dict[str, Any], index: int) -> Job:
    parts = [_parts(message["content"]) for message in body["messages"]]
    shown = [part["image_url"]["url"] for some in parts for part in some if "image_url" in part]
    return Job(
        key=hashlib.sha256(f"{json.dumps(body, sort_keys=True)}{index}".encode()).hexdigest(),
        messages=[
            {"role": message["role"], "content": some}
            for message, some in zip(body["messages"], parts)
        ],
        pictures=tuple(map(_picture, shown)),
        schema=_schema(body.get("response_format") or {}),
        temperature=1.0 if body.get("temperature") is None else body["temperature"],
        top_p=1.0 if body.get("top_p") is None else body["top_p"],
        max_tokens=body.get("max_completion_tokens") or body.get("max_tokens") or 512,
        top_logprobs=(body.get("top_logprobs") or 0) if body.get("logprobs") else 0,
    )


def _parts(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _picture(url: str) -> Image.Image:
    head, _, data = url.partition(",")
    if not head.startswith("data:image/"):
        raise ValueError("only data: URLs of images are read here")
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def _schema(response_format: dict[str, Any]) -> dict[str, Any] | None:
    match response_format.get("type", "text"):
        case "json_schema":
            return response_format["json_schema"]["schema"]
        case "json_object":
            return {"type": "object"}
        case "text":
            return None
    raise ValueError(f"response_format {response_format}")


def main() -> None:
    """Serve by hand."""
    parser = argparse.ArgumentParser(description="A tiny random model behind chat completions.")
    parser.add_argument("folder", type=Path, help="written by tiny_vlm.py, or any other model")
    parser.add_argument("--port", type=int, default=8378)
    given = parser.parse_args()
    server = TinyServer(given.folder, port=given.port)
    print(f"{server.base_url} (any key)", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        print(f"{len(server.bodies)} requests")


if __name__ == "__main__":
    main()
