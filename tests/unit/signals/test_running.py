"""The running median against numpy's."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.running import MAD_TO_SIGMA, RunningMedianState, new_running_median, running_median


def twin(x: NDArray[Any], window: int) -> NDArray[Any]:
    out = np.full(x.shape, np.nan)
    for t, c in np.ndindex(x.shape):
        part = x[max(t - window + 1, 0) : t + 1, c]
        part = part[np.isfinite(part)]
        out[t, c] = np.median(part) if len(part) else np.nan
    return out


def spoilt(shape: tuple[int, int]) -> NDArray[Any]:
    rng = np.random.default_rng(2)
    x = rng.integers(-5, 6, shape).astype(float)  # many equal values
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.05] = -np.inf
    return x


@pytest.mark.parametrize("window", [1, 2, 7, 100])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (60, 4), (5, 0)])
def test_it_agrees_with_the_median_of_the_last_rows(window: int, shape: tuple[int, int]) -> None:
    x = spoilt(shape)
    np.testing.assert_array_equal(running_median(x, new_running_median(window, shape[1])), twin(x, window))


@given(st.lists(st.integers(0, 80), max_size=5))
def test_cutting_the_rows_anywhere_gives_the_same_bits(cuts: list[int]) -> None:
    x = spoilt((80, 3))
    whole = running_median(x, new_running_median(9, 3))
    state = new_running_median(9, 3)
    parts = []
    for low, high in pairwise([0, *sorted(cuts), 80]):
        state = thaw(freeze(state), RunningMedianState)
        parts.append(running_median(x[low:high], state))
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_the_running_median_of_absolute_noise_is_its_spread() -> None:
    x = np.abs(np.random.default_rng(0).normal(0.0, 3.0, (4000, 1)))
    assert running_median(x, new_running_median(4000, 1))[-1, 0] * MAD_TO_SIGMA == pytest.approx(3.0, rel=0.05)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="window is 0 rows"):
        new_running_median(0, 1)
    with pytest.raises(ValueError, match="values have 2 channels, the state has 1"):
        running_median(np.zeros((1, 2)), new_running_median(1, 1))
