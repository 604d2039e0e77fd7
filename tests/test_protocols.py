"""Whole runs in which clips are judged against each other: in pairs, in lists, inside the tie band.

The loopback judge likes a clip by its pictures and the rubric alone (``expected_taste``), so what it
prefers can be said beforehand: in the table of frames lie the pictures it was sent.
"""

import base64
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer, expected_taste

import prompts
from pipeline import command
from pipeline.dataset.parquet import parts
from prompts import as_protocol, load_rubric, render_several
from schemas import OVERALL, SPLITS
from schemas.layout import Layout
from schemas.store import blob_name

RUBRICS = ["videoprefer/prompt_following", "videoprefer/video_quality"]
GENERATORS = ("sim-clean", "sim-colour-flicker", "sim-motion-frozen")


@pytest.fixture(autouse=True)
def a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_TEST_KEY", "sk-test-0123456789")


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with JudgeServer() as running:
        yield running


def config(server: JudgeServer, protocol: Any, **changes: Any) -> dict[str, Any]:
    judge = {
        "kind": "openai",
        "model": "judge",
        "base_url": server.base_url,
        "api_key_env": "A_TEST_KEY",
        "concurrency": 8,
        "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
    }
    return {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {
            "clips_per_prompt": 3,
            "pool": [{"kind": "simulated", "name": name} for name in GENERATORS],
        },
        "annotators": [{**judge, **changes.pop("judge", {})}],
        "frames": {"count": 2},
        "protocol": protocol,
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
        **changes,
    }


def run(folder: Path, tree: dict[str, Any], *flags: str) -> int:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree))
    return command.main(["--config", str(path), "--output", str(folder / "out"), *flags])


def table(folder: Path, name: str) -> list[dict[str, Any]]:
    layout = Layout(folder / "out")
    folders = (
        [layout.table(name, s) for s in SPLITS] if name == "preferences" else [layout.table(name)]
    )
    return [row for f in folders for file in parts(f) for row in pq.read_table(file).to_pylist()]


def liked_more(folder: Path, rubric: str, one: str, other: str, protocol: str) -> bool:
    """Whether the judge likes the first clip more, worked out from its pictures."""
    asked = as_protocol(load_rubric(rubric), protocol)
    frames = {row["video_id"]: row for row in table(folder, "frames")}
    shown = [(2, frames[one]["times_s"])] * (2 if protocol == "pairwise" else 3)
    system = render_several(asked, prompt=frames[one]["prompt"], clips=shown).system
    store = Layout(folder / "out").frames

    def taste(video: str) -> str:
        jpegs = [store.get(blob_name(name, ".jpg")) for name in frames[video]["jpeg_sha256"]]
        urls = [f"data:image/jpeg;base64,{base64.b64encode(j or b'').decode()}" for j in jpegs]
        return expected_taste(urls, system)

    return taste(one) > taste(other)


@pytest.mark.parametrize("protocol", ["pairwise", "listwise"])
def test_a_judge_that_is_consistent_gets_what_it_likes(tmp_path, server, protocol) -> None:
    assert run(tmp_path, config(server, protocol)) == 0
    # 2 prompts x 2 rubrics x 2 orders x (3 pairs, or 1 list)
    n = {"pairwise": 24, "listwise": 8}[protocol]
    assert server.n_bills == n == len(table(tmp_path, "comparisons"))
    assert not table(tmp_path, "annotations")
    assert not table(tmp_path, "failures")
    preferences = table(tmp_path, "preferences")
    assert len(preferences) == 2 * 3 * 3  # prompts x pairs x (dimensions and overall)
    for row in preferences:
        assert row["basis"] == "comparisons"
        if row["dimension"] == OVERALL:
            continue
        a_wins = liked_more(
            tmp_path, f"videoprefer/{row['dimension']}", row["video_a"], row["video_b"], protocol
        )
        assert row["label"] == ("a" if a_wins else "b")
        assert {row["score_a"], row["score_b"]} == {0.0, 1.0}
        assert (row["margin"], row["n_a"], row["n_b"]) == (1.0 if a_wins else -1.0, 2, 2)
    # of three clips without ties, one wins both comparisons, one wins one, one wins none
    for (_, dimension), scores in by(table(tmp_path, "scores"), "prompt_id", "dimension").items():
        if dimension != OVERALL:
            assert Counter(s["mean"] for s in scores) == {0.0: 2, 0.5: 2, 1.0: 2}  # and consensus
    assert run(tmp_path, config(server, protocol)) == 0
    assert server.n_bills == n  # a second run is free


def by(rows: list[dict[str, Any]], *names: str) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in names), []).append(row)
    return found


def test_a_judge_that_takes_the_first_prefers_nothing(tmp_path) -> None:
    def first(handler: Any, body: dict[str, Any]) -> None:
        content = json.dumps({"choice": "A", "rationale": "It came first."})
        message = {"role": "assistant", "content": content}
        handler.send(
            200,
            json.dumps(
                {
                    "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
                }
            ),
        )

    with JudgeServer(faults=lambda n, key: first) as server:
        assert run(tmp_path, config(server, "pairwise")) == 0
    assert {row["label"] for row in table(tmp_path, "preferences")} == {"tie"}
    assert {row["score_a"] for row in table(tmp_path, "preferences")} == {0.5}
    assert {tuple(row["ranking"]) for row in table(tmp_path, "comparisons")} == {(1, 2)}


def test_every_pair_is_shown_in_both_orders_in_every_draw(tmp_path, server) -> None:
    judge = {"draws": 2, "seed": 7}
    assert run(tmp_path, config(server, "pairwise", judge=judge)) == 0
    rows = by(table(tmp_path, "comparisons"), "prompt_id", "dimension", "draw")
    assert len(rows) == 2 * 2 * 2
    for shown in rows.values():
        orders = Counter(tuple(row["video_ids"]) for row in shown)
        videos = sorted({video for order in orders for video in order})
        assert orders == Counter(itertools.permutations(videos, 2))


def test_only_pairs_within_the_tie_band_are_compared(tmp_path, server) -> None:
    band = {"kind": "tie_band", "band": 1.0}
    assert run(tmp_path, config(server, band)) == 0
    preferences = table(tmp_path, "preferences")
    scores = {
        (s["video_id"], s["dimension"]): s["mean"]
        for s in table(tmp_path, "scores")
        if s["annotator_id"] == "consensus"
    }
    compared = {
        (*sorted(row["video_ids"]), row["dimension"]) for row in table(tmp_path, "comparisons")
    }
    seen = Counter()
    for row in preferences:
        if row["dimension"] == OVERALL:
            continue
        sides = (row["video_a"], row["video_b"])
        margin = scores[sides[0], row["dimension"]] - scores[sides[1], row["dimension"]]
        close = abs(margin) <= 1.0
        assert close == ((*sorted(sides), row["dimension"]) in compared)
        assert row["basis"] == ("comparisons" if close else "scores")
        if not close:
            assert row["margin"] == margin
        else:
            assert row["label"] != "tie"  # this judge is consistent
        seen[row["basis"]] += 1
    assert min(seen.values()) > 0, "the example must show both"
    # 6 clips x 2 rubrics, and 2 orders of every close pair
    assert server.n_bills == 12 + 2 * len(compared)


def test_a_pair_without_both_orders_has_no_preference(tmp_path, capsys) -> None:
    """The 5th reply is a refusal: that pair is missing, the others stand, the books balance."""
    with JudgeServer(faults=[None] * 4 + ["refusal"]) as server:
        assert run(tmp_path, config(server, "pairwise", judge={"concurrency": 1})) == 0
    (failure,) = table(tmp_path, "failures")
    assert (failure["stage"], failure["reason"]) == ("compare", "refusal")
    _, shown, dimension, *_ = failure["key"].split("/")
    videos = sorted(shown.split("+"))
    missing = [
        (dimension, *videos),
        (OVERALL, *videos),
    ]
    have = {
        (row["dimension"], *sorted((row["video_a"], row["video_b"])))
        for row in table(tmp_path, "preferences")
    }
    assert len(have) == 18 - 2
    assert not have.intersection(missing)
    # shares of different opponents do not compare: neither clip has a score there
    scored = {(s["dimension"], s["video_id"]) for s in table(tmp_path, "scores")}
    assert not scored.intersection((dimension, video) for video in videos)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["books"]["compare"]["failed"] == 1
    assert record["books"]["preferences"]["upstream"] == 2


def test_what_cannot_compare_is_refused_before_work(tmp_path, server, capsys) -> None:
    tree = config(server, "pairwise")
    tree["annotators"].append({"kind": "signal"})
    assert run(tmp_path, tree) == 2
    assert "signal can score clips, not compare them" in capsys.readouterr().err
    tree |= {"protocol": {"kind": "tie_band", "band": 1}, "consensus": {"annotators": ["signal"]}}
    assert run(tmp_path, tree) == 2
    assert "none of consensus.annotators compares clips" in capsys.readouterr().err
    assert run(tmp_path, config(server, {"kind": "pairwise", "band": 1})) == 2
    assert "band: goes with kind: tie_band" in capsys.readouterr().err
    alone = config(server, "pairwise")
    alone["generators"]["clips_per_prompt"] = 1
    assert run(tmp_path, alone) == 2
    assert "no prompt has two clips" in capsys.readouterr().err
    assert server.n_bills == 0


def test_ids_that_join_to_one_key_are_refused_before_work(tmp_path, server, capsys) -> None:
    """``a+b`` before ``c``, and ``a`` before ``b+c``: the books could not tell the two apart."""

    def with_ids(*ids: str) -> dict[str, Any]:
        lines = ["prompt,prompt_id,generator,video,video_id"]
        for number, name in enumerate(ids):
            (tmp_path / f"{number}.mp4").write_bytes(b"no video")
            lines.append(f"a red circle,p,g{number},{number}.mp4,{name}")
        (tmp_path / "clips.csv").write_text("\n".join(lines) + "\n")
        tree = config(server, "pairwise")
        del tree["generators"]
        return tree | {"sources": [{"kind": "manifest", "path": str(tmp_path / "clips.csv")}]}

    assert run(tmp_path, with_ids("a+b", "c", "a", "b+c")) == 2
    assert "the clips 'a' and 'b+c', and of 'a+b' and 'c', are the same" in capsys.readouterr().err
    assert run(tmp_path, with_ids("a+b", "c", "a", "b+d")) == 0  # such ids alone do no harm
    assert len(table(tmp_path, "failures")) == 4  # but these clips are none


def test_two_rubrics_of_one_name_are_refused_before_work(tmp_path, server, capsys) -> None:
    """Their dimensions differ, so that is not what tells them apart."""
    names = ("static_quality", "temporal_quality")
    text = (Path(prompts.__file__).parent / "rubrics/videoprefer/video_quality.v1.yaml").read_text()
    for name in names:
        own = text.replace("name: video_quality\n", f"name: {name}\n")
        assert own != text
        (tmp_path / f"{name}.yaml").write_text(own)
    rubrics = [str(tmp_path / f"{name}.yaml") for name in names]
    for protocol in ("pointwise", "pairwise"):
        assert run(tmp_path, config(server, protocol, rubrics=rubrics)) == 2
        assert "two are named 'videoprefer/video_quality'" in capsys.readouterr().err
    assert server.n_bills == 0


@pytest.mark.slow
def test_a_jury_whose_judges_differ_in_draws_and_fail_now_and_then(tmp_path) -> None:
    """The second judge, of two draws, never answers about one order of one pair: the pair has its
    first judge's word only where that judge alone counts."""

    def faults(n: int, key: str) -> str | None:
        body = running.bodies[n]
        return "refusal" if body["model"] == "other" and key in refused else None

    refused: set[str] = set()
    with JudgeServer(faults=faults) as running:
        tree = config(running, "pairwise")
        (first,) = tree["annotators"]
        tree["annotators"] += [{**first, "model": "other", "draws": 2, "temperature": 0.7}]
        (tmp_path / "calm").mkdir()
        assert run(tmp_path / "calm", tree) == 0
        # 12 questions of each rubric in one draw, and in two
        assert len(table(tmp_path / "calm", "comparisons")) == 24 + 48
        assert {row["n_a"] for row in table(tmp_path / "calm", "preferences")} == {6, 12}
        other = [body for body in running.bodies if body["model"] == "other"]
        refused.add(hashlib.sha256(json.dumps(other[0], sort_keys=True).encode()).hexdigest())
        assert run(tmp_path, tree) == 0
        missing = {f["key"].split("/")[1] for f in table(tmp_path, "failures")}
        (pair,) = {tuple(sorted(key.split("+"))) for key in missing}
        assert len(table(tmp_path, "preferences")) == 18 - 2  # its dimension, and overall
        alone = {"consensus": {"annotators": ["judge"]}}
        before = running.n_bills
        assert run(tmp_path, tree | alone, "--rebuild") == 0
        assert running.n_bills == before
    preferences = table(tmp_path, "preferences")
    assert len(preferences) == 18
    assert {row["n_a"] for row in preferences} == {2, 4}
    assert pair in {tuple(sorted((row["video_a"], row["video_b"]))) for row in preferences}
