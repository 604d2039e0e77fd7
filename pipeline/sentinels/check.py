"""What is refused before work, and what sentinels add to a run."""

from collections.abc import Sequence

from annotators.base import AnnotatorSpec
from annotators.models import ModelTable, price_line
from pipeline.sentinels.history import check_writable
from pipeline.sentinels.judges import is_batch, judges_of, scored
from pipeline.sentinels.options import SentinelOptions
from pipeline.sources.manifest import ManifestSource
from schemas import Clip, Rubric
from schemas.ids import hash_fraction
from schemas.options import SetupError


def check_sentinels(
    options: SentinelOptions,
    annotators: Sequence[AnnotatorSpec],
    rubrics: Sequence[Rubric],
    models: ModelTable,
    *,
    n_images: int,
    capped: bool,
) -> None:
    """Raise :class:`SetupError` for sentinels that would watch nobody, whose cost has no bound, or
    whose history cannot be written.

    ``n_images``: frames of a clip at most. ``capped``: whether there is a budget in US dollars.
    """
    judges = judges_of(annotators, options, models)
    if not judges:
        raise SetupError(
            "sentinels: none of the annotators asks a model that could change under its name; leave "
            "the block out"
        )
    if not scored(rubrics):
        raise SetupError(
            "sentinels: they are judged by rubrics that score clips one by one, and none of rubrics: "
            "does; add one, or leave the block out"
        )
    if options.path is not None and not manifest_clips(options.path):
        raise SetupError(f"sentinels.path: {options.path} holds no clips")
    batch = {a.annotator_id for a in annotators if is_batch(a)}
    for judge in judges:
        if capped and judge.price is None and judge.annotator_id in batch:
            raise SetupError(
                f"budget.usd: sentinels ask annotator {judge.annotator_id} at once, not by batches, "
                f"and the price of that is not known for {judge.model}; put it into a file for "
                f"models:, as\n  {price_line(judge.model)}\nor leave sentinels: out"
            )
        judge.check(scored(rubrics), n_images)
    if options.history is not None:
        check_writable(options.history)


def place_of(video_id: str) -> tuple[float, str]:
    """Where a clip stands among those that sentinels are taken from: the first ones are."""
    return hash_fraction("sentinels", video_id), video_id


def manifest_clips(path: str) -> list[Clip]:
    """The clips of a manifest, where they lie. Raises :class:`SetupError` for what is wrong in it."""
    found = ManifestSource(path=path, keep="reference").read()
    return sorted(found.clips, key=lambda clip: clip.video_id)
