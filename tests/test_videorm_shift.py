"""Temporal shift: which channels come from which frame."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.videorm.model.shift import temporal_shift


def naive(tokens: torch.Tensor, valid: torch.Tensor, k: int, first: int = 1) -> torch.Tensor:
    """The definition, one number at a time."""
    b, t, n, _ = tokens.shape
    out = tokens.clone()
    for i in range(b):
        for f in range(t):
            for token in range(first, n):
                for c in range(2 * k):
                    source = f + 1 if c < k else f - 1
                    inside = 0 <= source < t and bool(valid[i, source])
                    out[i, f, token, c] = tokens[i, source, token, c] if inside else 0.0
    return out


@given(
    t=st.integers(1, 4),
    n=st.integers(1, 3),
    k=st.integers(0, 2),
    short=st.integers(1, 4),
    first=st.integers(0, 1),
)
def test_the_shift_moves_what_its_definition_says(t, n, k, short, first):
    tokens = torch.arange(1, 2 * t * n * 4 + 1, dtype=torch.float32).view(2, t, n, 4)
    valid = torch.arange(t)[None, :] < torch.tensor([[t], [min(short, t)]])
    shifted = temporal_shift(tokens, valid, k / 4, first)
    assert torch.equal(shifted, naive(tokens, valid, k, first))


def test_a_quarter_each_way_of_three_frames():
    # one patch of four channels; frame t holds 10 t + channel
    frames = torch.tensor(
        [
            [
                [[0.0] * 4, [10.0, 11, 12, 13]],
                [[0.0] * 4, [20.0, 21, 22, 23]],
                [[0.0] * 4, [30.0, 31, 32, 33]],
            ]
        ]
    )
    out = temporal_shift(frames, torch.ones(1, 3, dtype=torch.bool), 0.25)
    # channel 0 comes from the next frame, channel 1 from the previous, zeros beyond the ends
    assert out[0, :, 1].tolist() == [[20, 0, 12, 13], [30, 11, 22, 23], [0, 21, 32, 33]]


def test_the_class_token_stays_and_a_single_frame_loses_the_shifted_channels():
    tokens = torch.ones(1, 1, 2, 4)
    out = temporal_shift(tokens, torch.ones(1, 1, dtype=torch.bool), 0.25)
    assert out[0, 0].tolist() == [[1, 1, 1, 1], [0, 0, 1, 1]]


def test_without_a_class_token_every_token_is_shifted():
    tokens = torch.ones(1, 1, 2, 4)
    out = temporal_shift(tokens, torch.ones(1, 1, dtype=torch.bool), 0.25, first=0)
    assert out[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1]]


@given(t=st.integers(1, 5), seed=st.integers(0, 100))
def test_backward_in_time_the_two_directions_change_places(t, seed):
    tokens = torch.rand((1, t, 2, 4), generator=torch.Generator().manual_seed(seed))
    there = torch.ones(1, t, dtype=torch.bool)
    swapped = [1, 0, 2, 3]  # the channel from the next frame and the one from the last
    backward = temporal_shift(tokens.flip(1)[..., swapped], there, 0.25).flip(1)[..., swapped]
    assert torch.equal(backward, temporal_shift(tokens, there, 0.25))


def test_no_share_of_the_channels_is_no_shift_and_the_input_is_left_alone():
    tokens = torch.rand((1, 3, 2, 8))
    there, kept = torch.ones(1, 3, dtype=torch.bool), tokens.clone()
    assert temporal_shift(tokens, there, 0.0) is tokens
    assert torch.equal(
        temporal_shift(tokens, there, 0.12), tokens
    )  # less than one channel of eight
    assert not torch.equal(temporal_shift(tokens, there, 0.125), tokens)
    assert torch.equal(tokens, kept)


def test_the_channels_are_counted_as_written():
    # 0.29 x 100 is 28.999... in binary; 29 channels are meant
    tokens = torch.rand((1, 2, 2, 100)) + 1
    out = temporal_shift(tokens, torch.ones(1, 2, dtype=torch.bool), 0.29)
    assert (out[0, 1, 1] == 0).sum() == 29  # the last frame has no next one


def test_gradients_reach_the_neighbour_frames():
    tokens = torch.zeros(1, 3, 2, 4, requires_grad=True)
    temporal_shift(tokens, torch.ones(1, 3, dtype=torch.bool), 0.25)[0, 1, 1].sum().backward()
    # frame 1 reads channel 0 of frame 2, channel 1 of frame 0, and its own channels 2 and 3
    assert tokens.grad[0, :, 1].tolist() == [[0, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 0]]


def test_the_gradient_is_the_one_of_the_definition():
    generator = torch.Generator().manual_seed(3)
    x = torch.randn((2, 4, 3, 8), generator=generator, dtype=torch.float64, requires_grad=True)
    valid = torch.tensor([[True] * 4, [True, True, False, False]])
    for first in (0, 1):  # finite differences in float64
        assert torch.autograd.gradcheck(lambda t, f=first: temporal_shift(t, valid, 0.25, f), (x,))
