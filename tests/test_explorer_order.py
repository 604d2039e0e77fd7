"""Where prompts, clips and pairs stand in the columns of the explorer."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
from explorer_rows import prompts_of, written
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.explorer.order import Order, order_of

SIZES = st.lists(st.integers(0, 5), max_size=4)


def order_with(sizes: list[int]) -> Order:
    clips = [f"{n}.{k}" for n, size in enumerate(sizes) for k in range(size)]
    return Order(
        prompts=[str(n) for n in range(len(sizes))],
        clips=clips,
        generators=[clip.split(".")[1] for clip in clips],
        starts=np.cumsum([0, *sizes]),
        total=len(sizes),
    )


def test_pairs_of_a_prompt_follow_each_other() -> None:
    order = order_with([3, 0, 2])
    # clips 0 1 2 | | 3 4; pairs (0,1) (0,2) (1,2) | | (3,4)
    assert order.starts.tolist() == [0, 3, 3, 5]
    assert order.first_pairs.tolist() == [0, 3, 3, 4]
    assert [place.tolist() for place in order.pairs] == [[0, 0, 1, 3], [1, 2, 2, 4]]
    first, second = np.array([2, 0, 4, 1, 2, -1, 0]), np.array([0, 1, 3, 1, 3, 0, -1])
    places, sign = order.pair_places(first, second)
    # turned; as it stands; turned; one clip twice; two prompts; clips that are not shown
    assert places.tolist() == [1, 0, 3, -1, -1, -1, -1]
    assert sign[:3].tolist() == [-1, 1, -1]


@given(SIZES)
def test_places_of_pairs_are_a_bijection_and_turn_with_their_clips(sizes: list[int]) -> None:
    order = order_with(sizes)
    n = len(order.clips)
    every = np.array(list(itertools.product(range(-1, n), repeat=2)), np.int64).reshape(-1, 2)
    places, sign = order.pair_places(every[:, 0], every[:, 1])
    turned, other = order.pair_places(every[:, 1], every[:, 0])
    prompt = np.repeat(np.arange(len(sizes)), sizes)
    is_pair = [a >= 0 and b >= 0 and a != b and prompt[a] == prompt[b] for a, b in every]
    assert (places >= 0).tolist() == is_pair
    assert places.tolist() == turned.tolist()
    assert (sign + other)[places >= 0].tolist() == [0] * sum(is_pair)
    # every place is that of one pair, its first clip before its second
    forward = (places >= 0) & (sign > 0)
    assert sorted(places[forward]) == list(range(order.first_pairs[-1]))
    first, second = order.pairs
    assert first[places[forward]].tolist() == every[forward, 0].tolist()
    assert second[places[forward]].tolist() == every[forward, 1].tolist()
    # and lies where the pairs of its prompt lie
    owners = prompt[first]
    assert all(
        order.first_pairs[p] <= place < order.first_pairs[p + 1] for place, p in enumerate(owners)
    )


def test_clips_stand_by_prompt_generator_and_id_and_unknown_ones_nowhere(tmp_path: Path) -> None:
    rows = prompts_of({"p": 2, "q": 0, "r": 3})
    layout = written(tmp_path, rows[::-1])
    order = order_of(layout, 0)
    assert order.total == 3
    assert order.prompts[-1] == "q"
    for n, name in enumerate(order.prompts):
        own = [f"{name}.{letter}" for letter in {"p": "ab", "q": "", "r": "abc"}[name]]
        assert order.clips[order.starts[n] : order.starts[n + 1]] == own
    asked = pa.chunked_array([["r.c", "nowhere"], [order.clips[0]]])
    assert order.places(asked).tolist() == [list(order.clips).index("r.c"), -1, 0]


def test_a_run_without_clips_has_an_order(tmp_path: Path) -> None:
    order = order_of(written(tmp_path, prompts_of({"p": 0})), 0)
    nothing = np.array([-1, -1])
    assert (order.clips, order.starts.tolist()) == ([], [0, 0])
    assert order.places(pa.chunked_array([["p.a"]])).tolist() == [-1]
    assert order.pair_places(nothing, nothing)[0].tolist() == [-1, -1]
    assert [len(clips) for clips in order.pairs] == [0, 0]
    assert order_of(written(tmp_path / "none", []), 0).first_pairs.tolist() == [0]
