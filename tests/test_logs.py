"""The run's log: one line of JSON each, few enough to be read, with its stage and wave and no key."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from annotators.log import NAME, FirstFew, say
from pipeline.logs import _append, is_ours, timed, with_fields, written
from pipeline.secrets import keys_of


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_knows_run_stage_wave_and_key(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with written(path, "abc", "info"), timed("annotate-00003"):
        say(logging.WARNING, "failure", "v/d/j/0: refusal", key="v/d/j/0")
        say(logging.DEBUG, "detail", "nobody asked for")
    begin, failure, end = lines(path)
    assert (begin["event"], end["event"]) == ("begin", "end")
    assert end["seconds"] >= 0
    del failure["time"], failure["elapsed_s"]
    assert failure == {
        "run": "abc",
        "level": "warning",
        "event": "failure",
        "stage": "annotate",
        "wave": 3,
        "key": "v/d/j/0",
        "message": "v/d/j/0: refusal",
    }
    with written(path, "abc", "error"):
        say(logging.ERROR, "said", "a second run")
    assert len(lines(path)) == 4  # after what the first one wrote


def test_a_stage_that_is_not_whole_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with pytest.raises(RuntimeError), written(path, "abc", "warning"), timed("audit"):
        raise RuntimeError
    assert [(line["event"], line["stage"]) for line in lines(path)] == [("stopped", "audit")]


def test_no_key_is_written_whatever_holds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_TEST_KEY", 'sk-"quoted"')
    block = {"annotators": [{"api_key_env": "A_TEST_KEY"}, {"api_key_env": "NOT_SET"}]}
    assert keys_of(block) == ['sk-"quoted"']
    path = tmp_path / "log.jsonl"
    with written(path, "abc", "info", keys_of(block)):
        say(logging.INFO, "said", 'a server said sk-"quoted" back', key='sk-"quoted"')
    assert "quoted" not in path.read_text()
    assert lines(path)[0]["message"] == "a server said *** back"


def test_of_many_lines_of_a_kind_the_first_are_written_and_then_every_tenfold(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log.jsonl"
    with written(path, "abc", "info"):
        few = FirstFew(logging.WARNING, "failure", stage="frames")
        for n in range(1, 1001):
            few.say("timeout", f"clip {n}")
        few.say("crashed", "clip 1")
    told = lines(path)
    assert [line.get("n") for line in told] == [None] * 5 + [10, 100, 1000, None]
    assert told[7]["message"] == "timeout: 1000 so far, the last of them: clip 1000"


def test_a_workers_line_comes_back_with_its_fields(tmp_path: Path) -> None:
    """As FnApiRunner hands it on: the entry as text, its message escaped and in quotes."""
    record = logging.LogRecord(NAME, logging.WARNING, "", 0, "%s", ("100 % refused: ü",), None)
    record.fields = {"event": "failure", "stage": "annotate", "key": "v/d/j/0"}
    assert _append(record)
    text = record.getMessage().encode("utf-8")
    escaped = "".join(chr(b) if 32 <= b < 127 and b not in b'"\\' else f"\\{b:03o}" for b in text)
    entry = f'Worker: severity: WARN message: "{escaped}" log_location: "x.py:1"'
    handed_on = logging.LogRecord("beam", logging.WARNING, "", 0, "%s", (entry,), None)
    path = tmp_path / "log.jsonl"
    with written(path, "abc", "info"):
        assert is_ours(handed_on)
    (line,) = lines(path)
    assert (line["message"], line["key"]) == ("100 % refused: ü", "v/d/j/0")
    other = logging.LogRecord("beam", logging.WARNING, "", 0, "Worker: else", None, None)
    assert not is_ours(other)


def test_fields_are_appended_once(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger(NAME)
    try:
        with_fields()
        with_fields()
        with caplog.at_level(logging.INFO, NAME):
            say(logging.INFO, "said", "words")
        assert caplog.messages == ['words #videoprefer {"event": "said"}']
    finally:
        logger.removeFilter(_append)
