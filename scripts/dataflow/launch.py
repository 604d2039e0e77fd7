"""Run on Dataflow: says the whole command, checks it, and runs it. See README.md beside this file.

example:
  python scripts/dataflow/launch.py --project my-project --region europe-west4 \\
      --temp_location gs://my-bucket/temp --output gs://my-bucket/runs/first --config my.yaml \\
      --sdk_container_image europe-west4-docker.pkg.dev/my-project/images/videoprefer:0.1.0 \\
      --secret OPENAI_API_KEY=openai-key --max_num_workers 20 --dry-run
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence

from pipeline import vault
from schemas.options import SetupError

WAVE_SIZE = 10_000  # clips per wave; each is a job, which takes 3 to 5 minutes to start and end
MOST_WORKERS = 10
DRIVER = "install-nvidia-driver"  # by Dataflow, on the worker
OWN_OPTIONS = {"wave_size": "--wave_size", "concurrency.machines": "--max_num_workers"}  # by key


def parser() -> argparse.ArgumentParser:
    """Options of the launcher; those of Beam keep Beam's names, whatever is unknown is Beam's."""
    about, _, example = (__doc__ or "").partition("\n\n")
    p = argparse.ArgumentParser(
        prog="launch.py",
        description=about,
        epilog=example,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_places(p.add_argument_group("what runs where"))
    _add_workers(p.add_argument_group("workers"))
    _add_account(p.add_argument_group("account, network, keys"))
    run = p.add_argument_group("the run")
    run.add_argument(
        "--wave_size",
        type=_count,
        default=WAVE_SIZE,
        metavar="CLIPS",
        help="clips per job; default: %(default)s",
    )
    run.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )
    run.add_argument(
        "--rebuild", action="store_true", help="go on in --output with another configuration"
    )
    run.add_argument("--estimate", action="store_true", help="say what it would cost, send nothing")
    run.add_argument("--dry-run", action="store_true", help="print the command and stop")
    return p


def _add_places(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--project", required=True, help="Google Cloud project that pays")
    add(
        "--region", required=True, help="of the jobs; the buckets' own spares their traffic's price"
    )
    add(
        "--temp_location",
        required=True,
        metavar="gs://...",
        help="where jobs are staged; may be emptied after the run",
    )
    add("--staging_location", metavar="gs://...", help="default: --temp_location's folder")
    add("--output", required=True, metavar="gs://...", help="the dataset, the journal, the report")
    add(
        "--config",
        required=True,
        metavar="NAME_OR_FILE",
        help="a recipe or a YAML file whose paths workers can read: gs://, s3://",
    )
    add(
        "--sdk_container_image",
        metavar="IMAGE",
        help="built from the Dockerfile; without it each worker installs 2 GB from source as it "
        "starts",
    )


def _add_workers(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--num_workers", type=_count, metavar="N", help="to begin with; default: Dataflow decides")
    add(
        "--max_num_workers",
        type=_count,
        default=MOST_WORKERS,
        metavar="N",
        help="most at any time; budget and limits of judges are divided by it; default: "
        "%(default)s",
    )
    add(
        "--autoscaling_algorithm",
        choices=["THROUGHPUT_BASED", "NONE"],
        default="THROUGHPUT_BASED",
        help="NONE keeps --num_workers all the time; default: %(default)s",
    )
    add("--machine_type", default="n2-standard-4", help="of all stages; default: %(default)s")
    add(
        "--collect_machine_type",
        metavar="TYPE",
        help="where clips are decoded: cores, e.g. n2-highcpu-16",
    )
    add(
        "--annotate_machine_type",
        metavar="TYPE",
        help="where judges are asked: a small one waits as well, e.g. e2-standard-2",
    )
    add(
        "--assemble_machine_type",
        metavar="TYPE",
        help="where scores become pairs, e.g. n2-highmem-4",
    )
    add(
        "--gpu",
        metavar="TYPE",
        help="for a model that judges on the workers (kind: transformers), e.g. nvidia-l4 with "
        "--annotate_machine_type g2-standard-8",
    )
    add(
        "--gpu_count",
        type=_count,
        default=1,
        metavar="N",
        help="for each worker; default: %(default)s",
    )
    add("--min_ram", metavar="SIZE", help="of workers where judges are asked, e.g. 32GB")
    add(
        "--disk_size_gb",
        type=_count,
        default=100,
        metavar="GB",
        help="of a worker; the image takes 12, with CUDA 20; default: %(default)s",
    )


def _add_account(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--service_account_email",
        metavar="EMAIL",
        help="who the workers are: roles/dataflow.worker, objects of the buckets, "
        "secretmanager.secretAccessor",
    )
    add("--network", metavar="NAME")
    add("--subnetwork", metavar="NAME", help="regions/REGION/subnetworks/NAME")
    add(
        "--no_use_public_ips",
        action="store_true",
        help="workers without public addresses: judges outside Google then need Cloud NAT",
    )
    add(
        "--secret",
        action="append",
        default=[],
        metavar="VARIABLE=NAME",
        help="the environment variable that api_key_env names, and the secret of Secret Manager "
        "that holds the key; may be repeated",
    )


def arguments_of(asked: argparse.Namespace, more: Sequence[str] = ()) -> list[str]:
    """The arguments of ``python -m pipeline.run``, each as ``--name=value``."""
    said = [f"--config={asked.config}", f"--output={asked.output}"]
    said += [f"--set={text}" for text in asked.set]
    said.append(f"--set=wave_size={asked.wave_size}")
    said.append(f"--set=concurrency.machines={_most(asked)}")
    said += [f"--{name}" for name in ("rebuild", "estimate") if getattr(asked, name)]
    return [*said, *beam_flags(asked), *more]


def beam_flags(asked: argparse.Namespace) -> list[str]:
    """Options of Beam for every job of the run."""
    plain = (
        "project",
        "region",
        "temp_location",
        "staging_location",
        "sdk_container_image",
        "num_workers",
        "max_num_workers",
        "autoscaling_algorithm",
        "machine_type",
        "disk_size_gb",
        "service_account_email",
        "network",
        "subnetwork",
    )
    given = [(name, getattr(asked, name)) for name in plain]
    flags = [f"--{name}={value}" for name, value in given if value is not None]
    if asked.no_use_public_ips:
        flags.append("--no_use_public_ips")
    # processes of one machine would each load a model and take a whole share of the limits
    flags.append("--experiments=no_use_multiple_sdk_containers")
    flags += [f"--stage_option={text}" for text in _of_stages(asked)]
    flags += [f"--api_key_secret={_secret(text, asked.project)}" for text in asked.secret]
    return ["--runner=DataflowRunner", *flags]


def _of_stages(asked: argparse.Namespace) -> list[str]:
    judging = ("annotate", "compare")
    said = []
    for stages, kind in (
        (("collect",), asked.collect_machine_type),
        (judging, asked.annotate_machine_type),
        (("assemble",), asked.assemble_machine_type),
    ):
        said += [f"{stage}:--machine_type={kind}" for stage in stages if kind]
    hints = [f"accelerator=type:{asked.gpu};count:{asked.gpu_count};{DRIVER}"] if asked.gpu else []
    hints += [f"min_ram={asked.min_ram}"] if asked.min_ram else []
    return [*said, *(f"{stage}:--resource_hint={hint}" for stage in judging for hint in hints)]


def _count(text: str) -> int:
    """A whole number from 1 up."""
    n = int(text)
    if n < 1:
        raise argparse.ArgumentTypeError(f"{n} is not 1 or more")
    return n


def _secret(text: str, project: str) -> str:
    """``VARIABLE=NAME`` with the secret's full name."""
    variable, _, name = text.partition("=")
    return text if "/" in name else f"{variable}=projects/{project}/secrets/{name}"


def _most(asked: argparse.Namespace) -> int:
    """Machines that may work at one time."""
    if asked.autoscaling_algorithm == "NONE" and asked.num_workers:
        return int(asked.num_workers)
    return int(asked.max_num_workers)


def check(p: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """Refuse what Dataflow would refuse minutes later."""
    for name in ("temp_location", "staging_location"):
        if not (getattr(asked, name) or "gs://").startswith("gs://"):
            p.error(f"--{name}: an address gs://BUCKET/FOLDER")
    if not asked.output.startswith(("gs://", "s3://")):
        p.error("--output: an address, gs://BUCKET/FOLDER")
    if asked.autoscaling_algorithm == "NONE" and not asked.num_workers:
        p.error("--autoscaling_algorithm NONE needs --num_workers")
    if (asked.num_workers or 0) > asked.max_num_workers:
        p.error("--num_workers is more than --max_num_workers")
    if asked.gpu and not asked.sdk_container_image:
        p.error("--gpu needs --sdk_container_image, built with --build-arg TORCH=cu126")
    for text in asked.set:
        if option := OWN_OPTIONS.get(text.partition("=")[0].strip()):
            p.error(f"--set {text}: say it by {option}")
    for text in asked.secret:
        try:
            vault.parse(_secret(text, asked.project))
        except SetupError:  # what was given may be a key, and is not told
            p.error("--secret: VARIABLE=NAME, the name of a secret and never a key")


def main(argv: Sequence[str] | None = None) -> int:
    """Print the command; run it unless asked not to. Its exit code."""
    p = parser()
    asked, more = p.parse_known_args(argv)
    check(p, asked)
    command = [sys.executable, "-m", "pipeline.run", *arguments_of(asked, more)]
    print(shlex.join(["python", *command[1:]]), flush=True)
    return 0 if asked.dry_run else subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
