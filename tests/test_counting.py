"""What was counted agrees with the rows, the journal and the ledger, on every engine and after a stop."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
import yaml
from apache_beam.testing.util import assert_that, equal_to
from judge_server import INPUT_TOKENS_PER_FRAME, INPUT_TOKENS_TEXT, OUTPUT_TOKENS, JudgeServer

from annotators.told import Told
from pipeline.counters import Counters, agreed
from pipeline.dataset.parquet import parts, read_columns
from pipeline.display import note, pace
from pipeline.progress import Counts, Spread, counts_from, read_counts
from pipeline.transforms.counting import Counting, counts_of
from schemas import Failure, Reason
from schemas.layout import Layout

REFUSAL = Failure(stage="annotate", key="v/d/j/0", reason=Reason.REFUSAL, message="no")
HARMLESS = Failure(stage="annotate", key="v/d/j/1", reason=Reason.NOT_APPLICABLE, message="none")


class _Count(beam.DoFn):
    """Counts an outcome and what it bought, as a stage does."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def setup(self) -> None:
        self._counting = Counting("annotate/judge", self._folder)

    def process(self, outcome: Any) -> Any:
        # 0.4 of a micro-USD each: 5 of them are 2
        self._counting.tell(Told(asked=1, bought=1, requests=1, usd=4e-7, request_ms=100.0))
        self._counting.count(outcome)
        yield 1

    def finish_bundle(self) -> None:
        self._counting.flush()


def counted(folder: Path) -> dict[str, Counts]:
    p = beam.Pipeline(runner="FnApiRunner")
    outcomes = ["row", "row", "row", REFUSAL, HARMLESS]
    rows = p | beam.Create(outcomes, reshuffle=False) | beam.ParDo(_Count(str(folder)))
    assert_that(rows, equal_to([1] * 5))
    result = p.run()
    result.wait_until_finish()
    return counts_of(result.metrics())


def test_beams_metrics_and_the_live_display_tell_the_same(tmp_path: Path) -> None:
    told, ticked = counted(tmp_path), read_counts(tmp_path)
    assert set(told) == set(ticked) == {"annotate/judge"}
    metric, tick = told["annotate/judge"], ticked["annotate/judge"]
    assert (metric.done, metric.failed, metric.skipped, metric.finished) == (3, 1, 1, 5)
    assert metric.reasons == {"refusal": 1, "not_applicable": 1}
    assert (metric.asked, metric.bought, metric.requests, metric.cost_microusd) == (5, 5, 5, 2)
    spread = metric.spread("request_ms")
    assert (spread.n, spread.sum, spread.least, spread.most) == (5, 500, 100, 100)
    assert spread.quantile(0.5) is None  # a distribution of Beam's has no percentiles
    both = agreed(told, ticked)["annotate/judge"]
    assert both == tick
    assert both.spread("request_ms").quantile(0.95) == 100  # no value lies beyond the ends


def test_percentiles_are_right_to_a_tenth() -> None:
    spread = Spread()
    for ms in range(1, 1001):
        spread.add(ms)
    # the middle of the bucket of 500 is 2^(36/4) = 512, of 950 it is 2^(40/4) = 1024, past the end
    assert spread.quantile(0.5) == 512
    assert spread.quantile(0.95) == 1000
    assert pace(spread) == "512 ms p50, 1.0 s p95"
    assert pace(Spread(n=4, sum=10_000, least=1, most=9000)) == "2.5 s each"


def test_a_line_tells_what_came_from_the_journal_and_what_was_paid() -> None:
    counts = Counts(done=3, failed=1, cached=2, requests=2, input_tokens=1500, cost_microusd=12_345)
    assert note(counts) == "1 failed, 2 cached, 2 requests, 1,500 tokens, $0.0123"


def test_items_of_a_wave_count_once_and_money_each_time(tmp_path: Path) -> None:
    counters = Counters(tmp_path)
    stopped = {"annotate/j": Counts(done=2, failed=3, reasons={"not_attempted": 3}, bought=2)}
    whole = {"annotate/j": Counts(done=5, bought=3, cached=2, cost_microusd=7)}
    counters.spent("annotate-00000", stopped)
    counters.spent("annotate-00000", whole)
    counters.whole("annotate-00000", whole)
    counters.whole("annotate-00000", whole)
    expected = Counts(done=5, bought=5, cached=2, cost_microusd=7)
    assert counters.totals({"annotate-00000"}) == {"annotate/j": expected}
    # of a wave that the run no longer has, only what it cost remains
    assert counters.totals(set())["annotate/j"].done == 0
    assert counters.totals(set())["annotate/j"].bought == 5


def test_counts_survive_a_file() -> None:
    counts = Counts(done=1, reasons={"refusal": 2})
    counts.spread("request_ms").add(80)
    assert counts_from(json.loads(json.dumps(counts.plain()))) == counts


PROMPTS, POOL = 4, ("sim-clean", "sim-motion-frozen", "sim-frozen-blur")
PRICE = {"input_usd_per_million": 0.3, "output_usd_per_million": 1.2}


def write(folder: Path, server: JudgeServer, wave_size: int = 8) -> None:
    config = {
        "sources": [{"kind": "simulated", "prompts": PROMPTS}],
        "generators": {"pool": [{"kind": "simulated", "name": name} for name in POOL]},
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": server.base_url,
                "api_key_env": "A_TEST_KEY",
                "concurrency": 4,
                "price": PRICE,
            }
        ],
        "report": {"prompts": 0},
        "concurrency": {"processes": 1},
        "wave_size": wave_size,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def start(folder: Path, output: str, *flags: str) -> "subprocess.Popen[bytes]":
    """A run in a group of its own, as a terminal starts it."""
    given = ["--config", str(folder / "config.yaml"), "--output", str(folder / output), *flags]
    with (folder / f"{output}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline.run", *given],
            env={**os.environ, "A_TEST_KEY": "sk-test", "OMP_NUM_THREADS": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def rows(root: Path, table: str, column: str) -> list[Any]:
    return [value for (value,) in read_columns(parts(Layout(root).table(table)), (column,))]


@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [[], ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]],
    ids=["in_memory", "multi_processing"],
)
def test_the_numbers_agree_with_rows_journal_and_ledger(tmp_path: Path, flags: list[str]) -> None:
    """In memory the run is killed in the middle and goes on; what it bought before is counted, too."""
    latency = 0.0 if flags else 0.2
    with JudgeServer(
        latency_s=latency, faults=lambda n, key: "refusal" if int(key, 16) % 8 == 0 else None
    ) as server:
        write(tmp_path, server, wave_size=100 if flags else 8)
        run = start(tmp_path, "out", *flags)
        if not flags:
            while server.n_bills < 10 and run.poll() is None:
                time.sleep(0.02)
            os.kill(run.pid, signal.SIGTERM)
            assert run.wait(timeout=100) == 3
            run = start(tmp_path, "out", *flags)
        assert run.wait(timeout=200) == 0, (tmp_path / "out.log").read_text()[-2000:]
        n_bills = server.n_bills
        assert len(server.bills) == n_bills  # nothing was bought twice
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    counts, spend = record["counters"]["annotate/judge"], record["spend"]["all_runs"]
    out = tmp_path / "out"
    assert counts["attempted"] == counts["done"] + counts["failed"] + counts["skipped"]
    assert counts["done"] == len(rows(out, "annotations", "video_id"))
    refused = [reason for reason in rows(out, "failures", "reason") if reason == "refusal"]
    assert counts["reasons"].get("refusal", 0) == len(refused)
    assert counts["asked"] == counts["cached"] + counts["bought"] + counts["missing"]
    assert counts["bought"] == counts["requests"] == n_bills == spend["requests"]
    assert counts["request_ms"]["n"] == n_bills
    tokens = INPUT_TOKENS_TEXT + 8 * INPUT_TOKENS_PER_FRAME, OUTPUT_TOKENS
    assert counts["input_tokens"] == n_bills * tokens[0] == spend["input_tokens"]
    assert counts["output_tokens"] == n_bills * tokens[1] == spend["output_tokens"]
    # 0.3 x 1280 + 1.2 x 40 = 432 micro-USD each: whole, so that nothing is rounded
    assert counts["cost_microusd"] == 432 * n_bills == round(spend["usd"] * 1e6)
    n_videos = len(rows(out, "videos", "video_id"))
    assert record["counters"]["video"]["done"] == n_videos == record["counters"]["frames"]["done"]
    assert record["counters"]["frames"]["decode_ms"]["n"] == n_videos
    assert record["counters"]["assemble"]["done"] == 1
    if not flags:
        assert counts["cached"] > 0
