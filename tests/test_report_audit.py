"""The audit page's files and sentences, without a browser."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from report_audit import disagreement, full_audit, row
from report_run import DIMENSIONS, clip_bytes, data, make_run

from pipeline.report import ReportOptions, write_report
from pipeline.report.agreement import findings, headlines, without_echo
from pipeline.report.audit_page import ClipPlace, named_clips, places_of_run, write_audit_page
from pipeline.report.pages import OF_RUN
from pipeline.report.tables import read_audit
from schemas.ids import sha256_hex
from schemas.layout import Layout

LOO = "pair_accuracy_ties_half_loo"


def rows_of(accuracy: float, chance: float = 0.5) -> list[dict[str, Any]]:
    return [
        row("judge", LOO, "d", accuracy, 0.05, n_items=900),
        row("chance", LOO, "d", chance, 0.0),
        row("judge", "pair_accuracy_ties_half_of_ceiling", "d", 0.9, 0.02),
        row("judge", "alt_test_winning_rate", "d", 2 / 3, 1 / 3, n_items=400),
        row("judge", "alt_test_advantage", "d", 0.7, 0.1, n_items=400),
        row("judge", "pair_accuracy_with_ties", "d", 0.55, 0.05, n_items=200),
        row("judge", "pair_accuracy_with_ties_optimistic", "d", 0.6, 0.05, n_items=400),
        row("all_tie", "pair_accuracy_with_ties", "d", 0.3, 0.05, n_items=200),
    ]


def test_findings_stand_the_nearest_annotator_beside_guessing_raters_and_ties() -> None:
    (found,) = findings({"rows": rows_of(0.7)})
    assert (found["dimension"], found["annotator"]) == ("d", "judge")
    assert [found["headline"]] == headlines({"rows": rows_of(0.7)})
    assert found["more"] == [
        "Its interval lies above guessing; it reaches 90.0 % [88.0, 92.0] of what one rater reaches.",
        "Alternative annotator test: judge passes. It may stand in for 2 of 3 raters (66.7 % "
        "[33.3, 100.0], where 50 % are needed), and is at least as near to the others as a rater is in "
        "70.0 % [60.0, 80.0] of 400 pairs.",
        "Where ties count, judge says the same of better, worse and tie as the raters in "
        "55.0 % [50.0, 60.0] of 200 pairs, its tie threshold fitted on other prompts; calling every "
        "pair a tie reaches 30.0 % [25.0, 35.0]; a threshold fitted on the same pairs would show "
        "60.0 % [55.0, 65.0].",
    ]


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [(0.53, "Its interval holds guessing"), (0.4, "Its interval lies below guessing")],
)
def test_an_annotator_that_guesses_is_told_so(accuracy: float, words: str) -> None:
    (found,) = findings({"rows": rows_of(accuracy)})
    assert found["more"][0].startswith(words)


def test_the_consensus_of_one_annotator_is_not_told_a_second_time() -> None:
    rows = [
        {"annotator": name, "dimension": "d", "statistic": "pair_accuracy_ties_half", "slice": "all",
         "value": 0.7, "low": 0.6, "high": 0.8, "n_items": 90, "n_raters": 1}
        for name in ("consensus", "one")
    ]  # fmt: skip
    audit = {
        "rows": rows,
        "disagreements": [{"annotator": "consensus"}, {"annotator": "one"}],
        "scope": {"annotators": ["consensus", "one"]},
    }
    shown = without_echo(audit)
    assert [row["annotator"] for row in shown["rows"]] == ["one"]
    assert shown["disagreements"] == [{"annotator": "one"}]
    assert shown["scope"]["annotators"] == ["one"]
    assert "consensus is one alone" in shown["notes"][-1]
    (sentence,) = headlines(audit)
    assert sentence.startswith("On d, one prefers")
    assert "nearest" not in sentence
    # a consensus that says something of its own stays, and so does one of several
    other = {**rows[0], "value": 0.71}
    assert without_echo({"rows": [other, rows[1]]})["rows"] == [other, rows[1]]
    three = [*rows, {**rows[1], "annotator": "two"}]
    assert without_echo({"rows": three})["rows"] == three


def test_a_sentence_without_numbers_is_left_out() -> None:
    rows = [row("judge", LOO, "d", 0.7), row("judge", "alt_test_winning_rate", "d", None)]
    (found,) = findings({"rows": rows})
    assert found["more"] == []
    assert findings({"rows": [row("raters", "icc_2_1", "d", 0.7)]}) == []


def test_the_test_fails_below_half_of_the_raters_and_scores_stand_in_for_pairs() -> None:
    rows = [
        row("judge", LOO, "d", 0.7),
        row("judge", "alt_test_winning_rate_scores", "d", 0.25, n_raters=4),
        row("judge", "alt_test_advantage_scores", "d", 0.4, None, n_items=31, n_raters=4),
    ]
    (found,) = findings({"rows": rows})
    (sentence,) = found["more"]
    assert "judge does not pass. It may stand in for 1 of 4 raters" in sentence
    assert sentence.endswith("as a rater is in 40.0 % of 31 clips.")


def test_rows_are_read_as_a_list_with_details_or_as_one_older_object(tmp_path: Path) -> None:
    assert read_audit(tmp_path) is None
    rows, details = full_audit()
    (tmp_path / "audit.json").write_text(json.dumps(rows), "utf-8")
    assert read_audit(tmp_path) == {"rows": rows}
    (tmp_path / "audit_details.json").write_text(json.dumps(details), "utf-8")
    assert read_audit(tmp_path) == {**details, "rows": rows}
    older = {"rows": rows, "notes": ["n"], "scope": {}, "unmet": []}
    (tmp_path / "audit.json").write_text(json.dumps(older), "utf-8")
    assert read_audit(tmp_path) == older


def test_an_audit_alone_has_a_page_that_names_no_other(tmp_path: Path) -> None:
    rows, details = full_audit()
    page = write_audit_page(tmp_path, rows, details)
    assert page == tmp_path / "report" / "audit.html"
    assert not (tmp_path / "report" / "index.html").exists()
    assert data(tmp_path, "pages.js") == {
        "pages": [{"file": "audit.html", "name": "Agreement"}], "simulated": [], "of": None}  # fmt: skip
    names = re.findall(r'(?:src|href)="([^"#]+)"', page.read_text("utf-8"))
    assert len(names) > 10
    assert [name for name in names if not (tmp_path / "report" / name).is_file()] == []
    written = data(tmp_path, "audit.js")
    assert written["rows"] == rows
    assert len(written["findings"]) == 2
    assert (written["clips"], written["disagreements"]) == ({}, details["disagreements"])


def test_clips_of_disagreements_come_along_and_no_others(tmp_path: Path) -> None:
    bytes_of_clip = clip_bytes(0)
    (tmp_path / "clip.mp4").write_bytes(bytes_of_clip)
    layout, out = Layout(tmp_path), tmp_path / "out"
    places = {
        "v-a": ClipPlace(layout=layout, generator="g", uri="clip.mp4", simulated=True),
        "v-b": ClipPlace(layout=layout, generator="h", uri="lost.mp4"),
        "other": ClipPlace(layout=layout, generator="h", uri="clip.mp4"),
    }
    details = {"disagreements": [disagreement("judge", "d", 0)], "scope": {"simulated": True}}
    assert named_clips(details) == ["v-a", "v-b"]
    write_audit_page(out, rows_of(0.7), details, places)
    clips = data(out, "audit.js")["clips"]
    assert sorted(clips) == ["v-a", "v-b"]
    assert (out / "report" / clips["v-a"]["media"]).read_bytes() == bytes_of_clip
    assert sha256_hex(bytes_of_clip) in clips["v-a"]["media"]
    assert (clips["v-b"]["media"], clips["v-b"]["why_no_media"]) == (
        None, "the clip is not on this machine any more")  # fmt: skip
    assert data(out, "pages.js")["simulated"] == ["raters", "clips"]
    # beside the pages it needs no second name
    write_audit_page(tmp_path, rows_of(0.7), details, places)
    assert data(tmp_path, "audit.js")["clips"]["v-a"]["media"] == "../clip.mp4"


def test_a_run_gives_the_clips_and_frames_of_its_disagreements(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    write_report(tmp_path, ReportOptions(prompts=1), record)
    audit = data(tmp_path, "audit.js")
    (pair,) = audit["disagreements"]
    for side in ("a", "b"):
        clip = audit["clips"][pair[side]["video_id"]]
        assert (tmp_path / "report" / clip["media"]).is_file()
        assert len(clip["frames"]["items"]) == 4
    assert "index.html" in [page["file"] for page in data(tmp_path, "pages.js")["pages"]]
    assert {r["slice"] for r in audit["rows"]} == {"all", "generator=alpha"}
    assert {r["slice"] for r in data(tmp_path, "agreement.js")["rows"]} == {"all"}
    write_report(tmp_path, ReportOptions(prompts=1, clips=False), record)
    clips = data(tmp_path, "audit.js")["clips"].values()
    assert {(c["media"], c["why_no_media"]) for c in clips} == {(None, "clips left out by option")}


def test_an_audit_in_a_runs_folder_leaves_the_rest_of_its_report(tmp_path: Path) -> None:
    write_report(tmp_path, ReportOptions(), make_run(tmp_path))
    audit = read_audit(tmp_path)
    assert audit is not None
    places = places_of_run(tmp_path, [*named_clips(audit), "not of this run"])
    assert len(places) == 2
    write_audit_page(tmp_path, audit["rows"][:5], audit, places)
    pages = data(tmp_path, "pages.js")
    assert pages["simulated"] == ["clips"]
    assert [page["file"] for page in pages["pages"]] == [page.file for page in OF_RUN]
    assert (tmp_path / "report" / "index.html").is_file()
    assert data(tmp_path, "index.js")["total"] == 3
    assert [r["dimension"] for r in data(tmp_path, "agreement.js")["rows"]] == [DIMENSIONS[0]] * 5
