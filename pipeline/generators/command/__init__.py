"""Kind ``command``: clips of any program that writes a video file."""

from pipeline.generators.command.spec import CommandSpec

__all__ = ["CommandSpec"]
