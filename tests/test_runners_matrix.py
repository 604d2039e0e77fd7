"""One small run on every engine that can be had here: the same rows, and the same bytes in every table."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.runners.portability.prism_runner import PrismRunner
from apache_beam.utils.shared import Shared
from beam_servers import job_server, prism, worker_pool
from engine_run import KEY, hashes, row_hashes, run, write, write_free
from judge_server import JudgeServer

pytestmark = pytest.mark.slow
BOTH = ("judged", "free")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with both configurations and what the default engine made of them."""
    folder = tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patch, JudgeServer() as server:
        patch.setenv(KEY, "sk-test-0123456789")
        for path in (write(folder, server.base_url), write_free(folder)):
            assert run(path, folder / "default" / path.stem) == 0
        yield folder


@pytest.fixture(scope="module")
def jobs(base: Path) -> Iterator[str]:
    with job_server(base) as address:
        yield address


@pytest.fixture(scope="module")
def pool(base: Path) -> Iterator[str]:
    with worker_pool(base) as address:
        yield address


def same_tables(base: Path, name: str, *flags: str, configs: tuple[str, ...] = BOTH) -> None:
    """The configurations on an engine: tables as the default engine made them, byte by byte."""
    for config in configs:
        output, default = base / name / config, base / "default" / config
        assert run(base / f"{config}.yaml", output, *flags) == 0
        rows = row_hashes(output)
        print(f"{name} {config}: " + " ".join(f"{t}={h}" for t, h in rows.items()))
        assert rows == row_hashes(default)
        assert hashes(output) == hashes(default)


def test_what_the_default_engine_makes_is_not_empty(base: Path) -> None:
    # 2 prompts x 3 clips; 6 clips x 2 rubrics; 3 pairs x 2 prompts x (2 dimensions + overall)
    counts = {
        table: h.split(":")[0] for table, h in row_hashes(base / "default" / "judged").items()
    }
    assert counts["frames"] == counts["videos"] == "6"
    assert (counts["annotations"], counts["preferences"]) == ("12", "18")
    assert int(counts["comparisons"]) > 0
    # 6 clips x (2 dimensions by signal + 1 that is recorded)
    assert row_hashes(base / "default" / "free")["annotations"].startswith("18:")


def test_several_processes(base: Path) -> None:
    mode = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    same_tables(base, "processes", "--runner=FnApiRunner", *mode, configs=("judged",))


def test_direct_runner(base: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a network it cannot have Prism and falls back; which engine ran is said."""
    same_tables(base, "direct", "--runner=DirectRunner", configs=("judged",))
    assert any("DirectRunner ran this pipeline on" in said for said in caplog.messages)


def test_prism(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a process keeps its first server, here the one that DirectRunner could not have
    monkeypatch.setattr(PrismRunner, "shared_handle", Shared())
    same_tables(base, "prism", "--runner=PrismRunner", f"--prism_location={prism(tmp_path)}")


def test_a_job_server_and_workers_in_this_process(base: Path, jobs: str) -> None:
    flags = (f"--job_endpoint={jobs}", "--environment_type=LOOPBACK")
    same_tables(base, "loopback", "--runner=PortableRunner", *flags)


def test_a_job_server_and_a_pool_of_workers(base: Path, jobs: str, pool: str) -> None:
    flags = (
        f"--job_endpoint={jobs}",
        "--environment_type=EXTERNAL",
        f"--environment_config={pool}",
    )
    same_tables(base, "pool", "--runner=PortableRunner", *flags, configs=("judged",))
