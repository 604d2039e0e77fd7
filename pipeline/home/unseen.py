"""What workers on other machines could not see: refused before any work is done."""

from pipeline.config import Config
from pipeline.plan import Plan
from pipeline.sources.reach import local_only
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store


def check_stores(config: Config) -> None:
    """Raise :class:`SetupError` unless the stores of replies and of clips can be written as they must be."""
    generators = config.generators.store if config.generators else None
    places = [config.journal, generators]  # the output is looked at when it is held
    for place in dict.fromkeys(str(place) for place in places if place is not None):
        if "://" in place:
            Store(place).check()


def refuse_unseen(config: Config, plan: Plan, layout: Layout) -> None:
    """Raise :class:`SetupError` where a run on other machines' workers needs what lies on this one."""
    if layout.home is None:
        raise SetupError(
            f"--output {layout.root}: the workers of this runner are on other machines and cannot see that "
            "folder; give an address, gs://BUCKET/FOLDER or s3://BUCKET/FOLDER"
        )
    batches = [a.annotator_id for a in plan.annotators if a.kind == "openai-batch"]
    if batches:
        raise SetupError(
            f"annotators {', '.join(batches)}: a batch is sent and collected where the command runs, and "
            "workers on other machines cannot see what became of it; judge with a local runner (the same "
            "--output, without --runner), or take kind: openai"
        )
    found = local_only(config, plan)
    if found:
        raise SetupError(
            "the workers of this runner are on other machines and cannot see what lies on this one: "
            + "; ".join(found)
            + ". Copy it to a store and name its address"
        )
