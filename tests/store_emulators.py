"""Object stores on loopback: moto for S3, gcp-storage-emulator for Google, and a door before each.

The door adds what the emulators lack and a test needs: Google's precondition ``ifGenerationMatch=0``
(one writer at a time), a delay before every request as of a store that is far away, and failures.
"""

import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

BUCKET = "bucket"
KEYS = {
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_REGION": "us-east-1",
}


@dataclasses.dataclass
class Door:
    """Passes requests on to an emulator."""

    behind: str
    port: int = 0
    delay_s: float = 0.0
    pause_s: float = 0.0  # between the head of a request and its body
    # number of a request (from 1), its method -> what comes instead: a status, or "reset"
    fault: Callable[[int, str], int | str | None] = lambda number, method: None
    asked: list[tuple[str, str, dict[str, str]]] = dataclasses.field(default_factory=list)
    most: int = 0  # requests at once
    _now: int = 0

    def calm(self) -> None:
        """As at the beginning."""
        self.delay_s, self.pause_s, self.fault = 0.0, 0.0, lambda number, method: None
        self.asked.clear()
        self.most = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request):
        from aiohttp import web

        self.asked.append((request.method, request.path_qs, dict(request.headers)))
        number = len(self.asked)
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            if self.pause_s:
                await asyncio.sleep(self.pause_s)
            data = await request.read()
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            fault = self.fault(number, request.method)
            if fault == "reset":
                request.transport.abort()
                return web.Response()
            if fault == "lost":  # it is done, and the answer never arrives
                await self._pass_on(request, data)
                request.transport.abort()
                return web.Response()
            if isinstance(fault, int):
                return web.Response(status=fault, text="{}")
            return await self._pass_on(request, data)
        finally:
            self._now -= 1

    async def _pass_on(self, request, data):
        from aiohttp import web

        if "If-None-Match" in request.headers or request.query.get("ifGenerationMatch") == "0":
            async with self._lock:
                if "ifGenerationMatch" in request.query and await self._is_there(request, data):
                    error = {"error": {"code": 412, "message": "conditionNotMet"}}
                    return web.json_response(error, status=412)
                return await self._sent(request, data)
        return await self._sent(request, data)

    async def _is_there(self, request, data) -> bool:
        name = request.query.get("name")
        if name is None:
            start = data.index(b"{")
            name = json.JSONDecoder().raw_decode(data[start:].split(b"\n--", 1)[0].decode())[0][
                "name"
            ]
        bucket = request.path.split("/b/")[1].split("/")[0]
        where = f"{self.behind}/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        async with self._session.get(where) as answer:
            return answer.status == 200

    async def _sent(self, request, data):
        from aiohttp import web
        from yarl import URL

        where = URL(self.behind + request.raw_path, encoded=True)
        headers = {k: v for k, v in request.headers.items() if k.lower() != "accept-encoding"}
        async with self._session.request(
            request.method, where, data=data, headers=headers, allow_redirects=False
        ) as answer:
            body = await answer.read()
            skip = {"content-length", "transfer-encoding", "connection", "date", "server"}
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in skip}
            if request.method == "HEAD" and "Content-Length" in answer.headers:
                kept["Content-Length"] = answer.headers["Content-Length"]
            return web.Response(status=answer.status, body=body, headers=kept)


@contextlib.contextmanager
def door(behind: str) -> Iterator[Door]:
    """A door before an emulator, on a thread of its own."""
    from aiohttp import ClientSession, TCPConnector, web

    door = Door(behind)
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def run() -> None:
        door._lock = asyncio.Lock()
        door._session = ClientSession(
            connector=TCPConnector(limit=4),
            auto_decompress=False,
            skip_auto_headers=["Content-Type"],
        )
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{tail:.*}", door.handle)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        door.port = site._server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        await runner.cleanup()
        await door._session.close()

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield door
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()


@contextlib.contextmanager
def amazon() -> Iterator[tuple[str, dict[str, str], Door]]:
    """(address of a bucket, environment, door) of an S3 store."""
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with door(f"http://{host}:{port}") as way:
            yield f"s3://{BUCKET}", {**KEYS, "AWS_ENDPOINT_URL": way.url}, way
    finally:
        server.stop()


@contextlib.contextmanager
def google() -> Iterator[tuple[str, dict[str, str], Door]]:
    """(address of a bucket, environment, door) of a Google store."""
    pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator is not installed")
    from gcp_storage_emulator.server import create_server

    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    port = server._api._httpd.server_address[1]
    try:
        with door(f"http://127.0.0.1:{port}") as way:
            yield f"gs://{BUCKET}", {"STORAGE_EMULATOR_HOST": way.url}, way
    finally:
        server.stop()


@contextlib.contextmanager
def at(environment: dict[str, str]) -> Iterator[None]:
    """This process's environment while the block runs; no instance remembers another endpoint."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        _forget()
        try:
            yield
        finally:
            _forget()


def _forget() -> None:
    for module, name in (("s3fs", "S3FileSystem"), ("gcsfs.core", "GCSFileSystem")):
        if module in sys.modules:
            getattr(sys.modules[module], name).clear_instance_cache()


def make_bucket(address: str) -> None:
    """The bucket of an S3 address; Google's emulator has its own from the start."""
    import fsspec

    if address.startswith("s3"):
        fsspec.filesystem("s3").makedirs(BUCKET, exist_ok=True)


STORES = {"s3": amazon, "gs": google}


def child_environment(environment: dict[str, str]) -> dict[str, str]:
    """Of a process beside this one."""
    return {**os.environ, **environment, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"}
