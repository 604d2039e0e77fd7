"""A step's own machine: what an annotator asks for is in the graph, and nothing else asks for it."""

from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.portability.api import beam_runner_api_pb2
from pydantic import ValidationError

from annotators import TransformersSpec
from annotators.base import AnnotatorSpec, Resources
from pipeline import state
from pipeline.transforms.engine import Engine
from pipeline.transforms.hints import hints_of
from pipeline.transforms.judging import Annotate
from prompts import load_rubric
from schemas.options import SetupError
from schemas.store import Store

L4 = "type:nvidia-l4;count:1;install-nvidia-driver"


def local(**more: object) -> TransformersSpec:
    return TransformersSpec.model_validate({"model": "a/model", "revision": "0" * 40, **more})


def graph_of(annotators: list[AnnotatorSpec], folder: Path) -> beam_runner_api_pb2.Pipeline:
    """The pipeline that asks them."""
    p = beam.Pipeline()
    store = Store(str(folder))
    resources = Resources(frames=store, journal=store)
    rubric = load_rubric("videoprefer/video_quality")
    p | beam.Create([]) | "Annotate" >> Annotate(annotators, [rubric], resources, "")
    return p.to_runner_api()


def test_only_the_step_that_asks_a_local_model_has_a_machine_of_its_own(tmp_path: Path) -> None:
    graph = graph_of(
        [local(accelerator=L4, min_ram="16GB"), local(name="b", min_ram="24GB")], tmp_path
    )
    hinted = {
        key: environment.resource_hints
        for key, environment in graph.components.environments.items()
        if environment.resource_hints
    }
    (number,) = hinted
    # GB are powers of ten to Beam; the greater amount counts
    assert dict(hinted[number]) == {
        "beam:resources:accelerator:v1": L4.encode(),
        "beam:resources:min_ram_bytes:v1": b"24000000000",
    }
    steps = [
        t.unique_name for t in graph.components.transforms.values() if t.environment_id == number
    ]
    assert steps
    assert all(step.startswith("Annotate/annotate") for step in steps)


def test_without_a_wish_there_is_one_environment(tmp_path: Path) -> None:
    assert len(graph_of([local()], tmp_path).components.environments) == 1


def test_two_accelerators_in_one_step_are_refused_before_work() -> None:
    judges = [local(accelerator=L4), local(name="b", accelerator="type:nvidia-tesla-t4;count:1")]
    with pytest.raises(SetupError, match=r"nvidia-l4.* and type:nvidia-tesla-t4"):
        Engine([]).require(None, judges)


def test_kinds_without_such_fields_ask_for_nothing() -> None:
    assert hints_of([AnnotatorSpec(kind="signal")]) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"accelerator": "nvidia-l4"},
        {"accelerator": "type:a b"},
        {"min_ram": "16"},
        {"min_ram": "much"},
    ],
)
def test_what_no_engine_could_read_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        local(**wrong)


def test_another_machine_makes_no_other_rows() -> None:
    assert {"accelerator", "min_ram"} <= set(state.FREE_FIELDS)


@pytest.mark.parametrize(
    "flag", ["--flexrs_goal=COST_OPTIMIZED", "--dataflow_service_options=worker_accelerator=type:x"]
)
def test_what_dataflow_does_not_do_together_is_refused(
    flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.transforms.dataflow.has_google", lambda: True)
    flags = ["--runner=DataflowRunner", "--project=p-1", "--region=r", "--temp_location=gs://b/t"]
    with pytest.raises(SetupError, match="together"):
        Engine([*flags, flag]).require("gs://b/run", [local(accelerator=L4)])
