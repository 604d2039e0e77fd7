"""What each metric makes of the cosine between a frame and the prompt. Free of torch."""

import dataclasses
from collections.abc import Callable


def clip_score(cosine: float, logit_scale: float) -> float:
    """``2.5 max(cos, 0)``, in [0, 2.5]: Hessel et al. 2021, arXiv 2104.08718, section 3, w = 2.5.

    Two ways in which published figures differ from it. The paper's own code (jmhessel/clipscore)
    puts "A photo depicts" before the text; as most programs since, this one shows the prompt as it
    is. Video suites publish the bare cosine: FETV its mean over frames under the name CLIPScore
    (0.27, where this gives 0.68), VBench's overall consistency that of one embedding of the whole
    clip (ViCLIP). The factor changes no order of clips; the cut at 0 hardly ever acts.
    """
    return 2.5 * min(max(cosine, 0.0), 1.0)  # rounding alone can carry a cosine past 1


def hps_v2(cosine: float, logit_scale: float) -> float:
    """The cosine: Wu et al. 2023, arXiv 2306.09341, as ``hpsv2.score`` of tgxs002/HPSv2 gives it.

    The scale that the paper trains with (its 1/tau) is left out there and here; tables show a
    hundred times this value. Clips of one prompt differ by about 0.01.
    """
    return cosine


def pick_score(cosine: float, logit_scale: float) -> float:
    """``logit_scale cos``: Kirstain et al. 2023, arXiv 2305.01569, section 4, the learned scale of
    the model (about 100), as in yuvalkirstain/PickScore. A softmax over the scores of two pictures
    is the probability that a person prefers each."""
    return logit_scale * cosine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A score of one frame and what is taken where the configuration is silent."""

    score: Callable[[float, float], float]  # of the cosine and the model's logit scale
    scale: tuple[float, float] | None  # None: unbounded
    model: str
    processor: str | None = None  # where the model's own repository holds none
    dimension: str | None = None  # the one it was made for; None: preference as a whole
    # The whole frame on a black square, as HPS v2 was trained; the others see its middle square.
    letterbox: bool = False


_VIT_H = "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"  # that PickScore's model card names

METRICS: dict[str, Metric] = {
    "clip_score": Metric(
        score=clip_score,
        scale=(0.0, 2.5),
        model="openai/clip-vit-base-patch32",
        dimension="prompt_following",
    ),
    # converted by others; the authors' own file, of v2 or v2.1, is converted by `convert`
    "hps_v2": Metric(
        score=hps_v2, scale=None, model="adams-story/HPSv2-hf", processor=_VIT_H, letterbox=True
    ),
    "pick_score": Metric(
        score=pick_score, scale=None, model="yuvalkirstain/PickScore_v1", processor=_VIT_H
    ),
}
