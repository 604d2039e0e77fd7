"""Distributions made by hand: modules beside a `.dist-info`, which is all that installing one leaves."""

from collections.abc import Mapping
from pathlib import Path

DOORS = '''
"""One kind for each door, as small as they come."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal
import dataclasses

from pipeline.formats import ultrafeedback
from pipeline.generators.base import GenerationError, GeneratorSpec, Tools
from pipeline.sources.base import Found, SourceSpec
from schemas import Clip, Prompt
from schemas.ids import prompt_id


class Colours(SourceSpec):
    kind: Literal["colours"] = "colours"
    of: str = "ball"

    def read(self) -> Found:
        texts = [f"a {colour} {self.of}" for colour in ("red", "blue")]
        return Found(
            prompts=[Prompt(prompt_id=prompt_id(t), text=t, source=self.kind) for t in texts]
        )


class Still(GeneratorSpec):
    kind: Literal["still"] = "still"
    kept: ClassVar[bool] = False

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        for clip in clips:
            yield clip.prompt.encode()


LAB = dataclasses.replace(ultrafeedback.WRITER, name="lab-pairs", what="what our trainer reads")
'''

RUBRIC = """
name: lab/charm
version: {version}
protocol: pointwise
template: pointwise.v1
role: You are a careful judge of short films.
task: Say how charming the clip is.
checklist: [Look at every frame.]
dimensions:
  - name: charm
    question: How charming is it?
    scale:
      - {{score: 1, label: none, anchor: It leaves one cold.}}
      - {{score: 5, label: much, anchor: One wants to see it again.}}
"""


def install(
    folder: Path,
    points: Mapping[str, Mapping[str, str]],
    *,
    name: str = "lab-doors",
    version: str = "1.2",
    files: Mapping[str, str] | None = None,
) -> Path:
    """A distribution below ``folder``: ``points`` maps a group to its entry points, ``files`` are its
    modules. Put the folder on ``sys.path``."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [
        line
        for group, own in points.items()
        for line in (f"[{group}]", *(f"{kind} = {value}" for kind, value in own.items()), "")
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for path, text in (files or {}).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
