"""A whole run whose output folder lies in an object store, against the same run on a disk."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest
import yaml
from object_store import open_store

from pipeline.dataset.checksums import verify

pytestmark = pytest.mark.slow

CONFIG = {
    "sources": [{"kind": "simulated", "prompts": 3}],
    "generators": {
        "clips_per_prompt": 2,
        "pool": [
            {"kind": "simulated", "name": "sim-clean"},
            {"kind": "simulated", "name": "sim-motion-noise"},
        ],
    },
    "frames": {"count": 2},
    "annotators": [{"kind": "signal"}],
    "wave_size": 4,  # two waves
    "concurrency": {"processes": 1},
}
# what is of a run and not of the dataset: these differ between two runs
OF_A_RUN = ("work", "report", "run.json", "status.json", "log.jsonl")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Of a run that is complete in a store, from the working copy ``here``."""
    for store in open_store("s3", folder):
        output = f"{store.root}/run"
        run(folder, output, "--working-copy", str(folder / "here"))
        yield output


@pytest.fixture(scope="module")
def on_disk(folder: Path) -> Path:
    run(folder, str(folder / "disk"))
    return folder / "disk"


def run(folder: Path, output: str, *more: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "pipeline.run", "--config", str(folder / "config.yaml")]
    done = subprocess.run(
        [*command, "--output", output, *more],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stderr[-3000:]
    return done.stderr


def digests(root: str) -> dict[str, str]:
    """SHA-256 of everything that belongs to the dataset, by its path."""
    fs, folder = fsspec.core.url_to_fs(root)
    fs.invalidate_cache()
    names = {path[len(folder) + 1 :]: path for path in fs.find(folder)}
    return {
        name: hashlib.sha256(fs.cat_file(path)).hexdigest()
        for name, path in names.items()
        if name.split("/")[0] not in OF_A_RUN
    }


def test_the_dataset_is_the_same_byte_for_byte(address: str, on_disk: Path) -> None:
    there, here = digests(address), digests(str(on_disk))
    assert there == here
    # six clips, their frames (a clip has two), eleven tables of one or two files, five descriptions
    assert sum(name.startswith("media/") for name in there) == 7
    assert sum(name.startswith("tables/frames/") for name in there) == 2


def test_a_copy_of_the_folder_is_a_run_like_any_other(
    address: str, on_disk: Path, tmp_path: Path
) -> None:
    fs, there = fsspec.core.url_to_fs(address)
    fs.get(there, str(tmp_path / "copy"), recursive=True)
    assert verify(tmp_path / "copy") == []
    (page,) = (tmp_path / "copy" / "report").glob("index.html")
    assert page.read_bytes() == (on_disk / "report" / "index.html").read_bytes()
    from datasets import load_dataset

    rows = load_dataset(str(tmp_path / "copy"), "frames", split="train", cache_dir=tmp_path / "c")
    assert rows[0]["images"][0].size[0] > 0


def test_another_machine_finds_it_whole(address: str, folder: Path) -> None:
    before = digests(address)
    said = run(folder, address, "--working-copy", str(folder / "there"))
    assert "collect: wave" not in said  # nothing was done anew
    assert digests(address) == before
    fs, there = fsspec.core.url_to_fs(address)
    record = json.loads(fs.cat_file(f"{there}/run.json"))
    assert (record["state"], record["tables"]["preferences"]) == ("complete", 9)


def test_the_working_copy_is_no_run_of_its_own(address: str, folder: Path, tmp_path: Path) -> None:
    said = run(folder, str(folder / "here"), code=2)
    assert f"it is the working copy of {address}" in said
    videoprefer = [sys.executable, "-m", "pipeline", "report", str(folder / "here")]
    subprocess.run([*videoprefer, "--output", str(tmp_path / "pages")], check=True, timeout=120)
    assert (tmp_path / "pages" / "index.html").is_file()
    push = [sys.executable, "-m", "pipeline", "push", str(folder / "here"), "me/mine", "--dry-run"]
    done = subprocess.run(push, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"the working copy of {address}, without most of its clips" in done.stderr
