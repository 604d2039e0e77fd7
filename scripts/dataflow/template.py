"""The flex template: one small job that launches a whole run, so that no machine of yours has to stay.

Google's launcher calls it with the parameters of ``template.json`` and Beam options of its own
(``--template_location`` and others), which belong to the small job.
"""

import re
import sys
from collections.abc import Sequence

import apache_beam as beam
import launch
from apache_beam.options.pipeline_options import (
    GoogleCloudOptions,
    PipelineOptions,
    SetupOptions,
    WorkerOptions,
)

from pipeline.transforms.whole_run import WholeRun

PREFIX = "run_"  # of parameters for the run, so that they do not steer the small job itself
SHARED = ("project", "region", "temp_location", "service_account_email", "network", "subnetwork")
LISTS = ("set", "secret")  # of which a parameter holds several, between semicolons
SWITCHES = ("rebuild", "no_use_public_ips")
MACHINE = "e2-standard-4"  # waits for the run's jobs, then trains and draws what the run asks for


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The arguments of ``run``, and the options of the small job."""
    mine = [one for one in argv if one.startswith(f"--{PREFIX}")]
    own = [one for one in argv if one not in mine]
    cloud, workers = (
        PipelineOptions(own).view_as(of) for of in (GoogleCloudOptions, WorkerOptions)
    )
    said = [f"--{one[len(PREFIX) + 2 :]}" for one in mine]
    for name in SHARED:
        value = getattr(cloud, name, None) or getattr(workers, name, None)
        if value:
            said.append(f"--{name}={value}")
    if workers.sdk_container_image:
        said.append(f"--sdk_container_image={workers.sdk_container_image}")
    p = launch.parser()
    asked = p.parse_args([flag for one in said for flag in _flags(one)])
    launch.check(p, asked)
    return launch.arguments_of(asked), own


def _flags(said: str) -> list[str]:
    """One parameter as options of the launcher: lists are cut at semicolons, switches say true."""
    name, _, value = said[2:].partition("=")
    if name in SWITCHES:
        return [f"--{name}"] if value.lower() == "true" else []
    if name in LISTS:
        return [f"--{name}={one.strip()}" for one in re.split(";", value) if one.strip()]
    return [f"--{name}={value}"] if value else []


def main(argv: Sequence[str]) -> None:
    """Build the small job and run it: one worker, one element."""
    arguments, own = split(argv)
    options = PipelineOptions(own)
    options.view_as(SetupOptions).save_main_session = False
    workers = options.view_as(WorkerOptions)
    workers.num_workers = workers.max_num_workers = 1
    workers.autoscaling_algorithm = "NONE"
    workers.machine_type = workers.machine_type or MACHINE
    with beam.Pipeline(options=options) as p:
        p | "WholeRun" >> WholeRun(arguments)


if __name__ == "__main__":
    main(sys.argv[1:])
