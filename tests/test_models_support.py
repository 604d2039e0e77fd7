"""Unsupported settings are named, with what to write instead; unknown ones are only listed."""

import pytest
from pydantic import ValidationError

from annotators.models import Asked, Capabilities, load_models, unknown, unsupported

EVERYTHING = Asked(
    temperature=0.3,
    top_p=0.9,
    seed=7,
    effort="low",
    choices=3,
    logprobs=True,
    reply_format="json_schema",
    image_detail="low",
    n_images=8,
    batch=True,
)
NOTHING = Asked()
REASONING = Capabilities(temperature=(0, 2), sampling_needs_effort_none=True)


def test_where_nothing_is_known_nothing_is_refused():
    assert unsupported("m", Capabilities(), EVERYTHING) == []


def test_where_nothing_is_asked_nothing_is_refused():
    strict = Capabilities(
        temperature=(1, 1),
        top_p=False,
        seed=False,
        choices=False,
        logprobs=False,
        batch=False,
        reply_formats=("text",),
        image_details=(),
        images=0,
        efforts=(),
        sampling_needs_effort_none=True,
    )
    assert unsupported("m", strict, NOTHING) == []


@pytest.mark.parametrize(
    ("known", "fault"),
    [
        (
            {"temperature": (0.5, 1)},
            "takes temperatures from 0.5 to 1, not 0.3; set one of these, or `temperature: null`",
        ),
        (
            {"temperature": (1, 1)},
            "takes no temperature other than 1; set `temperature: null`",
        ),
        ({"top_p": False}, "takes no top_p; leave `top_p` out"),
        ({"seed": False}, "takes no seed; leave `seed` out"),
        ({"efforts": ()}, "has no reasoning effort to set; leave `effort` out"),
        (
            {"efforts": ("none", "high")},
            "takes no effort 'low'; set `effort` to one of none, high, or leave it out",
        ),
        (
            {"choices": False},
            "gives one reply to a request; ask for `draws`, not for choices",
        ),
        ({"logprobs": False}, "gives no log-probabilities; do not ask for them"),
        (
            {"reply_formats": ("json_object", "text")},
            "cannot be held to the reply format json_schema; set `reply_format` to one of "
            "json_object, text",
        ),
        (
            {"images": 4},
            "takes at most 4 images in a request, not 8; sample fewer frames under `frames:`",
        ),
        ({"images": 0}, "sees no images; choose a model that does"),
        (
            {"image_details": ("high", "auto")},
            "takes no image_detail 'low'; set `image_detail` to one of high, auto",
        ),
        ({"batch": False}, "cannot be asked in batches; set `kind: openai`"),
    ],
)
def test_one_sentence_for_each_unsupported_setting(known, fault):
    assert unsupported("m", Capabilities(**known), EVERYTHING) == [f"m {fault}"]


def test_what_is_supported_is_not_refused():
    known = Capabilities(
        temperature=(0, 2),
        top_p=True,
        seed=True,
        choices=True,
        logprobs=True,
        batch=True,
        reply_formats=("json_schema",),
        image_details=("low",),
        images=8,
        efforts=("low",),
    )
    assert unsupported("m", known, EVERYTHING) == []
    assert unknown(known, EVERYTHING) == []


def test_all_unsupported_settings_are_told_at_once():
    known = Capabilities(top_p=False, seed=False, batch=False)
    assert len(unsupported("m", known, EVERYTHING)) == 3


def test_a_reasoning_model_takes_no_sampling_settings():
    asked = Asked(temperature=0.3, top_p=0.9, logprobs=True)
    assert unsupported("gpt-5-mini", REASONING, asked) == [
        "gpt-5-mini takes no temperature other than 1 while it reasons; set `temperature: null`, or "
        "set `effort: none` where the model has it",
        "gpt-5-mini takes no top_p while it reasons; leave `top_p` out, or set `effort: none` where "
        "the model has it",
        "gpt-5-mini gives no log-probabilities while it reasons; do not ask for them, or set "
        "`effort: none` where the model has it",
    ]


def test_effort_none_is_only_offered_where_it_may_exist():
    def words(*efforts):
        known = REASONING.model_copy(update={"efforts": efforts})
        return unsupported("m", known, Asked(temperature=0))[0]

    assert words("low", "high").endswith("; set `temperature: null`")
    assert words("none", "high").endswith(", or set `effort: none`")


@pytest.mark.parametrize(
    ("effort", "default", "taken"),
    [
        (None, None, False),  # not known to be none: a refusal now is cheaper than one in the run
        (None, "none", True),
        (None, "medium", False),
        ("none", None, True),
        ("none", "medium", True),
        ("low", "none", False),
    ],
)
def test_what_counts_is_the_effort_that_takes_effect(effort, default, taken):
    known = REASONING.model_copy(update={"default_effort": default})
    asked = Asked(temperature=0.3, top_p=0.9, logprobs=True, effort=effort)
    assert (unsupported("m", known, asked) == []) is taken


@pytest.mark.parametrize("temperature", [None, 1])
def test_a_reasoning_model_takes_its_own_temperature(temperature):
    assert unsupported("m", REASONING, Asked(temperature=temperature)) == []


def test_effort_none_does_not_widen_the_range():
    asked = Asked(temperature=3, effort="none")
    assert "from 0 to 2, not 3" in unsupported("m", REASONING, asked)[0]


def test_unknown_settings_are_listed_only_where_asked_for():
    assert unknown(Capabilities(), EVERYTHING) == [
        "temperature",
        "top_p",
        "seed",
        "effort",
        "choices",
        "logprobs",
        "reply_format",
        "images",
        "image_detail",
        "batch",
    ]
    assert unknown(Capabilities(), NOTHING) == []
    assert unknown(Capabilities(temperature=(0, 2), images=8), EVERYTHING)[0] == "top_p"


def test_detail_without_images_is_not_sent_so_not_judged():
    asked = Asked(image_detail="low")
    assert unsupported("m", Capabilities(image_details=("high",)), asked) == []
    assert unknown(Capabilities(), asked) == []


@pytest.mark.parametrize(
    "given",
    [
        {"temperature": (2, 0)},
        {"temperature": (-1, 1)},
        {"temperature": (1,)},
        {"images": -1},
        {"reply_formats": ("xml",)},
        {"efforts": ("low",), "default_effort": "none"},
        {"vision": True},
    ],
)
def test_capabilities_that_make_no_sense_are_refused(given):
    with pytest.raises(ValidationError):
        Capabilities(**given)


def test_the_usual_settings_fit_gpt_4o_and_not_a_reasoning_model():
    models = load_models()
    usual = Asked(temperature=0.3, reply_format="json_schema", image_detail="low", n_images=8)
    assert unsupported("gpt-4o", models.facts("gpt-4o").capabilities, usual) == []
    faults = unsupported("gpt-5.4-mini", models.facts("gpt-5.4-mini").capabilities, usual)
    assert len(faults) == 1
    assert "temperature: null" in faults[0]
