"""Options of Beam that hold for the jobs of one stage: a GPU where a model judges, and nowhere else.

``--stage_option=annotate:--machine_type=g2-standard-8`` adds ``--machine_type=g2-standard-8`` to the
jobs of ``annotate``. What is said for a stage wins over what is said for all.
"""

from collections.abc import Sequence

from apache_beam.options.pipeline_options import PipelineOptions

from schemas.options import SetupError

OPTION = "--stage_option"
STAGES = ("collect", "annotate", "compare", "assemble")


class StageOptions(PipelineOptions):
    """The option itself, so that Beam knows it."""

    @classmethod
    def _add_argparse_args(cls, parser: object) -> None:
        parser.add_argument(  # type: ignore[attr-defined]
            OPTION,
            dest="stage_options",
            action="append",
            default=None,
            metavar="STAGE:--OPTION=VALUE",
            help="an option for the jobs of one stage; may be repeated",
        )


def flags_of(flags: Sequence[str], stage: str | None = None) -> list[str]:
    """What the flags add for a stage; for all of them where it is None. Raises ``SetupError``."""
    said = PipelineOptions(list(flags)).view_as(StageOptions).stage_options or []
    pairs = [_pair(text) for text in said]
    return [flag for where, flag in pairs if stage in (None, where)]


def _pair(text: str) -> tuple[str, str]:
    stage, colon, flag = text.partition(":")
    if stage not in STAGES or not colon or not flag.startswith("--"):
        raise SetupError(
            f"{OPTION}={text}: expected STAGE:--OPTION=VALUE with a stage of {', '.join(STAGES)}, as "
            "in annotate:--machine_type=g2-standard-8"
        )
    return stage, flag
