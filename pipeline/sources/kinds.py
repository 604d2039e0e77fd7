"""Every kind of source. A further kind is a file in this room and a line here."""

from typing import Annotated

from pydantic import Field

from pipeline.sources.manifest import ManifestSource
from pipeline.sources.simulated import SimulatedPrompts

Source = Annotated[ManifestSource | SimulatedPrompts, Field(discriminator="kind")]
