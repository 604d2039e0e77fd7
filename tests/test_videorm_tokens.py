"""The tiny tokenizer: words of the training prompts, one end token, padding after it."""

import threading

from tokenizers import Tokenizer

from pipeline.videorm.model.tokens import END, START, UNKNOWN, encode, train_tokenizer

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


def test_where_a_tower_wants_padding_every_prompt_has_its_whole_length():
    tokenizer = train_tokenizer(PROMPTS)
    start, end = (tokenizer.token_to_id(t) for t in (START, END))
    red = tokenizer.token_to_id("red")
    assert encode(tokenizer, ["red"], 5, pad=9).tolist() == [[start, red, end, 9, 9]]
    assert encode(tokenizer, ["a red circle two a"], 5, pad=9)[0, -1] == end


def test_a_tokenizer_that_pads_and_cuts_by_itself_is_asked_not_to():
    tokenizer = train_tokenizer(PROMPTS)
    plain = encode(tokenizer, PROMPTS, 64).tolist()
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(3)
    assert encode(tokenizer, PROMPTS, 64).tolist() == plain


def test_threads_may_encode_at_the_same_time():
    tokenizer, faults = train_tokenizer(PROMPTS), []
    encode(tokenizer, PROMPTS, 64)

    def work():
        try:
            for _ in range(50):
                encode(tokenizer, PROMPTS * 20, 64)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
