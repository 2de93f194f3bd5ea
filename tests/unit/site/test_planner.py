"""The planner: what it chooses is what the coverage then shows, and no set of that size does much more."""

import json
from itertools import combinations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linewatch.site.catalogue import CATALOGUE, Offer, candidates_of
from linewatch.site.coverage import Condition, Coverage
from linewatch.site.model import Site
from linewatch.site.planner import GREEDY_BOUND, Plan, plan, plan_json, removal_costs
from linewatch.site.sensor import Performance, Sensor
from tests.unit.site.coverage_sites import STORM, fibre, full_site, line_of, outage, point, site_of, walk_test

PIR = Offer("pir", "pir", 60.0, range_m=40.0)
CAMERA = Offer("cam", "camera", 100.0, cost=3.0, range_m=80.0)


def built(site: Site, made: Plan, offers: tuple[Offer, ...]) -> Site:
    """The site with the sensors of a plan."""
    every = {sensor.id: sensor for sensor in candidates_of(site.lines[0], offers)[0]}
    chosen = tuple(every[placement.sensor] for placement in made.placements)
    return msgspec.structs.replace(site, sensors=site.sensors + chosen)


def worth(site: Site, target_pd: float = 0.9, condition: Condition | None = None) -> float:
    """Expected watched metres without credit above the target."""
    return float(np.minimum(Coverage(site, condition=condition).pd("person_walking"), target_pd).sum())


def test_a_plan_gains_what_the_coverage_of_the_built_site_shows() -> None:
    for site in (site_of(), full_site(bent=True)):
        held = Condition(weather=(STORM,))
        made = plan(Coverage(site, condition=held), budget=12.0, offers=CATALOGUE)
        after = built(site, made, CATALOGUE)
        assert 0.0 < made.cost <= 12.0
        assert made.gain_m == pytest.approx(worth(after, condition=held) - worth(site, condition=held), rel=1e-4)
        assert made.gain_m == pytest.approx(sum(placement.gain_m for placement in made.placements))
        assert made.not_watched_after_m == Coverage(after, condition=held).not_watched_m()
        assert made.not_watched_before_m == Coverage(site, condition=held).not_watched_m()


def test_the_first_sensor_goes_into_the_hole() -> None:
    site = site_of(fibre("a", 0.0, 1_400.0), fibre("b", 1_460.0, 3_000.0))
    first = plan(Coverage(site), budget=1.0, offers=(PIR,)).placements[0]
    assert first.at_m in {1_410.0, 1_470.0}
    assert first.newly_watched_m > 0.0


def test_gains_only_fall_at_equal_costs() -> None:
    made = plan(Coverage(full_site(), condition=Condition(weather=(STORM,))), budget=30.0, offers=(PIR,))
    gains = [placement.gain_m for placement in made.placements]
    assert gains == sorted(gains, reverse=True)
    assert [placement.total_cost for placement in made.placements] == [*range(1, 31)]


@settings(max_examples=15)
@given(
    spots=st.lists(st.floats(0.0, 300.0), max_size=3),
    budget=st.integers(1, 3),
    costs=st.sampled_from([(1.0, 1.0), (1.0, 2.0)]),
    weights=st.lists(st.floats(0.0, 5.0), min_size=3, max_size=3),
)
def test_no_set_of_that_cost_beats_what_is_guaranteed_and_proved(
    spots: list[float], budget: int, costs: tuple[float, float], weights: list[float]
) -> None:
    line = line_of(300.0)
    there = [point(f"p{i}", "pir", spot, range_m=25.0, performance=Performance(0.6)) for i, spot in enumerate(spots)]
    site = site_of(*there, line=line)
    offers = (
        Offer("pir", "pir", 75.0, cost=costs[0], range_m=40.0),
        Offer("geo", "geophone", 100.0, cost=costs[1], range_m=60.0),
    )
    weight = np.repeat(weights, 100)
    made = plan(Coverage(site), budget=float(budget), offers=offers, weight=weight)

    def gain(extra: tuple[Sensor, ...]) -> float:
        pd = Coverage(msgspec.structs.replace(site, sensors=site.sensors + extra)).pd("person_walking")
        return float((np.minimum(pd, 0.9) * weight).sum())

    sensors, of = candidates_of(line, offers)
    cost = {sensor.id: offer.cost for sensor, offer in zip(sensors, of, strict=True)}
    sets = (chosen for size in range(budget + 1) for chosen in combinations(sensors, size))
    affordable = [chosen for chosen in sets if sum(cost[sensor.id] for sensor in chosen) <= budget]
    best = max(map(gain, affordable)) - gain(())
    assert made.guarantee_fraction == pytest.approx(GREEDY_BOUND if costs[0] == costs[1] else GREEDY_BOUND / 2.0)
    assert made.gain_m >= made.guarantee_fraction * best - 1e-3
    assert made.gain_m >= made.proved_fraction * best - 1e-3


def test_without_a_budget_a_plan_goes_on_until_the_target_is_reached() -> None:
    made = plan(Coverage(site_of(line=line_of(900.0))), target_pd=0.8, offers=(PIR,))
    assert made.below_target_before_m == 900.0
    assert made.below_target_after_m == 0.0
    assert made.proved_fraction == 1.0


def test_what_offers_cannot_help_stays_as_it_is() -> None:
    here = Offer("pir", "pir", 40.0, range_m=30.0, from_m=0.0, to_m=400.0)
    made = plan(Coverage(site_of(line=line_of(900.0))), target_pd=0.8, offers=(here,))
    assert 400.0 < made.below_target_after_m < 520.0
    assert all(placement.at_m <= 400.0 for placement in made.placements)


def test_sensors_go_where_the_crossings_are() -> None:
    weight = np.ones(3_000)
    weight[2_000:2_200] = 50.0
    made = plan(Coverage(site_of()), budget=3.0, offers=(PIR,), weight=weight)
    assert all(1_960.0 <= placement.at_m <= 2_240.0 for placement in made.placements)


def test_a_plan_for_a_storm_differs_from_one_for_calm_air() -> None:
    site = site_of(fibre())
    storm = plan(Coverage(site, condition=Condition(weather=(STORM,))), budget=2.0, offers=(PIR,))
    calm = plan(Coverage(site), budget=2.0, offers=(PIR,))
    assert storm.gain_m > 2.0 * calm.gain_m


def test_an_outage_in_force_makes_room_for_sensors() -> None:
    site = site_of(fibre("a", 0.0, 1_500.0), fibre("b", 1_500.0, 3_000.0))
    made = plan(Coverage(site, condition=Condition(outages=(outage("b"),))), budget=5.0, offers=(PIR,))
    assert all(placement.at_m > 1_480.0 for placement in made.placements)


def test_where_a_walk_test_found_less_than_assumed_there_is_more_to_gain() -> None:
    tests = [walk_test(600.0, 1_200.0, 8, 20)]
    made = plan(Coverage(site_of(fibre()), walk_tests=tests), budget=4.0, offers=(PIR,))
    assert all(560.0 < placement.at_m < 1_240.0 for placement in made.placements)


def test_cameras_of_a_plan_face_as_the_offer_says_wherever_they_stand() -> None:
    offers = (Offer("up", "camera", 400.0, facing_deg=0.0, fov_deg=40.0, range_m=100.0),)
    line = line_of(bent=True)
    for sensor in candidates_of(line, offers)[0]:
        site = site_of(sensor, line=line)
        seen = np.flatnonzero(Coverage(site).pd("person_walking"))
        assert sensor.at_m is not None
        assert sensor.at_m - 1.0 <= seen.min() < seen.max() <= sensor.at_m + 100.0


def test_a_plan_can_be_written_as_json() -> None:
    plain = json.loads(json.dumps(plan_json(plan(Coverage(site_of()), budget=4.0, offers=(PIR, CAMERA)))))
    assert plain["budget"] == 4.0
    assert plain["placements"][0]["sensor"].startswith(("pir@", "cam@"))


@pytest.mark.parametrize("wrong", [{"budget": 0.0}, {"target_pd": 0.0}, {"target_pd": 1.2}])
def test_a_budget_or_target_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="allowed: 0 < target <= 1, budget above 0"):
        plan(Coverage(site_of()), **wrong)  # type: ignore[arg-type]


def test_a_weight_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"weight has shape \(5,\); allowed: \(3000,\)"):
        plan(Coverage(site_of()), budget=1.0, weight=np.ones(5))


@pytest.mark.parametrize("wrong", [{"every_m": 0.0}, {"cost": -1.0}, {"cost": float("nan")}])
def test_an_offer_without_spacing_or_cost_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"offer 'x': (every_m|cost) is .*; allowed are numbers above 0"):
        Offer(**{"name": "x", "kind": "pir", "every_m": 5.0, **wrong})  # type: ignore[arg-type]


def test_a_removal_costs_what_the_site_without_the_sensors_shows() -> None:
    site = full_site()
    before = Coverage(site).pd("person_crawling")
    for removal in removal_costs(Coverage(site), "person_crawling", 0.9)[:12]:
        kept = tuple(s for s in site.sensors if removal.name not in {s.id, s.cabinet, s.power, s.network})
        after = Coverage(msgspec.structs.replace(site, sensors=kept)).pd("person_crawling")
        assert removal.lost_m == ((before >= 0.9) & (after < 0.9)).sum()
        assert removal.expected_lost_m == pytest.approx((before - after).sum(), abs=1e-3)
