"""A small finished dataset for the tests of exports: two prompts, five clips, files that are no videos.

The prompt in train has three clips, with these scores of the judge, and their mean:

=====  ==========  ================  =============  =======
clip   generator   prompt_following  video_quality  overall
=====  ==========  ================  =============  =======
k1     m1          3                 4              3.5
k2     m2          3                 2              2.5
k3     org/m3      5                 3              4
d1     m1          4                 2              3
d2     m2          1                 5              3
=====  ==========  ================  =============  =======

The pairs are made by the project's own code; which clip is ``a`` is drawn by hash.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipeline.export.export import export
from pipeline.export.material import open_material
from pipeline.formats.writers import WRITERS
from pipeline.formats.writing import Choice
from pipeline.preference.options import PreferenceOptions
from pipeline.preference.pairing import pairs_of_prompt
from schemas import (
    CONSENSUS,
    OVERALL,
    SPLITS,
    Annotation,
    FrameSet,
    Preference,
    Prompt,
    Score,
    Video,
)
from schemas.ids import sha256_hex
from schemas.layout import PUBLISHED, Layout
from schemas.tables import TABLES, to_table

KITE, DOG = "a red kite, high over a lake", 'a dog says "hi"'
DIMENSIONS = ("prompt_following", "video_quality")
JUDGED: dict[str, tuple[str, str, tuple[float, float]]] = {
    # clip: prompt, generator, scores
    "k1": (KITE, "m1", (3, 4)),
    "k2": (KITE, "m2", (3, 2)),
    "k3": (KITE, "org/m3", (5, 3)),
    "d1": (DOG, "m1", (4, 2)),
    "d2": (DOG, "m2", (1, 5)),
}
SPLIT_OF = {KITE: "train", DOG: "test"}
Judged = Mapping[str, tuple[str, str, tuple[float, float]]]


def content(video_id: str) -> bytes:
    """What a clip's file holds."""
    return f"clip {video_id}".encode()


def write_dataset(
    root: Path,
    judged: Judged = JUDGED,
    *,
    splits: Mapping[str, str] = SPLIT_OF,
    scale: tuple[float | None, float | None] = (1.0, 5.0),
    videos: Mapping[str, Mapping[str, Any]] | None = None,
    frames: Mapping[str, Mapping[str, Any]] | None = None,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """The folder; ``videos`` and ``frames`` change fields of some rows, by video_id."""
    rows: dict[str, list[Any]] = {name: [] for name in (*PUBLISHED, "preferences")}
    for number, text in enumerate(dict.fromkeys(prompt for prompt, _, _ in judged.values())):
        prompt = Prompt(
            prompt_id=f"p{number}",
            text=text,
            source="made",
            licence="CC0-1.0",
            split=splits.get(text),
        )
        rows["prompts"].append(prompt)
        own = {v: (g, s) for v, (p, g, s) in judged.items() if p == text}
        scores = _add_clips(root, rows, prompt, own, scale, videos or {}, frames or {})
        rows["scores"] += scores
        if prompt.split is not None:
            rows["preferences"] += pairs_of_prompt(
                prompt, scores, DIMENSIONS, prompt.split, PreferenceOptions()
            )
    for name in PUBLISHED:
        _write(Layout(root).table(name), TABLES[name][0], rows[name])
    for split in SPLITS:
        own_rows = [p for p in rows["preferences"] if p.split == split]
        _write(Layout(root).table("preferences", split), Preference, own_rows)
    told = {
        "run_id": "r1",
        "name": "made",
        "schema_version": 2,
        "dataset_version": "0123456789abcdef",
    }
    Layout(root).run.write_text(json.dumps({**told, **(record or {})}))
    return root


def _write(folder: Path, record: type, rows: Sequence[Any]) -> None:
    folder.mkdir(parents=True)
    pq.write_table(to_table(record, rows), folder / "part-00000-of-00001.parquet")


def _add_clips(
    root: Path,
    rows: dict[str, list[Any]],
    prompt: Prompt,
    own: Mapping[str, tuple[str, tuple[float, float]]],
    scale: tuple[float | None, float | None],
    videos: Mapping[str, Mapping[str, Any]],
    frames: Mapping[str, Mapping[str, Any]],
) -> list[Score]:
    scores = []
    (root / "media").mkdir(parents=True, exist_ok=True)
    for number, (video_id, (generator, values)) in enumerate(own.items()):
        of = {"video_id": video_id, "prompt_id": prompt.prompt_id, "generator": generator}
        name = f"media/{prompt.prompt_id}-{number}.mp4"
        (root / name).write_bytes(content(video_id))
        told: dict[str, Any] = {
            **of,
            "prompt": prompt.text,
            "uri": name,
            "sha256": sha256_hex(content(video_id)),
            "n_bytes": len(content(video_id)),
            "source": "made",
            "licence": "CC-BY-4.0",
            "terms": f"terms of {generator}",
        }
        rows["videos"].append(Video(**{**told, **videos.get(video_id, {})}))
        rows["frames"].append(_frames(of, prompt.text, frames.get(video_id, {})))
        for dimension, value in zip(DIMENSIONS, values, strict=True):
            rows["annotations"].append(
                Annotation(
                    **of, dimension=dimension, annotator_id="judge", draw=0, score=value,
                    scale_low=scale[0], scale_high=scale[1], n_frames=2,
                    rationale=f"{video_id}: {dimension}",
                )
            )  # fmt: skip
            scores.append(_score(of, dimension, value, 1))
        scores.append(_score(of, OVERALL, sum(values) / 2, 2))
    return scores


def _score(of: Mapping[str, str], dimension: str, mean: float, n: int) -> Score:
    return Score(**of, dimension=dimension, annotator_id=CONSENSUS, mean=mean, spread=None, n=n)


def _frames(of: Mapping[str, str], prompt: str, more: Mapping[str, Any]) -> FrameSet:
    told: dict[str, Any] = {
        **of,
        "prompt": prompt,
        "policy": "uniform-2",
        "decoder": "none",
        "indices": (0, 15),
        "times_s": (0.0, 1.875),
        "jpeg_sha256": (sha256_hex(b"0"), sha256_hex(b"1")),
        "n_frames_in_clip": 16,
        "fps": 8.0,
        "duration_s": 2.0,
        "width_px": 32,
        "height_px": 32,
        "frame_width_px": 32,
        "frame_height_px": 32,
    }
    return FrameSet(**{**told, **more})


class Written:
    """One export of a dataset, and what becomes of its check when a file is changed."""

    def __init__(self, root: Path, name: str, output: Path, choice: Choice | None = None) -> None:
        choice = choice or Choice()
        self.writer = WRITERS[name]
        self.told: list[str] = []
        self.exported = export(root, name, output, choice, say=self.told.append)
        self.folder = output
        self.plan = self.writer.plan(open_material(root, choice.splits), choice)

    def text(self, path: str) -> str:
        """Of a file."""
        return (self.folder / path).read_bytes().decode()

    def check_of_changed(self, path: str, old: str, new: str) -> None:
        """The check of the export with one piece of one file changed; the file is put back."""
        before = self.text(path)
        assert old in before
        (self.folder / path).write_bytes(before.replace(old, new, 1).encode())
        try:
            self.writer.check(self.folder, self.plan)
        finally:
            (self.folder / path).write_bytes(before.encode())

    def check_without(self, path: str, content: bytes | None = None) -> None:
        """The check of the export with one file gone, or with other content."""
        before = (self.folder / path).read_bytes()
        (self.folder / path).unlink()
        if content is not None:
            (self.folder / path).write_bytes(content)
        try:
            self.writer.check(self.folder, self.plan)
        finally:
            (self.folder / path).write_bytes(before)
