"""What each runner is taken for, and what is refused before work: no engine is started here."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.runner import PipelineState

from pipeline.transforms import engine
from pipeline.transforms.engine import Engine
from pipeline.transforms.lost import EngineError, LostWorkerError
from schemas.options import SetupError

JOBS = "--job_endpoint=localhost:8099"
AWAY = "--job_endpoint=jobs.example:8099"


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"localhost:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ([], "FnApiRunner"),
        (["--runner=fnapirunner"], "FnApiRunner"),
        (["--runner", "flink"], "FlinkRunner"),
        (["--runner=apache_beam.runners.portability.prism_runner.PrismRunner"], "PrismRunner"),
        (["--runner=my.own.Engine"], "Engine"),
    ],
)
def test_a_runner_is_known_however_it_is_spelled(flags: list[str], name: str) -> None:
    assert Engine(flags).runner == name


@pytest.mark.parametrize(
    ("flags", "remote"),
    [
        ([], False),
        (["--runner=DirectRunner"], False),
        (["--runner=PrismRunner"], False),
        (["--runner=DataflowRunner"], True),
        (["--runner=FlinkRunner"], False),  # [auto]: a cluster inside the job server
        (["--runner=FlinkRunner", "--flink_master=[local]"], False),
        (["--runner=FlinkRunner", "--flink_master=flink.example:8081"], True),
        (["--runner=FlinkRunner", "--flink_master=h:1", "--environment_type=LOOPBACK"], False),
        (["--runner=PortableRunner", JOBS], False),
        (["--runner=PortableRunner", "--job_endpoint=127.0.0.2:1"], False),
        (["--runner=PortableRunner", "--job_endpoint=[::1]:1"], False),
        (["--runner=PortableRunner", "--job_endpoint=embed"], False),
        (["--runner=PortableRunner", AWAY], True),
        (["--runner=PortableRunner", AWAY, "--environment_type=LOOPBACK"], False),
        (["--runner=PortableRunner", JOBS, "--flink_master=h:8081"], True),
        (["--runner=PortableRunner", JOBS, "--environment_type=EXTERNAL",
          "--environment_config=pool.example:5"], True),
        (["--runner=PortableRunner", JOBS, "--environment_type=EXTERNAL",
          "--environment_config=localhost:5"], False),
        (["--runner=PortableRunner", JOBS, "--environment_type=EXTERNAL",
          "--environment_options=external_service_address=pool.example:5"], True),
    ],
)  # fmt: skip
def test_workers_are_here_or_on_other_machines(flags: list[str], remote: bool) -> None:
    assert Engine(flags).remote is remote


@pytest.mark.parametrize(
    ("flags", "workers"),
    [
        ([], 1),
        (["--direct_num_workers=3"], 3),
        (["--direct_num_workers=0"], os.cpu_count()),  # Beam's word for all cores
        (["--runner=PrismRunner", "--direct_num_workers=3"], 1),
        (["--runner=PortableRunner", "--sdk_worker_parallelism=4"], 4),
        (["--runner=FlinkRunner", "--sdk_worker_parallelism=0"], 1),
        (["--runner=DataflowRunner", "--num_workers=9"], 1),  # on each of nine machines
    ],
)
def test_worker_processes_that_share_a_machine(flags: list[str], workers: int) -> None:
    assert Engine(flags).workers == workers


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--runner=PrismRunner"], "--prism_location=PATH"),
        (["--runner=PrismRunner", "--prism_location=no/such/prism"], "no/such/prism"),
        (["--runner=PortableRunner"], "--job_endpoint=HOST:PORT"),
        (["--runner=PortableRunner", "--job_endpoint=localhost:1"], "nothing answers"),
        (["--runner=PortableRunner", "--job_endpoint=localhost"], "HOST:PORT is expected"),
        (["--runner=PortableRunner", "--job_endpoint=embed"], "--environment_type=LOOPBACK"),
        (["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL"],
         "name the worker pool"),
        (["--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL",
          "--environment_config=localhost:1"], "start the worker pool"),
        (["--runner=FlinkRunner", "--flink_job_server_jar=no/such.jar"], "no/such.jar"),
        (["--runner=FlinkRunner", "--flink_version=9"], "--flink_version"),
        (["--runner=NoSuchRunner"], "NoSuchRunner"),
        (["--runner=no_such_module.Runner"], "no_such_module"),
        (["--resource_hints=colour=red"], "colour"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_before_work(flags: list[str], said: str) -> None:
    with pytest.raises(SetupError, match=said.replace("[", r"\[")):
        Engine(flags).require()


def test_flink_needs_java(tmp_path: Path) -> None:
    (tmp_path / "a.jar").touch()
    flags = ["--runner=FlinkRunner", f"--flink_job_server_jar={tmp_path / 'a.jar'}"]
    with pytest.raises(SetupError, match="no-java-here"):
        Engine([*flags, "--job_server_java_launcher=no-java-here"]).require()


def test_flink_in_a_cluster_needs_workers_that_hold_this_program(listening: str) -> None:
    flags = ["--runner=FlinkRunner", f"--job_endpoint={listening}", "--flink_master=h:8081"]
    with pytest.raises(SetupError, match="know nothing of this program"):
        Engine(flags).require()
    Engine([*flags, "--environment_type=DOCKER", "--environment_config=image"]).require()


def test_a_server_that_answers_is_enough(listening: str) -> None:
    flags = ["--runner=PortableRunner", f"--job_endpoint={listening}"]
    Engine([*flags, "--environment_type=LOOPBACK"]).require()


class _Result:
    """Of a job that runs elsewhere."""

    def __init__(self, *waits: BaseException | str) -> None:
        self.state, self.cancelled, self._waits = PipelineState.RUNNING, 0, list(waits)

    def wait_until_finish(self) -> str:
        found = self._waits.pop(0)
        if isinstance(found, BaseException):
            raise found
        self.state = found
        return found

    def cancel(self) -> None:
        self.cancelled += 1
        self.state = PipelineState.CANCELLED

    def metrics(self) -> Any:
        raise NotImplementedError


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a pipeline whose job ends as is told; its result."""

    def run(how: BaseException | str) -> _Result:
        result = _Result(how)
        monkeypatch.setattr(beam.Pipeline, "run", lambda self: result)
        try:
            Engine([]).run(lambda p: None)
        except BaseException as error:
            result.raised = error  # type: ignore[attr-defined]
        return result

    return run


def test_an_interrupt_cancels_the_job_and_goes_on(ended: Any) -> None:
    result = ended(KeyboardInterrupt())
    assert isinstance(result.raised, KeyboardInterrupt)
    assert result.cancelled == 1


def test_a_job_that_nobody_waits_for_any_more_is_cancelled(ended: Any) -> None:
    result = ended(ConnectionError("the service does not answer"))
    assert isinstance(result.raised, ConnectionError)
    assert result.cancelled == 1


@pytest.mark.parametrize("said", ["Channel closed prematurely.", "x: SDK worker disconnected: y"])
def test_a_lost_worker_is_told_in_a_sentence(ended: Any, said: str) -> None:
    error = ended(RuntimeError(said)).raised
    assert isinstance(error, LostWorkerError)
    told = str(error)
    for part in ("FnApiRunner lost a worker", "Everything paid for is kept", "same command again"):
        assert part in told


def test_a_job_that_ends_otherwise_is_an_error(ended: Any) -> None:
    result = ended(PipelineState.CANCELLED)
    assert isinstance(result.raised, EngineError)
    assert result.cancelled == 0


def test_a_job_that_cannot_be_cancelled_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    one = Engine([])
    one._result = SimpleNamespace(state=PipelineState.RUNNING)  # without a cancel()
    one.cancel()
    assert "could not be cancelled" in caplog.text


def test_a_job_server_that_takes_interrupts_gives_them_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with engine._interrupts_kept():
        signal.signal(signal.SIGINT, lambda *_: None)
    assert signal.getsignal(signal.SIGINT) is before


def test_the_main_module_is_never_pickled() -> None:
    options = Engine(["--save_main_session"])._options()
    assert options.get_all_options()["save_main_session"] is False


def test_messages_of_the_engine_are_not_lost_at_a_level_that_nobody_reads(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = Engine(["--runner=DirectRunner"])
    one._result = _Result("DONE")  # of no module of Beam's that is known
    with caplog.at_level(logging.WARNING):
        one._note_engine()
        one._note_engine()
    assert one.ran == "BundleBasedDirectRunner"
    assert caplog.text.count("DirectRunner ran this pipeline on BundleBased") == 1
