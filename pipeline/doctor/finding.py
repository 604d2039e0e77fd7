"""What a check is asked, and what it finds."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:  # children of a check that need none of it start the sooner
    from pipeline.config import Config

State = Literal["ok", "warn", "fail"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line: what was looked at, how it stands, and what to do where that is not well."""

    check: str
    state: State
    said: str
    todo: str = ""  # there unless all is well

    def __post_init__(self) -> None:
        if (self.state == "ok") == bool(self.todo):
            raise ValueError(f"{self.check}: {self.state}, and to do: {self.todo!r}")

    def line(self) -> str:
        """For a terminal."""
        told = f"{self.state:<5} {self.check}: {self.said}"
        return f"{told}; {self.todo}" if self.todo else told

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What shall be looked at."""

    config: "Config | None" = None
    name: str = ""  # the configuration, as it was given
    overrides: Sequence[str] = ()
    place: Path | None = (
        None  # the folder of this machine that a run would work in, where it is given
    )
    home: str | None = None  # the address of its output, where that is in an object store
    flags: Sequence[str] = ()  # Beam's
    reach: bool = False  # whether servers and stores are asked, too


def ok(check: str, said: str) -> Finding:
    """All is well."""
    return Finding(check=check, state="ok", said=said)


def warn(check: str, said: str, todo: str) -> Finding:
    """A run may go wrong or be slow."""
    return Finding(check=check, state="warn", said=said, todo=todo)


def fail(check: str, said: str, todo: str) -> Finding:
    """A run would go wrong."""
    return Finding(check=check, state="fail", said=said, todo=todo)


def refused(check: str, told: object, todo: str = "mend what it names") -> Finding:
    """What a run would be refused for, in its own words, which as a rule end with what to do."""
    why, mark, remedy = " ".join(str(told).split()).partition("; ")
    return fail(check, why, remedy if mark else todo)
