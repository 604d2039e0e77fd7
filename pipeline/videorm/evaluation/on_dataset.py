"""A trained model on the held-out prompts of datasets: what `evaluate --data DIR` measures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.videorm.data.corpus import load_corpus
from pipeline.videorm.data.frames import jpegs_of_clips
from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.evaluation.baselines import Shown
from pipeline.videorm.evaluation.evaluate import TEST, VALIDATION, read_said, report
from pipeline.videorm.evaluation.overlap import told
from pipeline.videorm.evaluation.scoring import (
    Progress,
    arm_scorers,
    beside,
    known_of,
    load_arms,
    log_k_of,
    score_clips_by,
)
from pipeline.videorm.evaluation.targets import Answers, check_answers
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import DataOptions
from schemas.options import SetupError


def evaluate(
    model_dir: Path,
    data: Path | Sequence[Path],
    *,
    split: str = TEST,
    answers: Answers | None = None,
    seed: int | None = None,
    baselines: Sequence[str] = (),
    probes: bool = False,
    device: str = "auto",
    expect: Callable[[int], None] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The parts of metrics.json for a model, and the arms beside it, on a split of datasets.

    ``answers`` and ``seed`` (of the resamples) default to those of the model's own metrics.json.
    ``baselines``: further ones as ``METRIC=MODEL``. ``expect`` is told how many clips will be scored.
    Raises SetupError for a folder that holds no model, and for data without that split or without the
    model's dimensions.
    """
    folders = [data] if isinstance(data, Path) else list(data)
    models = load_arms(model_dir, device)
    known = known_of(model_dir)
    given = answers  # of a model trained elsewhere they need not be about these clips
    answers = known.get("answers", {}) if answers is None else answers
    seed = known.get("seed", 0) if seed is None else seed
    corpus = held_out(folders, next(iter(models.values())), split, answers)
    if given:
        said = read_said(folders, corpus.dimensions)
        human = {r.dimension for r in said.ratings} | {v.dimension for v in said.votes}
        check_answers(given, corpus.dimensions, human)
    clips = prompts_of(corpus, (VALIDATION, split))
    if expect:
        expect(len(clips))
    more, absent = beside(models, baselines, device)
    scored = score_clips_by([*arm_scorers(models), *more], shown(folders, clips), progress)
    if not scored.rewards:
        raise SetupError("; ".join(_failed(scored.failures)))
    own = {arm: scored.rewards[arm] for arm in models}
    found = report(
        corpus,
        folders,
        own,
        answers,
        seed,
        extra={name: by for name, by in scored.rewards.items() if name not in own},
        log_k=log_k_of(models, known),
        overall={arm: model.config.overall for arm, model in models.items()},
        held_out_generators=known.get("held_out_generators", ()),
        split=split,
    )
    found["notes"] += [
        *corpus.notes,
        *absent,
        *(["these are prompts to train on, not held out"] if split == "train" else []),
        told(model_dir, {g.prompt for g in corpus.groups[split]}),
        *_failed(scored.failures),
    ]
    if probes:
        from pipeline.videorm.evaluation.probes import run_probes

        found["probes"] = run_probes(
            models, folders, corpus, seed=seed, answers=answers, split=split
        )
    return {
        "model": str(model_dir),
        "data": [str(folder) for folder in folders],
        "split": split,
        "seed": seed,
        "dimensions": list(corpus.dimensions),
        "answers": {ours: list(theirs) for ours, theirs in answers.items()},
        "failures": scored.failures,
        **found,
    }


def held_out(folders: Sequence[Path], model: VideoRM, split: str, answers: Answers) -> Corpus:
    """The prompts of a split and of validation. SetupError where the split has none."""
    config = model.config
    corpus = load_corpus(
        folders,
        frames=config.frames,
        image_size=config.image_size,
        fit=config.fit,
        dimensions=config.dimensions,
        splits=tuple(dict.fromkeys((VALIDATION, split))),
        options=DataOptions(labels="both"),  # prompts that only people judged, too
        answers=answers,
    )
    if not corpus.groups.get(split):
        names = ", ".join(map(str, folders))
        raise SetupError(f"{names}: nothing in the {split} split to evaluate on")
    return corpus


def prompts_of(corpus: Corpus, splits: Sequence[str]) -> dict[str, str]:
    """The prompt of every clip of these splits by video_id."""
    return {
        corpus.clips.video_ids[row]: group.prompt
        for split in dict.fromkeys(splits)
        for group in corpus.groups.get(split, ())
        for row in group.rows
    }


def shown(folders: Sequence[Path], prompts: dict[str, str]) -> Iterator[Shown]:
    """The named clips with their frames, in the order they lie on disk."""
    for video_id, jpegs in jpegs_of_clips(folders, list(prompts)):
        yield Shown(video_id=video_id, prompt=prompts[video_id], jpegs=jpegs)


def _failed(failures: dict[str, str]) -> list[str]:
    if not failures:
        return []
    video, why = next(iter(failures.items()))
    return [f"{len(failures)} clips have no score of anybody, such as {video}: {why}"]
