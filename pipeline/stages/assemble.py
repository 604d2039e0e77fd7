"""Annotations and comparisons -> scores and preferences, and every table published."""

from typing import Any

from pipeline import graph
from pipeline.account import Account, preference_book, score_book
from pipeline.books import book_of, funnel
from pipeline.config import Config
from pipeline.dataset.parquet import read_rows, write_rows
from pipeline.people import rating_files
from pipeline.publish import publish_tables
from pipeline.state import fingerprint, fresh
from pipeline.waves import Waves
from schemas import Failure, Prompt
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
    )
    noted = run.once("assemble", made, lambda: _score_and_publish(run))
    run.books |= {b["stage"]: book_of(b) for b in noted["books"]}
    run.say(funnel(run.books, run.failures()))
    return made


def _people(config: Config) -> Any:
    """Whatever of the people the weights follow from."""
    return config.audit and [config.audit.model_dump(mode="json"), rating_files(config.audit)]


def _score_and_publish(run: Waves) -> dict[str, Any]:
    layout, plan = run.layout, run.plan
    out = fresh(layout.work / "assemble")
    prompts = write_rows(Prompt, plan.prompts, layout.work / "plan" / "prompts.parquet")
    annotations = run.wave_files("annotate", "annotations")
    comparisons = run.wave_files("compare", "comparisons")
    run.say("assemble: scores and preferences")
    run.engine.run(
        lambda p: graph.assemble(
            p,
            run.recipe,
            (str(prompts),),
            tuple(map(str, annotations)),
            tuple(map(str, comparisons)),
            str(out),
        )
    )
    account = Account(
        prompt_of={clip.video_id: clip.prompt_id for clip in plan.clips},
        annotators=plan.annotators,
        rules=run.recipe.rules,
        annotations=annotations,
        comparisons=comparisons,
        left_out=run.left_out,
    )
    books = [score_book(account, out), preference_book(account, out)]
    for book in books:
        run.require(book)
    publish_tables(run, [prompts], out)
    return {"books": [{"stage": b.stage, **b.as_dict()} for b in books]}
