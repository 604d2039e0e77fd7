"""Options of Beam on the command line: none is unknown, none is ignored."""

import argparse
from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from schemas.options import SetupError


def refuse_unknown(flags: Sequence[str]) -> None:
    """Beam ignores what it does not know; a mistyped option must not be ignored for a night."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for block in [PipelineOptions, *_subclasses(PipelineOptions)]:
        add = block.__dict__.get("_add_argparse_args")
        if add is not None:
            add.__func__(block, _Tolerant(parser))
    _, unknown = parser.parse_known_args(list(flags))
    if unknown:
        raise SetupError(
            f"{unknown[0]}: neither an option of this command nor of Beam "
            "(python -m pipeline.run --help)"
        )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise SetupError(f"Beam options: {message}")


class _Tolerant:
    """Two option blocks of Beam may declare one name: the first declaration counts here."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._parser = parser

    def add_argument(self, *names: str, **how: object) -> None:
        try:
            self._parser.add_argument(*names, **how)  # type: ignore[arg-type]
        except argparse.ArgumentError:
            return

    def add_value_provider_argument(self, *names: str, **how: object) -> None:
        how.pop("type", None)
        self.add_argument(*names, **how)

    def add_mutually_exclusive_group(self, **_: object) -> "_Tolerant":
        return self


def _subclasses(cls: type) -> list[type]:
    direct: list[type] = cls.__subclasses__()
    return [found for sub in direct for found in (sub, *_subclasses(sub))]
