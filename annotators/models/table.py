"""The table of models: what is known of each, and under which names a model is found."""

import datetime
import re
from collections.abc import Collection

from pydantic import Field

from annotators.models.capabilities import Capabilities
from annotators.models.images import ImageRule
from annotators.models.price import Price
from schemas.options import Options

SOON = datetime.timedelta(days=30)
# ...-2024-11-20, ...-20251001, ...-2025-10: the day or month of a snapshot
_SNAPSHOT = re.compile(r"-20\d\d(-(0[1-9]|1[0-2])(-[0-3]\d)?|(0[1-9]|1[0-2])[0-3]\d)\Z")


class ModelFacts(Options):
    """What is known of one model. None: not known."""

    price: Price | None = None
    image_tokens: ImageRule | None = None
    capabilities: Capabilities = Capabilities()
    retires: datetime.date | None = None  # the first day on which its maker answers no more
    batch_factor: float = Field(0.5, gt=0, le=1)  # of the price, for what is asked in a batch


class ModelTable(Options):
    """Facts of models as of ``date``."""

    date: datetime.date
    source: str
    models: dict[str, ModelFacts]

    def facts(self, model: str) -> ModelFacts | None:
        """What is known of a model; None: nothing.

        Found by its exact name, else by the name without a trailing date, else by what follows the
        last ``/`` (gateways write ``openai/gpt-4o``) in the same two ways. Never by a part of a name:
        ``gpt-4o-audio`` is not ``gpt-4o``.
        """
        name = entry_name(self.models, model)
        return None if name is None else self.models[name]


def entry_name(models: Collection[str], model: str) -> str | None:
    """The name under which a model stands among these."""
    tail = model.rpartition("/")[2]
    names = (model, _SNAPSHOT.sub("", model), tail, _SNAPSHOT.sub("", tail))
    return next((name for name in names if name in models), None)


def retired(facts: ModelFacts, today: datetime.date) -> str | None:
    """A sentence where the model's maker no longer answers for it; None while it does."""
    if facts.retires is None or today < facts.retires:
        return None
    return (
        f"its maker retired it on {facts.retires}; choose another model, name the server that still "
        "runs it in `base_url`, or correct `retires` in a file of your own under `models:`"
    )


def retires_soon(facts: ModelFacts, today: datetime.date) -> str | None:
    """A sentence where that day is at most 30 days off: a run should end before it."""
    if facts.retires is None or not today < facts.retires <= today + SOON:
        return None
    days = (facts.retires - today).days
    return f"its maker retires it on {facts.retires}, in {days} day{'s' * (days > 1)}"
