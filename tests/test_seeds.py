"""The table of all seeds: four arms, and what VideoRM has over each of the others."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "seeds.py"


@pytest.fixture(scope="module")
def seeds():
    found = importlib.util.spec_from_file_location("seeds", SCRIPT)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def number(value, **about):
    return {
        "against": "annotator", "dimension": "all", "split": "test", "value": value,
        "low": value - 0.02, "high": value + 0.02, "n_pairs": 1773, "n_prompts": 218, **about,
    }  # fmt: skip


def test_every_arm_has_a_cell_and_a_difference(seeds):
    values = {"videorm": 0.832, "shift": 0.82, "transformer": 0.99, "per_frame": 0.75}
    metrics = {
        "accuracy": [
            *(number(v, arm=arm) for arm, v in values.items()),
            number(0.1, arm="videorm", split="validation"),
            number(0.2, arm="videorm", ties="half"),
            number(0.3, arm="videorm", against="raters"),
        ],
        "differences": [
            number(0.832 - v, arm="videorm", minus=arm, ties="dropped")
            for arm, v in values.items()
            if arm != "videorm"
        ],
    }
    assert seeds.row(metrics, "annotator", "all") == [
        ".832 [.812, .852]", ".820 [.800, .840]", ".990 [.970, 1.010]", ".750 [.730, .770]",
        "-", "-",  # nobody else was measured against the annotator
        "+.012 [-.008, +.032]", "-.158 [-.178, -.138]", "+.082 [+.062, +.102]", "1773 / 218",
    ]  # fmt: skip


def test_a_run_of_two_arms_is_shown_with_dashes(seeds):
    metrics = {
        "accuracy": [number(0.8, arm="videorm"), number(0.7, arm="per_frame")],
        "differences": [number(0.1, arm="videorm", minus="per_frame")],
    }
    head, rule, *lines = seeds.table({3: metrics})
    assert head.count("|") == rule.count("|") == lines[0].count("|") == 14
    assert lines[0].startswith("| 3 | annotator | all | .800 [.780, .820] | - | - | .700")
    assert len(lines) == 6
    assert lines[-1] == "| 3 | raters | video_quality |" + " - |" * 10
