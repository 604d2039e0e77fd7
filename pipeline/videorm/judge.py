"""The ``videorm`` annotator's block of the configuration: a trained VideoRM asked like any judge.

Free of torch, as configurations are read without it; the model itself is in ``measure``.
"""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal

from annotators.base import Annotator, AnnotatorSpec, Resources
from annotators.embedding.checks import check_measures_once
from annotators.embedding.held import kept
from pipeline.videorm.model.config import FILES
from schemas import Rubric
from schemas.options import SetupError


class VideoRMSpec(AnnotatorSpec):
    """The reward of a model that ``train`` made, for each dimension that it has a head for.

    Rewards have no unit and no bounds: they compare within one model only. Free and repeatable, so
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
        """None of its own: any number."""
        return "unbounded"

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
        heads = config["dimensions"]
        asked = [d.name for rubric in rubrics for d in rubric.dimensions]
        if not set(heads) & set(asked):
            raise SetupError(
                f"annotator {self.annotator_id}: {self.model} gives rewards for "
                f"{', '.join(heads)}, but the rubrics ask for {', '.join(asked)}"
            )
        # More frames are thinned out evenly, as in training. Fewer would stand in the places of
        # the first of so many; the per-frame arm gives every place the same.
        if config["arm"] == "videorm" and n_images < config["frames"]:
            raise SetupError(
                f"annotator {self.annotator_id}: {self.model} was built for {config['frames']} "
                f"frames per clip in their order, but this run takes {n_images}; set "
                f"frames.count: {config['frames']}, or train with videorm.frames: {n_images}"
            )

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """Keeps a model that is loaded in this process from one wave to the next."""
        return kept()

    def open(self, resources: Resources) -> Annotator:
        """The annotator; a process holds one copy of the model, however often it is opened."""
        from pipeline.videorm.measure import open_videorm  # torch loads only here

        return open_videorm(self, resources)

    def config(self) -> dict[str, Any]:
        """The model's config.json. Raises :class:`SetupError` where the folder is no VideoRM."""
        for path in self.files:
            if not path.is_file():
                raise self._no_videorm(f"{path.name} is not there")
        try:
            found = json.loads(self.files[0].read_text())
        except ValueError as error:
            raise self._no_videorm(f"config.json: {error}") from error
        if not isinstance(found, dict) or not {"arm", "dimensions", "frames", "clip"} <= set(found):
            raise self._no_videorm("its config.json is of another model")
        return found

    def _no_videorm(self, why: str) -> SetupError:
        return SetupError(
            f"annotator {self.annotator_id}: {self.model} holds no VideoRM ({why}); name a folder "
            "that `videoprefer train` wrote"
        )
