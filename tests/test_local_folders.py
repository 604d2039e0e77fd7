"""Verbs that know no object store refuse an address, instead of making a folder called ``gs:``."""

from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.local_folders import refused


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["report", "gs://bucket/run"], "copy that folder here"),
        (["export", "out", "--format", "videoalign", "--output", "gs://bucket/x"], "local folders"),
        (["export", "s3://bucket/run", "--format", "videoalign", "--output", "x"], "copy that"),
        (["train", "--data", "out", "--output=gs://bucket/x"], "writes to local folders only"),
        (["train", "--data", "gs://bucket/run", "--output", "x"], "copy that folder here"),
        (["merge", "out", "gs://bucket/run", "--output", "x"], "copy that folder here"),
        (["push", "gs://bucket/run", "me/mine"], "copy that folder here"),
        (["audit", "--annotations", "a", "--ratings", "b", "--output", "gs://b/x"], "writes to"),
    ],
)
def test_an_address_is_refused(
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        ("run", ["--output", "gs://bucket/run"]),
        ("retry", ["gs://bucket/run", "--reason", "cut"]),
        ("audit", ["--annotations", "gs://bucket/scores.csv", "--output", "here"]),
        ("study", ["--set", "journal=gs://bucket/journal", "--output", "here"]),
        ("report", ["out/mine"]),
    ],
)
def test_what_may_lie_anywhere_may(verb: str, arguments: list[str]) -> None:
    assert refused(verb, arguments) is None
