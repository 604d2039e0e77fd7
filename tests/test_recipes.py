"""The recipes that come along can be read, and say what the README and the paper say."""

import pytest

from pipeline.config import load_config, recipe_names


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
