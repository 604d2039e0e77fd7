"""What a training looks like while it goes on: lines where there is no terminal, bars on one."""

import io

import pytest
from rich.console import Console

from pipeline import display
from pipeline.display import Display, learned, left_of, pace_of

ROW = {
    "arm": "videorm", "stage": "train", "epoch": 2, "step": 30, "steps": 200,
    "train_loss": 0.61234, "train_accuracy": 0.7, "clips_per_s": 1234.56, "seconds_left": 80.4,
}  # fmt: skip


def lines(*rows: dict, terminal: bool = False) -> str:
    out = io.StringIO()
    shown = Display(Console(file=out, force_terminal=terminal, width=160, soft_wrap=True))
    for row in rows:
        shown.training(row)
    shown.close()
    return out.getvalue()


def test_a_line_tells_step_loss_accuracy_rate_and_time_left() -> None:
    assert lines(ROW) == (
        "  videorm: step 30 of 200, epoch 2, loss 0.6123, accuracy 0.700, 1,234.6 clips/s, 80 s left\n"
    )


def test_a_row_without_them_tells_what_it_has() -> None:
    assert lines({"arm": "per_frame", "step": 1, "steps": 2}) == "  per_frame: step 1 of 2\n"
    encoding = {"arm": "videorm", "stage": "encode", "step": 64, "steps": 3600, "clips_per_s": 5.0}
    assert lines(encoding) == "  videorm encode: clip 64 of 3600, 5.0 clips/s\n"
    paced = {"arm": "videorm", "step": 1, "steps": 2, "prompts_per_s": 12.0}
    assert lines(paced) == "  videorm: step 1 of 2, 12.0 prompts/s\n"


def test_a_note_is_a_line_of_its_own() -> None:
    noted = {"arm": "videorm", "stage": "train", "step": 3, "steps": 9, "note": "goes on at step 3"}
    assert lines(noted) == "  videorm: goes on at step 3\n"


def test_between_two_lines_of_an_arm_there_are_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0] + 100)
    out = io.StringIO()
    shown = Display(Console(file=out, width=160))
    # seconds of each row; every arm has lines of its own, and the last step is always told
    for second, arm, step in ((0, "a", 1), (0, "b", 1), (9, "a", 2), (10, "a", 3), (11, "a", 4)):
        now[0] = second
        shown.training({"arm": arm, "step": step, "steps": 4})
    told = [line.split(" of")[0].strip() for line in out.getvalue().splitlines()]
    assert told == ["a: step 1", "b: step 1", "a: step 3", "a: step 4"]


def test_bars_on_a_terminal() -> None:
    shown = lines(ROW, {**ROW, "step": 200}, terminal=True)
    assert "200/200" in shown
    assert "loss 0.6123, accuracy 0.700" in shown
    assert "1,234.6 clips/s" in shown


def test_a_name_from_outside_is_no_markup() -> None:
    assert "[bold]" in lines({"arm": "[bold]", "step": 1, "steps": 2})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (4.4, "4 s left"), (89, "89 s left"), (90, "2 min left"), (5399, "90 min left"),
     (5400, "1.5 h left")],
)  # fmt: skip
def test_the_time_left_has_a_unit_that_can_be_read(seconds: float | None, said: str) -> None:
    assert left_of({"seconds_left": seconds}) == said


def test_nothing_is_said_of_nothing() -> None:
    assert learned({}) == pace_of({}) == left_of({}) == ""


def test_names_between_colons_stay_as_they_are() -> None:
    out = io.StringIO()
    Display(Console(file=out, width=160)).say("  judge:five: 3 of [bold]4")
    assert out.getvalue() == "  judge:five: 3 of [bold]4\n"
