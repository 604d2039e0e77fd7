"""Kind ``transformers``: the block of the configuration."""

import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from annotators.base import Annotator, Resources
from annotators.judge.spec import JudgeSpec
from annotators.local.weights import COMMIT, FOLDER, check_talks, folder_of, pin
from annotators.models import ModelTable, Price
from schemas import Rubric
from schemas.options import SetupError

WAY = 1  # of asking and of drawing; a new number wherever the same weights could reply otherwise
FREE = Price(input_usd_per_million=0, output_usd_per_million=0)


class TransformersSpec(JudgeSpec):
    """A model in transformers' layout that is shown pictures and answers in words.

    Replies are free and kept in the journal all the same: a night that was killed goes on where it
    was. With ``temperature`` null or 0 the most likely token is taken, else one is drawn; the model's
    own settings of generation shape nothing. Draws do not depend on what else is in a batch, up to
    rounding: on a GPU a batch of another size may round otherwise, and one token may then differ.
    """

    kind: Literal["transformers"] = "transformers"
    interface: ClassVar[str] = "transformers"

    revision: str | None = None  # branch, tag or commit on the hub; filled in: what it stands for
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"  # auto: as it was saved
    device: str = "auto"  # auto: a GPU where there is one; else as torch names it, cpu or cuda:1
    # spread over several GPUs, as accelerate reads it: auto, or {part: device}
    device_map: str | dict[str, int | str] | None = None
    # as transformers' configurations have it: {load_in_4bit: true}, {quant_method: awq, ...}
    quantization: dict[str, Any] = Field(default_factory=dict)
    # sdpa, flash_attention_2, ...; None: the model's default
    attn_implementation: str | None = None
    trust_remote_code: bool = False  # whether a model's own Python may run here
    batch_size: int = Field(8, ge=1)  # questions at once; halved where memory does not suffice
    # of the image processor: {size: {longest_edge: 364}}, {do_image_splitting: false}, ...
    processor: dict[str, Any] = Field(default_factory=dict)
    price: Price = FREE  # of one's own hours, where they are to be counted
    # of the machine that it works on, where an engine can choose one (Dataflow): Beam's resource hints,
    # "type:nvidia-l4;count:1;install-nvidia-driver" and "16GB"
    accelerator: str | None = Field(None, pattern=r"^type:[^;\s]+(;[^;\s]+)*$")
    min_ram: str | None = Field(None, pattern=r"^\d+(\.\d+)?[KMGTP]i?B$")

    @property
    def model_name(self) -> str:
        """A name of the hub, or a folder's own name: where it lies says nothing of what it is."""
        folder = Path(self.model).expanduser()
        return folder.resolve().name if folder.is_dir() else self.model

    @property
    def engine(self) -> dict[str, Any]:
        """What shapes the replies, beside the question: weights, how they are held, and the way of
        asking. Device, batch and attention change roundings only and are left out."""
        said = {
            "way": WAY,
            "weights": self.weights,
            "dtype": self.dtype,
            "constrained": self.reply_format != "text",
            "quantization": self.quantization,
            "processor": self.processor,
        }
        return {name: value for name, value in said.items() if value != {}}

    @property
    def weights(self) -> str:
        """A commit of the hub, or ``sha256:`` and the hash of a folder's files."""
        known = self.revision
        if known and (COMMIT.match(known) or known.startswith(FOLDER)):
            return known
        return pin(self.model, known)

    @property
    def most_choices(self) -> int | None:
        """None: every draw is a request of its own. Sharing one would save nothing here."""
        return None

    def resolved(self, models: ModelTable) -> Self:
        """Pinned, so that every worker runs the same weights. Raises :class:`SetupError`."""
        self._check_folder()
        try:
            found = pin(self.model, self.revision)
        except SetupError as error:
            raise SetupError(f"annotator {self.annotator_id}: {error}") from error
        return self.model_copy(update={"revision": found})

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` for a model, device or setting that cannot work here."""
        from annotators.local.device import fault_of

        super().check(rubrics, n_images)
        self._check_folder()
        if fault := fault_of(self.device) or self._fault() or self._same_again(rubrics):
            raise SetupError(f"annotator {self.annotator_id}: {fault}")

    def _check_folder(self) -> None:
        try:
            folder = folder_of(self.model)
            if folder and not self.trust_remote_code:  # a model's own code may hold its template
                check_talks(folder)
        except SetupError as error:
            raise SetupError(f"annotator {self.annotator_id}: {error}") from error
        if folder and self.revision and not self.revision.startswith(FOLDER):
            raise SetupError(
                f"annotator {self.annotator_id}: revision {self.revision!r} is of the hub, and model "
                f"{self.model} is a folder; leave `revision` out"
            )

    def _fault(self) -> str | None:
        if self.several_choices:
            return (
                "several_choices: true saves nothing where the model runs here; leave it out, "
                "every draw is asked on its own"
            )
        if self.device_map is not None and self.device != "auto":
            return "device and device_map say the same thing twice; leave one out"
        bits = self.quantization.get("load_in_4bit") or self.quantization.get("load_in_8bit")
        if bits and importlib.util.find_spec("bitsandbytes") is None:
            return "quantization needs bitsandbytes; `pip install bitsandbytes`, or leave it out"
        if self.quantization and not bits and "quant_method" not in self.quantization:
            return "quantization: say load_in_4bit: true, load_in_8bit: true, or a quant_method"
        return None

    def _same_again(self, rubrics: Sequence[Rubric]) -> str | None:
        """A list is shown in another order in each draw; anything else would be asked again as it was."""
        again = self.draws > 1 and self.levels == "ascending" and not self.temperature
        if not again or all(rubric.protocol == "listwise" for rubric in rubrics):
            return None
        return (
            f"{self.draws} draws of the likeliest reply are one reply; set draws: 1, a temperature, "
            "or levels: shuffled"
        )

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """Keeps the model loaded from one wave to the next."""
        from annotators.local.share import held

        return held(self)

    def open(self, resources: Resources) -> Annotator:
        """The annotator; a process holds one copy of a model, however often it is opened."""
        from annotators.local.annotator import LocalAnnotator  # torch loads only here

        return LocalAnnotator(self, resources)
