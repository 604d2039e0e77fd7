"""What is told of an audit before any work, because people's words alone show that it would fail."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.audit import names
from pipeline.audit.audit import audit
from pipeline.audit.foreseen import check_foreseen, measured_of
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People
from pipeline.formats.facts import ClipFacts
from schemas import CONSENSUS, HumanRating, HumanVote, Score
from schemas.options import SetupError

JUDGES = ("one", "two")
CLIPS = [
    ClipFacts(video_id=f"{p}{c}", prompt_id=p, generator=f"g{c}") for p in "pqrstu" for c in "012"
]
random = np.random.default_rng(0)


def ratings(clips: list[ClipFacts] = CLIPS, raters: int = 3) -> list[HumanRating]:
    return [
        HumanRating(
            video_id=c.video_id, rater=f"r{r}", dimension="d", prompt_id=c.prompt_id,
            generator=c.generator, score=float(random.integers(1, 6)), source="here",
        )
        for c in clips
        for r in range(raters)
    ]  # fmt: skip


def votes() -> list[HumanVote]:
    return [
        HumanVote(
            prompt_id=p, video_a=f"{p}0", video_b=f"{p}1", rater=f"r{r}", dimension="d",
            choice="ab"[random.integers(2)], source="here",
        )
        for p in "pqrstu"
        for r in range(3)
    ]  # fmt: skip


def scores() -> list[Score]:
    return [
        Score(
            video_id=c.video_id, dimension="d", annotator_id=who, prompt_id=c.prompt_id,
            generator=c.generator, mean=float(random.integers(1, 6)), spread=None, n=1,
        )
        for c in CLIPS
        for who in (*JUDGES, CONSENSUS)
    ]  # fmt: skip


def check(
    people: People, options: dict[str, Any], judges: tuple[str, ...] = JUDGES, **more: Any
) -> list[str]:
    return check_foreseen(AuditOptions(**options), people, CLIPS, judges, ["d", "overall"], **more)


def asked(statistic: str, **more: Any) -> dict[str, Any]:
    return {"require": {"statistic": statistic, "at_least": 0.1, **more}}


def test_whatever_an_audit_tells_can_be_required_and_nothing_else() -> None:
    """The rows of a real audit, with ratings and votes, against what is foreseen of each subject."""
    told = [
        audit(scores(), ratings(), AuditOptions(resamples=100)),
        audit(scores(), [], AuditOptions(resamples=100), votes=votes()),
    ]
    rows = [row for one in told for row in one.rows if row.slice == names.ALL]
    found = {(row.annotator, row.statistic) for row in rows}
    for who, statistic in found:
        assert statistic in measured_of(who), (who, statistic)
    for who in {who for who, _ in found}:
        missing = measured_of(who) - {statistic for one, statistic in found if one == who}
        assert missing <= {*names.REPLIES, *names.POSITION}, (who, missing)
    with_value = {(r.annotator, r.statistic, r.dimension) for r in told[0].rows if r.slice == "all"}
    for who, statistic, dimension in with_value:
        check(People(ratings=ratings()), asked(statistic, annotator=who, dimension=dimension))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (asked("spearman", dimension="quality"), "no such dimension is audited; audited are d"),
        (asked("spearman", annotator="three"), "there is no three; there are consensus, one, two"),
        (asked("rater_mean", annotator="rater r7"), "there is no r7; there are consensus, r0, r1"),
        (asked("krippendorff_alpha_ordinal"), "it is one of raters: say annotator:"),
        (asked("slice_gap"), "is told of slices alone"),
        (asked("first_position_rate"), "has no such number"),
        (asked("error_correlation", annotator="two & one"), "say annotator: one & two"),
        ({"dimensions": {"d": ["e"]}}, "no rating has the dimension 'e'"),
        ({"leave_out_generators": ["g0", "g1", "g2"]}, "people rated no clip of any other"),
    ],
)  # fmt: skip
def test_what_an_audit_could_only_fail_with(options: dict[str, Any], message: str) -> None:
    with pytest.raises(SetupError, match=message):
        check(People(ratings=ratings()), options)


def test_what_people_said_too_little_for() -> None:
    def refused(people: People, message: str, statistic: str, **more: Any) -> None:
        with pytest.raises(SetupError, match=message):
            check(people, asked(statistic, **more))

    alone = People(ratings=ratings(raters=1))
    refused(
        alone, "two raters of the same clips, and there is 1", "pair_accuracy_ties_half_of_ceiling"
    )
    refused(alone, "two raters", "krippendorff_alpha_ordinal", annotator="raters")
    check(alone, asked("pair_accuracy_ties_half"))
    one_each = People(ratings=ratings([c for c in CLIPS if c.generator == "g0"]))
    refused(one_each, "nobody rated two clips of one prompt", "pair_accuracy_ties_half")
    check(one_each, asked("spearman"))
    one_prompt = People(ratings=ratings(CLIPS[:3]))
    refused(one_prompt, "its low end is asked for", "pair_accuracy_ties_half", bound="low")
    check(one_prompt, asked("pair_accuracy_ties_half"))
    voted = People(votes=votes())
    refused(voted, "people voted between clips", "spearman")
    check(voted, asked("pair_accuracy_ties_half_of_ceiling"))
    with pytest.raises(SetupError, match="clips are compared here"):
        check(People(ratings=ratings()), asked("spearman"), scored=False)
    for statistic in ("refusal_rate", "first_position_rate"):
        check(voted, asked(statistic, annotator="one"), compared=True)
    with pytest.raises(SetupError, match="clips are not compared here"):
        check(voted, asked("first_position_rate", annotator="one"))
    with pytest.raises(SetupError, match="one annotator alone is no jury"):
        check(voted, asked("effective_judges", annotator="jury"), judges=("one",))


def test_what_would_fail_after_all_the_work() -> None:
    elsewhere = [r for r in ratings()]
    with pytest.raises(SetupError, match="no dimension has both scores"):
        check_foreseen(AuditOptions(), People(ratings=elsewhere), CLIPS, JUDGES, ["overall"])
    with pytest.raises(SetupError, match="an annotator may not be called 'chance'"):
        check(People(ratings=elsewhere), {}, judges=("chance",))
    with pytest.raises(SetupError, match="2 ratings have the same key"):
        check(People(ratings=[*elsewhere, elsewhere[0]]), {})


def test_options_about_nothing_are_told() -> None:
    people = People(ratings=ratings())
    assert check(people, {}) == []
    told = check(people, {"leave_out_generators": ["g9"], "dimensions": {"e": ["d"]}})
    assert told == [
        "audit.leave_out_generators: no clip is by 'g9'; generators are g0, g1, g2",
        "audit.dimensions: 'e' is not judged here; judged are d, overall",
    ]


def test_a_file_of_ratings_needs_no_kind() -> None:
    assert AuditOptions(ratings=[{"path": "a.csv"}]) == AuditOptions(
        ratings=[{"kind": "auto", "path": "a.csv"}]
    )
    with pytest.raises(ValidationError, match=r"auto\.raters\s+Extra inputs"):
        AuditOptions(ratings=[{"path": "a.csv", "raters": 3}])
