"""The lanes of a judge: one per endpoint, with this machine's share of its limits."""

import contextlib
from collections.abc import Iterator

from annotators.chat.spec import Endpoint, OpenAISpec, read_key
from annotators.pace import Lane, Limits, users_folder
from schemas.ids import sha256_hex
from schemas.options import SetupError


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
    try:
        for lane in lanes:
            lane.register()
    except (OSError, RuntimeError) as error:
        raise SetupError(f"annotator {spec.annotator_id}: {error}") from error
    try:
        yield
    finally:
        for lane in lanes:
            lane.leave()


def check_folder(who: str) -> None:
    """Raise :class:`SetupError` where lanes could not be shared, before anything else is done."""
    try:
        users_folder()
    except RuntimeError as error:
        raise SetupError(f"{who}: {error}") from error


def _name(spec: OpenAISpec, way: Endpoint) -> str:
    # two keys under one variable's name, in two shells, are two accounts: neither's limits, nor the
    # end of its credit, are the other's. A few digits of a hash tell them apart and tell no key.
    account = sha256_hex(read_key(spec.annotator_id, way).encode())[:8]
    return f"{way.url}\n{account}\n{spec.model}"


def _limits(spec: OpenAISpec, way: Endpoint, machines: int) -> Limits:
    def share(limit: float | None) -> float | None:
        return None if limit is None else limit / machines

    return Limits(
        concurrency=max(1, spec.concurrency // machines),
        requests_per_minute=share(way.requests_per_minute),
        tokens_per_minute=share(way.tokens_per_minute),
    )
