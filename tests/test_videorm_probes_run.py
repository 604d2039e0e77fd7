"""Probes of whole models: for every probe one stand-in that passes it and one that fails it."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from videorm_run import write_run

from pipeline.videorm.data.corpus import load_corpus
from pipeline.videorm.data.damage import painted_praise
from pipeline.videorm.evaluation.probes import run_probes, verdict
from pipeline.videorm.evaluation.probes.rewards import is_temporal
from pipeline.videorm.model.build import build
from pipeline.videorm.model.config import ShiftConfig, VideoRMConfig
from pipeline.videorm.options import HeadOptions, ReadoutOptions, VideoRMOptions
from schemas.options import SetupError

COLOURS = {
    "red": (200, 60, 60),
    "green": (60, 200, 60),
    "blue": (60, 60, 200),
    "yellow": (190, 190, 40),
}
PROMPTS = [f"a {colour} ball" for colour in COLOURS]
DIMENSIONS = ("prompt_following", "video_quality")
SIZE, FRAMES = 32, 6  # what the stand-ins see; the frames themselves are larger
SIDE = 64
OFF = ShiftConfig(fraction=0.0, placement="branch", blocks=())

Reward = Callable[[str, Tensor], float]  # of a prompt and its frames (T, 3, S, S) in [0, 1]


class StandIn(nn.Module):
    """Something that scores clips as a VideoRM does, by rules that are known."""

    def __init__(self, alignment: Reward, quality: Reward, *, temporal: bool = True) -> None:
        super().__init__()
        self.rules = (alignment, quality)
        self.nothing = nn.Parameter(torch.zeros(()))  # says where the model is
        self.trunk = SimpleNamespace(n_blocks=2)
        self.config = VideoRMConfig.model_construct(  # no towers, so not checked
            arm="videorm" if temporal else "per_frame",
            dimensions=DIMENSIONS,
            frames=FRAMES,
            fit="squeeze",
            shift=OFF,
            temporal=temporal,
            head=HeadOptions(),
            readout=ReadoutOptions(),
            towers={"vision_config": {"image_size": SIZE}},
        )

    def score(self, prompts: Sequence[str], videos: Tensor, valid: Tensor) -> Tensor:
        """Upside down where the shift is on."""
        assert videos.dtype == torch.uint8
        clips = [v[there].float() / 255 for v, there in zip(videos, valid, strict=True)]
        rows = [[rule(p, c) for rule in self.rules] for p, c in zip(prompts, clips, strict=True)]
        return torch.tensor(rows) * (-1 if self.config.shift.blocks else 1)


def brightness(prompt: str, clip: Tensor) -> float:
    return float(clip.mean())


def motion(prompt: str, clip: Tensor) -> float:
    """Light decides between clips that stand still."""
    moved = float(clip.diff(dim=0).abs().mean()) if len(clip) > 1 else 0.0
    return moved + 1e-3 * brightness(prompt, clip)


def smooth(prompt: str, clip: Tensor) -> float:
    """High where frames follow one another at one speed: no jumps, and no standstill."""
    if len(clip) < 3:
        return 0.0
    return float(motion(prompt, clip) - clip.diff(n=2, dim=0).abs().mean())


def clean(prompt: str, clip: Tensor) -> float:
    """High without specks."""
    return -detail(prompt, clip)


def detail(prompt: str, clip: Tensor) -> float:
    return float(clip.diff(dim=-1).abs().mean() + clip.diff(dim=-2).abs().mean())


def even_light(prompt: str, clip: Tensor) -> float:
    return -float(clip.mean(dim=(1, 2, 3)).std(unbiased=False)) + 0.01 * brightness(prompt, clip)


def cool(prompt: str, clip: Tensor) -> float:
    """High where there is little red."""
    red, green, blue = clip.mean(dim=(0, 2, 3)).tolist()
    return (green + blue) / 2 - red


def relative_detail(prompt: str, clip: Tensor) -> float:
    """The same in any light."""
    return detail(prompt, clip) / brightness(prompt, clip)


def muted(prompt: str, clip: Tensor) -> float:
    return -colourful(prompt, clip)


def colourful(prompt: str, clip: Tensor) -> float:
    return float((clip.amax(dim=1) - clip.amin(dim=1)).mean())


def named_colour(prompt: str, clip: Tensor) -> float:
    """High where the picture leans to the colour that the prompt names."""
    wanted = torch.tensor(COLOURS[prompt.split()[1]]) / 255
    lean = clip.mean(dim=(0, 2, 3))
    return float((wanted - wanted.mean()) @ (lean - lean.mean()))


def first(prompt: str, clip: Tensor) -> float:
    return float(clip[0].mean())


def reads_praise(prompt: str, clip: Tensor) -> float:
    """High where the words of praise stand at the foot."""
    grey = np.full((1, SIDE, SIDE, 3), 100, np.uint8)
    foot = torch.from_numpy(painted_praise(grey)[0, -6:]).float().permute(2, 0, 1) / 255
    seen = torch.nn.functional.interpolate(clip, size=(SIDE, SIDE), mode="area")[..., -6:, :]
    return 1e-3 * brightness(prompt, clip) - float((seen - foot).abs().mean())


def ball(colour: tuple[int, int, int], light: float, texture: float, speed: float) -> np.ndarray:
    """A square of that colour in motion over a grey ramp with a fine pattern."""
    y, x = np.mgrid[:SIDE, :SIDE]
    ground = 60 + 40 * light + x / 2 + texture * ((x // 4 + y // 4) % 2)
    frames = np.repeat(ground[..., None], 3, axis=-1)[None].repeat(8, axis=0)
    for t, frame in enumerate(frames):
        left = round(2 + speed * t)
        frame[20:44, left : left + 24] = colour
    return frames.astype(np.uint8)


@pytest.fixture(scope="module", autouse=True)
def few_prompts_will_do():
    """Every clip is as it was drawn, so that four prompts say what forty would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdict, "ENOUGH_PROMPTS", 2)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Four prompts of a colour each in the test split, four clips of each: light, texture, speed."""
    root = tmp_path_factory.mktemp("probes")
    drawn = itertools.count()
    colours = list(COLOURS.values())

    def draw(rng: np.random.Generator, i: int) -> np.ndarray:
        # the train split comes first: two prompts
        colour = colours[(next(drawn) // 4 - 2) % 4]
        return ball(colour, light=i / 3, texture=[12, 0, 18, 6][i], speed=[4, 3, 5, 2][i])

    def score(i: int) -> dict[str, float]:
        return {"prompt_following": [4, 3, 2, 5][i], "video_quality": [2, 5, 3, 4][i]}

    write_run(root, {"train": ["x", "y"], "test": PROMPTS}, draw, score, raters=2)
    return root


def probe(folder: Path, quality: Reward, alignment: Reward = named_colour, **more) -> list[dict]:
    model = StandIn(alignment, quality, **more)
    return run(folder, {"arm": model})


def run(folder: Path, models, **more) -> list[dict]:
    corpus = load_corpus([folder], frames=FRAMES, image_size=SIZE, fit="squeeze", splits=("test",))
    return run_probes(models, [folder], corpus, seed=0, **more)


def row_of(rows: list[dict], name: str, dimension: str = "video_quality") -> dict:
    (row,) = [r for r in rows if (r["probe"], r["arm"], r["dimension"]) == (name, "arm", dimension)]
    return row


CASES = [
    ("shuffled", smooth, motion),
    ("frozen", motion, brightness),
    ("duplicated", smooth, brightness),
    ("flicker", even_light, motion),
    ("black_frame", even_light, clean),
    ("noise", clean, detail),
    ("noise_monotone", clean, detail),
    ("blurred", detail, clean),
    ("blurred_monotone", detail, clean),
    ("colour_cast", cool, colourful),
    ("colour_cast_monotone", cool, colourful),
    ("low_bitrate", clean, detail),
    ("low_bitrate_monotone", detail, clean),
    ("saturated", muted, colourful),
    ("painted_text", brightness, reads_praise),
    ("half_resolution", brightness, detail),
    ("shorter", brightness, motion),
    ("brighter", relative_detail, brightness),
    ("darker", relative_detail, brightness),
    ("codec", brightness, detail),
    ("decoder", brightness, smooth),
    ("first_frame_only", motion, first),
]


@pytest.fixture(scope="module")
def answers_of(folder):
    """The rows of a stand-in by its rule for quality; all are probed together."""
    rules = dict.fromkeys(rule for _, *both in CASES for rule in both)
    models = {rule.__name__: StandIn(named_colour, rule) for rule in rules}
    rows = run(folder, models)
    return lambda rule: [r | {"arm": "arm"} for r in rows if r["arm"] == rule.__name__]


@pytest.mark.parametrize(("name", "passes", "fails"), CASES)
def test_each_probe_tells_models_apart(answers_of, name, passes, fails):
    assert row_of(answers_of(passes), name)["met"] is True
    assert row_of(answers_of(fails), name)["met"] is False


def test_another_prompt_lowers_what_reads_it(answers_of, folder):
    rows = answers_of(brightness)
    assert row_of(rows, "prompt_swap", "prompt_following")["met"] is True
    assert row_of(rows, "prompt_swap", "prompt_following")["share_falls"] == 1.0
    assert row_of(rows, "prompt_swap")["met"] is True
    wrong = probe(folder, named_colour, brightness)  # the heads the wrong way round
    assert row_of(wrong, "prompt_swap", "prompt_following")["met"] is False
    assert row_of(wrong, "prompt_swap")["met"] is False
    assert row_of(wrong, "aspect_separation_prompt", "all")["met"] is False


def test_harm_is_quality_s_and_the_prompt_is_alignment_s(answers_of):
    rows = answers_of(muted)
    assert row_of(rows, "aspect_separation_harm", "all")["met"] is True
    assert row_of(rows, "aspect_separation_prompt", "all")["met"] is True
    assert row_of(answers_of(brightness), "aspect_separation_harm", "all")["met"] is False


def test_the_order_of_frames_is_nothing_to_what_sees_them_one_by_one(folder):
    rows = probe(folder, brightness, temporal=False)
    for name in ("shuffled", "reversed"):
        assert (row_of(rows, name)["expected"], row_of(rows, name)["met"]) == ("zero", True)
    lying = probe(folder, smooth, temporal=False)
    assert row_of(lying, "shuffled")["met"] is False
    assert row_of(lying, "reversed")["met"] is True  # the same forwards and backwards


def test_a_shift_that_is_switched_on_turns_the_verdicts_and_is_put_back(folder):
    model = StandIn(named_colour, clean)
    rows = run(folder, {"arm": model})
    row = row_of(rows, "shift_switched_on")
    # texture 12 0 18 6 in order of the clips, quality 2 5 3 4: of six pairs the cleaner is better in
    # 5, wrong for the first and the third alone; upside down the one is right
    assert row["note"] == "0.833 off, 0.167 on, 24 pairs"
    assert row["value"] == pytest.approx(1 / 6 - 5 / 6)
    assert model.config.shift == OFF


def test_looks_are_correlated_and_what_is_alike_has_no_number(answers_of):
    rows = answers_of(brightness)
    assert row_of(rows, "correlation_brightness")["value"] == pytest.approx(1)
    assert row_of(rows, "correlation_brightness")["met"] is None
    # light rises from clip to clip, quality is 2 5 3 4: rho 0.4; what is left is still all light
    assert row_of(rows, "correlation_brightness_given_score")["value"] == pytest.approx(1)
    assert row_of(rows, "correlation_resolution")["value"] is None
    assert row_of(rows, "generator_identity")["value"] is None  # one generator


def test_prompts_are_limited_and_the_same_seed_gives_the_same_rows(folder):
    model = StandIn(named_colour, clean)
    two = run(folder, {"arm": model}, most_prompts=2)
    assert {r["n_prompts"] for r in two} <= {0, 1, 2}
    assert two == run(folder, {"arm": model}, most_prompts=2, threads=2)


def test_the_four_arms_of_a_real_network_run_together(folder):
    options = VideoRMOptions(
        frames=FRAMES, towers={"image_size": 32, "width": 16, "heads": 2}, head={"heads": 2}
    )
    models = {
        a: build(options, a, DIMENSIONS, PROMPTS)
        for a in ("videorm", "shift", "transformer", "per_frame")
    }
    assert [is_temporal(m) for m in models.values()] == [True, True, True, False]
    rows = run(folder, models)
    zero = [r for r in rows if r["expected"] == "zero"]
    assert {r["arm"] for r in zero} == {"per_frame"}
    assert [r["met"] for r in zero] == [True] * 4
    assert {r["arm"] for r in rows if r["probe"] == "shift_switched_on"} == {
        "transformer",
        "per_frame",
    }
    assert {r["arm"] for r in rows} == {*models, "raters"}
    assert len({(r["probe"], r["arm"], r["dimension"]) for r in rows}) == len(rows)
    moved = [r for r in rows if r["arm"] == "shift" and r["probe"] == "shuffled"]
    assert all(abs(r["value"]) > 1e-4 for r in moved)  # untrained, but it does see time


def test_without_a_test_split_there_is_nothing_to_probe(folder):
    corpus = load_corpus([folder], frames=2, image_size=8, fit="squeeze", splits=("train",))
    with pytest.raises(SetupError, match="test split"):
        run_probes({}, [folder], corpus, seed=0)
