"""Prompts of the simulated world, for runs that need neither data nor download."""

from typing import Literal

from pydantic import Field

from pipeline.generators.grammar import MOST_PROMPTS, simulated_prompts
from schemas import Prompt
from schemas.ids import prompt_id
from schemas.options import Options


class SimulatedPrompts(Options):
    """A source ``{kind: simulated}``: prompts of the grammar, for simulated generators."""

    kind: Literal["simulated"] = "simulated"
    prompts: int = Field(default=64, ge=1, le=MOST_PROMPTS)  # how many, all distinct
    seed: int = 0  # another seed, other prompts


def read(options: SimulatedPrompts) -> list[Prompt]:
    """The prompts, the same on every machine; those of a smaller number come first in a larger."""
    scenes = simulated_prompts(options.prompts, options.seed)
    return [
        Prompt(
            prompt_id=prompt_id(scene.text),
            text=scene.text,
            source="simulated",
            licence="CC0-1.0",
            simulated=True,
        )
        for scene in scenes
    ]
