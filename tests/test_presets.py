"""Presets: what they fill in, and what they leave alone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from annotators.chat import OpenAISpec
from annotators.signal import SignalSpec
from pipeline.config import load_config
from pipeline.presets import preset_names
from schemas.options import SetupError


def loaded(folder: Path, *overrides: str, **changes: Any) -> Any:
    tree = {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {"pool": [{"kind": "simulated", "name": "sim-clean"}]},
        "annotators": [{"kind": "openai", "model": "m"}, {"kind": "signal"}],
        **changes,
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(tree))
    return load_config(str(folder / "c.yaml"), overrides)


def test_the_paper_judges_each_clip_once_at_temperature_03(tmp_path: Path) -> None:
    config = loaded(tmp_path, preset="videoprefer-paper")
    judge = config.annotators[0]
    assert isinstance(judge, OpenAISpec)
    assert (judge.draws, judge.temperature, judge.levels) == (1, 0.3, "ascending")
    assert config.frames.count == 8
    assert config.protocol.kind == "pointwise"
    assert config.rubrics == ["videoprefer/prompt_following", "videoprefer/video_quality"]


def test_careful_draws_thrice_with_shuffled_levels_and_both_orders(tmp_path: Path) -> None:
    config = loaded(tmp_path, preset="careful")
    judge, signal = config.annotators
    assert (judge.draws, judge.temperature, judge.levels) == (3, 0.3, "shuffled")
    assert judge.most_choices is None  # each draw has words of its own, so a request of its own
    # means of three draws of whole levels lie 1/3 apart: the band takes the nearest neighbours
    assert config.protocol.kind == "tie_band"
    assert 1 / 3 < config.protocol.band < 2 / 3
    # an annotator that measures has no draws to multiply
    assert isinstance(signal, SignalSpec)
    assert signal.draws == 1


def test_what_a_configuration_says_itself_stands(tmp_path: Path) -> None:
    annotators = [{"kind": "openai", "model": "m", "draws": 5, "temperature": None}]
    config = loaded(tmp_path, preset="careful", annotators=annotators, protocol="listwise")
    (judge,) = config.annotators
    assert (judge.draws, judge.temperature, judge.levels) == (5, None, "shuffled")
    assert config.protocol.kind == "listwise"


def test_a_preset_may_be_named_on_the_command_line(tmp_path: Path) -> None:
    config = loaded(tmp_path, "preset=careful", "annotators.0.draws=2")
    assert (config.preset, config.annotators[0].draws) == ("careful", 2)


def test_an_unknown_preset_is_refused(tmp_path: Path) -> None:
    assert preset_names() == ["careful", "videoprefer-paper"]
    with pytest.raises(SetupError, match="no 'carefull'; there are careful, videoprefer-paper"):
        loaded(tmp_path, preset="carefull")
