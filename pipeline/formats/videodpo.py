"""VideoDPO's folders: ``metadata.json`` with the clips, ``pair.json`` with the pairs, preferred one first.

Layout and rules as in CIntellifusion/VideoDPO (``data/video_data.py``). A pair names its clips by
their row numbers in the metadata, counted after clips shorter than ``clip_length`` (1 second unless
configured) were dropped; a clip with fewer frames than ``video_length`` (16 in ``configs/vc2_dpo``) is
replaced by the next one without a word. So clips shorter than either are left out here.

Every split is a folder of its own, with its clips. Their loader joins the YAML file's own path, the
folder under ``META`` and ``clip_path``, so that only an absolute path under ``META`` works.

``score``: their loader weighs a pair by ``(0.72 / score) ** dupbeta``, for in their data it is the
probability of the pair's scores, and rare pairs (with a large gap) shall weigh more. Ours is ``0.72 x
(mean |margin| of the file) / |margin|``, rounded to six significant digits: with ``dupbeta`` 1 a pair
weighs as much as its margin does beside the mean of all, 1 on average. A tie has no place: left out.
"""

import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.formats.chosen import (
    by_split,
    decided,
    one_dimension,
    others_lost,
    pairs_of,
    told,
    winner_first,
)
from pipeline.formats.clip_files import ClipFiles, duration_of
from pipeline.formats.held import Held, rows_back, whole, write_json_list
from pipeline.formats.labelled import UNKNOWN, NamedClip, PairRow, without_dot, words
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import OVERALL, FrameSet, Preference
from schemas.options import SetupError
from schemas.rows import read_rows

PAIRS, CLIPS = "pair.json", "metadata.json"
DIMENSION = "overall"  # what a pair is about: no more is said
CLIP_LENGTH_S, VIDEO_LENGTH = 1.0, 16  # of their loader: `clip_length`, `video_length`
NEUTRAL = 0.72  # a pair of this `score` weighs 1


def read_videodpo(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """Every pair of a ``pair.json``; the clips come from the ``metadata.json`` beside it.

    ``a`` is the preferred one. Numbers count the rows of the metadata whose ``clip_duration`` is at
    least ``CLIP_LENGTH_S``, as their loader does. Raises :class:`SetupError` naming file and row: a
    number that names no clip, or one clip twice.
    """
    file = Path(path)
    clips = [
        _clip_path(file.with_name(CLIPS), number, row)
        for number, row in read_rows(file.with_name(CLIPS), ("basic",))
        if _duration(row) >= CLIP_LENGTH_S
    ]
    return (_pair(file, n, row, clips, generator) for n, row in _pair_rows(file))


def _pair_rows(file: Path) -> Iterator[tuple[int, Row]]:
    return read_rows(file, ("video1", "video2", "frame_caption"))


def _clip_path(file: Path, number: int, row: Row) -> str:
    basic = row["basic"] if isinstance(row["basic"], dict) else {}
    return without_dot(words(file, number, basic, "clip_path"))


def _duration(row: Row) -> float:
    basic = row["basic"] if isinstance(row["basic"], dict) else {}
    value = basic.get("clip_duration")
    return float(value) if isinstance(value, (int, float)) else 0.0


def _pair(file: Path, number: int, row: Row, clips: Sequence[str], generator: str) -> PairRow:
    sides = [row["video1"], row["video2"]]
    for name, place in zip(("video1", "video2"), sides, strict=True):
        if not whole(place) or not 0 <= place < len(clips):
            raise SetupError(
                f"{file}: row {number}, {name}: {place!r} is no row number of {CLIPS}, which has "
                f"{len(clips)} clips of {CLIP_LENGTH_S:g} s or more, counted from 0"
            )
    if sides[0] == sides[1]:
        raise SetupError(f"{file}: row {number}: video1 and video2 are the same clip")
    caption: Any = row["frame_caption"]
    if isinstance(caption, list) and caption:
        row = {**row, "frame_caption": caption[0]}
    a, b = (NamedClip(video=clips[place], generator=generator) for place in sides)
    return PairRow(
        number=number,
        prompt=words(file, number, row, "frame_caption"),
        a=a,
        b=b,
        labels={DIMENSION: "video1"},
        votes={DIMENSION: "a"},
    )


def _plan(material: Material, choice: Choice) -> Plan:
    ours = one_dimension(material, choice)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material, _needs)
    pairs = files.whole(decided(pairs_of(material, ours), left_out), left_out)
    tables: dict[str, Sequence[Row]] = {}
    named: list[Named] = []
    for split, own in by_split(pairs).items():
        tables |= _tables(material, files, split, own, named)
    return Plan(
        files=tables,
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=[
            *others_lost(material, ours),
            "generators are not written; of a margin its share of the mean remains, in score",
        ],
        notes=(
            f"the pairs are about our {ours}; a judge of the dataset prefers video1, not a person",
            "name one folder alone under META, by its absolute path (.../train): their loader joins the "
            "path of the YAML file before a relative one",
            f"score is {NEUTRAL} x mean |margin| / |margin|: with dupbeta 1 a pair weighs |margin| / mean; "
            "with dupbeta 0 it is not used",
            f"clips below {CLIP_LENGTH_S:g} s or {VIDEO_LENGTH} frames are left out: keep clip_length and "
            "video_length at most at these",
        ),
    )


def _needs(frames: FrameSet) -> str | None:
    if frames.n_frames_in_clip < VIDEO_LENGTH:
        return f"of fewer than {VIDEO_LENGTH} frames, for which the loader takes another one"
    duration = duration_of(frames)
    if duration is None:
        return "whose duration is not known"
    if duration < CLIP_LENGTH_S:
        return f"of less than {CLIP_LENGTH_S:g} s, which the loader drops before it counts"
    return None


def _tables(
    material: Material,
    files: ClipFiles,
    split: str,
    pairs: Sequence[Preference],
    named: list[Named],
) -> dict[str, Sequence[Row]]:
    clips = sorted({video for pair in pairs for video in (pair.video_a, pair.video_b)})
    place = {video: n for n, video in enumerate(clips)}
    paths = {video: files.place(video, f"{split}/videos") for video in clips}
    mean = statistics.fmean(abs(pair.margin) for pair in pairs)
    rows = []
    for pair in pairs:
        chosen, other = winner_first(pair)
        score = float(f"{NEUTRAL * mean / abs(pair.margin):.6g}")
        rows.append(
            {
                "video1": place[chosen],
                "video2": place[other],
                "frame_caption": pair.prompt,
                "score": score,
            }
        )
        named.append(Named(prompt=pair.prompt, media=(paths[chosen], paths[other])))
    return {
        f"{split}/{CLIPS}": [
            _metadata(material, video, paths[video].removeprefix(f"{split}/")) for video in clips
        ],
        f"{split}/{PAIRS}": rows,
    }


def _metadata(material: Material, video_id: str, path: str) -> Row:
    duration = duration_of(material.frames[video_id]) or 0.0
    return {
        "basic": {"clip_path": path, "clip_duration": round(duration, 6)},
        "misc": {"frame_caption": [material.videos[video_id].prompt]},
    }


def _write(plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def _check(folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    for path in plan.files:
        meta, _, name = path.rpartition("/")
        if name == PAIRS:
            captions = _check_clips(held, meta)
            for at, row in held.rows(path, ("video1", "video2", "frame_caption", "score")):
                _check_pair(held, at, row, captions)
    return dict(held.counts)


def _check_clips(held: Held, meta: str) -> list[str]:
    """The captions of the clips, by the number that pairs call them."""
    captions = []
    seen = set()
    for at, row in held.rows(f"{meta}/{CLIPS}", ("basic", "misc")):
        basic = row["basic"]
        duration = basic.get("clip_duration")
        long = isinstance(duration, (int, float)) and duration >= CLIP_LENGTH_S
        held.that(long, "no clip is dropped for its duration", at, "clip_duration", duration)
        path = basic.get("clip_path")
        held.file(at, "clip_path", f"{meta}/{path}" if isinstance(path, str) else path)
        held.that(path not in seen, "a clip has one row number", at, "clip_path", path)
        seen.add(path)
        said = row["misc"].get("frame_caption")
        good = isinstance(said, list) and len(said) == 1 and isinstance(said[0], str) and said[0]
        held.that(bool(good), "a clip has one caption, in a list", at, "frame_caption", said)
        captions.append(said[0])
    return captions


def _check_pair(held: Held, at: str, row: Row, captions: Sequence[str]) -> None:
    for name in ("video1", "video2"):
        good = whole(row[name]) and 0 <= row[name] < len(captions)
        held.that(good, "video1 and video2 are row numbers of the metadata", at, name, row[name])
        same = captions[row[name]] == row["frame_caption"]
        rule = "the clips of a pair have its caption"
        held.that(same, rule, at, name, captions[row[name]])
    differ = row["video1"] != row["video2"]
    held.that(differ, "a pair is two clips", at, "video2", row["video2"])
    score = row["score"]
    good = isinstance(score, float) and score > 0
    held.that(
        good, "score is above 0, for the weight is (0.72 / score) ** beta", at, "score", score
    )


WRITER = Writer(
    name="videodpo",
    what="VideoDPO's metadata.json and pair.json, a folder a split, preferred clip first",
    loader="CIntellifusion/VideoDPO: data/video_data.py",
    unit="pair",
    theirs={"preference": OVERALL},
    plan=_plan,
    write=_write,
    check=_check,
    read=rows_back,
    cannot=f"ties, more than one dimension, clips below {CLIP_LENGTH_S:g} s or {VIDEO_LENGTH} frames",
)
