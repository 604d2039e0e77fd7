"""What the audit of somebody's own tables says where they say too little, or something else."""

import csv

import pytest

from pipeline import __main__ as cli
from pipeline.audit.audit import audit
from pipeline.audit.files import audit_files
from pipeline.audit.findings import Findings
from pipeline.audit.options import AuditOptions, RatingsTable, Requirement
from pipeline.audit.result import unmet
from pipeline.report.agreement import headlines
from schemas import HumanRating, Score
from schemas.options import SetupError

QUICK = AuditOptions(resamples=100)
CLIPS = [(f"p{p}", g) for p in range(4) for g in ("one", "two")]


def scores(of=lambda i: float(i % 3), clips=CLIPS, annotators=("judge",)):
    return [
        Score(
            video_id=f"{p}-{g}",
            dimension="quality",
            annotator_id=annotator,
            prompt_id=p,
            generator=g,
            mean=of(i),
            spread=None,
            n=1,
        )
        for annotator in annotators
        for i, (p, g) in enumerate(clips)
    ]


def ratings(of=lambda i: float(1 + i % 2), clips=CLIPS, raters=("r1", "r2", "r3")):
    return [
        HumanRating(
            video_id=f"{p}-{g}",
            rater=rater,
            dimension="quality",
            prompt_id=p,
            generator=g,
            score=of(i),
            source="people.csv",
        )
        for rater in raters
        for i, (p, g) in enumerate(clips)
    ]


def test_no_pairs_are_told():
    apart = [(f"p{i}", "one") for i in range(6)]
    notes = audit(scores(clips=apart), ratings(clips=apart), QUICK).notes
    assert "quality: people judged no two clips of one prompt, so nothing is said of pairs" in notes
    notes = audit(scores(), ratings(lambda i: 3.0), QUICK).notes
    assert "quality: people tie every pair, so there is no accuracy on pairs" in notes
    notes = audit(scores(clips=CLIPS[::2]), ratings(), QUICK).notes
    assert "judge on quality: judged no two clips of one prompt that people judged" in notes


def test_an_annotator_that_ties_everything_is_told():
    assert (
        "judge on quality: ties every pair" in audit(scores(lambda i: 3.0), ratings(), QUICK).notes
    )
    (note,) = (
        n for n in audit(scores(lambda i: i * 1e-11), ratings(), QUICK).notes if "ties every" in n
    )
    assert note.endswith("(scores that differ by less than 1e-09 are equal; multiply them)")


def test_a_note_stands_once_for_all_whom_it_is_about():
    who = [f"j{i}" for i in range(7)]
    notes = audit(scores(annotators=who), ratings(), QUICK).notes
    (note,) = (n for n in notes if n.endswith("raters have enough items and it takes 3"))
    assert note == (
        "alternative annotator test of j0, j1, j2, j3, j4 and 2 more on quality (pairs): not made, 0 "
        "raters have enough items and it takes 3"
    )
    assert Findings().notes == []


def test_a_slice_of_a_generator_with_a_strange_name_holds_its_pairs():
    clips = [(p, {"one": "c!=d"}.get(g, g)) for p, g in CLIPS]
    result = audit(scores(clips=clips), ratings(clips=clips), QUICK)
    (row,) = (
        r
        for r in result.rows
        if (r.annotator, r.statistic, r.slice)
        == ("judge", "pair_agreement_with_ties", "generator=c!=d")
    )
    assert row.n_items == 4


def test_a_requirement_of_nobody_says_whose_number_there_is():
    rows = audit(scores(), ratings(), QUICK).rows
    asked = Requirement(statistic="pair_accuracy_ties_half", at_least=0.5)
    (sentence,) = unmet(asked, rows)
    assert "of consensus (it was of judge) was not measured" in sentence


def test_what_was_said_twice_names_clip_and_files():
    twice = [*ratings(), *(r for r in ratings(raters=("r2",)) if r.prompt_id == "p3")]
    with pytest.raises(SetupError, match=r"\(prompt p3, generator one; in people\.csv\); keep one"):
        audit(scores(), twice, QUICK)


# from files


def table(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def judged(tmp_path):
    head = ["prompt_id", "generator", "annotator", "score"]
    return table(
        tmp_path / "judged.csv", [head, *([p, g, "judge", i % 3] for i, (p, g) in enumerate(CLIPS))]
    )


@pytest.fixture
def people(tmp_path):
    def people(of=lambda i: 1 + i % 2, name="people.csv", spelled=str):
        head = ["prompt_id", "generator", "rater", "dimension", "score"]
        rows = [
            [p, spelled(g), rater, "quality", of(i)]
            for rater in ("r1", "r2", "r3")
            for i, (p, g) in enumerate(CLIPS)
        ]
        return table(tmp_path / name, [head, *rows])

    return people


def run(judged, ratings, tmp_path, *more):
    argv = ["audit", "--annotations", str(judged), "--ratings", str(ratings), "--set"]
    return cli.main([*argv, "resamples=100", "--output", str(tmp_path / "out"), *more])


def test_another_scale_is_refused_until_it_is_given(judged, people, tmp_path, capsys):
    percent = people(lambda i: 10 * i)
    assert run(judged, percent, tmp_path) == 2
    said = capsys.readouterr().err
    assert "24 of 24 scores are off the scale 1 to 5" in said
    assert "they go from 0 to 70. Give the scale" in said
    assert run(judged, percent, tmp_path, "--scale", "0,100") == 0
    # a few marks off it are missing ones, and many are if the scale was given
    few = people(lambda i: 0 if i == 7 else 1 + i % 2)
    assert run(judged, few, tmp_path) == 2
    assert run(judged, few, tmp_path, "--scale", "1,5") == 0
    lines = few.read_text().splitlines()
    few.write_text("\n".join(line for line in lines if "r3" in line or not line.endswith(",0")))
    assert run(judged, few, tmp_path) == 0
    assert "people.csv: 1 scores are off the scale 1 to 5; left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--leave-out", "tow"], "no clip is of this generator; generators are one, two"),
        (["--dimension", "=quality"], "expected OURS=THEIRS"),
        (["--dimension", "a=quality,"], "expected OURS=THEIRS"),
        (["--dimension", "a=quality", "--dimension", "a=sharpness"], "a was given before"),
        (["--set", "resample=200"], "--set resample: no such option; known are"),
        (["--set", "level=95"], "--set level: Input should be less than 1, got 95"),
        (["--set", "level"], "expected KEY=VALUE"),
        (["--set", "level=[1"], "not valid YAML"),
        (["--set", "dimensions={a: [b]}", "--dimension", "a=quality"], "keep one"),
    ],
)
def test_options_that_say_nothing_sensible_are_refused(
    more, said, judged, people, tmp_path, capsys
):
    assert run(judged, people(), tmp_path, *more) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_spaces_between_dimensions_are_none_of_their_names(judged, people, tmp_path):
    assert run(judged, people(), tmp_path, "--dimension", "a = quality ") == 0


def test_a_file_for_a_folder_is_refused_before_the_work(judged, people, tmp_path, capsys):
    assert run(judged, tmp_path / "none.csv", tmp_path, "--output", str(judged)) == 2
    assert "judged.csv is a file; name a folder" in capsys.readouterr().err
    assert run(judged, people(), tmp_path, "--output", str(judged / "deeper")) == 2


def test_clips_named_apart_say_how_to_name_them(judged, people, tmp_path):
    apart = people(spelled=str.upper)
    with pytest.raises(
        SetupError, match=r"no rating or vote in .*people\.csv is about a clip of"
    ) as e:
        audit_files(judged, [RatingsTable(path=str(apart))], tmp_path / "out", QUICK)
    assert "24 ratings are about clips that the annotations do not name" in str(e.value)
    assert "--clips" in str(e.value)


def test_cells_parted_by_another_mark_are_told(judged, people, tmp_path, capsys):
    plain = people()
    plain.write_text(plain.read_text().replace(",", ";"))
    assert run(judged, plain, tmp_path) == 2
    assert "its cells are parted by ';'; save it with commas" in capsys.readouterr().err
    plain.write_text("")
    assert run(judged, plain, tmp_path) == 2
    assert "no header; the first row must name the columns" in capsys.readouterr().err


def test_raters_who_share_nothing_are_told():
    apart = [r for r in ratings() if r.rater == ("r1" if r.prompt_id < "p2" else "r2")]
    told = "no two raters judged the same clips: no agreement among raters and no ceiling"
    assert told in audit(scores(), apart, QUICK).notes
    assert told not in audit(scores(), ratings(), QUICK).notes


def accuracy(annotator, value, n_items, statistic="pair_accuracy_ties_half_loo"):
    return {
        "annotator": annotator,
        "statistic": statistic,
        "dimension": "quality",
        "slice": "all",
        "value": value,
        "low": None,
        "high": None,
        "n_items": n_items,
        "n_raters": 3,
    }


def test_the_headline_is_of_one_who_judged_enough_and_beside_people_on_the_same_pairs():
    rows = [
        accuracy("few", 1.0, 4),
        accuracy("half", 0.7, 60),
        accuracy("all", 0.6, 100),
        accuracy("half", 0.81, 60, "pair_accuracy_ties_half_ceiling"),
        accuracy("human_ceiling", 0.9, 100),
    ]
    (sentence,) = headlines({"rows": rows})
    assert sentence.startswith("On quality, half prefers the clip that the raters prefer in 70.0 %")
    assert (
        "the nearest of 3 to them, 1 that judged less than half as many pairs left out" in sentence
    )
    assert "one rater against the others reaches 81.0 %" in sentence
