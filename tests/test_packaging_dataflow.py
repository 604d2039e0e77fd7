"""The launcher, the template and the images say the same as the program and Beam do."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions

from pipeline.command_line import parser
from pipeline.config import load_config
from pipeline.transforms import stage_options, whole_run
from pipeline.transforms.engine import Engine
from schemas.options import SetupError

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "scripts" / "dataflow"
sys.path.append(str(FOLDER))

import launch  # noqa: E402
import template  # noqa: E402

PLACES = ["--project=p-1", "--region=europe-west4", "--temp_location=gs://b/temp"]
LEAST = [*PLACES, "--output=gs://b/run", "--config=demo"]
# every option of the launcher once, and what the run must be told by it
SAID = {
    "--staging_location=gs://b/staging": "--staging_location=gs://b/staging",
    "--sdk_container_image=host/p-1/image:1": "--sdk_container_image=host/p-1/image:1",
    "--num_workers=2": "--num_workers=2",
    "--max_num_workers=20": "--set=concurrency.machines=20",
    "--autoscaling_algorithm=NONE": "--autoscaling_algorithm=NONE",
    "--machine_type=n2-standard-8": "--machine_type=n2-standard-8",
    "--collect_machine_type=c": "--stage_option=collect:--machine_type=c",
    "--annotate_machine_type=g2-standard-8": "--stage_option=compare:--machine_type=g2-standard-8",
    "--assemble_machine_type=a": "--stage_option=assemble:--machine_type=a",
    "--gpu=nvidia-l4": "--stage_option=annotate:--resource_hint=accelerator=type:nvidia-l4;count:2;"
    "install-nvidia-driver",
    "--gpu_count=2": "--stage_option=compare:--resource_hint=accelerator=type:nvidia-l4;count:2;"
    "install-nvidia-driver",
    "--min_ram=32GB": "--stage_option=annotate:--resource_hint=min_ram=32GB",
    "--disk_size_gb=50": "--disk_size_gb=50",
    "--service_account_email=w@p-1.iam": "--service_account_email=w@p-1.iam",
    "--network=n": "--network=n",
    "--subnetwork=regions/r/subnetworks/s": "--subnetwork=regions/r/subnetworks/s",
    "--no_use_public_ips": "--no_use_public_ips",
    "--secret=JUDGE_KEY=judge": "--api_key_secret=JUDGE_KEY=projects/p-1/secrets/judge",
    "--wave_size=500": "--set=wave_size=500",
    "--set=limit=3": "--set=limit=3",
    "--rebuild": "--rebuild",
    "--estimate": "--estimate",
}


def told(*said: str) -> list[str]:
    return launch.arguments_of(launch.parser().parse_args([*LEAST, *said]))


def test_every_option_of_the_launcher_reaches_the_run():
    options = {text for action in launch.parser()._actions for text in action.option_strings}
    listed = {text.partition("=")[0] for text in (*LEAST, *SAID)}
    assert options - listed == {"-h", "--help", "--dry-run"}
    both = {"--gpu=nvidia-l4", "--gpu_count=2"}
    for text, wanted in SAID.items():
        more = [text, *(both if text in both else ())]
        assert wanted in told(*more)


def test_what_it_says_is_known_to_the_run_and_to_beam():
    """The run's parser takes its own, and the engine refuses what Beam does not know."""
    asked, flags = parser().parse_known_args(told(*SAID))
    config = load_config(asked.config, asked.set)
    assert (config.wave_size, config.limit, config.concurrency.machines) == (
        500,
        3,
        2,
    )  # NONE keeps two
    engine = Engine(flags)
    assert (engine.runner, engine.remote) == ("DataflowRunner", True)
    with pytest.raises(SetupError, match="--max_workers"):
        Engine([*flags, "--max_workers=3"])


def test_a_stage_has_its_own_machines_and_only_judges_have_a_gpu():
    _, flags = parser().parse_known_args(told(*SAID))
    found = {}
    for stage in stage_options.STAGES:
        options = PipelineOptions([*flags, *stage_options.flags_of(flags, stage)])
        hints = options.view_as(StandardOptions).resource_hints
        found[stage] = (options.view_as(WorkerOptions).machine_type, len(hints))
    # two hints: the accelerator and the memory
    judging = ("g2-standard-8", 2)
    assert found == {
        "collect": ("c", 0), "annotate": judging, "compare": judging, "assemble": ("a", 0)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (["--output=out/mine"], "--output: an address"),
        (["--temp_location=/tmp"], "--temp_location: an address"),
        (["--autoscaling_algorithm=NONE"], "needs --num_workers"),
        (["--num_workers=11"], "more than --max_num_workers"),
        (["--gpu=nvidia-l4"], "--gpu needs --sdk_container_image"),
        (["--secret=judge"], "VARIABLE=NAME"),
        (["--max_num_workers=0"], "0 is not 1 or more"),
        (["--set=concurrency.machines=1"], "say it by --max_num_workers"),
        (["--set=wave_size=5"], "say it by --wave_size"),
    ],
)
def test_what_dataflow_would_refuse_later_is_refused_at_once(said, words, capsys):
    with pytest.raises(SystemExit) as caught:
        launch.main([*LEAST, *said, "--dry-run"])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_a_key_in_the_place_of_a_secrets_name_is_not_told(capsys):
    with pytest.raises(SystemExit):
        launch.main([*LEAST, "--secret=JUDGE=sk-0123456789abcdef", "--dry-run"])
    told = capsys.readouterr()
    assert "never a key" in told.err
    assert "0123456789abcdef" not in told.out + told.err


def test_the_example_of_its_help_runs():
    example = (launch.__doc__ or "").partition("example:\n")[2].replace("\\\n", " ")
    _, *command = shlex.split(example)
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said = shlex.split(done.stdout)
    assert said[:3] == ["python", "-m", "pipeline.run"]
    assert "--api_key_secret=OPENAI_API_KEY=projects/my-project/secrets/openai-key" in said


def parameters() -> dict[str, dict]:
    return {
        one["name"]: one for one in json.loads((FOLDER / "template.json").read_text())["parameters"]
    }


def test_the_template_has_the_options_of_the_launcher():
    """But those that Dataflow itself passes to every template, and those that send nothing."""
    actions = {one.option_strings[-1][2:]: one for one in launch.parser()._actions}
    passed = {*template.SHARED, "staging_location", "sdk_container_image"}
    left_out = {"help", "dry-run", "estimate"}
    wanted = {f"{template.PREFIX}{name}" for name in actions.keys() - passed - left_out}
    assert parameters().keys() == wanted | {"sdk_container_image"}
    for name, one in parameters().items():
        action = actions[name.removeprefix(template.PREFIX)]
        assert one.get("isOptional", False) is not action.required or name == "sdk_container_image"
        if action.default and "defaultValue" in one:
            assert one["defaultValue"] == str(action.default), name


@pytest.mark.parametrize("said", [*SAID, *LEAST])
def test_its_patterns_take_what_the_launcher_takes(said):
    name, _, value = said[2:].partition("=")
    known = parameters()
    one = known.get(f"{template.PREFIX}{name}", known.get(name))
    if one is None:  # Dataflow's own
        return
    if name.endswith("machine_type") and "-" not in value:
        value = "n2-standard-4"
    for pattern in one["regexes"]:
        assert re.fullmatch(pattern, value or "true"), pattern
        assert not re.fullmatch(pattern, "gs:/ what nobody means")


def test_the_template_asks_for_the_run_that_the_launcher_does():
    image = "--sdk_container_image=host/p-1/image:1"
    own = [*PLACES, image, "--runner=DataflowRunner", "--template_location=gs://b/t.json"]
    mine = ["--run_output=gs://b/run", "--run_config=demo", "--run_secret=A=a; B=b", "--run_gpu="]
    mine += ["--run_set=limit=3;audit=null", "--run_rebuild=true", "--run_no_use_public_ips=false"]
    arguments, small = template.split([*own, *mine])
    assert small == own
    lists = ["--secret=A=a", "--secret=B=b", "--set=limit=3", "--set=audit=null", "--rebuild"]
    assert arguments == told(image, *lists)


def test_the_images_are_of_the_versions_that_launch():
    """Beam refuses to work across its own versions, and pickles across Python's."""
    text = (FOLDER / "Dockerfile").read_text()
    args = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.M))
    pinned = dict(
        re.findall(r"^(\S+)==(\S+)$", (ROOT / "scripts/constraints.txt").read_text(), re.M)
    )
    assert args["BEAM_VERSION"] == pinned["apache-beam"]
    assert f"python{args['PYTHON_VERSION'].replace('.', '')}-template-launcher-base" in text
    copied = {
        name
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M)
        for name in line.split()
    }
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    let_in = {
        line[1:]
        for line in (FOLDER / "Dockerfile.dockerignore").read_text().split()
        if line[0] == "!"
    }
    assert copied == let_in


def test_a_run_that_fails_inside_the_job_fails_the_job_with_its_last_words(monkeypatch):
    script = "import sys; print('x' * 9); print('refused: no key'); sys.exit(2)"
    monkeypatch.setattr(whole_run, "_with_config_here", lambda *_: ["--output=gs://b/run"])
    told_by = whole_run._told
    monkeypatch.setattr(whole_run, "_told", lambda _: told_by([sys.executable, "-c", script]))
    with pytest.raises(whole_run.RunError, match=r"(?s)refused before any work\):.*no key"):
        whole_run.run_whole(["--output=gs://b/run"])


@pytest.mark.slow
def test_the_small_job_runs_a_whole_run_whose_configuration_lies_elsewhere(tmp_path):
    import apache_beam as beam

    config = tmp_path / "mine.yaml"
    config.write_text(
        "sources: [{kind: simulated, prompts: 2}]\n"
        "generators: {clips_per_prompt: 2, pool: [{kind: simulated, name: sim-clean},"
        " {kind: simulated, name: sim-motion-noise}]}\n"
        "annotators: [{kind: signal}]\n"
    )
    out = tmp_path / "out"
    with beam.Pipeline(runner="FnApiRunner") as p:
        p | whole_run.WholeRun([f"--config=file://{config}", f"--output={out}"])
    assert (out / "run.json").is_file()
