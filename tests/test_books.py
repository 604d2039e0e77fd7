"""The books: every owed key is found exactly once, or the run says which one is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.books import BooksError, balance, merge, require


def test_a_balanced_book():
    book = balance(
        "frames", ["a", "b", "c", "d"], written=["a"], failed=["b"], upstream=["c"], filtered=["d"]
    )
    assert book.balanced
    assert (book.owed, book.written, book.failed, book.upstream, book.filtered) == (4, 1, 1, 1, 1)
    require(book)


def test_a_lost_key_is_named():
    book = balance("frames", ["a", "b"], written=["a"])
    assert book.missing == ("b",)
    with pytest.raises(BooksError, match=r"stage frames .* 1 of 2 owed rows .*: b\."):
        require(book)


def test_a_row_written_twice_or_never_owed_is_named():
    assert balance("x", ["a"], written=["a", "a"]).unexpected == ("a",)
    assert balance("x", ["a"], written=["a"], failed=["a"]).unexpected == ("a",)
    assert balance("x", ["a"], written=["a", "z"]).unexpected == ("z",)
    with pytest.raises(BooksError, match=r"twice or were never owed: z"):
        require(balance("x", ["a"], written=["a", "z"]))


def test_a_message_names_at_most_five_keys():
    with pytest.raises(BooksError, match=r"k0, k1, k2, k3, k4 and 4 more"):
        require(balance("x", [f"k{i}" for i in range(9)], written=[]))


@given(st.sets(st.text(min_size=1)), st.data())
def test_any_partition_of_the_owed_keys_balances(owed, data):
    parts: dict[str, list[str]] = {"written": [], "failed": [], "filtered": [], "upstream": []}
    for key in owed:
        parts[data.draw(st.sampled_from(sorted(parts)))].append(key)
    assert balance("x", owed, **parts).balanced


def test_waves_add_up():
    book = merge(
        [
            balance("x", ["a", "b"], written=["a", "b"]),
            balance("x", ["c"], failed=["c"], written=[]),
        ]
    )
    assert (book.owed, book.written, book.failed, book.balanced) == (3, 2, 1, True)
