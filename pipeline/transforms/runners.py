"""What each of Beam's runners is: where its workers are, how many, and what it needs before work."""

import ipaddress
import os
import shutil
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from apache_beam.options.pipeline_options import (
    DirectOptions,
    FlinkRunnerOptions,
    JobServerOptions,
    PipelineOptions,
    PortableOptions,
    PrismRunnerOptions,
    SetupOptions,
    StandardOptions,
    WorkerOptions,
)
from apache_beam.version import __version__ as beam_version

from schemas.options import SetupError

ON_THIS_MACHINE = ("[local]", "[auto]")  # masters that Flink's job server starts within itself
SWITCHING = ("DirectRunner", "SwitchingDirectRunner")  # they choose an engine by graph and network
KNOCK_S = 5.0  # a job server or a worker pool that does not answer within this is not there
JARS = Path("~/.apache_beam/cache/jars")  # where Beam keeps what it downloads


def name_of(options: PipelineOptions) -> str:
    """The runner's name without its module, spelled as Beam spells it: Beam takes any case, and ``flink``
    for ``FlinkRunner``. A class of one's own keeps its name."""
    short = str(options.view_as(StandardOptions).runner).rsplit(".", 1)[-1]
    known = {name.lower(): name for name in StandardOptions.KNOWN_RUNNER_NAMES}
    return known.get(short.lower()) or known.get(f"{short.lower()}runner") or short


def is_remote(options: PipelineOptions) -> bool:
    """Whether workers run on other machines than the one that submits.

    LOOPBACK workers are threads of the submitting process, whatever runs the rest. A job server and a
    worker pool on this machine are taken for all there is, unless a Flink master is named behind them.
    """
    portable = options.view_as(PortableOptions)
    elsewhere = options.view_as(FlinkRunnerOptions).flink_master not in ON_THIS_MACHINE
    match name_of(options):
        case "DataflowRunner":
            return True
        case "FlinkRunner" | "PortableRunner" if portable.environment_type == "LOOPBACK":
            return False
        case "FlinkRunner" | "PortableRunner":
            return elsewhere or not all(map(_is_here, _addresses(portable)))
        case _:
            return False


def workers_of(options: PipelineOptions) -> int:
    """Worker processes that share a machine's cores.

    Prism starts one worker however many are asked for, Python's own job server likewise, and Dataflow
    one for each machine, as :mod:`pipeline.transforms.dataflow` has it do.
    """
    match name_of(options):
        case "FlinkRunner" | "PortableRunner":
            said = options.view_as(PortableOptions).sdk_worker_parallelism
            if not str(said).isdigit():
                raise SetupError(f"--sdk_worker_parallelism={said}: a whole number is expected")
            return max(1, int(said))
        case "DataflowRunner" | "PrismRunner":
            return 1
        case _:
            n = options.view_as(DirectOptions).direct_num_workers
            return max(1, n) if n else os.cpu_count() or 1  # 0 is Beam's word for all cores


def engine_of(result: Any) -> str:
    """The engine that a pipeline's result came from."""
    where = type(result).__module__.rsplit(".", 1)[-1]
    known = {"portable_runner": "PrismRunner", "fn_runner": "FnApiRunner"}
    return known.get(where, "BundleBasedDirectRunner")


def require(options: PipelineOptions) -> None:
    """Refuse what is known to fail before any work is done: a program or a server that is not there.

    Beam would download programs by itself, or wait five minutes for a server. Raises ``SetupError``.
    """
    match name_of(options):
        case "PrismRunner":
            _require_prism(options.view_as(PrismRunnerOptions))
        case "PortableRunner":
            _require_server(options.view_as(PortableOptions))
            _require_environment(options)
        case "FlinkRunner":
            _require_flink(options)
            _require_environment(options)
        case _:
            return


def _require_prism(options: PrismRunnerOptions) -> None:
    said = options.prism_location
    if said and "://" not in said and not Path(said).is_file():
        raise SetupError(f"--prism_location={said}: there is no such file")
    if not said:
        raise SetupError(
            "--runner=PrismRunner: name the program by --prism_location=PATH. It is a release asset of "
            f"Apache Beam {beam_version} (apache_beam-v{beam_version}-prism-OS-ARCH.zip), or "
            f"`go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{beam_version}`"
        )


def _require_server(options: PortableOptions) -> None:
    if not options.job_endpoint:
        raise SetupError(
            "--runner=PortableRunner: name the job server by --job_endpoint=HOST:PORT (to try: "
            "python -m apache_beam.runners.portability.local_job_service_main --job_port 8099)"
        )
    if options.job_endpoint != "embed":
        _knock(options.job_endpoint, "--job_endpoint", "start the job server there first")


def _require_flink(options: PipelineOptions) -> None:
    if options.view_as(PortableOptions).job_endpoint:
        _require_server(options.view_as(PortableOptions))
        return
    jar = jar_of(options)
    if "://" not in jar and not Path(jar).expanduser().is_file():
        raise SetupError(
            f"{jar}: there is no such file; name Beam's job server for Flink by "
            "--flink_job_server_jar=JAR (scripts/flink/README.md says where to get it)"
        )
    java = options.view_as(JobServerOptions).job_server_java_launcher
    if not shutil.which(java):
        raise SetupError(f"--runner=FlinkRunner: its job server needs Java, and {java} is not here")


def jar_of(options: PipelineOptions) -> str:
    """The Flink job server: the one that is named, or the one that Beam has downloaded before."""
    flink = options.view_as(FlinkRunnerOptions)
    name = f"beam-runners-flink-{flink.flink_version}-job-server-{beam_version}.jar"
    return str(flink.flink_job_server_jar or JARS.expanduser() / name)


def _require_environment(options: PipelineOptions) -> None:
    """Workers in Beam's own container would have none of this project's code."""
    portable = options.view_as(PortableOptions)
    kind = portable.environment_type
    if kind is None and name_of(options) == "FlinkRunner":
        kind = None if is_remote(options) else "LOOPBACK"  # as Beam has it
    setup = options.view_as(SetupOptions)
    given = [setup.setup_file, setup.extra_packages, portable.environment_config]
    given += [portable.environment_options, options.view_as(WorkerOptions).sdk_container_image]
    if kind in (None, "DOCKER") and not any(given):
        raise SetupError(
            "workers in Beam's own container know nothing of this program: give an image that holds it "
            "(--environment_type=DOCKER --environment_config=IMAGE), a worker pool "
            "(--environment_type=EXTERNAL --environment_config=HOST:PORT), or, where the workers are "
            "on this machine, --environment_type=LOOPBACK"
        )
    if kind == "EXTERNAL" and not pool_of(portable):
        raise SetupError(
            "--environment_type=EXTERNAL: name the worker pool by --environment_config=HOST:PORT"
        )
    if kind == "EXTERNAL" and all(map(_is_here, _addresses(portable))):
        _knock(pool_of(portable), "--environment_config", "start the worker pool there first")


def pool_of(options: PortableOptions) -> str:
    """Address of the worker pool; empty where there is none."""
    if options.environment_type != "EXTERNAL":
        return ""
    return str(
        options.environment_config
        or options.lookup_environment_option("external_service_address")
        or ""
    )


def _addresses(options: PortableOptions) -> list[str]:
    return [one for one in (options.job_endpoint, pool_of(options)) if one and one != "embed"]


def _is_here(address: str) -> bool:
    """Whether HOST:PORT is the loopback interface."""
    host = urlsplit(f"//{address}").hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _knock(address: str, option: str, remedy: str) -> None:
    try:
        at = urlsplit(f"//{address}")
        if at.hostname is None or at.port is None:
            raise ValueError("HOST:PORT is expected")
        socket.create_connection((at.hostname, at.port), timeout=KNOCK_S).close()
    except (OSError, ValueError) as error:
        raise SetupError(f"{option}={address}: nothing answers ({error}); {remedy}") from None
