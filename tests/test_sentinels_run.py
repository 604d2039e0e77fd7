"""Sentinels against a loopback judge: asked on every occasion, paid once, told from noise, stopped."""

import json
import types
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pydantic
import pytest
from coded_clips import write_clip
from judge_server import JudgeServer
from questions import QUALITY, frame_set, resources

from annotators import OpenAIBatchSpec, OpenAISpec
from annotators.base import Resources
from annotators.chat import errors
from annotators.journal import Journal
from annotators.ledger import Budget, Ledger
from annotators.models import Capabilities, Price, load_models
from annotators.signal.spec import SignalSpec
from pipeline import command
from pipeline.check import Stopped
from pipeline.config import Config
from pipeline.sentinels.check import check_sentinels
from pipeline.sentinels.clips import clips_of, own_clips
from pipeline.sentinels.judges import judges_of
from pipeline.sentinels.options import SentinelOptions
from pipeline.sentinels.sentinels import Place, Sentinels
from prompts import load_rubric
from schemas import Clip, FrameSet, Rubric
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store

FOLLOWING = load_rubric("videoprefer/prompt_following")
PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)
KNOWN = Capabilities(
    temperature=(0, 2), top_p=True, seed=True, choices=True, logprobs=True, batch=True,
    reply_formats=("json_schema", "json_object", "text"), image_details=("low", "high", "auto"),
    images=100, efforts=("low", "high"), default_effort="low", sampling_needs_effort_none=False,
)  # fmt: skip
CLIPS, DRAWS = 4, 3
ASKED = CLIPS * 2 * DRAWS  # two rubrics


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


class NoisyJudge:
    """Scores 2 or 3, by the request and how often it came, plus ``shift``, from model ``model``."""

    def __init__(self) -> None:
        self.shift, self.model, self.fingerprint = 0, "judge-2026-01-01", "fp_1"
        self.seen: Counter[str] = Counter()
        self.n = 0
        self.server = JudgeServer(faults=lambda n, key: self.answer)

    def answer(self, handler: Any, body: dict[str, Any]) -> None:
        """One reply. Equal requests may come in any order: which draw gets which is all the same."""
        with self.server._lock:
            self.n += 1
            digest = sha256_hex(json.dumps(body, sort_keys=True).encode())
            self.seen[digest] += 1
            times = self.seen[digest]
        noise = np.random.default_rng(int(digest[:8], 16) + times).integers(0, 2)
        verdict = {"score": int(2 + noise + self.shift), "rationale": f"look {times}"}
        reply = {
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": [
                {"finish_reason": "stop", "message": {"content": json.dumps(verdict)}},
            ],
            "usage": {"prompt_tokens": 770, "completion_tokens": 40, "total_tokens": 810},
        }
        handler.send(200, json.dumps(reply))


@pytest.fixture
def judge() -> Iterator[NoisyJudge]:
    judge = NoisyJudge()
    with judge.server:
        yield judge


class Nightly:
    """What a run gives its sentinels, without a run."""

    def __init__(self, folder: Path, judge: NoisyJudge, history: Path | None = None) -> None:
        self.folder, self.judge = folder, judge
        self.history = history or folder / "sentinels"
        self.place: Resources = resources(folder)
        self.frames = [
            frame_set(f"clip-{i}", store=self.place.frames, prompt_id=f"p{i}") for i in range(CLIPS)
        ]
        self.whole: set[tuple[str, str]] = set()
        self.said: list[str] = []

    def sentinels(self, ledger: Ledger | None = None, **options: Any) -> Sentinels:
        spec = OpenAISpec(
            model="judge",
            base_url=self.judge.server.base_url,
            price=PRICE,
            capabilities=KNOWN,
            several_choices=False,
        )
        asked = SentinelOptions(draws=DRAWS, **options)
        return Sentinels(
            asked,
            Place(
                judges=judges_of([SignalSpec(), spec], asked, load_models()),
                rubrics=(QUALITY, FOLLOWING),
                resources=Resources(
                    frames=self.place.frames, journal=self.place.journal, ledger=ledger or Ledger()
                ),
                history=Store(str(self.history)),
                occasions=self.folder / "work",
                clips=lambda: self.frames,
                is_whole=lambda wave, made: (wave, made) in self.whole,
                say=self.said.append,
                run="nightly",
                n_waves=3,
            ),
        )

    def wave(self, sentinels: Sentinels, number: int) -> None:
        """Judged, then whole."""
        name = f"annotate-{number:05d}"
        sentinels.judge(name, "made")
        self.whole.add((name, "made"))
        sentinels.done(name)

    def records(self) -> list[dict[str, Any]]:
        return [json.loads(p.read_text()) for p in sorted(self.history.rglob("*.json"))]


@pytest.fixture
def night(tmp_path: Path, judge: NoisyJudge) -> Nightly:
    return Nightly(tmp_path / "night", judge)


def test_every_wave_asks_again_and_every_reply_is_kept(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    for number in range(3):
        night.wave(sentinels, number)
    assert judge.n == 3 * ASKED
    records = night.records()
    assert [record["wave"] for record in records] == [f"annotate-{i:05d}" for i in range(3)]
    assert len({record["occasion"] for record in records}) == 3
    assert [len(record["readings"]) for record in records] == [ASKED] * 3
    assert records[0]["models"] == ["judge-2026-01-01"]
    # asked for again and again, each reply under a key of its own, in packs
    assert list((night.folder / "journal" / "packs").glob("*.parquet"))
    assert not list((night.folder / "journal").glob("[0-9a-f][0-9a-f]/*.json"))


def test_what_sentinels_cost_stands_apart_in_the_ledger(night: Nightly) -> None:
    ledger = Ledger(None, ["judge"])
    night.wave(night.sentinels(ledger), 0)
    found = ledger.purposes()["judge"]  # the estimates of all its requests stand with no purpose
    assert {name: one.requests for name, one in found.items()} == {"sentinels": ASKED, "": 0}


def test_noise_is_not_called_a_change(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    assert sentinels.summary() is None
    for number in range(3):
        night.wave(sentinels, number)
    summary = sentinels.summary()
    assert summary is not None
    assert (summary["clips"], summary["draws"], summary["tests"]) == (CLIPS, DRAWS, 3)
    assert [one["wave"] for one in summary["occasions"]] == [f"annotate-{i:05d}" for i in range(3)]
    (row,) = summary["judges"]
    assert (row["annotator"], row["changed"], row["able"]) == ("judge", False, True)
    assert (row["n_clips"], row["occasions"]) == (CLIPS, 3)
    assert row["models"] == ["judge-2026-01-01"]
    assert row["low"] <= row["shift"] <= row["high"]
    assert [one["wave"] for one in row["series"]] == [f"annotate-{i:05d}" for i in range(3)]
    assert [one["n_scores"] for one in row["series"]] == [ASKED] * 3
    assert [one["n_clips"] for one in row["series"]] == [CLIPS] * 3
    assert row["p"] <= row["p_adjusted"] <= 1
    assert night.said == []  # nothing worth a line while it runs
    (line,) = sentinels.lines()
    assert line.startswith("  sentinels, judge: no change seen: mean shift ")


def test_a_change_is_said_and_the_run_goes_on(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    night.wave(sentinels, 0)
    night.wave(sentinels, 1)
    judge.shift = 1
    night.wave(sentinels, 2)
    assert [line.split(":")[2] for line in night.said] == [" CHANGED"]
    summary = sentinels.summary()
    assert summary is not None
    (row,) = summary["judges"]
    assert row["changed"]
    # a change of one level, plus the difference of two means of noise: sd 0.5 / sqrt(24) and / sqrt(48)
    assert row["shift"] == pytest.approx(1.0, abs=3 * 0.125)
    # what a later process says of the same run
    assert night.sentinels().summary() == summary


def test_a_change_ends_the_run_where_that_is_asked_for(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels(on_change="stop")
    night.wave(sentinels, 0)
    night.wave(sentinels, 1)
    judge.shift = 1
    with pytest.raises(Stopped, match="judge is not the judge it was: CHANGED: mean shift"):
        night.wave(sentinels, 2)
    # the same command again: nothing is paid, and the answer is the same
    with pytest.raises(Stopped, match="on_change: say"):
        night.wave(night.sentinels(on_change="stop"), 2)
    assert judge.n == 3 * ASKED
    night.wave(night.sentinels(), 2)
    assert judge.n == 3 * ASKED


def test_another_model_under_the_name_ends_the_run_too(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels(on_change="stop")
    night.wave(sentinels, 0)
    judge.fingerprint = "fp_2"
    night.wave(sentinels, 1)
    assert night.said[-1].endswith("new system fingerprint: fp_2")
    judge.model = "judge-2026-02-02"
    with pytest.raises(Stopped, match="ANOTHER MODEL answers: judge-2026-02-02"):
        night.wave(sentinels, 2)


def test_a_stopped_wave_goes_on_with_its_occasion_and_pays_nothing_twice(
    night: Nightly, judge: NoisyJudge, tmp_path: Path
) -> None:
    path = tmp_path / "ledger"
    with pytest.raises(Stopped, match=r"sentinels: .*budget.requests is 10"):
        night.sentinels(Ledger(path, ["judge"], Budget(requests=10))).judge(
            "annotate-00000", "made"
        )
    assert judge.n == 10
    assert night.records() == []  # half an occasion is none
    ledger = Ledger(path, ["judge"], Budget(requests=100))
    night.wave(night.sentinels(ledger), 0)
    assert judge.n == ASKED
    assert ledger.totals()["judge"].requests == ASKED
    assert len(night.records()) == 1
    # killed after the record was kept, in the middle of the wave
    night.whole.clear()
    resumed = night.sentinels()
    resumed.judge("annotate-00001", "made")
    resumed.judge("annotate-00001", "made")
    night.sentinels().judge("annotate-00001", "made")
    assert judge.n == 2 * ASKED


def test_a_whole_wave_that_is_judged_anew_is_another_occasion(
    night: Nightly, judge: NoisyJudge
) -> None:
    sentinels = night.sentinels()
    night.wave(sentinels, 0)
    night.wave(sentinels, 0)
    assert judge.n == 2 * ASKED
    assert len(night.records()) == 2


def test_a_kill_between_the_marks_is_made_good(night: Nightly, judge: NoisyJudge) -> None:
    night.sentinels().judge("annotate-00000", "made")
    night.whole.add(("annotate-00000", "made"))  # marked as whole, and killed before done()
    sentinels = night.sentinels()  # of the next process, which may then take up failures
    night.whole.clear()
    sentinels.judge("annotate-00000", "made")
    assert len(night.records()) == 2


def test_a_wave_made_from_something_else_is_another_occasion(night: Nightly) -> None:
    sentinels = night.sentinels()
    sentinels.judge("annotate-00000", "made")
    sentinels.judge("annotate-00000", "of other frames")
    assert len(night.records()) == 2


def test_runs_that_share_a_history_are_compared(
    tmp_path: Path, judge: NoisyJudge, night: Nightly
) -> None:
    night.wave(night.sentinels(), 0)
    judge.shift = 1
    other = Nightly(tmp_path / "other", judge, history=night.history)
    sentinels = other.sentinels()
    other.wave(sentinels, 0)
    assert "CHANGED" in sentinels.lines()[0]
    assert "(1 earlier occasion, 4 clips)" in sentinels.lines()[0]
    # an occasion is of its own run: the first one's replies answered nothing of the second's
    assert judge.n == 2 * ASKED


def test_other_frames_are_other_questions(night: Nightly, judge: NoisyJudge) -> None:
    night.wave(night.sentinels(), 0)
    night.frames = [frame_set(f"new-{i}", store=night.place.frames) for i in range(CLIPS)]
    sentinels = night.sentinels()
    night.wave(sentinels, 1)
    assert sentinels.lines() == ["  sentinels, judge: nothing to compare with yet"]


def test_a_damaged_history_is_refused_before_work(night: Nightly, judge: NoisyJudge) -> None:
    night.wave(night.sentinels(), 0)
    (file,) = night.history.rglob("*.json")
    file.write_text('{"format": 1}')
    with pytest.raises(SetupError, match=rf"{file.name} is not a whole record.*restore the file"):
        night.sentinels()


def test_a_judge_that_refuses_is_recorded_and_said(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    night.wave(sentinels, 0)
    judge.shift = 7  # off the scale from 1 to 5
    night.wave(sentinels, 1)
    record = night.records()[-1]
    assert record["failures"] == {"off_scale": ASKED}
    assert {reading["score"] for reading in record["readings"]} == {None}
    assert night.said[-1].startswith("sentinels: judge: CHANGED: no scores on both sides")


def test_what_was_said_of_an_occasion_is_not_said_again(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    judge.shift = 7  # off the scale
    sentinels.judge("annotate-00000", "made")  # a run asks before its first wave, and again with it
    said = list(night.said)
    assert len(said) == 1
    night.wave(sentinels, 0)
    assert night.said == said


def test_without_frames_nobody_is_asked_and_that_is_said(night: Nightly, judge: NoisyJudge) -> None:
    night.frames = []
    night.wave(night.sentinels(), 0)
    assert judge.n == 0
    assert night.said == ["sentinels: none of the clips has frames, so no judge is watched"]


def test_the_journal_keeps_occasions_apart_from_the_run(night: Nightly, judge: NoisyJudge) -> None:
    sentinels = night.sentinels()
    night.wave(sentinels, 0)
    night.wave(sentinels, 1)
    journal = Journal(night.place.journal)
    occasions: Counter[str] = Counter()
    for name in journal.store.names("packs"):
        pack = journal._packs.load(name)
        assert pack is not None
        occasions.update(entry.request.get("occasion", "") for entry in pack.entries())
    assert occasions == {record["occasion"]: ASKED for record in night.records()}


# who, which clips, how many requests


def test_only_judges_that_may_change_are_asked_and_batches_at_once() -> None:
    options = SentinelOptions(draws=5)
    batch = OpenAIBatchSpec(model="gpt-4o-mini", name="b")
    (judge,) = judges_of([SignalSpec(), batch], options, load_models())
    assert isinstance(judge, OpenAISpec)
    assert (judge.annotator_id, judge.draws, judge.batch) == ("b", 5, False)


def check(annotators: list[Any], rubrics: tuple[Rubric, ...] = (QUALITY,), **changes: Any) -> None:
    given = {"capped": False, **changes}
    options = SentinelOptions(**{k: v for k, v in given.items() if k != "capped"})
    check_sentinels(options, annotators, rubrics, load_models(), n_images=8, capped=given["capped"])


def test_what_is_refused_before_work(tmp_path: Path) -> None:
    own = OpenAISpec(model="own", base_url="http://localhost:1/v1")
    check([own])
    with pytest.raises(SetupError, match="none of the annotators asks a model"):
        check([SignalSpec()])
    with pytest.raises(SetupError, match="score clips one by one"):
        check([own], ())
    with pytest.raises(SetupError, match="sentinels ask annotator own at once"):
        check(
            [OpenAIBatchSpec(model="own", base_url="http://localhost:1/v1", price=PRICE)],
            capped=True,
        )
    with pytest.raises(SetupError, match=r"gone\.csv"):
        check([own], path=str(tmp_path / "gone.csv"))
    with pytest.raises(pydantic.ValidationError, match="not both"):
        SentinelOptions(clips=4, path="clips.csv")


def test_a_history_that_cannot_be_written_is_refused_before_a_reply_is_paid_for(
    tmp_path: Path,
) -> None:
    own = OpenAISpec(model="own", base_url="http://localhost:1/v1")
    (tmp_path / "a-file").write_text("no folder")
    for wrong in ("a-file", "a-file/below"):
        with pytest.raises(SetupError, match=rf"sentinels\.history: .*{wrong} cannot be written"):
            check([own], history=str(tmp_path / wrong))
    check([own], history=str(tmp_path / "new"))
    assert list((tmp_path / "new").iterdir()) == []  # the trial leaves nothing


def clip(video_id: str) -> Clip:
    return Clip(
        video_id=video_id, prompt_id="p", prompt="a ball", generator="g", source="s", path="/x"
    )


def test_own_clips_are_chosen_by_hash_among_those_with_frames() -> None:
    ids = [f"v{i:02d}" for i in range(20)]
    waves = [[clip(v) for v in ids[:10]], [clip(v) for v in ids[10:]]]
    has: dict[int, dict[str, FrameSet]] = {
        n: {c.video_id: frame_set(c.video_id) for c in clips} for n, clips in enumerate(waves)
    }
    first = [frames.video_id for frames in own_clips(waves, 4, has.__getitem__)]
    # the same whatever the order and the size of the waves
    flat = [[clip(v) for v in reversed(ids)]]
    assert [f.video_id for f in own_clips(flat, 4, lambda n: has[0] | has[1])] == first
    for frames in has.values():
        frames.pop(first[1], None)
    without = [frames.video_id for frames in own_clips(waves, 4, has.__getitem__)]
    assert without[:3] == [first[0], *first[2:]]
    assert len(own_clips(waves, 50, has.__getitem__)) == 19


def test_clips_of_their_own_come_from_a_manifest_and_stay_where_they_are(tmp_path: Path) -> None:
    write_clip(tmp_path / "good.mp4", range(8))
    (tmp_path / "bad.mp4").write_bytes(b"no clip")
    (tmp_path / "clips.csv").write_text(
        "prompt,generator,video,video_id\na ball,g,good.mp4,good\na cube,g,bad.mp4,bad\n"
    )
    said: list[str] = []
    config = Config.model_validate(
        {"sources": [{"kind": "manifest", "path": "unused"}], "annotators": [{"kind": "signal"}]}
    )
    run: Any = types.SimpleNamespace(
        config=config, layout=Layout(tmp_path / "out"), say=said.append
    )
    options = SentinelOptions(path=str(tmp_path / "clips.csv"))
    resources: Any = types.SimpleNamespace(processes=1, ledger=Ledger())
    (frames,) = clips_of(options, run, resources)
    assert (frames.video_id, len(frames.jpeg_sha256)) == ("good", 8)
    assert len(said) == 1
    assert said[0].startswith("sentinels: bad of ")
    assert not (tmp_path / "out" / "media").exists()


# a whole run


def whole_run(folder: Path, judge: NoisyJudge, history: Path, **sentinels: Any) -> int:
    """Two prompts, four clips, two waves; the exit code."""
    config = {
        "sources": [{"kind": "simulated", "prompts": 2, "seed": 0}],
        "generators": {
            "clips_per_prompt": 2,
            "pool": [{"kind": "simulated", "name": "sim-clean"}],
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": judge.server.base_url,
                "several_choices": False,
                "price": PRICE.model_dump(exclude_none=True),
            }
        ],
        "wave_size": 2,
        "sentinels": {"clips": 4, "draws": 3, "history": str(history), **sentinels},
    }
    folder.mkdir()
    (folder / "config.yaml").write_text(json.dumps(config))
    return command.main(["--config", str(folder / "config.yaml"), "--output", str(folder / "out")])


@pytest.mark.slow
def test_a_night_watches_its_judge_and_the_next_one_is_stopped(
    tmp_path: Path, judge: NoisyJudge, capsys: pytest.CaptureFixture[str]
) -> None:
    history = tmp_path / "history"
    assert whole_run(tmp_path / "one", judge, history) == command.COMPLETE
    # four clips under two rubrics; and before each of two waves four sentinels, three times each
    assert judge.n == 4 * 2 + 2 * ASKED
    assert "sentinels, judge: no change seen: mean shift" in capsys.readouterr().err
    tables = tmp_path / "one" / "out" / "tables" / "annotations"
    assert pq.read_table(tables).num_rows == 4 * 2
    told = json.loads((tmp_path / "one" / "out" / "judges.json").read_text())["sentinels"]
    assert [row["changed"] for row in told["judges"]] == [False]
    judge.shift = 1
    assert whole_run(tmp_path / "two", judge, history, on_change="stop") == command.STOPPED
    assert "judge is not the judge it was: CHANGED" in capsys.readouterr().err
    assert judge.n == 4 * 2 + 3 * ASKED  # not one of the second night's own questions
