"""A trained model on somebody's clips that people rated: what `evaluate --data FILE` measures.

Clips are decoded and scored, the scores written as a table, and the table audited against the human
data like any other annotator's.
"""

import json
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from pydantic import TypeAdapter, ValidationError

from pipeline.audit.files import Audited, audit_files
from pipeline.audit.options import AuditOptions, RatingsTable
from pipeline.audit.ratings import check_ratings, facts_of
from pipeline.media.clip_frames import jpegs_of
from pipeline.sources.gather import gather
from pipeline.sources.kinds import Source
from pipeline.sources.manifest import ManifestSource
from pipeline.videorm.evaluation.accuracy import ENOUGH_PROMPTS
from pipeline.videorm.evaluation.baselines import Shown
from pipeline.videorm.evaluation.overlap import told
from pipeline.videorm.evaluation.scoring import (
    Progress,
    Scored,
    arm_scorers,
    beside,
    load_arms,
    score_clips_by,
)
from pipeline.videorm.evaluation.targets import Answers, check_answers
from pipeline.videorm.model.config import read_config
from schemas import OVERALL, Clip
from schemas.options import SetupError

TABLE, SUMMARY = "scores.parquet", "evaluation.json"
AHEAD = 16  # clips decoded before they are scored
YAML = (".yaml", ".yml")


def evaluate_clips(
    model_dir: Path,
    data: Path,
    ratings: Sequence[RatingsTable],
    output: Path,
    *,
    answers: Answers | None = None,
    baselines: Sequence[str] = (),
    device: str = "auto",
    threads: int = 2,
    seed: int = 0,
    expect: Callable[[int], None] | None = None,
    progress: Progress | None = None,
) -> tuple[Audited, dict[str, Any]]:
    """Score the clips of a manifest, or of a YAML file's ``sources:``, and audit the scores.

    Writes ``scores.parquet``, ``evaluation.json`` (what was scored, what failed and why) and the
    audit's files into ``output``. Raises SetupError for whatever is missing before anything is scored,
    and where not a single clip could be.
    """
    clips, left_out = read_clips(data)
    options = AuditOptions(
        ratings=list(ratings),
        dimensions={ours: list(theirs) for ours, theirs in (answers or {}).items()},
        seed=seed,
    )
    said = check_ratings(options, facts_of(clips))
    _check_answered((*read_config(model_dir).dimensions, OVERALL), answers or {}, said.dimensions)
    models = load_arms(model_dir, device)
    first = next(iter(models.values()))
    more, absent = beside(models, baselines, device)
    scorers = [*arm_scorers(models), *more]
    if expect:
        expect(len(clips))
    undecodable: dict[str, str] = {}
    frames = decoded(clips, first.config.frames, threads, undecodable)
    scored = score_clips_by(scorers, frames, _with(undecodable, progress))
    failures = {**undecodable, **scored.failures}
    if len(failures) == len(clips):
        raise SetupError(f"{data}: not one of {len(clips)} clips could be scored: {_one(failures)}")
    output.mkdir(parents=True, exist_ok=True)
    weights = {arm: model.config.overall for arm, model in models.items()}
    write_scores(output / TABLE, clips, first.config.dimensions, scored, weights)
    summary: dict[str, Any] = {
        "model": str(model_dir),
        "data": str(data),
        "clips": len(clips),
        "scored": len(clips) - len(failures),
        "failures": {v: failures[v] for v in sorted(failures)},
        "scorers": list(scored.rewards),
        "dimensions": list(first.config.dimensions),
        "notes": [told(model_dir, {clip.prompt for clip in clips}), *absent, *left_out],
    }
    prompts = len({clip.prompt_id for clip in clips})
    if prompts < ENOUGH_PROMPTS:
        summary["notes"].append(f"clips of {prompts} prompts: intervals over so few are too narrow")
    (output / SUMMARY).write_text(json.dumps(summary, indent=1) + "\n")
    return audit_files(output / TABLE, (), output, options), summary


def _check_answered(ours: Sequence[str], answers: Answers, human: Collection[str]) -> None:
    """Raise SetupError where the scores could be held against nothing: told before they are made."""
    check_answers(answers, ours, human)
    if not any({*answers.get(name, (name,))}.issubset(human) for name in ours):
        raise SetupError(
            f"--ratings: they are on {', '.join(sorted(human))}, the model scores {', '.join(ours)}; say "
            "with --dimension OURS=THEIRS which answer for which"
        )


def read_clips(data: Path) -> tuple[list[Clip], list[str]]:
    """The clips of a manifest, or of the sources of a YAML file, and notes on what was left out.

    SetupError where there is no clip that lies in one file."""
    if data.suffix.lower() not in YAML:
        found = gather([ManifestSource(path=str(data))])
    else:
        try:
            tree = yaml.safe_load(data.read_text())
            blocks = tree.get("sources") if isinstance(tree, dict) else None
            found = gather(TypeAdapter(list[Source]).validate_python(blocks or []))
        except OSError as error:
            raise SetupError(f"{data}: cannot be read ({error})") from error
        except (yaml.YAMLError, ValidationError) as error:
            raise SetupError(f"{data}: {error}") from error
    clips = [clip for clip in found.clips if clip.path is not None and not clip.frame_files]
    if not clips:
        raise SetupError(f"{data}: names no clip that lies in one file; list some to evaluate on")
    others = len(found.clips) - len(clips)
    more = [f"{others} clips do not lie in one file: left out"] if others else []
    return clips, [*found.notes, *more]


def decoded(
    clips: Sequence[Clip], frames: int, threads: int, failures: dict[str, str]
) -> Iterator[Shown]:
    """The clips with their frames, in their order, a few ahead on threads; faults into ``failures``."""
    waiting: deque[tuple[Clip, Future[list[bytes]]]] = deque()
    todo = iter(clips)
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            while True:
                for clip in todo:
                    waiting.append((clip, pool.submit(jpegs_of, str(clip.path), count=frames)))
                    if len(waiting) >= AHEAD:
                        break
                if not waiting:
                    return
                clip, future = waiting.popleft()
                try:
                    jpegs = future.result()
                except SetupError as error:
                    failures[clip.video_id] = str(error)
                    continue
                yield Shown(video_id=clip.video_id, prompt=clip.prompt, jpegs=jpegs)
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for what nobody wants


def write_scores(
    path: Path,
    clips: Sequence[Clip],
    dimensions: Sequence[str],
    scored: Scored,
    weights: Mapping[str, Mapping[str, float]],
) -> None:
    """A row per scorer, clip and dimension, and `overall`, their mean by the scorer's ``weights``
    (equal where it has none), unless there is a head of that name."""
    rows = []
    for name, by_video in scored.rewards.items():
        for clip in clips:
            if clip.video_id not in by_video:
                continue
            values = dict(zip(dimensions, by_video[clip.video_id], strict=True))
            values.setdefault(OVERALL, _overall(values, weights.get(name, {})))
            rows += [_row(clip, name, d, value) for d, value in values.items()]
    pq.write_table(pa.Table.from_pylist(rows), path)


def _overall(values: Mapping[str, float], weights: Mapping[str, float]) -> float:
    own = {d: weights.get(d, 1.0) for d in values}
    return sum(own[d] * value for d, value in values.items()) / sum(own.values())


def _row(clip: Clip, annotator: str, dimension: str, score: float) -> dict[str, Any]:
    return {
        "video_id": clip.video_id,
        "prompt_id": clip.prompt_id,
        "prompt": clip.prompt,
        "generator": clip.generator,
        "annotator": annotator,
        "dimension": dimension,
        "score": score,
    }


def _with(undecodable: Mapping[str, str], progress: Progress | None) -> Progress | None:
    """Progress that counts clips that were never decoded as failed, too."""
    if progress is None:
        return None
    return lambda done, failed: progress(done, failed + len(undecodable))


def _one(failures: Mapping[str, str]) -> str:
    return next(iter(failures.values()))
