"""Kind `transformers` with tiny random models: real processors, templates and `generate`."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from local_clips import clip
from questions import QUALITY, question, resources
from tiny_vlm import FAMILIES, favour_digits, tiny_vlm

from annotators.base import Outcome, Question, Resources
from annotators.journal import Journal, entry_name
from annotators.ledger import Budget, Ledger
from annotators.local import TransformersSpec, share
from annotators.local.conversation import as_text, conversation
from annotators.local.engine import Engine, _failed
from annotators.local.load import load
from annotators.local.pictures import read_pictures
from prompts import as_protocol, load_rubric
from schemas import Annotation, Comparison, Failure, Reason
from schemas.ids import sha256_hex
from schemas.options import SetupError
from schemas.store import blob_name

FOLLOWING = load_rubric("videoprefer/prompt_following")
FIVE = load_rubric("videofeedback/video_score")


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the models lie."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def models(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A tiny model of a family, made once. Its path is part of what a draw follows from, so it is the
    same in every run: relative to the shelf."""
    monkeypatch.chdir(shelf)

    def model(family: str) -> Path:
        folder = Path(family)
        return folder if folder.exists() else tiny_vlm(folder, family)

    return model


@pytest.fixture
def place(tmp_path: Path) -> Resources:
    return resources(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_stays_loaded() -> Iterator[None]:
    yield
    left = list(share._engines)
    share._engines.clear()
    share._users.clear()
    assert not left


@pytest.fixture
def spec(models: Callable[[str], Path]) -> TransformersSpec:
    model = str(models("llava"))
    return TransformersSpec(model=model, name="tiny", batch_size=4, max_output_tokens=48)


def ask(spec: TransformersSpec, place: Resources, *questions: Question) -> list[list[Outcome]]:
    """Every question's outcomes, asked together, from an annotator opened for it."""
    judge = spec.open(place)
    try:
        futures = [judge.submit(one) for one in questions]
        return [list(future.result(timeout=120)) for future in futures]
    finally:
        judge.close()


def many(place: Resources, n: int, **changes: Any) -> list[Question]:
    return [question(clip(f"v{i}", place.frames, **changes)) for i in range(n)]


# --- verdicts ---


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_a_verdict_on_whatever_it_is_asked(
    models: Callable[[str], Path], place: Resources, family: str
) -> None:
    """Random weights say random things; held to the schema, all of them are verdicts."""
    brief = TransformersSpec(model=str(models(family)), batch_size=8, max_output_tokens=60)
    one, other = clip("v0", place.frames), clip("v1", place.frames, n_frames=3, size=(36, 64))
    pointwise = [
        Question(frames=frames, rubric=rubric, draw=draw)
        for rubric in (QUALITY, FOLLOWING) for frames, draw in ((one, 0), (one, 1), (other, 0))
    ]  # fmt: skip
    pairwise = [
        Question(frames=a, others=(b,), rubric=as_protocol(QUALITY, "pairwise"), draw=0)
        for a, b in ((one, other), (other, one))
    ]
    listwise = Question(
        frames=one, others=(other, clip("v2", place.frames)), draw=0,
        rubric=as_protocol(QUALITY, "listwise"),
    )  # fmt: skip
    asked = [*pointwise, *pairwise, listwise]
    found = ask(brief, place, *asked)
    for one_question, rows in zip(asked, found):
        kind = Comparison if one_question.others else Annotation
        assert [type(row) for row in rows] == [kind] * len(one_question.rubric.dimensions)
    assert {
        sorted(row.ranking)[0] for rows in found for row in rows if isinstance(row, Comparison)
    } == {1}
    assert sorted(found[-1][0].ranking) == [1, 2, 3]
    scores = {row.score for rows in found for row in rows if isinstance(row, Annotation)}
    assert len(scores) > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_five_dimensions_are_answered_in_one_reply(
    models: Callable[[str], Path], place: Resources, family: str
) -> None:
    spec = TransformersSpec(model=str(models(family)), batch_size=8, max_output_tokens=330)
    one, other = clip("v0", place.frames), clip("v1", place.frames)
    pairwise = Question(frames=one, others=(other,), rubric=as_protocol(FIVE, "pairwise"), draw=0)
    found = ask(spec, place, question(one, rubric=FIVE), question(other, rubric=FIVE), pairwise)
    assert [[type(row) for row in rows] for rows in found] == [
        [Annotation] * 5, [Annotation] * 5, [Comparison] * 5
    ]  # fmt: skip
    assert [row.dimension for row in found[0]] == [dimension.name for dimension in FIVE.dimensions]


def test_a_row_says_where_it_comes_from(spec: TransformersSpec, place: Resources) -> None:
    ((row,),) = ask(spec.model_copy(update={"seed": 7}), place, *many(place, 1))
    assert isinstance(row, Annotation)
    assert (row.annotator_id, row.model, row.n_frames, row.cost_usd) == ("tiny", spec.model, 2, 0.0)
    assert row.system_fingerprint == spec.weights
    assert row.requested.seed == row.effective.seed == 7
    entry = Journal(place.journal).get(row.reply_key)
    body = json.loads(entry.body)
    assert entry.request["kind"] == "transformers"
    assert entry.request["engine"] == spec.engine
    assert body["usage"]["prompt_tokens"] == row.input_tokens
    # each picture of 56 px in patches of 14 is 16 tokens
    assert row.input_tokens > 2 * 16
    assert body["choices"][0]["finish_reason"] == "stop"
    spent = place.ledger.totals()["tiny"]
    assert (spent.requests, spent.usd) == (1, 0.0)
    assert (spent.input_tokens, spent.output_tokens) == (row.input_tokens, row.output_tokens)


@pytest.mark.parametrize("family", FAMILIES)
def test_free_text_is_what_transformers_itself_generates(
    models: Callable[[str], Path], place: Resources, family: str
) -> None:
    """At temperature 0 without a schema the reply is that of a plain call of ``generate``."""
    spec = TransformersSpec(
        model=str(models(family)), temperature=0, reply_format="text", max_output_tokens=40
    )
    asked = many(place, 1)
    ((row,),) = ask(spec, place, *asked)
    entry = Journal(place.journal).get(row.reply_key)
    request, loaded = entry.request, load(spec)

    pictures = list(read_pictures(place.frames, request["frames"]))
    said = [
        {"role": "system", "content": [{"type": "text", "text": request["system"]}]},
        {"role": "user", "content": [{"type": "text", "text": request["user"]}]
         + [{"type": "image"}] * 2},
    ]  # fmt: skip
    text = loaded.processor.apply_chat_template(said, add_generation_prompt=True, tokenize=False)
    inputs = loaded.processor(text=[text], images=[pictures], return_tensors="pt")
    with torch.inference_mode():
        n = entry.request["settings"]["max_output_tokens"]
        ids = loaded.model.generate(**inputs, max_new_tokens=n, do_sample=False)
    expected = loaded.processor.batch_decode(
        ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True
    )
    assert json.loads(entry.body)["choices"][0]["message"]["content"] == expected[0]


# --- draws ---


def texts(place: Resources, found: Sequence[Sequence[Outcome]]) -> list[str]:
    journal = Journal(place.journal)
    bodies = [json.loads(journal.get(rows[0].reply_key).body) for rows in found]
    return [body["choices"][0]["message"]["content"] for body in bodies]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_drawn_does_not_depend_on_the_batch(
    models: Callable[[str], Path], tmp_path: Path, family: str
) -> None:
    """Rows of different lengths, in batches of five and of one. In float32 on a CPU, rounding is so
    small beside the gaps between chances that the texts are equal."""
    said = []
    for size in (5, 1):
        place = resources(tmp_path / str(size))
        clips = [
            clip(f"v{i}", place.frames, n_frames=1 + i % 3, prompt="a ball " * i) for i in range(5)
        ]
        spec = TransformersSpec(
            model=str(models(family)), batch_size=size, temperature=0.7, top_p=0.9,
            max_output_tokens=60,
        )  # fmt: skip
        said.append(texts(place, ask(spec, place, *map(question, clips))))
    assert said[0] == said[1]
    assert len(set(said[0])) > 1


def test_draws_differ_and_come_again(spec: TransformersSpec, tmp_path: Path) -> None:
    said = []
    for run in ("first", "second"):
        place = resources(tmp_path / run)
        frames = clip("v0", place.frames)
        warm = spec.model_copy(update={"temperature": 1.0})
        said.append(texts(place, ask(warm, place, *(question(frames, draw=d) for d in range(4)))))
    assert said[0] == said[1]
    assert len(set(said[0])) > 1


# --- resume ---


def test_what_is_in_the_journal_is_never_asked_again(
    spec: TransformersSpec, place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(spec, place, *many(place, 3))
    monkeypatch.setattr(share, "_open", lambda spec: pytest.fail("loaded for nothing"))
    assert ask(spec, place, *many(place, 3)) == first
    assert place.ledger.totals()["tiny"].requests == 3


def test_a_cut_reply_is_asked_once_more_with_more_room(
    spec: TransformersSpec, place: Resources
) -> None:
    """Free text of random weights rarely ends: both replies are cut, and both are counted."""
    brief = spec.model_copy(update={"reply_format": "text", "max_output_tokens": 5})
    ((row,),) = ask(brief, place, *many(place, 1))
    assert isinstance(row, Failure)
    assert (row.reason, row.output_tokens) == (Reason.TRUNCATED, 5 + 20)
    assert place.ledger.totals()["tiny"].requests == 2


# --- faults ---


def short_of_memory(monkeypatch: pytest.MonkeyPatch, rows: int, error: Exception) -> list[int]:
    """Generating fails for more than so many rows at once. The batches that were tried."""
    tried: list[int] = []
    real = Engine._generate

    def generate(self: Engine, inputs: Any, batch: Sequence[Any]) -> None:
        tried.append(len(batch))
        if len(batch) > rows:
            raise error
        real(self, inputs, batch)

    monkeypatch.setattr(Engine, "_generate", generate)
    return tried


def test_a_batch_that_memory_does_not_hold_is_halved_for_good(
    spec: TransformersSpec, place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight at once are too many, then four; after that no batch is larger than two."""
    tried = short_of_memory(monkeypatch, 2, torch.OutOfMemoryError("CUDA out of memory"))
    wide = spec.model_copy(update={"batch_size": 8, "max_output_tokens": 48})
    judge = wide.open(place)
    first = [judge.submit(one) for one in many(place, 8)]
    assert all(isinstance(f.result(60)[0], Annotation) for f in first)
    assert tried == [8, 4, 2, 2, 2, 2]  # the second four are two at once from the start
    later = [judge.submit(question(clip(f"w{i}", place.frames))) for i in range(4)]
    assert all(isinstance(f.result(60)[0], Annotation) for f in later)
    assert max(tried[6:]) <= 2
    judge.close()


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), True),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
            True,
        ),
        (RuntimeError("CUDA error: out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("expected scalar type Half but found Float"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_a_lack_of_memory_is_told_from_other_faults(error: Exception, memory: bool) -> None:
    assert _failed(error).memory is memory


def test_memory_that_does_not_hold_one_is_a_failure_that_says_what_to_do(
    spec: TransformersSpec, place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_of_memory(monkeypatch, 0, torch.OutOfMemoryError("CUDA out of memory"))
    found = ask(spec, place, *many(place, 3))
    assert {row.reason for (row,) in found} == {Reason.TOO_LARGE}
    assert "sample fewer frames" in found[0][0].message
    assert place.ledger.totals()["tiny"].requests == 0  # nothing is reserved or spent
    assert not any(place.journal.exists(entry_name(row.reply_key or "0" * 64)) for (row,) in found)


def test_a_fault_of_one_question_is_its_own(spec: TransformersSpec, place: Resources) -> None:
    """A frame that is gone, one that is damaged, one that is no picture; the others are answered."""
    asked = many(place, 5)

    def path(i: int) -> Path:
        sha256 = asked[i].frames.jpeg_sha256[1]
        return Path(place.frames.local) / blob_name(sha256, ".jpg")

    path(0).unlink()
    path(1).write_bytes(b"something else")
    words = b"no picture"
    broken = dataclasses.replace(
        asked[2].frames, jpeg_sha256=(asked[2].frames.jpeg_sha256[0], sha256_hex(words))
    )
    place.frames.put(blob_name(sha256_hex(words), ".jpg"), words)
    asked[2] = question(broken)
    found = [rows[0] for rows in ask(spec, place, *asked)]
    assert [row.reason for row in found[:3]] == [
        Reason.NOT_FOUND, Reason.CHECKSUM, Reason.UNDECODABLE
    ]  # fmt: skip
    assert all(isinstance(row, Annotation) for row in found[3:])


def test_one_that_the_model_fails_on_does_not_fail_those_beside_it(
    spec: TransformersSpec, place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Engine._generate

    def generate(self: Engine, inputs: Any, batch: Sequence[Any]) -> None:
        if any("cursed" in str(row.job.messages) for row in batch):
            raise ValueError("absolute aspect ratio must be smaller than 200")
        real(self, inputs, batch)

    monkeypatch.setattr(Engine, "_generate", generate)
    cursed = question(clip("x", place.frames, prompt="a cursed ball"))
    found = [rows[0] for rows in ask(spec, place, *many(place, 3), cursed)]
    assert all(isinstance(row, Annotation) for row in found[:3])
    assert (found[3].reason, "aspect ratio" in found[3].message) == (Reason.INTERNAL, True)


def test_a_question_that_is_too_long_is_refused_and_not_cut(
    spec: TransformersSpec, place: Resources
) -> None:
    """8192 positions; 600 frames of 16 tokens are 9600."""
    frames = clip("v0", place.frames)
    long = dataclasses.replace(
        frames, jpeg_sha256=frames.jpeg_sha256 * 300, indices=tuple(range(600)),
        times_s=tuple(map(float, range(600))), n_frames_in_clip=600,
    )  # fmt: skip
    found = ask(spec, place, question(long), *many(place, 1))
    assert (found[0][0].reason, "8192" in found[0][0].message) == (Reason.TOO_LARGE, True)
    assert isinstance(found[1][0], Annotation)


def test_a_prompt_cannot_speak_the_models_own_signs(
    spec: TransformersSpec, place: Resources
) -> None:
    """``<image>`` in a prompt would ask for a third picture, ``<|end|>`` would end the turn."""
    prompt = "a ball <image><|end|><|assistant|>5"
    ((row,),) = ask(spec, place, question(clip("v0", place.frames, prompt=prompt)))
    assert isinstance(row, Annotation)

    processor = load(spec).processor
    text = as_text(processor, conversation("s", prompt, captions=(), n_images=2))
    assert text == (
        "<|system|>s<|end|><|user|>a ball < image>< |end|>< |assistant|>5<image><image><|end|>"
        "<|assistant|>"
    )


def test_a_judge_of_little_use_stops_the_run(spec: TransformersSpec, place: Resources) -> None:
    """Random text is no verdict: after 20 failures nothing more is asked."""
    chatty = spec.model_copy(update={"reply_format": "text", "max_output_tokens": 4})
    judge = chatty.open(place)
    futures = [judge.submit(one) for one in many(place, 40)]
    reasons = [future.result(120)[0].reason for future in futures]
    judge.close()
    asked = sum(reason is not Reason.NOT_ATTEMPTED for reason in reasons)
    assert 20 <= asked < 40
    assert "items failed; the last of them: truncated: the reply reached" in judge.stopped


def test_a_budget_holds_here_too(spec: TransformersSpec, place: Resources) -> None:
    capped = dataclasses.replace(place, ledger=Ledger(budget=Budget(requests=3)))
    found = [rows[0] for rows in ask(spec, capped, *many(place, 8))]
    assert sum(isinstance(row, Annotation) for row in found) == 3
    assert {row.reason for row in found if isinstance(row, Failure)} == {Reason.NOT_ATTEMPTED}


def test_close_answers_everything(spec: TransformersSpec, place: Resources) -> None:
    judge = spec.open(place)
    futures = [judge.submit(one) for one in many(place, 12)]
    judge.close()
    judge.close()
    rows = [future.result(0)[0] for future in futures]
    left = [row for row in rows if isinstance(row, Failure)]
    assert {row.reason for row in left} <= {Reason.NOT_ATTEMPTED}


# --- loading ---


def test_a_process_holds_one_copy_of_a_model(spec: TransformersSpec, place: Resources) -> None:
    other = spec.model_copy(update={"name": "other", "temperature": 1.0, "batch_size": 6})
    with spec.hold(place):
        assert not share._engines  # what is held is not loaded for it
        first, second = spec.open(place), other.open(place)
        assert not share._engines  # and what is open loads it for the first question
        answers = [judge.submit(one) for judge, one in zip((first, second), many(place, 2))]
        assert all(isinstance(answer.result(60)[0], Annotation) for answer in answers)
        (engine,) = share._engines.values()
        assert engine.batch_size == 6
        first.close()
        assert isinstance(second.submit(many(place, 1)[0]).result(60)[0], Annotation)
        second.close()
        assert list(share._engines.values()) == [engine]  # for the next wave
        third = spec.open(place)
        assert isinstance(third.submit(many(place, 4)[3]).result(60)[0], Annotation)
        assert list(share._engines.values()) == [engine]
        third.close()


def test_weights_that_changed_under_way_are_found(
    models: Callable[[str], Path], tmp_path: Path, place: Resources
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models("llava"), folder)
    spec = TransformersSpec(model=str(folder))
    pinned = spec.model_copy(update={"revision": spec.weights})
    tiny_vlm(folder, "llava", seed=1)
    with pytest.raises(SetupError, match="not those the run began with"):
        load(pinned)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (None, "has no chat template"),
        ("{{ messages[0]['content'][0]['text'] }}", "leaves pictures out"),
        ("{{ raise_exception('no system message') }}", "no system message"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(
    models: Callable[[str], Path],
    tmp_path: Path,
    place: Resources,
    template: str | None,
    message: str,
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models("llava"), folder)
    if template is None:
        (folder / "chat_template.jinja").unlink()
    else:
        (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(SetupError, match=message):
        load(TransformersSpec(model=str(folder)))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('{"model_type": "bert"}', "shown no pictures"),
        ('{"model_type": "not_invented"}', "cannot be loaded"),
        ("{", "cannot be loaded"),
    ],
)
def test_a_folder_that_is_no_such_model_is_refused(
    tmp_path: Path, place: Resources, config: str, message: str
) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(SetupError, match=message):
        load(TransformersSpec(model=str(tmp_path)))


def test_a_setting_that_the_image_processor_does_not_know_is_refused(
    spec: TransformersSpec, place: Resources
) -> None:
    with pytest.raises(SetupError, match="max_pixel"):
        load(spec.model_copy(update={"processor": {"max_pixel": 3}}))


def test_a_model_that_cannot_be_loaded_stops_the_run_and_says_why(
    spec: TransformersSpec, place: Resources
) -> None:
    wrong = spec.model_copy(update={"processor": {"max_pixel": 3}})
    judge = wrong.open(place)
    found = [judge.submit(one) for one in many(place, 3)]
    rows = [future.result(60)[0] for future in found]
    judge.close()
    assert {row.reason for row in rows} == {Reason.NOT_ATTEMPTED}
    assert all("max_pixel" in row.message for row in rows)
    assert "max_pixel" in judge.stopped


def test_the_models_own_settings_of_generation_shape_nothing(
    models: Callable[[str], Path], tmp_path: Path
) -> None:
    """A repetition penalty of 5 would change nearly every token."""
    folder = tmp_path / "model"
    shutil.copytree(models("llava"), folder)
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(
        json.dumps({**settings, "repetition_penalty": 5.0, "do_sample": True, "top_k": 1})
    )
    said = []
    for model in (models("llava"), folder):
        place = resources(tmp_path / f"of {model.parent.name}")
        # the key, and with it what is drawn, follows from the weights: so temperature 0
        spec = TransformersSpec(model=str(model), temperature=0, max_output_tokens=60)
        said.append(texts(place, ask(spec, place, *many(place, 2))))
    assert said[0] == said[1]


def test_the_image_processors_settings_reach_it(
    models: Callable[[str], Path], place: Resources
) -> None:
    """Qwen2-VL, patches of 14 px, four to one: 28 px a token. Pictures of 64 x 36 at 56 * 56 pixels
    are 56 x 28 or larger; with four times the pixels each has more tokens."""
    model = str(models("qwen2_vl"))
    large = {"size": {"shortest_edge": 112 * 112, "longest_edge": 112 * 112}}
    small_row, large_row = (
        ask(TransformersSpec(model=model, processor=given), place, *many(place, 1))[0][0]
        for given in ({}, large)
    )
    assert large_row.input_tokens - small_row.input_tokens >= 2 * 6


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_answers_too(
    models: Callable[[str], Path], place: Resources, family: str
) -> None:
    spec = TransformersSpec(model=str(models(family)), dtype="bfloat16", max_output_tokens=60)
    assert isinstance(ask(spec, place, *many(place, 2))[0][0], Annotation)


# --- probabilities ---


def likes_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that would say a digit anywhere: 30 is added to the score of each of them, so that all
    other tokens together have less than 1e-6."""
    real = share._open

    def biased(spec: TransformersSpec) -> Engine:
        engine = real(spec)
        favour_digits(engine.loaded.model, engine.loaded.processor.tokenizer)
        return engine

    monkeypatch.setattr(share, "_open", biased)


def test_expected_scores_are_means_over_what_the_model_thinks(
    spec: TransformersSpec, place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    likes_digits(monkeypatch)
    expecting = spec.model_copy(
        update={"score": "expected", "temperature": 0, "max_output_tokens": 60}
    )
    ((row,),) = ask(expecting, place, *many(place, 1))
    assert isinstance(row, Annotation)
    assert sum(row.distribution) == pytest.approx(1)
    assert row.score == pytest.approx(sum(p * s for s, p in enumerate(row.distribution, 1)))
    assert max(row.distribution) < 0.9  # random weights are not sure
    body = json.loads(Journal(place.journal).get(row.reply_key).body)
    choice = body["choices"][0]
    tokens = choice["logprobs"]["content"]
    assert b"".join(bytes(one["bytes"]) for one in tokens) == choice["message"]["content"].encode()
    assert {len(one["top_logprobs"]) for one in tokens} == {0, 20}  # 0: in the rationale
    score = str(json.loads(choice["message"]["content"])["score"])
    said = next(one for one in tokens if one["token"].strip() == score)
    top = {one["token"]: one["logprob"] for one in said["top_logprobs"]}
    spelled = said["token"].removesuffix(score)  # with a blank before it, or without
    assert (
        max("12345", key=lambda digit: top.get(spelled + digit, -1e9)) == score
    )  # at temperature 0


def test_a_judge_whose_probabilities_are_elsewhere_has_no_expected_score(
    spec: TransformersSpec, place: Resources
) -> None:
    """Random weights give the five levels about five in a thousand, and the rest to other words."""
    expecting = spec.model_copy(update={"score": "expected"})
    ((row,),) = ask(expecting, place, *many(place, 1))
    assert isinstance(row, Failure)
    assert row.reason is Reason.NO_DISTRIBUTION
