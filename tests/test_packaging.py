"""What pip installs is the whole program: rubrics, recipes and page assets travel with the code.

``packaged.py`` says how it is built, and what an environment of the base dependencies alone is.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaged import (
    OURS,
    ROOT,
    base_environment,
    build,
    copy_of_source,
    held,
    imported_names,
    names_in_base,
    packaged,
)

# in no base dependency, and imported where a configuration asks for it: which extra brings it
OF_EXTRAS = {"diffusers": "generate", "wandb": "of the user's own"}


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    return copy_of_source(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def built(source, tmp_path_factory) -> Path:
    """A folder with the source distribution, and the wheel made of it."""
    return build(source, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def base(built, tmp_path_factory) -> Path:
    """The interpreter of an environment with the wheel and the base dependencies, outside the checkout."""
    (wheel,) = built.glob("*.whl")
    return base_environment(tmp_path_factory.mktemp("base"), wheel)


@pytest.mark.slow
def test_every_import_is_of_the_base_dependencies():
    """A worker has no others; whoever launches has, and would not notice."""
    found = names_in_base()
    outside = {(name, file) for file, name in imported_names() if name not in found}
    assert sorted(one for one in outside if one[0] not in OF_EXTRAS) == []


@pytest.mark.slow
@pytest.mark.parametrize("archive", ["*.whl", "*.tar.gz"])
def test_what_is_built_holds_every_file(built, archive):
    (found,) = built.glob(archive)
    files = held(found)
    assert sorted(set(packaged()) - files) == []
    # and nothing else under a name that anybody may want
    code = {name for name in files if name.endswith(".py")}
    assert {name.split("/")[0] for name in code} == set(OURS)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [["--setup_file=./pyproject.toml"], ["--extra_package={}"]],
    ids=["setup_file", "extra_package"],
)
def test_beam_stages_the_whole_program_for_workers(source, built, tmp_path, monkeypatch, options):
    """By Beam's own code, which does it for every service runner; nothing comes from a network."""
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.stager import Stager

    monkeypatch.chdir(source)
    (sdist,) = built.glob("*.tar.gz")
    flags = [text.format(sdist) for text in options]
    staged = Stager.create_job_resources(PipelineOptions(flags), str(tmp_path))
    payload = beam_runner_api_pb2.ArtifactFilePayload
    files = [Path(payload.FromString(one.type_payload).path) for one in staged]
    (found,) = [path for path in files if path.name.endswith(".tar.gz")]
    assert sorted(set(packaged()) - held(found)) == []


RUN = ["--config", "demo", "--output", "out", "--set", "sources.0.prompts=2", "--set", "videorm=null",
       "--set", "audit.resamples=100"]  # fmt: skip


@pytest.mark.slow
def test_the_wheel_runs_where_only_the_base_dependencies_are(base, tmp_path):
    done = subprocess.run(
        [base.with_name("videoprefer"), "run", *RUN],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "out" / "report" / "index.html").is_file()


IMPORTS = """
import importlib, json, pkgutil, sys
import fsspec
for scheme in ("gs", "s3", "memory", "hf"):
    fsspec.get_filesystem_class(scheme)
failed, places = {}, set()
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    places.add(package.__path__[0])
    for found in pkgutil.walk_packages(package.__path__, name + "."):
        try:
            importlib.import_module(found.name)
        except Exception as error:
            failed[found.name] = repr(error)
print(json.dumps([failed, sorted(places)]))
"""


@pytest.mark.slow
def test_every_module_is_imported_with_the_base_dependencies_alone(base, tmp_path):
    """More than workers need: the graph's transforms, annotators, media, generators, and all others."""
    done = subprocess.run(
        [base, "-c", IMPORTS, *OURS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    failed, places = json.loads(done.stdout.splitlines()[-1])
    assert failed == {}
    assert {Path(place).parent for place in places} == {
        next((base.parents[1] / "lib").glob("python*/site-packages"))
    }


def command(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_the_demo_of_a_sample_ends_with_a_model_and_a_second_run_keeps_it(tmp_path):
    demo = ("pipeline.run", "--config", "demo", "--output", str(tmp_path))
    changed = ("sources.0.prompts=24", "videorm.training.epochs=1", "videorm.arms=[videorm]",
               "audit.resamples=100", "report.prompts=2")  # fmt: skip
    small = [f"--set={text}" for text in changed]
    model = tmp_path / "videorm"
    command(*demo, *small)
    assert all((model / name).is_file() for name in ("config.json", "metrics.json"))
    trained = (model / "model.safetensors").stat().st_mtime_ns
    command(*demo, *small)
    assert (model / "model.safetensors").stat().st_mtime_ns == trained
    clips = map(str, sorted(tmp_path.glob("media/*/*.mp4"))[:2])
    prompt = "a small red circle moving left on a black background"
    scored = command("pipeline", "score", "--model", str(model), "--prompt", prompt, *clips)
    assert len(scored.splitlines()) == 2
