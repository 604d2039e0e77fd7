"""The preference and unpaired forms of huggingface/trl, with paths of clips for answers.

As in ``docs/source/dataset_formats.md`` and ``trl/trainer/reward_trainer.py``: ``train.jsonl``,
``validation.jsonl``, ``test.jsonl`` with ``prompt``, ``chosen``, ``rejected`` and ``margin``; or with
``prompt``, ``completion`` and ``label``. The columns ``video_chosen``, ``video_rejected`` and ``video`` hold
the same paths for code that opens the clips: the trainers drop columns they do not know. They train on
text, never on a video.

Decisions. Ties have no place in pairs and are left out and counted. ``margin`` is that of the pair,
without its sign; where some pairs rest on scores and some on comparisons their margins are of
different units, and no row has one. Unpaired: a clip has one row; it is good (``label`` true) where it won
more of its pairs than it lost, bad where it lost more; one that did neither is left out and counted.

As human data (kind ``trl``) only files whose answers name clips are read: any other text is about none.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.formats.chosen import (
    MARGINS,
    by_split,
    decided,
    one_dimension,
    others_lost,
    pairs_of,
    told,
    winner_first,
)
from pipeline.formats.held import Held, rows_back, write_json_lines
from pipeline.formats.peek import columns_of
from pipeline.formats.people import Reader
from pipeline.formats.text_pairs import NOTE, PAIR, Clips, names_clips, read_people
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import Preference

PREFERENCE = (*PAIR, "margin", "video_chosen", "video_rejected")
UNPAIRED = ("prompt", "completion", "label", "video")
EVEN = "clips won as many of their pairs as they lost, so that they are neither good nor bad"
UNITS = "margins are left out: some pairs rest on scores, some on comparisons, whose units differ"
WEIGHTS = "weights of pairs have no place in this format"

READER = Reader(
    kind="trl",
    what="trl's pairs, where the answers are paths of clips",
    read=read_people,
    is_it=lambda path: names_clips(path) and "score_chosen" not in columns_of(path),
)


def plan_preference(material: Material, choice: Choice) -> Plan:
    """Pairs of each split, ties left out."""
    dimension, clips = one_dimension(material, choice), Clips(material)
    left_out: Counter[str] = Counter()
    pairs = decided(clips.whole(pairs_of(material, dimension), left_out), left_out)
    one_unit = len({pair.basis for pair in pairs}) == 1
    files = {
        f"{split}.jsonl": [_pair(pair, clips, one_unit) for pair in own]
        for split, own in by_split(pairs).items()
    }
    return Plan(
        files=files,
        media=clips.media,
        named=[
            Named(prompt=row["prompt"], media=(row["video_chosen"], row["video_rejected"]))
            for rows in files.values()
            for row in rows
        ],
        left_out=told(left_out),
        lost=[WEIGHTS, *([] if one_unit else [UNITS]), *others_lost(material, dimension)],
        notes=[NOTE],
    )


def _pair(pair: Preference, clips: Clips, with_margin: bool) -> Row:
    chosen, rejected = map(clips.answer, winner_first(pair))
    return {
        "prompt": pair.prompt,
        "chosen": chosen,
        "rejected": rejected,
        **({"margin": abs(pair.margin)} if with_margin else {}),
        "video_chosen": chosen,
        "video_rejected": rejected,
    }


def plan_unpaired(material: Material, choice: Choice) -> Plan:
    """Clips of each split that won or lost more of their pairs."""
    dimension, clips = one_dimension(material, choice), Clips(material)
    left_out: Counter[str] = Counter()
    pairs = clips.whole(pairs_of(material, dimension), left_out)
    decided(pairs, left_out)  # counts the ties, whose clips are counted below
    files: dict[str, Sequence[Row]] = {}
    for split, own in by_split(pairs).items():
        rows = _labelled(own, clips, left_out)
        files |= {f"{split}.jsonl": rows} if rows else {}
    return Plan(
        files=files,
        media=clips.media,
        named=[
            Named(prompt=row["prompt"], media=(row["video"],))
            for rows in files.values()
            for row in rows
        ],
        left_out=told(left_out),
        lost=[
            "which clip was preferred to which is lost: a clip is good or bad by itself",
            MARGINS,
            *others_lost(material, dimension),
        ],
        notes=[NOTE],
    )


def _labelled(pairs: Sequence[Preference], clips: Clips, left_out: Counter[str]) -> list[Row]:
    balance: Counter[str] = Counter()
    prompts: dict[str, str] = {}
    for pair in pairs:
        for side in (pair.video_a, pair.video_b):
            prompts[side] = pair.prompt
            balance[side] += 0
        if pair.label != "tie":
            winner, loser = winner_first(pair)
            balance[winner] += 1
            balance[loser] -= 1
    left_out[EVEN] += sum(not n for n in balance.values())
    rows = []
    for video_id, n in sorted(balance.items()):
        if n:
            path = clips.answer(video_id)
            rows.append(
                {"prompt": prompts[video_id], "completion": path, "label": n > 0, "video": path}
            )
    return rows


def write(plan: Plan, folder: Path) -> None:
    """JSON Lines for each split."""
    for path, rows in plan.files.items():
        write_json_lines(folder / path, rows)


def check_preference(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the files to what the collator takes for granted."""
    held = Held(folder)
    for path in plan.files:
        rows = list(held.rows(path))
        keys = sorted(rows[0][1]) if rows else []  # the collator looks at a batch's first row
        for at, row in rows:
            rule = "rows have the keys of the first: margin in every row or in none"
            good = sorted(row) == keys and {*row, "margin"} == set(PREFERENCE)
            held.that(good, rule, at, "keys", ", ".join(row))
            _check_texts(held, at, row, PAIR)
            held.that(
                row["chosen"] != row["rejected"], "answers differ", at, "chosen", row["chosen"]
            )
            for side in ("chosen", "rejected"):
                held.file(at, f"video_{side}", row[f"video_{side}"])
            margin = row.get("margin", 0.0)
            good = isinstance(margin, int | float) and not isinstance(margin, bool) and margin >= 0
            held.that(good, "margins are numbers, not negative", at, "margin", margin)
    return held.counts


def check_unpaired(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the files to the unpaired form."""
    held = Held(folder)
    for path in plan.files:
        for at, row in held.rows(path, UNPAIRED):
            _check_texts(held, at, row, UNPAIRED[:2])
            label = row["label"]
            held.that(isinstance(label, bool), "labels are true or false", at, "label", label)
            held.file(at, "video", row["video"])
    return held.counts


def _check_texts(held: Held, at: str, row: Row, columns: Sequence[str]) -> None:
    for column in columns:
        good = isinstance(row[column], str) and bool(row[column].strip())
        held.that(good, "prompt and answers are text, all of one type", at, column, row[column])


_LOADER = "huggingface/trl, docs/source/dataset_formats.md and trl/trainer/reward_trainer.py"

WRITER_PREFERENCE = Writer(
    name="trl-preference",
    what="trl: prompt, chosen, rejected, margin; the answers are paths of clips",
    loader=_LOADER,
    unit="text",
    theirs={},
    plan=plan_preference,
    write=write,
    check=check_preference,
    read=rows_back,
    cannot="ties, more than one dimension, generators, anything but text to a trainer",
)
WRITER_UNPAIRED = Writer(
    name="trl-unpaired",
    what="trl: prompt, completion, label; the answers are paths of clips",
    loader=_LOADER,
    unit="text",
    theirs={},
    plan=plan_unpaired,
    write=write,
    check=check_unpaired,
    read=rows_back,
    cannot="pairs, margins, more than one dimension, anything but text to a trainer",
)
