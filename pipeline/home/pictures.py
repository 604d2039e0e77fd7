"""The clips and frames that the final stages need here: they show them, or train on them."""

from collections.abc import Collection, Iterator

from pipeline.dataset.parquet import read_columns
from pipeline.report.explorer.order import choose_prompts
from pipeline.running import Run
from schemas.store import blob_name


def bring_for_training(run: Run) -> None:
    """Every frame."""
    if run.layout.home is not None:
        run.say("videorm: bringing frames to the working copy")
        run.home.bring(_frames(run, None))


def bring_for_report(run: Run) -> None:
    """Frames and clips of the prompts in the explorer."""
    if run.layout.home is None:
        return
    options = run.config.report
    prompts = set(choose_prompts(run.layout, options.prompts)[0]) if options.prompts else None
    run.say("report: bringing what it shows to the working copy")
    run.home.bring(_frames(run, prompts))
    if options.clips:
        run.home.bring(_clips(run, prompts))


def _frames(run: Run, prompts: Collection[str] | None) -> Iterator[str]:
    files = run.wave_files("collect", "frames")
    for prompt, digests in read_columns(files, ("prompt_id", "jpeg_sha256")):
        if prompts is None or prompt in prompts:
            yield from (f"frames/{blob_name(digest, '.jpg')}" for digest in digests)


def _clips(run: Run, prompts: Collection[str] | None) -> Iterator[str]:
    files = run.wave_files("collect", "videos")
    for prompt, uri in read_columns(files, ("prompt_id", "uri")):
        if prompts is None or prompt in prompts:
            yield uri
