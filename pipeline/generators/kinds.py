"""Every kind of generator. A further kind is a file in this room and a line here."""

from typing import Annotated

from pydantic import Field

from pipeline.generators.command import CommandSpec
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.openai_video import OpenAIVideoSpec
from pipeline.generators.simulated import SimulatedSpec

AnyGenerator = Annotated[
    CommandSpec | DiffusersSpec | OpenAIVideoSpec | SimulatedSpec, Field(discriminator="kind")
]
