"""A rubric's words asked in another protocol."""

import dataclasses

from prompts.packaged import template_of
from schemas import PROTOCOLS, Rubric
from schemas.ids import sha256_hex
from schemas.options import SetupError


def as_protocol(rubric: Rubric, protocol: str) -> Rubric:
    """The rubric asked ``pointwise``, ``pairwise`` or ``listwise``: itself where it is so already.

    Role, task, checklist and scales stay; the template becomes the packaged one of the protocol,
    because a template of one's own speaks of as many videos as it was written for. ``sha256`` covers
    the rubric's own and the bytes of that template. Raises :class:`SetupError` for another word.
    """
    if protocol not in PROTOCOLS:
        raise SetupError(
            f"rubric {rubric.name}: there is no protocol {protocol!r}; choose one of "
            f"{', '.join(PROTOCOLS)}"
        )
    if protocol == rubric.protocol:
        return rubric
    template = template_of(protocol)
    return dataclasses.replace(
        rubric,
        protocol=protocol,
        template=template.decode(),
        sha256=sha256_hex(f"{rubric.sha256}\n".encode() + template),
    )
