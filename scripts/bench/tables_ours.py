"""Ours: the stage `assemble` of a run, on the default engine, books and publishing included."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from tables_data import DIMENSIONS, Size, prompts_and_clips


def main() -> None:
    """Arguments: the data, where the tables shall be, and the size as JSON. Prints seconds and rows."""
    data, out, size = Path(sys.argv[1]), Path(sys.argv[2]), Size(**json.loads(sys.argv[3]))
    # not above: child processes import this module, too, and need nothing of Beam
    from pipeline.dataset.parquet import parts, rows_in
    from pipeline.stages.assemble import assemble
    from schemas import SPLITS

    run = _run(data, out, size)
    start = time.perf_counter()
    assemble(run, "made up")
    seconds = time.perf_counter() - start
    tables = [run.layout.table("preferences", split) for split in SPLITS]
    rows = {
        "scores": rows_in(parts(run.layout.table("scores"))),
        "preferences": sum(rows_in(parts(table)) for table in tables),
    }
    print(json.dumps({"seconds": seconds, "rows": rows}))


def _run(data: Path, out: Path, size: Size) -> Any:
    """A run whose annotations lie there, and that has everything before `assemble` behind it."""
    from rich.console import Console

    from annotators.models import load_models
    from pipeline.config import Config
    from pipeline.display import Display
    from pipeline.plan import Plan
    from pipeline.rubrics import rubrics_of
    from pipeline.transforms.engine import Engine
    from pipeline.waves import Waves
    from schemas.layout import Layout

    layout = Layout(out)
    layout.work.mkdir(parents=True)
    (layout.work / "annotate").symlink_to((data / "annotate").resolve())
    judges = [{"kind": "recorded", "path": "none.csv", "name": name} for name in size.names]
    config = Config.model_validate(
        {"sources": [{"kind": "simulated", "prompts": 1}], "annotators": judges}
    )
    rubrics, comparing = rubrics_of(config)
    assert [d.name for rubric in rubrics for d in rubric.dimensions] == list(DIMENSIONS)
    prompts, clips = prompts_and_clips(size)
    plan = Plan(
        prompts=tuple(prompts),
        clips=tuple(clips),
        rubrics=rubrics,
        comparing=comparing,
        watching=(),
        rubric_texts={},
        annotators=tuple(config.annotators),
        models=load_models(None),
        notes=(),
    )
    display = Display(Console(stderr=True, quiet=True))
    return Waves(config, plan, layout, Engine([]), display, "bench")


if __name__ == "__main__":
    main()
