"""Who owns our four import names. They are plain words, and pip lets two distributions own one.

Imports nothing of ours: where another package answers to one of the names, its import is what fails.
"""

import sys
from importlib import util
from pathlib import Path

NAMES = ("schemas", "prompts", "annotators", "pipeline")
OURS = "videoprefer"


def refuse_shadows() -> None:
    """End the command with exit code 2 where another package would be imported as one of ours.

    Only looks where each name leads (well under a millisecond each): done at every start.
    """
    for line in (found := shadows()):
        print(f"refused: {line}", file=sys.stderr)
    if found:
        sys.exit(2)


def collisions() -> list[str]:
    """What else answers to one of the four names, a sentence each; empty where all is well.

    Reads what every installed distribution says of itself: about as long as importing numpy takes.
    """
    return [*shadows(), *_other_owners()]


def shadows() -> list[str]:
    """The names under which Python finds something else than the packages that came with this one."""
    home = Path(__file__).resolve().parents[1]
    return [line for name in NAMES if (line := _shadow(name, home))]


def _shadow(name: str, home: Path) -> str | None:
    spec = util.find_spec(name)
    places = [*(spec.submodule_search_locations or ()), spec.origin or ""] if spec else []
    found = [Path(place).resolve() for place in places if place]
    if not found:
        return f"{name!r} of {OURS} is missing in {home}; install {OURS} again"
    if found[0] == home / name:
        return None
    return (
        f"Python finds {name!r} at {found[0]}, before that of {OURS} at {home / name}; rename or "
        f"uninstall it, start elsewhere, or give {OURS} an environment of its own"
    )


def _other_owners() -> list[str]:
    from importlib import metadata  # 50 ms, which not every command has to wait

    owners = metadata.packages_distributions()
    return [
        f"{name!r} is also installed by {other} {metadata.version(other)}, and one overwrites the "
        f"other; `pip uninstall {other}`, then install {OURS} again"
        for name in NAMES
        for other in sorted(set(owners.get(name, ())) - {OURS})
    ]
