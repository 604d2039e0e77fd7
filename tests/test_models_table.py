"""The table of models is consistent, found by the right names, and laid under a user's own."""

import datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from annotators.models import (
    Asked,
    ModelFacts,
    ModelTable,
    Price,
    load_models,
    price_line,
    retired,
    retires_soon,
    unsupported,
)
from annotators.models.images import PatchRule, TileRule
from schemas.options import SetupError

TABLE = load_models()
DAY = datetime.timedelta(days=1)
TOKENS = st.integers(0, 10**9)


@pytest.fixture
def own(tmp_path):
    """Writes a file of models and loads it over the shipped one."""

    def load(text: str) -> ModelTable:
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return load_models(path)

    return load


def test_the_table_says_of_when_and_whence_it_is():
    assert TABLE.date == datetime.date(2026, 11, 21)
    assert "litellm 1.109.1" in TABLE.source


@pytest.mark.parametrize("model", sorted(TABLE.models))
def test_every_entry_makes_sense(model):
    facts = TABLE.facts(model)
    assert facts == TABLE.models[model]
    assert facts != ModelFacts(), "an entry that says nothing"
    assert unsupported(model, facts.capabilities, Asked()) == []
    if facts.price:
        # dollars for a million tokens, not for one or a thousand; output is never the cheaper
        assert 0.01 <= facts.price.input_usd_per_million <= 100
        assert facts.price.input_usd_per_million < facts.price.output_usd_per_million <= 500
    if facts.image_tokens:
        low = facts.image_tokens.tokens(512, 288, "low")
        assert 50 <= low <= facts.image_tokens.tokens(512, 288, "high") <= 10_000
    if facts.retires:
        assert 2026 <= facts.retires.year <= 2028


def test_no_entry_hides_behind_another_name():
    # a snapshot's own entry is found by its exact name, never by the shorter one
    assert TABLE.facts("gpt-4o-2024-05-13").retires == datetime.date(2026, 10, 23)
    assert TABLE.facts("gpt-4o-2024-05-13").price.input_usd_per_million == 5
    assert TABLE.facts("gpt-4o").retires == datetime.date(2027, 1, 14)


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [
        # For 54,000 clips of 8 frames of 512 x 288, 600 tokens of text, 150 tokens out, published
        # planning figures are, in dollars: 254, 437 (high), 193, 66, 117, 31, 16, 326. E.g. gpt-4o:
        # 54000 * ((600 + 8 * 85) * 2.5 + 150 * 10) / 1e6 = 253.8
        ("gpt-4o", 85, 254),
        ("gpt-4o-mini", 2833, 193),
        ("gpt-4.1-mini", 234, 66),
        ("gpt-5.4-mini", 173, 117),
        ("gpt-5.6-luna", 173, 31),
        ("claude-haiku-5-5", 209, 16),
        ("claude-sonnet-5-5", 209, 326),
        ("gpt-4-turbo", 85, 934),
    ],
)
def test_planning_figures_come_out(model, tokens, usd):
    facts = TABLE.facts(model)
    assert facts.image_tokens.tokens(512, 288, "low") == tokens
    cost = facts.price.cost_usd(54_000 * (600 + 8 * tokens), 54_000 * 150)
    assert cost == pytest.approx(usd, abs=0.6)


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-4o-20241120", "gpt-4o"),
        ("gpt-4o-2024-11", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("openrouter/openai/gpt-4o-2024-11-20", "gpt-4o"),
        ("anthropic/claude-haiku-5-5-20260801", "claude-haiku-5-5"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL-7B-Instruct"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
    ],
)
def test_a_model_is_found_by_its_name_its_snapshots_and_through_gateways(model, entry):
    assert TABLE.facts(model) is TABLE.models[entry]


@pytest.mark.parametrize(
    "model",
    [
        "gpt-4o-audio",
        "gpt-4o-audio-2024-11-20",
        "gpt-4",
        "gpt-4o-0613",
        "gpt-4o-2024-13-20",
        "gpt-4o-2024-11-20-preview",
        "gpt-4o-2024-11-20-2024-11-20",
        "gpt-4o/mine",
        "GPT-4O",
        "gpt-4o:free",
        "/",
        "",
    ],
)
def test_a_part_of_a_name_is_not_the_model(model):
    assert TABLE.facts(model) is None


def test_a_price_of_ones_own_keeps_the_rule(own):
    table = own("models: {gpt-4o: {price: {input_usd_per_million: 2.0}}}")
    facts = table.facts("gpt-4o")
    assert facts.price == Price(
        input_usd_per_million=2.0, cached_input_usd_per_million=1.25, output_usd_per_million=10
    )
    assert facts.image_tokens == TABLE.facts("gpt-4o").image_tokens
    assert facts.retires == TABLE.facts("gpt-4o").retires
    assert table.facts("gpt-4o-mini") == TABLE.facts("gpt-4o-mini")
    assert table.date == TABLE.date


def test_a_snapshot_or_a_gateway_of_ones_own_starts_from_the_model(own):
    entry = "{price: {input_usd_per_million: 5, output_usd_per_million: 15}}"
    table = own(f"models: {{gpt-4o-2024-08-06: {entry}, gateway/gpt-4o: {entry}}}")
    for name in ("gpt-4o-2024-08-06", "gateway/gpt-4o"):
        assert table.facts(name).price.input_usd_per_million == 5
        assert table.facts(name).image_tokens == TileRule(base=85, per_tile=170)
    assert table.facts("gpt-4o") == TABLE.facts("gpt-4o")


def test_fields_of_rules_and_capabilities_are_laid_over_one_by_one(own):
    table = own(
        "models: {gpt-4o: {image_tokens: {rule: tile, base: 100}, capabilities: {images: 50}}}"
    )
    facts = table.facts("gpt-4o")
    assert facts.image_tokens == TileRule(base=100, per_tile=170)
    assert facts.capabilities.images == 50
    assert facts.capabilities.temperature == (0, 2)


def test_another_rule_replaces_the_shipped_one(own):
    table = own("models: {gpt-4o: {image_tokens: {rule: patch, multiplier: 1.2, budget: 1536}}}")
    assert table.facts("gpt-4o").image_tokens == PatchRule(multiplier=1.2, budget=1536)


def test_null_makes_a_field_unknown(own):
    table = own("models: {gpt-4o: {price: null, retires: null, capabilities: {temperature: null}}}")
    facts = table.facts("gpt-4o")
    assert facts.price is None
    assert facts.retires is None
    assert facts.capabilities.temperature is None
    assert facts.capabilities.batch is True


def test_a_new_model_and_an_empty_entry(own):
    table = own("models: {mine: {batch_factor: 0.8}, empty: null}")
    assert table.facts("lab/mine") == ModelFacts(batch_factor=0.8)
    assert table.facts("empty") == ModelFacts()


def test_the_source_names_the_file_and_its_date(own):
    assert own("{date: 2027-01-02, models: {}}").source.endswith(
        "; over it mine.yaml of 2027-01-02"
    )
    assert own("models: {}").source.endswith("; over it mine.yaml")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "models: {m: {price: {input_usd_per_million: 1}}}",
            ["models.m.price.output_usd_per_million", "required"],
        ),
        (
            "models: {gpt-4o: {price: {input_usd_per_million: -1}}}",
            ["models.gpt-4o.price.input_usd_per_million", "greater than or equal to 0"],
        ),
        ("models: {m: {prize: 3}}", ["models.m.prize", "not permitted"]),
        ("models: {m: {retires: soon}}", ["models.m.retires"]),
        (
            "models: {m: {image_tokens: {rule: tile, base: 85}}}",
            ["models.m.image_tokens", "per_tile"],
        ),
        ("models: {m: {image_tokens: {base: 85}}}", ["models.m.image_tokens", "rule"]),
        ("models: {m: {capabilities: {temperature: [1, 0]}}}", ["models.m.capabilities", "lowest"]),
        ("models: {m: {batch_factor: 2}}", ["models.m.batch_factor"]),
        ("models: {m: 3}", ["models.m"]),
        ("modles: {}", ["modles"]),
        ("", ["mine.yaml"]),
        ("models: {m: {}, m: {}}", ["'m' stands twice"]),
        ("models: {m: {price: {}, price: {}}}", ["'price' stands twice"]),
        ("models: {[a]: {}}", ["not a YAML file"]),
        ("models: [", ["not a YAML file"]),
    ],
)
def test_errors_name_file_model_and_field(own, text, words):
    with pytest.raises(SetupError) as caught:
        own(text)
    for word in ["mine.yaml", *words]:
        assert word in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SetupError, match=r"gone\.yaml: cannot be read"):
        load_models(tmp_path / "gone.yaml")


def test_a_model_is_retired_from_its_day_on():
    facts = ModelFacts(retires=datetime.date(2027, 1, 14))
    assert retired(facts, facts.retires - DAY) is None
    assert "retired it on 2027-01-14" in retired(facts, facts.retires)
    assert retired(facts, facts.retires + 400 * DAY) is not None
    assert retired(ModelFacts(), facts.retires) is None


@pytest.mark.parametrize(
    ("days", "words"),
    [(31, None), (30, "in 30 days"), (1, "in 1 day"), (0, None), (-1, None)],
)
def test_a_model_that_retires_soon_is_a_note(days, words):
    facts = ModelFacts(retires=datetime.date(2027, 1, 14))
    note = retires_soon(facts, facts.retires - days * DAY)
    assert note is None if words is None else note.endswith(words)


def test_no_retirement_no_note():
    assert retires_soon(ModelFacts(), datetime.date(2027, 1, 1)) is None


def test_cost_of_tokens():
    price = Price(input_usd_per_million=2.5, output_usd_per_million=10)
    # 1,280 * 2.5 + 150 * 10 = 4,700 millionths
    assert price.cost_usd(1280, 150) == pytest.approx(0.0047)
    assert price.cost_usd(0, 0) == 0
    assert price.cost_usd(None, 150) is None
    assert price.cost_usd(1280, None) is None


def test_cached_tokens_are_part_of_the_input():
    price = Price(
        input_usd_per_million=2.5, output_usd_per_million=10, cached_input_usd_per_million=0.5
    )
    # 256 * 2.5 + 1,024 * 0.5 + 150 * 10 = 2,652 millionths
    assert price.cost_usd(1280, 150, 1024) == pytest.approx(0.002652)
    full = Price(input_usd_per_million=2.5, output_usd_per_million=10)
    assert full.cost_usd(1280, 150, 1024) == full.cost_usd(1280, 150)
    free = price.model_copy(update={"cached_input_usd_per_million": 0.0})
    assert free.cost_usd(1280, 0, 1280) == 0


@given(tokens_in=TOKENS, tokens_out=TOKENS, cached=TOKENS)
def test_a_cost_lies_between_all_cached_and_none(tokens_in, tokens_out, cached):
    price = Price(
        input_usd_per_million=2, output_usd_per_million=8, cached_input_usd_per_million=0.5
    )
    cost = price.cost_usd(tokens_in, tokens_out, cached)
    least = (tokens_in * 0.5 + tokens_out * 8) / 1e6
    assert least * (1 - 1e-12) <= cost <= price.cost_usd(tokens_in, tokens_out) * (1 + 1e-12)


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf")])
def test_no_price_below_zero_or_beyond_number(wrong):
    with pytest.raises(ValueError, match="input_usd_per_million"):
        Price(input_usd_per_million=wrong, output_usd_per_million=1)


@pytest.mark.parametrize("model", ["my-model", "org/name:tag", "# odd"])
def test_the_line_to_add_is_yaml_once_its_numbers_are_filled_in(model):
    line = price_line(model)
    assert model in line
    price = yaml.safe_load(line.replace("...", "1.5", 2))["price"]
    assert Price(**price) == Price(input_usd_per_million=1.5, output_usd_per_million=1.5)
