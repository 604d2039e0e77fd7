"""The pages of books, money and health, and of scores and pairs, in headless Chromium."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_browser import as_wide_as, chromium, opened, requested, texts, waits
from report_run import JUDGE, make_run
from selenium import webdriver
from selenium.webdriver.common.by import By

from pipeline.report import ReportOptions, write_report

DRAWN = """const charts = [...document.querySelectorAll('.chart')];
    const folded = (box) => box.closest('details:not([open])');
    return charts.length > 0 && charts.every((box) => folded(box) || box.firstElementChild);"""
MONEY = {"input_tokens": 900, "output_tokens": 60}


def money(usd: float | None, requests: int, lost: int = 0, lost_usd: float = 0.0) -> dict[str, Any]:
    return {"usd": usd, "requests": requests, "lost_requests": lost, "lost_usd": lost_usd, **MONEY}


def spending() -> dict[str, Any]:
    """The judge's rows cost 20 x 0.002 and 7 x 0.004; 0.01 were lost, 0.3 went to sentinels, and nobody
    knows of 0.022 what it bought."""
    own = {"": money(0.1, 30, 1, 0.01), "sentinels": money(0.3, 60), "again": money(0.0, 2)}
    made = {"": money(None, 4)}
    total = money(None, 96, 1, 0.01)
    return {
        **money(0.25, 80),
        "by_annotator": {JUDGE: money(0.25, 80), "signal": money(0.0, 0)},
        "all_runs": total,
        "by_purpose": {JUDGE: own, "signal": {}, "generator wan <b>": made},
        "budget": {"requests": 100, "usd": 5},
        "prices_of": "2026-11-21",
    }


def at(n: int, shift: float | None, half: float = 0.2) -> dict[str, Any]:
    ends = (None, None) if shift is None or n == 0 else (shift - half, shift + half)
    return {
        "occasion": f"o{n}", "time": f"2026-11-{10 + n}T09:30:00+00:00", "run": "nightly <b>",
        "wave": "annotate-00000", "mean": 3.0, "n_scores": 18, "shift": shift, "low": ends[0],
        "high": ends[1], "n_clips": 6,
    }  # fmt: skip


def drifting(judges: dict[str, Any]) -> dict[str, Any]:
    """One judge that changed on its third occasion of four, one of which nobody can tell."""
    row = {
        "annotator": JUDGE, "changed": True, "able": True, "p": 0.0001, "p_adjusted": 0.0004,
        "shift": 0.8, "low": 0.6, "high": 1.0, "n_clips": 6, "occasions": 3, "models": ["m-1"],
        "new_models": [], "said": "CHANGED: <script>document.title='owned'</script>",
        "occasion": "o2", "series": [at(0, 0.0), at(1, -0.1), at(2, 0.8), at(3, 0.1)],
    }  # fmt: skip
    other = row | {"annotator": "few", "changed": False, "able": False, "series": [at(0, 0.0)]}
    occasions = [{"occasion": "o2", "wave": "annotate-00000", "time": "2026-11-12T09:30:00+00:00"}]
    found = {"clips": 6, "draws": 3, "alpha": 0.01, "tests": 2, "occasions": occasions}
    return {**judges, "sentinels": {**found, "judges": [row, other]}}


def changed(manifest: dict[str, Any]) -> dict[str, Any]:
    """A run that spent money, held a gate, and lost rows of a stage."""
    lost = {"missing": 6, "missing_keys": [f"pair-{n}" for n in range(5)], "written": 2, "owed": 8}
    requirement = {
        "at_least": 0.65, "at_most": None, "bound": "low", "annotator": "consensus",
        "statistic": "pair_accuracy_ties_half_loo", "dimension": "video_quality", "value": 0.8,
        "low": 0.6, "high": 0.9, "n_items": 40, "n_raters": 3,
    }  # fmt: skip
    books = {**manifest["books"], "preferences": {**manifest["books"]["video"], **lost}}
    gate = {"clips": 2, "others": 4, "said": ["so"], "requirements": [requirement]}
    notes = ["a note with <b>markup</b>"]
    return {**manifest, "books": books, "spend": spending(), "gate": gate, "notes": notes}


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("books") / "a run #1 %"
    manifest = make_run(root)
    judges = json.loads((root / "judges.json").read_text())
    (root / "judges.json").write_text(json.dumps(drifting(judges)))
    return write_report(root, ReportOptions(prompts_per_file=2), changed(manifest)).parent


@pytest.fixture(scope="module")
def browser() -> Iterator[webdriver.Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture(scope="module")
def books(browser: webdriver.Chrome, report: Path) -> webdriver.Chrome:
    """The page is loaded once; what a test changes it puts back."""
    opened(browser, (report / "books.html").as_uri())
    waits(browser, DRAWN)
    return browser


def rows(page: webdriver.Chrome, caption: str) -> list[str]:
    """Rows of the table with a caption, their cells separated by bars."""
    found: list[str] = page.execute_script(
        """const table = [...document.querySelectorAll('table')].find((one) =>
             one.caption.textContent.startsWith(arguments[0]));
           const told = (row) => [...row.cells].map((cell) => cell.textContent).join('|');
           return [...table.tBodies[0].rows].map(told);""",
        caption,
    )
    return found


def test_books_open_from_disk_without_errors_network_or_markup(books: webdriver.Chrome) -> None:
    assert books.get_log("browser") == []
    assert [u for u in requested(books) if not u.startswith(("file://", "data:"))] == []
    assert books.title == "Books, money, health"
    assert not books.find_elements(By.CSS_SELECTOR, "#content b, #content i, #content script")


def test_every_stage_is_a_bar_with_its_numbers_as_text(books: webdriver.Chrome) -> None:
    said = texts(books, "#books svg text.small")
    assert "6 of 6 written" in said
    assert "10 of 12 written · 1 failed · 1 owed to a failure upstream" in said
    assert "2 of 8 written · 6 missing" in said
    assert len(books.find_elements(By.CSS_SELECTOR, "#books svg .flow.failed")) == 3 + 1  # key
    fills = books.find_elements(By.CSS_SELECTOR, "#books svg .flow:not(.written)")
    assert all(one.get_attribute("fill").startswith("url(#") for one in fills)  # hatched
    stages = [row.split("|")[0] for row in rows(books, "What each stage owed")]
    assert [stage.split("f")[0] for stage in stages[:1]] == ["video"]
    assert stages[-1].startswith("preferences")


def test_what_does_not_balance_is_named_with_its_keys(books: webdriver.Chrome) -> None:
    lead = texts(books, "#books .lead")[0]
    assert lead.startswith("1 stage of 5 does not balance: preferences.")
    (notice,) = texts(books, "#books p.notice")
    assert notice.startswith("preferences: 6 owed and neither written nor failed: pair-0, pair-1")
    assert notice.endswith("pair-4 and 1 more")
    (link,) = texts(books, "#books .prose li")  # frames failed once, before the verdicts
    assert link == (
        "annotate: 1 verdict of 12 (8.3 %) could not be had because something before it failed: 1 "
        "failed in frames."
    )


def test_failures_say_what_they_mean_and_lead_to_the_explorer(books: webdriver.Chrome) -> None:
    found = {text.split(" ")[0]: text for text in texts(books, ".why-failed")}
    assert "1 of 6 clips owed (16.7 %)" in found["undecodable"]
    assert "no decoder could read the clip <b>moov</b>" in found["undecodable"]
    assert "videoprefer retry DIR --reason refusal" in found["refusal"]
    assert "A retry changes nothing: it is no error." in found["not_applicable"]
    links = [a.get_attribute("href") for a in books.find_elements(By.CSS_SELECTOR, ".why-failed a")]
    assert any(link.endswith("index.html#reason=compare.refusal") for link in links)
    assert "compare: refusal" in texts(books, "#failures svg text")


def test_the_parts_of_the_money_add_up_and_what_is_unknown_is_said(books: webdriver.Chrome) -> None:
    found = rows(books, "What each dollar bought")
    assert found == [
        "usable verdicts|$0.068027 verdicts|–|$0.068027 verdicts|–",
        "refused: refusal|$01 verdict|–|$01 verdict|–",
        "generated clips|–|unknown4 requests|unknown4 requests|–",
        "sentinels|$0.300060 requests|–|$0.300060 requests|–",
        "lost: no answer came back|$0.01001 request|–|$0.01001 request|–",
        "not in the tables|$0.0220|–|$0.0220|–",
        "spent in all|$0.400092 requests|unknown4 requests|unknown96 requests|–",
    ]
    tiles = texts(books, "#money .tiles li")
    assert tiles[0] == "unknownspent over all runs96 requests, $0.4000 known"
    assert "$0.0148per usable verdict, all in$0.4000, n = 27" in tiles  # 0.4 / 27
    caps = texts(books, "#money .cap p")
    assert caps[0] == (
        "4 requests left of the cap of 100 requests over all runs on this folder; 96 requests spent "
        "(96.0 %)."
    )
    assert caps[1].startswith("unknown left of the cap of $5.00")
    assert any(
        "asking again one by one: $0 for 2 requests" in text
        for text in texts(books, "#money .prose li")
    )
    assert "Free of charge: signal." in texts(books, "#money .note")


def test_the_judges_section_tells_health_order_and_jury(books: webdriver.Chrome) -> None:
    tables = {text.split("(")[0].strip(): text for text in texts(books, "#judges .scroll")}
    assert "refused" in tables["Health of each judge"]
    assert JUDGE in tables["Health of each judge"]
    assert any(name.startswith("Order of the clips shown") for name in tables)
    jury = tables["Do the judges err on the same pairs? Correlation of their errors against people"]
    assert "jury: effective number of judges1.230" in jury
    assert any("no bias" in text for text in texts(books, "#judges svg text"))


def test_drift_is_drawn_with_shape_words_times_and_intervals(books: webdriver.Chrome) -> None:
    found = rows(books, "Scores of the sentinels now")
    assert found[0].startswith(f"{JUDGE}|changed|+0.80 [+0.60, +1.00]|< 0.001|< 0.001|6|m-1|")
    assert found[1].startswith("few|cannot tell|")
    said = texts(books, "#drift figure svg text")
    assert {"11-10", "11-11", "11-12", "n = 6", "+0.80 [+0.60, +1.00]"} <= set(said)
    assert (
        len(books.find_elements(By.CSS_SELECTOR, "#drift figure .whisker")) == 3
    )  # none of the first
    (change,) = texts(books, "#drift figure .chart g.drift.changed > title")
    assert change.startswith("2026-11-12 09:30 UTC")  # where it was found, and not the last
    assert texts(books, "#drift .lead")[0].startswith(f"{JUDGE} changed. Sentinels are 6 clips")
    assert rows(books, f"{JUDGE}: every occasion")[1].split("|")[3:] == [
        "3.00", "18", "−0.10 [−0.30, +0.10]", "6"]  # fmt: skip


def test_the_gate_the_notes_and_the_run_are_told(books: webdriver.Chrome) -> None:
    (row,) = rows(books, "Required of the clips that were judged first")
    assert row.endswith(
        "|at least 65.0 % (low end)|80.0 %[60.0, 90.0]40 pairs × raters|not reached"
    )
    assert texts(books, "#gate .lead")[0].startswith("2 clips that people rated were judged first")
    assert texts(books, "#notes li") == ["a note with <b>markup</b>"]
    assert texts(books, "#run > details > summary") == ["Rubrics", "Configuration", "Versions"]


@pytest.mark.parametrize("width", [390, 900])
def test_no_page_is_wider_than_the_window(
    browser: webdriver.Chrome, report: Path, width: int
) -> None:
    as_wide_as(browser, width)
    try:
        for name in ("books.html", "scores.html"):
            opened(browser, (report / name).as_uri())
            waits(browser, DRAWN)
            browser.execute_script(
                "document.querySelectorAll('details').forEach((d) => d.open = true)"
            )
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            cut = browser.execute_script(
                """return [...document.querySelectorAll('main svg text')].filter((text) => {
                     const [own, box] = [text, text.ownerSVGElement].map((x) => x.getBoundingClientRect());
                     return own.width && (own.right > box.right + 2 || own.left < box.left - 2);
                   }).map((text) => text.textContent);"""
            )
            assert cut == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_scores_pairs_checks_and_agreement_stand_on_their_page(
    browser: webdriver.Chrome, report: Path
) -> None:
    opened(browser, (report / "scores.html").as_uri())
    waits(browser, DRAWN)
    assert browser.get_log("browser") == []
    captions = texts(browser, "#scores .panels figcaption")
    assert any("n = 10, mean 3.00" in caption for caption in captions)
    assert browser.find_elements(By.CSS_SELECTOR, "#scores svg pattern")  # raters are hatched
    # of two pairs on video quality both are ties
    assert "0 + 1 tie (100.0 %)" in texts(browser, "#preferences svg text")
    assert any(
        row.startswith("video quality|2|0|2 (100.0 %)|") for row in rows(browser, "Pairs and ties")
    )
    assert any(row.startswith("beta <i>|2|2100.0 %|0") for row in rows(browser, "Clip checks"))
    assert texts(browser, "#checks p.notice") == [
        "1 near duplicate stands in another split than the clip it repeats."
    ]
    assert "70.0 % [60.0, 80.0]" in texts(browser, "#agreement svg .value")


def test_a_free_run_and_a_balanced_one_say_so_in_a_line(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    root = tmp_path / "free"
    manifest = make_run(root)
    free = {k: v for k, v in manifest.items() if k != "failures"}
    opened(browser, write_report(root, ReportOptions(), free).with_name("books.html").as_uri())
    waits(browser, DRAWN)
    assert texts(browser, "#books .lead")[0].startswith("All 4 stages balance. Each of the 32 rows")
    # its judge's rows had a price; none of it was paid by this folder
    assert any("lay in the journal" in text for text in texts(browser, "#money .prose li"))
    assert rows(browser, "What each dollar bought")[-1].startswith("spent in all|$0")


def test_a_merged_dataset_has_tables_and_no_last_run(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    root = tmp_path / "merged"
    manifest = make_run(root)
    book = {**manifest["books"]["video"], "owed": 12, "written": 7, "upstream": 5}
    books = {"merge_annotations": book, "merge_human_ratings": book | {"owed": 7, "upstream": 0}}
    spend = spending() | {"by_purpose": {JUDGE: {"": money(0.1, 30)}}}
    changes = {"books": books, "spend": spend, "merged_from": [{"name": "one"}]}
    page = write_report(root, ReportOptions(), manifest | changes).with_name("books.html")
    opened(browser, page.as_uri())
    waits(browser, DRAWN)
    assert texts(browser, "#books .lead")[0].startswith("All 2 tables balance. Each of the 19 rows")
    assert "7 of 12 written · 5 there already" in texts(browser, "#books svg text.small")
    assert not texts(browser, "#books .prose li")  # nothing is missing for a failure
    assert {"annotations", "human ratings"} <= set(texts(browser, "#books svg text.stage"))
    retried = texts(browser, "#failures .retry")
    assert any(text.startswith("Taken up again in the run that it came from") for text in retried)
    widths = [
        float(bar.get_attribute("width"))
        for bar in browser.find_elements(By.CSS_SELECTOR, "#failures svg .flow.failed")
    ]
    assert max(widths) > 100  # counts, where no book says what was owed
    assert "as counts;" in texts(browser, "#failures figcaption")[0]
    assert not any("last run" in text for text in texts(browser, "#money"))


def test_clips_are_no_verdicts_that_lay_in_the_journal(
    browser: webdriver.Chrome, tmp_path: Path
) -> None:
    root = tmp_path / "clips"
    clips, spent = money(1.2, 4), money(1.268, 31)
    by = {JUDGE: {"": money(0.068, 27)}, "generator wan": {"": clips}}
    spend = {
        **money(0.04, 9),
        "by_annotator": {JUDGE: money(0.04, 9), "generator wan": money(0, 0)},
    }
    changes = {"spend": {**spend, "all_runs": spent, "by_purpose": by, "budget": {}}}
    page = write_report(root, ReportOptions(), make_run(root) | changes).with_name("books.html")
    opened(browser, page.as_uri())
    waits(browser, DRAWN)
    said = texts(browser, "#money .prose li")
    assert any("verdicts cost, at least $0.0280 had been paid before" in text for text in said)
