"""The videorm block of a recipe: paths, presets, faults by key, and what is refused before any money."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_clip
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import Config, load_config
from pipeline.final import _shaping
from pipeline.plan import make_plan
from pipeline.state import claim
from pipeline.videorm.keys import dotted_keys, known_at, unknown
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.refused import check_training
from schemas.layout import Layout
from schemas.options import SetupError

RUN: dict[str, Any] = {
    "sources": [{"kind": "simulated", "prompts": 30}],
    "generators": {
        "pool": [{"kind": "simulated", "name": name} for name in ("sim-clean", "sim-frozen-blur")],
        "clips_per_prompt": 2,
    },
    "annotators": [{"kind": "signal"}],
}
ASKED = ("prompt_following", "video_quality")
KNOWN = ("sim-clean", "real")


def recipe(folder: Path, videorm: Mapping[str, Any], *sets: str, **more: Any) -> Config:
    folder.mkdir(exist_ok=True)
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump({**RUN, **more, "videorm": dict(videorm)}))
    return load_config(str(file), sets)


# --- where things lie ----------------------------------------------------------------------------


def test_relative_folders_start_at_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "r" / "towers").mkdir(parents=True)
    given_ = {"trunk": "towers", "tokenizer": "towers", "cache": {"path": "kept", "keep": "prefix"}}
    options = recipe(tmp_path / "r", given_).videorm
    assert options is not None
    assert options.trunk == options.tokenizer == str(tmp_path / "r" / "towers")
    assert options.cache.path == str(tmp_path / "r" / "kept")
    assert options.cache.keep == "prefix"  # no path, though it stands under `cache`


def test_a_name_on_a_hub_stays_one(tmp_path: Path) -> None:
    options = recipe(tmp_path, {"trunk": "owner/towers", "tokenizer": "owner/words"}).videorm
    assert options is not None
    assert (options.trunk, options.tokenizer) == ("owner/towers", "owner/words")


def test_what_is_set_starts_at_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "towers").mkdir()
    options = recipe(
        tmp_path / "r", {}, "videorm.training.epochs=4", "videorm.trunk=towers",
        "videorm.cache.path=kept", "videorm.cache.keep=none", "videorm.tokenizer=owner/words",
    ).videorm  # fmt: skip
    assert options is not None
    assert options.training.epochs == 4
    assert options.trunk == str(tmp_path / "towers")
    assert (options.cache.path, options.cache.keep) == (str(tmp_path / "kept"), "none")
    assert options.tokenizer == "owner/words"


def test_videos_of_a_source_are_still_a_mapping_of_paths(tmp_path: Path) -> None:
    source = {"kind": "vidprom", "path": "p.csv", "videos": {"pika": "unpacked", "cache": "more"}}
    config = recipe(tmp_path, {}, "sources.0.videos.store=third", sources=[source])
    folders = config.sources[0].videos  # type: ignore[union-attr]
    assert folders["pika"] == str(tmp_path / "unpacked")
    assert folders["cache"] == str(tmp_path / "more")
    assert folders["store"] == str(Path.cwd() / "third")


def test_a_preset_is_filled_in_block_by_block(tmp_path: Path) -> None:
    block = {"preset": "videorm-default", "training": {"epochs": 2}}
    options = recipe(tmp_path, block).videorm
    assert options is not None
    assert (options.training.epochs, options.training.batch_prompts) == (2, 32)


# --- faults by key -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"epochs": 3}, "videorm.epochs: no such option; did you mean training.epochs?"),
        ({"training": {"colour": 3}}, "videorm.training.colour: no such option; known in training"),
        ({"head": {"kind": "gru"}}, "videorm.head.kind: Input should be"),
        ({"preset": "vast"}, "videorm: preset: there is no 'vast'; there are videorm-default,"),
        ({"head": {"heads": 5}}, "videorm: head.heads: must divide towers.width"),
    ],
)
def test_a_fault_names_the_key_and_what_is_known(
    block: Mapping[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(SetupError) as refused:
        recipe(tmp_path, block)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"{tmp_path / 'mine.yaml'}: ")


def test_every_dotted_key_is_one_of_the_options() -> None:
    keys = list(dotted_keys())
    assert {"preset", "training.epochs", "data.text_swap.weight", "towers.image_size"} <= set(keys)
    for key in keys:
        *parents, last = key.split(".")
        assert last in known_at(parents)


@given(st.lists(st.text("abcdefgh.", max_size=6), min_size=1, max_size=3))
def test_whatever_the_key_something_is_said_of_it(place: list[str]) -> None:
    assert unknown(place).startswith("no such option")


# --- refused before the judging ------------------------------------------------------------------


def check(videorm: Mapping[str, Any], **more: Any) -> None:
    options = VideoRMOptions.model_validate(videorm)
    check_training(options, **({"asked": ASKED, "generators": KNOWN} | more))


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"dimensions": ["beauty"]}, "dimensions: 'beauty': no rubric asks for it; there are prompt"),
        ({"overall": {"beauty": 1.0}}, "overall.beauty"),
        ({"overall": {"video_quality": 1.0}}, "no weight for prompt_following"),
        ({"overall": {"prompt_following": 0, "video_quality": 0}}, "weigh more than 0"),
        ({"overall": {"prompt_following": -1, "video_quality": 1}}, "at least 0"),
        ({"dimensions": ["video_quality"],
          "data": {"text_swap": {"weight": 0.1, "dimensions": ["prompt_following"]}}},
         "data.text_swap.dimensions: 'prompt_following': it is not trained"),
        ({"data": {"real": {"over_damaged": 1, "generators": ["real"], "dimensions": ["beauty"]}}},
         "data.real.dimensions: 'beauty'"),
        ({"data": {"real": {"over_generated": 1}}}, "none are named"),
        ({"data": {"real": {"generators": ["sora"]}}}, "data.real.generators: 'sora'"),
        ({"data": {"held_out_generators": ["sora"]}},
         "data.held_out_generators: 'sora': no clip is of it; there are real, sim-clean"),
        ({"data": {"held_out_generators": list(KNOWN)}}, "no generator is left to train on"),
        ({"data": {"labels": "human"}}, "no person rated anything here"),
        ({"shift": {"blocks": [2]}}, "there is no block 2; the image tower has 2"),
        ({"trunk": "./nowhere"}, "videorm.trunk: ./nowhere: no such folder"),
        ({"trunk": "a/b/c"}, "no such folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_is_refused(block: Mapping[str, Any], said: str) -> None:
    with pytest.raises(SetupError) as refused:
        check(block)
    assert said in str(refused.value)
    assert str(refused.value).startswith("videorm.")


def test_what_can_be_trained_passes() -> None:
    check({})
    check({"dimensions": ["overall"]})
    check({"overall": {"prompt_following": 0, "video_quality": 2}})
    check({"data": {"labels": "both", "held_out_generators": ["real"]}}, people=True)
    check({"loss": {"kind": "regression"}})
    with pytest.raises(SetupError, match="this protocol only compares clips"):
        check({"loss": {"kind": "regression"}}, scored=False)


def test_a_trunk_is_looked_at_without_its_weights(tmp_path: Path) -> None:
    tiny_clip.save(tmp_path / "clip")  # two blocks, embeddings of width 8
    trunk = {"trunk": str(tmp_path / "clip"), "head": {"heads": 4}}
    (tmp_path / "clip" / "model.safetensors").unlink()
    check(trunk)
    for change, said in (
        ({"head": {"heads": 3}}, "3 does not divide 8"),
        ({"training": {"train_blocks": 3}}, "train_blocks: 3, but the image tower has 2 blocks"),
        ({"shift": {"blocks": [5]}}, "no block 5"),
    ):
        with pytest.raises(SetupError, match=said):
            check({**trunk, **change})
    (tmp_path / "clip" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(SetupError, match="bert"):
        check(trunk)
    (tmp_path / "clip" / "config.json").write_text("{")
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot read"):
        check(trunk)


def test_a_plan_refuses_it(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="'sora': no clip is of it; there are sim-clean, sim-froz"):
        make_plan(recipe(tmp_path, {"data": {"held_out_generators": ["sora"]}}))
    # of two clips a prompt one is left, so no prompt has a pair to train on
    alone = {"data": {"held_out_generators": ["sim-clean"]}}
    with pytest.raises(
        SetupError, match="0 prompts with at least two clips of generators that are"
    ):
        make_plan(recipe(tmp_path, alone))
    make_plan(recipe(tmp_path, {}))


# --- a second run --------------------------------------------------------------------------------


def test_another_videorm_block_needs_no_flag(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "out")
    claim(layout, recipe(tmp_path, {}), "mine", rebuild=False)
    claim(layout, recipe(tmp_path, {"training": {"epochs": 4}}), "mine", rebuild=False)


def test_a_model_is_trained_anew_for_what_shapes_it_alone() -> None:
    start = VideoRMOptions()
    elsewhere = {"device": "cpu", "threads": 4, "cache": {"path": "x"}, "track": []}
    also = {"data": {"memory_gb": 1}, "training": {"checkpoint_seconds": 5}}
    assert _shaping(VideoRMOptions.model_validate(elsewhere | also)) == _shaping(start)
    for change in ({"seed": 1}, {"training": {"epochs": 4}}, {"data": {"labels": "both"}}):
        assert _shaping(VideoRMOptions.model_validate(change)) != _shaping(start)
