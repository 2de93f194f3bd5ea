"""Whether attempts fall, where they went and when it changed; and that chance alone is seldom taken for an answer."""

import msgspec
import numpy as np
import pytest
from scipy.stats import binomtest

from linewatch.errors import InputError
from linewatch.records import Incident, Outage
from linewatch.report.rates import poisson_interval, rate_ratio
from linewatch.report.trend import Daily, changes_of, daily_of, displacement_of, trend_of
from linewatch.report.watching import Watching
from tests.unit.report.made import attempt, facts, outage


def daily(counts: list[list[int]]) -> Daily:
    attempts = np.array(counts, dtype=float)
    places = tuple(("main", f"S{i}") for i in range(attempts.shape[1]))
    return Daily(tuple(range(18_900, 18_900 + len(counts))), places, attempts, np.ones_like(attempts))


def drawn(rates: list[list[float]], seed: int = 1) -> Daily:
    return daily(np.random.default_rng(seed).poisson(rates).tolist())


def incidents(per_day: list[int]) -> list[Incident]:
    found: list[Incident] = []
    for day, count in enumerate(per_day):
        found += [attempt(len(found) + n, day + 0.02 + 0.9 * n / max(count, 1)) for n in range(count)]
    return found


def test_a_fall_is_told_with_its_ratio_and_interval() -> None:
    found = trend_of(drawn([[10.0, 10.0]] * 28 + [[5.0, 5.0]] * 28))
    assert found.ratio.low < 0.5 < found.ratio.high < 1.0
    assert found.words.startswith("Attempts are falling.")
    assert "same weekdays" in found.seasonality and "cannot be taken out" in found.seasonality


def test_of_steady_days_one_in_twenty_looks_like_a_change() -> None:
    answers = [trend_of(drawn([[6.0]] * 56, seed)).ratio for seed in range(400)]
    wrong = sum(not r.low <= 1.0 <= r.high for r in answers)
    assert 5 <= wrong <= 35


def test_days_that_come_in_clumps_make_the_answer_less_sure() -> None:
    rng = np.random.default_rng(3)
    clumped = daily((rng.poisson(1.0, (56, 1)) * 8).tolist())
    even = daily([[8]] * 56)
    assert trend_of(clumped).ratio.dispersion > 4 > trend_of(even).ratio.dispersion
    assert trend_of(clumped).ratio.high > trend_of(even).ratio.high
    rates = rng.poisson(1.0, (400, 56)) * 8.0
    ratios = [rate_ratio(r[:28], r[28:], np.ones(28), np.ones(28)) for r in rates]
    assert 5 <= sum(not r.low <= 1.0 <= r.high for r in ratios) <= 40


def test_less_watching_is_no_fall() -> None:
    per_day = [8] * 14 + [4] * 14
    made = facts(incidents(per_day), outages=tuple(_half_days(14, 28)))
    found = trend_of(daily_of(made, Watching(made)), 14)
    assert found.second_attempts < 0.6 * found.first_attempts
    assert found.ratio.low < 1.0 < found.ratio.high


def _half_days(first: int, last: int) -> list[Outage]:
    return [msgspec.structs.replace(outage(day + 0.5, day + 1.0), id=f"o{day}") for day in range(first, last)]


def test_the_exact_interval_is_that_of_the_binomial() -> None:
    found = rate_ratio(np.array([30.0]), np.array([18.0]), np.array([1.0]), np.array([1.0]))
    wanted = binomtest(18, 48).proportion_ci(0.95, "exact")
    assert found.low == pytest.approx(wanted.low / (1 - wanted.low))
    assert found.high == pytest.approx(wanted.high / (1 - wanted.high))
    assert poisson_interval(0)[0] == 0.0 and poisson_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)


def test_pressure_that_moves_to_another_section_is_told() -> None:
    moved = drawn([[9.0, 3.0, 3.0]] * 28 + [[3.0, 9.0, 3.0]] * 28)
    found = displacement_of(moved, trend_of(moved))
    assert found.sure and found.gained[0][1] == "S1" and found.lost[0][1] == "S0"
    assert 0.2 < found.moved_fraction < 0.6
    still = drawn([[5.0, 5.0, 5.0]] * 56, 4)
    assert not displacement_of(still, trend_of(still)).sure


def test_pressure_that_moves_to_another_line_is_told_by_line() -> None:
    moved = drawn([[9.0, 3.0]] * 28 + [[3.0, 9.0]] * 28)
    two = Daily(moved.days, (("north", "S1"), ("south", "S1")), moved.attempts, moved.watched)
    found = dict(displacement_of(two, trend_of(two)).lines)
    assert found["north"].high < 1.0 < found["south"].low
    assert displacement_of(moved, trend_of(moved)).lines == ()


def test_displacement_is_seldom_claimed_where_nothing_moved() -> None:
    answers = [displacement_of(d, trend_of(d)).sure for d in (drawn([[4.0, 4.0]] * 56, seed) for seed in range(60))]
    assert sum(answers) <= 8


def test_the_day_of_a_change_is_found_and_steady_days_have_none() -> None:
    found = changes_of(drawn([[4.0]] * 40 + [[12.0]] * 40))
    assert len(found) == 1 and found[0].day in ("2021-11-08", "2021-11-09", "2021-11-10", "2021-11-11", "2021-11-12")
    assert found[0].ratio.low > 2
    assert sum(len(changes_of(drawn([[6.0]] * 80, seed))) for seed in range(40)) <= 2


def test_only_whole_days_are_compared() -> None:
    made = facts(incidents([3] * 20), days=19.5)
    assert len(daily_of(made, Watching(made)).days) == 19


def test_too_few_days_are_refused() -> None:
    with pytest.raises(InputError, match="--trend: found 20 days, 28 whole days in all; allowed: 1 to 14"):
        trend_of(drawn([[4.0]] * 28), 20)
