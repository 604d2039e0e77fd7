"""A made-up run as a finished one leaves it: 4 clips a prompt, 2 judges, 3 raters, failures, pairs.

All clips share the bytes of one, and all frame sets those of four JPEGs: a page asks for as many files,
and the disk holds few.
"""

import dataclasses
import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from frames_clips import Kind, clips_of

from schemas import CONSENSUS, SPLITS
from schemas.annotation import OVERALL
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.store import blob_name
from schemas.tables import TABLES, arrow_schema

CLIPS, DIMENSIONS = 4, ("prompt_following", "video_quality")
JUDGES, RATERS = ("judge-a", "judge-b"), ("ann", "ben", "cho")
DRAWS = {"judge-a": 2, "judge-b": 1}
GENERATORS = (
    "cogvideo",
    "latte",
    "lavie",
    "modelscope",
    "text2video-zero",
    "zeroscope",
)  # four of them each
CLIP = Kind(name="page", width=128, height=128, frames=16, rate=8, clips=1)
FRAMES = (0, 5, 10, 15)
REFUSED_EVERY = 400  # clips
THINGS = ("kite", "lighthouse", "tram", "fox", "violin", "glacier", "kettle", "orchard", "canoe",
          "comet")  # fmt: skip
PLACES = ("over dunes", "in the rain", "at dusk", "beside a lake", "in a market", "under snow",
          "on a rooftop")  # fmt: skip
VERSION = 2  # of what is made: another number makes it anew


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """Who is who, and what everybody thinks of each clip: (clips, dimensions) of each source."""

    prompts: list[str]
    texts: list[str]
    clips: list[str]  # four of each prompt
    judged: dict[str, np.ndarray[Any, Any]]  # (clips, dimensions, draws), 1 to 5
    rated: np.ndarray[Any, Any]  # (clips, dimensions, raters), 1 to 5


def world_of(prompts: int) -> World:
    """The same for the same number."""
    rng = np.random.default_rng(prompts)
    n, quality = prompts * CLIPS, rng.normal(3, 1, (prompts * CLIPS, len(DIMENSIONS), 1))

    def said(times: int, noise: float) -> np.ndarray[Any, Any]:
        heard = quality + rng.normal(0, noise, (n, len(DIMENSIONS), times))
        return np.clip(np.rint(heard), 1, 5)

    return World(
        prompts=[f"{i:016x}" for i in range(prompts)],
        texts=[
            f"a {THINGS[i % len(THINGS)]} {PLACES[i % len(PLACES)]}, take {i}"
            for i in range(prompts)
        ],
        clips=[f"{i:016x}" for i in range(n)],
        judged={judge: said(DRAWS[judge], 0.8) for judge in JUDGES},
        rated=said(len(RATERS), 0.6),
    )


def made(folder: Path, prompts: int) -> Path:
    """The folder of the run, made where it is not there yet."""
    done = folder / f"made-{VERSION}-{prompts}"
    if not done.is_file():
        layout, world = Layout(folder), world_of(prompts)
        clip, jpegs = _media(layout, folder.parent)
        rows = _tables(world, clip, jpegs)
        for name, columns in rows:
            _write(layout, name, columns)
        layout.run.write_text(json.dumps(_record(world)))
        done.touch()
    return folder


def _generators(prompts: int) -> np.ndarray[Any, Any]:
    """(prompts, clips): the next four from another one on."""
    first, more = np.arange(prompts)[:, None], np.arange(CLIPS)[None, :]
    return np.array(GENERATORS)[(first + more) % len(GENERATORS)]


def _media(layout: Layout, cache: Path) -> tuple[str, list[str]]:
    """Digests of the clip and of its frames, which are put where a run has them."""
    path = Path(clips_of(CLIP, cache / "clips")[0].path)
    data = path.read_bytes()
    layout.media.put(blob_name(sha256_hex(data), ".mp4"), data)
    digests = []
    with av.open(str(path)) as opened:
        pictures = [frame.to_image() for frame in opened.decode(video=0)]
    for number in FRAMES:
        buffer = io.BytesIO()
        pictures[number].save(buffer, "JPEG", quality=85)
        digests.append(sha256_hex(buffer.getvalue()))
        layout.frames.put(blob_name(digests[-1], ".jpg"), buffer.getvalue())
    return sha256_hex(data), digests


def _tables(
    world: World, clip: str, jpegs: list[str]
) -> Iterator[tuple[tuple[str, str | None], dict[str, Any]]]:
    """Columns by table and split."""
    n, prompt_of = len(world.clips), np.repeat(world.prompts, CLIPS)
    splits = np.array(SPLITS)[np.arange(len(world.prompts)) % 10 // 8]
    of_clip = {
        "video_id": world.clips,
        "prompt_id": prompt_of,
        "prompt": np.repeat(world.texts, CLIPS),
        "generator": _generators(len(world.prompts)).reshape(-1),
    }
    yield ("prompts", None), {
        "prompt_id": world.prompts, "text": world.texts, "split": splits,
        "source": ["made up"] * len(world.prompts), "simulated": [False] * len(world.prompts),
    }  # fmt: skip
    yield ("videos", None), {
        **of_clip, "uri": [f"media/{blob_name(clip, '.mp4')}"] * n, "sha256": [clip] * n,
        "n_bytes": [9000] * n, "source": ["made up"] * n, "seed": range(n), "simulated": [False] * n,
    }  # fmt: skip
    yield ("frames", None), {
        **of_clip, "policy": ["uniform-4"] * n, "decoder": ["pyav-index"] * n,
        "indices": [list(FRAMES)] * n, "times_s": [[i / CLIP.rate for i in FRAMES]] * n,
        "jpeg_sha256": [jpegs] * n,
        "n_frames_in_clip": [CLIP.frames] * n, "fps": [CLIP.rate] * n,
        "duration_s": [CLIP.frames / CLIP.rate] * n,
        **{f"{name}_px": [128] * n for name in ("width", "height", "frame_width", "frame_height")},
        "flags": [[]] * n, "simulated": [False] * n,
    }  # fmt: skip
    yield ("clip_checks", None), {
        **{name: of_clip[name] for name in ("video_id", "prompt_id", "generator")},
        "found": [["frozen"] if i % 97 == 0 else [] for i in range(n)], "left_out": [False] * n,
    }  # fmt: skip
    for judge in JUDGES:
        yield ("annotations", judge), _annotations(world, judge, of_clip)
    yield ("human_ratings", None), _ratings(world, of_clip)
    means = _means(world)
    yield ("scores", None), _scores(world, means, of_clip)
    yield from _preferences(world, means[CONSENSUS], splits)
    refused = [f"{clip}/{DIMENSIONS[0]}/judge-a/0" for clip in world.clips[::REFUSED_EVERY]]
    yield ("failures", None), {
        "stage": ["annotate"] * len(refused), "key": refused, "reason": ["refusal"] * len(refused),
        "message": ["the judge refused"] * len(refused),
    }  # fmt: skip


def _annotations(world: World, judge: str, of_clip: dict[str, Any]) -> dict[str, Any]:
    """Every draw of a judge; the refused ones are missing."""
    at = [
        (i, d, draw)
        for i, d, draw in itertools.product(
            range(len(world.clips)), range(len(DIMENSIONS)), range(DRAWS[judge])
        )
        if not (judge == "judge-a" and d == draw == 0 and i % REFUSED_EVERY == 0)
    ]
    which, dimension, draw = (np.array(column) for column in zip(*at))
    n = len(at)
    return {
        **{name: np.asarray(of_clip[name])[which] for name in ("video_id", "prompt_id", "generator")},
        "dimension": np.array(DIMENSIONS)[dimension], "annotator_id": [judge] * n, "draw": draw,
        "score": world.judged[judge][which, dimension, draw], "scale_low": [1.0] * n,
        "scale_high": [5.0] * n, "n_frames": [len(FRAMES)] * n, "model": [judge] * n,
        "rubric": np.char.add("videoprefer/", np.array(DIMENSIONS)[dimension]),
        "rubric_version": [1] * n, "rubric_sha256": ["f" * 64] * n, "cost_usd": [0.001] * n,
        "simulated": [False] * n,
        "rationale": [f"Frame {i % 4} shows what is asked, {'sharp' if i % 3 else 'blurred'}; the motion is "
                      f"{'smooth' if i % 5 else 'broken'} to the end, take {i}." for i in which.tolist()],
    }  # fmt: skip


def _ratings(world: World, of_clip: dict[str, Any]) -> dict[str, Any]:
    each = len(DIMENSIONS) * len(RATERS)
    n = len(world.clips) * each
    return {
        **{name: np.repeat(of_clip[name], each) for name in ("video_id", "prompt_id", "generator")},
        "dimension": np.tile(np.repeat(DIMENSIONS, len(RATERS)), len(world.clips)),
        "rater": np.tile(RATERS, n // len(RATERS)), "score": world.rated.reshape(-1),
        "source": ["made up"] * n, "simulated": [False] * n,
    }  # fmt: skip


def _means(world: World) -> dict[str, np.ndarray[Any, Any]]:
    """(clips, dimensions and the overall) of every judge and the consensus."""
    means = {judge: draws.mean(axis=2) for judge, draws in world.judged.items()}
    means[CONSENSUS] = np.mean(list(means.values()), axis=0)
    return {who: np.column_stack([m, m.mean(axis=1)]) for who, m in means.items()}


def _scores(
    world: World, means: dict[str, np.ndarray[Any, Any]], of_clip: dict[str, Any]
) -> dict[str, Any]:
    names, who = (*DIMENSIONS, OVERALL), list(means)
    n, each = len(world.clips) * len(names) * len(who), len(names) * len(who)
    spread = np.full((len(world.clips), len(names), len(who)), np.nan)
    spread[:, : len(DIMENSIONS), who.index("judge-a")] = world.judged["judge-a"].std(axis=2, ddof=1)
    return {
        **{name: np.repeat(of_clip[name], each) for name in ("video_id", "prompt_id", "generator")},
        "dimension": np.tile(np.repeat(names, len(who)), len(world.clips)),
        "annotator_id": np.tile(who, n // len(who)),
        "mean": np.stack([means[one] for one in who], axis=2).reshape(-1),
        "spread": pa.array(spread.reshape(-1), from_pandas=True),
        "n": np.tile([DRAWS.get(one, 2) for one in who], n // len(who)), "simulated": [False] * n,
    }  # fmt: skip


def _preferences(
    world: World, scores: np.ndarray[Any, Any], splits: np.ndarray[Any, Any]
) -> Iterator[tuple[tuple[str, str | None], dict[str, Any]]]:
    """Of the consensus, split by split."""
    i, j = np.triu_indices(CLIPS, 1)
    clips = np.array(world.clips).reshape(-1, CLIPS)
    generators = _generators(len(world.prompts))
    by_prompt = scores.reshape(len(world.prompts), CLIPS, -1)
    for split in SPLITS:
        own = np.flatnonzero(splits == split)
        names = np.array((*DIMENSIONS, OVERALL))
        shape = (len(own), len(i), len(names))
        a, b = by_prompt[own][:, i], by_prompt[own][:, j]
        n = a.size

        def spread_out(column: Any, shape: tuple[int, ...] = shape) -> Any:
            return np.broadcast_to(column, shape).reshape(-1)

        yield ("preferences", split), {
            "pair_id": [f"{split}-{k}" for k in range(n)],
            "prompt_id": spread_out(np.array(world.prompts)[own][:, None, None]),
            "prompt": spread_out(np.array(world.texts)[own][:, None, None]),
            "dimension": spread_out(names[None, None]),
            "video_a": spread_out(clips[own][:, i][:, :, None]),
            "video_b": spread_out(clips[own][:, j][:, :, None]),
            "generator_a": spread_out(generators[own][:, i][:, :, None]),
            "generator_b": spread_out(generators[own][:, j][:, :, None]),
            "score_a": a.reshape(-1), "score_b": b.reshape(-1), "margin": (a - b).reshape(-1),
            "label": np.select([a > b, a < b], ["a", "b"], "tie").reshape(-1), "weight": [1.0] * n,
            "split": [split] * n, "annotator_id": [CONSENSUS] * n, "n_a": [2] * n, "n_b": [2] * n,
            "basis": ["scores"] * n, "simulated": [False] * n,
        }  # fmt: skip


def _write(layout: Layout, name: tuple[str, str | None], columns: dict[str, Any]) -> None:
    """One file; columns that nothing is said of are null."""
    table, part = name
    schema = arrow_schema(TABLES[table][0])
    n = len(next(iter(columns.values())))
    split = part if table == "preferences" else None
    path = layout.table(table, split) / f"part-{part if not split and part else '00000'}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = [
        pa.array(columns.get(field.name, [None] * n), field.type, from_pandas=True)
        if not isinstance(columns.get(field.name), pa.Array)
        else columns[field.name]
        for field in schema
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), path, compression="zstd")


def _record(world: World) -> dict[str, Any]:
    """The run's record, as far as pages read it."""
    return {
        "run_id": "made-up",
        "state": "complete",
        "config": {"name": f"{len(world.prompts)} prompts", "report": {},
                   "audit": {"dimensions": {name: [name] for name in DIMENSIONS}}},
        "tables": {"prompts": len(world.prompts), "videos": len(world.clips), "failures": 0},
        "books": {}, "failures": {}, "versions": {},
        "annotators": [{"annotator_id": judge, "kind": "openai", "model": judge, "temperature": 0.3,
                        "draws": DRAWS[judge]} for judge in JUDGES],
        "frames": {"count": len(FRAMES), "policy": "uniform-4"},
        "rubrics": [],
    }  # fmt: skip
