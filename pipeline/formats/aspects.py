"""The five scores of VideoFeedback for a dataset's clips, and the two turns of talk that state them.

Their loaders want all five aspects of every clip. None is made up: a dataset that lacks one is refused
unless the user says which dimension of it answers (``--dimension "visual quality=video_quality"``).
Scores are numbers from 1 to 4. Those of another scale with bounds are mapped to it linearly, 1 + 3
(score - low) / (high - low), and the export says so; where whole numbers are needed they are then
rounded, halves up, and the export says how many were changed.
"""

import dataclasses
import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from pipeline.formats.clip_files import clip_splits, safe_name
from pipeline.formats.videofeedback import DIMENSIONS, SCALE
from pipeline.formats.writing import Choice, Material, Medium, Named
from schemas import OVERALL, Score, Video
from schemas.options import SetupError

THEIRS = {aspect: re.sub("[ -]", "_", aspect) for aspect in DIMENSIONS}  # as the rubric names them
BEFORE, AFTER = 'text prompt is "', '",\n'  # what their code finds the prompt between
IMAGE = "<image>"  # stands for a picture in the first turn
NO_SPLIT = "clips are in no pair of the chosen splits"
NO_FRAMES = "clips have fewer than two frames"
NO_SCORE = "clips lack a score of one of the five aspects"
BROKEN = f"clips have a prompt that holds {BEFORE!r}, {AFTER!r} or {IMAGE!r}, which breaks the text"
_QUESTION = (
    "These are frames of one generated video, in order of time. Judge the video on five aspects: "
    + ", ".join(DIMENSIONS)
    + f". Give each a whole number from {SCALE[0]} (bad) to {SCALE[1]} (as good as real footage).\n"
    f"For this video the {BEFORE}{{prompt}}{AFTER}all the frames of the video are as follows:\n"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ScoredClip:
    """A clip with its five scores from 1 to 4, not rounded, in the order of ``DIMENSIONS``."""

    name: str  # without underscore
    prompt: str
    split: str
    media: Mapping[str, Medium]  # its frames, by path in the export
    scores: tuple[float, ...]

    @property
    def named(self) -> Named:
        """What the room holds this clip's row to."""
        return Named(prompt=self.prompt, media=tuple(self.media))

    @property
    def whole(self) -> tuple[int, ...]:
        """The scores rounded, halves up."""
        return tuple(math.floor(score + 0.5) for score in self.scores)

    @property
    def files(self) -> list[str]:
        """Names of the frames in the clip's folder."""
        return [path.rsplit("/", 1)[1] for path in self.media]

    @property
    def talk(self) -> list[dict[str, str]]:
        """The two turns: the question with the prompt and a mark for each frame, and the scores."""
        return [
            {"from": "human", "value": question(self.prompt, len(self.media))},
            {"from": "gpt", "value": answer(self.whole)},
        ]


def question(prompt: str, n_frames: int) -> str:
    """The first turn."""
    return _QUESTION.replace("{prompt}", prompt) + " ".join([IMAGE] * n_frames)


def answer(scores: Sequence[int]) -> str:
    """The second turn: a line ``aspect: number`` for each aspect."""
    return "\n".join(f"{name}: {score}" for name, score in zip(DIMENSIONS, scores, strict=True))


def recovered(text: str) -> str | None:
    """The prompt as their code finds it in the first turn; None where it finds none."""
    _, before, rest = text.partition(BEFORE)
    prompt, after, _ = rest.partition(AFTER)
    return prompt if before and after else None


def answers(material: Material, choice: Choice) -> dict[str, str]:
    """Our dimension for each of their five aspects.

    Raises :class:`SetupError` for an aspect that they do not have, one for which the dataset has no
    scores, and a dimension whose scale has no bounds.
    """
    unknown = sorted(set(choice.dimensions) - set(DIMENSIONS))
    if unknown:
        raise SetupError(
            f"--dimension {unknown[0]}=...: no aspect of VideoFeedback; its five are "
            + ", ".join(DIMENSIONS)
        )
    ours = {**THEIRS, **choice.dimensions}
    known = {dimension for _, dimension in material.scores}
    lacking = [aspect for aspect in DIMENSIONS if ours[aspect] not in known]
    if lacking:
        options = " ".join(f'--dimension "{aspect}=OURS"' for aspect in lacking)
        raise SetupError(
            f"the dataset has no scores of {', '.join(dict.fromkeys(ours[a] for a in lacking))}, and the "
            f"format's loader wants all five aspects of every clip; say which of "
            f"{', '.join(sorted(known)) or 'none'} answers: {options}"
        )
    for aspect, dimension in ours.items():
        if dimension not in material.scales:
            raise SetupError(
                f"--dimension {aspect}={dimension}: the dimension has no scale with bounds, so that it "
                f"cannot be mapped to {SCALE[0]} to {SCALE[1]}"
            )
    return ours


def scored_clips(material: Material, choice: Choice, left_out: Counter[str]) -> list[ScoredClip]:
    """Every clip that can be said, in the order of video ids; the others are counted.

    Raises :class:`SetupError` as :func:`answers` does, and for a score outside its rubric's scale.
    """
    ours, splits = answers(material, choice), clip_splits(material, choice)
    found = []
    for video_id, video in material.videos.items():
        split, frames = splits.get(video_id), material.frames.get(video_id)
        scores = [material.scores.get((video_id, ours[aspect])) for aspect in DIMENSIONS]
        known = [score for score in scores if score is not None]
        if split is None:
            left_out[NO_SPLIT] += 1
        elif frames is None or len(frames.jpeg_sha256) < 2:
            left_out[NO_FRAMES] += 1
        elif len(known) < len(scores):
            left_out[NO_SCORE] += 1
        elif _breaks(video.prompt):
            left_out[BROKEN] += 1
        else:
            found.append(_scored(video, split, len(frames.jpeg_sha256), known, material.scales))
    return found


def _scored(
    video: Video,
    split: str,
    n_frames: int,
    scores: Sequence[Score],
    scales: Mapping[str, tuple[float, float]],
) -> ScoredClip:
    name = safe_name(video.video_id)  # without underscore, which would end the folder's name
    return ScoredClip(
        name=name,
        prompt=video.prompt,
        split=split,
        media={
            f"images/{name}/{name}_{i:02d}.jpg": Medium(video_id=video.video_id, frame=i)
            for i in range(n_frames)
        },
        scores=tuple(_mapped(score, *scales[score.dimension]) for score in scores),
    )


def _breaks(prompt: str) -> bool:
    marked = any(mark in prompt for mark in (BEFORE, AFTER, IMAGE))
    return marked or recovered(question(prompt, 1)) != prompt


def _mapped(score: Score, low: float, high: float) -> float:
    if not low <= score.mean <= high:
        raise SetupError(
            f"scores: clip {score.video_id!r}, {score.dimension!r}: {score.mean:g} is not on the rubric's "
            f"scale {low:g} to {high:g}; it cannot be mapped to {SCALE[0]} to {SCALE[1]}"
        )
    return round(SCALE[0] + (SCALE[1] - SCALE[0]) * (score.mean - low) / (high - low), 9)


def changes(material: Material, choice: Choice) -> list[str]:
    """What mapping did to the scores: other scales, and one dimension for several aspects."""
    ours = answers(material, choice)
    said, aspects = [], defaultdict(list)
    for aspect in DIMENSIONS:
        aspects[ours[aspect]].append(aspect)
    for dimension, own in aspects.items():
        low, high = material.scales[dimension]
        if (low, high) != SCALE:
            said.append(
                f"ATTENTION: {dimension!r} was judged from {low:g} to {high:g}; its scores are mapped "
                f"linearly to {SCALE[0]} to {SCALE[1]}"
            )
        if len(own) > 1:
            said.append(
                f"ATTENTION: {' and '.join(map(repr, own))} are all our {dimension!r}: their scores are "
                "the same number"
            )
    others = [name for name in material.dimensions if name not in (*aspects, OVERALL)]
    if others:
        said.append(f"the dimensions {', '.join(map(repr, others))} have no place in this format")
    return said


def rounding(clips: Sequence[ScoredClip]) -> list[str]:
    """How many scores are no whole numbers."""
    every = [pair for clip in clips for pair in zip(clip.scores, clip.whole, strict=True)]
    changed = sum(score != whole for score, whole in every)
    if not changed:
        return []
    return [
        f"ATTENTION: {changed} of {len(every)} scores were no whole numbers from {SCALE[0]} to "
        f"{SCALE[1]}; they are rounded, halves up"
    ]


def frames_note(material: Material, clips: Sequence[ScoredClip]) -> list[str]:
    """Where the frames come from."""
    ids = {medium.video_id for clip in clips for medium in clip.media.values()}
    policies = sorted({material.frames[video_id].policy for video_id in ids})
    return [
        f"frames are those that the judges saw ({', '.join(policies)}), not every eighth of a second: "
        "VideoFeedback's own clips were re-timed to 8 frames per second"
    ]
