"""A whole run on Dataflow without a cloud: jobs go to a double on the loopback interface, what they stage
to an emulated object store, and each is done when its staged graph has been run from its staged code."""

import base64
import bz2
import hashlib
import json
import os
import re
import signal
import subprocess
import tarfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from apache_beam.internal import pickler
from dataflow_server import BUCKET, DataflowServer, Replay, Storage, storage
from engine_run import KEY, hashes, row_hashes, run, write
from gcp_environment import gcp_python
from judge_server import JudgeServer

from pipeline.dataset.checksums import verify

__all__ = ["gcp_python"]
pytestmark = pytest.mark.slow
# told by no file of the project: its source is among what is staged
SECRET = "sk-" + hashlib.sha256(b"a judge's key").hexdigest()
STAGES = ("collect", "annotate", "compare", "assemble")


class Sent:
    """What one run sent to Dataflow, and what it and its replays left in the store."""

    def __init__(self, code: int, said: str, server: DataflowServer, replay: Replay) -> None:
        self.code, self.said, self.replay = code, said, replay
        self.jobs = list(server.jobs.values())

    def options(self, number: int) -> dict[str, object]:
        return self.jobs[number]["environment"]["sdkPipelineOptions"]["options"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dataflow")


@pytest.fixture(scope="module")
def store(gcp_python: Path, folder: Path) -> Iterator[Storage]:
    with storage(gcp_python, folder) as running:
        yield running


def start(
    python: Path, config: Path, copy: Path, store: Storage, server: DataflowServer
) -> "subprocess.Popen[str]":
    """The command, its jobs sent to the double. ``copy``: its working copy, whose name is the output's."""
    command = [python, "-m", "pipeline.run", "--config", config, "--working-copy", copy,
               "--output", f"gs://{BUCKET}/{copy.name}", "--runner=DataflowRunner", "--no_auth",
               "--project=demo-project", "--region=us-central1", "--max_num_workers=7",
               f"--temp_location=gs://{BUCKET}/temp-{copy.name}",
               f"--dataflow_endpoint={server.endpoint}"]  # fmt: skip
    known = {KEY: SECRET, "GOOGLE_APPLICATION_CREDENTIALS": str(server.credentials(config.parent))}
    return subprocess.Popen(
        list(map(str, command)),
        cwd=Path(__file__).parents[1],
        env={**os.environ, **store.environment, **known, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def sent(gcp_python: Path, folder: Path, store: Storage) -> Iterator[Sent]:
    copy, here = folder / "run", folder / "replay"
    here.mkdir()
    replay = Replay(gcp_python, store, here, {KEY: SECRET}, copy)
    with JudgeServer() as judge, DataflowServer(replay) as server:
        config = write(folder, judge.base_url)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(KEY, SECRET)
            assert run(config, folder / "local") == 0
        process = start(gcp_python, config, copy, store, server)
        said, _ = process.communicate(timeout=500)
        yield Sent(process.returncode, said, server, replay)


def test_it_ends_complete_with_the_rows_of_the_local_run(
    sent: Sent, folder: Path, store: Storage
) -> None:
    print(sent.said[-4000:], sent.replay.seconds)
    assert sent.code == 0
    at_home = folder / "at-home"
    for name in store.names("run/"):
        file = at_home / name.removeprefix("run/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(store.read(name))
    assert row_hashes(at_home) == row_hashes(folder / "local")
    assert hashes(at_home) == hashes(folder / "local")  # the files, too, pictures and all
    assert verify(at_home) == []
    (pictures,) = (at_home / "tables" / "frames").glob("*.parquet")
    assert pq.read_table(pictures)["images"][0][0]["bytes"].as_py()[:3] == b"\xff\xd8\xff"  # JPEG
    assert json.loads(store.read("run/run.json"))["state"] == "complete"


def test_workers_open_nothing_on_the_launchers_disk(sent: Sent) -> None:
    assert len(sent.replay.seconds) == len(STAGES)
    assert sent.replay.touched == []


def test_each_stage_is_a_job_with_a_name_and_labels(sent: Sent) -> None:
    names = [job["name"] for job in sent.jobs]
    assert [name.split("-")[1] for name in names] == list(STAGES)
    assert names[1].startswith("videoprefer-annotate-00000-")
    assert sent.jobs[1]["labels"] == {"videoprefer-stage": "annotate", "videoprefer-wave": "00000"}


def test_options_and_experiments_reach_the_job(sent: Sent) -> None:
    for number, job in enumerate(sent.jobs):
        (pool,) = job["environment"]["workerPools"]
        assert pool["autoscalingSettings"]["maxNumWorkers"] == 7
        experiments = job["environment"]["experiments"]
        assert "no_use_multiple_sdk_containers" in experiments
        assert "use_multiple_sdk_containers" not in experiments
        assert sent.options(number)["project"] == "demo-project"
        assert not sent.options(number).get("save_main_session")


def test_the_packages_are_this_programs_own_source(sent: Sent, store: Storage) -> None:
    (package,) = {
        package["location"].split(f"/{BUCKET}/", 1)[1]
        for package in sent.jobs[0]["environment"]["workerPools"][0]["packages"]
        if package["name"].endswith(".tar.gz")
    }
    with tarfile.open(fileobj=BytesIO(store.read(package))) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    assert {"pipeline/run.py", "schemas/layout.py", "annotators/models/models.yaml"} <= names
    assert any(name.startswith("prompts/") and name.endswith(".yaml") for name in names)


def test_no_key_is_in_a_job_or_in_anything_that_it_staged(
    sent: Sent, folder: Path, store: Storage
) -> None:
    account = json.loads((folder / "account.json").read_text())["private_key"].split("\n")[3]
    staged = store.names("temp-run/")
    graphs = [name for name in staged if name.endswith("pipeline.pb")]
    assert len(graphs) == len(STAGES)
    assert any(_holds(store.read(name), KEY) for name in graphs)  # its name is, so we can look in
    for name in [*staged, *store.names("run/")]:
        for secret in (SECRET, account):
            assert not _holds(store.read(name), secret), name
    for secret in (SECRET, account):
        assert not _holds(json.dumps(sent.jobs).encode(), secret)
    assert KEY in json.dumps(json.loads(store.read("run/run.json"))["config"])  # its name may be


def test_an_interrupt_cancels_the_job_and_says_how_to_go_on(
    gcp_python: Path, folder: Path, store: Storage
) -> None:
    with JudgeServer() as judge, DataflowServer(lambda job: None) as server:
        server.work = lambda job: server.ended.wait(60)
        config = write(folder / "interrupted", judge.base_url)
        process = start(gcp_python, config, folder / "stopped", store, server)
        while not server.asked.wait(1):  # the launcher waits for its first job
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 3, said
    assert server.cancelled == ["job-1"]
    assert "same command again" in said
    assert judge.n_bills == 0


def _holds(data: bytes, secret: str) -> bool:
    """Whether bytes hold a secret: as they are, packed, or in what is pickled in a graph."""
    plain = secret.encode()
    return any(
        form in part for part in _parts(data) for form in (plain, base64.b64encode(plain)[:-4])
    )


def _parts(data: bytes) -> Iterator[bytes]:
    """Bytes, and what is packed in them: a tar as a whole, pickles as Beam packs them (base64 of bzip2)."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield zlib.decompress(data, wbits=31)
    for found in re.finditer(base64.b64encode(b"BZh91AY&SY")[:12] + rb"[A-Za-z0-9+/]*", data):
        packed = found[0][: len(found[0]) // 4 * 4]
        yield bz2.BZ2Decompressor().decompress(base64.b64decode(packed))


def test_a_secret_in_a_pickle_would_be_found() -> None:
    assert _holds(b"\x12\x07graph" + pickler.dumps({"key": SECRET}) + b"\x1a", SECRET)
