"""Kind ``openai``: any server that speaks the chat completions of the OpenAI interface.

The key is read from the environment where the annotator is opened. The spec, which travels inside
job graphs and lies in records of a run, knows the name of the variable and nothing else.
"""

import os
import re
import urllib.parse
from collections.abc import Sequence
from typing import Literal

from pydantic import ConfigDict, Field

from annotators.base import Annotator, AnnotatorSpec, Resources
from schemas import Rubric
from schemas.options import Options, SetupError

OPENAI_URL = "https://api.openai.com/v1"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
# Models that always reason sample at temperature 1 and refuse every other setting; later models of
# the family (gpt-5.1 and up) accept one while their reasoning is off, which is their default.
_FIXED_SAMPLING = re.compile(r"(?:o[1-9]|gpt-5)(?:-|\Z)")


class Price(Options):
    """What a provider charges, in US dollars per million tokens."""

    input_usd_per_million: float = Field(ge=0)
    output_usd_per_million: float = Field(ge=0)

    def cost_usd(self, input_tokens: int | None, output_tokens: int | None) -> float | None:
        """Cost of one reply in US dollars; None where the server did not count its tokens."""
        if input_tokens is None or output_tokens is None:
            return None
        return (
            input_tokens * self.input_usd_per_million + output_tokens * self.output_usd_per_million
        ) / 1e6


class OpenAISpec(AnnotatorSpec):
    """A judge behind an OpenAI-compatible server."""

    model_config = ConfigDict(hide_input_in_errors=True)  # a key put here by mistake is not printed

    kind: Literal["openai"] = "openai"
    model: str = Field(min_length=1)
    draws: int = Field(1, ge=1)  # replies per clip and rubric
    base_url: str | None = None  # None: OpenAI's own
    api_key_env: str | None = "OPENAI_API_KEY"  # the variable's name; None: the server wants no key
    temperature: float | None = Field(0.3, ge=0, le=2)  # None: not sent, the provider's default
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = None  # draw k is sent seed + k: equal seeds would be one draw bought twice
    max_output_tokens: int = Field(512, ge=1)
    # Frames are 512 px on the long side: "low" shows all of that, at the lowest price
    image_detail: Literal["low", "high", "auto"] = "low"
    concurrency: int = Field(32, ge=1, le=1024)  # requests in flight
    timeout_s: float = Field(120, gt=0)  # of one attempt, from sending to the last byte
    max_attempts: int = Field(6, ge=1)  # of one request, transient errors only
    reply_format: Literal["json_schema", "json_object", "text"] = "json_schema"
    price: Price | None = None  # None: the cost is unknown, never zero

    @property
    def url(self) -> str:
        """Where requests go; never taken from the environment, which may change unseen."""
        return self.base_url or OPENAI_URL

    def check(self, rubrics: Sequence[Rubric]) -> None:
        """Raise :class:`SetupError` for an unset key and for settings that cannot work."""
        self._check_url()
        read_key(self)
        if _FIXED_SAMPLING.match(self.model) and (
            self.temperature not in (None, 1) or self.top_p is not None
        ):
            raise SetupError(
                f"annotator {self.annotator_id}: {self.model} takes no temperature "
                "and no top_p; set `temperature: null` (its default, 1, then holds)"
            )
        for rubric in rubrics:
            if rubric.protocol != "pointwise":
                raise SetupError(
                    f"annotator {self.annotator_id}: rubric {rubric.name} is "
                    f"{rubric.protocol}; only pointwise rubrics can be asked"
                )

    def _check_url(self) -> None:
        parts = urllib.parse.urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SetupError(
                f"annotator {self.annotator_id}: base_url must be an http(s) address "
                "such as http://localhost:8000/v1"
            )
        if parts.username or parts.password or parts.query:
            raise SetupError(
                f"annotator {self.annotator_id}: base_url must hold no user, password "
                "or query; put the key into a variable and name it in api_key_env"
            )
        if self.api_key_env is None and self.base_url is None:
            raise SetupError(
                f"annotator {self.annotator_id}: OpenAI's own server needs a key; name "
                "its variable in api_key_env"
            )

    def open(self, resources: Resources) -> Annotator:
        """The annotator, with a client and a loop of its own."""
        from annotators.chat_annotator import ChatAnnotator

        return ChatAnnotator(self, resources, read_key(self))


def read_key(spec: OpenAISpec) -> str:
    """The key from the environment; empty where the server wants none.

    Raises :class:`SetupError` naming variable and annotator, never the value.
    """
    if spec.api_key_env is None:
        return ""
    if not _VARIABLE.match(spec.api_key_env):
        raise SetupError(
            f"annotator {spec.annotator_id}: api_key_env must be the name of an "
            "environment variable, not the key itself"
        )
    key = os.environ.get(spec.api_key_env, "").strip()
    if not key:
        raise SetupError(
            f"annotator {spec.annotator_id}: the environment variable "
            f"{spec.api_key_env} is not set or is empty; put the server's key into it "
            "(any word will do where the server asks for none)"
        )
    if not key.isascii() or not key.isprintable():
        raise SetupError(
            f"annotator {spec.annotator_id}: the environment variable "
            f"{spec.api_key_env} holds characters that no key has"
        )
    return key
