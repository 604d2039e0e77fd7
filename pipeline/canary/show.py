"""The clips that the page shows: their frames with the words on them, and what the judges said."""

from collections.abc import Iterable, Sequence

from annotators.base import owed_key
from annotators.judge.frames import read_frames
from pipeline.canary.ask import Asked
from pipeline.canary.study import Said, Shown
from pipeline.canary.variants import CLEAN, IN_FRAMES
from schemas import Annotation, Failure, FrameSet
from schemas.store import Store

CLIPS = 3


def shown_of(answered: Sequence[Asked], store: Store) -> list[Shown]:
    """The first clips that were asked about."""
    clips: dict[str, list[Asked]] = {}
    for one in answered:
        clips.setdefault(one.question.frames.video_id, []).append(one)
    return [_shown(asked, store) for asked in list(clips.values())[:CLIPS]]


def _shown(asked: Sequence[Asked], store: Store) -> Shown:
    frames: dict[str, FrameSet] = {}
    for one in asked:  # the first rubric's words, where scales differ
        frames.setdefault(one.variant, one.question.frames)
    clean = frames[CLEAN]
    middle = len(clean.jpeg_sha256) // 2
    return Shown(
        video_id=clean.video_id,
        generator=clean.generator,
        prompt=clean.prompt,
        pictures=[
            (name, read_frames(store, [frames[name].jpeg_sha256[middle]])[0])
            for name in (CLEAN, *IN_FRAMES)
        ],
        width_px=clean.frame_width_px,
        height_px=clean.frame_height_px,
        said=[said for one in asked if one.question.draw == 0 for said in _said(one)],
    )


def _said(one: Asked) -> Iterable[Said]:
    name = one.spec.annotator_id
    by_key = {owed_key(one.question, name, d.name): d.name for d in one.question.rubric.dimensions}
    for row in one.outcomes:
        if isinstance(row, Failure):
            dimension, score = by_key.get(row.key, row.key), None
            said = f"{row.reason}: {row.message}"
        elif isinstance(row, Annotation):
            dimension, score, said = row.dimension, row.score, row.rationale or ""
        else:
            continue  # questions are about one clip, so nothing is compared
        yield Said(annotator=name, dimension=dimension, variant=one.variant, score=score, said=said)
