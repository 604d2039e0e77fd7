"""ImageReward: rankings of the pictures of one prompt.

Layout and keys as in THUDM/ImageReward (``train/src/rank_pair_dataset.py``): ``train.json``,
``valid.json`` and ``test.json`` are lists of ``id``, ``prompt``, ``generations`` (files, below
``image_base``) and ``ranking`` (1 is best). Every two pictures of different rank become a pair to train
on, equal ranks make none; the prompt is cut after 35 tokens of BERT.

Decisions. A picture is one frame of a clip, motion is lost. The ranking of a prompt's clips is that of
the scores their preferences rest on, equal scores having equal ranks; where preferences rest on
comparisons each pair is a ranking of two. A ranking of equal ranks alone is left out and counted. No
tokenizer is at hand: words and marks of punctuation are counted for tokens, of which BERT makes that
many or more, so that the number of prompts that will be cut is a lower bound.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.formats.chosen import (
    MARGINS,
    by_split,
    one_dimension,
    others_lost,
    pairs_of,
    told,
)
from pipeline.formats.finder import ClipFinder
from pipeline.formats.held import Held, are_texts, is_text, rows_back, whole, write_json_list
from pipeline.formats.labelled import UNKNOWN, NamedClip, without_dot, words
from pipeline.formats.peek import columns_of
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.picture_votes import NO_RATERS, PICTURES, rank_votes
from pipeline.formats.pictures import Pictures
from pipeline.formats.rankings import Ranking, RankRow, rankings, ranks_of, sentences
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas.options import SetupError
from schemas.rows import read_rows

COLUMNS = ("id", "prompt", "generations", "ranking")
FILES = {"train": "train.json", "validation": "valid.json", "test": "test.json"}
CELLS = {"id": is_text, "prompt": is_text, "generations": are_texts}
FOLDER = "images"
MAX_TOKENS = 35
_TOKENS = re.compile(r"\w+|[^\w\s]")
_MARKS = 2  # tokens that BERT puts before and after every text


# reading


def read_imagereward(path: str | Path, generator: str = UNKNOWN) -> Iterator[RankRow]:
    """Every ranking, in the order of the file. Raises :class:`SetupError` naming file, row, column."""
    file = Path(path)
    for number, row in read_rows(file, COLUMNS[1:]):
        names = row["generations"] if isinstance(row["generations"], list) else []
        good = len(names) >= 2 and all(isinstance(name, str) and name.strip() for name in names)
        if not good or len(set(names)) < len(names):
            raise SetupError(
                f"{file}: row {number}, column 'generations': expected at least 2 different files, got "
                f"{str(row['generations'])[:200]}"
            )
        yield RankRow(
            number=number,
            prompt=words(file, number, row, "prompt"),
            clips=tuple(NamedClip(video=without_dot(name), generator=generator) for name in names),
            ranks=ranks_of(file, number, row, "ranking", len(names)),
        )


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """A vote for every two pictures of a ranking. There is no scale.

    Raises :class:`SetupError` as :func:`read_imagereward` does.
    """
    return rank_votes(path, read_imagereward(path), finder, PICTURES, NO_RATERS)


READER = Reader(
    kind="imagereward",
    what="ImageReward's rankings of pictures",
    read=read_people,
    is_it=lambda path: columns_of(path).issuperset(COLUMNS[1:]),
)


# writing


def plan(material: Material, choice: Choice) -> Plan:
    """A list of rankings for each split."""
    dimension, pictures = one_dimension(material, choice), Pictures(material, choice)
    left_out: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    pairs = pictures.seen(pairs_of(material, dimension), left_out)
    files: dict[str, Sequence[Row]] = {}
    for split, own in by_split(pairs).items():
        rows = [
            _row(ranking, pictures) for ranking in rankings(own, pictures.sha256, left_out, lost)
        ]
        files |= {FILES[split]: rows} if rows else {}
    every = [row for rows in files.values() for row in rows]
    return Plan(
        files=files,
        media=pictures.media,
        named=[Named(prompt=row["prompt"], media=tuple(row["generations"])) for row in every],
        left_out=told(left_out),
        lost=[
            pictures.lost,
            MARGINS,
            *others_lost(material, dimension),
            *sentences(lost),
            *_cut([row["prompt"] for row in every]),
        ],
        notes=["data_base and image_base of their configuration are both this folder"],
    )


def _row(ranking: Ranking, pictures: Pictures) -> Row:
    return {
        "id": ranking.key,
        "prompt": ranking.prompt,
        "generations": [pictures.place(clip, FOLDER) for clip in ranking.clips],
        "ranking": list(ranking.ranks),
    }


def _cut(prompts: Sequence[str]) -> list[str]:
    long = {prompt for prompt in prompts if n_tokens(prompt) > MAX_TOKENS}
    if not long:
        return []
    return [
        f"at least {len(long)} of {len(set(prompts))} prompts will be cut after {MAX_TOKENS} tokens "
        "(words and punctuation were counted for tokens)"
    ]


def n_tokens(prompt: str) -> int:
    """Tokens of BERT that a prompt makes at least: words and marks of punctuation, and two more."""
    return len(_TOKENS.findall(prompt)) + _MARKS


def write(plan: Plan, folder: Path) -> None:
    """A JSON list for each split."""
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the files to what their loader takes for granted."""
    held = Held(folder)
    for path in plan.files:
        seen: set[str] = set()
        for at, row in held.rows(path, COLUMNS, CELLS):
            held.that(row["id"] not in seen, "ids of a list differ", at, "id", row["id"])
            seen.add(row["id"])
            _check(held, at, row)
    return held.counts


def _check(held: Held, at: str, row: Row) -> None:
    names, ranks = row["generations"], row["ranking"]
    held.that(len(set(names)) == len(names), "pictures of a row differ", at, "generations", names)
    for name in names:
        held.picture(at, "generations", name)
    numbers = isinstance(ranks, list) and all(whole(rank) and rank >= 1 for rank in ranks)
    rule = "there is one rank for each picture, a whole number from 1"
    held.that(numbers and len(ranks) == len(names), rule, at, "ranking", ranks)
    held.that(len(set(ranks)) > 1, "a ranking has two ranks at least", at, "ranking", ranks)


WRITER = Writer(
    name="imagereward",
    what="ImageReward: rankings of the pictures of a prompt (one frame of each clip)",
    loader="THUDM/ImageReward, train/src/rank_pair_dataset.py",
    unit="ranking",
    theirs={},
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="motion, margins, more than one dimension, generators",
)
