"""Small finished datasets for the tests of merge and diff: a few lines each, tables as a run writes them."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from pipeline.dataset.parquet import publish, read_rows, write_rows
from pipeline.dataset.version import dataset_version
from pipeline.preference.consensus import Mark
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.rules import Rules
from pipeline.state import write_json
from schemas import (
    SPLITS,
    Annotation,
    ClipCheck,
    Comparison,
    Failure,
    FrameSet,
    HumanRating,
    HumanVote,
    Preference,
    Prompt,
    Score,
    Video,
)
from schemas.ids import prompt_id, sha256_hex, video_id
from schemas.layout import Layout
from schemas.store import blob_name
from schemas.tables import SCHEMA_VERSION

Clip = tuple[str, str]  # prompt, generator
Said = Mapping[Clip, float | Mapping[str, float]]  # a score of `quality`, or by dimension

KITE, DOG, BOAT = "a red kite over a lake", "two dogs run on a beach", "one boat leaves the harbour"
RUBRIC = "name: mine\ndimensions:\n" + "".join(
    f"- name: {name}\n  scale: [{{score: 1}}, {{score: 2}}, {{score: 3}}, {{score: 4}}, {{score: 5}}]\n"
    for name in ("quality",)
)


def clip(prompt: str, generator: str) -> str:
    """Id of a clip."""
    return video_id(prompt_id(prompt), generator, "clip")


def picture(*words: str) -> bytes:
    """A small JPEG that depends on the words."""
    colour = tuple(bytes.fromhex(sha256_hex("\n".join(words).encode())[:6]))
    file = io.BytesIO()
    Image.new("RGB", (16, 16), colour).save(file, "JPEG")
    return file.getvalue()


def write_run(
    root: Path,
    splits: Mapping[str, str | None],
    said: Mapping[str, Said],
    *,
    clips: Sequence[Clip] | None = None,
    data: Mapping[Clip, bytes] = {},
    ratings: Sequence[tuple[str, str, str, float]] = (),
    votes: Sequence[tuple[str, str, str, str, str]] = (),
    comparisons: Sequence[Comparison] = (),
    failures: Sequence[Failure] = (),
    checks: Mapping[Clip, bool] = {},
    policy: str = "uniform-1",
    record: Mapping[str, Any] = {},
    config: Mapping[str, Any] = {},
    row: Mapping[str, Any] = {},
) -> Path:
    """``splits``: prompt -> split; ``said``: judge -> clip -> score; ``ratings``: (prompt, generator,
    rater, score); ``votes``: (prompt, generator a, generator b, rater, choice); ``checks``: clip ->
    whether it is left out; ``row``: more fields of every annotation."""
    layout = Layout(root)
    clips = list(clips or dict.fromkeys(c for own in said.values() for c in own))
    videos = [_video(layout, c, data.get(c, "\n".join(c).encode())) for c in clips]
    put(layout, Prompt, [_prompt(text, split) for text, split in splits.items()])
    put(layout, Video, videos)
    put(layout, FrameSet, [_frames(layout, v, policy) for v in videos])
    put(layout, ClipCheck, [_check(v, checks.get((v.prompt, v.generator), False)) for v in videos])
    annotations = [_annotation(judge, c, d, score, row) for judge, own in said.items()
                   for c, by in own.items() for d, score in _by(by).items()]  # fmt: skip
    put(layout, Annotation, annotations)
    put(layout, Comparison, comparisons)
    put(layout, HumanRating, [_rating(*r) for r in ratings])
    put(layout, HumanVote, [_vote(*v) for v in votes])
    put(layout, Failure, failures)
    _assemble(layout, annotations, splits, config)
    write_json(layout.run, _record(layout, said, ratings, record, config))
    return root


def put(layout: Layout, record: type, rows: Sequence[Any], split: str | None = None) -> None:
    """Publish a table."""
    from schemas.tables import table_of

    folder = layout.table(table_of(record), split)
    file = write_rows(record, rows, layout.root / "staged" / "rows.parquet")
    folder.parent.mkdir(parents=True, exist_ok=True)
    publish([file], folder, record)


def rows(root: Path, record: type, split: str | None = None) -> list[Any]:
    """Every row of a published table."""
    from schemas.tables import table_of

    return list(
        read_rows(record, sorted(Layout(root).table(table_of(record), split).glob("*.parquet")))
    )


def preferences(root: Path) -> dict[str, Preference]:
    """Every pair, by its id."""
    return {p.pair_id: p for split in SPLITS for p in rows(root, Preference, split)}


def record_of(root: Path) -> dict[str, Any]:
    """run.json."""
    return json.loads((root / "run.json").read_text())


def _by(score: float | Mapping[str, float]) -> Mapping[str, float]:
    return score if isinstance(score, Mapping) else {"quality": score}


def _prompt(text: str, split: str | None) -> Prompt:
    return Prompt(prompt_id=prompt_id(text), text=text, source="t", licence="CC0-1.0", split=split)


def _video(layout: Layout, of: Clip, data: bytes) -> Video:
    prompt, generator = of
    name = blob_name(sha256_hex(data), ".mp4")
    layout.media.put(name, data)
    return Video(
        video_id=clip(*of), prompt_id=prompt_id(prompt), prompt=prompt, generator=generator,
        uri=f"media/{name}", sha256=sha256_hex(data), n_bytes=len(data), source="t",
    )  # fmt: skip


def _frames(layout: Layout, video: Video, policy: str) -> FrameSet:
    data = picture(video.video_id, policy)
    layout.frames.put(blob_name(sha256_hex(data), ".jpg"), data)
    return FrameSet(
        video_id=video.video_id, prompt_id=video.prompt_id, prompt=video.prompt,
        generator=video.generator, policy=policy, decoder="pyav-index", indices=(0,), times_s=(0.0,),
        jpeg_sha256=(sha256_hex(data),), n_frames_in_clip=8, fps=8.0, duration_s=1.0, width_px=16,
        height_px=16, frame_width_px=16, frame_height_px=16,
    )  # fmt: skip


def _check(video: Video, left_out: bool) -> ClipCheck:
    return ClipCheck(
        video_id=video.video_id, prompt_id=video.prompt_id, generator=video.generator,
        found=("black",) if left_out else (), left_out=left_out,
    )  # fmt: skip


def _annotation(
    judge: str, of: Clip, dimension: str, score: float, more: Mapping[str, Any]
) -> Annotation:
    return Annotation(**{
        "video_id": clip(*of), "dimension": dimension, "annotator_id": judge, "draw": 0,
        "prompt_id": prompt_id(of[0]), "generator": of[1], "score": score, "scale_low": 1,
        "scale_high": 5, "n_frames": 1, "model": f"{judge}-1", "cost_usd": 0.01, **more,
    })  # fmt: skip


def _rating(prompt: str, generator: str, rater: str, score: float) -> HumanRating:
    return HumanRating(
        video_id=clip(prompt, generator), rater=rater, dimension="quality",
        prompt_id=prompt_id(prompt), generator=generator, score=score, source="t",
    )  # fmt: skip


def _vote(prompt: str, a: str, b: str, rater: str, choice: str) -> HumanVote:
    return HumanVote(
        prompt_id=prompt_id(prompt), video_a=clip(prompt, a), video_b=clip(prompt, b), rater=rater,
        dimension="quality", choice=choice, source="t",
    )  # fmt: skip


def _assemble(
    layout: Layout,
    annotations: Sequence[Annotation],
    splits: Mapping[str, str | None],
    config: Mapping[str, Any],
) -> None:
    rules = Rules(
        dimensions=("quality",),
        consensus=ConsensusOptions(**config.get("consensus", {})),
        preferences=PreferenceOptions(**config.get("preferences", {})),
        splits=SplitOptions(),
    )
    scores: list[Score] = []
    pairs: dict[str, list[Preference]] = {split: [] for split in SPLITS}
    for text, split in splits.items():
        of = _prompt(text, split)
        own = [a for a in annotations if a.prompt_id == of.prompt_id]
        marks = [Mark(*(getattr(a, name) for name in Mark._fields)) for a in own]
        found, made = judge_prompt(of, marks, rules)
        scores += found
        if split is not None:
            pairs[split] += made
    put(layout, Score, scores)
    for split, own_pairs in pairs.items():
        put(layout, Preference, own_pairs, split)


def _record(
    layout: Layout,
    said: Mapping[str, Said],
    ratings: Sequence[Any],
    more: Mapping[str, Any],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    audit = {"ratings": [], "dimensions": {}, "resamples": 100} if ratings else None
    if audit:
        write_json(layout.audit, [])
    return {
        "run_id": f"run-{layout.root.name}",
        "name": layout.root.name,
        "state": "complete",
        "schema_version": SCHEMA_VERSION,
        "config": {"name": layout.root.name, "frames": {"publish": False}, "audit": audit, **config},
        "simulated": False,
        "spend": {"usd": 1.25, "requests": 2, "input_tokens": 10, "output_tokens": 5},
        "annotators": [
            {"annotator_id": judge, "kind": "openai", "model": f"{judge}-1", "temperature": 0.3, "draws": 1}
            for judge in said
        ],
        "frames": {"count": 1, "policy": "uniform-1"},
        "rubrics": [
            {"name": "mine", "version": 1, "protocol": "pointwise", "sha256": "1" * 64, "text": RUBRIC}
        ],
        "notes": [],
        "dataset_version": dataset_version(layout),
        **more,
    }  # fmt: skip
