"""GenAI-Bench's video arena, written as the JSON copy of CodeGoat24/UnifiedReward has it.

A file a split (``train.json``, ...), the clips in ``videos/``; ``id`` is the position in the file, from
0, as the file of results needs it. A tie is ``tievote``, which GenAI-Bench's ``inference.py`` takes for
*both good*; ``bothbad_vote`` is never written, for a judge's tie does not say it. ``left_model`` and
``right_model`` stand beside the five names of the copy: readers of the copy do not look at them.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pipeline.formats.chosen import MARGINS, by_split, one_dimension, others_lost, pairs_of, told
from pipeline.formats.clip_files import ClipFiles
from pipeline.formats.genai_bench import VOTES
from pipeline.formats.held import Held, rows_back, whole, write_json_list
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import OVERALL

COLUMNS = (
    "id", "prompt", "video_left", "video_right", "vote_type", "left_model", "right_model"
)  # fmt: skip
_WORDS = {"a": "leftvote", "b": "rightvote", "tie": "tievote"}


def _plan(material: Material, choice: Choice) -> Plan:
    ours = one_dimension(material, choice)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material)
    pairs = files.whole(pairs_of(material, ours), left_out)
    tables: dict[str, list[Row]] = {}
    named = []
    for split, own in by_split(pairs).items():
        rows = tables[f"{split}.json"] = []
        for pair in own:
            left, right = (files.place(v, "videos") for v in (pair.video_a, pair.video_b))
            cells = (
                len(rows), pair.prompt, left, right, _WORDS[pair.label], pair.generator_a,
                pair.generator_b,
            )  # fmt: skip
            rows.append(dict(zip(COLUMNS, cells, strict=True)))
            named.append(Named(prompt=pair.prompt, media=(left, right)))
    ties = sum(row["vote_type"] == _WORDS["tie"] for rows in tables.values() for row in rows)
    return Plan(
        files=tables,
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=[MARGINS, *others_lost(material, ours)],
        notes=(
            f"the votes are about our {ours} and a judge's, not a person's",
            f"{ties} of them are tievote, which GenAI-Bench reads as: both are good",
        ),
    )


def _write(plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def _check(folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    for path in plan.files:
        for position, (at, row) in enumerate(held.rows(path, COLUMNS)):
            good = whole(row["id"]) and row["id"] == position
            held.that(good, "id is the position in the file, from 0", at, "id", row["id"])
            vote = row["vote_type"]
            held.that(vote in VOTES, "a vote is one of four words", at, "vote_type", vote)
            for side in ("video_left", "video_right"):
                held.file(at, side, row[side])
            differ = row["video_left"] != row["video_right"]
            held.that(differ, "a pair is two clips", at, "video_right", row["video_right"])
            prompt = row["prompt"]
            good = isinstance(prompt, str) and bool(prompt.strip())
            held.that(good, "a prompt is there", at, "prompt", prompt)
    return dict(held.counts)


WRITER = Writer(
    name="genai_bench",
    what="GenAI-Bench's video arena: pairs with one vote each (JSON)",
    loader="CodeGoat24/UnifiedReward: GenAI-Bench-Video/data.json; TIGER-AI-Lab/GenAI-Bench: inference.py",
    unit="pair",
    theirs={"preference": OVERALL},
    plan=_plan,
    write=_write,
    check=_check,
    read=rows_back,
    cannot="margins, more than one dimension, whether the clips of a tie are good or bad",
)
