"""The lanes of a judge: one per endpoint, with this machine's share of its limits."""

import contextlib
from collections.abc import Iterator

from annotators.chat.spec import Endpoint, OpenAISpec
from annotators.pace import Lane, Limits


def lanes_of(spec: OpenAISpec, machines: int) -> list[Lane]:
    """One lane per endpoint, in their order; not yet registered."""
    return [Lane(_name(spec, way), _limits(spec, way, machines)) for way in spec.ways]


@contextlib.contextmanager
def held(spec: OpenAISpec, machines: int) -> Iterator[None]:
    """Keep the lanes' state while the block runs, though no worker may be open for a moment.

    Between two waves every worker is closed; what the first wave learned (how many requests at once
    the account bears, a pause the server asked for) must hold for the second.
    """
    lanes = lanes_of(spec, machines)
    for lane in lanes:
        lane.register()
    try:
        yield
    finally:
        for lane in lanes:
            lane.leave()


def _name(spec: OpenAISpec, way: Endpoint) -> str:
    # an account, as far as a limit goes: its key's variable stands for the key
    return f"{way.url}\n{way.api_key_env}\n{spec.model}"


def _limits(spec: OpenAISpec, way: Endpoint, machines: int) -> Limits:
    def share(limit: float | None) -> float | None:
        return None if limit is None else limit / machines

    return Limits(
        concurrency=max(1, spec.concurrency // machines),
        requests_per_minute=share(way.requests_per_minute),
        tokens_per_minute=share(way.tokens_per_minute),
    )
