"""What a run's generators work with: the clips made before, their own notes, and the money."""

from annotators.ledger import Ledger
from pipeline.dataset.withdrawn import withdrawn
from pipeline.generators.base import Tools
from pipeline.generators.made import Made
from pipeline.generators.pool import PoolOptions
from schemas.layout import Layout
from schemas.store import Store


def workshop(options: PoolOptions | None, layout: Layout, ledger: Ledger) -> tuple[Made, Tools]:
    """For the generators of a run on a folder; without a pool there is nothing in it."""
    shared = options is not None and options.store is not None
    notes = Store(str(options.store)) if options and shared else layout.generated
    tools = Tools(jobs=Store(f"{notes.root}/jobs"), ledger=ledger)
    gone = withdrawn(layout).contents
    return Made(Store(f"{notes.root}/clips"), layout.media, shared, gone), tools
