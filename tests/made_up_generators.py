"""Generators that tests make up: they note every clip they are asked for, and can fail in every way."""

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar, Literal

from pipeline.generators.base import GenerationError, GeneratorSpec, SettingValue, Tools
from schemas import Clip, Reason


class MadeUp(GeneratorSpec):
    """Its clips are GIF headers with the prompt behind. Prompts say how a clip comes to grief:
    ``hang``, ``die``, ``fail``, ``fault``, ``quota``."""

    kind: Literal["made-up"] = "made-up"
    asked: str  # folder: a file per clip that was asked for, with the process that was
    size: int = 1
    workers: int = 2

    @property
    def batch(self) -> int:
        return self.size

    def at_once(self, processes: int) -> int:
        return self.workers

    def fixed_settings(self) -> dict[str, SettingValue]:
        return {"model": "made-up", "revision": "1"}

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        for clip in clips:
            n = len(list(Path(self.asked).glob(f"{clip.video_id}-*")))
            Path(self.asked, f"{clip.video_id}-{n}").write_text(str(os.getpid()))
            yield self._one(clip)

    def _one(self, clip: Clip) -> bytes | GenerationError:
        if clip.prompt == "hang":
            time.sleep(60)
        if clip.prompt.startswith("slow"):
            time.sleep(0.1)
        if clip.prompt == "die":
            os._exit(9)
        if clip.prompt == "fail":
            return GenerationError("this one cannot be made; try another")
        if clip.prompt == "fault":
            raise ZeroDivisionError("nobody expected this")
        if clip.prompt == "quota":
            raise GenerationError("no money is left; add some", Reason.QUOTA)
        return b"GIF89a" + clip.prompt.encode()


class InThreads(MadeUp):
    """The same, in threads."""

    place: ClassVar[Literal["processes", "threads"]] = "threads"
