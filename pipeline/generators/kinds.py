"""Every kind of generator. A further kind is a file in this room and a line here, or another package's."""

from typing import Annotated

from pipeline.generators.base import GeneratorSpec
from pipeline.generators.command import CommandSpec
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.openai_video import OpenAIVideoSpec
from pipeline.generators.simulated import SimulatedSpec
from schemas.kinds import Kinds
from schemas.plugins import GENERATORS

GENERATOR_KINDS = Kinds(
    GENERATORS,
    GeneratorSpec,
    "generate",
    CommandSpec,
    DiffusersSpec,
    OpenAIVideoSpec,
    SimulatedSpec,
)
AnyGenerator = Annotated[GeneratorSpec, GENERATOR_KINDS]  # one block of `pool:`
