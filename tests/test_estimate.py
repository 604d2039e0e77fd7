"""The estimate: what a run would ask for, counted from headers before anything is sent."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from coded_clips import write_clip, write_sound

import pipeline.estimate.assumptions as assumed
from annotators.base import Question
from annotators.batch.spec import OpenAIBatchSpec
from annotators.chat.spec import ChatSpec
from annotators.journal import Journal
from annotators.judge.request import request_of
from annotators.ledger import Amount
from annotators.local.spec import TransformersSpec
from pipeline.config import Config, load_config
from pipeline.estimate import Estimate, estimate
from pipeline.estimate.clips import look_at
from pipeline.estimate.watching import sentinels_among
from pipeline.media.errors import MediaError
from pipeline.media.ingest import ingest
from pipeline.media.options import FramesOptions
from pipeline.media.probe import probe
from pipeline.media.sample import sample_frames
from pipeline.plan import Plan, make_plan
from pipeline.running import slices
from pipeline.sentinels.clips import own_clips
from schemas import Clip, FrameSet, Reason, Video
from schemas.options import SetupError
from schemas.store import Store

# Prices and rule of gpt-4o, written out: 85 tokens for a frame at low detail
GPT_4O = {
    "kind": "openai",
    "model": "gpt-4o",
    "api_key_env": "JUDGE_KEY",
    "price": {"input_usd_per_million": 2.5, "output_usd_per_million": 10.0},
    "image_tokens": {"rule": "tile", "base": 85, "per_tile": 170},
}
ALONE = {"several_choices": False}  # gpt-4o is known to give several
# nobody's: no table of models holds it
STRANGER = {"kind": "openai", "model": "stranger-1", "api_key_env": "JUDGE_KEY"}


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUDGE_KEY", "k")


def _plan(folder: Path, *annotators: dict[str, Any], **more: Any) -> tuple[Config, Plan]:
    recipe = folder / "recipe.yaml"
    sources = [{"kind": "manifest", "path": "manifest.csv"}]
    recipe.write_text(yaml.safe_dump({"sources": sources, "annotators": [*annotators], **more}))
    config = load_config(str(recipe))
    return config, make_plan(config)


def _clips(folder: Path, *n_frames: int, size: tuple[int, int] = (512, 288)) -> None:
    """A manifest of two prompts, with clips of so many frames."""
    rows = ["prompt,generator,video"]
    for i, n in enumerate(n_frames):
        write_clip(folder / f"{i}.mp4", range(n), size=size)
        rows.append(f"prompt {i % 2},generator {i // 2},{i}.mp4")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")


def _frames(folder: Path, plan: Plan, options: FramesOptions) -> dict[str, FrameSet]:
    """What a run on the folder takes."""
    media, store, taken = Store(str(folder / "media")), Store(str(folder / "frames")), {}
    for clip in plan.clips:
        video = ingest(clip, media, options)
        assert isinstance(video, Video)
        frames = sample_frames(video, str(folder / video.uri), options, store)
        assert isinstance(frames, FrameSet)
        taken[frames.video_id] = frames
    return taken


def test_a_small_run_counted_by_hand(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20, 20, 20)
    found = estimate(*_plan(tmp_path, GPT_4O))
    (line,) = found.lines
    # 4 clips x 2 rubrics (one dimension each) x 1 draw
    assert (line.questions, line.requests, line.paid) == (8, 8, 0)
    assert line.image_tokens == 5440  # 8 requests x 8 frames x 85
    assert line.output_at_most == 4096  # 8 x max_output_tokens, 512 unless told
    assert line.output_likely == 960  # 8 x 120
    sent = line.text_tokens + 5440
    assert line.usd_at_most == pytest.approx(sent * 2.5e-6 + 0.04096)  # 4096 x 10 USD/M
    assert line.usd_likely == pytest.approx(sent * 2.5e-6 + 0.0096)
    assert found.worst == Amount(
        requests=8, input_tokens=sent, output_tokens=4096, usd=line.usd_at_most
    )
    # the rubrics take some 400 words each, and a request both its own and the schema
    assert 8 * 300 < line.text_tokens < 8 * 2000


def test_a_clip_shorter_than_the_policy_gives_fewer_frames(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 3)
    (line,) = estimate(*_plan(tmp_path, GPT_4O)).lines
    assert line.image_tokens == 1870  # 2 rubrics x (8 + 3 frames) x 85


def test_frames_count_at_the_size_they_are_sent_in(tmp_path: Path) -> None:
    _clips(tmp_path, 20, size=(1024, 576))
    # scaled to 512 x 288, one tile at high detail: 85 + 170 = 255; unscaled 2 x 2 tiles: 765
    (line,) = estimate(*_plan(tmp_path, {**GPT_4O, "image_detail": "high"})).lines
    assert line.image_tokens == 4080  # 2 requests x 8 frames x 255
    full = {**GPT_4O, **ALONE, "image_detail": "high", "draws": 3}
    (line,) = estimate(*_plan(tmp_path, full, frames={"long_side_px": 1024})).lines
    assert line.image_tokens == 36720  # 2 rubrics x 3 draws x 8 frames x 765


def test_headers_promise_what_sampling_takes(tmp_path: Path) -> None:
    _clips(tmp_path, 40, 9, 1)
    config, plan = _plan(tmp_path, GPT_4O)
    taken = _frames(tmp_path, plan, config.frames)
    promised = look_at(plan.clips, config.frames, {}).coming
    for video_id, frames in taken.items():
        coming = promised[video_id]
        assert coming.indices == frames.indices
        assert coming.times_s == pytest.approx(frames.times_s)
        assert (coming.frame_width_px, coming.frame_height_px) == (512, 288)
        assert (coming.width_px, coming.height_px) == (frames.width_px, frames.height_px)


def test_frames_of_an_earlier_run_are_not_looked_for_again(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20)
    config, plan = _plan(tmp_path, GPT_4O)
    taken = _frames(tmp_path, plan, config.frames)
    for clip in plan.clips:
        Path(clip.path or "").unlink()
    again = estimate(config, plan, frames=taken)
    assert again.lines[0].image_tokens == 2720  # 4 requests x 8 frames x 85
    assert (again.disk.clips, again.disk.frames) == (0, 0)


def test_frames_taken_by_another_rule_do_not_count(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    config, plan = _plan(tmp_path, GPT_4O)
    taken = _frames(tmp_path, plan, config.frames)
    for changed in ({"count": 4}, {"long_side_px": 256}):
        config, plan = _plan(tmp_path, GPT_4O, frames=changed)
        assert not look_at(plan.clips, config.frames, taken).known


def test_replies_in_the_journal_are_paid(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20)
    config, plan = _plan(tmp_path, {**GPT_4O, **ALONE, "draws": 2})
    taken = _frames(tmp_path, plan, config.frames)
    journal = Journal(Store(str(tmp_path / "journal")))
    judge = plan.annotators[0]
    assert isinstance(judge, ChatSpec)
    requests = [
        request_of(judge, Question(frames=frames, rubric=plan.rubrics[0], draw=draw))
        for frames in taken.values()
        for draw in range(2)
    ]
    for request in requests[:3]:
        journal.put(request, "{}")
    found = estimate(config, plan, frames=taken, journal=journal)
    (line,) = found.lines
    assert (line.questions, line.paid, line.requests) == (8, 3, 5)  # 2 clips x 2 rubrics x 2 draws
    assert line.image_tokens == 3400  # 5 x 8 x 85
    assert "requests      5  (3 more are paid already)" in _block(found, "gpt-4o")
    journal.set_aside([requests[0].key])  # asked for again
    (line,) = estimate(config, plan, frames=taken, journal=journal).lines
    assert (line.paid, line.requests) == (2, 6)
    journal.put(dataclasses.replace(requests[0], attempt=1), "{}")
    (line,) = estimate(config, plan, frames=taken, journal=journal).lines
    assert (line.paid, line.requests) == (3, 5)


def test_draws_that_share_a_request_pay_for_its_input_once(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20)
    found = estimate(*_plan(tmp_path, {**GPT_4O, "draws": 3}))
    (shared,) = found.lines
    (alone,) = estimate(*_plan(tmp_path, {**GPT_4O, **ALONE, "draws": 3})).lines
    # 2 clips x 2 rubrics x 3 draws
    assert (shared.questions, shared.requests, shared.replies, shared.paid) == (12, 4, 12, 0)
    assert (alone.questions, alone.requests, alone.replies, alone.paid) == (12, 12, 12, 0)
    assert shared.image_tokens == 2720  # 4 requests x 8 frames x 85
    assert alone.text_tokens == 3 * shared.text_tokens
    assert shared.output_at_most == alone.output_at_most == 6144  # 12 x 512
    assert shared.output_likely == alone.output_likely == 1440  # 12 x 120
    sent = shared.text_tokens + 2720
    assert shared.usd_at_most == pytest.approx(sent * 2.5e-6 + 0.06144)
    assert "requests      4  (12 replies, up to 3 in each)" in _block(found, "gpt-4o")
    assert "draws of gpt-4o that share a request pay for its input once" in found.text()
    words = estimate(*_plan(tmp_path, {**GPT_4O, **ALONE, "draws": 3})).text()
    assert "in each;" not in words
    assert "share a request" not in words


def test_draws_with_words_of_their_own_share_nothing(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    found = estimate(*_plan(tmp_path, {**GPT_4O, "draws": 3, "levels": "shuffled"}))
    assert (found.lines[0].requests, found.lines[0].image_tokens) == (6, 4080)  # 6 x 8 x 85


def test_what_a_shared_request_left_out_is_still_to_be_asked_for(tmp_path: Path) -> None:
    """2 clips, one rubric, 3 draws: of one clip the server gave only the first reply, and was later
    asked for the second alone; the other clip is not asked yet."""
    _clips(tmp_path, 20, 20)
    rubrics = ["videoprefer/video_quality"]
    config, plan = _plan(tmp_path, {**GPT_4O, "draws": 3}, rubrics=rubrics)
    taken = _frames(tmp_path, plan, config.frames)
    journal = Journal(Store(str(tmp_path / "journal")))
    (judge,), (rubric,) = plan.annotators, plan.rubrics
    assert isinstance(judge, ChatSpec)
    question = Question(frames=next(iter(taken.values())), rubric=rubric, draw=1)
    body = json.dumps({"choices": [{"index": 0, "message": {"content": '{"score": 4}'}}]})
    journal.put(request_of(judge, question), body)
    (line,) = estimate(config, plan, frames=taken, journal=journal).lines
    # alone: draws 1 and 2 of the one; together: three draws of the other
    assert (line.questions, line.paid, line.requests, line.replies) == (6, 1, 3, 5)
    assert line.image_tokens == 2040  # 3 x 8 x 85
    assert line.output_at_most == 2560  # 5 x 512
    journal.put(request_of(judge, question, alone=True), body)
    (line,) = estimate(config, plan, frames=taken, journal=journal).lines
    assert (line.paid, line.requests, line.replies) == (2, 2, 4)


@pytest.mark.parametrize(
    ("protocol", "draws", "requests", "frames"),
    [
        # 2 prompts x 2 rubrics x 3 pairs x 2 orders, three draws in one; two clips in each
        ("pairwise", 3, 24, 24 * 16),
        # 2 prompts x 2 rubrics x 3 draws x 2 orders, none shared; three clips in each
        ("listwise", 3, 24, 24 * 24),
        # 6 clips x 2 rubrics first; then at most all pairs, as above
        ({"kind": "tie_band", "band": 1}, 3, 12 + 24, 12 * 8 + 24 * 16),
    ],
)
def test_comparisons_are_counted_with_the_frames_of_all_that_is_shown(
    tmp_path: Path, protocol: Any, draws: int, requests: int, frames: int
) -> None:
    _clips(tmp_path, *[20] * 6)
    found = estimate(*_plan(tmp_path, {**GPT_4O, "draws": draws}, protocol=protocol))
    (line,) = found.lines
    assert line.requests == requests
    assert line.image_tokens == 85 * frames
    each = 1 if protocol == "listwise" else 3
    assert line.questions == line.replies == each * requests
    assert line.output_at_most == line.replies * 512
    assert ("lies in the tie band" in found.text(None)) == isinstance(protocol, dict)


def test_a_tie_band_costs_from_no_pair_to_all_pairs(tmp_path: Path) -> None:
    """As above with one draw: 12 requests for scores, and 24 more if every pair is close."""
    _clips(tmp_path, *[20] * 6)
    band = {"kind": "tie_band", "band": 1}
    found = estimate(*_plan(tmp_path, GPT_4O, STRANGER, protocol=band))
    line, stranger = found.lines
    (pointwise,) = estimate(*_plan(tmp_path, GPT_4O)).lines
    assert line.least == pointwise  # no pair: the scores alone
    assert found.worst.requests == 2 * 36
    block = _block(found, "gpt-4o")
    assert "requests      12 to 36\n" in block
    assert "output tokens 6,144 to 18,432  (at most; 1,440 to 4,320 likely*)" in block
    assert f"cost          ${pointwise.usd_at_most:.4f} to ${line.usd_at_most:.4f} at most" in block
    assert stranger.least is not None
    assert stranger.least.usd_at_most is None
    assert "requests      24 to 72\n" in _block(found, "all")
    assert "cost          unknown\n" in _block(found, "all")
    # 2 prompts x 3 pairs
    assert "of 6 pairs whose scores differ by at most 1: from none" in found.text(None)


@pytest.mark.parametrize("draws", [1, 3])
def test_sentinels_are_judged_before_every_wave(tmp_path: Path, draws: int) -> None:
    """Two clips and two rubrics before each of two waves, with three draws of their own whatever the
    annotator's: 8 requests, each for three replies, of one judge; 24 of the other."""
    _clips(tmp_path, 20, 20, 20, 20, 20)  # 3 and 2 clips of a prompt
    watched = {"sentinels": {"clips": 2}, "wave_size": 2}
    alone = {**GPT_4O, **ALONE, "name": "alone", "temperature": 1.0}
    config, plan = _plan(tmp_path, {**GPT_4O, "draws": draws}, alone, {"kind": "signal"}, **watched)
    n_waves = len(slices(plan.clips, config.wave_size))
    assert n_waves == 2
    found = estimate(config, plan)
    shared, own = found.watching
    assert (shared.requests, shared.replies, shared.paid) == (8, 24, 0)  # 2 x 2 x 2 waves
    assert (own.requests, own.replies) == (24, 24)
    assert (shared.image_tokens, own.image_tokens) == (8 * 8 * 85, 24 * 8 * 85)
    assert shared.output_at_most == own.output_at_most == 24 * 512
    assert [one.annotator_id for one in found.watching] == ["sentinels: gpt-4o", "sentinels: alone"]
    block = _block(found, "sentinels: gpt-4o")
    assert "requests      8  (2 clips anew before each of 2 waves)" in block
    # 5 clips x 2 rubrics of the one, and of the other; the caps hold for all
    every = (*found.lines, *found.watching)
    assert found.worst == sum((line.worst for line in every), Amount(requests=0))
    assert found.worst.requests == 10 + 10 + 8 + 24
    assert found.worst.usd == pytest.approx(sum(line.usd_at_most or 0 for line in every))
    # first the sentinels, one occasion after the other: 2 x 5 s; then everybody, 5 s
    assert "time          15 s*" in _block(found, "all")


def test_the_sentinels_of_an_estimate_are_those_of_the_run(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20, 20, 20, 3)
    config, plan = _plan(tmp_path, GPT_4O, sentinels={"clips": 3})
    assert config.sentinels is not None
    clips = look_at(plan.clips, config.frames, {})
    chosen = sentinels_among(config.sentinels, config, clips)
    waves = slices(plan.clips, config.wave_size)
    assert chosen == own_clips(waves, 3, lambda _: clips.coming)


def test_sentinels_of_a_manifest_are_measured_too(tmp_path: Path) -> None:
    (tmp_path / "watch").mkdir()
    _clips(tmp_path / "watch", 3, 20)
    _clips(tmp_path, 20)
    watched = {"sentinels": {"path": str(tmp_path / "watch" / "manifest.csv"), "draws": 1}}
    (line,) = estimate(*_plan(tmp_path, GPT_4O, **watched)).watching
    assert (line.requests, line.image_tokens) == (4, 1870)  # 2 rubrics x (3 + 8 frames) x 85
    assert line.remark == "2 clips anew before the only wave"


def test_a_model_that_runs_here_is_free_and_takes_a_time_that_nobody_knows(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 3, 24)  # no two alike
    config, plan = _plan(tmp_path, GPT_4O)
    here = TransformersSpec(model="org/small", revision="0" * 40, draws=2)
    both = dataclasses.replace(plan, annotators=(*plan.annotators, here))
    taken = _frames(tmp_path, plan, config.frames)
    journal = Journal(Store(str(tmp_path / "journal")))
    first = next(iter(taken.values()))
    journal.put(request_of(here, Question(frames=first, rubric=plan.rubrics[0], draw=1)), "{}")
    found = estimate(config, both, frames=taken, journal=journal)
    remote, local = found.lines
    # 3 clips x 2 rubrics x 2 draws, one of them there; 19 frames in all, four times each
    images = 4 * 19 - len(first.indices)
    assert (local.questions, local.paid, local.images) == (12, 1, images)
    assert found.worst == remote.worst
    assert _block(found, "org/small").split("\n") == [
        "org/small (it runs here)",
        "  questions     11  (1 more is answered already)",
        f"  images        {images}",
        "  output tokens 5,632  (at most)",  # 11 x 512
        "  cost          free",
        "  time          unknown  (a progress bar tells once it runs)",
    ]
    assert "\nall\n" not in found.text()  # one judge is all there is to pay


@pytest.mark.parametrize(
    "protocol", ["pointwise", "pairwise", "listwise", {"kind": "tie_band", "band": 0.5}]
)
def test_the_text_keeps_to_80_columns(tmp_path: Path, protocol: Any) -> None:
    _clips(tmp_path, *[20] * 6)
    dear = {**GPT_4O, "draws": 7, "image_detail": "high", "name": "a judge"}
    given = {"protocol": protocol, "sentinels": {}, "budget": {"tokens": 1}, "wave_size": 2}
    found = estimate(*_plan(tmp_path, dear, STRANGER, frames={"long_side_px": 2048}, **given))
    assert max(map(len, found.text().split("\n"))) <= 80
    assert " ".join(found.text().split()) == " ".join(found.text(None).split())


def test_one_of_a_thing_is_one(tmp_path: Path) -> None:
    _clips(tmp_path, 1)
    rubrics = ["videoprefer/video_quality"]
    text = estimate(*_plan(tmp_path, GPT_4O, rubrics=rubrics)).text()
    assert text.startswith("1 prompt, 1 clip, 1 dimension in 1 rubric\n1 frame, at most 8 per clip")


def test_pairs_in_the_journal_are_paid(tmp_path: Path) -> None:
    """Three clips of a prompt and one rubric: 3 pairs in 2 orders; two of these orders are there."""
    _clips(tmp_path, 20, 24, 28, 32, 36)  # of different lengths, so that no two are alike
    given = {"protocol": "pairwise", "rubrics": ["videoprefer/video_quality"]}
    config, plan = _plan(tmp_path, {**GPT_4O, "draws": 2}, **given)
    taken = _frames(tmp_path, plan, config.frames)
    journal = Journal(Store(str(tmp_path / "journal")))
    (judge,), (rubric,) = plan.annotators, plan.comparing
    assert isinstance(judge, ChatSpec)
    first = next(iter(taken.values())).prompt_id
    clips = [frames for frames in taken.values() if frames.prompt_id == first]
    body = json.dumps({"choices": [{"index": i, "message": {"content": "A"}} for i in range(2)]})
    for one, other in (clips[:2], clips[1::-1]):
        question = Question(frames=one, others=(other,), rubric=rubric, draw=0)
        journal.put(request_of(judge, question), body)
    (line,) = estimate(config, plan, frames=taken, journal=journal).lines
    # three and two clips of the two prompts: 3 + 1 pairs, 2 orders, 2 draws
    assert (line.questions, line.paid, line.requests, line.replies) == (16, 4, 6, 12)


def test_log_probabilities_take_room_in_the_journal(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    found = estimate(*_plan(tmp_path, {**GPT_4O, "score": "expected"}))
    more = found.disk.journal - estimate(*_plan(tmp_path, GPT_4O)).disk.journal
    assert more == 384_000  # 2 replies x 120 tokens x 20 alternatives x 80 bytes
    assert "disk of gpt-4o: 20 alternatives to every token" in found.text()


def _block(found: Estimate, annotator: str) -> str:
    (block,) = [b for b in found.text().split("\n\n") if b.startswith(annotator)]
    return block


def test_no_price_is_never_a_price_of_nothing(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    found = estimate(*_plan(tmp_path, GPT_4O, STRANGER))
    assert [line.usd_at_most is None for line in found.lines] == [False, True]
    assert found.worst.usd is None
    assert "cost of stranger-1 is unknown (no price for stranger-1)" in found.text()
    assert "image tokens of stranger-1 are a guess" in found.text()
    assert "cost          unknown" in _block(found, "all")


def test_who_sends_nothing_costs_nothing(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    found = estimate(*_plan(tmp_path, {"kind": "signal"}))
    assert found.worst == Amount(requests=0)
    assert _block(found, "signal") == "signal: free"


@pytest.mark.parametrize(
    ("limits", "seconds", "binds"),
    [
        ({"concurrency": 2}, 20, "concurrency"),  # 8 requests x 5 s / 2
        ({"requests_per_minute": 4}, 120, "requests_per_minute"),  # 8 / 4 minutes
        # 2 endpoints, 6 a minute in all
        (
            {"endpoints": [{"api_key_env": "JUDGE_KEY", "requests_per_minute": n} for n in (2, 4)]},
            80,
            "requests_per_minute",
        ),
    ],
)
def test_the_limit_that_binds_makes_the_time(
    tmp_path: Path, limits: dict[str, Any], seconds: float, binds: str
) -> None:
    _clips(tmp_path, 20, 20, 20, 20)
    own = {k: v for k, v in GPT_4O.items() if k != "api_key_env" or "endpoints" not in limits}
    (line,) = estimate(*_plan(tmp_path, {**own, **limits})).lines
    assert line.seconds == pytest.approx(seconds)
    assert line.limit == binds


def test_tokens_per_minute_count_input_and_whole_outputs(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    (line,) = estimate(*_plan(tmp_path, {**GPT_4O, "tokens_per_minute": 60})).lines
    assert line.seconds == pytest.approx(
        line.worst.input_tokens + 1024
    )  # 60 a minute: one a second
    assert line.limit == "tokens_per_minute"


def test_a_batch_costs_what_its_price_says_and_has_no_time(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    config, plan = _plan(tmp_path, GPT_4O)
    batch = OpenAIBatchSpec.model_validate({**GPT_4O, "kind": "openai-batch", "name": "batch"})
    both = dataclasses.replace(plan, annotators=(*plan.annotators, batch))
    at_once, later = estimate(config, both).lines
    assert later.worst == at_once.worst
    assert later.seconds is None
    assert "24 h" in later.limit


def test_a_model_that_reasons_may_use_all_its_output(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    (line,) = estimate(*_plan(tmp_path, {**STRANGER, "effort": "high"})).lines
    assert line.output_likely == line.output_at_most == 1024  # 2 x 512


def test_clips_that_cannot_be_read_are_counted_and_named(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20, 20)
    (tmp_path / "1.mp4").write_bytes(b"<html>gone</html>")
    (tmp_path / "2.mp4").write_bytes((tmp_path / "2.mp4").read_bytes()[:200])
    found = estimate(*_plan(tmp_path, GPT_4O))
    assert found.lines[0].requests == 2
    (note,) = found.notes
    assert note.startswith("2 clips cannot be read and are left out; the first: ")
    assert str(tmp_path) in note


def test_clips_that_are_yet_to_be_made_are_assumed(tmp_path: Path) -> None:
    generated = {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {"clips_per_prompt": 2, "pool": [{"kind": "simulated", "name": "sim-clean"}]},
    }
    found = estimate(*_plan(tmp_path, GPT_4O, **generated))
    assert found.lines[0].image_tokens == 5440  # 4 clips x 2 rubrics x 8 frames x 85
    assert "is not made yet is as long and as large as its generator declares" in found.text(None)
    assert found.making == ()  # what is simulated costs nothing, and is drawn in no time
    assert "4 assumed (not generated yet)" in found.text()


def test_disk_counts_copies_and_frames(tmp_path: Path) -> None:
    _clips(tmp_path, 20, 20)
    config, plan = _plan(tmp_path, GPT_4O, frames={"publish": False})
    disk = estimate(config, plan).disk
    assert disk.clips == sum((tmp_path / f"{i}.mp4").stat().st_size for i in (0, 1))
    pixels = 2 * 8 * 512 * 288
    assert disk.frames == round(pixels * assumed.JPEG_BYTES_PER_PIXEL)
    assert disk.tables == 4 * assumed.ROW_BYTES  # 2 clips x 2 dimensions
    assert disk.journal > 4 * assumed.REPLY_BYTES
    published = estimate(*_plan(tmp_path, GPT_4O)).disk
    assert published.tables == disk.tables + disk.frames
    assert published.total == disk.total + disk.frames


def test_a_cap_below_the_worst_case_is_told(tmp_path: Path) -> None:
    _clips(tmp_path, 20)
    assert not estimate(*_plan(tmp_path, GPT_4O, budget={"usd": 1, "requests": 2})).notes
    found = estimate(*_plan(tmp_path, GPT_4O, budget={"usd": 1, "requests": 1}))
    (note,) = found.notes
    assert note.startswith("budget.requests is 1, and the run may need up to 2")


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".gif", ".avi", ".ts"])
def test_containers_without_a_number_of_frames_are_counted(tmp_path: Path, suffix: str) -> None:
    codec = {".gif": "gif", ".webm": "libvpx-vp9"}.get(suffix, "libx264")
    clip = write_clip(tmp_path / f"clip{suffix}", range(11), codec=codec)
    header = probe(str(clip), FramesOptions())
    assert (header.n_frames, header.width_px, header.height_px) == (11, 128, 64)
    assert header.n_bytes == clip.stat().st_size


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_frames": 10}, Reason.TOO_LARGE),
        ({"max_pixels": 100}, Reason.TOO_LARGE),
        ({"max_bytes": 100}, Reason.TOO_LARGE),
    ],
)
def test_limits_hold_for_headers(tmp_path: Path, options: dict[str, int], reason: Reason) -> None:
    clip = write_clip(tmp_path / "clip.mp4", range(20))
    with pytest.raises(MediaError) as refused:
        probe(str(clip), FramesOptions(**options))
    assert refused.value.reason is reason


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    with pytest.raises(MediaError) as refused:
        probe(str(write_sound(tmp_path / "sound.mp4")), FramesOptions())
    assert refused.value.reason is Reason.NO_VIDEO


def test_a_clip_that_is_gone_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    clip = Clip(
        video_id="v", prompt_id="p", prompt="x", generator="g", source="s", path=str(tmp_path / "v")
    )
    assert look_at([clip], FramesOptions(), {}).unreadable


def test_clips_that_must_be_paid_for_are_part_of_the_worst(tmp_path: Path) -> None:
    """2 prompts x 2 clips of 4 s at $0.10 a second: 4 requests, $1.60. A program's clips are free."""
    paid = {
        "kind": "openai-video", "name": "paid", "model": "m", "base_url": "http://localhost:1/v1",
        "api_key_env": None, "seconds": 4, "size": "640x480", "price": {"usd_per_second": 0.1},
    }  # fmt: skip
    blocks = {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {"clips_per_prompt": 2, "pool": [paid]},
    }
    config, plan = _plan(tmp_path, GPT_4O, **blocks)
    found = estimate(config, plan)
    (line,) = found.making
    assert (line.annotator_id, line.questions, line.requests) == ("generator paid", 4, 4)
    assert line.usd_at_most == pytest.approx(1.6)
    judging = found.lines[0]
    assert found.worst.requests == 4 + judging.requests
    assert found.worst.usd == pytest.approx(1.6 + (judging.usd_at_most or 0))
    assert "generator paid" in found.text()
    assert "$1.60 at most" in found.text()
    # 96 frames of 640 x 480 as declared: 8 are taken, scaled to 512 x 384
    assert found.lines[0].image_tokens > 0

    unpriced = {**blocks, "generators": {"clips_per_prompt": 2, "pool": [{**paid, "price": None}]}}
    text = estimate(*_plan(tmp_path, GPT_4O, **unpriced)).text(None)
    assert "the cost of generator paid is unknown" in text
    with pytest.raises(
        SetupError, match=r"budget.usd: no price is known for the clips of generator paid"
    ):
        _plan(tmp_path, GPT_4O, **unpriced, budget={"usd": 5})
