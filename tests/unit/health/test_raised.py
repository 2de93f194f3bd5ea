"""Noise over its usual level is told by stretch, hardly becomes usual, and is a hint where nothing explains it."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.health.raised import RaisedSettings, Told, listen, new_raised, piece_of_channels
from linewatch.health.state import HealthSettings, HealthState
from linewatch.health.watch import HealthStep
from linewatch.records import Health, Outage, Record, Tick, Weather
from linewatch.records.state import freeze, thaw
from linewatch.site.coverage_report import coverage_at
from linewatch.site.model import Site
from tests.sites import fence_site
from tests.strategies import T0_NS

S = 1_000_000_000
WINDOW_S = 0.5
CHANNELS = 200
SETTINGS = RaisedSettings()
PIECE = piece_of_channels(CHANNELS, 1.0, SETTINGS)
SITE = fence_site(length_m=600.0, channels=600)


def heard(levels_db: NDArray[np.float64], well: NDArray[np.bool_] | None = None) -> list[tuple[float, Told]]:
    """What is told of levels (windows, channels), with the seconds after which it is."""
    state = new_raised(int(PIECE[-1]) + 1)
    well = np.ones(CHANNELS, np.bool_) if well is None else well
    out = []
    for number, level_db in enumerate(levels_db, start=1):
        out += [(number * WINDOW_S, told) for told in listen(state, level_db, well, PIECE, WINDOW_S, SETTINGS)]
        state = thaw(freeze(state), type(state))
    return out


def calm(seconds: float, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(20.0, 1.0, (round(seconds / WINDOW_S), CHANNELS))


def test_even_noise_is_never_told() -> None:
    assert heard(calm(3600.0)) == []


def test_noise_that_rises_on_a_stretch_is_told_there_with_its_height_and_is_over_when_it_falls() -> None:
    levels_db = calm(300.0)
    levels_db[120:280, 50:100] += 13.0
    found = heard(levels_db)
    (up_s, up), (down_s, down) = found[0], found[-1]
    assert (up.first, up.last, up.rise_db, up.was_db) == (50, 99, 15.0, 0.0)
    assert up_s - 60.0 <= SETTINGS.hold_s + 8.0 and up.windows * WINDOW_S >= SETTINGS.hold_s
    assert (down.first, down.last, down.rise_db, down.was_db) == (50, 99, 0.0, 15.0)
    assert down_s - 140.0 <= SETTINGS.calm_s + 15.0


@pytest.mark.parametrize("on_s", [2.0, 10.0])
def test_somebody_who_passes_or_climbs_is_no_noise(on_s: float) -> None:
    levels_db = calm(300.0)
    for begin_s in range(60, 280, 30):
        low = round(begin_s / WINDOW_S)
        levels_db[low : low + round(on_s / WINDOW_S), 50:100] += 25.0
    assert heard(levels_db) == []


def test_an_hour_of_noise_becomes_usual_by_no_more_than_is_allowed() -> None:
    levels_db = calm(3660.0)
    levels_db[120:, 50:100] += 13.0
    found = heard(levels_db)
    assert found[-1][1].rise_db >= 13.0 - SETTINGS.learn_db_per_h - SETTINGS.step_db / 2.0


def test_what_is_told_is_always_taken_back_before_anything_else_is_told_there() -> None:
    rng = np.random.default_rng(3)
    levels_db = calm(900.0) + np.repeat(rng.choice([0.0, 0.0, 7.0, 13.0, 25.0], (30, 8)), 25, axis=1).repeat(60, axis=0)
    stands: dict[int, float] = {}
    for _, told in heard(levels_db):
        channels = range(told.first, told.last + 1)
        assert {stands.get(c, 0.0) for c in channels} == {told.was_db}
        stands |= dict.fromkeys(channels, told.rise_db)
    assert stands


@settings(max_examples=15)
@given(st.integers(0, CHANNELS - 1), st.integers(0, 20))
def test_one_bad_channel_is_not_heard_and_changes_nothing_elsewhere(bad: int, seed: int) -> None:
    levels_db = calm(120.0, seed)
    levels_db[140:, :] += 10.0
    well = np.ones(CHANNELS, np.bool_)
    well[bad] = False
    spoilt = levels_db.copy()
    spoilt[:, bad] = np.nan
    assert heard(spoilt, well) == heard(levels_db, well)


# ---------------------------------------------------------------------------------------------- from there to people


def tick(second: float) -> Tick:
    time_ns = T0_NS + round(second * S)
    return Tick(time_ns // S, time_ns, time_ns, S)


def noise(second: float, channels: tuple[int, int], rise_db: float = 12.0) -> Health:
    at_ns = T0_NS + round(second * S)
    return Health(
        "main", "f1", at_ns, "raised_floor", "degraded", "noisy", first_channel=channels[0], last_channel=channels[1],
        rise_db=rise_db,
    )  # fmt: skip


def over(second: float, channels: tuple[int, int]) -> Health:
    at_ns = T0_NS + round(second * S)
    return Health(
        "main", "f1", at_ns, "recovered", "ok", "quiet", first_channel=channels[0], last_channel=channels[1],
        ends="raised_floor",
    )  # fmt: skip


def wind(second: float, gust_mps: float) -> Weather:
    return Weather("main", 0.0, 600.0, T0_NS + round(second * S), gust_mps=gust_mps)


def watched(batches: dict[int, Sequence[Record]], seconds: int, site: Site = SITE) -> list[Record]:
    step = HealthStep(site, HealthSettings())
    state: HealthState = step.initial()
    out: list[Record] = []
    for second in range(seconds):
        state, said = step.step(state, tuple(batches.get(second, ())), tick(second))
        state = thaw(freeze(state), HealthState)
        out += said
    return out


def hints(out: Sequence[Record]) -> list[Record]:
    return [r for r in out if isinstance(r, Health) and r.condition == "tamper"]


def tampering(out: Sequence[Record]) -> list[Outage]:
    return [r for r in out if isinstance(r, Outage) and r.cause == "tamper"]


def test_raised_noise_lowers_the_coverage_of_its_metres_at_once_and_of_no_others() -> None:
    (outage,) = watched({5: [noise(0.0, (100, 149))]}, 6)
    assert isinstance(outage, Outage) and (outage.from_m, outage.to_m, outage.rise_db) == (100.0, 150.0, 12.0)
    before, now = coverage_at(SITE).pd("person_walking"), coverage_at(SITE, outages=[outage]).pd("person_walking")
    assert (now[100:150] < 0.7 * before[100:150]).all()
    assert np.array_equal(now[:100], before[:100]) and np.array_equal(now[150:], before[150:])


def test_noise_that_swamps_leaves_nothing() -> None:
    (outage,) = watched({5: [noise(0.0, (100, 149), 21.0)]}, 6)
    assert isinstance(outage, Outage) and outage.remaining_fraction == 0.0
    assert coverage_at(SITE, outages=[outage]).pd("person_walking")[100:150].max() == 0.0


def test_noise_on_a_short_stretch_that_no_weather_explains_is_told_once_as_a_hint_of_tampering() -> None:
    out = watched({5: [noise(0.0, (100, 149))]}, 700)
    assert len(hints(out)) == 1 and hints(out)[0].time_ns == T0_NS + 300 * S
    (outage,) = tampering(out)
    assert (outage.from_m, outage.to_m, outage.end_ns) == (100.0, 150.0, None)


def test_a_hint_ends_by_itself_when_the_noise_does() -> None:
    out = watched({5: [noise(0.0, (100, 149))], 400: [over(390.0, (100, 149))]}, 500)
    assert [o.end_ns is None for o in tampering(out)] == [True, False]


def test_noise_that_changes_its_step_or_pauses_is_one_noise() -> None:
    steps = {5: [noise(0.0, (100, 149))]}
    for second in range(60, 600, 60):
        steps[second] = [over(second, (100, 149)), noise(second + 0.0, (100, 149), 9.0 + second % 2)]
    assert len(hints(watched(steps, 700))) == 1


@pytest.mark.parametrize("gust_mps", [15.0, None])
def test_wind_explains_noise_where_it_is_reported(gust_mps: float | None) -> None:
    report = [] if gust_mps is None else [wind(1.0, gust_mps)]
    assert bool(hints(watched({2: report, 5: [noise(0.0, (100, 149))]}, 400))) is (gust_mps is None)


def test_a_breeze_explains_nothing_nor_does_a_storm_of_yesterday() -> None:
    assert hints(watched({2: [wind(1.0, 3.0)], 5: [noise(0.0, (100, 149))]}, 400))
    assert hints(watched({2: [wind(-20_000.0, 30.0)], 5: [noise(0.0, (100, 149))]}, 400))


def test_noise_as_wide_as_a_gust_is_taken_for_one() -> None:
    wide = {5: [noise(0.0, (100, 219)), noise(0.0, (230, 349), 6.0)]}
    assert not hints(watched(wide, 400))
