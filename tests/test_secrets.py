"""A key is in no option, job graph, log, journal, dataset or page."""

import base64
import bz2
import logging
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from judge_server import JudgeServer

from annotators import OpenAISpec
from annotators.base import Resources
from annotators.ledger import Ledger
from pipeline import command
from pipeline.transforms.judging import Annotate
from prompts import load_rubric
from schemas.store import Store

KEY = "sk-live-4f1c9e7a2b8d60351c"


BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")


def unpacked(data: bytes, depth: int = 4) -> Iterator[bytes]:
    """The bytes, and what is packed in them: Beam compresses pickles and writes them as base64."""
    yield data
    inside = [data, *BASE64.findall(data)] if depth else []
    for packed in inside:
        for open_up in (base64.b64decode, zlib.decompress, bz2.decompress):
            try:
                inner = open_up(packed)
            except (ValueError, OSError, EOFError, zlib.error):
                continue
            yield from unpacked(inner, depth - 1)


def holds(graph: beam.Pipeline, secret: str) -> bool:
    """Whether the submitted form of a pipeline holds a text, packed or not."""
    submitted = graph.to_runner_api().SerializeToString()
    return any(secret.encode() in data for data in unpacked(submitted))


class Leaky(beam.DoFn):
    """What nobody should write: a key handed to a constructor."""

    def __init__(self, key: str) -> None:
        self.key = key

    def process(self, element: int) -> Iterator[int]:
        yield element


def test_the_scan_finds_a_key_that_is_there() -> None:
    graph = beam.Pipeline(options=PipelineOptions([]))
    graph | beam.Create([1]) | beam.ParDo(Leaky(KEY))
    assert KEY.encode() not in graph.to_runner_api().SerializeToString()  # a plain search misses it
    assert holds(graph, KEY)


def test_the_job_graph_holds_no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    spec = OpenAISpec(
        model="m",
        endpoints=[{"base_url": "http://localhost:1/v1", "api_key_env": "MY_KEY"}],
    )
    rubric = load_rubric("videoprefer/video_quality")
    spec.check([rubric], 8)
    resources = Resources(
        frames=Store(str(tmp_path)),
        journal=Store(str(tmp_path)),
        ledger=Ledger(tmp_path / "ledger", ["m"]),
    )
    graph = beam.Pipeline(options=PipelineOptions([]))
    graph | beam.Create([]) | Annotate([spec], [rubric], resources, str(tmp_path / "progress"))
    assert not holds(graph, KEY)
    assert holds(graph, "MY_KEY")  # the variable's name is there, or nothing was scanned


def written(root: Path) -> Iterator[bytes]:
    for path in root.rglob("*"):
        if path.is_file():
            yield path.read_bytes()
            if path.suffix == ".parquet":
                yield repr(pq.read_table(path).to_pylist()).encode()


def test_a_run_writes_and_says_no_key(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server even says the key back in its errors (401 of every third request's second try)."""
    monkeypatch.setenv("MY_KEY", KEY)
    config = {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {"pool": [{"kind": "simulated", "name": "sim-clean"}]},
        "annotators": [{"kind": "openai", "model": "judge", "api_key_env": "MY_KEY"}],
        "concurrency": {"processes": 1},
    }
    for faults, code in ((["bad_request"], 0), (["unauthorized"] * 99, 3)):
        out = tmp_path / f"out-{code}"
        with JudgeServer(faults=faults) as server, caplog.at_level(logging.INFO):
            config["annotators"][0]["base_url"] = server.base_url
            (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
            asked = ["--config", str(tmp_path / "config.yaml"), "--output", str(out)]
            assert command.main(asked) == code
        assert server.bodies
        said = [text.encode() for text in (*capfd.readouterr(), caplog.text)]
        assert b"videoprefer: " in b"".join(said)  # it is what the run says
        found = [*said, *written(tmp_path)]
        assert not any(KEY.encode() in data for data in found)
        assert any(b"MY_KEY" in data for data in found)
