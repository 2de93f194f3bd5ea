"""Floors across channels and of a channel's own, against plain twins and in the cases they exist for."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.signals.floor import (
    LEAST_SPREAD_DB,
    OwnFloors,
    OwnFloorSettings,
    floor_across,
    learn_own_floor,
    new_own_floors,
    own_floor,
)

QUICK = OwnFloorSettings(proof_frames=50, slow_frames=100.0, fast_frames=5.0)


@pytest.mark.parametrize("shape", [(0, 9), (2, 0), (2, 1), (3, 12), (2, 60)])
@pytest.mark.parametrize("half_window", [4, 1000])
def test_the_floor_across_channels_is_their_median_and_mad(shape: tuple[int, int], half_window: int) -> None:
    rng = np.random.default_rng(2)
    level_db = rng.normal(30.0, 5.0, shape)
    valid = rng.random(shape) < 0.9
    level_db[~valid] = np.nan
    floor_db, spread_db = floor_across(level_db, valid, half_window, 5)
    whole = shape[1] <= 2 * half_window + 1
    centres = np.full(shape, np.nan)
    for f, c in np.ndindex(shape):
        near = valid[f] & (whole | (np.abs(np.arange(shape[1]) - c) <= half_window))
        if near.sum() >= 1:
            centres[f, c] = np.median(level_db[f, near]) if whole else np.sort(level_db[f, near])[(near.sum() - 1) // 2]
    for f, c in np.ndindex(shape):
        near = valid[f] & (whole | (np.abs(np.arange(shape[1]) - c) <= half_window))
        if near.sum() < 5:
            assert np.isnan(floor_db[f, c])
            assert np.isnan(spread_db[f, c])
            continue
        off = np.sort(np.abs(level_db[f, near] - centres[f, near]))
        mad = np.median(off) if whole else off[(len(off) - 1) // 2]
        assert floor_db[f, c] == pytest.approx(centres[f, c], abs=0.03)
        assert spread_db[f, c] == pytest.approx(1.4826 * mad, abs=0.12)


def twin_learn(
    level: NDArray[Any], across: NDArray[Any], quiet: NDArray[Any], state: tuple[NDArray[Any], ...], s: OwnFloorSettings
) -> tuple[NDArray[Any], ...]:
    """One channel after the other, as the module says it."""
    offset, spread, seen, lowest = (a.copy() for a in state)
    for c in np.flatnonzero(quiet):
        lone = np.isnan(across[c])
        residual = level[c] - (0 if lone else across[c])
        step = residual - offset[c]
        if seen[c] == 0 or (lone and seen[c] < s.proof_frames and abs(step) > s.fall_db):
            if seen[c]:
                spread[c] = LEAST_SPREAD_DB
            offset[c], seen[c] = residual, 0 if seen[c] else 1
            continue
        gain = 1 / min(seen[c] + 1, s.slow_frames)
        spread[c] = max(spread[c] + gain * (min(1.2533 * abs(step), s.fall_db) - spread[c]), LEAST_SPREAD_DB)
        pull = step / s.fast_frames if step < -s.fall_db else gain * np.clip(step, -3 * spread[c], 3 * spread[c])
        offset[c] += pull
        seen[c] += 1
        if seen[c] >= s.proof_frames:
            lowest[c] = min(lowest[c], offset[c])
    return offset, spread, seen, lowest


@pytest.mark.parametrize("n_channels", [0, 1, 30])
def test_learning_agrees_with_its_twin(n_channels: int) -> None:
    rng = np.random.default_rng(4)
    state = new_own_floors(n_channels)
    plain = (state.offset_db.copy(), state.spread_db.copy(), state.quiet_frames.copy(), state.lowest_db.copy())
    for _ in range(200):
        level = rng.normal(20.0, 4.0, n_channels)
        across = np.where(rng.random(n_channels) < 0.3, np.nan, rng.normal(15.0, 1.0))
        quiet = rng.random(n_channels) < 0.8
        plain = twin_learn(level, across, quiet, plain, QUICK)
        learn_own_floor(level, across, quiet, state, QUICK)
    got = (state.offset_db, state.spread_db, state.quiet_frames, state.lowest_db)
    for a, b in zip(got, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def learn(level_db: float, across_db: float, frames: int, state: OwnFloors | None = None) -> OwnFloors:
    state = state or new_own_floors(1)
    for _ in range(frames):
        learn_own_floor(np.array([level_db]), np.array([across_db]), np.array([True]), state, QUICK)
    return state


def test_a_floor_is_not_used_before_it_is_proven() -> None:
    state = learn(20.0, 15.0, 49)
    assert np.isnan(own_floor(np.array([15.0]), state, QUICK)[0][0])
    learn(20.0, 15.0, 1, state)
    assert own_floor(np.array([15.0]), state, QUICK)[0][0] == pytest.approx(20.0)


def test_an_own_floor_moves_with_the_floor_of_all() -> None:
    state = learn(20.0, 15.0, 100)
    assert own_floor(np.array([35.0]), state, QUICK)[0][0] == pytest.approx(40.0)


def test_what_creeps_up_is_bounded_by_the_floor_of_all() -> None:
    state = learn(60.0, 15.0, 5000)
    assert own_floor(np.array([15.0]), state, QUICK)[0][0] == pytest.approx(15.0 + QUICK.rise_db)


def test_a_lone_channel_creeps_no_further_than_its_lowest_floor_allows() -> None:
    state = learn(20.0, np.nan, 100)
    for level_db in np.linspace(20.0, 80.0, 5000):
        learn(level_db, np.nan, 1, state)
    assert own_floor(np.array([np.nan]), state, QUICK)[0][0] == pytest.approx(20.0 + QUICK.rise_db, abs=0.5)


def test_a_lone_channel_that_is_not_steady_is_not_proven() -> None:
    state = new_own_floors(1)
    for level_db in np.tile([20.0, 20.0, 30.0], 100):
        learn(level_db, np.nan, 1, state)
    assert np.isnan(own_floor(np.array([np.nan]), state, QUICK)[0][0])


def test_a_floor_learnt_in_a_loud_time_falls_within_seconds() -> None:
    state = learn(26.0, 15.0, 200)
    learn(10.0, 15.0, 25, state)
    assert state.offset_db[0] < 3.0
