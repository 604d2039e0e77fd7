"""UnifiedReward's pairs for DPO on video: ``dpo_data.json``, the preferred clip under ``chosen``.

Layout and rules as in CodeGoat24/UnifiedReward (``VideoDPO/data/video_data.py``): of a path the last
two parts are kept and joined to the folder under ``META``, so a clip lies in ``FOLDER/FILE`` right
below it; a clip with fewer frames than ``video_length`` (2 in ``configs/t2v_turbo_dpo``) raises.
``chosen_score`` and ``rejected_score`` are texts, as their ``sift_dpo_data.py`` writes them; theirs go
from 1 to 10, ours are the consensus scores as they are. ``score``, their weight, is left to its default:
every pair weighs the same.

Every split is a folder of its own, with its clips. A tie has no place here: it is left out.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from pipeline.formats.chosen import (
    by_split,
    decided,
    one_dimension,
    others_lost,
    pairs_of,
    told,
    winner_first,
)
from pipeline.formats.clip_files import ClipFiles
from pipeline.formats.held import Held, rows_back, write_json_list
from pipeline.formats.labelled import UNKNOWN, NamedClip, PairRow, words
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import OVERALL
from schemas.options import SetupError
from schemas.rows import read_rows

FILE = "dpo_data.json"
DIMENSION = "overall"  # what a pair is about: no more is said
REQUIRED = ("caption", "chosen", "rejected")
SCORES = ("chosen_score", "rejected_score")


def read_unifiedreward(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """Every pair of a ``dpo_data.json``; ``a`` is the chosen clip.

    Clips are named by the last two parts of their path, below the file's folder, as their loader
    does. Raises :class:`SetupError` naming file and row: an empty cell, a clip held against itself.
    """
    file = Path(path)
    return (_pair(file, n, row, generator) for n, row in read_rows(file, REQUIRED))


def _pair(file: Path, number: int, row: Row, generator: str) -> PairRow:
    a, b = (
        NamedClip(video=last_two(words(file, number, row, side)), generator=generator)
        for side in ("chosen", "rejected")
    )
    if a.video == b.video:
        raise SetupError(f"{file}: row {number}: chosen and rejected are the same clip, {a.video}")
    return PairRow(
        number=number,
        prompt=words(file, number, row, "caption"),
        a=a,
        b=b,
        labels={DIMENSION: "chosen"},
        votes={DIMENSION: "a"},
    )


def last_two(path: str) -> str:
    """What their loader keeps of a path."""
    return "/".join(path.split("/")[-2:])


def _plan(material: Material, choice: Choice) -> Plan:
    ours = one_dimension(material, choice)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material)
    pairs = files.whole(decided(pairs_of(material, ours), left_out), left_out)
    tables: dict[str, Sequence[Row]] = {}
    named = []
    for split, own in by_split(pairs).items():
        rows = []
        for pair in own:
            chosen, other = (files.place(v, f"{split}/videos") for v in winner_first(pair))
            scores = sorted((pair.score_a, pair.score_b), reverse=True)
            rows.append(
                {
                    "caption": pair.prompt,
                    "chosen": chosen.removeprefix(f"{split}/"),
                    "rejected": other.removeprefix(f"{split}/"),
                    "chosen_score": f"{scores[0]:.10g}",
                    "rejected_score": f"{scores[1]:.10g}",
                }
            )
            named.append(Named(prompt=pair.prompt, media=(chosen, other)))
        tables[f"{split}/{FILE}"] = rows
    return Plan(
        files=tables,
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=[*others_lost(material, ours), "generators and weights are not written"],
        notes=(
            f"the pairs are about our {ours}; a judge of the dataset chose, not a person",
            "META is the folder of a split (.../train); scores are on the dataset's own scale, not 1 to 10",
            "a clip with fewer frames than video_length stops their loader: the configuration they "
            "publish asks for 2",
        ),
    )


def _write(plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def _check(folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    for path in plan.files:
        meta = PurePosixPath(path).parent.as_posix()
        for at, row in held.rows(path, (*REQUIRED, *SCORES)):
            caption = row["caption"]
            good = isinstance(caption, str) and bool(caption.strip())
            held.that(good, "a caption is there", at, "caption", caption)
            for side in ("chosen", "rejected"):
                held.file(at, side, f"{meta}/{row[side]}")
                kept = last_two(f"{meta}/{row[side]}") == row[side]
                rule = "a path is FOLDER/FILE below META: no more of it is kept"
                held.that(kept, rule, at, side, row[side])
            differ = row["chosen"] != row["rejected"]
            held.that(differ, "a pair is two clips", at, "rejected", row["rejected"])
            _check_scores(held, at, row)
    return dict(held.counts)


def _check_scores(held: Held, at: str, row: Row) -> None:
    for name in SCORES:
        rule = "scores are numbers, written as text"
        held.that(isinstance(row[name], str) and _is_number(row[name]), rule, at, name, row[name])
    better = float(row["chosen_score"]) > float(row["rejected_score"])
    rule = "the chosen clip has the higher score"
    held.that(better, rule, at, "rejected_score", row["rejected_score"])


def _is_number(text: str) -> bool:
    try:
        return abs(float(text)) < float("inf")
    except ValueError:
        return False


WRITER = Writer(
    name="unifiedreward",
    what="UnifiedReward's dpo_data.json for DPO on video, a folder a split",
    loader="CodeGoat24/UnifiedReward: VideoDPO/data/video_data.py",
    unit="pair",
    theirs={"preference": OVERALL},
    plan=_plan,
    write=_write,
    check=_check,
    read=rows_back,
    cannot="ties, more than one dimension, generators",
)
