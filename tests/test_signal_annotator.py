"""The annotator around the measurements: rows, failures, options, child processes."""

import dataclasses
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError
from signal_clips import ask, clip, put

from annotators.base import Question, Resources
from annotators.signal import SignalSpec
from annotators.signal import judge as judging
from annotators.signal.judge import judge, on_scale
from prompts import load_rubric
from schemas import Annotation, Failure, Reason
from schemas.options import SetupError
from schemas.store import Store, blob_name

QUALITY, FOLLOWING = (
    load_rubric("videoprefer/video_quality"),
    load_rubric("videoprefer/prompt_following"),
)
RED_CIRCLE = "a red circle moving right"


def question(folder: Path, *, rubric: object = QUALITY, prompt: str = RED_CIRCLE) -> Question:
    return Question(frames=put(folder, clip(), prompt), rubric=rubric, draw=0)  # type: ignore[arg-type]


def resources(folder: Path, processes: int) -> Resources:
    return Resources(frames=Store(str(folder)), journal=Store(str(folder)), processes=processes)


def test_the_row_says_who_measured_what_by_which_rubric(tmp_path: Path) -> None:
    found = ask(tmp_path, clip(), RED_CIRCLE, "video_quality")
    assert isinstance(found, Annotation)
    assert (found.annotator_id, found.model, found.cost_usd) == ("signal", "signal-1", 0.0)
    assert (found.rubric, found.rubric_version) == (QUALITY.name, QUALITY.version)
    assert found.rubric_sha256 == QUALITY.sha256
    assert (found.scale_low, found.scale_high, found.n_frames) == (1, 5, 8)
    assert (found.requested, found.effective, found.reply_key) == (None, None, None)
    assert not found.simulated


def test_a_prompt_without_anything_measurable_is_not_applicable(tmp_path: Path) -> None:
    prompt = "man in red shirt does a wheely on his motorcycle"
    found = ask(tmp_path, clip(), prompt, "prompt_following")
    assert isinstance(found, Failure)
    assert found.reason is Reason.NOT_APPLICABLE
    assert found.key == "v1/prompt_following/signal/0"
    assert "names no colour, shape, count, size, motion or background" in found.message
    assert isinstance(ask(tmp_path, clip(), prompt, "video_quality"), Annotation)


def test_another_dimension_is_not_applicable(tmp_path: Path) -> None:
    (dimension,) = QUALITY.dimensions
    rubric = dataclasses.replace(
        QUALITY, dimensions=(dimension, dataclasses.replace(dimension, name="charm"))
    )
    quality, charm = judge(question(tmp_path, rubric=rubric), Store(str(tmp_path)), SignalSpec())
    assert isinstance(quality, Annotation)
    assert isinstance(charm, Failure)
    assert charm.reason is Reason.NOT_APPLICABLE


def test_absent_and_broken_frames_are_failures(tmp_path: Path) -> None:
    asked = question(tmp_path)
    (absent,) = judge(asked, Store(str(tmp_path / "elsewhere")), SignalSpec())
    assert isinstance(absent, Failure)
    assert absent.reason is Reason.NOT_FOUND
    broken = Store(str(tmp_path / "broken"))
    for digest in asked.frames.jpeg_sha256:
        broken.put(blob_name(digest, ".jpg"), b"no picture")
    (failure,) = judge(asked, broken, SignalSpec())
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.UNDECODABLE
    assert asked.frames.jpeg_sha256[0] in failure.message


def test_a_fault_of_the_program_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr(judging, "look", fault)
    (failure,) = judge(question(tmp_path), Store(str(tmp_path)), SignalSpec())
    assert isinstance(failure, Failure)
    assert failure.reason is Reason.INTERNAL
    assert "ZeroDivisionError: of all things" in failure.message


def test_scores_are_points_of_the_scale_or_lie_between() -> None:
    (dimension,) = QUALITY.dimensions
    # 0.68 of the way from 1 to 5 is 3.72.
    assert on_scale(0.68, dimension, "integer") == 4
    assert on_scale(0.68, dimension, "continuous") == 3.72
    assert [on_scale(v, dimension, "integer") for v in (-1, 0, 1, 2)] == [1, 1, 5, 5]
    odd = dataclasses.replace(dimension, scale=dimension.scale[::2])  # 1, 3, 5
    assert on_scale(0.68, odd, "integer") == 3


def test_options() -> None:
    SignalSpec().check([QUALITY], 8)
    with pytest.raises(SetupError, match="set draws: 1"):
        SignalSpec(draws=2).check([QUALITY], 8)
    with pytest.raises(ValidationError):
        SignalSpec(temperature=0.3)  # type: ignore[call-arg]
    assert SignalSpec(name="eyes").annotator_id == "eyes"
    assert not SignalSpec().simulated


@pytest.mark.parametrize("size", [(8, 8), (3, 200), (720, 400)])
def test_any_size_and_number_of_frames_gives_scores(tmp_path: Path, size: tuple[int, int]) -> None:
    for n in (1, 2, 3):
        pixels = np.stack([np.asarray(Image.fromarray(f).resize(size)) for f in clip()[:n]])
        for dimension in ("prompt_following", "video_quality"):
            found = ask(tmp_path, pixels, RED_CIRCLE, dimension)
            assert isinstance(found, Annotation), found


def test_children_answer_as_this_process_does(tmp_path: Path) -> None:
    asked = [question(tmp_path), question(tmp_path, rubric=FOLLOWING)]
    annotators = [SignalSpec().open(resources(tmp_path, n)) for n in (1, 2)]
    answers = []
    for annotator in annotators:
        futures = [annotator.submit(q) for q in asked]
        answers.append([list(f.result(timeout=60)) for f in futures])
        annotator.close()
    assert answers[0] == answers[1]
    assert all(isinstance(o, Annotation) for outcomes in answers[0] for o in outcomes)
    assert [a.in_flight for a in annotators] == [1, 8]


def hang(*_: object) -> None:
    """Stands in for a measurement that never ends."""
    time.sleep(60)


def die(*_: object) -> None:
    """Stands in for native code that crashes."""
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize(("work", "reason"), [(hang, Reason.TIMEOUT), (die, Reason.CRASHED)])
def test_a_child_that_hangs_or_dies_costs_one_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, work: object, reason: Reason
) -> None:
    from annotators.signal import pool

    annotator = SignalSpec(timeout_s=5 if work is die else 1).open(resources(tmp_path, 2))
    monkeypatch.setattr(pool, "judge", work)
    (failure,) = annotator.submit(question(tmp_path)).result(timeout=60)
    monkeypatch.undo()
    assert isinstance(failure, Failure)
    assert failure.reason is reason
    assert failure.key == "v1/video_quality/signal/0"
    annotator.close()
