"""A small run's folder for VideoRM: preferences, frames and ratings that a test can work out."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from schemas import OVERALL, FrameSet, HumanRating, Preference
from schemas.ids import pair_id, sha256_hex
from schemas.layout import Layout
from schemas.store import blob_name
from schemas.tables import to_table

DIMENSIONS = ("prompt_following", "video_quality")
Scores = Mapping[str, float]  # dimension -> score; a dimension that is missing was not scored


def jpeg(array: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as JPEG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def flat(level: int, size: int = 32) -> np.ndarray:
    """A grey frame."""
    return np.full((size, size, 3), level, np.uint8)


def write(root: Path, name: str, table: pa.Table, split: str | None = None) -> None:
    """One file of a published table."""
    folder = Layout(root).table(name, split)
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "part-00000.parquet")


def write_frames(
    root: Path,
    clips: Mapping[str, Sequence[bytes]],
    *,
    publish: bool,
    of: Mapping[str, tuple[str, str]] = MappingProxyType({}),
) -> None:
    """The frames table, with its JPEGs as images or with the JPEGs in the store.

    ``of``: prompt and generator of a clip, where they matter.
    """
    rows = [
        FrameSet(
            video_id=video_id,
            prompt_id=of.get(video_id, ("p", "g"))[0].replace(" ", "-"),
            prompt=of.get(video_id, ("p", "g"))[0],
            generator=of.get(video_id, ("p", "g"))[1],
            policy="all",
            decoder="none",
            indices=tuple(range(len(jpegs))),
            times_s=(None,) * len(jpegs),
            jpeg_sha256=tuple(map(sha256_hex, jpegs)),
            n_frames_in_clip=len(jpegs),
            fps=None,
            duration_s=None,
            width_px=32,
            height_px=32,
            frame_width_px=32,
            frame_height_px=32,
        )
        for video_id, jpegs in clips.items()
    ]
    table = to_table(FrameSet, rows)
    if publish:
        kind = pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
        images = [[{"bytes": b, "path": None} for b in jpegs] for jpegs in clips.values()]
        table = table.append_column("images", pa.array(images, kind))
    else:
        for data in (b for jpegs in clips.values() for b in jpegs):
            Layout(root).frames.put(blob_name(sha256_hex(data), ".jpg"), data)
    write(root, "frames", table)


def preferences(
    prompt: str,
    scores: Mapping[str, Scores],
    split: str,
    generators: Mapping[str, str] = MappingProxyType({}),
) -> list[Preference]:
    """All pairs of a prompt's clips, per dimension and overall."""
    rows = []
    videos = sorted(scores)
    for i, a in enumerate(videos):
        for b in videos[i + 1 :]:
            both = [d for d in DIMENSIONS if d in scores[a] and d in scores[b]]
            values = {d: (scores[a][d], scores[b][d]) for d in both}
            if len(both) == len(DIMENSIONS):
                values[OVERALL] = tuple(np.mean([values[d] for d in both], axis=0).tolist())
            rows += [_preference(prompt, split, d, a, b, *v) for d, v in values.items()]
    return [
        replace(
            row,
            generator_a=generators.get(row.video_a, "g"),
            generator_b=generators.get(row.video_b, "g"),
        )
        for row in rows
    ]


def _preference(
    prompt: str, split: str, dimension: str, a: str, b: str, score_a: float, score_b: float
) -> Preference:
    margin = score_a - score_b
    return Preference(
        pair_id=pair_id(a, b, dimension),
        prompt_id=prompt.replace(" ", "-"),
        prompt=prompt,
        dimension=dimension,
        video_a=a,
        video_b=b,
        generator_a="g",
        generator_b="g",
        score_a=score_a,
        score_b=score_b,
        margin=margin,
        weight=1.0,
        split=split,
        label="tie" if margin == 0 else "a" if margin > 0 else "b",
        annotator_id="consensus",
        n_a=1,
        n_b=1,
    )


def write_run(
    root: Path,
    prompts: Mapping[str, Sequence[str]],
    draw: Callable[[np.random.Generator, int], np.ndarray],
    score: Callable[[int], Scores],
    *,
    clips: int = 4,
    raters: int = 0,
) -> None:
    """A whole run: ``prompts`` by split; ``draw(rng, i)``: the frames (T, H, W, 3) of clip i."""
    rng = np.random.default_rng(0)
    jpegs: dict[str, list[bytes]] = {}
    ratings: list[HumanRating] = []
    for split, texts in prompts.items():
        rows: list[Preference] = []
        for text in texts:
            videos = {f"{text.replace(' ', '-')}-{i}": i for i in range(clips)}
            jpegs |= {v: [jpeg(f) for f in draw(rng, i)] for v, i in videos.items()}
            rows += preferences(text, {v: score(i) for v, i in videos.items()}, split)
            ratings += [
                HumanRating(
                    video_id=v,
                    rater=f"r{r}",
                    dimension=d,
                    prompt_id=rows[-1].prompt_id,
                    generator="g",
                    score=s,
                    source="test",
                )
                for v, i in videos.items()
                for r in range(raters)
                for d, s in score(i).items()
            ]
        write(root, "preferences", to_table(Preference, rows), split)
    write_frames(root, jpegs, publish=True)
    write(root, "human_ratings", to_table(HumanRating, ratings))
