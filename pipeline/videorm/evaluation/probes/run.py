"""Every probe of every arm, as rows of metrics.json."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.evaluation.probes.changes import change_rows, first_frame_rows
from pipeline.videorm.evaluation.probes.correlations import correlation_rows
from pipeline.videorm.evaluation.probes.generators import generator_rows
from pipeline.videorm.evaluation.probes.rewards import Progress, is_temporal, measure
from pipeline.videorm.evaluation.probes.sample import Answers, Case, sample
from pipeline.videorm.evaluation.probes.separation import separation_rows
from pipeline.videorm.evaluation.probes.shift_on import shift_rows
from pipeline.videorm.evaluation.probes.verdict import Row
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import ALIGNMENT


def run_probes(
    models: Mapping[str, VideoRM],
    folders: Sequence[Path],
    corpus: Corpus,
    *,
    seed: int,
    most_prompts: int = 100,
    alignment: Collection[str] = ALIGNMENT,
    answers: Answers | None = None,
    threads: int | None = None,
    split: str = "test",
    progress: Progress | None = None,
) -> list[Row]:
    """Rows of ``probes``, arm by arm, for at most ``most_prompts`` prompts of the split.

    ``models`` by arm, each on its device; ``folders`` hold the clips' frames; ``alignment`` names the
    dimensions that answer for the prompt, all others for the picture and its motion; ``answers`` names
    the raters' dimensions that answer for ours; ``threads`` decode and damage (None: one for every core);
    ``progress`` is told how many clips are done, of how many. See
    :func:`pipeline.videorm.evaluation.probes.verdict.row` for a row and the catalogue for what each
    probe expects. Raises SetupError where the split is empty, or frames are missing or broken.
    """
    drawn = sample(
        corpus, folders, answers or {}, seed=seed, most_prompts=most_prompts, split=split
    )
    measured = measure(models, folders, drawn, seed=seed, threads=threads, progress=progress)
    cases = [
        Case(
            arm=arm,
            temporal=is_temporal(model),
            sample=drawn,
            rewards=measured.rewards[arm],
            looks=measured.looks,
            alignment=alignment,
            seed=seed,
        )
        for arm, model in models.items()
    ]
    return [r for case in cases for r in _rows(case, of_score=case is cases[0])]


def _rows(case: Case, *, of_score: bool) -> list[Row]:
    return [
        *change_rows(case),
        *first_frame_rows(case),
        *separation_rows(case),
        *shift_rows(case),
        *correlation_rows(case),
        *generator_rows(case, of_score=of_score),
    ]
