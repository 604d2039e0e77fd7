"""Prompts of the simulated world, for runs that need neither data nor download."""

from typing import Literal

from pydantic import Field

from pipeline.generators.grammar import MOST_PROMPTS, simulated_prompts
from pipeline.sources.base import Found, SourceSpec
from schemas import Prompt
from schemas.ids import prompt_id


class SimulatedPrompts(SourceSpec):
    """A source ``{kind: simulated}``: prompts of the grammar, for simulated generators."""

    kind: Literal["simulated"] = "simulated"
    prompts: int = Field(default=64, ge=1, le=MOST_PROMPTS)  # how many, all distinct
    seed: int = 0  # another seed, other prompts

    def read(self) -> Found:
        """The same on every machine; those of a smaller number come first in a larger."""
        return Found(
            prompts=[
                Prompt(
                    prompt_id=prompt_id(scene.text),
                    text=scene.text,
                    source="simulated",
                    licence="CC0-1.0",
                    simulated=True,
                )
                for scene in simulated_prompts(self.prompts, self.seed)
            ]
        )
