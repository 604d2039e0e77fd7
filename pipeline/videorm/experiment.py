"""Train VideoRM and its controls on preferences, and say how good they are."""

import contextlib
import dataclasses
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import filelock

from pipeline.videorm.data.corpus import check_trainable, load_corpus
from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.evaluation.baselines import Shown
from pipeline.videorm.evaluation.evaluate import TEST, report
from pipeline.videorm.evaluation.on_dataset import prompts_of
from pipeline.videorm.evaluation.overlap import FILE as PROMPTS
from pipeline.videorm.evaluation.overlap import write_training_prompts
from pipeline.videorm.evaluation.probes import run_probes
from pipeline.videorm.evaluation.scoring import beside, score_clips_by
from pipeline.videorm.model.config import FILES
from pipeline.videorm.model.towers import image_size_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.arms import train_all
from pipeline.videorm.training.device import device_of
from pipeline.videorm.training.distributed import World, agreed, joined, world_here
from pipeline.videorm.training.reporting import Progress, counting
from pipeline.videorm.training.result import ArmResult
from pipeline.videorm.training.validation import SPLITS as HELD_OUT
from schemas.options import SetupError

DESCRIPTIONS = {
    "videorm": "two towers, temporal shift as configured, a head that sees frames together, one "
    "reward per dimension",
    "shift": "the shift alone: the head sees every frame by itself",
    "transformer": "the head over frames alone: no shift",
    "per_frame": "the same network and number of parameters, every frame seen by itself: no shift, "
    "every frame a clip of its own for the head, the mean position for every frame",
}


def train_and_validate(
    data: Path | Sequence[Path],
    output: Path,
    options: VideoRMOptions,
    progress: Progress | None = None,
    answers: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Train every arm on the train split, choose by validation, measure on the test split.

    ``data`` are runs' folders or the datasets they publish, one or several that are learned from
    together; ``answers`` names the people's dimensions that answer for ours. Writes config.json,
    model.safetensors and tokenizer.json of the first arm to ``output``, those of the others to
    ``output/ARM``, and last metrics.json, whose content is returned. ``progress`` gets the rows that
    :func:`pipeline.videorm.training.train.train_arm` describes. Interrupted, the same call goes on
    where it was. Started by ``torchrun``, all processes train one arm after the other together; the
    first one measures and writes, and all return the same. Raises SetupError where the preferences
    do not suffice, and where another training writes to ``output``.
    """
    folders = (data,) if isinstance(data, Path) else tuple(data)
    with joined(options.device) as world:
        corpus = _load(folders, options, answers)
        check_trainable(corpus)
        with _alone(output, world), tempfile.TemporaryDirectory(prefix="videorm-") as job:
            results = train_all(corpus, options, Path(job), output, world, progress)
            if world.first:
                _finish(folders, output, options, corpus, results, answers or {}, progress)
        return agreed(lambda: json.loads((output / "metrics.json").read_text()), world)


@contextlib.contextmanager
def _alone(output: Path, world: World) -> Iterator[None]:
    """Holds the folder; SetupError where another training does."""
    if not world.first:
        yield
        return
    lock = filelock.FileLock(output / "checkpoints" / "lock")
    Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise SetupError(
            f"{output}: another training writes there; wait for it, or name another folder"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _load(
    folders: Sequence[Path],
    options: VideoRMOptions,
    answers: Mapping[str, Sequence[str]] | None,
) -> Corpus:
    return load_corpus(
        folders,
        frames=options.frames,
        image_size=_image_size(options),
        fit=options.fit,
        dimensions=options.dimensions,
        options=options.data,
        answers=answers,
        threads=options.data.workers,
    )


def _finish(
    folders: Sequence[Path],
    output: Path,
    options: VideoRMOptions,
    corpus: Corpus,
    results: Mapping[str, ArmResult],
    answers: Mapping[str, Sequence[str]],
    progress: Progress | None,
) -> None:
    """Models, then the numbers; what was needed to go on after an interruption is removed."""
    sizes = {result.parameters for result in results.values()}
    if len(sizes) != 1:
        raise AssertionError(f"arms of unequal size, so not comparable: {sizes}")
    _clear(output)
    for arm, result in results.items():
        _keep(result, output if arm == options.arms[0] else output / arm)
    learned = [g.prompt for s in ("train", "validation") for g in corpus.groups.get(s, ())]
    write_training_prompts(output, learned)
    device = device_of(options.device, world_here())
    models = {arm: VideoRM.from_pretrained(r.folder).to(device) for arm, r in results.items()}
    metrics = _metrics(folders, options, corpus, results, models, answers, progress)
    text = json.dumps(metrics, indent=1, allow_nan=False)
    (output / "metrics.json").write_text(text + "\n")
    shutil.rmtree(output / "checkpoints", ignore_errors=True)


def _metrics(
    folders: Sequence[Path],
    options: VideoRMOptions,
    corpus: Corpus,
    results: Mapping[str, ArmResult],
    models: Mapping[str, VideoRM],
    answers: Mapping[str, Sequence[str]],
    progress: Progress | None,
) -> dict[str, Any]:
    held_out = _only(corpus, HELD_OUT)
    scorers, absent = beside(models)
    n_clips = len(prompts_of(corpus, HELD_OUT))
    on_baselines = _told("baselines", progress)
    extra: dict[str, dict[str, list[float]]] = {}
    if scorers:
        told = on_baselines and (lambda done, failed: on_baselines(done + failed, n_clips))
        extra = score_clips_by(scorers, _decoded(held_out), told).rewards
    measured = report(
        held_out,
        folders,
        {arm: result.held_out for arm, result in results.items()},
        answers,
        options.seed,
        extra=extra,
        log_k={arm: result.log_k for arm, result in results.items() if result.log_k},
        overall={arm: result.overall for arm, result in results.items()},
        held_out_generators=options.data.held_out_generators,
    )
    said = [*corpus.notes, *(note for r in results.values() for note in r.notes)]
    return {
        "seed": options.seed,
        "preset": options.preset,
        "dimensions": list(corpus.dimensions),
        "answers": {ours: list(theirs) for ours, theirs in answers.items()},
        "held_out_generators": list(options.data.held_out_generators),
        "arms": {arm: _describe(arm, result) for arm, result in results.items()},
        "curve": [row for result in results.values() for row in result.curve],
        **measured,
        "probes": run_probes(
            models,
            folders,
            _only(corpus, (TEST,)),
            seed=options.seed,
            answers=answers,
            progress=_told("probes", progress),
        ),
        "notes": list(dict.fromkeys([*said, *absent, *measured.get("notes", ())])),
    }


def _told(what: str, progress: Progress | None) -> Callable[[int, int], None] | None:
    """Tells of clips that were measured, and how long the others will take."""
    if progress is None:
        return None
    return counting(progress, {"arm": what, "stage": "measure"})


def _decoded(corpus: Corpus) -> Iterator[Shown]:
    """Every clip of a corpus, as the models see it."""
    seen: set[str] = set()
    for group in (group for groups in corpus.groups.values() for group in groups):
        pixels, valid = corpus.clips.read(group.rows)
        for i, row in enumerate(group.rows):
            video_id = corpus.clips.video_ids[row]
            if video_id not in seen:
                seen.add(video_id)
                stacked = pixels[i].numpy(), valid[i].numpy()
                yield Shown(video_id=video_id, prompt=group.prompt, stacked=stacked)


def _only(corpus: Corpus, splits: Sequence[str]) -> Corpus:
    kept = {split: groups for split, groups in corpus.groups.items() if split in splits}
    return dataclasses.replace(corpus, groups=kept)


def _image_size(options: VideoRMOptions) -> int:
    if options.trunk is None:
        return options.towers.image_size
    return image_size_of(options.trunk)


def _clear(output: Path) -> None:
    """Remove what an earlier training left, so that no two trainings are ever mixed. Not before this
    one is done: it may be refused, or never come to its end."""
    for folder in (output, *(output / arm for arm in DESCRIPTIONS)):
        for name in (*FILES, PROMPTS, "metrics.json"):
            (folder / name).unlink(missing_ok=True)


def _describe(arm: str, result: ArmResult) -> dict[str, Any]:
    return {
        "parameters": result.parameters,
        "trained_parameters": result.trained_parameters,
        "description": DESCRIPTIONS[arm],
        "selected_epoch": result.selected_epoch,
        "log_k": result.log_k,
        "overall": result.overall,
    }


def _keep(result: ArmResult, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(result.folder / name, folder / name)
