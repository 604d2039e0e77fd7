"""What `doctor` asks of Beam: whether a runner would begin, before there is anything to run."""

import importlib
import importlib.util
import os
import stat
from collections.abc import Iterator, Sequence

from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.version import __version__

from pipeline.doctor.finding import Finding, fail, ok, refused, warn
from pipeline.transforms.engine import Engine
from schemas.options import SetupError

CHANGE = "change that option"
LOGIN = "gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS"
BUILD = "pip install build setuptools"


def look(
    flags: Sequence[str], home: str | None, reach: bool, brought_by: Sequence[str] = ()
) -> Iterator[Finding]:
    """The engine, asked to refuse what it would refuse before work. ``brought_by``: the distributions
    whose kinds the configuration names."""
    try:
        engine = Engine(flags)
        if engine.remote and engine.runner != "DataflowRunner" and not reach:
            yield warn("runner", f"{engine.runner}: elsewhere, and not asked", "add --reach")
            return
        engine.require(home)
    except SetupError as error:
        yield refused("runner", error, CHANGE)
        return
    yield ok("runner", f"{engine.runner} of Apache Beam {__version__}")
    options = PipelineOptions(list(flags)).get_all_options()
    if engine.runner == "PrismRunner":
        yield prism(str(options["prism_location"]))
    if engine.runner == "DataflowRunner":
        yield from dataflow(flags, reach)
    if engine.remote:
        yield from sent(flags, brought_by)


def prism(location: str) -> Finding:
    """Its program, which Beam would download by itself."""
    if "://" in location:
        return warn(
            "runner", f"Prism is to be fetched from {location}", "name a program that is here"
        )
    mode = os.stat(location).st_mode
    if not location.endswith(".zip") and not mode & stat.S_IXUSR:
        told = stat.filemode(mode)
        return fail("runner", f"{location} may not be executed ({told})", f"chmod +x {location}")
    return ok("runner", f"Prism is at {location}")


def sent(flags: Sequence[str], brought_by: Sequence[str]) -> Iterator[Finding]:
    """Whether other packages' kinds come to workers elsewhere, as far as the options tell."""
    if any("container_image" in flag or "environment_config" in flag for flag in flags):
        return  # what is in an image, nobody can tell from here
    for name in sorted(set(brought_by)):
        if not any(_named(name) in _named(flag) for flag in flags if "extra_package" in flag):
            todo = f"add --extra_package=WHEEL for it, or a container image that holds {name}"
            yield warn("runner", f"workers elsewhere need {name}, whose kinds are named, too", todo)


def _named(text: str) -> str:
    """As a file of a distribution is named."""
    return text.lower().replace("-", "_")


def dataflow(flags: Sequence[str], reach: bool) -> Iterator[Finding]:
    """What sends a job to Dataflow: the project's own code, and somebody to send it as."""
    if not any("container_image" in flag for flag in flags):
        lacks = [name for name in ("build", "setuptools") if importlib.util.find_spec(name) is None]
        for name in lacks:
            yield fail("runner", f"{name} is not installed, and workers get our code by it", BUILD)
    yield credentials(reach)


def credentials(reach: bool) -> Finding:
    """Of Google's cloud, as its own libraries find them. Without the network, those of files alone."""
    auth = importlib.import_module("google.auth")  # comes with the extra `dataflow`
    if not reach:
        os.environ["NO_GCE_CHECK"] = "true"  # else a server of the machine's own cloud is asked
    try:
        found, project = auth.default()
    except auth.exceptions.DefaultCredentialsError as error:
        first = str(error).partition("\n")[0].partition(". ")[0]
        state = fail if reach else warn  # on a machine of the cloud they come over the network
        return state("runner", f"no credentials for Google's cloud ({first})", LOGIN)
    who = type(found).__module__.rpartition(".")[2]
    return ok("runner", f"credentials for Google's cloud ({who}), project {project or 'not told'}")
