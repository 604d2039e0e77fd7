"""Which split every prompt stands in: decided once per run, when the contents of its clips are known.

What an earlier version of the dataset assigned stays: its own, as the tables in this folder say it, and
that of the runs among the sources. A copy lies in the work folder, so that nothing is lost where a run
is killed while it publishes. A second run on the same prompts, clips and options takes the decision of
the first.
"""

import dataclasses
import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from pipeline.dataset.parquet import read_columns
from pipeline.preference.decision import decision, from_plain, to_plain, write_decision
from pipeline.preference.settled import paired_contents, published_splits
from pipeline.preference.splits import Assigned, Splits, assign
from pipeline.state import fingerprint, write_json
from pipeline.waves import Waves
from schemas import SPLITS
from schemas.layout import Layout
from schemas.tables import to_row

STAGE = "splits"
SETTLED = "splits/settled.json"  # in the work folder: what earlier versions published here
COLUMNS = ("video_id", "prompt_id", "generator", "sha256")


def decide(run: Waves, numbers: Collection[int] | None = None) -> None:
    """Put every prompt of the plan into its split; every wave is collected, or those named are.

    Before a gate (``numbers``) only the clips that are there count, and nothing is kept: when all clips
    are there it is decided anew. After this ``run.plan.prompts`` have the split that was assigned, None
    being left out of all, and the rules name the clips of which there are no pairs.
    """
    clips = list(read_columns(run.wave_files("collect", "videos", numbers), COLUMNS))
    if numbers is not None:
        _enter(run, _decided(run, clips))
        return
    made = fingerprint(
        STAGE,
        [to_row(prompt) for prompt in run.stated],
        run.config.splits.model_dump(mode="json"),
        run.plan.settled,
        sorted((prompt, sha256) for _, prompt, _, sha256 in clips),
    )
    noted = run.once(STAGE, made, lambda: _decided(run, clips))
    _enter(run, noted)
    for line in [_told(noted["split"]), *noted["notes"]]:
        run.say(line)
    run.notes += noted["notes"]
    write_decision(run.layout, from_plain(noted["decision"]))


def _decided(run: Waves, clips: Collection[tuple[str, ...]]) -> dict[str, Any]:
    contents: dict[str, set[str]] = defaultdict(set)
    for _, prompt, _, sha256 in clips:
        contents[prompt].add(sha256)
    twice = Counter(sha256 for own in contents.values() for sha256 in own)
    shared = {sha256 for sha256, n in twice.items() if n > 1}
    found = assign(
        run.stated,
        contents,
        run.config.splits,
        {**run.plan.settled, **_earlier(run.layout)},
        paired_contents(run.layout, shared),
    )
    shown = decision(found, run.config.splits, ((v, p, sha256) for v, p, _, sha256 in clips))
    return {
        "split": dict(found.split),
        "decision": to_plain(shown),
        "notes": [*found.notes, *_held_out(run, found, clips)],
    }


def _earlier(layout: Layout) -> Splits:
    """What any earlier version in this folder published; the newest word counts."""
    path = layout.work / SETTLED
    kept: dict[str, str | None] = json.loads(path.read_text()) if path.is_file() else {}
    known = {**kept, **published_splits(layout)}
    if known != kept:
        write_json(path, known)
    return known


def _enter(run: Waves, noted: Mapping[str, Any]) -> None:
    """From here on the plan's prompts are where they were put."""
    split = noted["split"]
    prompts = (dataclasses.replace(p, split=split[p.prompt_id]) for p in run.stated)
    run.plan = dataclasses.replace(run.plan, prompts=tuple(prompts))
    rules = dataclasses.replace(run.recipe.rules, barred=frozenset(noted["decision"]["unpaired"]))
    run.recipe = dataclasses.replace(run.recipe, rules=rules)


def _held_out(run: Waves, found: Assigned, clips: Collection[tuple[str, ...]]) -> list[str]:
    names = set(run.config.splits.held_out_generators)
    n = sum(g in names and found.split[p] in ("train", "validation") for _, p, g, _ in clips)
    if not n:
        return []
    count = "1 clip" if n == 1 else f"{n:,} clips"
    return [
        f"splits: {count} of {', '.join(sorted(names))} under prompts of train and validation stand in no "
        "pair: splits.held_out_generators keeps them for the test split"
    ]


def _told(split: Splits) -> str:
    """``splits: 630 train, 45 validation, 225 test prompts; 2 left out``."""
    n = Counter(split.values())
    counts = ", ".join(f"{n[name]:,} {name}" for name in SPLITS)
    return f"splits: {counts} prompts; {n[None]:,} left out"
