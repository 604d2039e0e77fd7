"""UltraFeedback in its binarised form, with paths of clips for answers.

Columns and splits as in the data set ``ultrafeedback_binarized`` of the Hub: Parquet with ``prompt``,
``prompt_id``, ``chosen``, ``rejected`` and ``messages`` (a turn of the user and one of the assistant),
``score_chosen``, ``score_rejected``; splits ``train_prefs`` and ``test_prefs``, and ours of validation as
``validation_prefs``. No loader of it could be read: the rules are those of the published rows.

Decisions. ``prompt_id`` is the SHA-256 of the prompt's text. A text that stands in two splits of the
dataset is left out of both, and its pairs are counted, as are ties. Scores are those that the
preference rests on: means on the rubric's scale, or shares of verdicts from 0 to 1.

As human data (kind ``ultrafeedback``) only files whose answers name clips are read.
"""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.chosen import (
    by_split,
    decided,
    kept,
    one_dimension,
    others_lost,
    pairs_of,
    told,
    winner_first,
)
from pipeline.formats.held import Held, are_turns, is_text, rows_back
from pipeline.formats.peek import columns_of
from pipeline.formats.people import Reader
from pipeline.formats.text_pairs import NOTE, Clips, names_clips, read_people
from pipeline.formats.trl import WEIGHTS
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import Preference, ids

_TURNS = pa.list_(pa.struct({"content": pa.string(), "role": pa.string()}))
SCHEMA = pa.schema(
    {
        "prompt": pa.string(),
        "prompt_id": pa.string(),
        "chosen": _TURNS,
        "rejected": _TURNS,
        "messages": _TURNS,
        "score_chosen": pa.float64(),
        "score_rejected": pa.float64(),
    }
)
CELLS = {
    "prompt": is_text,
    "prompt_id": is_text,
    **dict.fromkeys(("chosen", "rejected", "messages"), are_turns),
}
TWO_SPLITS = "pairs are of a prompt whose text stands in another split, too"

READER = Reader(
    kind="ultrafeedback",
    what="UltraFeedback's binarised pairs, where the answers are paths of clips",
    read=read_people,
    is_it=lambda path: "score_chosen" in columns_of(path) and names_clips(path),
)


def plan(material: Material, choice: Choice) -> Plan:
    """A table for each split, ties left out."""
    dimension, clips = one_dimension(material, choice), Clips(material)
    left_out: Counter[str] = Counter()
    pairs = decided(clips.whole(pairs_of(material, dimension), left_out), left_out)
    texts = Counter(text for text, _ in {(pair.prompt, pair.split) for pair in pairs})
    pairs = kept(pairs, lambda pair: texts[pair.prompt] == 1, TWO_SPLITS, left_out)
    files = {
        f"data/{split}_prefs-00000-of-00001.parquet": [_row(pair, clips) for pair in own]
        for split, own in by_split(pairs).items()
    }
    units = {"scores": "means on the rubric's scale", "comparisons": "shares of verdicts, 0 to 1"}
    return Plan(
        files=files,
        media=clips.media,
        named=[
            Named(prompt=row["prompt"], media=(_answer(row["chosen"]), _answer(row["rejected"])))
            for rows in files.values()
            for row in rows
        ],
        left_out=told(left_out),
        lost=[WEIGHTS, *others_lost(material, dimension)],
        notes=[
            NOTE,
            "scores are "
            + ", or ".join(units[basis] for basis in sorted({p.basis for p in pairs})),
        ],
    )


def _row(pair: Preference, clips: Clips) -> Row:
    chosen, rejected = (_turns(pair.prompt, clips.answer(side)) for side in winner_first(pair))
    return {
        "prompt": pair.prompt,
        "prompt_id": ids.sha256_hex(pair.prompt.encode()),
        "chosen": chosen,
        "rejected": rejected,
        "messages": chosen,
        "score_chosen": float(max(pair.score_a, pair.score_b)),
        "score_rejected": float(min(pair.score_a, pair.score_b)),
    }


def _turns(prompt: str, answer: str) -> list[dict[str, str]]:
    return [{"content": prompt, "role": "user"}, {"content": answer, "role": "assistant"}]


def _answer(turns: list[dict[str, str]]) -> str:
    return turns[-1]["content"]


def write(plan: Plan, folder: Path) -> None:
    """A Parquet file for each split."""
    for path, rows in plan.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), folder / path)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the tables to what the published ones hold to."""
    held = Held(folder)
    split_of: dict[str, str] = {}
    prompt_of: dict[str, str] = {}
    for path in plan.files:
        for at, row in held.rows(path, SCHEMA.names, CELLS):
            prompt, prompt_id = row["prompt"], row["prompt_id"]
            good = split_of.setdefault(prompt, path) == path
            held.that(good, "a prompt is in one split only", at, "prompt", prompt)
            good = prompt_of.setdefault(prompt_id, prompt) == prompt
            good = good and prompt_id == ids.sha256_hex(prompt.encode())
            rule = "prompt_id is a hash of the prompt, one for each prompt"
            held.that(good, rule, at, "prompt_id", prompt_id)
            _check_turns(held, at, row)
            scores = row["score_chosen"], row["score_rejected"]
            good = None not in scores and scores[0] > scores[1]
            held.that(good, "score_chosen is above score_rejected", at, "score_chosen", scores)
    return held.counts


def _check_turns(held: Held, at: str, row: Row) -> None:
    for side in ("chosen", "rejected"):
        turns = row[side]
        roles = [turn["role"] for turn in turns]
        rule = "both sides are a turn of the user and one of the assistant"
        held.that(roles == ["user", "assistant"], rule, at, side, roles)
        first = turns[0]["content"]
        held.that(first == row["prompt"], "the first turn is the prompt", at, side, first)
        held.file(at, side, _answer(turns))
    same = row["messages"] == row["chosen"]
    held.that(same, "messages are those of chosen", at, "messages", row["messages"])
    differ = _answer(row["chosen"]) != _answer(row["rejected"])
    held.that(differ, "answers differ", at, "rejected", row["rejected"])


WRITER = Writer(
    name="ultrafeedback",
    what="UltraFeedback, binarised: Parquet of chosen and rejected; the answers are paths of clips",
    loader="the rows of HuggingFaceH4/ultrafeedback_binarized (no loader of it could be read)",
    unit="text",
    theirs={},
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="ties, more than one dimension, generators, anything but text to a trainer",
)
