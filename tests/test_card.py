"""The card says what the run and its tables say, and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from report_run import HOSTILE, make_run, manifest, write_tables

from pipeline.dataset.card.card import fenced, markdown, write_card
from pipeline.dataset.card.counts import claim_rows
from pipeline.dataset.card.metadata import hub_licence
from pipeline.dataset.card.pair_rules import pair_rules
from pipeline.dataset.card.prompts import PLACE, rubric_rows
from pipeline.dataset.card.scores import bars, tied_shares
from pipeline.dataset.card.terms import is_non_commercial, terms_table
from pipeline.report.tables import NAMES, table_files
from prompts import as_protocol
from prompts.load import load_rubric
from prompts.render import render, render_several
from schemas.layout import Layout
from schemas.tables import TABLES


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("card") / "run"
    root.mkdir()
    record = make_run(root)
    write_card(root, record)
    return root, record


def card_of(root: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (root / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_a_run_without_any_row_says_so_and_how_its_tables_load(tmp_path: Path) -> None:
    empty: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    write_tables(Layout(tmp_path), empty)
    write_card(tmp_path, manifest(empty) | {"simulated": False})
    body = card_of(tmp_path)[1]
    for said in ("No pairs.", "No clips.", "No prompts.", "No scores of single clips.",
                 "only with `streaming=True`", "no split has rows yet"):  # fmt: skip
        assert said in body
    for heading in ("### Splits", "### Merged from", "Clips taken back", "data_dir"):
        assert heading not in body


def test_metadata_has_one_config_per_table_and_a_hub_licence(
    run: tuple[Path, dict[str, Any]],
) -> None:
    front, _ = card_of(run[0])
    assert sorted(c["config_name"] for c in front["configs"]) == sorted(NAMES)
    assert [c["config_name"] for c in front["configs"] if c.get("default")] == ["preferences"]
    assert front["license"] == "other"  # prompts CC-BY-4.0, clips CC0-1.0: no one licence
    assert front["size_categories"] == ["n<1K"]
    assert "simulated" in front["tags"]


def test_card_states_counts_pairs_judges_cost_and_agreement(
    run: tuple[Path, dict[str, Any]],
) -> None:
    _, body = card_of(run[0])
    # Three prompts of two clips make three possible pairs; the third prompt's clip has no scores.
    # Scores 1 2 and 3 4: both decided on prompt_following; all 3 on video_quality: both ties.
    assert "| prompt_following | 3 | 2 | 1 | 0 | 2 | 100.0 % | 1 | 1 |" in body
    assert "| video_quality | 3 | 2 | 1 | 2 | 0 | 0.0 % | 1 | 1 |" in body
    assert "| alpha | CC0-1.0 | 3 | 3 |" in body
    assert "| beta &lt;i&gt; | CC0-1.0 | 3 | 2 |" in body
    assert "| frames | `undecodable` | 1 |" in body
    assert "| org/judge &lt;b&gt; | openai | org/judge | – | 0.3 | 2 | 20 |" in body
    assert "| signal | signal | – | – | – | 1 | 10 |" in body
    assert "0.0000 USD" in body
    assert "signal prefers the clip that the raters prefer in 70.0 %" in body
    assert "| prompt_following | signal | `spearman` | 0.410 | [0.290, 0.530] | 5 | 3 |" in body
    assert "simulated prompts, clips, raters" in body
    assert 'load_dataset("DIR", "preferences")' in body
    assert "| `margin` | double |" in body


def test_the_card_counts_what_the_clip_checks_found(run: tuple[Path, dict[str, Any]]) -> None:
    _, body = card_of(run[0])
    assert "| generator | clips | near_duplicate | left out |\n" in body
    assert "| alpha | 3 | 0 | 0 |\n" in body
    assert "| beta &lt;i&gt; | 2 | 2 | 0 |\n" in body
    assert "another split than the clip they\nrepeat: 1.**" in body


def test_judges_are_told_with_their_failures_and_cost(run: tuple[Path, dict[str, Any]]) -> None:
    _, body = card_of(run[0])
    table = body.split("### Judges")[1].split("### Rubrics")[0]
    # 1 refusal of 28 verdicts; 2 of 3 pairs flip with the order; 5 of 7 picks of the first; the
    # judge was paid 0.068 for 27 verdicts
    (judge,) = [line for line in table.splitlines() if line.startswith("| org/judge &lt;b&gt;")]
    cells = [cell.strip() for cell in judge.split("|")]
    assert cells[2:4] == ["2", "0.3"]
    assert [cell.split(" [")[0] for cell in cells[4:9]] == [
        "3.6 %", "0.0 %", "33.3 %", "71.4 %", "0.0025"]  # fmt: skip
    assert "| signal | 1 | – | 0.0 % [0.0, 56.1] | 0.0 % [0.0, 56.1] | – | – | 0 |" in table
    assert table.count("\n|") == 4


def test_what_is_found_of_a_judge_stands_in_the_card_escaped(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    judges = json.loads((tmp_path / "judges.json").read_text("utf-8"))
    judges["notes"] = ["Position bias: <script>x</script> | [a](b) picks the first."]
    (tmp_path / "judges.json").write_text(json.dumps(judges), "utf-8")
    body = write_card(tmp_path, record).read_text("utf-8")
    assert (
        "- Position bias: &lt;script&gt;x&lt;/script&gt; \\| \\[a\\](b) picks the first.\n" in body
    )


def test_a_card_without_judges_has_no_table_of_them(tmp_path: Path) -> None:
    record = make_run(tmp_path, stages=False)
    assert "### Judges" not in write_card(tmp_path, record).read_text("utf-8")


def test_rubric_text_is_verbatim_in_a_fence_it_cannot_close(
    run: tuple[Path, dict[str, Any]],
) -> None:
    root, record = run
    text = record["rubrics"][0]["text"]
    assert "```nested```" in text
    assert f"````yaml\n{text}````" in card_of(root)[1]
    assert fenced("a\n\n\n\nb") == "```yaml\na\n\n\n\nb\n```"


def test_packaged_rubric_is_shown_when_its_hash_is_the_recorded_one(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    rubric = load_rubric("videoprefer/video_quality")
    given = {"name": rubric.name, "version": rubric.version, "sha256": rubric.sha256}
    record = manifest({name: [] for name in TABLES}) | {"rubrics": [given]}
    question = rubric.dimensions[0].scale[0].anchor.split()[0]
    assert question in write_card(tmp_path, record).read_text("utf-8")
    compared = as_protocol(rubric, "pairwise")  # as a run asks it that compares clips
    record["rubrics"] = [given | {"sha256": compared.sha256, "protocol": "pairwise"}]
    text = write_card(tmp_path, record).read_text("utf-8")
    assert question in text
    assert "version 1, pairwise, SHA-256" in text
    record["rubrics"] = [given | {"sha256": "f" * 64}]
    assert "its text was not recorded" in write_card(tmp_path, record).read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a|b\nc", "a\\|b c"),
        ("[x](javascript:y)", "\\[x\\](javascript:y)"),
        ("snake_case _em_", "snake_case \\_em\\_"),
        ("`code` & *b*", "\\`code\\` &amp; \\*b\\*"),
        (None, "–"),
    ],
)
def test_other_peoples_text_does_nothing_in_markdown(given: str | None, shown: str) -> None:
    assert markdown(given) == shown


def test_no_prompt_or_rationale_stands_in_the_card(run: tuple[Path, dict[str, Any]]) -> None:
    body = card_of(run[0])[1]
    assert HOSTILE not in body
    assert "<script>" not in body


def test_a_name_cannot_turn_the_line_around() -> None:
    assert markdown("model\u202egnp.exe\x1b[31m") == "model\ufffdgnp.exe\ufffd\\[31m"


def section(body: str, heading: str) -> str:
    return body.split(f"{heading}\n", 1)[1].split("\n## ")[0].split("\n### ")[0]


def test_clips_are_counted_by_generator_and_split(run: tuple[Path, dict[str, Any]]) -> None:
    """The prompts with pairs are in train and in validation; the third has none, so no split."""
    told = section(card_of(run[0])[1], "### Clips by generator (simulated clips)")
    assert (
        "| generator | licence | clips | with frames | train | validation | test | in no split |"
        in told
    )
    assert "| alpha | CC0-1.0 | 3 | 3 | 1 | 1 | 0 | 1 |" in told
    assert "| beta &lt;i&gt; | CC0-1.0 | 3 | 2 | 1 | 1 | 0 | 1 |" in told


def test_scores_are_drawn_with_their_number_mean_and_ties(
    run: tuple[Path, dict[str, Any]],
) -> None:
    """Scores of the first dimension: 1 2, 3 4, 5 (see ``report_run.score_of``): of each level one, no
    pair tied. Of the second 3 five times, both pairs tied. The judge gives each of them twice."""
    told = section(card_of(run[0])[1], "### Scores (simulated clips and raters)")
    assert "| prompt_following | signal | 5 | 3.00 | 0.0 % | 1 to 5 | `█████` |" in told
    assert (
        "| video_quality | org/judge &lt;b&gt; | 10 | 3.00 | 100.0 % | 1 to 5 | `··█··` |" in told
    )
    assert "| video_quality | 3 raters | 15 | 3.33 | – |" in told  # 3 and, of one rater, 4


@pytest.mark.parametrize(
    ("counts", "drawn"),
    [([1, 4, 8], "▁▄█"), ([0, 3, 0], "·█·"), ([1, 1000], "▁█"), ([], ""), ([0], "·")],
)
def test_bars_are_as_high_as_their_share_of_the_fullest(counts: list[int], drawn: str) -> None:
    assert bars(counts) == drawn


def test_ties_are_counted_among_clips_of_one_prompt() -> None:
    """Prompt p: 1, 1, 1 + 1e-12, 2: of six pairs the three among the first three are tied. Prompt q has
    1 as well, but no pair. Another annotator ties nothing."""
    rows = [("p", "j", 1.0), ("p", "j", 1.0), ("p", "j", 1 + 1e-12), ("p", "j", 2.0), ("q", "j", 1.0),
            ("p", "k", 1.0), ("p", "k", 2.0)]  # fmt: skip
    table = pa.table({
        "dimension": ["d"] * len(rows), "annotator_id": [row[1] for row in rows],
        "prompt_id": [row[0] for row in rows], "mean": [row[2] for row in rows],
    })  # fmt: skip
    assert tied_shares(table) == {("d", "j"): (3, 6), ("d", "k"): (0, 1)}


def test_snapshots_are_told_with_the_rubric_that_they_answered(
    run: tuple[Path, dict[str, Any]],
) -> None:
    told = section(card_of(run[0])[1], "### Annotators (simulated clips)")
    assert "| signal | – | – | videoprefer/prompt_following | 1 | 5 |" in told
    assert "| org/judge &lt;b&gt; | – | – | – | – | 7 |" in told  # its comparisons


def test_what_is_claimed_stands_beside_what_is_here(run: tuple[Path, dict[str, Any]]) -> None:
    root, record = run
    claims = {
        "source": "A | paper",
        "prompts": 10,
        "clips": None,
        "pairs": 30,
        "possible_pairs": 40,
    }
    claiming = {**record, "config": {**record["config"], "claims": claims}}
    body = write_card(root, claiming).read_text("utf-8")
    assert "What A \\| paper states, and what is here" in body
    # four pairs were written of 3 prompts x 1 pair x 2 dimensions; two of them are ties
    for row in ("| prompts | 10 | 3 |", "| clips | – | 6 |", "| decided pairs | 30 | 2 |",
                "| possible pairs | 40 | 6 |", "| decided share | 75.0 % | 33.3 % |"):  # fmt: skip
        assert row in body
    write_card(root, record)
    assert "claimed" not in card_of(root)[1]
    assert claim_rows({"config": {"claims": None}}, Layout(root), []) == []


def test_overall_is_no_pair_of_its_own_beside_a_claim(tmp_path: Path) -> None:
    funnel = [{"dimension": name, "decided": 3, "possible": 6} for name in ("a", "b", "overall")]
    rows = claim_rows({"config": {"claims": {"pairs": 1}}}, Layout(tmp_path), funnel)
    assert {row["what"]: row["here"] for row in rows}["decided pairs"] == 6


def test_version_origin_and_withdrawals_are_told(run: tuple[Path, dict[str, Any]]) -> None:
    root, record = run
    known = {
        "dataset_version": "0123456789abcdef",
        "schema_version": 2,
        "withdrawn": {"clips": 3, "versions_before": ["aaaa", "bbbb"]},
        "merged_from": [{"name": "one | run", "dataset_version": "cccc",
                         "rows": {"videos": 1200, "preferences": 7}, "added": {"videos": 1100}}],
    }  # fmt: skip
    body = write_card(root, {**record, **known}).read_text("utf-8")
    assert (
        "**Dataset version `0123456789abcdef`**, schema version 2. The version before was `bbbb`."
        in body
    )
    assert "Clips taken back by their owners, and out of every table since: 3." in body
    assert "| one \\| run | cccc | 1,200 | 1,100 | 7 |" in body
    assert "@misc{mini-0123456789abcdef,\n  title = {{mini}},\n" in body
    write_card(root, record)
    body = card_of(root)[1]
    assert "Dataset version" not in body
    assert "Clips taken back" not in body
    assert "Wu, Xun and Huang, Shaohan" in body


def test_licences_and_terms_are_counted_with_the_pairs_that_inherit_them(tmp_path: Path) -> None:
    """Clips 0 1 | 2 3 | 4 5 of three prompts, each of the first two pairs on two dimensions."""
    record = make_run(tmp_path)
    (file,) = table_files(Layout(tmp_path), "videos")
    table = pq.read_table(file)
    order = {video: n for n, video in enumerate(v for v in _in_order(tmp_path))}
    own = [order[video] for video in table.column("video_id").to_pylist()]
    licences = ["CC-BY-NC-4.0", None, "CC0-1.0", "CC0-1.0", "CC0-1.0", "CC0-1.0"]
    terms = [None, None, "no weapons", None, None, None]
    for name, values in (("licence", licences), ("terms", terms)):
        at = table.schema.get_field_index(name)
        column = pa.array([values[n] for n in own], pa.string())
        table = table.set_column(at, table.schema.field(at), column)
    pq.write_table(table, file)
    found = {(row["licence"], row["terms"]): row for row in terms_table(Layout(tmp_path))}
    assert {key: (row["clips"], row["pairs"]) for key, row in found.items()} == {
        ("CC0-1.0", None): (3, 2), ("CC0-1.0", "no weapons"): (1, 2), ("CC-BY-NC-4.0", None): (1, 2),
        (None, None): (1, 2),
    }  # fmt: skip
    body = write_card(tmp_path, record).read_text("utf-8")
    assert "| CC-BY-NC-4.0 | – | 1 | 2 | forbidden by the licence's name (NC) |" in body
    assert "| CC0-1.0 | no weapons | 1 | 2 | read licence and terms |" in body
    assert "Some rows state none." in body


def _in_order(root: Path) -> list[str]:
    """Ids of the clips in the order they were made: by prompt, then generator (seed is the number)."""
    (file,) = table_files(Layout(root), "videos")
    rows = pq.read_table(file, columns=["video_id", "seed"]).to_pylist()
    return [row["video_id"] for row in sorted(rows, key=lambda row: row["seed"])]


@pytest.mark.parametrize(
    ("licence", "forbids"),
    [("CC-BY-NC-4.0", True), ("cc-by-nc-sa-4.0", True), ("CC BY NC 4.0", True), ("CC0-1.0", False),
     ("Foo, Inc. licence", False), ("ncsa", False), ("Apache-2.0", False), (None, False)],
)  # fmt: skip
def test_only_a_name_with_nc_is_called_non_commercial(licence: str | None, forbids: bool) -> None:
    assert is_non_commercial(licence) is forbids


@pytest.mark.parametrize(
    ("licences", "told"),
    [(["CC-BY-NC-SA-4.0"], "cc-by-nc-sa-4.0"), ([None], "unknown"), (["Mine"], "other"),
     (["MIT", None], "other"), (["MIT", "mit"], "mit")],
)  # fmt: skip
def test_the_hub_is_told_of_one_licence_only_where_there_is_one(
    licences: list[str | None], told: str
) -> None:
    assert hub_licence(licences) == told


def test_the_request_is_shown_as_it_is_rendered() -> None:
    rubric = load_rubric("videoprefer/video_quality")
    given = {"name": rubric.name, "version": rubric.version, "sha256": rubric.sha256, "text": None}
    (row,) = rubric_rows({"rubrics": [given], "frames": {"count": 6}})
    words = render(rubric, prompt=PLACE, n_frames=6)
    assert (row["system"], row["user"], row["captions"]) == (words.system, words.user, [])
    assert "The 6 frames of the video follow" in row["user"]
    assert PLACE in row["user"]

    compared = as_protocol(rubric, "listwise")
    given |= {"sha256": compared.sha256, "protocol": "listwise"}
    config = {"config": {"frames": {"montage": {"columns": 2}}}}
    (row,) = rubric_rows({"rubrics": [given], "frames": {"count": 6}, **config})
    words = render_several(compared, prompt=PLACE, clips=[(6, ())] * 4, montage=True)
    assert (row["system"], row["user"]) == (words.system, words.user)
    assert row["captions"] == [text for text, _ in words.captions]


def test_a_request_whose_rubric_or_template_is_another_now_is_not_shown(tmp_path: Path) -> None:
    rubric = load_rubric("videoprefer/video_quality")
    given = {"name": rubric.name, "version": rubric.version, "sha256": "f" * 64, "text": None}
    (row,) = rubric_rows({"rubrics": [given]})
    assert row["system"] is row["user"] is None
    body = write_card(tmp_path, manifest({name: [] for name in TABLES}) | {"rubrics": [given]})
    assert "The request cannot be shown" in body.read_text("utf-8")


def test_a_rubric_of_ones_own_is_rendered_from_its_recorded_text(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    text = (
        Path(__file__).parents[1] / "prompts/rubrics/videoprefer/video_quality.v1.yaml"
    ).read_text()
    own.write_text(text.replace("name: videoprefer/video_quality", "name: mine/quality"))
    rubric = load_rubric(str(own))
    given = {"name": "mine/quality", "version": 1, "sha256": rubric.sha256, "text": own.read_text()}
    (row,) = rubric_rows({"rubrics": [given], "frames": {"count": 2}})
    assert row["system"] == render(rubric, prompt=PLACE, n_frames=2).system


def test_nothing_in_two_splits_is_said_only_where_it_is_so(tmp_path: Path) -> None:
    """Moved to another split, a pair of the first prompt stands in two."""
    record = make_run(tmp_path)
    told = section(
        write_card(tmp_path, record).read_text("utf-8"), "### Splits (simulated prompts and clips)"
    )
    assert "Prompts: `train` 1, `validation` 1, `test` 0." in told
    assert "| prompts with pairs in two splits | 0 |" in told
    assert "| clip contents (SHA-256) in pairs of two splits | 0 |" in told
    assert "None of these stands in two splits" in told
    train, validation, _ = table_files(Layout(tmp_path), "preferences")
    moved = pq.read_table(train).slice(0, 1)
    pq.write_table(pa.concat_tables([pq.read_table(validation), moved]), validation)
    pq.write_table(pq.read_table(train).slice(1), train)
    told = section(
        write_card(tmp_path, record).read_text("utf-8"), "### Splits (simulated prompts and clips)"
    )
    assert "| prompts with pairs in two splits | 1 |" in told
    assert "**Something stands in two splits" in told
    assert "None of these" not in told


def test_what_was_left_out_of_all_splits_is_counted_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = {
        "counts": {"train": 1200, "validation": 0, "test": 30, "left_out": 5},
        "rule": {"near_duplicates": 0.9, "held_out_generators": ["gen_1"], "decided": True},
        "overlap": {"prompts": 0, "words": 0, "near_duplicates": 0, "contents": 0,
                    "held_out_generators": 0},
        "groups": 7, "largest_group": 3, "left_out": {"related to prompts of two splits": 5},
        "unpaired_clips": 2,
    }  # fmt: skip
    monkeypatch.setattr("pipeline.dataset.card.leaks.split_facts", lambda _: facts)
    body = write_card(tmp_path, manifest({name: [] for name in TABLES})).read_text("utf-8")
    told = section(body, "### Splits")
    for sentence in (
        "Prompts: `train` 1,200, `validation` 0, `test` 30.",
        "Prompts whose words are at least 0.9 alike count as nearly the same.",
        "Generators held out for the test: gen_1.",
        "Groups of related prompts: 7, the largest of 3 prompts; each stands in one split.",
        "because they would join two: 5 related to prompts of two splits.",
        "Clips in no pair, because their content stands under prompts of two splits: 2.",
        "| pairs with a clip of a held-out generator outside `test` | 0 |",
        "None of these stands in two splits",
    ):
        assert sentence in told
    facts["overlap"]["held_out_generators"] = 1
    body = write_card(tmp_path, manifest({name: [] for name in TABLES})).read_text("utf-8")
    assert "**Something stands in two splits" in section(body, "### Splits")


def test_the_same_run_gives_the_same_card_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    record = make_run(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    one, other = (
        write_card(tmp_path / name, record).read_text("utf-8") for name in ("one", "other")
    )
    assert one == other
    assert str(tmp_path) not in one


def test_a_dimension_that_nobody_judged_is_told_with_its_pairs(tmp_path: Path) -> None:
    """Three prompts of two clips, two dimensions: six possible pairs. Without any score on prompt_following
    its three are undecided, and so is overall; on video_quality the two that were written are ties."""
    record = make_run(tmp_path)
    for name in ("preferences", "annotations", "comparisons"):
        for file in table_files(Layout(tmp_path), name):
            table = pq.read_table(file)
            pq.write_table(table.filter(pc.field("dimension") == "video_quality"), file)
    rubric = load_rubric("videoprefer/prompt_following")
    given = {"name": rubric.name, "version": rubric.version, "sha256": rubric.sha256}
    record["rubrics"] = [*record["rubrics"], given]
    claims = {"source": "A", "pairs": 30, "possible_pairs": 40}
    record["config"] = {**record["config"], "claims": claims}
    body = write_card(tmp_path, record).read_text("utf-8")
    assert "| prompt_following | 3 | 0 | 3 | 0 | 0 | – | 0 | 0 |" in body
    assert "| overall | 3 | 0 | 3 | 0 | 0 | – | 0 | 0 |" in body
    assert "| possible pairs | 40 | 6 |" in body
    assert "Nobody judged the pairs of prompt_following, so\n3 of the possible" in body
    assert "of the others 0.0 % are decided." in body


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, "Equal scores are ties and are kept as ties."),
        ({}, "the consensus of each clip: the mean of all annotators."),
        ({"config": {"preferences": {"tie_margin": 0.5}}}, "differ by at most 0.5 are ties"),
        ({"config": {"preferences": {"weights": {"a": 2.0, "b": 0.0}}}}, "one of them is: a 2."),
        ({"config": {"consensus": {"method": "median", "annotators": ["x", "y"]}}}, "the median of x, y."),
        ({"protocol": "pairwise"}, "The scores of a pair are how often each clip was preferred"),
        ({"protocol": "tie_band", "config": {"protocol": {"kind": "tie_band", "band": 0.25}}},
         "Where they differ by at most 0.25, they are how often"),
    ],
)  # fmt: skip
def test_the_card_says_how_pairs_were_made(record: dict[str, Any], said: str) -> None:
    assert said in " ".join(pair_rules(record))


def test_a_model_that_learned_from_withdrawn_clips_is_told(
    run: tuple[Path, dict[str, Any]],
) -> None:
    root, record = run
    body = write_card(root, {**record, "videorm_trained_with_withdrawn": 4}).read_text("utf-8")
    assert "The reward model of this run learned before 4 such clips were taken back" in body
    assert "learned before" not in write_card(root, record).read_text("utf-8")
