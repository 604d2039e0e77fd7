"""The ``embedding`` annotator's block of the configuration."""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from annotators.base import Annotator, AnnotatorSpec, Resources
from annotators.embedding.checks import (
    check_has_processor,
    check_is_clip,
    check_measures_once,
    read_config,
)
from annotators.embedding.files import model_files
from annotators.embedding.held import kept
from annotators.embedding.metrics import METRICS
from annotators.models import ModelTable
from schemas import Rubric
from schemas.options import SetupError

_HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w.-]+")  # organisation/model


class EmbeddingSpec(AnnotatorSpec):
    """A score that a CLIP model gives each frame against the prompt, averaged over the frames.

    Free and repeatable, so nothing of it is kept in the journal: a frame is measured again sooner
    than a reply is looked up on an object store, and the same frames give the same score. Left out,
    ``model``, ``processor`` and ``dimension`` are those of the metric (:data:`metrics.METRICS`).
    """

    kind: Literal["embedding"] = "embedding"
    metric: Literal["clip_score", "hps_v2", "pick_score"]
    model: str  # a CLIP model in transformers' layout: a folder or a name on the hub
    revision: str | None = None  # branch, tag or commit on the hub; filled in: the commit
    processor: str | None = None  # where tokenizer and image processor lie; None: with the model
    # the one dimension the score answers for; None: every dimension that is asked
    dimension: str | None = None
    device: str = "auto"  # auto: a GPU where there is one; else as torch names it, cpu or cuda:1
    # float32: the shorter ones round a cosine at its third decimal, and HPS v2 tells by the second
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    batch_size: int = Field(default=32, ge=1)  # frames of a clip that go through the model at once
    # of the machine that it works on, where an engine can choose one (Dataflow): Beam's resource hints,
    # "type:nvidia-l4;count:1;install-nvidia-driver" and "16GB"
    accelerator: str | None = Field(None, pattern=r"^type:[^;\s]+(;[^;\s]+)*$")
    min_ram: str | None = Field(None, pattern=r"^\d+(\.\d+)?[KMGTP]i?B$")

    @model_validator(mode="before")
    @classmethod
    def _of_the_metric(cls, values: Any) -> Any:
        known = METRICS.get(values.get("metric", "")) if isinstance(values, dict) else None
        if known is None:
            return values
        own = {"dimension": known.dimension}
        if values.get("model") in (None, known.model):
            own |= {"model": known.model, "processor": known.processor}
        return own | {k: v for k, v in values.items() if k != "model" or v is not None}

    @property
    def annotator_id(self) -> str:
        """``name``, else the model's name on the hub; the metric where it is a folder, whose path
        says where a machine keeps it and not what it is."""
        return self.name or (self.model if _HUB_NAME.fullmatch(self.model) else self.metric)

    @property
    def own_scale(self) -> tuple[float, float] | str | None:
        """0 to 2.5 for CLIPScore; the others are compared within one model only."""
        return METRICS[self.metric].scale or "unbounded"

    @property
    def source(self) -> str:
        """Folder or hub name of the tokenizer and the image processor."""
        return self.processor or self.model

    @property
    def files(self) -> tuple[Path, ...]:
        """The model's files where it lies in a folder; a model of the hub is told by its commit."""
        return tuple(
            f for part in dict.fromkeys((self.model, self.source)) for f in model_files(part)
        )

    def resolved(self, models: ModelTable) -> Self:
        """A model of the hub with the commit it stands at, so that every worker and every resumed
        run has the same weights. Raises :class:`SetupError` where it cannot be found."""
        config = read_config(self.annotator_id, self.model, self.revision)
        return self.model_copy(update={"revision": config.get("_commit_hash") or self.revision})

    def refusal(self, dimension: str) -> str | None:
        """Why a dimension is not answered; None: it is."""
        if self.dimension in (None, dimension):
            return None
        return f"{self.metric} was set to answer for {self.dimension} alone"

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` for more than one draw, a dimension nobody asks for, and a model
        that is no CLIP model or cannot be found."""
        check_measures_once(self)
        asked = [d.name for rubric in rubrics for d in rubric.dimensions]
        if self.dimension is not None and self.dimension not in asked:
            raise SetupError(
                f"annotator {self.annotator_id}: no rubric asks for the dimension "
                f"{self.dimension!r}; there are {', '.join(asked)}"
            )
        check_is_clip(self.annotator_id, self.model, self.revision)
        check_has_processor(self.annotator_id, self.source)

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """Keeps a model that is loaded in this process from one wave to the next."""
        return kept()

    def open(self, resources: Resources) -> Annotator:
        """The annotator; processes hold one copy of a model, however often it is opened."""
        from annotators.embedding.annotator import open_embedding  # torch loads only here

        return open_embedding(self, resources)
