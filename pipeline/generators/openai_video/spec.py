"""The block of a generator behind a Videos API: plain data, and what can be refused before money is spent.

The key is read from the environment where clips are made. The spec, which travels inside job graphs,
knows the name of the variable and nothing else.
"""

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from annotators.chat.descriptors import make_room
from annotators.chat.spec import Endpoint, check_url, key_of
from annotators.ledger import Amount
from pipeline.generators.base import Declared, GenerationError, GeneratorSpec, SettingValue, Tools
from schemas import Clip
from schemas.options import Options, SetupError

# OpenAI's own service; the date stands in the package `openai` (resources/videos.py, 3.52)
RETIRED = datetime.date(2026, 9, 24)
_OWN = frozenset({"prompt", "model", "seconds", "size"})  # fields of the API itself


class VideoPrice(Options):
    """What a clip costs: by the second that is asked for, or each the same. 0: a server of one's own."""

    usd_per_second: float | None = Field(None, ge=0, le=1e4, allow_inf_nan=False)
    usd_per_clip: float | None = Field(None, ge=0, le=1e4, allow_inf_nan=False)
    # whether a job that the server took and then failed is billed; None: nobody knows, so it counts
    # as billed against the caps, and its row says that the cost is unknown
    failed_billed: bool | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.usd_per_second is None) == (self.usd_per_clip is None):
            raise ValueError("price: give either usd_per_second or usd_per_clip")
        return self


class OpenAIVideoSpec(GeneratorSpec):
    """``{kind: openai-video, name: wan, base_url: "http://localhost:8091/v1", model: ...}``.

    The API has no seed: a prompt's clips differ because each is asked for anew. Servers of other
    makers take more: ``extra_body`` goes into every request, and ``sends`` names what of a clip's own
    seed and guidance scale goes along.
    """

    place: ClassVar[Literal["processes", "threads"]] = "threads"

    kind: Literal["openai-video"] = "openai-video"
    model: str = Field(min_length=1)
    base_url: str | None = None  # None: OpenAI's own, which was shut down
    api_key_env: str | None = "OPENAI_API_KEY"  # the variable's name; None: the server wants no key
    seconds: int | None = Field(default=4, ge=1)  # None: not sent
    size: str | None = Field(default="1280x720", pattern=r"^\d+x\d+$")  # None: not sent
    extra_body: dict[str, SettingValue] = Field(default_factory=dict)
    sends: tuple[Literal["seed", "guidance_scale"], ...] = ()
    request: Literal["form", "json"] = "form"  # how the fields of a new job are written
    price: VideoPrice | None = None  # None: unknown, which no cap in USD can bear
    concurrency: int = Field(default=4, ge=1, le=1024)  # jobs at the server at a time, at most
    poll_s: float = Field(default=5.0, gt=0)  # between two looks at a job
    max_attempts: int = Field(default=6, ge=1)  # to create a job, after errors that may pass

    @model_validator(mode="after")
    def _sendable(self) -> Self:
        numbers = (v for v in self.extra_body.values() if isinstance(v, float))
        if not all(map(math.isfinite, numbers)):
            raise ValueError("extra_body: expected numbers that are finite")
        taken = sorted((_OWN | {*self.sends}) & self.extra_body.keys())
        if taken:
            raise ValueError(f"extra_body: {', '.join(taken)}: set by fields of the block itself")
        if (self.guidance_scale is not None) != ("guidance_scale" in self.sends):
            raise ValueError(
                "guidance_scale: the Videos API has none. For a server that takes one give it a "
                "value and sends: [guidance_scale], or name its own field in extra_body"
            )
        if self.price and self.price.usd_per_second is not None and self.seconds is None:
            raise ValueError("price: usd_per_second needs seconds; or give usd_per_clip")
        return self

    @property
    def lane(self) -> str:
        """Of its own: servers work side by side."""
        return f"{self.kind} {self.name}"

    def at_once(self, processes: int) -> int:
        """As many as the block says: threads only wait."""
        return self.concurrency

    @property
    def way(self) -> Endpoint:
        """Server and key, as a chat judge has them."""
        return Endpoint(base_url=self.base_url, api_key_env=self.api_key_env)

    @property
    def worst_usd(self) -> float | None:
        """The price of a clip."""
        if self.price is None:
            return None
        if self.price.usd_per_clip is not None:
            return self.price.usd_per_clip
        return (self.seconds or 0) * (self.price.usd_per_second or 0.0)

    @property
    def counts(self) -> bool:
        """Every job, for ``budget.requests`` caps those of a free server, too."""
        return True

    @property
    def worst(self) -> Amount:
        """What creating a job sets aside."""
        return Amount(usd=self.worst_usd)

    @property
    def declared(self) -> Declared | None:
        """As it is asked for; 24 frames per second are a guess."""
        if self.size is None or self.seconds is None:
            return None
        width, height = (int(side) for side in self.size.split("x"))
        return Declared(width_px=width, height_px=height, n_frames=24 * self.seconds, fps=24.0)

    def check(self) -> None:
        """Raise :class:`SetupError` for an unset key, an address or a number that cannot work."""
        who = f"generator {self.name}"
        check_url(who, self.way)
        key_of(who, self.way)
        make_room(who, self.concurrency)
        if self.base_url is None and datetime.date.today() >= RETIRED:
            raise SetupError(
                f"{who}: OpenAI shut its own Videos API down on {RETIRED}; give the base_url of "
                "another server that speaks it, such as vLLM-Omni, SGLang or a gateway"
            )

    def fixed_settings(self) -> dict[str, SettingValue]:
        """What is sent, but for prompt, seed and guidance scale."""
        own: dict[str, SettingValue | None] = {
            "model": self.model,
            "seconds": self.seconds,
            "size": self.size,
            "seed_sent": True if "seed" in self.sends else None,
        }
        return {**self.extra_body, **{k: v for k, v in own.items() if v is not None}}

    def generate(self, clips: Sequence[Clip], tools: Tools) -> Iterator[bytes | GenerationError]:
        """One job per clip, which is taken up again where an earlier process had created it."""
        from pipeline.generators.openai_video.desk import desk_of
        from pipeline.generators.openai_video.purchase import Purchase

        desk = desk_of(self, tools)
        for clip in clips:
            try:
                yield Purchase(self, desk, clip, tools).bytes_of()
            except GenerationError as error:
                yield error

    def ask_again(self, clip: Clip, tools: Tools) -> None:
        """A job that failed and was paid; one that goes on at the server stays known."""
        from pipeline.generators.openai_video.notes import Notes

        notes = Notes(self, clip, tools)
        if notes.failed() is not None:
            notes.forget()
