"""The program as pip installs it: built from a copy, and an environment with the base dependencies alone."""

import ast
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OURS = ("schemas", "prompts", "annotators", "pipeline")


def tracked() -> list[str]:
    """Files of the project, those that are new and not ignored with them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def packaged() -> list[str]:
    """Those of the four packages."""
    return [name for name in tracked() if name.startswith(tuple(f"{one}/" for one in OURS))]


def copy_of_source(folder: Path) -> Path:
    """A copy: building leaves files behind."""
    for name in tracked():
        copy = folder / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, copy)
    return folder


def build(source: Path, folder: Path) -> Path:
    """The source distribution, and the wheel made of it as a worker's pip makes it; without a network."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)]
    done = subprocess.run([*command, str(source)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


def held(archive: Path) -> set[str]:
    """Names of the files in a wheel or a source distribution, without the latter's own folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            return set(wheel.namelist())
    with tarfile.open(archive) as source:
        return {one.name.partition("/")[2] for one in source if one.isfile()}


def base_environment(folder: Path, wheel: Path) -> Path:
    """The interpreter of a new environment: the wheel, and links to what it depends on without extras."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    linked = folder / "linked"
    for dist in base_distributions().values():
        for name in {_linkable(dist, file) for file in dist.files or () if file.parts[0] != ".."}:
            (linked / name).parent.mkdir(parents=True, exist_ok=True)
            if not (linked / name).exists():
                (linked / name).symlink_to(Path(str(dist.locate_file(name))))
    python = folder / "env" / "bin" / "python"
    (place,) = (folder / "env" / "lib").glob("python*/site-packages")
    (place / "linked.pth").write_text(f"{linked}\n")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", wheel], check=True, capture_output=True)
    return python


def _linkable(dist: metadata.Distribution, file: metadata.PackagePath) -> Path:
    """What to link for the file: its top folder, or where that is a namespace of several, one below."""
    top = Path(file.parts[0])
    whole = "." in top.name or len(file.parts) < 3
    package = Path(str(dist.locate_file(top))) / "__init__.py"
    return top if whole or package.exists() else top / file.parts[1]


@cache
def base_distributions() -> dict[str, metadata.Distribution]:
    """Installed distributions that the project's dependencies bring, without any extra of its own."""
    found: dict[str, metadata.Distribution] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [Requirement(text) for text in project["dependencies"]]
    while wanted:
        one = wanted.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        if f"{name}{sorted(one.extras)}" in found or not _applies(one, ""):
            continue
        try:
            dist = metadata.distribution(one.name)
        except metadata.PackageNotFoundError:
            continue
        found[f"{name}{sorted(one.extras)}"] = dist
        extras = ["", *one.extras]
        needs = [Requirement(text) for text in dist.requires or ()]
        wanted += [need for need in needs if any(_applies(need, extra) for extra in extras)]
    return found


def _applies(one: Requirement, extra: str) -> bool:
    return one.marker is None or one.marker.evaluate({"extra": extra})


def names_in_base() -> set[str]:
    """What may be imported where only the base dependencies are installed."""
    ours = {dist.metadata["Name"] for dist in base_distributions().values()}
    owners = metadata.packages_distributions()
    return {name for name, of in owners.items() if ours.intersection(of)} | {
        *sys.stdlib_module_names,
        *OURS,
    }


def imported_names() -> Iterator[tuple[str, str]]:
    """(file, top-level name) of every import in the four packages, those inside functions too."""
    for name in packaged():
        if not name.endswith(".py"):
            continue
        for node in ast.walk(ast.parse((ROOT / name).read_text())):
            if isinstance(node, ast.Import):
                yield from ((name, alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                yield name, node.module.partition(".")[0]
