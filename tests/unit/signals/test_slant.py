"""Slanted lines: simulated vehicles are found where they were, and nothing else is."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.records.state import freeze, thaw
from linewatch.signals.row_means import new_row_means, row_means
from linewatch.signals.slant import (
    RATE_HZ,
    SlantLines,
    SlantSettings,
    SlantState,
    find_lines,
    fit_slant,
    new_slant_state,
)

PITCH_M = 5.0
CHANNELS = 24
CHOSEN = SlantSettings()


def street(vehicles: list[tuple[float, float]], seconds: float = 60.0, seed: int = 1) -> NDArray[np.float64]:
    """Noise, a trend and a shared hum, with a push and a pull that passes channel 12 at each time with each speed."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ))[:, None] / RATE_HZ
    at = (np.arange(CHANNELS) - 12)[None, :] * PITCH_M
    x = rng.standard_normal((len(t), CHANNELS)) + 0.5 * t + 3.0 * np.sin(2 * np.pi * 0.7 * t)
    for time_s, speed_mps in vehicles:
        u = (t - time_s - at / speed_mps) / 0.25
        x += 12.0 * u * np.exp(-(u**2))
    return x


def lines(x: NDArray[Any], chosen: SlantSettings = CHOSEN, state: SlantState | None = None) -> SlantLines:
    slant = fit_slant(chosen, PITCH_M, x.shape[1])
    return find_lines(x, slant, state or new_slant_state(slant, x.shape[1]))


@pytest.mark.parametrize("speed_mps", [-25.0, -12.0, 12.0, 25.0])
def test_a_vehicle_is_found_in_its_place_with_its_speed_and_direction(speed_mps: float) -> None:
    found = lines(street([(25.0, speed_mps)]))
    for centre in (8.0, 12.0, 16.0):
        [i] = np.flatnonzero(found.centre == centre)
        passed_s = 25.0 + (centre - 12.5) * PITCH_M / speed_mps
        assert found.row[i] / RATE_HZ == pytest.approx(passed_s, abs=0.15)
        assert found.velocity_mps[i] == pytest.approx(speed_mps, abs=2.0 * found.velocity_sigma_mps[i])


def test_vehicles_in_both_directions_are_told_apart() -> None:
    found = lines(street([(20.0, 15.0), (30.0, -20.0)]))
    at = found.centre == 12.0
    assert np.sign(found.velocity_mps[at]).tolist() == [1.0, -1.0]


def test_noise_trend_hum_and_a_step_everywhere_make_no_line() -> None:
    x = street([])
    x[700:] += 500.0
    assert len(lines(x).row) == 0


def test_one_dead_and_one_silent_channel_hide_no_vehicle() -> None:
    x = street([(25.0, 15.0)])
    x[:, 9], x[:, 14] = np.nan, 7.0
    x[600, 11] = np.inf
    found = lines(x)
    assert (found.centre == 12.0).sum() == 1


@given(cuts=st.lists(st.integers(0, 1000), max_size=5))
@settings(max_examples=15)
def test_cutting_the_rows_anywhere_gives_the_same_lines(cuts: list[int]) -> None:
    x = street([(14.0, 15.0), (22.0, -20.0)], seconds=40.0)
    x[:300, 3] = np.nan  # a channel that comes to life late
    slant = fit_slant(CHOSEN, PITCH_M, CHANNELS)
    whole = lines(x)
    assert len(whole.row) > 4
    state = new_slant_state(slant, CHANNELS)
    parts = []
    for low, high in pairwise([0, *sorted(cuts), len(x)]):
        state = thaw(freeze(state), SlantState)
        parts.append(find_lines(x[low:high], slant, state))
    for name in ("row", "centre", "velocity_mps", "velocity_sigma_mps", "score"):
        assert np.concatenate([getattr(part, name) for part in parts]).tobytes() == getattr(whole, name).tobytes()


def test_a_line_is_known_no_later_than_promised() -> None:
    x = street([(25.0, 15.0)])
    slant = fit_slant(CHOSEN, PITCH_M, CHANNELS)
    state = new_slant_state(slant, CHANNELS)
    for t in range(len(x)):
        found = find_lines(x[t : t + 1], slant, state)
        for row in found.row:
            assert (t - row) / RATE_HZ == pytest.approx(slant.look_ahead_s)


@pytest.mark.parametrize(
    ("change", "pitch_m", "says"),
    [
        ({"slowest_mps": 50.0}, 5.0, "speeds are 50 to 40 m/s"),
        ({"aperture_channels": 30}, 5.0, "an aperture has 30 of 24 channels"),
        ({"aperture_step": 0}, 5.0, "every 0"),
        ({}, 0.0, "channels are 0 m apart"),
    ],
)
def test_settings_that_do_not_fit_are_named(change: dict[str, Any], pitch_m: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fit_slant(SlantSettings(**change), pitch_m, CHANNELS)


@given(cuts=st.lists(st.integers(0, 100), max_size=4))
def test_row_means_are_means_of_finite_samples_wherever_the_input_is_cut(cuts: list[int]) -> None:
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    x[10:30, 1], x[50, 2] = np.nan, np.inf
    ends = np.array([10, 30, 30, 75, 100])
    state = new_row_means(3)
    edges = [0, *sorted(cuts), 100]
    got = [row_means(x[a:b], ends[(ends > a) & (ends <= b)] - a, state) for a, b in pairwise(edges)]
    want = [
        [np.mean(part[np.isfinite(part)], dtype=float) if np.isfinite(part).any() else np.nan for part in x[a:b].T]
        for a, b in pairwise([0, *ends])
    ]
    np.testing.assert_allclose(np.concatenate(got), want, rtol=1e-6)


def test_row_means_name_bad_arguments() -> None:
    with pytest.raises(ValueError, match="samples have 2 channels, the state has 3"):
        row_means(np.zeros((4, 2)), np.array([1]), new_row_means(3))
    with pytest.raises(ValueError, match=r"ascend within 0..4, found \[5\]"):
        row_means(np.zeros((4, 3)), np.array([5]), new_row_means(3))
