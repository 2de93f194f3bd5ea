"""What people ask of a coverage: gaps, the weakest kilometre, why, single failures, unwatched time, JSON."""

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linewatch.records import Outage
from linewatch.site.coverage import WATCHED, Condition, Coverage, Mask, RaisedFloor, Thresholds, Watched
from linewatch.site.geometry import geometry_of
from linewatch.site.performance import KINDS
from linewatch.site.sensor import Performance
from linewatch.site.single_failure import failures_json, single_failures
from linewatch.site.unwatched import unwatched_json, unwatched_metre_hours
from tests.unit.site.coverage_sites import STORM, fibre, full_site, line_of, outage, point, site_of, walk_test, weather

HOUR_NS = 3_600_000_000_000
PARTS = site_of(
    fibre("west", 0.0, 1_000.0), fibre("east", 1_200.0, 3_000.0), point("c", "contact", 2_000.0, range_m=10.0)
)


# ------------------------------------------------------------------------------------------------------------ gaps


def test_gaps_lie_where_no_sensor_is_and_say_so() -> None:
    gaps = Coverage(PARTS).gaps()
    assert [(gap.state, gap.from_m, gap.to_m) for gap in gaps] == [
        ("weak", 0.0, 1_000.0),
        ("not_watched", 1_000.0, 1_200.0),
        ("weak", 1_200.0, 1_990.0),
        ("weak", 2_010.0, 3_000.0),
    ]
    hole = gaps[1]
    assert (hole.lowest_pd, hole.place, hole.section, hole.why) == (0.0, "gate 1", "S01", "no sensor reaches here")
    assert gaps[0].why == "1 sensor counts, west (Pd 0.80)"


@given(st.lists(st.tuples(st.floats(0.0, 3_000.0), st.floats(0.0, 1.0)), max_size=6))
def test_gaps_and_watched_metres_make_up_the_line(cuts: list[tuple[float, float]]) -> None:
    held = [outage("west", "east", left=left, from_m=a, to_m=a + 200.0, start_ns=i) for i, (a, left) in enumerate(cuts)]
    coverage = Coverage(PARTS, condition=Condition(outages=tuple(held)))
    thresholds = Thresholds(0.3, 0.7)
    pd = coverage.pd("person_walking")
    by_state = {"not_watched": pd < 0.3, "weak": (pd >= 0.3) & (pd < 0.7)}
    gaps = coverage.gaps("person_walking", thresholds)
    for state, metres in by_state.items():
        assert sum(gap.length_m for gap in gaps if gap.state == state) == metres.sum()
    for gap in gaps:
        inside = pd[int(gap.from_m) : int(gap.to_m)]
        assert by_state[gap.state][int(gap.from_m) : int(gap.to_m)].all()
        assert gap.lowest_pd == inside.min()


def test_gaps_close_together_are_told_of_as_one() -> None:
    held = [outage("east", from_m=at_m, to_m=at_m + 2.0, start_ns=at_m) for at_m in (2_500, 2_506, 2_800)]
    clusters = Coverage(PARTS, condition=Condition(outages=tuple(held))).clusters(thresholds=Thresholds(0.5, 0.5))
    told = [(cluster.from_m, cluster.to_m, cluster.pieces, cluster.gap_m) for cluster in clusters]
    assert told == [(1_000.0, 1_200.0, 1, 200.0), (2_500.0, 2_508.0, 2, 4.0), (2_800.0, 2_802.0, 1, 2.0)]
    assert clusters[1].why == "east out: it is silent; no sensor counts here"


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.9), (0.6, 0.5), (0.5, 1.1)])
def test_thresholds_that_make_no_sense_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="allowed: 0 < not watched <= weak <= 1"):
        Thresholds(low, high)


def test_the_weakest_kilometre_holds_the_hole() -> None:
    weakest = Coverage(PARTS).weakest_kilometre()
    # The hole counts 0; of the many kilometres around it the first is taken.
    assert (weakest.from_m, weakest.to_m, weakest.not_watched_m) == (200.0, 1_200.0, 200.0)
    assert weakest.mean_pd == pytest.approx(0.8 * 0.8, abs=1e-6)


def test_of_equal_kilometres_the_first_is_the_weakest_and_a_short_line_is_one() -> None:
    assert Coverage(site_of(fibre())).weakest_kilometre().from_m == 0.0
    short = Coverage(site_of(line=line_of(340.0))).weakest_kilometre()
    assert (short.from_m, short.to_m, short.not_watched_m) == (0.0, 340.0, 340.0)


# ------------------------------------------------------------------------------------------------------------- why


def test_a_metre_tells_of_every_sensor_that_reaches_it_and_why_it_counts_or_not() -> None:
    site = site_of(
        fibre("das"),
        point("cam", "camera", 500.0, state="out_of_service"),
        point("new", "camera", 500.0, state="commissioning"),
        *(point(name, "pir", 500.0) for name in ("dead", "half", "loud", "swamped", "told")),
    )
    held = Condition(
        outages=(outage("dead"), outage("half", left=0.5, reason="half covered by snow")),
        floors=(RaisedFloor("main", "loud", 0.0, 900.0, 8.0), RaisedFloor("main", "swamped", 0.0, 900.0, 31.0)),
        masks=(Mask("main", 490.0, 510.0, ("told",), "works at the ditch"),),
    )
    view = Coverage(site, condition=held).at(500.0)
    assert {each.sensor: each.why for each in view.sensors} == {
        "das": "watches",
        "cam": "out of service",
        "new": "being commissioned: does not count yet",
        "dead": "out: it is silent",
        "half": "watches; weakened to 50%: half covered by snow",
        "loud": "watches; noise takes 8 dB",
        "swamped": "swamped: its noise floor stands 31 dB high",
        "told": "masked: works at the ditch",
    }
    counting = {each.sensor for each in view.sensors if each.counts}
    assert counting == {"das", "half", "loud"}
    assert "dead out: it is silent" in view.why
    assert (view.section, view.terrain, view.place) == ("S01", "open", "gate 1")
    assert [family.family for family in view.families] == ["vibration", "optics"]


def test_a_sensor_that_looks_past_a_metre_says_so() -> None:
    line = line_of(bent=True)
    out_deg = (float(geometry_of(line).azimuth_deg(500.0)) - 90.0) % 360.0
    # It stands far out with its back to the line and sees it only over either shoulder.
    back = point("radar", "radar", 500.0, offset_m=60.0, azimuth_deg=out_deg, fov_deg=270.0, range_m=200.0)
    coverage = Coverage(site_of(back, line=line))
    (view,) = coverage.at(500.0).sensors
    assert (view.why, view.counts, view.distance_m) == ("looks past this metre", False, None)
    assert coverage.at(500.0).why == "no sensor counts here"
    assert coverage.at(400.0).sensors[0].counts


def test_weather_that_takes_much_is_named() -> None:
    coverage = Coverage(site_of(fibre()), condition=Condition(weather=(STORM,)))
    view = coverage.at(10.0)
    assert view.sensors[0].weather_db > 8.0
    pd = view.pd["person_walking"]
    assert view.why == f"1 sensor counts, das (Pd {pd:.2f}); weather and light take 10 dB from it"


@pytest.mark.parametrize(("asked_m", "told_m"), [(-7.0, 0.0), (3_500.0, 3_000.0)])
def test_points_beyond_the_ends_mean_the_first_or_last_metre(asked_m: float, told_m: float) -> None:
    assert Coverage(PARTS).at(asked_m).chainage_m == told_m


# -------------------------------------------------------------------------------------------------------- failures


def lost_by(coverage: Coverage, failure: Outage, mover: Watched, below: float) -> float:
    """Metres lost, found by putting the failure into force."""
    before = coverage.pd(mover) >= below
    coverage.update(outages=[failure])
    after = coverage.pd(mover) < below
    coverage.update(outages=[])
    return float((before & after).sum())


@pytest.mark.parametrize("mover", ["person_walking", "person_crawling"])
@pytest.mark.parametrize("below", [0.5, 0.95])
def test_every_failure_costs_what_its_outage_would(mover: Watched, below: float) -> None:
    site = full_site()
    coverage = Coverage(site)
    failures = single_failures(coverage, mover, below, sensors=True)
    whole = [each for each in failures if each.kind in ("cabinet", "power", "network", "sensor")]
    assert {each.name for each in whole if each.kind != "sensor"} == {"K1", "K2", "P1", "N1", "N2"}
    for failure in whole:
        hit = [s.id for s in site.sensors if failure.name in {s.id, s.cabinet, s.power, s.network}]
        hit = [name for name in hit if site.sensor(name).state == "in_service"]
        assert len(hit) == failure.sensors
        assert failure.lost_m == lost_by(coverage, outage(*hit), mover, below)
    assert [each.lost_m for each in failures] == sorted((each.lost_m for each in failures), reverse=True)


def test_a_cut_costs_most_where_trying_every_channel_says() -> None:
    site = full_site()
    cuts = {
        each.name: each for each in single_failures(Coverage(site), "person_crawling", 0.8) if each.kind == "fibre_cut"
    }
    assert set(cuts) == {"das-a", "das-b", "fence"}
    for name in ("das-a", "das-b"):
        tried = {
            channel: lost_by(
                Coverage(site), outage(name, first_channel=channel, last_channel=299), "person_crawling", 0.8
            )
            for channel in range(0, 300, 30)
        }
        assert cuts[name].lost_m == max(tried.values()) > 0.0
        assert cuts[name].mean_lost_m == pytest.approx(np.mean(list(tried.values())), rel=0.25)


def test_a_trench_cut_takes_each_fibre_away_from_its_own_end() -> None:
    # Two fibres read from opposite ends: a cut leaves each metre with one of them, so nothing is lost; read from the
    # same end, all beyond the cut is.
    def trench(other: tuple[float, float]) -> tuple[float, float | None]:
        site = site_of(fibre("a", 0.0, 3_000.0), fibre("b", *other))
        (cut,) = [each for each in single_failures(Coverage(site)) if each.kind == "trench_cut"]
        assert (cut.name, cut.sensors) == ("a + b", 2)
        return cut.lost_m, cut.cut_m

    assert trench((3_000.0, 0.0))[0] == 0.0
    assert trench((0.0, 3_000.0)) == (3_000.0, 0.0)


def test_a_failure_of_what_is_doubled_costs_no_metre_but_some_detection() -> None:
    site = site_of(fibre("a", cabinet="K1"), fibre("b", cabinet="K2"))
    failures = [each for each in single_failures(Coverage(site)) if each.kind == "cabinet"]
    assert [(each.name, each.lost_m) for each in failures] == [("K1", 0.0), ("K2", 0.0)]
    both = Coverage(site).pd("person_walking")[0]
    assert failures[0].expected_lost_m == pytest.approx(3_000.0 * (both - KINDS["fibre_das"].walk), rel=1e-4)
    assert json.loads(json.dumps(failures_json(failures)))[0]["name"] == "K1"


def test_a_fibre_that_notices_nothing_has_no_cut_worth_telling() -> None:
    deaf = fibre("b", 3_000.0, 0.0, performance=Performance(0.0, 0.0, 0.0))
    cuts = [each.name for each in single_failures(Coverage(site_of(fibre("a"), deaf))) if each.kind == "fibre_cut"]
    assert cuts == ["a"]


# -------------------------------------------------------------------------------------------------- unwatched time


def test_unwatched_time_is_metres_times_hours() -> None:
    held = [outage("west", start_ns=2 * HOUR_NS, end_ns=5 * HOUR_NS, from_m=100.0, to_m=300.0)]
    total = unwatched_metre_hours(Coverage(PARTS), 0, 10 * HOUR_NS, held)
    assert total.standing_metre_hours == pytest.approx(200.0 * 10.0)
    assert total.metre_hours == pytest.approx(200.0 * 10.0 + 200.0 * 3.0)
    assert (total.most_m, total.most_at_ns) == (400.0, 2 * HOUR_NS)
    assert total.sections == {"S01": pytest.approx(2_600.0)}
    assert total.share_fraction == pytest.approx(2_600.0 / 30_000.0)
    assert json.loads(json.dumps(unwatched_json(total)))["events"] == total.events == 3


def test_an_outage_without_end_lasts_to_the_end_of_the_period() -> None:
    total = unwatched_metre_hours(Coverage(PARTS), HOUR_NS, 3 * HOUR_NS, [outage("west", start_ns=0)])
    assert total.metre_hours == pytest.approx((200.0 + 1_000.0) * 2.0)


periods = st.tuples(st.integers(0, 40), st.integers(1, 40)).map(lambda p: (p[0] * HOUR_NS // 4, sum(p) * HOUR_NS // 4))


@settings(max_examples=25)
@given(
    st.lists(st.tuples(periods, st.sampled_from(["west", "east"]), st.floats(0.0, 2_500.0), st.booleans()), max_size=6),
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from([2.0, 16.0, 24.0])), max_size=3),
)
def test_the_integral_equals_the_sum_over_quarter_hours_when_all_changes_at_those(
    events: list[tuple[tuple[int, int], str, float, bool]], winds: list[tuple[int, float]]
) -> None:
    held = [
        msgspec.structs.replace(
            outage(name, start_ns=a, end_ns=None if lasts else b, from_m=at_m, to_m=at_m + 400.0), id=str(i)
        )
        for i, ((a, b), name, at_m, lasts) in enumerate(events)
    ]
    spells = [weather(time_ns=quarter * HOUR_NS // 4, gust_mps=gust) for quarter, gust in winds]
    coverage = Coverage(PARTS)
    total = unwatched_metre_hours(coverage, 0, 12 * HOUR_NS, held, weather=spells)
    summed = 0.0
    for quarter in range(48):
        now = quarter * HOUR_NS // 4
        outages = [each for each in held if each.start_ns <= now and (each.end_ns is None or now < each.end_ns)]
        past = [spell for spell in spells if spell.time_ns <= now]
        coverage.update(outages=outages, weather=past)
        summed += coverage.not_watched_m() / 4.0
    # Of spells reported for one time only their own order could tell which holds: then the two sums may differ.
    if len({spell.time_ns for spell in spells}) == len(spells):
        assert total.metre_hours == pytest.approx(summed)
    assert total.metre_hours >= total.standing_metre_hours - 1e-6


def test_the_coverage_is_left_as_it_was() -> None:
    coverage = Coverage(full_site(), condition=Condition(outages=(outage("das-a"),), weather=(STORM,)))
    before = coverage._miss.copy()
    unwatched_metre_hours(coverage, 0, HOUR_NS, [outage("das-b", end_ns=HOUR_NS // 2)])
    assert coverage._miss.tobytes() == before.tobytes()
    assert coverage.condition.outages == (outage("das-a"),)


def test_a_period_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match="has no length"):
        unwatched_metre_hours(Coverage(PARTS), 5, 5, [])


# ------------------------------------------------------------------------------------------------------------ JSON


def test_the_json_holds_every_answer_and_adds_up() -> None:
    coverage = Coverage(
        full_site(),
        condition=Condition(outages=(outage("das-a", "ghost"),), weather=(STORM,), light_fraction=0.5),
        walk_tests=[walk_test(500.0, 700.0, 9, 10), walk_test(0.0, 9.0, 1, 1, gait="run")],
    )
    plain = json.loads(json.dumps(coverage.to_json()))
    assert plain["length_m"] == 3_000.0
    for mover in WATCHED:
        told = plain["movers"][mover]
        assert told["watched_m"] + told["weak_m"] + told["not_watched_m"] == pytest.approx(3_000.0)
        assert sum(gap["to_m"] - gap["from_m"] for gap in told["gaps"]) == pytest.approx(told["not_watched_m"])
        assert len(told["profile_pd"]) == 30
        assert told["profile_pd"][3] == pytest.approx(coverage.pd(mover)[300:400].min(), abs=1e-4)
        by_section = sum(section["not_watched_m"][mover] for section in plain["sections"])
        assert by_section == pytest.approx(told["not_watched_m"])
    assert plain["sensors"]["not_in_service"] == ["new"]
    assert plain["condition"]["unknown_sensors"] == ["ghost"]
    assert plain["condition"]["light_fraction"] == 0.5
    assert plain["walk_tests"][0]["found"] == 9
    assert len(plain["unused_walk_tests"]) == 1


def test_performance_that_a_site_states_shows_in_its_answers() -> None:
    weak = site_of(fibre(performance=Performance(pd_walk_fraction=0.3)))
    assert Coverage(weak).to_json()["movers"]["person_walking"]["not_watched_m"] == 3_000.0
