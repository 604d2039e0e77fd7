"""The ``videorm`` annotator's block of the configuration: a trained VideoRM asked like any judge.

Free of torch, as configurations are read without it; the model itself is in ``measure``.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal

from annotators.base import Annotator, AnnotatorSpec, Resources
from annotators.embedding.checks import check_measures_once
from annotators.embedding.held import kept
from pipeline.videorm.model.config import FILES, VideoRMConfig, read_config
from schemas import Rubric
from schemas.options import SetupError


class VideoRMSpec(AnnotatorSpec):
    """The reward of a model that ``train`` made, for each dimension that it has a head for.

    Rewards have no unit and no bounds: they compare within one model only. A regression's are scores
    on the scale it was trained on; one beyond an end of it is kept as it is. Free and repeatable, so
    nothing of it is kept in the journal. Each clip goes through the model on its own: what else
    stood in a batch would change the last digits of its reward.
    """

    kind: Literal["videorm"] = "videorm"
    model: str  # folder of a trained VideoRM
    device: str = "auto"  # auto: a GPU where there is one; else as torch names it, cpu or cuda:1

    @property
    def annotator_id(self) -> str:
        """``name``, else the kind: the path of a folder says where it lies, not what it is."""
        return self.name or self.kind

    @property
    def own_scale(self) -> tuple[float, float] | str | None:
        """The ends of a regression's scale; else none of its own: any number. Raises
        :class:`SetupError` where the folder is no VideoRM."""
        return self.config().scale or "unbounded"

    @property
    def files(self) -> tuple[Path, ...]:
        """Configuration, weights and tokenizer of the model."""
        return tuple(Path(self.model) / name for name in FILES)

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` for a folder that holds no VideoRM, for rubrics none of whose
        dimensions it has a head for, for fewer frames than it knows the places of, and for more
        than one draw."""
        check_measures_once(self)
        config = self.config()
        asked = [d.name for rubric in rubrics for d in rubric.dimensions]
        if not set(config.dimensions) & set(asked):
            raise SetupError(
                f"annotator {self.annotator_id}: {self.model} gives rewards for "
                f"{', '.join(config.dimensions)}, but the rubrics ask for {', '.join(asked)}"
            )
        # More frames are thinned out evenly, as in training. Where no clip has as many, every clip
        # would stand in the places of the first of them alone, as none did in training; that one clip
        # or another is shorter is what the mask is for.
        if knows_places(config) and n_images < config.frames:
            raise SetupError(
                f"annotator {self.annotator_id}: {self.model} was trained on clips of up to "
                f"{config.frames} frames and knows their places, but this run takes {n_images} at most; "
                f"set frames.count: {config.frames}, or train with videorm.frames: {n_images}"
            )

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """Keeps a model that is loaded in this process from one wave to the next."""
        return kept()

    def open(self, resources: Resources) -> Annotator:
        """The annotator; a process holds one copy of the model, however often it is opened."""
        from pipeline.videorm.measure import open_videorm  # torch loads only here

        return open_videorm(self, resources)

    def config(self) -> VideoRMConfig:
        """The model's config.json. Raises :class:`SetupError` where the folder is no VideoRM."""
        try:
            return read_config(Path(self.model))
        except SetupError as error:
            raise SetupError(f"annotator {self.annotator_id}: {error}") from error


def knows_places(config: VideoRMConfig) -> bool:
    """Whether the place of a frame in the clip counts: the transformer over frames has learned
    positions. Other heads, and the shift, see neighbours alone."""
    return config.temporal and config.head.kind == "transformer"
