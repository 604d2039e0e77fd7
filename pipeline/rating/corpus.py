"""What a complete run could ask people about, and what its judges say of each clip or pair.

``disagreement`` of a pair is, on its worst dimension, twice the share of opinions on the losing side:
0 where all decided ones agree, 1 where they are split evenly. Opinions are the annotators' mean
scores held against each other; where only one annotator scored, its draws of both clips side by side;
and every comparison of the two clips. ``spread`` is the sample sd of what is told by scores, each
annotator's in units of its own root mean square, so that scales do not matter. Of a clip,
both are the sample sd between annotators (standardised over the run) or between one's draws.
``margin`` is the smallest |margin| of its preferences.
"""

import dataclasses
import itertools
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pipeline.dataset.parquet import parts, read_columns
from pipeline.rating.items import Candidate
from schemas import CONSENSUS, OVERALL
from schemas.layout import Layout

Opinions = dict[str, list[float]]  # by annotator; a clip's scores, or a pair's differences
Key = tuple[str, ...]
SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    videos: tuple[str, str]
    generators: tuple[str, str]
    prompt_id: str


@dataclasses.dataclass(slots=True, kw_only=True)
class Heard:
    """What a run's tables say. ``scores``: by dimension and video, every annotator's opinions of it."""

    pairs: dict[Key, _Pair] = dataclasses.field(default_factory=dict)
    margins: dict[Key, float] = dataclasses.field(default_factory=dict)
    scores: dict[tuple[str, str], Opinions] = dataclasses.field(default_factory=dict)
    verdicts: dict[tuple[str, Key], list[float]] = dataclasses.field(default_factory=dict)
    dimensions: tuple[str, ...] = ()


def dimensions_of(layout: Layout) -> tuple[str, ...]:
    """The dimensions that a run has scores or preferences on, ``overall`` aside, in order of name."""
    files = [*_preferences(layout), *parts(layout.table("scores"))]
    found = {name for (name,) in read_columns(files, ["dimension"])}
    return tuple(sorted(found - {OVERALL}))


def _preferences(layout: Layout) -> list[Path]:
    return [p for split in SPLITS for p in parts(layout.table("preferences", split))]


def hear(layout: Layout, dimensions: Sequence[str]) -> Heard:
    """Read what judges said on some dimensions of a complete run."""
    heard = Heard(dimensions=tuple(dimensions))
    _read_pairs(layout, heard)
    _read_scores(layout, heard)
    _read_comparisons(layout, heard)
    return heard


def _read_pairs(layout: Layout, heard: Heard) -> None:
    columns = (
        "prompt_id",
        "dimension",
        "video_a",
        "video_b",
        "generator_a",
        "generator_b",
        "margin",
    )
    for prompt, dimension, a, b, made_a, made_b, margin in read_columns(
        _preferences(layout), columns
    ):
        if dimension not in heard.dimensions:
            continue
        key: Key = tuple(sorted((a, b)))
        heard.pairs.setdefault(
            key, _Pair(videos=(a, b), generators=(made_a, made_b), prompt_id=prompt)
        )
        heard.margins[key] = min(abs(margin), heard.margins.get(key, math.inf))


def _read_scores(layout: Layout, heard: Heard) -> None:
    """Means of several annotators; of a single one its draws, which alone can differ."""
    columns = ("video_id", "dimension", "annotator_id", "mean")
    scores: dict[tuple[str, str], Opinions] = defaultdict(lambda: defaultdict(list))
    for video, dimension, annotator, mean in read_columns(parts(layout.table("scores")), columns):
        if dimension in heard.dimensions and annotator != CONSENSUS:
            scores[dimension, video][annotator].append(mean)
    if len({name for opinions in scores.values() for name in opinions}) == 1:
        scores.clear()
        columns = ("video_id", "dimension", "draw", "score")
        rows = read_columns(parts(layout.table("annotations")), columns)
        for video, dimension, draw, score in sorted(rows):
            if dimension in heard.dimensions:
                scores[dimension, video][f"draw {draw}"].append(score)
    heard.scores = {key: dict(opinions) for key, opinions in scores.items()}


def _read_comparisons(layout: Layout, heard: Heard) -> None:
    rows = read_columns(parts(layout.table("comparisons")), ("dimension", "video_ids", "ranking"))
    verdicts = defaultdict(list, heard.verdicts)
    for dimension, videos, ranks in rows:
        if dimension not in heard.dimensions:
            continue
        for (one, rank), (other, second) in itertools.combinations(sorted(zip(videos, ranks)), 2):
            verdicts[dimension, (one, other)].append(float((second > rank) - (rank > second)))
    heard.verdicts = dict(verdicts)


def pair_candidates(heard: Heard) -> list[Candidate]:
    """Every pair that has a preference."""
    units = {d: _units(_apart(heard, key, d) for key in heard.pairs) for d in heard.dimensions}
    return [
        Candidate(
            videos=pair.videos,
            generators=pair.generators,
            prompt_id=pair.prompt_id,
            margin=heard.margins[key],
            disagreement=_worst(_conflict(_said(heard, key, d)) for d in heard.dimensions),
            spread=_worst(_spread(_apart(heard, key, d), units[d]) for d in heard.dimensions),
        )
        for key, pair in heard.pairs.items()
    ]


def clip_candidates(heard: Heard, layout: Layout) -> list[Candidate]:
    """Every clip that has a score."""
    closest = _closest(heard)
    apart = _clip_spreads(heard)
    rows = read_columns(parts(layout.table("videos")), ("video_id", "generator", "prompt_id"))
    return [
        Candidate(
            videos=(video,),
            generators=(generator,),
            prompt_id=prompt,
            margin=closest.get(video),
            disagreement=apart[video],
            spread=apart[video],
        )
        for video, generator, prompt in rows
        if video in apart
    ]


def _closest(heard: Heard) -> dict[str, float]:
    """By clip, its smallest margin to another."""
    closest: dict[str, float] = {}
    for key, margin in heard.margins.items():
        for video in key:
            closest[video] = min(margin, closest.get(video, math.inf))
    return closest


def _clip_spreads(heard: Heard) -> dict[str, float | None]:
    """By clip that has a score, how far the opinions of it are apart on the worst dimension."""
    found: dict[str, list[float | None]] = defaultdict(list)
    for dimension in heard.dimensions:
        clips = {v: opinions for (d, v), opinions in heard.scores.items() if d == dimension}
        centres = _centres(clips.values())
        for video, opinions in clips.items():
            clips[video] = {
                name: [value - centres[name] for value in values]
                for name, values in opinions.items()
            }
        units = _units(clips.values())
        for video, opinions in clips.items():
            found[video].append(_spread(opinions, units))
    return {video: _worst(spreads) for video, spreads in found.items()}


def _apart(heard: Heard, key: Key, dimension: str) -> Opinions:
    """Each annotator's (or draw's) score of the first clip less that of the second."""
    one, other = (heard.scores.get((dimension, video), {}) for video in key)
    return {
        name: [round(a - b, 9) for a, b in zip(one[name], other[name])]
        for name in sorted(one.keys() & other.keys())
    }


def _said(heard: Heard, key: Key, dimension: str) -> list[float]:
    return [
        *itertools.chain.from_iterable(_apart(heard, key, dimension).values()),
        *heard.verdicts.get((dimension, key), ()),
    ]


def _conflict(opinions: Sequence[float]) -> float | None:
    if len(opinions) < 2:
        return None
    losing = min(sum(o > 0 for o in opinions), sum(o < 0 for o in opinions))
    return 2 * losing / len(opinions)


def _centres(many: Iterable[Opinions]) -> dict[str, float]:
    return {name: statistics.fmean(values) for name, values in _gathered(many).items()}


def _units(many: Iterable[Opinions]) -> dict[str, float]:
    """Root mean square of each annotator's opinions."""
    return {
        name: math.sqrt(statistics.fmean(v * v for v in values))
        for name, values in _gathered(many).items()
    }


def _gathered(many: Iterable[Opinions]) -> dict[str, list[float]]:
    gathered: dict[str, list[float]] = defaultdict(list)
    for opinions in many:
        for name, values in opinions.items():
            gathered[name] += values
    return gathered


def _spread(opinions: Opinions, units: Mapping[str, float]) -> float | None:
    """Sample sd of all opinions in their units; None for fewer than two. All zero: no unit needed."""
    values = [v / units[name] if units[name] else 0.0 for name, vs in opinions.items() for v in vs]
    return statistics.stdev(values) if len(values) > 1 else None


def _worst(values: Iterable[float | None]) -> float | None:
    return max((v for v in values if v is not None), default=None)
