"""The block of a generator that is a program: its command line, and what can be refused before it runs."""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.generators.base import GenerationError, GeneratorSpec, SettingValue, Tools
from pipeline.generators.command.template import Unfilled, names_in
from schemas import Clip
from schemas.ids import canonical_json
from schemas.options import SetupError

# what the program is told of a clip; `settings` adds more
ONE = frozenset({"prompt", "prompt_file", "output", "seed", "guidance_scale"})
MANY = frozenset({"jobs"})
_RESERVED = ONE | MANY | {"command", "version"}


class CommandSpec(GeneratorSpec):
    """``{kind: command, name: mine, version: "1", command: [python, /a/gen.py, --prompt={prompt}, ...]}``.

    Each word of ``command`` is one argument; no shell ever reads it. In braces: ``{prompt}``,
    ``{prompt_file}`` (a text file that holds it), ``{output}`` (where the clip must be written),
    ``{seed}``, ``{guidance_scale}`` and every name in ``settings``; or ``{jobs}``, a JSON Lines file
    with a line of all these for each of ``batch_size`` clips, for a program that loads a model once.
    ``{{`` and ``}}`` are braces.

    The program runs in a new empty folder, which is removed afterwards, with the environment of the
    run but for variables that look like secrets (``environment`` names those it may have).
    """

    place: ClassVar[Literal["processes", "threads"]] = "threads"  # that wait for the program

    kind: Literal["command"] = "command"
    command: tuple[str, ...] = Field(min_length=1)
    # names what the program is: change it, and clips made before are made anew
    version: str = Field(min_length=1)
    settings: dict[str, SettingValue] = Field(default_factory=dict)
    suffix: str = Field(default=".mp4", pattern=r"^\.[a-z0-9]{1,8}$")  # of {output}
    environment: tuple[str, ...] = ()  # variables that look like secrets, and are passed
    batch_size: int = Field(default=1, ge=1, le=10_000)  # clips of one call; needs {jobs}
    concurrency: int = Field(default=1, ge=1, le=256)  # calls at a time

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        for name, value in self.settings.items():
            if not name.isidentifier() or name in _RESERVED:
                raise ValueError(f"settings: {name!r} is no name, or stands for something else")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"settings: {name}: {value} is not a number")
        if self.batch_size > 1 and "jobs" not in self._named():
            raise ValueError("batch_size: more than 1 needs {jobs} in command")
        return self

    @property
    def batch(self) -> int:
        """Clips of one call."""
        return self.batch_size

    def at_once(self, processes: int) -> int:
        """As many as the block says, however many processors there are: a GPU holds one model."""
        return self.concurrency

    @property
    def worst_usd(self) -> float | None:
        """Nobody is paid, as far as can be known."""
        return 0.0

    def check(self) -> None:
        """Raise :class:`SetupError` for a program that is not there and for unknown placeholders."""
        who = f"generator {self.name}: command"
        try:
            named = self._named()
        except Unfilled as error:
            raise SetupError(f"{who}: {error}") from error
        if shutil.which(self.command[0]) is None:
            raise SetupError(
                f"{who}: {self.command[0]!r} is no program that can be run here; install it, or "
                "write its absolute path"
            )
        known = (MANY if "jobs" in named else ONE) | self.settings.keys()
        if self.guidance_scale is None:
            known -= {"guidance_scale"}
        if unknown := sorted(named - known):
            raise SetupError(
                f"{who}: unknown in braces: {', '.join(unknown)}; known are "
                f"{', '.join(sorted(known))} (write {{{{ and }}}} for braces)"
            )
        self._check_use(who, named)
        self._check_paths(who)

    def _check_use(self, who: str, named: frozenset[str]) -> None:
        if "jobs" in named:
            return
        if "output" not in named:
            raise SetupError(
                f"{who}: says nowhere what file to write: put {{output}} or {{jobs}} in"
            )
        if not named & {"prompt", "prompt_file"}:
            raise SetupError(f"{who}: the prompt is in none of its arguments: put {{prompt}} in")
        drawn = {"guidance_scale"} if self.guidance_scale is not None else set()
        if unused := sorted((self.settings.keys() | drawn) - named):
            raise SetupError(
                f"{who}: {', '.join(unused)}: set, but in none of its arguments; what a clip's row "
                "says of its making must be true"
            )

    def _check_paths(self, who: str) -> None:
        for i, word in enumerate(self.command):
            if not os.path.isabs(word) and (i or "/" in word) and os.path.isfile(word):
                raise SetupError(
                    f"{who}: {word} is a relative path, and the program runs in a folder of its own; "
                    f"write {os.path.abspath(word)}"
                )

    def _named(self) -> frozenset[str]:
        return frozenset().union(*map(names_in, self.command))

    def fixed_settings(self) -> dict[str, SettingValue]:
        """The settings of the block, its version and the command line.

        Of absolute paths the last part stands there: a dataset tells nothing of a disk, and a program
        that is moved is the same program.
        """
        words = [os.path.basename(w.rstrip("/")) if os.path.isabs(w) else w for w in self.command]
        return {**self.settings, "version": self.version, "command": canonical_json(words)}

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        """What the program wrote, each clip looked at by itself."""
        from pipeline.generators.command.call import generate

        return generate(self, clips)
