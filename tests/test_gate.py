"""A judge that does not agree with people costs no more than the clips they rated: the gate of a run."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from gate_run import (
    ACCURACY,
    DIMENSIONS,
    N_CLIPS,
    N_RATED,
    clips_in,
    means_of,
    rated_of,
    read,
    required,
    run,
    table,
    tree_of,
    write,
    write_ratings,
)
from judge_server import JudgeServer
from pydantic import ValidationError

from pipeline import __main__ as cli
from pipeline import command
from pipeline.audit.options import Requirement
from pipeline.config import load_config
from pipeline.estimate import estimate
from pipeline.gate import keep_judged, keep_order, order_of, rated_clips
from pipeline.plan import make_plan
from pipeline.running import in_waves, slices
from schemas import CONSENSUS
from schemas.layout import Layout


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test")


def test_a_judge_is_stopped_by_the_rated_clips_and_goes_on_when_they_allow_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """People who tie all clips give no accuracy; those who think as the judge give one of 1."""
    out = tmp_path / "out"
    with JudgeServer() as server:
        tree = tree_of(server.base_url, wave_size=20)
        rated = rated_of(clips_in(tmp_path, tree))
        tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 3))
        assert run(tmp_path, tree) == 4
        assert server.n_bills == len(server.bodies) == 2 * N_RATED
        status = read(out, "status.json")
        assert status["state"] == "unmet"
        assert f"not met by the first {N_RATED} clips (rated): {ACCURACY} of" in status["message"]
        assert "is undefined (n 0); at least 0.9 is required" in status["message"]
        assert f"Nothing was asked about the {N_CLIPS - N_RATED} others" in status["message"]
        assert f"all numbers are in {out / 'audit.json'}" in status["message"]
        page = out / "report" / "audit.html"
        assert page.is_file()
        assert f"and on the page {page}" in status["message"]
        assert f"of the first {N_RATED} clips" in (out / "report" / "data" / "audit.js").read_text()
        owed = status["books"]["annotate"]
        assert owed["owed"] == owed["written"] == status["spend"]["requests"] == 2 * N_RATED
        assert not (out / "run.json").exists()
        # no other clip was made or read either
        assert len(list((out / "work" / "collect").iterdir())) == 1
        # the same command says so again, and asks nobody
        assert run(tmp_path, tree) == 4
        assert len(server.bodies) == 2 * N_RATED
        # other ratings of the same clips: it goes on where it stopped
        before = (out / "work" / "annotate" / "wave-00000").stat().st_ino
        judged = means_of(out / "work" / "gate")
        assert len(judged) == 3 * N_RATED  # two dimensions, and overall
        write_ratings(tmp_path, rated, lambda v, d: judged[v, d])
        capsys.readouterr()
        assert run(tmp_path, tree) == 0
        said = capsys.readouterr().err
        assert f"gate: met by the first {N_RATED} clips (rated): {ACCURACY} of consensus on" in said
        assert said.index("gate: met") < said.index("annotate: wave 2 of 2")
        assert server.n_bills == len(server.bills) == 2 * N_CLIPS
        assert (out / "work" / "annotate" / "wave-00000").stat().st_ino == before
    record = read(out, "run.json")
    assert (record["gate"]["clips"], record["gate"]["others"]) == (N_RATED, N_CLIPS - N_RATED)
    asked = {(one["dimension"], one["at_least"], one["value"], one["n_items"])
             for one in record["gate"]["requirements"]}  # fmt: skip
    n_pairs = {d: _decided(judged, rated, d) for d in DIMENSIONS}
    assert min(n_pairs.values()) > 0, "the example must show a number"
    assert asked == {(d, 0.9, 1.0, n) for d, n in n_pairs.items()}
    assert record["books"]["annotate"]["owed"] == 2 * N_CLIPS == len(table(out, "annotations"))
    assert record["books"]["check"]["owed"] == N_CLIPS
    first = f"The {N_RATED} rated clips were judged before the {N_CLIPS - N_RATED} others"
    assert first in (out / "README.md").read_text()
    rows = [row for row in read(out, "audit.json") if row["annotator"] == CONSENSUS]
    assert rows


def _decided(judged: dict[tuple[str, str], float], rated: list[Any], dimension: str) -> int:
    """Pairs of a prompt that are not tied."""
    return sum(
        judged[one.video_id, dimension] != judged[other.video_id, dimension]
        for i, one in enumerate(rated)
        for other in rated[:i]
        if one.prompt_id == other.prompt_id
    )


def test_an_order_stays_where_it_can(tmp_path: Path) -> None:
    """``order.json`` of a folder, as configuration and ratings change."""
    tree = tree_of("http://localhost:1/v1")
    clips = clips_in(tmp_path, tree)
    rated = rated_of(clips)
    ids = frozenset(clip.video_id for clip in rated)
    layout = Layout(tmp_path / "out")

    def order(tree: dict[str, Any]) -> Any:
        config = load_config(write(tmp_path, tree))
        return order_of(config, make_plan(config), layout), config, make_plan(config)

    gated = tree | {"audit": required(write_ratings(tmp_path, rated, lambda v, d: 3))}
    free = tree | {"audit": {k: v for k, v in gated["audit"].items() if k != "require"}}
    assert order(tree)[0].first == order(free)[0].first == frozenset()
    keep_order(order(free)[0], layout)
    assert not (layout.work / "order.json").exists()  # the usual order leaves nothing behind
    keep_order(order(gated)[0], layout)
    assert order(gated)[0].first == order(free)[0].first == ids
    write_ratings(tmp_path, rated[:4], lambda v, d: 3)
    assert order(gated)[0].first == ids  # fewer are among them
    write_ratings(tmp_path, [*rated, clips[0]], lambda v, d: 3)
    assert order(gated)[0].first == ids | {clips[0].video_id}
    # compared clips come with all of their prompt: half a prompt cannot stay ahead of its rest
    assert order(free | {"protocol": "pairwise"})[0].first == frozenset()
    # a folder whose clips were all judged stays as it is, whatever is required later
    keep_order(order(tree | {"limit": 2})[0], layout)
    assert order(free)[0].first == frozenset()
    found, config, plan = order(free)
    keep_judged(found, config, plan, layout)
    assert order(gated)[0] == order(free)[0] != found
    assert order(gated)[0].first == frozenset()
    other = gated | {"rubrics": ["videoprefer/video_quality"]}  # of which nothing is judged yet
    assert order(other)[0].first == ids | {clips[0].video_id}


@pytest.mark.parametrize(
    ("block", "number", "met"),
    [
        ({"at_least": 0.9}, 0.9, True),
        ({"at_least": 0.9}, 0.8999, False),
        ({"at_least": 0.9}, None, False),
        ({"at_most": 0.1}, 0.1, True),
        ({"at_most": 0.1}, 0.11, False),
        ({"at_most": 0.1}, None, False),
        ({"at_most": 0.1, "bound": "high"}, 0.1, True),
    ],
)
def test_what_meets_a_requirement(block: dict[str, Any], number: float | None, met: bool) -> None:
    assert Requirement(statistic=ACCURACY, **block).met_by(number) is met


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({}, "expected at_least or at_most, one of the two"),
        ({"at_least": 1, "at_most": 2}, "one of the two"),
        ({"at_least": 1, "bound": "high"}, "expected value or low"),
        ({"at_most": 1, "bound": "low"}, "expected value or high"),
    ],
)
def test_what_no_requirement_may_say(block: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Requirement(statistic=ACCURACY, **block)


def test_which_clips_come_first(tmp_path: Path) -> None:
    tree = tree_of("http://localhost:1/v1")
    clips = clips_in(tmp_path, tree)
    rated = rated_of(clips)
    path = write_ratings(tmp_path, rated, lambda v, d: 3)

    def first(**changes: Any) -> frozenset[str]:
        config = load_config(write(tmp_path, tree | {"audit": required(path)} | changes))
        return rated_clips(config, make_plan(config))

    ids = {clip.video_id for clip in rated}
    assert first() == ids
    whole = {c.video_id for c in clips if c.prompt_id in {r.prompt_id for r in rated}}
    assert len(whole) == 8
    assert first(protocol="pairwise") == whole
    assert first(protocol={"kind": "tie_band", "band": 1}) == whole
    # real footage that is left out of the audit is not paid for before it
    left_out = required(path) | {"leave_out_generators": ["sim-clean"]}
    flickering = {c.video_id for c in rated if c.generator != "sim-clean"}
    assert 0 < len(flickering) < N_RATED
    assert first(audit=left_out) == flickering
    # everything is rated: there is nothing to save
    assert first(audit=required(path) | {"ratings": [{"kind": "simulated"}]}) == frozenset()
    write_ratings(tmp_path, list(clips), lambda v, d: 3)
    assert first() == frozenset()


def test_waves_of_the_first_clips_and_of_all_others(tmp_path: Path) -> None:
    clips = clips_in(tmp_path, tree_of("http://localhost:1/v1"))
    assert in_waves(clips, 5) == slices(clips, 5)  # no gate: the waves are the usual ones
    first = {clip.video_id for clip in rated_of(clips)}
    waves = in_waves(clips, 5, first)
    # 3 and 3 of two prompts do not fit into 5; of the others 4, 1 + 4, 1 clips
    assert [len(wave) for wave in waves] == [3, 3, 5, 5]
    assert {clip.video_id for wave in waves[:2] for clip in wave} == first
    assert Counter(c.video_id for wave in waves for c in wave) == Counter(c.video_id for c in clips)


def test_an_estimate_tells_the_share_of_the_gate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tree_of("http://localhost:1/v1")
    rated = rated_of(clips_in(tmp_path, tree))
    tree["audit"] = required(write_ratings(tmp_path, rated, lambda v, d: 3))
    assert run(tmp_path, tree, "--estimate") == 0
    said = " ".join(capsys.readouterr().err.split())
    assert f"held against the first {N_RATED} clips (rated), for $" in said
    assert f"at most in {2 * N_RATED} requests, before anything else is asked" in said
    config = load_config(write(tmp_path, tree))
    notes = estimate(config, make_plan(config)).notes  # as a preview asks, without a run's folder
    assert sum(f"the first {N_RATED} clips (rated)" in note for note in notes) == 1
    # two sentinels under two rubrics, before each of the 2 + 2 waves; and of the 2 before the gate
    watched = load_config(write(tmp_path, tree | {"sentinels": {"clips": 2, "draws": 1}}))
    found = estimate(watched, make_plan(watched))
    assert found.watching[0].remark == "2 clips anew before each of 4 waves"
    share = f"in {2 * N_RATED + 2 * 2 * 2} requests, before anything else"
    assert sum(share in note for note in found.notes) == 1
    del tree["audit"]["require"]
    assert run(tmp_path, tree, "--estimate") == 0
    assert "audit.require" not in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_whose_end_falls_short_can_still_be_shown_and_rated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """More ratings are what one wants then; every clip is rated here, so only the end decides."""
    tree = {
        **tree_of("http://127.0.0.1:9"),
        "annotators": [{"kind": "signal"}],
        "audit": {
            "ratings": [{"kind": "simulated"}],
            "resamples": 100,
            "require": {"statistic": ACCURACY, "at_least": 1.0},
        },
    }
    assert run(tmp_path, tree) == command.UNMET
    assert not (tmp_path / "out" / "run.json").exists()
    assert cli.main(["report", str(tmp_path / "out")]) == 0
    rated = ["rate", str(tmp_path / "out"), "--output", str(tmp_path / "rating"), "--items", "2"]
    assert cli.main(rated) == 0, capsys.readouterr().err
    assert (tmp_path / "rating" / "rate.html").is_file()
