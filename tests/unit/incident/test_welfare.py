"""Stillness near the line becomes a concern that no timer ends, and resting does not."""

import msgspec
import pytest

from linewatch.incident.welfare import felt_c
from linewatch.records import MOVERS, KnownMover, OperatorAct, Weather
from tests.strategies import T0_NS
from tests.unit.incident.test_step import S, Watch, track

PERSON = tuple(0.94 if mover == "person" else 0.01 for mover in MOVERS)
PATROL = KnownMover("patrol 1", "main", T0_NS, 150.0, 5.0, authenticated=True)
FROST = Weather("main", 0.0, 600.0, T0_NS, temperature_c=-6.0, wind_mps=4.0)
STORM = msgspec.structs.replace(FROST, wind_mps=12.0)


def person(seconds: float, name: str = "t1", **more: object) -> object:
    return track(seconds, name, mover_probabilities=PERSON, offset_m=8.0, **more)


def kept_still(seconds: int, watch: Watch | None = None) -> Watch:
    watch = (watch or Watch()).at(0, FROST)
    for at in range(1, seconds, 5):
        watch.at(at, person(at))
    return watch


def test_somebody_who_lies_in_the_frost_is_a_case_of_distress_within_minutes() -> None:
    found = kept_still(260).only
    assert (found.concern, found.kind, found.priority) == ("distress", "distress", 1)
    assert found.reason.startswith("distress likely: has not moved for 4 min")
    assert "it feels like -12 degrees Celsius. one fence cable" in found.reason


def test_somebody_who_rests_for_three_minutes_and_goes_on_is_not() -> None:
    watch = kept_still(180)
    for at in range(180, 300, 5):
        watch.at(at, person(at, chainage_m=150.0 + at - 180, from_m=140.0 + at - 180, to_m=160.0 + at - 180))
    assert watch.only.concern == "none"


def test_somebody_lost_from_sight_after_stopping_is_looked_for() -> None:
    watch = kept_still(60)
    watch.at(61, person(61, state="ended"))
    assert watch.at(200).only.concern == "none"
    found = watch.at(250).only
    assert found.reason.startswith("distress possible: has not moved for 4 min; not seen for 3 min, and not seen ")


def test_somebody_who_walked_on_and_out_of_sight_is_not_looked_for() -> None:
    watch = Watch().at(0, FROST)
    for at in range(1, 60, 5):
        watch.at(at, person(at, chainage_m=150.0 + 3 * at, from_m=140.0 + 3 * at, to_m=160.0 + 3 * at))
    assert watch.at(61, person(61, state="ended")).at(900).only.concern == "none"


def lost_at_60(watch: Watch) -> Watch:
    return kept_still(60, watch).at(61, person(61, state="ended", existence_probability=0.1))


def test_a_storm_that_comes_after_somebody_vanished_does_not_explain_it() -> None:
    watch = lost_at_60(Watch()).at(70, msgspec.structs.replace(STORM, time_ns=T0_NS + 70 * S))
    assert watch.at(260).only.concern == "distress"


def test_who_was_lost_in_a_storm_is_no_concern_once_it_is_over() -> None:
    watch = kept_still(60).at(60, msgspec.structs.replace(STORM, time_ns=T0_NS + 60 * S))
    watch.at(61, person(61, state="ended", existence_probability=0.1))
    calm = msgspec.structs.replace(FROST, time_ns=T0_NS + 100 * S)
    assert watch.at(100, calm).at(1_000).only.concern == "none"


def test_a_storm_that_was_reported_hours_ago_hides_nobody_any_more() -> None:
    watch = Watch().at(0, msgspec.structs.replace(STORM, time_ns=T0_NS - 4 * 3600 * S))
    for at in range(1, 60, 5):
        watch.at(at, person(at))
    watch.at(61, person(61, state="ended", existence_probability=0.1))
    assert watch.at(1_000).only.concern == "distress"


def test_in_mild_weather_stillness_takes_longer_to_become_a_concern() -> None:
    watch = Watch()
    for at in range(1, 1000, 10):
        watch.at(at, person(at))
        assert watch.only.concern == ("none" if at < 901 else "distress")


def test_own_people_who_report_where_they_are_may_stand_still() -> None:
    watch = Watch().at(0, FROST, PATROL)
    for at in range(1, 400, 5):
        watch.at(at, person(at, known="patrol 1"))
    assert watch.only.concern == "none"


def test_a_report_that_proves_nothing_explains_nobody_away() -> None:
    watch = Watch().at(0, FROST, msgspec.structs.replace(PATROL, authenticated=False))
    for at in range(1, 400, 5):
        watch.at(at, person(at, known="patrol 1"))
    assert watch.only.concern == "distress"


def test_an_animal_that_rests_is_no_person_in_distress() -> None:
    animal = tuple(0.94 if mover == "animal" else 0.01 for mover in MOVERS)
    watch = Watch().at(0, FROST)
    for at in range(1, 400, 5):
        watch.at(at, track(at, mover_probabilities=animal))
    assert watch.only.concern == "none"


def test_no_timer_ends_a_case_of_distress() -> None:
    watch = kept_still(260)
    watch.at(261, person(261, state="ended"))
    for hour in range(1, 30):
        watch.at(hour * 3600.0)
    assert (watch.only.state, watch.only.concern) == ("raised", "distress")


def test_a_person_closes_a_case_with_a_reason_and_nobody_shelves_it() -> None:
    watch = kept_still(260)
    name = watch.only.id
    watch.at(261, OperatorAct(name, "shelve", "supervisor", "seat 1", T0_NS + 261 * S, "busy"))
    assert watch.only.state == "raised"
    watch.at(262, OperatorAct(name, "acknowledge", "operator", "seat 1", T0_NS + 262 * S))
    watch.at(263, OperatorAct(name, "close", "operator", "seat 1", T0_NS + 263 * S, "seen on camera, walked off"))
    assert watch.only.state == "closed"


def test_moving_on_does_not_take_distress_back() -> None:
    watch = kept_still(260)
    watch.at(270, person(270, chainage_m=250.0, from_m=240.0, to_m=260.0))
    assert watch.only.kind == "distress"
    assert watch.only.reason.startswith("distress likely")


@pytest.mark.parametrize(
    ("air_c", "wind_mps", "felt"),
    [(-10.0, 20 / 3.6, -18.0), (-40.0, 60 / 3.6, -64.0), (0.0, 5 / 3.6, -2.0), (10.0, 5.0, 10.0), (-5.0, 0.5, -5.0)],
)
def test_wind_chill_agrees_with_the_published_chart(air_c: float, wind_mps: float, felt: float) -> None:
    assert felt_c(air_c, wind_mps) == pytest.approx(felt, abs=0.5)


def test_the_step_keeps_weather_by_stretch() -> None:
    warm = msgspec.structs.replace(FROST, from_m=0.0, to_m=100.0, temperature_c=20.0)
    watch = Watch().at(0, warm, FROST)
    assert len(watch.state.weather) == 2
    assert watch.state.weather["main/0.0-600.0"].time_ns == T0_NS // S * S
