"""What every block of a multimodal judge shares, wherever the model runs."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from annotators.base import AnnotatorSpec
from annotators.models import Capabilities, Price
from schemas import PROTOCOLS, Rubric
from schemas.options import SetupError

TOP_LOGPROBS = 20  # alternatives per token; the most that OpenAI gives


class JudgeSpec(AnnotatorSpec):
    """A model that is shown frames and a rubric, and replies in words."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a key put here by mistake is not printed
    interface: ClassVar[str]  # of the journal's keys: which way of asking gives these replies

    model: str = Field(min_length=1)
    draws: int = Field(1, ge=1)  # replies per clip and rubric
    temperature: float | None = Field(0.3, ge=0, le=2)  # None: not sent, the model's default
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None  # draw k is sent seed + k: equal seeds would be one draw bought twice
    max_output_tokens: int | None = Field(None, ge=1)  # None: 512, more where more is asked for
    reply_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    # sampled: the number in the reply. expected: the mean over the probabilities that the model gave
    # to every level of the scale in its place (clips on their own; a comparison is always sampled).
    score: Literal["sampled", "expected"] = "sampled"
    # shuffled: the levels of a scale stand in another order in each draw
    levels: Literal["ascending", "shuffled"] = "ascending"
    # several draws in one request, which pays for the frames once; None: where the model is known to
    # give them
    several_choices: bool | None = None
    max_failure_rate: float = Field(0.5, gt=0, le=1)  # of the last 200 items; more stops the run
    # facts of the model: given here, or filled in from the table of models
    price: Price | None = None  # None: the cost is unknown, never zero
    capabilities: Capabilities = Capabilities()

    @property
    def protocols(self) -> frozenset[str]:
        """A model that sees pictures can be shown any of them."""
        return frozenset(PROTOCOLS)

    def output_cap(self, rubric: Rubric) -> int:
        """Tokens of a reply at most: room for a rationale on every dimension."""
        return self.max_output_tokens or max(512, 192 * len(rubric.dimensions))

    @property
    def annotator_id(self) -> str:
        """``name``, else the model's."""
        return self.name or self.model_name

    @property
    def model_name(self) -> str:
        """What rows and the journal's keys call the model."""
        return self.model

    @property
    def engine(self) -> dict[str, Any]:
        """What shapes the replies of a model that runs here, beside its name and settings."""
        return {}

    @property
    def shown_detail(self) -> str | None:
        """The detail that is asked for with each image, where the interface has such a setting."""
        return None

    @property
    def asked_effort(self) -> str | None:
        """Of reasoning, where the interface has such a setting."""
        return None

    def choices(self, rubric: Rubric) -> int | None:
        """How many replies one request asks for; None: one, and every draw is its own request.

        Draws can share a request only where they share its words: not with shuffled levels, and not
        in a list, whose order changes from draw to draw.
        """
        return self.most_choices if rubric.protocol != "listwise" else None

    @property
    def most_choices(self) -> int | None:
        """As :meth:`choices`, for a rubric whose words stay the same from draw to draw."""
        wanted = self.several_choices
        if wanted is None:
            wanted = self.capabilities.choices is True
        return self.draws if self.draws > 1 and self.levels == "ascending" and wanted else None

    def wants_distribution(self, rubric: Rubric) -> bool:
        """Whether the probabilities of the levels are to be read."""
        return self.score == "expected" and rubric.protocol == "pointwise"

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` for settings that contradict each other."""
        who = f"annotator {self.annotator_id}"
        if self.several_choices and self.levels == "shuffled":
            raise SetupError(
                f"{who}: several_choices: true gives all draws the same words, and levels: shuffled "
                "gives each its own; choose one"
            )
