"""Cadence of envelopes: rhythms are found, noise is not one."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.signals.cadence import cadence

RATE_HZ = 50.0


def walk(steps_hz: float, seconds: float = 8.0, seed: int = 0, noise: float = 0.2) -> NDArray[Any]:
    """Envelope of steps of unequal weight."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    at = np.arange(0.1, seconds, 1.0 / steps_hz)
    weight = rng.uniform(0.7, 1.3, len(at))
    return (weight * np.exp(-(((t[:, None] - at) / 0.06) ** 2))).sum(axis=1) + noise * rng.random(len(t))


@given(steps_hz=st.floats(1.45, 2.55), seed=st.integers(0, 50))
def test_the_cadence_of_a_walk_is_found_within_three_percent(steps_hz: float, seed: int) -> None:
    found = cadence(walk(steps_hz, seed=seed)[:, None], RATE_HZ)
    assert found.steps_hz[0] == pytest.approx(steps_hz, rel=0.03)
    assert found.strength[0] > 0.5


def test_noise_has_no_rhythm() -> None:
    found = cadence(np.random.default_rng(1).random((400, 200)), RATE_HZ)
    assert np.quantile(found.strength, 0.99) < 0.35


def test_it_agrees_with_the_definition() -> None:
    x = np.random.default_rng(2).random((300, 4))
    found = cadence(x, RATE_HZ)
    for c, column in enumerate((x - x.mean(axis=0)).T):
        n = len(column)
        r = {k: (column[k:] * column[: n - k]).sum() / (n - k) / column.var() for k in range(1, 100)}
        best = max(range(19, 37), key=lambda k: r[k] + r[2 * k])
        assert found.strength[c] == pytest.approx((r[best] + r[2 * best]) / 2)
        assert RATE_HZ / found.steps_hz[c] == pytest.approx(best, abs=0.501)


def test_a_bad_channel_changes_no_other() -> None:
    x = np.stack([walk(1.8), walk(2.2), walk(2.0)], axis=1)
    clean = cadence(x, RATE_HZ)
    x[10, 1] = np.nan
    found = cadence(x, RATE_HZ)
    assert np.isnan(found.steps_hz[1])
    assert np.isnan(found.strength[1])
    np.testing.assert_array_equal(found.steps_hz[[0, 2]], clean.steps_hz[[0, 2]])


def test_a_constant_envelope_has_no_cadence() -> None:
    assert np.isnan(cadence(np.full((200, 1), 3.0), RATE_HZ).strength[0])
    assert len(cadence(np.zeros((200, 0)), RATE_HZ).steps_hz) == 0


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="the envelope has 20 samples, allowed are 108 or more"):
        cadence(np.zeros((20, 1)), RATE_HZ)
    with pytest.raises(ValueError, match=r"at 10 samples a second allowed are above 0 to 1\.25"):
        cadence(np.zeros((200, 1)), 10.0)
