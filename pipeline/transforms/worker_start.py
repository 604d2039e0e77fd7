"""What each worker process does before any work: fetch the keys that the options name secrets for.

Beam imports this module (``--beam_plugin``) when a worker starts, in a container of one's own as in the
public one. An error here ends the worker and stands in its log: without its key it could do nothing.
"""

from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.options.value_provider import RuntimeValueProvider

from pipeline import vault


class KeyOptions(PipelineOptions):
    """Options of this program that travel to workers with those of Beam."""

    @classmethod
    def _add_argparse_args(cls, parser: object) -> None:
        parser.add_argument(  # type: ignore[attr-defined]
            vault.OPTION,
            dest="api_key_secrets",
            action="append",
            default=None,
            metavar="VARIABLE=SECRET",
            help="environment variable whose value is this secret of Secret Manager; may be repeated",
        )


def attach(options: PipelineOptions) -> None:
    """Have workers fetch the secrets that the options name, in place. Raises ``SetupError``."""
    said = options.view_as(KeyOptions).api_key_secrets
    if not said:
        return
    for text in said:
        vault.parse(text)
    setup = options.view_as(SetupOptions)
    setup.beam_plugins = [*(setup.beam_plugins or []), __name__]


def start() -> None:
    """Where a worker starts, Beam has its options ready; anywhere else there are none."""
    options = RuntimeValueProvider.runtime_options or {}
    vault.bring(map(vault.parse, options.get("api_key_secrets") or ()))


start()
