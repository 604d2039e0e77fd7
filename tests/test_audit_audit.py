"""The audit as a whole: a tiny set by hand, files, refusals, and the published FETV figures."""

import csv
import json
import math
import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.audit.audit import audit
from pipeline.audit.files import audit_files
from pipeline.audit.names import REPLIES, RESERVED, STATISTICS
from pipeline.audit.options import AuditOptions, RatingsTable, Requirement
from pipeline.audit.ratings import check_ratings, rated_dimensions
from pipeline.audit.result import unmet
from pipeline.formats.facts import ClipFacts
from pipeline.generators.defects import Defects, truth
from pipeline.generators.grammar import simulated_prompts
from schemas import HumanRating, Score, Video
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import to_table

QUICK = {"resamples": 100}


def score(prompt, generator, mean, annotator="judge", dimension="quality"):
    return Score(
        video_id=f"{prompt}-{generator}",
        dimension=dimension,
        annotator_id=annotator,
        prompt_id=prompt,
        generator=generator,
        mean=mean,
        spread=None,
        n=1,
    )


def rating(prompt, generator, value, rater="r1", dimension="quality", **more):
    return HumanRating(
        video_id=f"{prompt}-{generator}",
        rater=rater,
        dimension=dimension,
        prompt_id=prompt,
        generator=generator,
        score=value,
        source="people.csv",
        **more,
    )


# Three prompts, generators x, y, z. Scores of the judge; of raters r1 and r2:
#   p1  x 1 (1, 1)  y 2 (2, 4)  z 3 (5, 5)    target 1, 3, 5: three pairs right
#   p2  x 5 (1, 1)  y 3 (4, 4)  z 3 (4, 4)    target 1, 4, 4: two wrong, one tied by both
#   p3  x 2 (3, 3)  y 2 (5, 5)                target 3, 5: the judge ties
CLIPS = [
    ("p1", "x", 1, 1, 1), ("p1", "y", 2, 2, 4), ("p1", "z", 3, 5, 5), ("p2", "x", 5, 1, 1),
    ("p2", "y", 3, 4, 4), ("p2", "z", 3, 4, 4), ("p3", "x", 2, 3, 3), ("p3", "y", 2, 5, 5),
]  # fmt: skip
SCORES = [score(p, g, float(s)) for p, g, s, _, _ in CLIPS]
RATINGS = [rating(p, g, float(r), "r1") for p, g, _, r, _ in CLIPS] + [
    rating(p, g, float(r), "r2") for p, g, _, _, r in CLIPS
]


def run(scores=SCORES, ratings=RATINGS, **options):
    return audit(scores, ratings, AuditOptions(**{**QUICK, **options}))


def values(result, annotator="judge", where="all", dimension="quality"):
    return {
        row.statistic: row
        for row in result.rows
        if (row.annotator, row.slice, row.dimension) == (annotator, where, dimension)
    }


@pytest.fixture(scope="module")
def result():
    return run()


def test_pairs_by_hand(result):
    rows = values(result)
    # 7 pairs, one tied in the target; of the other 6: 3 right, 2 wrong, 1 judge tie
    expected = {
        "pair_accuracy_ties_half": (3.5 / 6, 6),
        "pair_accuracy_ties_wrong": (3 / 6, 6),
        "pair_accuracy_ties_excluded": (3 / 5, 6),
        "pair_agreement_with_ties": (4 / 7, 7),
        "judge_tie_share": (2 / 7, 7),
        "human_tie_share": (1 / 7, 7),
    }
    for name, (value, n) in expected.items():
        assert (rows[name].value, rows[name].n_items) == (pytest.approx(value), n), name
        assert rows[name].n_raters == 2
        assert rows[name].low <= rows[name].value <= rows[name].high


def test_scores_by_hand(result):
    rows = values(result)
    # (judge, rating) pairs equal: p1x twice, p1y once: 3 of 16; within one: p1x 2, p1y 1 (2-2),
    # p2y 2, p2z 2, p3x 2: 9 of 16
    assert rows["exact_agreement"].value == pytest.approx(3 / 16)
    assert rows["within_one_agreement"].value == pytest.approx(9 / 16)
    assert rows["exact_agreement"].n_items == 8


def test_within_prompt_means_leave_undefined_prompts_out(result):
    rows = values(result)
    # p1: 1. p2: judge 5 3 3, target 1 4 4: -1. p3: judge tied throughout: undefined. Mean 0.
    assert rows["spearman_within_prompt"].value == pytest.approx(0)
    assert rows["kendall_tau_b_within_prompt"].value == pytest.approx(0)
    told = "spearman_within_prompt and tau-b within prompts on quality leave out prompts whose clips are "
    assert f"{told}all tied: judge 1" in result.notes


def test_one_left_out_by_hand(result):
    rows, ceiling = values(result), values(result, "human_ceiling")
    # Target r2: p1 1 4 5: judge 3 right; p2: 2 wrong; p3: tie: 3.5 / 6. Target r1: the same.
    assert rows["pair_accuracy_ties_half_loo"].value == pytest.approx(3.5 / 6)
    # r1 against r2: p1 3 right, p2 2 right, p3 right: all 6; r2 against r1 likewise
    assert rows["pair_accuracy_ties_half_ceiling"].value == 1
    assert ceiling["pair_accuracy_ties_half_loo"].value == 1
    assert rows["pair_accuracy_ties_half_of_ceiling"].value == pytest.approx(3.5 / 6)
    # 6 untied pairs of the one target and 6 of the other
    assert rows["pair_accuracy_ties_half_loo"].n_items == 12
    assert ceiling["spearman_within_prompt_loo"].value == pytest.approx(1)


def test_raters_among_themselves(result):
    rows = values(result, "raters")
    # 7 of 8 clips with equal ratings, the other (2, 4)
    assert rows["exact_agreement"].value == pytest.approx(7 / 8)
    assert rows["within_one_agreement"].value == pytest.approx(7 / 8)
    assert {f"krippendorff_alpha_{k}" for k in ("nominal", "ordinal", "interval")} < set(rows)
    assert rows["icc_2_1"].n_items == 8


def test_baselines(result):
    chance, ties = values(result, "chance"), values(result, "all_tie")
    for suffix in ("", "_loo"):
        for rule in ("half", "wrong", "excluded"):
            assert chance[f"pair_accuracy_ties_{rule}{suffix}"].value == 0.5
        assert ties[f"pair_accuracy_ties_half{suffix}"].value == 0.5
        assert ties[f"pair_accuracy_ties_wrong{suffix}"].value == 0
        assert ties[f"pair_accuracy_ties_excluded{suffix}"].value is None
    assert chance["pair_agreement_with_ties"].value == pytest.approx((1 - 1 / 7) / 2)
    assert ties["pair_agreement_with_ties"].value == pytest.approx(1 / 7)


def test_slices_by_generator(result):
    rows = values(result, where="generator=z")
    # pairs with a clip of z: p1 xz, yz right; p2 xz wrong, yz tied by both
    assert rows["pair_accuracy_ties_half"].value == pytest.approx(2 / 3)
    assert rows["pair_accuracy_ties_half"].n_items == 3
    assert rows["exact_agreement"].n_items == 2
    assert "spearman_within_prompt" not in rows
    only_x = run([s for s in SCORES if s.generator == "x"], RATINGS)
    assert "pair_accuracy_ties_half" not in values(only_x, where="generator=x")
    assert values(only_x)["pair_accuracy_ties_half"].value is None


def test_names_are_of_the_closed_list_and_all_of_it_occurs(result):
    # all but those of two annotators
    assert {row.annotator for row in result.rows} == {
        *RESERVED, "judge", "rater r1", "rater r2"
    } - {"jury"}  # fmt: skip
    both = run([*SCORES, *(score(p, g, float(6 - s), "other") for p, g, s, _, _ in CLIPS)])
    # all but those of choices, and of replies in a run
    elsewhere = {"first_position_rate", "position_consistency", "label_accuracy", *REPLIES}
    assert {row.statistic for row in both.rows} == set(STATISTICS) - elsewhere
    assert {row.annotator for row in both.rows} == {
        *RESERVED, "judge", "other", "judge & other", "rater r1", "rater r2"
    }  # fmt: skip


def test_a_key_occurs_once(result):
    keys = [(r.annotator, r.statistic, r.dimension, r.slice) for r in result.rows]
    assert len(keys) == len(set(keys))


def test_the_order_of_rows_changes_nothing(result):
    mixed = random.Random(0)
    scores, ratings = SCORES[:], RATINGS[:]
    mixed.shuffle(scores)
    mixed.shuffle(ratings)
    assert run(scores, ratings) == result


def test_an_unbounded_metric_has_no_exact_agreement():
    rows = values(run([score(p, g, s / 10) for p, g, s, _, _ in CLIPS]))
    assert rows["pair_accuracy_ties_half"].value == pytest.approx(3.5 / 6)
    assert not {"exact_agreement", "cohen_kappa_quadratic"} & set(rows)
    assert "krippendorff_alpha_ordinal_joined" not in rows


def test_several_human_dimensions_are_averaged_per_rater():
    ratings = [
        *(rating("p1", g, v, "r1", "sharp") for g, v in (("x", 1.0), ("y", 5.0))),
        *(rating("p1", g, v, "r1", "smooth") for g, v in (("x", 4.0), ("y", 1.0))),
        # r2 left out "smooth" for y: no score of y, though "sharp" alone would turn the order
        rating("p1", "x", 1.0, "r2", "sharp"),
        rating("p1", "x", 1.0, "r2", "smooth"),
        rating("p1", "y", 1.0, "r2", "sharp"),
    ]
    # targets: x mean of 2.5 and 1 = 1.75; y 3
    scores = [score("p1", "x", 1.0), score("p1", "y", 2.0)]
    result = run(scores, ratings, dimensions={"quality": ["sharp", "smooth"]})
    assert values(result)["pair_accuracy_ties_half"].value == 1
    assert (
        "quality is held against the raters' sharp and smooth, averaged per rater" in result.notes
    )
    assert set(values(result, "raters", dimension="sharp")) > {"exact_agreement"}


def test_one_rater_has_no_ceiling():
    result = run(ratings=RATINGS[: len(CLIPS)])
    assert not any("_loo" in row.statistic for row in result.rows)
    assert any(note.startswith("one rater") for note in result.notes)
    assert values(result)["pair_accuracy_ties_half"].n_raters == 1


def test_clips_can_be_left_out_by_generator():
    result = run(leave_out_generators=["z"])
    assert result.scope["generators"] == ["x", "y"]
    assert values(result)["exact_agreement"].n_items == 6
    assert "left out: clips of z" in result.notes


def test_the_scope_says_whether_raters_are_simulated(result):
    assert result.scope["simulated"] is False
    made_up = run(ratings=[rating(p, g, float(r), simulated=True) for p, g, _, r, _ in CLIPS])
    assert made_up.scope["simulated"] is True
    assert any("simulated" in note for note in made_up.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratings": []}, "no rating is about a clip"),
        (
            {"dimensions": {"quality": ["beauty"]}},
            "no rating has the dimension 'beauty'; they have",
        ),
        ({"scores": [score("p1", "x", 1.0, dimension="speed")]}, r"both scores \(speed\) and"),
        ({"scores": [score("p1", "x", 1.0, "chance")]}, "may not be called 'chance'"),
        ({"scores": [*SCORES, SCORES[0]]}, "2 scores have the same key p1-x/judge/quality"),
        ({"ratings": [*RATINGS, RATINGS[0]]}, "2 ratings have the same key p1-x/r1/quality"),
    ],
)
def test_what_cannot_be_compared_is_refused(change, message):
    with pytest.raises(SetupError, match=message):
        run(**change)


def test_requirements(result):
    def missing(**asked):
        return unmet(Requirement(annotator="judge", **asked), result.rows)

    half = "pair_accuracy_ties_half"
    assert missing(statistic=half, at_least=0.5) == []
    assert missing(statistic=half, at_least=0.6) == [
        "pair_accuracy_ties_half of judge on quality is 0.5833 [0.0000, 0.9661] (n 6); at least 0.6 "
        "is required"
    ]
    assert "was not measured" in missing(statistic=half, at_least=0.1, dimension="speed")[0]
    undefined = Requirement(
        statistic="pair_accuracy_ties_excluded", annotator="all_tie", at_least=0.0
    )
    assert "is undefined" in unmet(undefined, result.rows)[0]
    asked = {"statistic": half, "annotator": "judge", "at_least": 0.9}
    assert len(run(require=asked).unmet) == 1
    with pytest.raises(ValueError, match="unknown statistic 'accuracy'"):
        AuditOptions(require=[{"statistic": "accuracy", "at_least": 1}])


def test_the_file_is_strict_json(result, tmp_path):
    result.write(tmp_path / "deep" / "audit.json")

    def refuse(constant):
        raise AssertionError(constant)

    rows, details = (
        json.loads((tmp_path / "deep" / name).read_text(encoding="utf-8"), parse_constant=refuse)
        for name in ("audit.json", "audit_details.json")
    )
    fields = "annotator statistic dimension slice value low high n_items n_raters"
    assert all(set(row) == set(fields.split()) for row in rows)
    assert len(rows) == len(result.rows)
    assert any(row["value"] is None for row in rows)
    assert set(details) == {"notes", "scope", "unmet", "disagreements", "alt_test"}
    assert details["notes"] == list(result.notes)


# from files


def tables(*paths):
    return [RatingsTable(path=str(path)) for path in paths]


def write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def people(tmp_path):
    rows = [
        {"prompt_id": r.prompt_id, "generator": r.generator, "rater": r.rater,
         "aspect": r.dimension, "score": r.score}
        for r in RATINGS
    ]  # fmt: skip
    rows.append({**rows[0], "prompt_id": "p9"})
    rows.append({**rows[0], "rater": "r3", "score": 9})
    return write_csv(tmp_path / "people.csv", rows)


def test_a_run_and_a_table_of_its_scores_give_the_same_numbers(result, people, tmp_path):
    layout = Layout(tmp_path / "run")
    videos = [
        Video(video_id=s.video_id, prompt_id=s.prompt_id, prompt="a", generator=s.generator,
              uri="a.mp4", sha256="0" * 64, n_bytes=1, source="test")
        for s in SCORES
    ]  # fmt: skip
    for name, record, rows in (("scores", Score, SCORES), ("videos", Video, videos)):
        layout.table(name).mkdir(parents=True)
        pq.write_table(to_table(record, rows), layout.table(name) / "part-0.parquet")
    from_run = audit_files(
        layout.root, tables(people), tmp_path / "a", AuditOptions(**QUICK)
    ).result
    table = write_csv(
        tmp_path / "scores.csv",
        [{"prompt_id": s.prompt_id, "generator": s.generator, "metric": "judge", "score": s.mean}
         for s in SCORES],
    )  # fmt: skip
    from_table = audit_files(table, tables(people), tmp_path / "b", AuditOptions(**QUICK)).result
    assert from_run.rows == from_table.rows == result.rows
    # a run that is not complete may hold the tables of another configuration
    assert not any("not complete" in note for note in from_run.notes)
    layout.status.write_text('{"state": "unmet"}')
    again = audit_files(layout.root, tables(people), tmp_path / "a", AuditOptions(**QUICK)).result
    assert "is unmet, not complete" in again.notes[0]
    assert "people.csv: 1 rows are about clips that are not here; left out" in from_run.notes
    told = "1 ratings are about clips that the annotations do not name; left out"
    assert told in from_table.notes
    assert "people.csv: 1 scores are off the scale 1 to 5; left out" in from_run.notes
    assert json.loads((tmp_path / "a" / "audit.json").read_text()) == from_run.table


def test_scores_by_video_id_learn_their_prompt_from_the_ratings(result, tmp_path):
    table = pa.table(
        {"video_id": [s.video_id for s in SCORES], "annotator": ["judge"] * len(SCORES),
         "dimension": ["quality"] * len(SCORES), "score": [s.mean for s in SCORES]}
    )  # fmt: skip
    pq.write_table(table, tmp_path / "scores.parquet")
    pq.write_table(to_table(HumanRating, RATINGS), tmp_path / "people.parquet")
    found = audit_files(
        tmp_path / "scores.parquet",
        tables(tmp_path / "people.parquet"),
        tmp_path,
        AuditOptions(**QUICK),
    ).result
    assert found.rows == result.rows


def test_what_files_lack_is_refused(people, tmp_path):
    with pytest.raises(SetupError, match=r"no Parquet file; is .* the folder of a run"):
        audit_files(tmp_path, tables(people), tmp_path / "out")
    lines = {"video_id": "v1", "metric": "m", "score": 1}
    with pytest.raises(
        SetupError, match="row 2: nothing says the prompt and generator of clip 'v1'"
    ):
        audit_files(write_csv(tmp_path / "s.csv", [lines]), tables(people), tmp_path / "out")
    twice = {"prompt_id": "p1", "generator": "x", "metric": "m", "score": 1}
    with pytest.raises(SetupError, match="rows 2 and 3 are both scores of 'm'"):
        audit_files(write_csv(tmp_path / "s.csv", [twice, twice]), tables(people), tmp_path / "out")
    simulated = AuditOptions(ratings=[{"kind": "simulated"}])
    with pytest.raises(SetupError, match="only a run can simulate raters"):
        audit_files(tmp_path / "s.csv", tables(people), tmp_path / "out", simulated)
    assert not (tmp_path / "out").exists()


def test_rating_tables_are_checked_before_the_work(people, tmp_path):
    def options(**more):
        return AuditOptions(ratings=[RatingsTable(path=str(people))], **more)

    clips = [
        ClipFacts(video_id=s.video_id, prompt_id=s.prompt_id, generator=s.generator) for s in SCORES
    ]
    check_ratings(options(), clips)
    with pytest.raises(SetupError, match="no such file"):
        check_ratings(AuditOptions(ratings=[RatingsTable(path=str(tmp_path / "no.csv"))]))
    with pytest.raises(SetupError, match=r"audit\.dimensions\.quality: .* 'sharp'"):
        check_ratings(options(dimensions={"quality": ["sharp"]}))
    other = ClipFacts(video_id="p7-x", prompt_id="p7", generator="x")
    with pytest.raises(SetupError, match=r"no rating in .* is about a clip of this run"):
        check_ratings(options(), [other])


def test_what_people_rate_is_known_before_the_work(people):
    assert rated_dimensions(AuditOptions()) == set()
    assert rated_dimensions(AuditOptions(ratings=[RatingsTable(path=str(people))])) == {"quality"}
    simulated = AuditOptions(
        ratings=[{"kind": "simulated"}], dimensions={"video_quality": ["beauty"]}
    )
    # what the simulated raters rate is what is known of a simulated clip
    assert rated_dimensions(simulated) == set(truth(simulated_prompts(1, 0)[0], Defects()))
    with pytest.raises(SetupError, match="no rating has the dimension 'beauty'"):
        check_ratings(simulated)


@pytest.fixture(scope="module")
def fetv(test_data, tmp_path_factory):
    """One published metric against the three raters of every generated FETV clip."""
    folder = tmp_path_factory.mktemp("fetv")
    with (test_data / "fetv" / "metric_scores.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "CLIPScore"]
    table = write_csv(folder / "clip_score.csv", rows)
    options = AuditOptions(leave_out_generators=["real"], resamples=100)
    ratings = tables(test_data / "fetv" / "human_ratings.csv")
    return audit_files(table, ratings, folder, options).result


@pytest.mark.parametrize(
    ("dimension", "published"),
    [("static_quality", 0.6467), ("temporal_quality", 0.6335), ("alignment", 0.6142)],
)
def test_fetv_alpha_is_the_published_one(fetv, dimension, published):
    row = values(fetv, "raters", dimension=dimension)["krippendorff_alpha_ordinal"]
    assert round(row.value, 4) == published
    assert (row.n_items, row.n_raters) == (2476, 3)
    assert row.low < row.value < row.high


def test_fetv_target_ties_and_ceiling_are_plausible(fetv):
    rows = values(fetv, "CLIPScore", dimension="alignment")
    assert rows["spearman"].n_items == 2476
    assert rows["pair_agreement_with_ties"].n_items == 619 * math.comb(4, 2)
    assert rows["pair_accuracy_ties_half_loo"].value < rows["pair_accuracy_ties_half_ceiling"].value
