"""The report's files and the numbers in its data scripts, without a browser."""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_run import (
    DIMENSIONS,
    GENERATORS,
    HOSTILE,
    HOSTILE_RATIONALE,
    JUDGE,
    PUSH,
    SPLITS,
    TEXTS,
    data,
    make_run,
    manifest,
    write_tables,
)

from pipeline.report import ReportOptions, write_report
from pipeline.report.aggregates import histogram
from pipeline.report.agreement import headlines
from pipeline.report.explorer.order import choose_prompts
from pipeline.report.media import link_or_copy
from pipeline.report.pages import OF_RUN, script
from schemas.ids import hash_fraction, prompt_id
from schemas.layout import Layout
from schemas.tables import TABLES


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "run"
    folder.mkdir()
    record = make_run(folder)
    index = write_report(folder, ReportOptions(prompts_per_file=2), record)
    assert index == folder / "report" / "index.html"
    return folder


def test_prompts_are_paged_and_every_prompt_is_in_the_index(root: Path) -> None:
    index = data(root, "index.js")
    assert (index["total"], index["per_file"]) == (3, 2)
    assert sorted(index["texts"]) == sorted(TEXTS)
    assert index["ids"] == [prompt_id(text) for text in index["texts"]]
    for page, listed in ((0, index["ids"][:2]), (1, index["ids"][2:])):
        assert [p["id"] for p in data(root, f"prompts-{page}.js")] == listed
    assert not (root / "report" / "data" / "prompts-2.js").exists()


def entry(root: Path, text: str) -> dict[str, Any]:
    pages = [data(root, f"prompts-{page}.js") for page in (0, 1)]
    return next(p for page in pages for p in page if p["text"] == text)


def test_an_entry_holds_clips_frames_scores_ratings_and_pairs(root: Path) -> None:
    prompt = entry(root, HOSTILE)
    first, second = prompt["clips"]
    assert [first["generator"], second["generator"]] == ["alpha", "beta <i>"]
    assert (root / "report" / first["media"]).stat().st_size > 0
    frames = first["frames"]["items"]
    assert [f["index"] for f in frames] == [0, 4, 7, 11]
    assert all((root / "report" / f["src"]).is_file() for f in frames)
    scores = {(s["annotator"], s["dimension"]): s for s in first["scores"]}
    signal = scores["signal", "prompt_following"]
    assert (signal["mean"], signal["low"], signal["high"]) == (1, 1, 5)
    assert signal["draws"][0]["rationale"] == HOSTILE_RATIONALE
    # raters r0 r1 r2 say 1, 2 and 1: mean 4/3
    rating = next(r for r in first["ratings"] if r["dimension"] == "prompt_following")
    assert (rating["mean"], rating["n"], rating["simulated"]) == (pytest.approx(4 / 3), 3, True)
    # The record's a is the second clip (score 2, margin +1): on the page the first stands left.
    pair = next(p for p in prompt["pairs"] if p["dimension"] == "prompt_following")
    assert (pair["a"], pair["b"], pair["label"], pair["margin"]) == (0, 1, "b", -1)


def test_every_annotator_stands_beside_the_consensus_with_its_draws(root: Path) -> None:
    first = entry(root, HOSTILE)["clips"][0]
    found = {s["annotator"]: s for s in first["scores"] if s["dimension"] == "prompt_following"}
    assert sorted(found) == ["consensus", JUDGE, "signal"]
    assert [d["draw"] for d in found[JUDGE]["draws"]] == [0, 1]
    assert all(d["rationale"].startswith(HOSTILE_RATIONALE) for d in found[JUDGE]["draws"])


def test_the_index_names_the_files_with_scores_and_what_is_in_them(root: Path) -> None:
    index = data(root, "index.js")
    first, second = index["dimensions"]
    assert (first["name"], first["file"]) == (DIMENSIONS[0], "scores-0")
    assert (second["name"], second["file"]) == (DIMENSIONS[1], "scores-1")
    for named in (first, second):
        columns = data(root, f"{named['file']}.js")
        assert columns["dimension"] == named["name"]
        for part in ("scores", "spread", "margins"):
            assert list(columns[part]) == named[part]
    columns = data(root, "scores-0.js")
    # clips 0 .. 5 say 1 2, 3 4, 5 and nothing; pairs are those of the first, second and third prompt
    at = [index["texts"].index(text) for text in TEXTS]
    own = [slice(*index["starts"][place : place + 2]) for place in at]
    assert [columns["scores"]["signal"][clips] for clips in own] == [[1, 2], [3, 4], [5, None]]
    # raters say the score, one more (5 at most), the score
    mean = columns["scores"]["raters"]
    assert [mean[clips] for clips in own] == [[1.3333, 2.3333], [3.3333, 4.3333], [5, None]]
    # the record's a is the clip with the higher number, so the second on the page is preferred
    assert [columns["margins"]["labels"][place] for place in at] == [-1, -1, None]
    # what the judge compared in both orders comes before its scores: of the first prompt it likes
    # whatever is shown first, which is a tie
    assert [columns["margins"][JUDGE][place] for place in at] == [0, -1, None]
    assert first["spread"] == []  # both draws say the same, but no score carries a spread
    assert [index["splits"][index["split"][place]] for place in at[:2]] == ["train", "validation"]
    (failed,) = [r for r in index["reasons"] if r["stage"] == "compare"]
    number = index["reasons"].index(failed)
    assert index["prompt_reasons"] == {str(at[1]): [number]}
    (group,) = [g for g in data(root, "run.js")["failures"] if g["stage"] == "compare"]
    assert [example["prompt"] for example in group["examples"]] == [index["ids"][at[1]]]


def test_comparisons_stand_in_the_order_shown(root: Path) -> None:
    # the judge always prefers the first clip shown of the first prompt, the second of the second
    prompt = entry(root, HOSTILE)
    own = [c for c in prompt["comparisons"] if c["dimension"] == "prompt_following"]
    assert [(c["shown"], c["ranking"]) for c in own] == [([0, 1], [1, 2]), ([1, 0], [1, 2])]
    assert own[0]["rationale"] == HOSTILE_RATIONALE
    assert {p["basis"] for p in prompt["pairs"]} == {"scores"}
    second = entry(root, TEXTS[1])
    own = [c for c in second["comparisons"] if c["dimension"] == "prompt_following"]
    assert [(c["shown"], c["ranking"]) for c in own] == [([0, 1], [2, 1]), ([1, 0], [1, 2])]
    assert [f["reason"] for f in second["failures"]] == ["refusal"]
    assert {p["basis"] for p in second["pairs"]} == {"comparisons"}


def test_the_judges_of_the_run_are_on_the_page(root: Path) -> None:
    judges = data(root, "judges.js")
    assert judges == json.loads((root / "judges.json").read_text("utf-8"))
    rows = {(r["annotator"], r["statistic"]): r["value"] for r in judges["rows"]
            if (r["dimension"], r["generator"]) == ("all", "all")}  # fmt: skip
    # 20 scores and 7 of 8 comparisons of the judge; 10 scores and 1 of 11 not applicable
    assert rows[JUDGE, "refusal_rate"] == 1 / 28
    assert rows["signal", "not_applicable_rate"] == 1 / 11
    # both dimensions of the first prompt flip; of the second only one has both orders
    assert rows[JUDGE, "position_consistency"] == pytest.approx(1 / 3)
    # paid: 20 * 0.002 + 7 * 0.004 for 27 verdicts
    assert rows[JUDGE, "cost_per_verdict_usd"] == pytest.approx(0.068 / 27)
    assert rows[JUDGE, "distinct_draws"] == 1


VERSION_1 = {"schema_version": "1", "record": "Preference"}


def test_a_table_from_before_there_was_a_basis_rests_on_scores(tmp_path: Path) -> None:
    record = make_run(tmp_path, stages=False)
    for path in (tmp_path / "tables" / "preferences").rglob("*.parquet"):
        table = pq.read_table(path).drop_columns(["basis"])
        pq.write_table(table.replace_schema_metadata(VERSION_1), path)
    write_report(tmp_path, ReportOptions(), record)
    pairs = [p for entry in data(tmp_path, "prompts-0.js") for p in entry["pairs"]]
    assert {p["basis"] for p in pairs} == {"scores"}
    assert {p["compared"] for p in data(tmp_path, "run.js")["preferences"]} == {0}


def test_a_clip_that_failed_says_why_and_still_plays(root: Path) -> None:
    clip = entry(root, TEXTS[2])["clips"][1]
    assert clip["frames"] is None
    assert clip["scores"] == []
    assert {f["reason"] for f in clip["failures"]} == {"undecodable", "not_applicable"}
    assert clip["media"] is not None


def test_aggregates_cover_the_whole_run(root: Path) -> None:
    run = data(root, "run.js")
    assert run["simulated"] == ["prompts", "clips", "raters"]
    pages = data(root, "pages.js")
    assert (pages["of"], pages["simulated"]) == ("mini", run["simulated"])
    assert [page["file"] for page in pages["pages"]] == [page.file for page in OF_RUN]
    # Five clips scored 1 2 3 4 5.
    panel = next(d for d in run["distributions"]
                 if (d["dimension"], d["source"]) == ("prompt_following", "signal"))  # fmt: skip
    assert [b["count"] for b in panel["bins"]] == [1, 1, 1, 1, 1]
    assert (panel["n"], panel["mean"]) == (5, 3.0)
    # alpha: 1, 3, 5 of three prompts: of all resamples 1 in 27 has three times the 1 and another three
    # times the 5, more than the 2.5 % that the interval leaves out at either end
    alpha = next(g for g in run["generators"]
                 if (g["generator"], g["dimension"]) == ("alpha", "prompt_following"))  # fmt: skip
    assert alpha["value"] == 3.0
    assert (alpha["low"], alpha["high"]) == (1.0, 5.0)
    assert alpha["n_prompts"] == 3
    assert [
        tuple(p.values()) for p in run["preferences"]
    ] == [  # dimension, split, pairs, ties, compared
        ("prompt_following", "train", 1, 0, 0),
        ("prompt_following", "validation", 1, 0, 1),
        ("video_quality", "train", 1, 1, 0),
        ("video_quality", "validation", 1, 1, 1),
    ]
    assert {(f["stage"], f["reason"], f["count"]) for f in run["failures"]} == {
        ("frames", "undecodable", 1),
        ("annotate", "not_applicable", 1),
        ("compare", "refusal", 1),
    }
    # five clips have frames; both of beta's repeat the first clip, one of them of another prompt
    assert [tuple(c.values()) for c in run["checks"]] == [
        ("alpha", 3, {"near_duplicate": 0}, 0, 0),
        (GENERATORS[1], 2, {"near_duplicate": 2}, 1, 0),
    ]


def test_every_file_is_named_by_the_page_or_the_data(root: Path) -> None:
    """Nothing in the pages points outside their folder, and each asset they name is there."""
    report = root / "report"
    pages = sorted(report.glob("*.html"))
    assert [page.name for page in pages] == sorted(page.file for page in OF_RUN)
    for page in pages:
        html = page.read_text("utf-8")
        assert "Content-Security-Policy" in html
        assert "default-src 'none'" in html
        names = re.findall(r'(?:src|href)="([^"#]+)"', html)
        assert names
        for name in names:
            assert (report / name).is_file(), name
    assets = [path for path in (report / "assets").rglob("*") if path.is_file()]
    assert {path.suffix for path in assets} == {".js", ".css", ".svg"}
    for asset in assets:
        text = asset.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|\beval\(", text), asset.name


@pytest.mark.parametrize("text", [HOSTILE, HOSTILE_RATIONALE, "<!--<script>", "\u2028 & \u0000"])
def test_a_data_script_holds_no_markup_and_keeps_the_text(text: str) -> None:
    written = script("run", {"text": text})
    assert not set("<>&\u2028") & set(written)
    match = PUSH.fullmatch(written)
    assert match is not None
    assert json.loads(match[1])["value"]["text"] == text


def test_a_sample_is_chosen_by_hash_and_prompts_without_clips_come_last(root: Path) -> None:
    ids, total = choose_prompts(Layout(root), 2)
    by_hash = sorted((prompt_id(t) for t in TEXTS), key=lambda i: hash_fraction("report", i))
    assert (ids, total) == (by_hash[:2], 3)
    assert choose_prompts(Layout(root), 0) == (by_hash, 3)


def test_a_run_without_rows_or_stages_has_a_report(tmp_path: Path) -> None:
    empty: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    write_tables(Layout(tmp_path), empty)
    write_report(tmp_path, ReportOptions(), manifest(empty))
    assert data(tmp_path, "index.js") == {
        "total": 0, "per_file": 12, "dimensions": [], "generators": [], "splits": list(SPLITS),
        "ids": [], "texts": [], "split": [], "starts": [0], "generator": [],
        "reasons": [], "clip_reasons": {}, "prompt_reasons": {},
    }  # fmt: skip
    assert data(tmp_path, "audit.js") is None
    assert data(tmp_path, "judges.js") is None
    assert data(tmp_path, "videorm.js") is None


def test_missing_clips_and_frames_leave_a_reason_not_an_error(tmp_path: Path) -> None:
    record = make_run(tmp_path, stages=False)
    for path in [*(tmp_path / "media").rglob("*.mp4"), *(tmp_path / "frames").rglob("*.jpg")]:
        path.unlink()
    write_report(tmp_path, ReportOptions(), record)
    clip = data(tmp_path, "prompts-0.js")[0]["clips"][0]
    assert clip["media"] is None
    assert "not on this machine" in clip["why_no_media"]
    assert all(item["src"] is None for item in clip["frames"]["items"])


def test_a_second_report_replaces_the_first(tmp_path: Path) -> None:
    record = make_run(tmp_path, stages=False)
    write_report(tmp_path, ReportOptions(prompts_per_file=1), record)
    write_report(tmp_path, ReportOptions(clips=False), record)
    assert sorted(p.name for p in (tmp_path / "report" / "data").glob("prompts-*")) == [
        "prompts-0.js"]  # fmt: skip
    assert not (tmp_path / "report" / "media").exists()
    assert not (tmp_path / ".report-new").exists()


def test_a_link_to_the_clip_is_followed(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    (tmp_path / "link.mp4").symlink_to("clip.mp4")
    link_or_copy(tmp_path / "link.mp4", tmp_path / "deep" / "copy.mp4")
    assert not (tmp_path / "deep" / "copy.mp4").is_symlink()
    assert (tmp_path / "deep" / "copy.mp4").read_bytes() == b"clip"


def test_levels_nobody_used_have_a_bin() -> None:
    bins = histogram([2, 2, 5], 1, 5)
    assert [(b["low"], b["count"]) for b in bins] == [(1, 0), (2, 2), (3, 0), (4, 0), (5, 1)]
    assert [b["count"] for b in histogram([1, 1.5, 1.5], None, None)] == [1, 2]
    assert histogram([], 1, 5) == []
    assert len(histogram([0.123, 0.9], None, None)) == 16


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.booleans())
def test_every_score_is_counted_once(values: list[float], bounded: bool) -> None:
    bins = histogram(values, 1 if bounded else None, 5 if bounded else None)
    assert sum(b["count"] for b in bins) == len(values)


def row(annotator: str, statistic: str, value: float | None) -> dict[str, Any]:
    return {"annotator": annotator, "statistic": statistic, "dimension": "video_quality",
            "slice": "all", "value": value, "low": None, "high": None, "n_items": 9,
            "n_raters": 3}  # fmt: skip


def test_the_headline_compares_on_targets_that_leave_a_rater_out() -> None:
    rows = [
        row("a", "pair_accuracy_ties_half", 0.9),
        row("a", "pair_accuracy_ties_half_loo", 0.6),
        row("b", "pair_accuracy_ties_half_loo", 0.65),
        row("human_ceiling", "pair_accuracy_ties_half_loo", 0.7),
    ]
    (sentence,) = headlines({"rows": rows})
    assert "On video quality, b prefers" in sentence
    assert "65.0 %" in sentence
    assert "one rater against the others reaches 70.0 %" in sentence
    assert "90.0" not in sentence
    assert "9 pairs × raters, 3 raters; the nearest of 2 to them)" in sentence


def test_of_equals_the_headline_is_about_the_consensus() -> None:
    names = ("a", "consensus", "z")
    (sentence,) = headlines({"rows": [row(n, "pair_accuracy_ties_half", 0.6) for n in names]})
    assert "On video quality, consensus prefers" in sentence
    assert "9 pairs, 3 raters; the nearest of 3 to them)" in sentence
    (alone,) = headlines({"rows": [row("a", "pair_accuracy_ties_half", 0.6)]})
    assert "nearest" not in alone
    one = row("a", "pair_accuracy_ties_half", 0.6) | {"n_raters": 1}
    assert "(a tie of the annotator counts half; 9 pairs, 1 rater)" in headlines({"rows": [one]})[0]


def test_no_headline_from_undefined_values_slices_or_references_alone() -> None:
    rows = [
        row("a", "pair_accuracy_ties_half", None),
        row("a", "pair_accuracy_ties_half", 0.9) | {"slice": "generator=x"},
        row("human_ceiling", "pair_accuracy_ties_half", 0.8),
    ]
    assert headlines({"rows": rows}) == []
