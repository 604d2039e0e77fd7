"""A judge of batches asked at once, where nobody can wait a day."""

from annotators.chat.spec import ChatSpec, OpenAISpec
from annotators.models import ModelTable


def immediate(spec: ChatSpec, models: ModelTable) -> OpenAISpec:
    """The same judge answering now. Both ways share the journal.

    Its price is the table's, None where the table knows none: what the block says is the price of the
    batch.
    """
    facts = models.facts(spec.model)
    shared = {name: getattr(spec, name) for name in ChatSpec.model_fields if name != "kind"}
    return OpenAISpec.model_construct(**{**shared, "price": facts.price if facts else None})
