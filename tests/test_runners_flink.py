"""Flink as far as it goes without its jar: the options are Beam's, and the proof says what it lacks."""

import os
import subprocess
import sys
from pathlib import Path

import apache_beam
import pytest
from apache_beam.options.pipeline_options import FlinkRunnerOptions

from pipeline.transforms import runners
from pipeline.transforms.engine import Engine
from schemas.options import SetupError

FOLDER = Path(__file__).parents[1] / "scripts" / "flink"


def options_in(name: str) -> list[str]:
    """As the README has the shell read them."""
    lines = (FOLDER / f"{name}.options").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


@pytest.mark.parametrize(("name", "remote"), [("local", False), ("pool", False), ("cluster", True)])
def test_every_line_is_an_option_of_beams(name: str, remote: bool) -> None:
    engine = Engine(options_in(name))  # which refuses what Beam does not know
    assert engine.runner == "FlinkRunner"
    assert engine.remote is remote
    assert engine.workers == 1


def test_the_jar_is_the_one_that_goes_with_the_installed_beam() -> None:
    options = Engine(options_in("local"))._options()
    assert Path(runners.jar_of(options)).name == (
        f"beam-runners-flink-2.2-job-server-{apache_beam.__version__}.jar"
    )
    assert "2.2" in FlinkRunnerOptions.PUBLISHED_FLINK_VERSIONS
    assert f"job-server:{apache_beam.__version__} " in (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("name", ["local", "pool", "cluster"])
def test_without_the_jar_a_run_is_refused_and_says_where_to_get_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(runners, "JARS", tmp_path)
    with pytest.raises(SetupError, match=r"scripts/flink/README\.md"):
        Engine(options_in(name)).require("s3://bucket/run")


@pytest.mark.parametrize(("with_java", "said"), [(True, "no.jar"), (False, "java")])
def test_the_proof_ends_with_2_and_says_what_is_missing(
    tmp_path: Path, with_java: bool, said: str
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "mktemp", "rm", *(["java"] if with_java else [])):
        # what the script calls until then; any program does for one that it only looks for
        found = next(
            p for p in (Path("/usr/bin", name), Path("/bin", name), Path("/bin/true")) if p.exists()
        )
        (programs / name).symlink_to(found)
    done = subprocess.run(
        ["/bin/bash", str(FOLDER / "prove.sh"), str(tmp_path / "no.jar")],
        env={**os.environ, "PATH": str(programs), "PYTHON": sys.executable, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "missing:" in done.stderr
    assert said in done.stderr
