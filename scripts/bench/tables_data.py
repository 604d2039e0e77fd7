"""Made-up annotations as a run leaves them: wave by wave, with rationales and the keys of paid replies."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import drawn
from schemas import Annotation, Clip, Prompt, Settings
from schemas.tables import arrow_schema, to_row

DIMENSIONS = ("prompt_following", "video_quality")
CLIPS_PER_PROMPT = 4
PROMPTS_PER_WAVE = 500  # 2,000 clips, as a run has them by default
WORDS = (
    "the",
    "kite",
    "over",
    "dunes",
    "is",
    "sharp",
    "and",
    "its",
    "motion",
    "smooth",
    "to",
    "end",
)
SETTINGS = Settings(temperature=0.3, max_output_tokens=1024, image_detail="low")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is of everything."""

    annotations: int
    annotators: int = 1
    draws: int = 1

    @property
    def prompts(self) -> int:
        """As many as make that many annotations, rounded up."""
        each = CLIPS_PER_PROMPT * len(DIMENSIONS) * self.annotators * self.draws
        return -(-self.annotations // each)

    @property
    def names(self) -> list[str]:
        """Of the annotators."""
        return [f"judge-{i}" for i in range(self.annotators)]

    def __str__(self) -> str:
        return f"{self.annotations}-{self.annotators}x{self.draws}"


def made(folder: Path, size: Size) -> Path:
    """The folder with the annotations, made where it is not there yet."""
    done = folder / "size.json"
    if not (done.is_file() and json.loads(done.read_text()) == dataclasses.asdict(size)):
        for number, prompts in enumerate(_waves(size)):
            path = folder / f"annotate/wave-{number:05d}/annotations/part-00000.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(_wave(number, prompts, size), path)
        done.write_text(json.dumps(dataclasses.asdict(size)))
    return folder


def prompt_ids(size: Size) -> np.ndarray[Any, Any]:
    """Sorted, 16 hexadecimal digits each."""
    numbers = np.random.default_rng(0).integers(0, 2**63, 2 * size.prompts, dtype=np.uint64)
    return np.char.mod("%016x", np.unique(numbers)[: size.prompts])


def clips_of(prompts: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """video_id, prompt_id and generator of every clip, sorted by prompt and id."""
    which = np.tile(np.arange(CLIPS_PER_PROMPT), len(prompts))
    prompt = np.repeat(prompts, CLIPS_PER_PROMPT)
    # ids that begin as clips do, in any order: the first digits of a multiple of the prompt's number
    low = np.array([int(p, 16) for p in prompts], dtype=np.uint64).repeat(CLIPS_PER_PROMPT)
    number = (low + which.astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
    video = np.char.mod("%016x", number)
    order = np.lexsort((video, prompt))
    generator = np.array([f"generator-{i}" for i in range(CLIPS_PER_PROMPT)])[which]
    return video[order], prompt[order], generator[order]


def prompts_and_clips(size: Size) -> tuple[list[Prompt], list[Clip]]:
    """The plan of the run that the annotations would be of."""
    ids = prompt_ids(size)
    texts = {p: f"a red kite over dunes, take {i} of many" for i, p in enumerate(ids.tolist())}
    prompts = [
        Prompt(prompt_id=p, text=text, source="made up", split=drawn(p, SplitOptions()))
        for p, text in texts.items()
    ]
    clips = [
        Clip(
            video_id=video,
            prompt_id=prompt,
            prompt=texts[prompt],
            generator=generator,
            source="made up",
            path=f"/clips/{video}.mp4",
        )
        for video, prompt, generator in zip(*(column.tolist() for column in clips_of(ids)))
    ]
    return prompts, clips


def _waves(size: Size) -> Iterator[np.ndarray[Any, Any]]:
    ids = prompt_ids(size)
    for start in range(0, len(ids), PROMPTS_PER_WAVE):
        yield ids[start : start + PROMPTS_PER_WAVE]


def _wave(number: int, prompts: np.ndarray[Any, Any], size: Size) -> pa.Table:
    """Sorted by key, as a stage writes it."""
    video, prompt, generator = clips_of(prompts)
    order = np.argsort(video)
    per_clip = len(DIMENSIONS) * size.annotators * size.draws
    n = len(video) * per_clip
    draw = np.tile(np.arange(size.draws), n // size.draws)
    annotator = np.tile(np.repeat(size.names, size.draws), n // (size.annotators * size.draws))
    dimension = np.tile(np.repeat(DIMENSIONS, size.annotators * size.draws), len(video))
    rng = np.random.default_rng(number)
    columns: dict[str, Any] = {
        "video_id": np.repeat(video[order], per_clip),
        "dimension": dimension,
        "annotator_id": annotator,
        "draw": draw,
        "prompt_id": np.repeat(prompt[order], per_clip),
        "generator": np.repeat(generator[order], per_clip),
        "score": rng.integers(1, 6, n).astype(float),
        "scale_low": np.ones(n),
        "scale_high": np.full(n, 5.0),
        "n_frames": np.full(n, 8),
        "model": ["judge-2026-11"] * n,
        "rationale": _rationales(rng, n),
        "rubric": np.char.add("videoprefer/", dimension),
        "rubric_version": np.ones(n, dtype=int),
        "rubric_sha256": ["f" * 64] * n,
        "requested": [to_row(SETTINGS)] * n,
        "effective": [to_row(SETTINGS)] * n,
        "reply_key": _digests(rng, n),
        "input_tokens": rng.integers(2_000, 4_000, n),
        "output_tokens": rng.integers(50, 200, n),
        "cost_usd": rng.random(n).round(6),
        "simulated": np.zeros(n, dtype=bool),
    }
    schema = arrow_schema(Annotation)
    return pa.Table.from_arrays(
        [pa.array(columns.get(f.name, [None] * n), f.type) for f in schema], schema=schema
    )


def _rationales(rng: np.random.Generator, n: int) -> list[str]:
    """Some 200 letters each, none like the other."""
    text = " ".join(rng.choice(WORDS, 60 * n // 4 + 200))
    return [text[start : start + 200] for start in rng.integers(0, len(text) - 200, n).tolist()]


def _digests(rng: np.random.Generator, n: int) -> list[str]:
    text = rng.bytes(32 * n).hex()
    return [text[i : i + 64] for i in range(0, 64 * n, 64)]


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", row_group_size=10_000)
