"""Kind ``openai``: any server that speaks the chat completions of the OpenAI interface.

The key is read from the environment where the annotator is opened. The spec, which travels inside
job graphs and lies in records of a run, knows the name of the variable and nothing else.
"""

import datetime
import os
import re
import urllib.parse
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from annotators.base import Annotator, Resources
from annotators.chat.descriptors import make_room
from annotators.judge.spec import JudgeSpec
from annotators.models import (
    Asked,
    Capabilities,
    ImageRule,
    ModelTable,
    retired,
    unsupported,
)
from schemas import Rubric
from schemas.options import Options, SetupError

OPENAI_URL = "https://api.openai.com/v1"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Endpoint(Options):
    """One way to a judge: a server and a key, with the limits of that account."""

    base_url: str | None = None  # None: OpenAI's own
    api_key_env: str | None = "OPENAI_API_KEY"  # the variable's name; None: the server wants no key
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: float | None = Field(None, gt=0)  # input (images too) and output cap

    @property
    def url(self) -> str:
        """Where requests go; never taken from the environment, which may change unseen."""
        return self.base_url or OPENAI_URL


class ChatSpec(Endpoint, JudgeSpec):
    """What every kind of chat judge shares. ``endpoints`` replace the block's own."""

    batch: ClassVar[bool] = False
    interface: ClassVar[str] = (
        "openai"  # the same request buys the same reply at once or in a batch
    )

    endpoints: tuple[Endpoint, ...] = ()  # several servers or keys for one judge
    effort: str | None = None  # of reasoning; None: not sent
    # Frames are 512 px on the long side: "low" shows all of that, at the lowest price
    image_detail: Literal["low", "high", "auto"] = "low"
    timeout_s: float = Field(120, gt=0)  # of one attempt, from sending to the last byte
    max_attempts: int = Field(6, ge=1)  # of one request, transient errors only
    image_tokens: ImageRule | None = None

    @model_validator(mode="after")
    def _one_way_to_say_it(self) -> Self:
        own = self.model_fields_set & set(Endpoint.model_fields)
        if self.endpoints and own:
            raise ValueError(f"endpoints: give {', '.join(sorted(own))} in each of them instead")
        return self

    @property
    def ways(self) -> tuple[Endpoint, ...]:
        """Every endpoint; at least one."""
        own = {name: getattr(self, name) for name in Endpoint.model_fields}
        return self.endpoints or (Endpoint(**own),)

    @property
    def drifts(self) -> bool:
        """A provider may change what answers under a model's name."""
        return True

    @property
    def shown_detail(self) -> str | None:
        """As configured."""
        return self.image_detail

    @property
    def asked_effort(self) -> str | None:
        """As configured."""
        return self.effort

    def resolved(self, models: ModelTable) -> Self:
        """With the facts of the table for whatever the block does not say itself."""
        facts = models.facts(self.model)
        if facts is None:
            return self
        known = facts.capabilities.model_dump(exclude_none=True)
        said = self.capabilities.model_dump(exclude_none=True)
        filled = {
            "price": self.price or facts.price,
            "image_tokens": self.image_tokens or facts.image_tokens,
            "capabilities": Capabilities(**{**known, **said}),
        }
        gone = retired(facts, datetime.date.today())
        if gone and any(way.base_url is None for way in self.ways):
            raise SetupError(f"annotator {self.annotator_id}: {self.model}: {gone}")
        return self.model_copy(update=filled)

    def asked(self, n_images: int) -> Asked:
        """What a request asks of the model."""
        return Asked(
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            effort=self.effort,
            choices=self.most_choices or 1,
            logprobs=self.score == "expected",
            reply_format=self.reply_format,
            image_detail=self.image_detail,
            n_images=n_images,
            batch=self.batch,
        )

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` for settings that cannot work."""
        super().check(rubrics, n_images)
        who = f"annotator {self.annotator_id}"
        for way in self.ways:
            check_url(who, way)
            check_variable(who, way)
        for fault in unsupported(self.model, self.capabilities, self.asked(n_images)):
            raise SetupError(f"{who}: {fault}")

    def check_key(self) -> None:
        """Every endpoint's variable holds a key."""
        for way in self.ways:
            read_key(self.annotator_id, way)


class OpenAISpec(ChatSpec):
    """A judge behind an OpenAI-compatible server, asked and answered at once."""

    kind: Literal["openai"] = "openai"
    concurrency: int = Field(256, ge=1, le=4096)  # in flight at each endpoint, at most

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """As for every judge; and there must be room for so many connections."""
        from annotators.chat.lanes import check_folder

        super().check(rubrics, n_images)
        who = f"annotator {self.annotator_id}"
        make_room(who, self.concurrency * len(self.ways))
        check_folder(who)

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """Keeps what the lanes have learned from one wave to the next."""
        from annotators.chat.lanes import held

        return held(self, resources.machines)

    def open(self, resources: Resources) -> Annotator:
        """The annotator, with clients and a loop of its own."""
        from annotators.chat.annotator import ChatAnnotator

        return ChatAnnotator(self, resources)


def check_url(who: str, way: Endpoint) -> None:
    """Raise :class:`SetupError` for an address nothing can be asked at, or that holds a secret."""
    parts = urllib.parse.urlsplit(way.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError(
            f"{who}: base_url must be an http(s) address such as http://localhost:8000/v1"
        )
    if parts.username or parts.password or parts.query:
        raise SetupError(
            f"{who}: base_url must hold no user, password or query; put the key into a variable "
            "and name it in api_key_env"
        )
    if way.api_key_env is None and way.base_url is None:
        raise SetupError(
            f"{who}: OpenAI's own server needs a key; name its variable in api_key_env"
        )


def check_variable(who: str, way: Endpoint) -> None:
    """Raise :class:`SetupError` for what cannot be a variable's name, and never repeat it."""
    if way.api_key_env is not None and not _VARIABLE.match(way.api_key_env):
        raise SetupError(
            f"{who}: api_key_env must be the name of an environment variable, not the key itself"
        )


def read_key(annotator_id: str, way: Endpoint) -> str:
    """As :func:`key_of`, for an annotator."""
    return key_of(f"annotator {annotator_id}", way)


def key_of(who: str, way: Endpoint) -> str:
    """The key from the environment; empty where the server wants none.

    Raises :class:`SetupError` naming variable and owner, never the value.
    """
    name = way.api_key_env
    if name is None:
        return ""
    check_variable(who, way)
    key = os.environ.get(name, "").strip()
    if not key:
        raise SetupError(
            f"{who}: the environment variable {name} is not set or is empty; "
            "put the server's key into it (any word will do where the server asks for none)"
        )
    if not key.isascii() or not key.isprintable():
        raise SetupError(f"{who}: the environment variable {name} holds characters that no key has")
    return key
