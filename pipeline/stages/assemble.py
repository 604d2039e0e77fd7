"""Annotations and comparisons -> scores and preferences, and every table published."""

import functools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from annotators.shared import cores
from pipeline import graph
from pipeline.account import Account, Drawn, draw_up
from pipeline.books import Book, BooksError, book_of, funnel, merge
from pipeline.config import Config
from pipeline.dataset.parquet import parts, read_rows, rows_in, write_rows
from pipeline.people import rating_files
from pipeline.preference.shards import Shard
from pipeline.publish import failure_files, publish_assembled, publish_waves
from pipeline.stages.shards import shards_in
from pipeline.state import fingerprint, fresh
from pipeline.transforms.children import in_children
from pipeline.watched import run_watched
from pipeline.waves import Waves
from schemas import Failure, Prompt
from schemas.ids import sha256_hex
from schemas.tables import to_row


def assemble(run: Waves, judged: str) -> str:
    """Returns the fingerprint of the tables."""
    config = run.config
    made = fingerprint(
        judged,
        [to_row(p) for p in run.plan.prompts],
        config.consensus.model_dump(),
        config.preferences.model_dump(),
        config.splits.model_dump(),
        config.protocol.model_dump(),
        [to_row(f) for f in read_rows(Failure, run.wave_files("check", "failures"))],
        _people(config) if config.consensus.method == "human_weights" else None,
        *([sorted(barred)] if (barred := run.recipe.rules.barred) else []),
    )
    noted = run.once("assemble", made, lambda: _score_and_publish(run))
    # clips that are there after all, and failures of another reason or cost, leave the verdicts as they
    # were: nothing is to be scored anew, and the tables are
    run.once("publish", fingerprint(made, _digests(run)), lambda: publish_waves(run))
    run.books |= {b["stage"]: book_of(b) for b in noted["books"]}
    run.say(funnel(run.books, run.failures()))
    return made


def _digests(run: Waves) -> list[str]:
    """Of the files of waves that no score follows from; those with pictures are told by size and time."""
    small = [*run.wave_files("collect", "videos"), *failure_files(run)]
    large = [file.stat() for file in run.wave_files("collect", "frames")]
    return [
        *(sha256_hex(file.read_bytes()) for file in small),
        *(f"{stat.st_size} {stat.st_mtime_ns}" for stat in large),
    ]


def _people(config: Config) -> Any:
    """Whatever of the people the weights follow from."""
    return config.audit and [config.audit.model_dump(mode="json"), rating_files(config.audit)]


def _score_and_publish(run: Waves) -> dict[str, Any]:
    folder = run.layout.work / "assemble"
    out = fresh(folder)
    prompts = write_rows(Prompt, run.plan.prompts, run.layout.work / "plan" / "prompts.parquet")
    annotations = run.wave_files("annotate", "annotations")
    comparisons = run.wave_files("compare", "comparisons")
    shards = shards_in(
        run.plan, prompts=[prompts], annotations=annotations, comparisons=comparisons
    )
    run.say("assemble: scores and preferences")
    run.home.offer([prompts])
    afar = [shard.at(run.layout.at) for shard in shards]
    to = run.home.cleared(folder, out)
    counts = run_watched(run, lambda: lambda p: graph.assemble(p, run.recipe, afar, to), "assemble")
    run.heed()
    run.home.fetch(folder, out)
    _require_done(out)
    books = _books(run, shards, out, rows_in([*annotations, *comparisons]))
    for book in books:
        run.require(book)
    publish_assembled([prompts], out, run.layout)
    run.counters.whole("assemble", counts)
    return {"books": [{"stage": b.stage, **b.as_dict()} for b in books]}


def _require_done(out: Path) -> None:
    """A shard fails for a fault of the program or the machine, never for what is in its rows."""
    failed = list(read_rows(Failure, parts(out / "failures")))
    if failed:
        first = min(failed, key=lambda failure: failure.key)
        raise RuntimeError(
            f"assemble: shards of prompts that were not written: {len(failed)}, for example "
            f"{first.key}: {first.message}; every paid reply is kept, so run the same command again, with "
            "more memory or `concurrency.processes: 1` where a process was killed"
        )


# the books


def _books(run: Waves, shards: Sequence[Shard], out: Path, rows: int) -> list[Book]:
    """Drawn up shard by shard without the engine, in child processes where there are several.

    Raises ``BooksError`` where annotations or comparisons are in no shard, or in two.
    """
    work = functools.partial(draw_up, out=str(out))
    accounts = _accounts(run, shards)
    found: list[Drawn] = (
        in_children(
            work, accounts, processes=run.recipe.processes or cores(), timeout_s=graph.SHARD_S
        )
        if len(shards) > 1  # for one shard a process of its own is not worth its start
        else list(map(work, accounts))
    )
    drawn = sorted(found, key=lambda one: one.shard)
    books = [merge(d.scores for d in drawn), merge(d.preferences for d in drawn)]
    if (seen := sum(d.rows for d in drawn)) != rows:
        raise BooksError(
            f"the books of stage assemble do not balance: {rows} annotations and comparisons are "
            f"there, and {seen} were found by the prompts they are of. Delete the folder "
            f"{run.layout.work} and run the same command again: every paid reply is reused."
        )
    return books


def _accounts(run: Waves, shards: Sequence[Shard]) -> Iterator[Account]:
    plan, ids = run.plan, [annotator.annotator_id for annotator in run.plan.annotators]
    first_prompt = first_clip = 0
    for shard in shards:
        last = shard.wanted.last
        end_prompt = bisect_right(plan.prompts, last, key=lambda prompt: prompt.prompt_id)
        end_clip = bisect_right(plan.clips, last, key=lambda clip: clip.prompt_id)
        clips = plan.clips[first_clip:end_clip]
        yield Account(
            shard=shard,
            prompts={p.prompt_id: p for p in plan.prompts[first_prompt:end_prompt]},
            clips={clip.video_id: (clip.prompt_id, clip.generator) for clip in clips},
            annotators=ids,
            rules=run.recipe.rules,
            left_out=run.left_out.intersection(clip.video_id for clip in clips),
        )
        first_prompt, first_clip = end_prompt, end_clip
