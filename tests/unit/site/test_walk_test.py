"""Walk tests go before the assumed model, with their interval, and only where and for whom they were walked."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from linewatch.site.coverage import Condition, Coverage, Mask
from linewatch.site.walk_test import clopper_pearson
from tests.unit.site.coverage_sites import STORM, fibre, full_site, outage, site_of, walk_test

SITE = site_of(fibre("a"), fibre("b"))


# One-sided 95 % bounds, as acceptance tests of perimeter sensors are read: 49/50, 98/100 and 29/29 prove 0.9.
@pytest.mark.parametrize(("found", "passes", "bound"), [(49, 50, 0.909), (98, 100, 0.938), (29, 29, 0.902)])
def test_bounds_of_acceptance_tests_are_those_in_print(found: int, passes: int, bound: float) -> None:
    assert clopper_pearson(found, passes, confidence=0.90)[0] == pytest.approx(bound, abs=0.0006)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_is_the_set_of_probabilities_that_a_test_does_not_rule_out(result: tuple[int, int]) -> None:
    found, passes = result
    low, high = clopper_pearson(found, passes)
    assert 0.0 <= low <= found / passes <= high <= 1.0
    if found > 0:
        assert binom.sf(found - 1, passes, low) == pytest.approx(0.025, abs=1e-6)
    if found < passes:
        assert binom.cdf(found, passes, high) == pytest.approx(0.025, abs=1e-6)


@pytest.mark.parametrize(("found", "passes"), [(-1, 5), (6, 5), (0, 0)])
def test_a_result_that_cannot_be_is_refused(found: int, passes: int) -> None:
    with pytest.raises(ValueError, match=f"{found} of {passes} is no result of a test"):
        clopper_pearson(found, passes)


def test_a_test_replaces_the_model_on_its_stretch_for_its_mover_only() -> None:
    plain = Coverage(SITE)
    tested = Coverage(SITE, walk_tests=[walk_test(100.0, 200.0, 14, 20)])
    walking = tested.pd("person_walking")
    np.testing.assert_allclose(walking[100:200], 14.5 / 21.0, atol=1e-6)
    np.testing.assert_array_equal(
        np.delete(walking, range(100, 200)), np.delete(plain.pd("person_walking"), range(100, 200))
    )
    np.testing.assert_array_equal(tested.pd("vehicle"), plain.pd("vehicle"))


def test_every_metre_states_its_basis() -> None:
    coverage = Coverage(SITE, walk_tests=[walk_test(100.0, 200.0, 49, 50, end_ns=1_769_904_000_000_000_000)])
    basis = coverage.at(150.0).basis
    low, high = clopper_pearson(49, 50)
    tested = basis["person_walking"]
    assert (tested.kind, tested.found, tested.passes, tested.date) == ("walk_test", 49, 50, "2026-02-01")
    assert (tested.tested_low, tested.tested_high) == (low, high)
    assert (tested.low, tested.high) == (pytest.approx(low, abs=1e-6), pytest.approx(high, abs=1e-6))
    assert basis["group"].kind == coverage.at(99.0).basis["person_walking"].kind == "assumed"
    assert coverage.to_json()["movers"]["person_walking"]["walk_tested_m"] == 100.0


def test_of_two_tests_of_a_metre_the_later_one_counts() -> None:
    early, late = walk_test(0.0, 300.0, 20, 20, end_ns=10**18), walk_test(100.0, 200.0, 5, 20, end_ns=2 * 10**18)
    for order in ([early, late], [late, early]):
        pd = Coverage(SITE, walk_tests=order).pd("person_walking")
        assert pd[50] == pytest.approx(20.5 / 21.0, abs=1e-6)
        assert pd[150] == pytest.approx(5.5 / 21.0, abs=1e-6)


def test_a_tested_stretch_is_still_hurt_by_what_holds_today() -> None:
    coverage = Coverage(SITE, walk_tests=[walk_test(0.0, 3_000.0, 49, 50)])
    calm = coverage.pd("person_walking")[10]
    coverage.update(weather=[STORM])
    stormy = coverage.pd("person_walking")[10]
    coverage.update(outages=[outage("a")])
    one_left = coverage.pd("person_walking")[10]
    low, high = coverage.at(10.0).basis["person_walking"].low, coverage.at(10.0).basis["person_walking"].high
    assert low is not None
    assert high is not None
    assert low < one_left < high
    coverage.update(masks=[Mask("main", 0.0, 100.0)])
    assert calm > stormy > one_left > coverage.pd("person_walking")[10] == 0.0
    coverage.update(weather=[], outages=[], masks=[])
    assert coverage.pd("person_walking")[10] == calm


def test_a_test_holds_for_the_calm_and_healthy_line_whatever_held_when_it_was_read() -> None:
    test = walk_test(500.0, 900.0, 18, 20)
    held = Condition(weather=(STORM,), outages=(outage("a"),))
    built = Coverage(SITE, condition=held, walk_tests=[test])
    updated = Coverage(SITE, walk_tests=[test])
    updated.update(weather=held.weather, outages=held.outages)
    assert built.pd("person_walking").tobytes() == updated.pd("person_walking").tobytes()


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"mover": "animal", "gait": None}, "coverage is not stated for animal"),
        ({"gait": "run"}, r"coverage is not stated for person \(run\)"),
        ({"found": 9}, "9 of 5 is no result of a test"),
        ({"to_m": 100.2}, "its stretch holds the middle of no step"),
        ({"from_m": 2_900.0, "to_m": 3_000.0}, "no sensor of the site reaches all of its stretch"),
    ],
)
def test_a_test_that_cannot_count_is_kept_with_its_reason(more: dict[str, object], reason: str) -> None:
    values: dict[str, object] = {"from_m": 100.0, "to_m": 200.0, "found": 5, "passes": 5, **more}
    coverage = Coverage(site_of(fibre(to_m=2_000.0)), walk_tests=[walk_test(**values)])  # type: ignore[arg-type]
    assert coverage.measured == ()
    (unused,) = coverage.unused_walk_tests
    assert unused.reason.startswith(reason.replace("\\", ""))
    assert coverage.to_json()["unused_walk_tests"][0]["reason"] == unused.reason


def test_movers_of_tests_are_matched_to_those_of_the_coverage() -> None:
    site = full_site()
    pairs = (("person", None, "person_walking"), ("person", "crawl", "person_crawling"), ("group", "run", "group"))
    for mover, gait, row in pairs:
        coverage = Coverage(site, walk_tests=[walk_test(800.0, 900.0, 1, 9, mover=mover, gait=gait)])
        assert [each.mover for each in coverage.measured] == [row]


def test_a_test_of_another_line_is_none_of_this_one_s() -> None:
    elsewhere = msgspec.structs.replace(walk_test(0.0, 100.0, 1, 9), line="other")
    coverage = Coverage(SITE, walk_tests=[elsewhere])
    assert coverage.measured == coverage.unused_walk_tests == ()
