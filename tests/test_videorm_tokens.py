"""The tiny tokenizer: words of the training prompts, one end token, padding after it."""

from tokenizers import Tokenizer

from pipeline.videorm.tokens import END, START, UNKNOWN, encode, train_tokenizer

PROMPTS = ["A red circle", "two blue squares"]


def test_it_knows_the_words_it_was_trained_on_and_no_others():
    tokenizer = train_tokenizer(PROMPTS)
    words = [tokenizer.id_to_token(i) for i in encode(tokenizer, ["two green circle"], 64)[0]]
    assert words == [START, "two", UNKNOWN, "circle", END]


def test_ids_do_not_depend_on_order_or_repetition(tmp_path):
    one, two = train_tokenizer(PROMPTS), train_tokenizer([*reversed(PROMPTS), PROMPTS[0]])
    assert one.get_vocab() == two.get_vocab()
    one.save(str(tmp_path / "tokenizer.json"))
    again = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert encode(again, PROMPTS, 64).tolist() == encode(one, PROMPTS, 64).tolist()


def test_short_prompts_are_padded_after_the_end_and_long_ones_keep_it():
    tokenizer = train_tokenizer(PROMPTS)
    end = tokenizer.token_to_id(END)
    short, long = encode(tokenizer, ["red", "a red circle two"], 5).tolist()
    assert short == [tokenizer.token_to_id(START), tokenizer.token_to_id("red"), end, end, end]
    assert len(long) == 5  # start, three words, end
    assert long[-1] == end
    assert end != 2  # CLIPTextModel reads another place where the end token is number 2
