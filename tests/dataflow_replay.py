"""Runs a staged pipeline.pb as a worker would: ``python dataflow_replay.py PIPELINE``.

Every environment becomes the Python at hand. Files of the launcher's that are opened are noted in the file
$REPLAY_TOUCHED, where $REPLAY_FORBIDDEN names their folder.
"""

import os
import sys
from pathlib import Path
from typing import Any


def forbid(folder: str, noted: str) -> None:
    """Note every file below a folder that this process opens."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(folder):
            descriptor = os.open(noted, os.O_APPEND | os.O_CREAT | os.O_WRONLY)
            os.write(descriptor, f"{arguments[0]}\n".encode())
            os.close(descriptor)

    sys.addaudithook(hook)


def main(graph: Path) -> None:
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability import python_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner

    import pipeline

    assert Path(pipeline.__file__).is_relative_to(os.environ["PYTHONPATH"]), pipeline.__file__
    staged = beam_runner_api_pb2.Pipeline.FromString(graph.read_bytes())
    for environment in staged.components.environments.values():
        environment.urn, environment.payload = python_urns.EMBEDDED_PYTHON, b""
        del environment.dependencies[:]
    result = FnApiRunner().run_via_runner_api(staged, PipelineOptions([]))
    assert result.wait_until_finish() in (None, "DONE")


if __name__ == "__main__":
    forbid(os.environ["REPLAY_FORBIDDEN"], os.environ["REPLAY_TOUCHED"])
    main(Path(sys.argv[1]))
