"""What a model accepts, and what a request asks of it."""

import dataclasses
from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.options import Options

ReplyFormat = Literal["json_schema", "json_object", "text"]


class Capabilities(Options):
    """What requests to a model may ask for. None: not known."""

    temperature: tuple[float, float] | None = None  # lowest and highest; (1, 1): only its default
    top_p: bool | None = None
    seed: bool | None = None
    choices: bool | None = None  # several replies to one request
    logprobs: bool | None = None
    batch: bool | None = None
    reply_formats: tuple[ReplyFormat, ...] | None = None
    image_details: tuple[str, ...] | None = None
    images: int | None = Field(None, ge=0)  # in one request, at most
    efforts: tuple[str, ...] | None = None  # of reasoning; (): there is none to set
    default_effort: str | None = None
    # temperature, top_p and logprobs are taken only while the effort resolves to "none"
    sampling_needs_effort_none: bool | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.temperature and not 0 <= self.temperature[0] <= self.temperature[1]:
            raise ValueError(f"temperature {list(self.temperature)}: write [lowest, highest]")
        if self.efforts is not None and self.default_effort not in (None, *self.efforts):
            raise ValueError(f"default_effort {self.default_effort!r} is not among efforts")
        return self


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request asks of a model. None: not sent."""

    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    effort: str | None = None
    choices: int = 1
    logprobs: bool = False
    reply_format: str = "text"
    image_detail: str | None = None
    n_images: int = 0
    batch: bool = False
