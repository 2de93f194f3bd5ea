"""Intervals agree with figures in print and with their own definition."""

import math

import pytest
from scipy.stats import binom, poisson

from linewatch.evaluate import clopper_pearson, garwood


def test_one_sided_bounds_of_the_acceptance_tests_are_as_published() -> None:
    # 49 of 50 and 98 of 100 at one-sided 95 %, which is two-sided 90 %; 29 of 29 likewise.
    assert clopper_pearson(49, 50, 0.90)[0] == pytest.approx(0.909, abs=0.001)
    assert clopper_pearson(98, 100, 0.90)[0] == pytest.approx(0.938, abs=0.001)
    assert clopper_pearson(29, 29, 0.90)[0] == pytest.approx(0.902, abs=0.001)


@pytest.mark.parametrize(("found", "of"), [(0, 10), (3, 10), (10, 10), (1, 1), (297, 300)])
def test_at_each_end_of_a_share_the_tail_has_its_stated_size(found: int, of: int) -> None:
    low, high = clopper_pearson(found, of)
    if found > 0:
        assert binom.sf(found - 1, of, low) == pytest.approx(0.025, rel=1e-6)
    if found < of:
        assert binom.cdf(found, of, high) == pytest.approx(0.025, rel=1e-6)
    assert low <= found / of <= high


@pytest.mark.parametrize("count", [0, 1, 7, 120])
def test_at_each_end_of_a_rate_the_tail_has_its_stated_size(count: int) -> None:
    low, high = garwood(count, 2.0)
    if count:
        assert poisson.sf(count - 1, low * 2.0) == pytest.approx(0.025, rel=1e-6)
    assert poisson.cdf(count, high * 2.0) == pytest.approx(0.025, rel=1e-6)


def test_without_trial_or_exposure_nothing_is_known() -> None:
    assert clopper_pearson(0, 0) == (0.0, 1.0)
    assert garwood(0, 0.0) == (0.0, math.inf)


def test_impossible_counts_are_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        clopper_pearson(3, 2)
    with pytest.raises(ValueError, match="-1"):
        garwood(-1, 1.0)
