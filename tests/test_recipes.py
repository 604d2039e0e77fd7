"""The recipes that come along can be read, and say what the README and the paper say."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter

from pipeline.clip_checks.options import ChecksOptions
from pipeline.config import load_config, recipe_names
from pipeline.generators.pool import PoolOptions
from pipeline.media.options import FramesOptions
from pipeline.sources.kinds import Source


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_valid(name: str) -> None:
    load_config(name)


def test_videoprefer_reads_like_the_paper() -> None:
    """14K prompts: 12.9K of VidProM, 0.9K of ActivityNet and the rest, about 0.2K, of MSR-VTT, with
    four clips each; 8 frames, temperature 0.3, one reply, two aspects (section 1 of the paper)."""
    config = load_config("videoprefer")
    assert [source.limit for source in config.sources] == [12_900, 900, 200]
    assert sum(source.limit or 0 for source in config.sources) == 14_000
    assert config.generators is not None
    assert (config.generators.clips_per_prompt, config.generators.top_up) == (4, True)
    assert all(isinstance(spec.guidance_scale, tuple) for spec in config.generators.pool)
    judge = config.annotators[0]
    assert (judge.temperature, judge.draws) == (0.3, 1)  # type: ignore[union-attr]
    assert (config.frames.policy_name, config.protocol.kind) == ("uniform-8", "pointwise")
    assert len(config.rubrics) == 2


def test_what_the_readme_shows_of_videos_in_is_valid() -> None:
    """Its blocks of sources, generators, frames and checks, as they stand there."""
    text = (Path(__file__).parents[1] / "README.md").read_text()
    readers: dict[str, Any] = {
        "sources": TypeAdapter(list[Source]).validate_python,
        "generators": PoolOptions.model_validate,
        "frames": FramesOptions.model_validate,
        "checks": ChecksOptions.model_validate,
    }
    seen = set()
    for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL):
        shown = (
            yaml.safe_load(block) if not re.search(r"^(protocol|consensus):", block, re.M) else {}
        )
        for name in shown.keys() & readers:
            readers[name](shown[name])
            seen.add(name)
    assert seen == set(readers)
