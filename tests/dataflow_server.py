"""A Dataflow that is not there: it takes jobs, and each is done when its staged graph has been run again.

The double speaks as much of the REST interface as Beam's client asks for. What it is sent is kept
(``server.jobs``), and the first question how a job stands is answered when :class:`Replay` has run the
graph that the job staged, by the code that it staged, in a process of its own.

    with storage(python) as store, DataflowServer(Replay(python, store, folder)) as server:
        ... --dataflow_endpoint=server.endpoint
"""

import contextlib
import json
import os
import re
import subprocess
import tarfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from beam_servers import wait_for
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from engine_run import free_port

TESTS = Path(__file__).parent
BUCKET = "bkt"
REPLAY_S = 120.0


class DataflowServer:
    """Runs while the ``with`` block does; ``work`` is done once for every job that is not cancelled."""

    def __init__(self, work: Callable[[dict[str, Any]], None]) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}  # as they were sent, by id
        self.cancelled: list[str] = []
        self.asked = threading.Event()  # how a job stands: the launcher waits
        self.ended = threading.Event()  # a job, by whoever cancelled it
        self.work, self._states = work, dict[str, str]()
        self._begun: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.dataflow = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def endpoint(self) -> str:
        """Beam speaks plain HTTP where the word localhost is in the address."""
        return f"http://localhost:{self._server.server_address[1]}"

    def credentials(self, folder: Path) -> Path:
        """A service account's file, whose key is as real as any and whose tokens come from here: without one
        Beam looks for credentials, and waits twenty seconds before it believes that there are none."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        account = {
            "type": "service_account",
            "project_id": "demo-project",
            "private_key_id": "1",
            "private_key": key.decode(),
            "client_email": "runner@demo-project.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.endpoint}/token",
        }
        path = folder / "account.json"
        path.write_text(json.dumps(account))
        return path

    def create(self, job: dict[str, Any]) -> dict[str, Any]:
        """Take a job in."""
        number = f"job-{len(self.jobs) + 1}"
        self.jobs[number], self._states[number] = job, "JOB_STATE_RUNNING"
        return self.view(number)

    def view(self, number: str) -> dict[str, Any]:
        """How a job stands."""
        when = "2026-01-01T00:00:00Z"
        state = self._states[number]
        return {
            "id": number,
            "name": self.jobs[number]["name"],
            "currentState": state,
            "createTime": when,
        }

    def look(self, number: str) -> dict[str, Any]:
        """How a job stands. Whoever asks first waits until its work is done; others are told at once."""
        self.asked.set()
        with self._lock:
            first = number not in self._begun
            self._begun.add(number)
        if first:
            try:
                self.work(self.jobs[number])
                ended = "JOB_STATE_DONE"
            except Exception as error:
                print(f"replay of {number}: {error}")
                ended = "JOB_STATE_FAILED"
            if number not in self.cancelled:
                self._states[number] = ended
        return self.view(number)

    def cancel(self, number: str) -> dict[str, Any]:
        """Someone wants an end of it."""
        self.cancelled.append(number)
        self._states[number] = "JOB_STATE_CANCELLED"
        self.ended.set()
        return self.view(number)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def dataflow(self) -> DataflowServer:
        return self.server.dataflow  # type: ignore[attr-defined]

    def do_POST(self) -> None:
        if self.path == "/token":
            self.rfile.read(int(self.headers["Content-Length"]))
            self._say({"access_token": "token", "expires_in": 3600, "token_type": "Bearer"})
        else:
            self._say(self.dataflow.create(self._sent()))

    def do_PUT(self) -> None:
        self._sent()
        self._say(self.dataflow.cancel(self._job()))

    def do_GET(self) -> None:
        path = urllib.parse.urlsplit(self.path).path
        if path.endswith(("/messages", "/metrics")):
            self._say({})
        else:
            self._say(self.dataflow.look(self._job()))

    def _job(self) -> str:
        (number,) = re.findall(r"/jobs/([^/?]+)", self.path)
        return number

    def _sent(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")

    def _say(self, what: dict[str, Any]) -> None:
        body = json.dumps(what).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Storage:
    """The emulated object store, as its own interface tells it."""

    def __init__(self, address: str) -> None:
        self.address = address

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it in the place of Google's."""
        # without the last, gcsfs asks a service that is not there what kind of bucket it is
        return {
            "STORAGE_EMULATOR_HOST": self.address,
            "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",
            "GOOGLE_CLOUD_PROJECT": "demo-project",
        }

    def names(self, prefix: str = "") -> list[str]:
        """Every object, by name."""
        found = self._get(f"/storage/v1/b/{BUCKET}/o?prefix={urllib.parse.quote(prefix, safe='')}")
        return sorted(item["name"] for item in json.loads(found).get("items", []))

    def read(self, name: str) -> bytes:
        """One object."""
        quoted = urllib.parse.quote(name, safe="")
        return self._get(f"/download/storage/v1/b/{BUCKET}/o/{quoted}?alt=media")

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.address + path, timeout=30) as answer:
            return answer.read()


@contextlib.contextmanager
def storage(python: Path, folder: Path) -> Iterator[Storage]:
    """An emulated object store with one bucket, until the block ends."""
    port, log = free_port(), folder / "storage.log"
    # as a module: an environment over another one has its packages, and not its programs
    run = "import sys; from gcp_storage_emulator.__main__ import main; sys.exit(main())"
    command = [python, "-c", run, "start", f"--port={port}", "--in-memory"]
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*map(str, command), f"--default-bucket={BUCKET}"], stdout=said, stderr=said
        )
        try:
            wait_for(port, process, log)
            yield Storage(f"http://localhost:{port}")
        finally:
            process.kill()
            process.wait()


class Replay:
    """Runs what a job staged: its graph, by the code in its packages, and nothing else of the launcher's.

    ``secrets`` are the variables that a worker's container would be given; ``forbidden`` is a folder of
    the launcher's, and every file of it that a worker opens is noted in ``touched``.
    """

    def __init__(
        self, python: Path, store: Storage, folder: Path, secrets: dict[str, str], forbidden: Path
    ) -> None:
        self._python, self._store, self._folder = python, store, folder
        self._secrets, self._forbidden = secrets, forbidden
        self.seconds: list[float] = []

    @property
    def touched(self) -> list[str]:
        """Files below the forbidden folder that a worker has opened."""
        noted = self._folder / "touched.txt"
        return noted.read_text().split("\n")[:-1] if noted.exists() else []

    def __call__(self, job: dict[str, Any]) -> None:
        started = time.monotonic()
        staged = job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
        graph = self._folder / f"{job['name']}.pb"
        graph.write_bytes(self._store.read(staged.removeprefix(f"gs://{BUCKET}/")))
        away = (
            self._folder / "worker"
        )  # of the launcher's, a worker has not even the folder it is in
        away.mkdir(exist_ok=True)
        done = subprocess.run(
            [str(self._python), str(TESTS / "dataflow_replay.py"), str(graph)],
            cwd=away,
            env={
                **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
                **self._store.environment,
                **self._secrets,
                "PYTHONPATH": str(self._code(job)),
                "OMP_NUM_THREADS": "1",
                "REPLAY_FORBIDDEN": str(self._forbidden),
                "REPLAY_TOUCHED": str(self._folder / "touched.txt"),
            },
            capture_output=True,
            text=True,
            timeout=REPLAY_S,
            check=False,
        )
        self.seconds.append(time.monotonic() - started)
        if done.returncode:
            raise RuntimeError(f"{done.stdout[-2000:]}\n{done.stderr[-6000:]}")

    def _code(self, job: dict[str, Any]) -> Path:
        """The staged source distribution, unpacked."""
        (package,) = [
            package["location"].split(f"/{BUCKET}/", 1)[1]
            for package in job["environment"]["workerPools"][0]["packages"]
            if package["name"].endswith(".tar.gz")
        ]
        folder = self._folder / "code" / Path(package).name
        if not folder.exists():
            packed = self._folder / Path(package).name
            packed.write_bytes(self._store.read(package))
            with tarfile.open(packed) as archive:
                archive.extractall(folder, filter="data")
        (source,) = folder.iterdir()
        return source
