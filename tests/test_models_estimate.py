"""Estimated tokens, held against counts that OpenAI has published."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotators.models import request_tokens, text_tokens
from annotators.models.estimate import UNKNOWN_IMAGE
from annotators.models.images import TileRule
from prompts import load_rubric, render, reply_schema, rubric_names

# From the announcement of GPT-4o (May 2024): the greeting and how many tokens it is
GREETINGS = [
    (24, "Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!"),
    (
        28,
        "Bonjour, je m'appelle GPT-4o. Je suis un nouveau type de modèle de langage, c'est un plaisir "
        "de vous rencontrer!",
    ),
    (
        26,
        "Hola, me llamo GPT-4o. Soy un nuevo tipo de modelo de lenguaje, ¡es un placer conocerte!",
    ),
    (
        27,
        "Olá, meu nome é GPT-4o. Sou um novo tipo de modelo de linguagem, é um prazer conhecê-lo!",
    ),
    (
        29,
        "Hallo, mein Name is GPT-4o. Ich bin ein neues KI-Sprachmodell. Es ist schön, dich "
        "kennenzulernen.",
    ),
    (
        28,
        "Ciao, mi chiamo GPT-4o. Sono un nuovo tipo di modello linguistico, piacere di conoscerti!",
    ),
    (
        30,
        "Merhaba, benim adım GPT-4o. Ben yeni bir dil modeli türüyüm, tanıştığımıza memnun oldum!",
    ),
    (26, "こんにちは、私の名前はGPT-4oです。私は新しいタイプの言語モデルです。初めまして！"),
    (24, "你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!"),
    (
        30,
        "Xin chào, tên tôi là GPT-4o. Tôi là một loại mô hình ngôn ngữ mới, rất vui được gặp bạn!",
    ),
    (
        27,
        "안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 반갑습니다!",
    ),
    (23, "Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!"),
    (
        32,
        "سلام، اسم من جی پی تی-۴او است. من یک نوع جدیدی از مدل زبانی هستم، از ملاقات شما خوشبختم!",
    ),
    (26, "مرحبًا، اسمي جي بي تي-4o. أنا نوع جديد من نموذج اللغة، سررت بلقائك!"),
    (33, "ہیلو، میرا نام جی پی ٹی-4o ہے۔ میں ایک نئے قسم کا زبان ماڈل ہوں، آپ سے مل کر اچھا لگا!"),
    (31, "नमस्ते, मेरा नाम जीपीटी-4o है। मैं एक नए प्रकार का भाषा मॉडल हूँ। आपसे मिलकर अच्छा लगा!"),
]
# From OpenAI's cookbook: 124 tokens as six messages, of which the text is 85 (six messages of 3 and a
# role of 1, four names of 1 + 2, and 3 for the reply are the other 39)
JARGON = [
    "You are a helpful, pattern-following assistant that translates corporate jargon into plain "
    "English.",
    "New synergies will help drive top-line growth.",
    "Things working well together will increase revenue.",
    "Let's circle back when we have more bandwidth to touch base on opportunities for increased "
    "leverage.",
    "Let's talk later when we're less busy about how to do better.",
    "This late pivot means we don't have time to boil the ocean for the client deliverable.",
]


@pytest.mark.parametrize(("published", "text"), GREETINGS)
def test_a_sentence_in_any_language_is_at_most_a_quarter_off(published, text):
    assert text_tokens(text) == pytest.approx(published, rel=0.25)


def test_over_all_languages_the_estimate_is_right():
    published = sum(count for count, _ in GREETINGS)
    assert published <= sum(text_tokens(text) for _, text in GREETINGS) <= 1.1 * published


def test_english_is_a_few_percent_over():
    assert 85 <= sum(text_tokens(text) for text in JARGON) <= 85 * 1.08


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("a dog", 2),  # the blank goes with the word
        ("don't", 1),  # so does a contraction
        ("1, 2, 3", 7),  # but a blank before a digit stands alone: 1 , _ 2 , _ 3
        ("1234567", 3),  # digits by three
        ("2 + 2 = 4", 7),  # 2 _+ _ 2 _= _ 4: as the cookbook shows
        ('{"score"', 3),  # signs by two: {" score "
        ("a\n\n\nb", 3),  # any run of line breaks is one
        ("a        b", 3),
        ("schön", 2),  # 5 / 3
        ("見る", 2),  # 0.8 + 0.7
        ("🤚", 3),
    ],
)
def test_pieces_of_text(text, expected):
    assert text_tokens(text) == expected


@given(st.text())
def test_no_text_counts_more_tokens_than_bytes(text):
    # what byte-level tokenizers can never do; a text that is not blank counts at least one
    assert (1 if text.strip() else 0) <= text_tokens(text) <= len(text.encode())


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.text("abc .,1"))
def test_more_text_never_counts_less(text, more):
    assert text_tokens(text + "\n" + more) >= text_tokens(text)


def test_a_request_on_a_shipped_rubric():
    for name in rubric_names():
        rubric = load_rubric(name)
        words = render(rubric, prompt="A corgi runs along a beach at sunset.", n_frames=8)
        # OpenAI's rule of thumb for English: three words are four tokens
        thumb = len(words.system.split()) * 4 / 3
        assert text_tokens(words.system) == pytest.approx(thumb, rel=0.05)
        text = text_tokens(words.system) + text_tokens(words.user)
        schema = reply_schema(rubric)
        sizes, rule = [(512, 288)] * 8, TileRule(base=85, per_tile=170)
        tokens = request_tokens(words.system, words.user, schema, sizes, rule, "low")
        # text, schema, eight frames at 85, two messages of 4, and 3 for the reply
        assert tokens == text + text_tokens(json.dumps(schema)) + 8 * 85 + 11


def test_images_of_several_sizes_count_each_by_the_rule():
    rule = TileRule(base=85, per_tile=170)
    sizes = [(512, 288), (1024, 1024), (512, 288)]
    assert request_tokens("", "", None, sizes, rule, "high") == 11 + 255 + 765 + 255


def test_without_a_rule_an_image_counts_a_cautious_default():
    assert TileRule(base=85, per_tile=170).tokens(768, 1536, "high") == UNKNOWN_IMAGE
    assert request_tokens("", "", None, [(512, 288)] * 8, None, "low") == 11 + 8 * UNKNOWN_IMAGE


def test_a_schema_that_is_not_sent_counts_nothing():
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    with_schema = request_tokens("a", "b", schema, [], None, "low")
    assert with_schema > request_tokens("a", "b", None, [], None, "low") == 11 + 2
