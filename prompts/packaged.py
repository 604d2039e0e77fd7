"""Templates that come with the package. A released one never changes: its bytes key paid replies."""

import functools
from importlib import resources
from importlib.resources.abc import Traversable


def template_file(name: str) -> Traversable:
    """Where the packaged template of that name lies, whether it exists or not."""
    return resources.files("prompts").joinpath("templates", f"{name}.j2")


@functools.cache
def template_of(protocol: str) -> bytes:
    """The packaged template that asks any rubric in a protocol."""
    return template_file(f"{protocol}.v1").read_bytes()
