"""A miniature finished run for the tests of report and card: real clips, frames, tables and JSON.

Three prompts, two generators. Prompt and rationale of the first are hostile text; the last clip was
never decoded, so its frame set and annotation are missing and two failures stand in their place. Two
annotators score the clips; one of them, a judge, also compares those of the first two prompts.
"""

import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from report_audit import disagreement

from pipeline.audit.result import DETAILS
from pipeline.dataset.parquet import publish, write_rows
from pipeline.health.write import write_judges
from schemas import (
    Annotation,
    ClipCheck,
    Comparison,
    Failure,
    FrameSet,
    HumanRating,
    Preference,
    Prompt,
    Reason,
    Score,
    Settings,
    Video,
)
from schemas.ids import pair_id, sha256_hex, video_id
from schemas.ids import prompt_id as id_of_prompt
from schemas.layout import Layout
from schemas.store import blob_name
from schemas.tables import TABLES, key_of

HOSTILE = "A kite</script><img src=x onerror=\"document.title='owned'\"> over a lake"
HOSTILE_RATIONALE = "Good.<script>document.title='owned'</script> {{ 7 * 7 }} | `x` <b>bold</b>"
TEXTS = (HOSTILE, "Two red balls roll to the left", "A green square grows, then fades")
GENERATORS = ("alpha", "beta <i>")
DIMENSIONS = ("prompt_following", "video_quality")
JUDGE = "org/judge <b>"
SPLITS = ("train", "validation", "test")
N_FRAMES, SIZE = 4, 96


PUSH = re.compile(r"\(window\.VIDEOPREFER = window\.VIDEOPREFER \|\| \[\]\)\.push\((.*)\);\n", re.S)


def data(root: Path, name: str) -> Any:
    """The object that a data script pushes."""
    text = (root / "report" / "data" / name).read_text("utf-8")
    match = PUSH.fullmatch(text)
    assert match is not None, text[:200]
    return json.loads(match[1])["value"]


def picture(hue: int, step: int) -> Image.Image:
    """A blob that moves with ``step`` on a ground of ``hue``."""
    y, x = np.mgrid[0:SIZE, 0:SIZE]
    blob = (x - 16 - 5 * step) ** 2 + (y - SIZE / 2) ** 2 < 14**2
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[...] = ((hue * 70) % 200 + 30, 110, (hue * 120) % 200 + 30)
    image[blob] = (245, 235, 220)
    return Image.fromarray(image)


def clip_bytes(hue: int) -> bytes:
    """An H.264 clip of twelve frames."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for step in range(12):
            container.mux(stream.encode(av.VideoFrame.from_image(picture(hue, step))))
        container.mux(stream.encode())
    return buffer.getvalue()


def make_video(layout: Layout, text: str, generator: str, hue: int) -> Video:
    data = clip_bytes(hue)
    name = blob_name(sha256_hex(data), ".mp4")
    layout.media.put(name, data)
    prompt = id_of_prompt(text)
    return Video(
        video_id=video_id(prompt, generator, "{}"),
        prompt_id=prompt,
        prompt=text,
        generator=generator,
        uri=f"media/{name}",
        sha256=sha256_hex(data),
        n_bytes=len(data),
        source="mini",
        settings='{"guidance":7}',
        seed=hue,
        simulated=True,
        licence="CC0-1.0",
    )


def make_frames(layout: Layout, video: Video, hue: int) -> FrameSet:
    digests, indices = [], (0, 4, 7, 11)
    for step in indices:
        buffer = io.BytesIO()
        picture(hue, step).save(buffer, "JPEG", quality=90)
        digests.append(sha256_hex(buffer.getvalue()))
        layout.frames.put(blob_name(digests[-1], ".jpg"), buffer.getvalue())
    return FrameSet(
        video_id=video.video_id,
        prompt_id=video.prompt_id,
        prompt=video.prompt,
        generator=video.generator,
        policy="uniform-4",
        decoder="pyav-index",
        indices=indices,
        times_s=tuple(step / 8 for step in indices),
        jpeg_sha256=tuple(digests),
        n_frames_in_clip=12,
        fps=8.0,
        duration_s=1.5,
        width_px=SIZE,
        height_px=SIZE,
        frame_width_px=SIZE,
        frame_height_px=SIZE,
        simulated=True,
    )


def check_of(video: Video, first: Video) -> ClipCheck:
    """The second generator's clips repeat the first clip of all; that of its prompt is no leak."""
    repeats = video.generator == GENERATORS[1]
    other_prompt = video.prompt_id != first.prompt_id
    return ClipCheck(
        video_id=video.video_id,
        prompt_id=video.prompt_id,
        generator=video.generator,
        found=("near_duplicate",) if repeats else (),
        left_out=False,
        near_duplicate_of=first.video_id if repeats else None,
        near_duplicate_bits=2.5 if repeats else None,
        across_prompts=other_prompt if repeats else None,
        across_splits=other_prompt if repeats else None,
    )


def score_of(number: int, dimension: str) -> int:
    """Clips 0..5, two of each prompt: 1 2, 3 4, 5 1 on the first dimension, 3 everywhere else."""
    return (number % 5) + 1 if dimension == DIMENSIONS[0] else 3


def make_rows(layout: Layout) -> dict[str, list[Any]]:
    """Rows of every table; the last clip has neither frames nor annotations."""
    rows: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    for number in range(2 * len(TEXTS)):
        text, generator = TEXTS[number // 2], GENERATORS[number % 2]
        video = make_video(layout, text, generator, number)
        rows["videos"].append(video)
        if number % 2 == 0:
            rows["prompts"].append(
                Prompt(
                    prompt_id=video.prompt_id,
                    text=text,
                    source="mini",
                    licence="CC-BY-4.0",
                    simulated=True,
                )
            )
        if number == 2 * len(TEXTS) - 1:
            rows["failures"] += failures(video)
            continue
        rows["frames"].append(make_frames(layout, video, number))
        rows["clip_checks"].append(check_of(video, rows["videos"][0]))
        for dimension in DIMENSIONS:
            add_verdicts(rows, video, dimension, score_of(number, dimension))
    for first in (0, 2):  # both clips of the third prompt are not annotated: it has no pair
        for dimension in DIMENSIONS:
            rows["preferences"].append(
                preference(rows["videos"][first : first + 2], first, dimension)
            )
        compare(rows, rows["videos"][first : first + 2])
    return rows


def failures(video: Video) -> list[Failure]:
    decode = Failure(
        stage="frames",
        key=video.video_id,
        reason=Reason.UNDECODABLE,
        message="no decoder could read the clip <b>moov</b>",
    )
    key = f"{video.video_id}/{DIMENSIONS[0]}/signal/0"
    return [
        decode,
        Failure(
            stage="annotate",
            key=key,
            reason=Reason.NOT_APPLICABLE,
            message="names nothing that can be measured",
        ),
    ]


def compare(rows: dict[str, list[Any]], pair: list[Video]) -> None:
    """Both orders on the first dimension: of the first prompt always the clip shown first, of the
    second always the second clip. On the other dimension it refuses one order of the second."""
    first_prompt = pair[0].prompt == TEXTS[0]
    for dimension in DIMENSIONS:
        for shown in (pair, pair[::-1]):
            best = shown[0] if first_prompt else pair[1]
            row = Comparison(
                prompt_id=pair[0].prompt_id,
                video_ids=tuple(video.video_id for video in shown),
                generators=tuple(video.generator for video in shown),
                dimension=dimension,
                annotator_id=JUDGE,
                draw=0,
                ranking=tuple(1 if video is best else 2 for video in shown),
                n_frames=2 * N_FRAMES,
                rationale=HOSTILE_RATIONALE,
                cost_usd=0.004,
                simulated=True,
            )
            if not first_prompt and dimension == DIMENSIONS[1] and shown is not pair:
                message = "the judge refused: <script>document.title='owned'</script>"
                rows["failures"].append(
                    Failure(
                        stage="compare", key=key_of(row), reason=Reason.REFUSAL, message=message
                    )
                )
            else:
                rows["comparisons"].append(row)


def add_verdicts(rows: dict[str, list[Any]], video: Video, dimension: str, score: int) -> None:
    common = {
        "video_id": video.video_id,
        "dimension": dimension,
        "prompt_id": video.prompt_id,
        "generator": video.generator,
    }
    shared: dict[str, Any] = {
        **common,
        "score": score,
        "scale_low": 1,
        "scale_high": 5,
        "n_frames": N_FRAMES,
        "rubric": f"videoprefer/{dimension}",
        "rubric_version": 1,
        "rubric_sha256": "0" * 64,
        "requested": Settings(temperature=0.3),
        "effective": Settings(),
    }
    rows["annotations"] += [
        Annotation(
            **shared, annotator_id="signal", draw=0, rationale=HOSTILE_RATIONALE, cost_usd=0.0
        ),
        *(
            Annotation(
                **shared,
                annotator_id=JUDGE,
                draw=draw,
                rationale=f"{HOSTILE_RATIONALE} {draw}",
                cost_usd=0.002,
                output_tokens=30,
                reply_key=f"{video.video_id}{dimension}{draw}",
            )
            for draw in range(2)
        ),
    ]
    rows["scores"] += [
        Score(**common, annotator_id=name, mean=score, spread=None, n=1)
        for name in ("signal", JUDGE, "consensus")
    ]
    rows["human_ratings"] += [
        HumanRating(
            **common, rater=f"r{n}", score=min(5, score + n % 2), source="mini", simulated=True
        )
        for n in range(3)
    ]


def preference(pair: list[Video], number: int, dimension: str) -> Preference:
    b, a = pair  # the clip with the higher number is shown as a
    high, low = score_of(number + 1, dimension), score_of(number, dimension)
    return Preference(
        pair_id=pair_id(a.video_id, b.video_id, dimension),
        prompt_id=a.prompt_id,
        prompt=a.prompt,
        dimension=dimension,
        video_a=a.video_id,
        video_b=b.video_id,
        generator_a=a.generator,
        generator_b=b.generator,
        score_a=high,
        score_b=low,
        margin=high - low,
        basis="scores" if number == 0 else "comparisons",
        weight=1.0,
        label="tie" if high == low else "a",
        split=SPLITS[number // 2],
        annotator_id="consensus",
        n_a=1,
        n_b=1,
        simulated=True,
    )


def manifest(rows: dict[str, list[Any]]) -> dict[str, Any]:
    """The run's record as the run hands it to card and report."""
    return {
        "run_id": "mini-0001",
        "state": "complete",
        "config": {
            "name": "mini",
            "frames": {"count": N_FRAMES},
            "audit": {"dimensions": {d: [d] for d in DIMENSIONS}},
        },
        "versions": {"videoprefer": "0.1.0"},
        "tables": {name: len(found) for name, found in rows.items()},
        "books": {
            "video": book(6, 6),
            "frames": book(6, 5, failed=1),
            "annotate": book(12, 10, failed=1, upstream=1),
            "compare": book(8, 7, failed=1),
        },
        "failures": {
            "frames": {"undecodable": 1},
            "annotate": {"not_applicable": 1},
            "compare": {"refusal": 1},
        },
        "spend": {
            "usd": 0.0,
            "requests": 0,
            "input_tokens": 0,
            "output_tokens": 0,
            "by_annotator": {"signal": {"usd": 0.0, "requests": 0}},
        },
        "simulated": True,
        "annotators": [
            {
                "annotator_id": "signal",
                "kind": "signal",
                "model": None,
                "temperature": None,
                "draws": 1,
            },
            {
                "annotator_id": JUDGE,
                "kind": "openai",
                "model": "org/judge",
                "temperature": 0.3,
                "draws": 2,
            },
        ],
        "frames": {"count": N_FRAMES, "policy": "uniform-4"},
        "rubrics": [
            {
                "name": f"videoprefer/{d}",
                "version": 1,
                "sha256": "0" * 64,
                "text": f'name: videoprefer/{d}\nrole: "judge"\n```nested```\n',
            }
            for d in DIMENSIONS
        ],
    }


def book(owed: int, written: int, failed: int = 0, upstream: int = 0) -> dict[str, int]:
    return {
        "owed": owed,
        "written": written,
        "failed": failed,
        "filtered": 0,
        "upstream": upstream,
        "missing": 0,
    }


def audit(videos: Sequence[Video]) -> dict[str, Any]:
    """``rows`` of audit.json and what audit_details.json holds; the disagreement is about real clips."""

    def row(
        annotator: str,
        statistic: str,
        dimension: str,
        value: float | None,
        half: float | None,
        where: str | None = None,
    ) -> dict[str, Any]:
        ends = (None, None) if half is None or value is None else (value - half, value + half)
        return {
            "annotator": annotator,
            "statistic": statistic,
            "dimension": dimension,
            "slice": where or "all",
            "value": value,
            "low": ends[0],
            "high": ends[1],
            "n_items": 5,
            "n_raters": 3,
        }

    rows = []
    for d in DIMENSIONS:
        rows += [
            row("signal", "pair_accuracy_ties_half", d, 0.73, 0.1),
            row("signal", "pair_accuracy_ties_half_loo", d, 0.7, 0.1),
            row("consensus", "pair_accuracy_ties_half_loo", d, 0.69, 0.1),
            row("human_ceiling", "pair_accuracy_ties_half_loo", d, 0.82, 0.05),
            row("chance", "pair_accuracy_ties_half_loo", d, 0.5, 0.0),
            row("chance", "pair_accuracy_ties_half", d, 0.5, 0.0),
            row("signal", "judge_tie_share", d, 0.2, 0.04),
            row("signal", "spearman", d, 0.41, 0.12),
            row("signal", "spearman_within_prompt", d, None, None)
            | {"reason": "every prompt is tied"},
            row("raters", "krippendorff_alpha_ordinal", d, 0.55, 0.07),
            row("signal", "some_new_statistic", d, 0.123, None),
            row("signal", "pair_accuracy_ties_half", d, 0.66, 0.2, "generator=alpha"),
            row(f"{JUDGE} & signal", "error_correlation", d, 0.62, 0.1),
            row("jury", "mean_error_correlation", d, 0.62, 0.1),
            row("jury", "effective_judges", d, 1.23, 0.08),
            row("jury", "all_wrong", d, 0.11, 0.03),
        ]
    return {
        "rows": rows,
        "notes": ["95 % percentile intervals, 2000 resamples of whole prompts"],
        "scope": {
            "resampling_unit": "prompt",
            "resamples": 2000,
            "seed": 0,
            "statistics": {"spearman": "rank correlation, clips of all prompts pooled"},
        },
        "disagreements": [
            disagreement("signal", DIMENSIONS[0], 0, [video.video_id for video in videos[:2]])
        ],
    }


def sentinels() -> dict[str, Any]:
    """What sentinels found: one judge changed, of the other there is nothing to tell."""

    def judge(name: str, changed: bool, p: float | None, shift: float | None) -> dict[str, Any]:
        ends = (None, None) if shift is None else (shift - 0.2, shift + 0.2)
        said = "CHANGED: mean shift" if changed else "too few replies to tell"
        return {
            "annotator": name,
            "changed": changed,
            "able": changed,
            "p": p,
            "p_adjusted": p and 2 * p,
            "shift": shift,
            "low": ends[0],
            "high": ends[1],
            "n_clips": 4,
            "occasions": 2,
            "models": ["judge-1", "judge-2"],
            "new_models": [],
            "said": f"{said} <script>document.title='owned'</script>",
        }

    return {
        "clips": 4,
        "draws": 3,
        "occasions": [
            {"occasion": f"o{n}", "wave": f"wave-{n}", "time": f"2026-11-2{n}T08:00:00+00:00"}
            for n in (0, 1)
        ],
        "judges": [judge(JUDGE, True, 0.0004, -0.7), judge("other", False, None, None)],
    }


def metrics() -> dict[str, Any]:
    curve = [
        {
            "arm": arm,
            "epoch": e,
            "step": 10 * e,
            "train_loss": 0.2 + math.exp(-e / pace),
            "validation_loss": 0.35 + 0.9 * math.exp(-e / pace),
            "validation_accuracy": 0.85 - 0.35 * math.exp(-e / pace),
        }
        for arm, pace in (("videorm", 3), ("per_frame", 5))
        for e in range(1, 11)
    ]
    spread = {
        "videorm": 0.84,
        "per_frame": 0.71,
        "annotator": 0.9,
        "human_ceiling": 0.88,
        "chance": 0.5,
    }
    accuracy = [
        {
            "arm": arm,
            "against": against,
            "split": "test",
            "dimension": dimension,
            "value": value,
            "low": None if arm == "chance" else value - 0.05,
            "high": None if arm == "chance" else value + 0.04,
            "n_pairs": 300,
            "n_prompts": 60,
        }
        for against in ("annotator", "raters")
        for dimension in ("all", *DIMENSIONS)
        for arm, value in spread.items()
        if against == "raters" or arm in ("videorm", "per_frame", "chance")
    ]
    differences = [
        {
            "arm": "videorm",
            "minus": "per_frame",
            "against": against,
            "dimension": "all",
            "split": "test",
            "value": 0.13,
            "low": 0.08,
            "high": 0.17,
            "n_pairs": 300,
            "n_prompts": 60,
        }
        for against in ("annotator", "raters")
    ]
    arms = {
        "videorm": {
            "parameters": 412_345,
            "description": "temporal shift and transformer",
            "selected_epoch": 8,
        },
        "per_frame": {
            "parameters": 412_345,
            "description": "the same, frame by frame",
            "selected_epoch": 9,
        },
    }
    return {
        "seed": 0,
        "dimensions": list(DIMENSIONS),
        "arms": arms,
        "curve": curve,
        "accuracy": accuracy,
        "differences": differences,
        **more_metrics(),
    }


def more_metrics() -> dict[str, Any]:
    """Ties, one generator, picks of n, calibration, probes and a note."""

    def row(value: float, **fields: Any) -> dict[str, Any]:
        ends = {"value": value, "low": value - 0.05, "high": value + 0.04}
        whole = {"arm": "videorm", "against": "annotator", "dimension": "all", "split": "test"}
        return {**whole, "n_pairs": 400, "n_prompts": 60, **ends, **fields}

    measured = {name: {"value": 0.4, "low": 0.3, "high": 0.5} for name in ("log_loss", "brier")}
    bins = [
        {"low": x, "high": x + 0.05, "n_pairs": 20, "confidence": x + 0.02, "accuracy": x}
        for x in (0.5, 0.8)
    ]
    curve = {**measured, "ece": {"value": 0.05, "low": None, "high": None}, "bins": bins}
    ties = [{"distance": "0..1", "n_pairs": 10, "predicted": 0.25, "observed": 0.375}]
    probe = {"probe": "frame_shuffle", "dimension": DIMENSIONS[1], "n_clips": 24, "unit": "points"}
    return {
        "three_way": [
            row(0.61, threshold=0.3, threshold_from="validation"),
            row(0.58, threshold=0.9, threshold_from="log_k"),
            row(0.33, arm="all_tie", threshold=None, threshold_from=None),
        ],
        "slices": [
            row(0.66, slice="generator=beta <i>"),
            row(0.57, slice="generators=held_out"),
        ],
        "best_of_n": [
            row(3 + rise * n, arm=arm, n=n, gold="raters", n_prompts_left_out=0)
            for arm, rise in (("videorm", 0.25), ("random", 0), ("oracle", 0.375))
            for n in (1, 2, 4)
        ],
        "calibration": [
            row(0, dimension=DIMENSIONS[1], temperature=1.5, before=curve, after=curve, ties=ties)
        ],
        "probes": [
            {**row(-0.5), **probe, "expected": "falls", "verdict": "met", "note": ""},
            {**row(0.01), **probe, "expected": "stable", "tolerance": 0.25, "verdict": "open"},
            {**row(0.5), **probe, "expected": "falls", "verdict": "not_met", "note": "<b>bold</b>"},
        ],
        "notes": ["prompts: the model was trained on none of the 60"],
    }


def worst_pairs(videos: Sequence[Video]) -> list[dict[str, Any]]:
    """Against raters the clips of the second prompt; against labels a prompt that the run has not."""

    def row(against: str, pairs: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        whole = {"arm": "videorm", "against": against, "dimension": DIMENSIONS[0], "split": "test"}
        counts = {"n_pairs": 40, "n_prompts": 20, "n_wrong": 10, "n_tied": 1}
        return {**whole, **counts, "temperature": None, "pairs": pairs, **fields}

    def pair(prompt: str, sides: Sequence[tuple[str, str]], **fields: Any) -> dict[str, Any]:
        (a, b), more = sides, {"control_difference": 0.5, "control": "right"}
        return {
            "prompt_id": prompt,
            "a": {"video_id": a[0], "generator": a[1], "reward": -0.25},
            "b": {"video_id": b[0], "generator": b[1], "reward": 1.25},
            "difference": -1.5,
            "probability": 0.125,
            "margin": 1.0,
            "n_raters": None,
            "said": {},
            "model_sureness": 1.5,
            "target_sureness": 0.5,
            **more,
            **fields,
        }

    first, second = videos[2:4]
    known = pair(
        second.prompt_id,
        [(v.video_id, v.generator) for v in (second, first)],
        n_raters=2,
        said={"r0": 1.0, "r1 <b>": 1.0},
    )
    gone = pair("f" * 16, [("0" * 16, GENERATORS[1]), ("1" * 16, "alpha")], control=None)
    return [row("annotator", [gone]), row("raters", [known], temperature=1.25)]


def write_tables(layout: Layout, rows: dict[str, list[Any]]) -> None:
    """Publish every table as a run does; an empty one is one file without rows."""
    for name, found in rows.items():
        record = TABLES[name][0]
        parts = (
            {s: [r for r in found if r.split == s] for s in SPLITS}
            if name == "preferences"
            else {None: found}
        )
        for split, part in parts.items():
            staged = layout.work / f"{name}-{split}.parquet"
            images = layout.frames if name == "frames" else None
            publish([write_rows(record, part, staged, images)], layout.table(name, split), record)


def make_run(root: Path, *, stages: bool = True) -> dict[str, Any]:
    """Write the miniature run below ``root``; its manifest. ``stages``: with audit, judges and VideoRM."""
    layout = Layout(root)
    rows = make_rows(layout)
    write_tables(layout, rows)
    if stages:
        found = audit(rows["videos"])
        layout.audit.write_text(json.dumps(found.pop("rows")), "utf-8")
        (root / DETAILS).write_text(json.dumps(found), "utf-8")
        write_judges(layout, manifest(rows), sentinels())
        layout.videorm.mkdir()
        found = {**metrics(), "worst_pairs": worst_pairs(rows["videos"])}
        (layout.videorm / "metrics.json").write_text(json.dumps(found), "utf-8")
    return manifest(rows)
