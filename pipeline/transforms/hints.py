"""What a step asks of the machine it runs on, where an engine can choose machines (Dataflow can).

Engines that cannot choose ignore it: https://beam.apache.org/documentation/runtime/resource-hints/
"""

from collections.abc import Iterable
from typing import Any

from apache_beam.transforms.resources import MinRamHint

from schemas.options import SetupError

ACCELERATOR, MIN_RAM = "accelerator", "min_ram"


def hints_of(specs: Iterable[Any]) -> dict[str, str]:
    """Beam's hints for a step in which all of these work: the one accelerator, the most memory.

    Kinds that need no such thing have no such fields. Raises ``SetupError`` where two ask for different
    accelerators: a step runs on machines of one kind.
    """
    specs = list(specs)
    wanted = {name: _said(specs, name) for name in (ACCELERATOR, MIN_RAM)}
    if len(wanted[ACCELERATOR]) > 1:
        raise SetupError(
            f"annotators: accelerator: {' and '.join(wanted[ACCELERATOR])} cannot work in one step; give "
            "all of them the same, or judge in two runs and merge them"
        )
    return {name: max(found, key=_size) for name, found in wanted.items() if found}


def _said(specs: list[Any], name: str) -> list[str]:
    return sorted({value for spec in specs if (value := getattr(spec, name, None))})


def _size(value: str) -> int:
    """Bytes of an amount of memory as Beam reads it; 0 of anything else."""
    try:
        (size,) = MinRamHint.parse(value).values()
    except ValueError:
        return 0
    return int(size)
