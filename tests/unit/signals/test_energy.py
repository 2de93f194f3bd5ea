"""Energy frames against a plain numpy twin, and the cut law."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.energy import AMPLITUDE, RAW, EnergyState, accumulate_energy, new_energy_state


def twin(x: NDArray[Any], ends: NDArray[Any], measure: int, block: int) -> tuple[NDArray[Any], ...]:
    """Whole input at once, written with array operations only."""
    x = x.astype(np.float64)
    n_samples, n_channels = x.shape
    energy, count, moving = (np.zeros((len(ends), n_channels)) for _ in range(3))
    if measure == RAW:
        n_blocks = n_samples // block
        means = x[: n_blocks * block].reshape(n_blocks, block, n_channels)
        means = np.where(np.isfinite(means).all(axis=1), np.where(np.isfinite(means), means, 0).mean(axis=1), np.nan)
        squares = np.diff(means, axis=0, prepend=np.full((1, n_channels), np.nan)) ** 2
        at = (np.arange(n_blocks) + 1) * block  # a difference belongs to the frame in which its block ends
    else:
        squares = np.where(np.isfinite(x), x, np.nan) ** 2
        at = np.arange(n_samples) + 1
    low = 0
    for f, high in enumerate(ends):
        part = squares[(at > low) & (at <= high)]
        count[f] = np.isfinite(part).sum(axis=0)
        energy[f] = np.nansum(part, axis=0) / np.maximum(count[f], 1)
        for c in range(n_channels):
            frame = x[low:high, c]
            still = len(set(frame[np.isfinite(frame)])) < 2
            moving[f, c] = energy[f, c] > 0 and (measure == RAW or not still)
        low = high
    return energy, count, moving


def spoilt(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[Any]:
    x = rng.normal(100.0, 30.0, shape)
    x[rng.random(shape) < 0.02] = np.nan
    x[rng.random(shape) < 0.01] = np.inf
    if shape[1] > 2:
        x[:, 1] = 5.1  # a channel that stands still
        x[:, 2] = np.nan
    return x.astype(np.float32)


@pytest.mark.parametrize("measure", [AMPLITUDE, RAW])
@pytest.mark.parametrize("block", [1, 7])
@pytest.mark.parametrize("shape", [(0, 3), (1, 3), (40, 1), (300, 5), (120, 600), (5, 0)])
def test_the_kernel_agrees_with_its_twin(measure: int, block: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0] + block)
    x = spoilt(rng, shape)
    ends = np.unique(rng.integers(0, shape[0] + 1, 6)).astype(np.int64)
    energy, count, moving = accumulate_energy(x, ends, measure, block, new_energy_state(shape[1]))
    want_energy, want_count, want_moving = twin(x, ends, measure, block)
    np.testing.assert_allclose(energy, want_energy, rtol=1e-5)
    np.testing.assert_array_equal(count, want_count)
    np.testing.assert_array_equal(moving, want_moving.astype(bool))


@given(
    cuts=st.lists(st.integers(0, 230), max_size=6),
    measure=st.sampled_from([AMPLITUDE, RAW]),
    block=st.integers(1, 9),
    dtype=st.sampled_from([np.float32, np.int16]),
)
def test_cutting_the_samples_anywhere_gives_the_same_bits(
    cuts: list[int], measure: int, block: int, dtype: type[np.generic]
) -> None:
    rng = np.random.default_rng(3)
    x = spoilt(rng, (230, 300)) if dtype == np.float32 else rng.integers(-3000, 3000, (230, 300)).astype(dtype)
    ends = np.array([31, 62, 93, 155, 230], np.int64)
    whole = accumulate_energy(x, ends, measure, block, new_energy_state(300))
    state = new_energy_state(300)
    parts = []
    edges = [0, *sorted(cuts), 230]
    for low, high in pairwise(edges):
        inside = ends[(ends > low) & (ends <= high)] - low
        state = thaw(freeze(state), EnergyState)
        parts.append(accumulate_energy(x[low:high], inside, measure, block, state))
    for i, want in enumerate(whole):
        assert np.concatenate([p[i] for p in parts]).tobytes() == want.tobytes()


def test_a_bad_channel_changes_no_other_channel() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(100, 40)).astype(np.float32)
    ends = np.array([50, 100], np.int64)
    clean = accumulate_energy(x, ends, RAW, 2, new_energy_state(40))
    x[:, 7] = np.nan
    x[:, 9] = np.float32(3e38)
    dirty = accumulate_energy(x, ends, RAW, 2, new_energy_state(40))
    others = np.delete(np.arange(40), [7, 9])
    for a, b in zip(clean, dirty, strict=True):
        np.testing.assert_array_equal(a[:, others], b[:, others])
    assert dirty[1][:, 7].sum() == 0


def test_an_offset_of_any_size_vanishes_from_raw_samples() -> None:
    x = np.random.default_rng(1).integers(-20, 20, (500, 4)).astype(np.float32)
    ends = np.array([500], np.int64)
    plain, _, _ = accumulate_energy(x, ends, RAW, 10, new_energy_state(4))
    shifted, _, _ = accumulate_energy(x + np.float32(8000.0), ends, RAW, 10, new_energy_state(4))
    np.testing.assert_allclose(plain, shifted, rtol=1e-6)


@pytest.mark.parametrize(
    ("ends", "measure", "block", "channels", "says"),
    [
        ([3], 7, 1, 2, "measure is 7"),
        ([3], RAW, 0, 2, "block is 0"),
        ([3], RAW, 1, 3, "samples have 2 channels, the state has 3"),
        ([3, 11], RAW, 1, 2, r"ascend within 0..10, found \[3, 11\]"),
        ([5, 3], RAW, 1, 2, "must ascend"),
    ],
)
def test_bad_arguments_are_named(ends: list[int], measure: int, block: int, channels: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        accumulate_energy(
            np.zeros((10, 2), np.float32), np.array(ends, np.int64), measure, block, new_energy_state(channels)
        )
