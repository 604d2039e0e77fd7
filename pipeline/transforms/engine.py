"""Which engine runs a pipeline: Beam's options, checked, and one call that waits for the end."""

import argparse
import logging
from collections.abc import Callable, Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, SetupOptions
from apache_beam.runners.runner import PipelineState

from schemas.options import SetupError

DEFAULT_RUNNER = (
    "FnApiRunner"  # DirectRunner may switch engines by graph and network; this one never
)


class Engine:
    """Beam with the options of the command line."""

    def __init__(self, flags: Sequence[str]) -> None:
        _refuse_unknown(flags)
        named = any(flag == "--runner" or flag.startswith("--runner=") for flag in flags)
        self._flags = [*flags, *([] if named else [f"--runner={DEFAULT_RUNNER}"])]
        options = self._options()
        self.runner = str(options.get_all_options()["runner"])
        # 0 means "as many as there are cores" to Beam; we only need to share cores fairly
        self.workers = max(1, options.view_as(DirectOptions).direct_num_workers or 1)
        logging.getLogger("apache_beam").setLevel(logging.WARNING)

    def _options(self) -> PipelineOptions:
        options = PipelineOptions(self._flags)
        # pickling the main module's state would pull the launcher into every worker
        options.view_as(SetupOptions).save_main_session = False
        return options

    def run(self, build: Callable[[beam.Pipeline], None]) -> None:
        """Build one pipeline, run it, wait; raise where the engine says that it failed."""
        p = beam.Pipeline(options=self._options())
        build(p)
        result = p.run()
        state = result.wait_until_finish()
        if state is not None and state != PipelineState.DONE:
            raise RuntimeError(f"{self.runner} ended in state {state}; its own log says why")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise SetupError(f"Beam options: {message}")


def _refuse_unknown(flags: Sequence[str]) -> None:
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
