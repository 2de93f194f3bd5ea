"""The model: what each sensor gives, how they combine, and that updates equal full builds bit by bit."""

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from linewatch.errors import InputError
from linewatch.records import Outage, Weather
from linewatch.site.coverage import WATCHED, Condition, Coverage, CoverageSnapshot, Mask, RaisedFloor, Watched, in_force
from linewatch.site.grid import grid_of
from linewatch.site.performance import (
    BETA_CALM,
    KINDS,
    MOST_PD,
    TERRAIN_DB,
    Head,
    common_cause_fraction,
    light_fraction,
)
from linewatch.site.reference import reference_site
from linewatch.site.sensor import Performance, Sensor
from tests.unit.site.coverage_sites import STORM, fibre, full_site, line_of, outage, point, site_of, weather

SITE = full_site()
NAMES = [sensor.id for sensor in SITE.sensors]


def pd_at(coverage: Coverage, chainage_m: float, mover: Watched = "person_walking") -> float:
    return float(coverage.pd(mover)[int(chainage_m)])


# ------------------------------------------------------------------------------------------------ updates and builds

chainages = st.integers(0, 3_000).map(float)
stretches = st.tuples(chainages, chainages).map(sorted)


@st.composite
def outages(draw: st.DrawFn) -> Outage:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    from_m, to_m = draw(stretches)
    left = draw(st.sampled_from([0.0, 0.25, 0.7, 1.0]))
    channels: dict[str, object] = {}
    if draw(st.booleans()):
        first, last = sorted(draw(st.tuples(st.integers(0, 350), st.integers(0, 350))))
        channels = {"first_channel": first, "last_channel": last}
    return outage(*names, left=left, from_m=from_m, to_m=to_m, start_ns=draw(st.integers(0, 3)), **channels)


@st.composite
def spells(draw: st.DrawFn) -> Weather:
    from_m, to_m = draw(stretches)
    values = {name: draw(st.sampled_from(choice)) for name, choice in _WEATHERS.items()}
    return weather(from_m, to_m, draw(st.integers(0, 3)), **{k: v for k, v in values.items() if v is not None})


_WEATHERS: dict[str, list[float | None]] = {
    "temperature_c": [None, -10.0, 23.0],
    "gust_mps": [None, 4.0, 18.0],
    "rain_mm_per_h": [None, 0.0, 12.0],
    "visibility_m": [None, 60.0, 2_000.0],
}
floors = st.builds(
    lambda name, stretch, rise_db: RaisedFloor("main", name, *stretch, rise_db),
    st.sampled_from(NAMES),
    stretches,
    st.sampled_from([0.0, 4.0, 25.0]),
)
masks = st.builds(
    lambda names, stretch: Mask("main", *stretch, tuple(sorted(names))),
    st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
    stretches,
)
changes = st.fixed_dictionaries(
    {},
    optional={
        "outages": st.lists(outages(), max_size=4),
        "weather": st.lists(spells(), max_size=3),
        "floors": st.lists(floors, max_size=3),
        "masks": st.lists(masks, max_size=2),
        "light_fraction": st.sampled_from([0.0, 0.5, 1.0]),
    },
)


@settings(max_examples=25)
@given(st.lists(changes, min_size=1, max_size=4))
def test_an_update_equals_a_full_build_bit_by_bit(steps: list[dict[str, object]]) -> None:
    updated = Coverage(SITE)
    for step in steps:
        updated.update(**step)  # type: ignore[arg-type]  # drawn by keyword
        built = Coverage(SITE, condition=updated.condition)
        assert updated._family.tobytes() == built._family.tobytes()
        assert updated._miss.tobytes() == built._miss.tobytes()


@settings(max_examples=30)
@given(changes, changes)
def test_what_an_update_does_not_give_back_has_not_changed(first: dict[str, object], then: dict[str, object]) -> None:
    coverage = Coverage(SITE, condition=Condition(**first))  # type: ignore[arg-type]
    before = coverage._miss.copy()
    touched = np.zeros(coverage.grid.steps, dtype=bool)
    for low, high in coverage.update(**then):  # type: ignore[arg-type]
        touched[low:high] = True
    assert (coverage._miss[:, ~touched] == before[:, ~touched]).all()


def test_the_order_in_which_matters_are_given_does_not_show() -> None:
    many = [outage("das-a", left=0.5), outage("cam-03"), outage("das-a", left=0.2, start_ns=1)]
    spells = [weather(0.0, 2_000.0, 5, gust_mps=20.0), weather(1_000.0, 3_000.0, 5, rain_mm_per_h=20.0)]
    forth = Coverage(SITE, condition=Condition(outages=tuple(many), weather=tuple(spells)))
    back = Coverage(SITE, condition=Condition(outages=tuple(many[::-1]), weather=tuple(spells[::-1])))
    assert forth._miss.tobytes() == back._miss.tobytes()


def test_a_camera_that_goes_out_touches_only_what_it_sees() -> None:
    coverage = Coverage(SITE)
    ((low, high),) = coverage.update(outages=[outage("cam-03")])
    assert 850 - 150 <= low < high <= 850 + 150


# ----------------------------------------------------------------------------------------------------- one sensor


def test_a_fibre_in_the_open_has_the_figures_of_its_table() -> None:
    coverage = Coverage(site_of(fibre()))
    kind = KINDS["fibre_das"]
    group = float(ndtr(ndtri(kind.walk) + kind.group_db / kind.scatter_db))
    expected = {"person_walking": kind.walk, "person_crawling": kind.crawl, "group": group, "vehicle": kind.vehicle}
    for mover in WATCHED:
        np.testing.assert_allclose(coverage.pd(mover), expected[mover], atol=1e-6)


def test_what_a_site_states_of_a_sensor_goes_before_the_table() -> None:
    stated = Performance(pd_walk_fraction=0.6, pd_vehicle_fraction=0.7)
    coverage = Coverage(site_of(fibre(performance=stated)))
    assert pd_at(coverage, 10, "person_walking") == pytest.approx(0.6, abs=1e-6)
    assert pd_at(coverage, 10, "vehicle") == pytest.approx(0.7, abs=1e-6)
    # What is not stated moves by as much as the walker did.
    moved = ndtri(0.6) - ndtri(KINDS["fibre_das"].walk)
    assert pd_at(coverage, 10, "person_crawling") == pytest.approx(
        ndtr(ndtri(KINDS["fibre_das"].crawl) + moved), abs=1e-6
    )


@pytest.mark.parametrize(("stated", "counted"), [(0.0, 0.0), (1.0, MOST_PD)])
def test_no_sensor_is_ever_quite_sure_but_it_can_be_blind(stated: float, counted: float) -> None:
    coverage = Coverage(site_of(fibre(performance=Performance(pd_walk_fraction=stated))))
    assert pd_at(coverage, 10) == pytest.approx(counted, abs=1e-6)


@pytest.mark.parametrize("state", ["commissioning", "out_of_service"])
def test_a_sensor_that_is_not_in_service_gives_nothing(state: str) -> None:
    assert (Coverage(site_of(fibre(state=state))).pd("group") == 0.0).all()


def test_a_line_without_sensors_is_not_watched_at_all() -> None:
    coverage = Coverage(site_of())
    assert all((coverage.pd(mover) == 0.0).all() for mover in WATCHED)
    assert coverage.not_watched_m() == 3_000.0


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("range_m", [None, 1.0, 40.0])
def test_every_kind_of_sensor_gives_a_probability_where_it_stands(kind: str, range_m: float | None) -> None:
    span = {"from_m": 1_480.0, "to_m": 1_520.0, "channels": 4}
    sensors = [Sensor(id="s", kind=kind, line="main", **span)]  # type: ignore[arg-type]  # drawn from the table
    if not kind.startswith("fibre"):
        sensors.append(point("p", kind, 1_500.0, range_m=range_m))
    for sensor in sensors:
        coverage = Coverage(site_of(sensor))
        for mover in WATCHED:
            pd = coverage.pd(mover)
            assert np.isfinite(pd).all()
            assert ((pd >= 0.0) & (pd <= MOST_PD + 1e-6)).all()
            assert pd[1_500] > 0.0


# ------------------------------------------------------------------------------------------------- many together


def test_two_fibres_miss_together_on_the_common_cause_share_of_crossings() -> None:
    q = 1.0 - KINDS["fibre_das"].walk
    expected = 1.0 - (BETA_CALM * q + (1.0 - BETA_CALM) * q * q)
    assert pd_at(Coverage(site_of(fibre("a"), fibre("b"))), 10) == pytest.approx(expected, abs=1e-6)


def test_families_miss_independently_of_each_other() -> None:
    contact = point("c", "contact", 1_500.0, range_m=5.0)
    together = pd_at(Coverage(site_of(fibre(), contact)), 1_500)
    misses = [1.0 - pd_at(Coverage(site_of(sensor)), 1_500) for sensor in (fibre(), contact)]
    assert together == pytest.approx(1.0 - math.prod(misses), abs=1e-6)


@given(st.floats(0.0, 1.0, width=32))
def test_a_family_without_sensors_misses_for_certain_whatever_its_common_cause(beta: float) -> None:
    share = np.float32(beta)
    assert share * np.float32(1.0) + (np.float32(1.0) - share) * np.float32(1.0) == 1.0


def test_a_sensor_that_notices_nothing_changes_nothing() -> None:
    blind = fibre("b", performance=Performance(0.0, 0.0, 0.0))
    np.testing.assert_array_equal(Coverage(site_of(fibre("a"), blind))._miss, Coverage(site_of(fibre("a")))._miss)


@settings(max_examples=25)
@given(changes, st.sampled_from(NAMES), st.sampled_from([0.0, 0.5]))
def test_an_outage_never_makes_any_metre_better(held: dict[str, object], name: str, left: float) -> None:
    coverage = Coverage(SITE, condition=Condition(**held))  # type: ignore[arg-type]
    before = coverage._miss.copy()
    coverage.update(outages=[*coverage.condition.outages, outage(name, left=left)])
    assert (coverage._miss >= before - 1e-7).all()


@pytest.mark.parametrize(
    "worse",
    [weather(gust_mps=20.0), weather(rain_mm_per_h=15.0), weather(visibility_m=90.0), weather(temperature_c=24.0)],
)
def test_bad_weather_never_makes_any_metre_better_and_makes_some_worse(worse: Weather) -> None:
    coverage = Coverage(SITE, condition=Condition(light_fraction=1.0))
    before = coverage._miss.copy()
    coverage.update(weather=[worse])
    assert (coverage._miss >= before - 1e-7).all()
    assert (coverage._miss > before + 1e-4).any()


def test_in_bad_weather_a_family_fails_together_more_often() -> None:
    calm, storm = common_cause_fraction("vibration", None), common_cause_fraction("vibration", STORM)
    assert calm == BETA_CALM < storm <= 0.5
    assert common_cause_fraction("contact", STORM) == BETA_CALM


def test_a_denser_line_than_any_is_computed_without_running_out_of_digits() -> None:
    crowd = [point(f"p{i:03d}", "pir", 1_500.0, range_m=30.0) for i in range(120)]
    coverage = Coverage(site_of(*crowd))
    assert pd_at(coverage, 1_500) == pytest.approx(1.0 - BETA_CALM * (1.0 - MOST_PD), abs=1e-6)


# ---------------------------------------------------------------------------------------------------- conditions


def test_an_outage_leaves_the_share_that_it_says() -> None:
    coverage = Coverage(site_of(fibre()), condition=Condition(outages=(outage("das", left=0.3),)))
    np.testing.assert_allclose(coverage.pd("person_walking"), 0.3 * KINDS["fibre_das"].walk, atol=1e-6)


def test_of_several_outages_of_one_sensor_the_worst_counts() -> None:
    both = outage("das", left=0.3), outage("das", left=0.6, start_ns=1)
    coverage = Coverage(site_of(fibre()), condition=Condition(outages=both))
    np.testing.assert_allclose(coverage.pd("person_walking"), 0.3 * KINDS["fibre_das"].walk, atol=1e-6)


@pytest.mark.parametrize(
    ("from_m", "to_m", "blind"), [(0.0, 3_000.0, slice(1_200, 3_000)), (3_000.0, 0.0, slice(0, 1_800))]
)
def test_a_cut_fibre_is_blind_beyond_the_cut_and_nowhere_else(from_m: float, to_m: float, blind: slice) -> None:
    cut = outage("das", first_channel=120, last_channel=299)
    pd = Coverage(site_of(fibre(from_m=from_m, to_m=to_m)), condition=Condition(outages=(cut,))).pd("person_walking")
    expected = np.full(3_000, KINDS["fibre_das"].walk)
    expected[blind] = 0.0
    np.testing.assert_allclose(pd, expected, atol=1e-6)


def test_an_outage_of_a_stretch_takes_only_that_stretch() -> None:
    held = Condition(outages=(outage("das", from_m=100.0, to_m=110.0),))
    assert (Coverage(site_of(fibre()), condition=held).pd("person_walking") == 0.0).nonzero()[0].tolist() == [
        *range(100, 110)
    ]


def test_a_raised_floor_costs_what_the_scatter_says_and_a_swamped_sensor_is_blind() -> None:
    floors = RaisedFloor("main", "das", 0.0, 100.0, 6.0), RaisedFloor("main", "das", 100.0, 200.0, 20.0)
    coverage = Coverage(site_of(fibre()), condition=Condition(floors=floors))
    kind = KINDS["fibre_das"]
    assert pd_at(coverage, 50) == pytest.approx(ndtr(ndtri(kind.walk) - 6.0 / kind.scatter_db), abs=1e-6)
    assert pd_at(coverage, 150, "vehicle") == 0.0
    assert pd_at(coverage, 250) == pytest.approx(kind.walk, abs=1e-6)


def test_a_mask_takes_the_sensors_that_it_names_or_all() -> None:
    site = site_of(fibre("a"), fibre("b"))
    one = Coverage(site, condition=Condition(masks=(Mask("main", 0.0, 50.0, ("a",)),)))
    assert pd_at(one, 10) == pytest.approx(KINDS["fibre_das"].walk, abs=1e-6)
    every = Coverage(site, condition=Condition(masks=(Mask("main", 0.0, 50.0),)))
    assert (pd_at(every, 10), pd_at(every, 60) > 0.9) == (0.0, True)


def test_what_concerns_other_lines_or_unknown_sensors_changes_nothing_but_is_told() -> None:
    elsewhere = msgspec.structs.replace(outage("das"), line="other")
    coverage = Coverage(site_of(fibre()), condition=Condition(outages=(elsewhere, outage("nobody"))))
    assert pd_at(coverage, 10) > 0.7
    assert coverage.condition.outages == (outage("nobody"),)
    assert coverage.sensing.unknown == ("nobody",)


def test_of_a_history_the_outages_in_force_are_picked_by_their_last_record() -> None:
    first = outage("a", start_ns=10)
    ended = msgspec.structs.replace(first, end_ns=50)
    other = outage("b", start_ns=40)
    assert in_force([first, ended, other], 30) == (ended,)
    assert in_force([first, ended, other], 45) == (ended, other)
    assert in_force([first, ended, other], 50) == (other,)


# ------------------------------------------------------------------------------------- terrain, weather, light


def test_where_spells_of_weather_overlap_the_later_one_holds() -> None:
    spells = weather(0.0, 3_000.0, 1, gust_mps=25.0), weather(0.0, 1_000.0, 2, gust_mps=0.0)
    coverage = Coverage(site_of(fibre()), condition=Condition(weather=spells))
    assert pd_at(coverage, 500) == pytest.approx(KINDS["fibre_das"].walk, abs=1e-6)
    assert pd_at(coverage, 1_500) < 0.7


def test_terrain_takes_what_its_class_says_on_its_own_section_only() -> None:
    coverage = Coverage(site_of(fibre(), line=line_of(terrains=("open", "wetland"))))
    assert pd_at(coverage, 1_499) == pytest.approx(KINDS["fibre_das"].walk, abs=1e-6)
    assert pd_at(coverage, 1_500) == pytest.approx(ndtr(ndtri(KINDS["fibre_das"].walk) - 6.0 / 6.0), abs=1e-6)


def test_a_terrain_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="terrain: found 'moon'; allowed: open, forest"):
        Coverage(site_of(line=line_of(terrains=("moon",))))


def test_a_line_that_does_not_exist_is_refused() -> None:
    with pytest.raises(KeyError):
        Coverage(site_of(), "other")


def camera(**more: object) -> Sensor:
    return point("cam", "camera", 1_500.0, range_m=150.0, **more)


def pd_of_camera(condition: Condition, chainage_m: float, sensor: Sensor) -> float:
    return pd_at(Coverage(site_of(sensor), condition=condition), chainage_m)


def test_a_camera_without_thermal_head_is_blind_in_the_dark_and_one_with_it_is_not() -> None:
    day_only = camera(performance=Performance(thermal=False))
    assert pd_of_camera(Condition(light_fraction=0.0), 1_500, day_only) < 0.01
    assert pd_of_camera(Condition(light_fraction=1.0), 1_500, day_only) > 0.95
    assert pd_of_camera(Condition(light_fraction=0.0), 1_500, camera()) > 0.95


def test_fog_takes_more_from_a_camera_the_farther_it_looks() -> None:
    fog = Condition(weather=(weather(visibility_m=150.0),))
    near, far = (pd_of_camera(fog, chainage_m, camera()) for chainage_m in (1_505, 1_640))
    assert near > 0.95
    assert far < 0.4


def test_warm_air_takes_the_contrast_that_a_thermal_head_lives_on() -> None:
    warm, cold = (Condition(weather=(weather(temperature_c=t),)) for t in (23.0, -15.0))
    assert pd_of_camera(warm, 1_600, camera()) < pd_of_camera(cold, 1_600, camera()) - 0.3


@pytest.mark.parametrize(("month", "hour", "light"), [(6, 11, 1.0), (6, 23, 0.0), (12, 13, 1.0), (12, 16, 0.0)])
def test_light_follows_the_sun_over_the_border_forest(month: int, hour: int, light: float) -> None:
    time_ns = int(np.datetime64(f"2021-{month:02d}-21T{hour:02d}:00:00", "ns").astype(np.int64))
    assert light_fraction(time_ns, 23.8, 52.7) == light


# ------------------------------------------------------------------------------------------------------ snapshots


def test_a_snapshot_never_claims_more_than_the_coverage() -> None:
    coverage = Coverage(SITE, condition=Condition(weather=(STORM,)))
    fine, coarse = coverage.snapshot(7), coverage.snapshot(7, step_m=50.0)
    for mover in WATCHED:
        pd = coverage.pd(mover)
        assert (fine.pd_of(mover) <= pd).all()
        assert (pd - fine.pd_of(mover) < 1.0 / 255.0).all()
        np.testing.assert_array_equal(coarse.pd_of(mover), fine.pd_of(mover).reshape(-1, 50).min(axis=1))
    assert coarse.at(np.array([-5.0, 0.0, 49.9, 50.0, 9_999.0]), "group").tolist() == [
        coarse.pd_of("group")[i] for i in (0, 0, 0, 1, 59)
    ]


def test_a_snapshot_travels_as_a_record_and_is_small() -> None:
    snapshot = Coverage(SITE).snapshot(7, step_m=10.0)
    packed = msgspec.msgpack.encode(snapshot)
    assert msgspec.msgpack.decode(packed, type=CoverageSnapshot) == snapshot
    assert len(packed) < 4 * 300 + 200


def test_a_snapshot_with_a_step_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"step_m is 1\.5; allowed are whole multiples of 1"):
        Coverage(site_of()).snapshot(0, step_m=1.5)


# ------------------------------------------------------------------------------------------------ at another scale


@given(st.floats(0.3, 60.0), st.sampled_from([0.5, 1.0, 7.0]), st.floats(-5.0, 70.0), st.floats(-5.0, 70.0))
def test_a_step_belongs_to_a_stretch_when_its_middle_does(length_m: float, step_m: float, a: float, b: float) -> None:
    grid = grid_of(line_of(length_m), step_m)
    starts = np.arange(grid.steps) * step_m
    middles = (starts + np.minimum(starts + step_m, length_m)) / 2.0
    low, high = grid.between(*sorted((a, b)))
    inside = (middles >= min(a, b)) & (middles < max(a, b))
    assert np.flatnonzero(inside).tolist() == [*range(low, high)]


def test_the_short_last_step_belongs_to_the_last_section() -> None:
    line = line_of(100.25, terrains=("open", "forest"))
    coverage = Coverage(site_of(fibre(to_m=100.25), line=line))
    assert coverage.at(100.2).terrain == "forest"
    assert coverage.to_json()["sections"][1]["to_m"] == 100.25
    assert coverage.pd("group")[-1] == coverage.pd("group")[-2]


def test_a_step_without_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"step_m is 0\.0; allowed are numbers above 0"):
        Coverage(site_of(), step_m=0.0)


@pytest.mark.parametrize(("length_m", "step_m", "steps"), [(600.5, 1.0, 601), (0.4, 1.0, 1), (1_000.0, 7.0, 143)])
def test_the_last_step_of_a_line_may_be_shorter(length_m: float, step_m: float, steps: int) -> None:
    coverage = Coverage(site_of(line=line_of(length_m)), step_m=step_m)
    assert coverage.grid.steps == steps
    assert coverage.widths_m.sum() == pytest.approx(length_m)
    assert coverage.not_watched_m() == pytest.approx(length_m)


def test_the_reference_line_is_watched_by_design_and_not_in_a_storm() -> None:
    coverage = Coverage(reference_site())
    calm = {mover: coverage.pd(mover) for mover in WATCHED}
    assert all(np.isfinite(pd).all() and (pd >= 0.0).all() and (pd <= 1.0).all() for pd in calm.values())
    assert coverage.not_watched_m("person_walking") == 0.0
    coverage.update(weather=[msgspec.structs.replace(STORM, to_m=coverage.line.length_m)])
    assert coverage.not_watched_m("person_crawling") > 1_000.0


def test_the_arrays_agree_with_a_plain_computation_of_single_metres() -> None:
    """The formula of the documentation, written out for one metre at a time from what each sensor gives."""
    coverage = Coverage(SITE, condition=Condition(weather=(STORM,), outages=(outage("das-a", left=0.4),)))
    for chainage_m in range(5, 3_000, 149):
        view = coverage.at(chainage_m)
        for mover in WATCHED:
            miss = 1.0
            for family in {sensor.family for sensor in view.sensors}:
                own = [1.0 - sensor.pd[mover] for sensor in view.sensors if sensor.family == family]
                beta = common_cause_fraction(family, STORM)
                miss *= beta * min(own) + (1.0 - beta) * math.prod(own)
            assert view.pd[mover] == pytest.approx(1.0 - miss, abs=1e-5)


def test_coverage_gives_new_arrays_that_a_later_update_leaves_alone() -> None:
    coverage = Coverage(SITE)
    held = coverage.pd("group")
    copy = held.tolist()
    coverage.update(outages=[outage(*NAMES)])
    assert held.tolist() == copy != coverage.pd("group").tolist()


# -------------------------------------------------------------------------------------------------- the document


def rows_of(heading: str) -> list[list[str]]:
    """Rows of the table of the documentation that begins with a heading."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "coverage.md").read_text(encoding="utf-8")
    lines = text[text.index(heading) :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]


def test_the_document_states_the_figures_that_are_used() -> None:
    rows = rows_of("| kind | family |")
    assert {row[0] for row in rows} == set(KINDS)
    for row in rows:
        kind = KINDS[row[0]]  # type: ignore[index]  # compared with the kinds just above
        assert row[1] == kind.family
        stated = [kind.walk, kind.crawl, kind.vehicle, kind.group_db, kind.scatter_db, kind.reach_m, kind.decade_db]
        assert [float(cell) for cell in row[2:]] == stated


def test_the_document_states_what_terrain_takes() -> None:
    named: dict[str, tuple[Head, ...]] = {
        "buried fibre, geophone": ("buried",),
        "fence cable": ("fence",),
        "PIR": ("infrared",),
        "microwave": ("microwave",),
        "radio link": ("radio",),
        "radar": ("radar",),
        "camera": ("day", "thermal"),
    }
    for row in rows_of("| | open | forest |"):
        assert all(tuple(map(float, row[1:])) == TERRAIN_DB[head] for head in named.pop(row[0]))
    assert not named
    assert set(TERRAIN_DB["contact"]) == {0.0}
