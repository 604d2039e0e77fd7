"""A run on Dataflow: what is asked of the options, and what each of its jobs is sent with.

A run is several jobs, one for each wave of each stage, and goes on where it was after any of them: so
that what Dataflow charges for is never waiting for the launcher, and a job that fails costs a wave.
"""

import getpass
import hashlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from apache_beam.options.pipeline_options import (
    DebugOptions,
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    StandardOptions,
    TestOptions,
    WorkerOptions,
)

import pipeline
from schemas.options import SetupError

# One process per machine: a model is loaded once, and an account's limits are shared out by machine.
ONE_PROCESS, MANY_PROCESSES = "no_use_multiple_sdk_containers", "use_multiple_sdk_containers"
NONE: Mapping[str, str] = MappingProxyType({})
STORES = ("gs://", "s3://")
LONGEST_NAME = 63  # of a job, as Dataflow has it for its labels
BUILD_S = 300.0  # for the project's own source distribution, which takes seconds


def require(options: PipelineOptions, home: str | None, hints: Mapping[str, str] = NONE) -> None:
    """Refuse what cannot work on Dataflow, before any job is sent. Raises ``SetupError``.

    ``home``: the address of the run's output folder; None where it is a local one. ``hints``: what
    some step asks of its machine.
    """
    if not has_google():
        raise SetupError(
            "--runner=DataflowRunner: Google's packages are not installed; "
            "pip install 'videoprefer[dataflow]'"
        )
    cloud = options.view_as(GoogleCloudOptions)
    for name, example in (("project", "my-project"), ("region", "europe-west4")):
        if not getattr(cloud, name):
            raise SetupError(f"--runner=DataflowRunner: say --{name}=..., for example {example}")
    if not (cloud.temp_location or "").startswith("gs://"):
        raise SetupError(
            "--runner=DataflowRunner: say --temp_location=gs://BUCKET/FOLDER, where jobs are staged"
        )
    if home is None or not home.startswith(STORES):
        raise SetupError(
            "--runner=DataflowRunner: its workers cannot reach a local folder; "
            "say --output gs://BUCKET/FOLDER (or s3://...)"
        )
    _refuse_what_sends_nothing(options)
    if hints:
        _refuse_other_machines(cloud)
    if not _has_code(options) and checkout() is None:
        raise SetupError(
            "--runner=DataflowRunner: workers need this program, and an installed package cannot be "
            "made into one again: name a container that holds it (--sdk_container_image=IMAGE, "
            "scripts/dataflow/), or the wheel it was installed from (--extra_package=WHEEL)"
        )
    if not _has_code(options) and not _can_build():
        raise SetupError(
            "--runner=DataflowRunner: workers get this program's source, and `pip install build "
            "setuptools` comes before it can be packed; or name a container (--sdk_container_image=IMAGE)"
        )


def has_google() -> bool:
    """Whether the packages that speak with Dataflow are installed."""
    try:
        return importlib.util.find_spec("google.cloud.dataflow") is not None
    except ModuleNotFoundError:  # not even google.cloud
        return False


def _can_build() -> bool:
    """Whether the module ``build`` is installed; a folder of that name is no module."""
    found = importlib.util.find_spec("build")
    return found is not None and found.origin is not None


def _refuse_what_sends_nothing(options: PipelineOptions) -> None:
    """A run waits for each of its jobs and reads what it wrote; options that end otherwise end nowhere."""
    given = {
        "--template_location": options.view_as(GoogleCloudOptions).template_location,
        "--dry_run": options.view_as(TestOptions).dry_run,
        "--streaming": options.view_as(StandardOptions).streaming,
        "--update": options.view_as(GoogleCloudOptions).update,
    }
    for name, value in given.items():
        if value:
            raise SetupError(
                f"{name}: a run is several batch jobs, each made of what the one before wrote; leave "
                "it out (scripts/dataflow/ has a template that launches the whole run)"
            )


def _refuse_other_machines(cloud: GoogleCloudOptions) -> None:
    """A step's own machine goes with neither: https://cloud.google.com/dataflow/docs/guides/right-fitting"""
    services = [one for one in cloud.dataflow_service_options or [] if "worker_accelerator" in one]
    for said in [*services, *(["--flexrs_goal"] if cloud.flexrs_goal else [])]:
        raise SetupError(
            f"{said}: Dataflow does not give a step a machine of its own (accelerator and min_ram of an "
            "annotator) together with it; leave one out"
        )


def prepare(options: PipelineOptions, name: str, home: str | None) -> None:
    """Make ready what one job is sent with, in place. ``name``: of stage and wave, annotate-00003."""
    cloud, debug = options.view_as(GoogleCloudOptions), options.view_as(DebugOptions)
    cloud.labels = [*(cloud.labels or []), *_labels(name)]
    cloud.job_name = job_name(name, home, cloud.job_name)
    # what is staged for every wave is sent once: the same files of each job are copied in the store
    cloud.enable_artifact_caching = True
    if not debug.lookup_experiment(MANY_PROCESSES):
        debug.add_experiment(ONE_PROCESS)
    if not _has_code(options):
        setup = options.view_as(SetupOptions)
        setup.extra_packages = [str(source_distribution())]


def job_name(name: str, home: str | None, prefix: str | None = None) -> str:
    """Name of the job of one wave: ``videoprefer-annotate-00003-ada-1f8a20``, 63 characters at most.

    Dataflow refuses a second job of a name while the first is under way. The last six characters are of
    the output's address, so that runs of one user do not meet, and one run is never in two jobs.
    """
    which = hashlib.sha256((home or "").encode()).hexdigest()[:6]
    said = f"{prefix or 'videoprefer'}-{name}-{_user()}"
    plain = re.sub("[^a-z0-9]+", "-", said.lower())[: LONGEST_NAME - len(which) - 1]
    return f"{plain.strip('-')}-{which}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a name for its user
        return "nobody"


def _labels(name: str) -> list[str]:
    """What the console filters jobs by, and bills are split by."""
    stage, _, wave = name.rpartition("-")
    if not (stage and wave.isdigit()):
        return [f"videoprefer-stage={name}"]
    return [f"videoprefer-stage={stage}", f"videoprefer-wave={wave}"]


def _has_code(options: PipelineOptions) -> bool:
    """Whether the options say how this program comes to the workers."""
    setup, workers = options.view_as(SetupOptions), options.view_as(WorkerOptions)
    return any(
        (
            setup.setup_file,
            setup.extra_packages,
            setup.prebuild_sdk_container_engine,
            workers.sdk_container_image,
            workers.worker_harness_container_image,
        )
    )


def checkout() -> Path | None:
    """The folder that this program's source lies in; None where it runs from an installed package."""
    folder = Path(pipeline.__file__).resolve().parents[1]
    return folder if (folder / "pyproject.toml").is_file() else None


@cache
def source_distribution() -> Path:
    """This program's own source, built once for all jobs of a run. Beam's ``--setup_file`` would build it
    for every job. Raises ``SetupError``."""
    root, folder = checkout(), Path(tempfile.mkdtemp(prefix="videoprefer-sdist-"))
    # without isolation nothing is fetched; the build's own packages come with the extra `dataflow`
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run(
        [*command, str(root)], capture_output=True, text=True, timeout=BUILD_S, check=False
    )
    built = sorted(folder.glob("*.tar.gz"))
    if done.returncode or not built:
        said = (done.stderr or done.stdout).strip().rsplit("\n", 1)[-1]
        raise SetupError(
            f"the source distribution for the workers cannot be built ({said}); `pip install build "
            "setuptools`, or name a container or a wheel (--sdk_container_image, --extra_package)"
        )
    return built[0]
