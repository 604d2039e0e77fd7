"""One of every page that the project makes, from the miniature run and plain values: nothing is asked."""

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

from compare_runs import pictured_runs
from report_audit import full_audit
from report_run import HOSTILE, HOSTILE_RATIONALE, JUDGE, make_rows, make_run

from annotators.chat.spec import ChatSpec
from annotators.ledger import Spent
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.result import DETAILS
from pipeline.canary import page as canary_page
from pipeline.canary.shift import Replies
from pipeline.canary.shift import Row as Shift
from pipeline.canary.study import Said
from pipeline.canary.study import Shown as Captioned
from pipeline.canary.study import Study as Canary
from pipeline.canary.variants import IN_FRAMES, SHIFTS, VARIANTS, words_of
from pipeline.preview import page as preview_page
from pipeline.preview.together import Place, Together
from pipeline.preview.view import Exchange, Frame, Item, Mark, Preview, Seen, Shown, Turn, Words
from pipeline.rating.ask import Ask, ask_people
from pipeline.report import ReportOptions, write_report
from pipeline.report.compare.write import write_comparison
from pipeline.report.pages import OF_RUN
from pipeline.study import page as study_page
from pipeline.study.cost import Cost
from pipeline.study.grid import Point, Setting
from pipeline.study.result import Difference, Recommendation, Result, Row, Study
from schemas import Clip
from schemas.layout import Layout
from schemas.store import blob_name

RUBRICS = [
    {"name": "videoprefer/prompt_following", "version": 1, "text": None},
    {"name": "videoprefer/video_quality", "version": 1, "text": None},
]
OF_REPORT = tuple(page.file for page in OF_RUN)
OF_TWO = "compare.html"
ALONE = ("rating of pairs", "rating of clips", "study", "canary", "preview")
PAID = Spent(requests=4, usd=0.02, input_tokens=9000, output_tokens=400)


def make_pages(folder: Path, *, every_statistic: bool = False) -> dict[str, Path]:
    """Every page by a name: those of a run's report by their file, the others by what they are of.

    ``every_statistic``: an audit with all that there is, in place of the few of the miniature run.
    """
    root = folder / "run"
    root.mkdir(parents=True)
    record = make_run(root) | {"rubrics": RUBRICS}
    layout = Layout(root)
    if every_statistic:
        rows, details = full_audit()
        own = json.loads((root / DETAILS).read_text())["disagreements"]  # of clips that there are
        layout.audit.write_text(json.dumps(rows))
        (root / DETAILS).write_text(json.dumps(details | {"disagreements": own}))
    layout.run.write_text(json.dumps(record))
    write_report(root, ReportOptions(prompts_per_file=2), record)
    found = {page.file: root / "report" / page.file for page in OF_RUN}
    two = write_comparison(*pictured_runs(folder), folder / "two", how=Resampling(resamples=20))
    found[OF_TWO] = two.page
    shown = make_rows(layout)
    for mode in ("pairs", "clips"):
        ask_people(Ask(run=root, output=folder / mode, mode=mode))
        found[f"rating of {mode}"] = folder / mode / "rate.html"
    found["study"] = study_page.write_page(study(layout), folder / "study.html")
    found["canary"] = canary_page.write_page(canary(layout, shown), folder / "canary")
    found["preview"] = preview_page.write_page(preview(layout, shown), folder / "preview")
    return found


def study(layout: Layout) -> Study:
    """Four numbers of frames at three temperatures, the dearest the best, the third recommended."""
    results = [
        _point(n, frames, temperature)
        for n, (frames, temperature) in enumerate(itertools.product((4, 6, 8, 10), (0.3, 0.6, 0.9)))
    ]
    names = [result.point.name for result in results]
    return Study(
        name=f"judge {HOSTILE}", layout=layout, stopped="", simulated=True,
        statistic="pair_accuracy_ties_half", design="grid", dimension="mean",
        dimensions=["prompt_following", "video_quality"],
        axes={"frames": [4, 6, 8, 10], "temperature": [0.3, 0.6, 0.9]},
        n_points=12, n_clips=40, n_prompts=10, n_raters=3, level=0.95, resamples=2000,
        results=results, places=[], ceiling=[_value(0.81, "prompt_following"), _value(0.8, "mean")],
        recommendation=Recommendation(point=names[6], best=names[-1], within=[names[6], names[-1]],
                                      cheapest_by="usd", reasons=["it costs the least of two"]),
        notes=["pairs that raters tie count half"], paid=PAID,
    )  # fmt: skip


def _point(n: int, frames: int, temperature: float) -> Result:
    judge = ChatSpec(name=JUDGE, kind="openai", model="org/judge")
    setting = Setting(frames=frames, temperature=temperature, draws=1, rubrics=("r",))
    value, last = 0.6 + 0.015 * n, n == 11
    gap = round(0.015 * (n - 11), 3)
    return Result(
        point=Point(judge=judge, setting=setting, own=n == 0),
        label=f"{JUDGE}, {frames} frames, temperature {temperature}",
        rows=[_value(value - 0.01, "prompt_following"), _value(value, "mean")],
        scored=80 - (n == 2), rated=80,
        cost=Cost(n_clips=40, requests=80, input_tokens=900 * frames, output_tokens=90, usd=0.1 * frames),
        difference=Difference(value=gap, low=gap - 0.03, high=gap + 0.03, se=0 if last else 0.015,
                              n_items=60),
        within=n in (6, 11), best=last,
    )  # fmt: skip


def _value(value: float, dimension: str) -> Row:
    return Row(
        dimension=dimension,
        value=value,
        low=value - 0.05,
        high=value + 0.04,
        n_items=60,
        n_raters=3,
    )


def canary(layout: Layout, rows: dict[str, list[Any]]) -> Canary:
    """One judge that praise moves, one clip under every variant."""
    frames = rows["frames"][0]
    jpeg = layout.frames.get(blob_name(frames.jpeg_sha256[0], ".jpg"))
    shifts = [
        *((variant, "", 3.5, None) for variant in VARIANTS),
        *((variant, minus, 0.4, 0.25) for variant, minus in SHIFTS),
    ]
    return Canary(
        name="mine", sent=True, simulated=True, n_clips=4, n_prompts=2,
        words=list(words_of((1, 5)).items()), to_buy=[], paid=PAID,
        rows=[
            Shift(annotator=JUDGE, dimension="video_quality", variant=variant, minus=minus, value=value,
                  low=value - 0.2, high=value + 0.2, moved=moved, n_clips=4, n_prompts=2,
                  scale_low=1, scale_high=5)
            for variant, minus, value, moved in shifts
        ],
        replies=[
            Replies(annotator=JUDGE, variant=variant, questions=8, refused=1, failed=0, silent=0)
            for variant in VARIANTS
        ],
        scores=[],
        shown=[
            Captioned(
                video_id=frames.video_id, generator=frames.generator, prompt=HOSTILE,
                pictures=[(variant, jpeg) for variant in ("clean", *IN_FRAMES)],
                width_px=frames.frame_width_px, height_px=frames.frame_height_px,
                said=[Said(annotator=JUDGE, dimension="video_quality", variant=variant, score=4,
                           said=HOSTILE_RATIONALE) for variant in VARIANTS],
            )
        ],
        notes=["shifts are of one draw"], stopped="",
    )  # fmt: skip


def preview(layout: Layout, rows: dict[str, list[Any]]) -> Preview:
    """A clip that a judge and a measurement score, and a pair that it compares in both orders."""
    alone = Item(
        prompt=HOSTILE, simulated=True, rubric="videoprefer/video_quality", what="clip",
        clips=[_seen(layout, rows, 0, ())], note="", words=[_words()],
        answers=[_answer([_turn("", Mark(dimension="video_quality", score=4, low=1, high=5,
                                         said=HOSTILE_RATIONALE))], [])],
    )  # fmt: skip
    both = Together(
        dimension="video_quality", agreed=False, said="a tie: it prefers whichever is shown first",
        places=(Place(name="alpha", ranks=(1, 2), share=0.5),
                Place(name="beta <i>", ranks=(2, 1), share=0.5)),
    )  # fmt: skip
    refused = Mark(dimension="video_quality", score=None, reason="refusal", said="it refused")
    ordered = Mark(dimension="video_quality", score=None, order="A alpha > B beta <i>", said="A")
    pair = dataclasses.replace(
        alone, what="pair", note="A run asks every pair.",
        clips=[_seen(layout, rows, n, ("A", "B")[:: 1 - 2 * n]) for n in (0, 1)],
        answers=[_answer([_turn("A alpha, B beta", ordered), _turn("A beta, B alpha", refused)], [both])],
    )  # fmt: skip
    return Preview(
        name="mine", sent=True, simulated=True, items=[alone, pair], measured=[],
        made=[("beta <i>", "2 clips")], watched=False, stopped="",
        estimate="requests  12\ncost      0.03 USD\nA sentence on what is not known.",
    )  # fmt: skip


def _seen(layout: Layout, rows: dict[str, list[Any]], n: int, letters: tuple[str, ...]) -> Seen:
    frames = rows["frames"][n]
    jpegs = [layout.frames.get(blob_name(digest, ".jpg")) for digest in frames.jpeg_sha256]
    return Seen(
        clip=Clip(video_id=frames.video_id, prompt_id=frames.prompt_id, prompt=frames.prompt,
                  generator=frames.generator, source="mini", settings="{}", simulated=True),
        letters=letters, frames=frames, why_no_frames="",
        pictures=[Frame(index=i, time_s=t, jpeg=jpeg)
                  for i, t, jpeg in zip(frames.indices, frames.times_s, jpegs)],
    )  # fmt: skip


def _words() -> Words:
    return Words(
        system="Rate the video.\n" * 40,
        user=f"The prompt: {HOSTILE}",
        captions=[("Video A", "4 frames")],
    )


def _answer(turns: list[Turn], both: list[Together]) -> Shown:
    return Shown(annotator_id=JUDGE, kind="openai", turns=turns, together=both, cost_usd=0.02)


def _turn(shown: str, mark: Mark) -> Turn:
    exchange = Exchange(
        model="org/judge", answered_by="judge-2026", settings=[("temperature", "0.3", "0.3")],
        reply_format="json_schema", schema='{"type": "object"}',
        numbers=[("input tokens", "1,280", "1,300", "1.02"), ("output tokens", "400", "40", "0.10")],
        key="f" * 64, reply=HOSTILE_RATIONALE, body='{"choices": []}', finish="stop", again=False, replies=1,
    )  # fmt: skip
    return Turn(shown=shown, words=None, marks=[mark], exchange=exchange)
