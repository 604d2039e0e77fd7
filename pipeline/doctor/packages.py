"""Python, the packages, and whose they are."""

import importlib.metadata
import sys
from collections.abc import Iterable, Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pipeline.doctor.finding import Asked, Finding, fail, ok, refused, warn
from pipeline.owners import collisions

OURS = "videoprefer"


def python(_: Asked) -> Iterator[Finding]:
    """Its version against what the project is made for."""
    try:
        metadata = importlib.metadata.metadata(OURS)
    except importlib.metadata.PackageNotFoundError:
        yield fail(
            "python", f"{OURS} is not installed", "pip install videoprefer, or -e . in a checkout"
        )
        return
    running = ".".join(map(str, sys.version_info[:3]))
    yield fits(running, str(metadata.json.get("requires_python", "")), metadata["Version"])


def fits(running: str, asked: str, version: str) -> Finding:
    """A version of Python against what a version of ours asks for."""
    if SpecifierSet(asked).contains(running, prereleases=True):
        return ok("python", f"{running}, {OURS} {version}")
    todo = "make an environment with such a Python: python3.11 -m venv .venv"
    return fail("python", f"{running}, and {OURS} {version} needs {asked}", todo)


def names(_: Asked) -> Iterator[Finding]:
    """Whether our four import names are ours alone."""
    found = collisions()
    for sentence in found:
        yield refused("names", sentence, "uninstall that package, or use an environment of its own")
    if not found:
        yield ok("names", "schemas, prompts, annotators and pipeline are videoprefer's alone")


def packages(_: Asked) -> Iterator[Finding]:
    """Versions of what is depended on, against the bounds that the tests hold for."""
    found = list(wrong(importlib.metadata.requires(OURS) or ()))
    yield from found
    if not found:
        yield ok("packages", "every dependency is there, within its bounds")


def wrong(texts: Iterable[str]) -> Iterator[Finding]:
    """Those of some requirements that are not there, or of another version."""
    for asked in map(Requirement, texts):
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        asked_of = f"{asked.name}{asked.specifier}"
        try:
            there = importlib.metadata.version(asked.name)
        except importlib.metadata.PackageNotFoundError:
            yield fail("packages", f"{asked.name} is not installed", f"pip install '{asked_of}'")
            continue
        # what stands behind a plus names a build: 2.13.0+cpu is 2.13.0
        if not asked.specifier.contains(Version(there).public, prereleases=True):
            yield fail(
                "packages",
                f"{asked.name} {there} is outside {asked.specifier}",
                f"pip install '{asked_of}'",
            )


def extras(asked: Asked) -> Iterator[Finding]:
    """What the configuration needs beyond the base set."""
    pool = asked.config.generators.pool if asked.config and asked.config.generators else ()
    if not any(spec.kind == "diffusers" for spec in pool):
        return
    try:
        yield ok("extras", f"diffusers {importlib.metadata.version('diffusers')}")
    except importlib.metadata.PackageNotFoundError:
        yield warn(
            "extras",
            "generators of kind diffusers are named, and diffusers is not installed",
            "pip install 'videoprefer[generate]' where clips are made",
        )
