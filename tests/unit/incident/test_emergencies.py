"""A cry for help is distress at once; taking it back is said and ends nothing; nobody without proof hides it."""

import msgspec
import pytest

from linewatch.incident.emergencies import AGAIN_S, MOST_PLACES, MOST_UNPROVED, PROVED_S
from linewatch.records import Emergency, Health, Incident, KnownMover
from tests.strategies import T0_NS
from tests.unit.incident.test_flood import Line
from tests.unit.incident.test_step import S


def cry(seconds: float, name: str = "patrol-1", **more: object) -> Emergency:
    said = Emergency(name, "main", T0_NS + round(seconds * S), 5_000.0, 8.0, 40.0, "911 Alert", authenticated=True)
    return msgspec.structs.replace(said, **more)


def only(line: Line) -> Incident:
    (found,) = line.state.incidents.values()
    return found


def test_a_cry_is_distress_of_the_first_priority_with_who_and_where_in_its_reason() -> None:
    found = only(Line().at(1, cry(1, where="52.70000N 23.50000E")))
    assert (found.kind, found.priority, found.state, found.front_m) == ("distress", 1, "raised", 40.0)
    assert found.reason.startswith("call for help by patrol-1 (911 Alert); at 52.70000N 23.50000E; 40 m from the line")


def test_one_who_cries_on_is_one_incident_that_follows_where_it_is() -> None:
    line = Line().at(1, cry(1)).at(11, cry(11, chainage_m=5_004.0))
    assert only(line).chainage_m == 5_000.0
    assert only(line.at(21, cry(21, chainage_m=5_060.0))).chainage_m == 5_060.0


def test_what_is_taken_back_returns_and_stays_until_a_person_closes_it() -> None:
    line = Line().at(1, cry(1)).at(20, cry(20, over=True))
    assert (only(line).state, only(line).priority) == ("returned", 1)
    assert only(line).reason.startswith("taken back by the device; ask them. call for help by patrol-1")
    assert only(line.at(7 * 3600)).closed_ns is None
    assert only(line.at(7 * 3600 + 1, cry(7 * 3600 + 1))).state == "raised"


def test_nobody_without_proof_takes_it_back_or_leads_the_search_elsewhere() -> None:
    line = Line().at(1, cry(1)).at(2, cry(2, over=True, authenticated=False))
    assert only(line).state == "raised" and "somebody without proof says that it is over" in only(line).reason
    line.at(3, cry(3, chainage_m=25_000.0, authenticated=False))
    assert only(line).chainage_m == 5_000.0


def test_what_a_person_has_closed_is_not_raised_again_by_the_same_cry_unless_it_goes_on() -> None:
    line = Line().at(1, cry(1))
    key = only(line).id
    line.do(2, key, "acknowledge").do(3, key, "close")
    for seconds in range(10, int(AGAIN_S), 60):
        assert not line.at(seconds, cry(seconds)).state.incidents
    assert only(line.at(AGAIN_S + 30, cry(AGAIN_S + 30))).id != key


def test_a_false_cry_that_was_closed_does_not_hush_the_one_who_can_prove_it() -> None:
    line = Line().at(1, cry(1, authenticated=False))
    assert "the device has not proved who it is" in only(line).reason
    key = only(line).id
    line.do(2, key, "acknowledge").do(3, key, "close")
    assert not line.at(4, cry(4, authenticated=False)).state.incidents
    assert only(line.at(5, cry(5))).id != key


def test_a_flood_of_cries_without_proof_is_bounded_and_said_and_leaves_room_for_those_with_it() -> None:
    line = Line().at(1, *(cry(1, f"d{number}", authenticated=False) for number in range(MOST_UNPROVED + 5)))
    assert len(line.state.incidents) == MOST_UNPROVED
    assert sum(isinstance(record, Health) and record.condition == "refused" for record in line.out) == 5
    line.at(2, cry(2))
    assert len(line.state.incidents) == MOST_UNPROVED + 1


@pytest.mark.parametrize("over", [True, False])
def test_what_comes_late_changes_nothing(over: bool) -> None:
    line = Line().at(10, cry(10))
    before = only(line)
    assert only(line.at(11, cry(5, over=over, chainage_m=9_000.0))) == before
    assert not Line().at(1, cry(1, over=True)).state.incidents


def unproved(seconds: float, at_m: float, **more: object) -> Emergency:
    return cry(seconds, chainage_m=at_m, authenticated=False, **more)


def position(seconds: float, at_m: float, *, proved: bool = True) -> KnownMover:
    return KnownMover("patrol-1", "main", T0_NS + round(seconds * S), at_m, 5.0, 30.0, authenticated=proved)


def test_a_cry_without_proof_is_placed_where_its_device_was_last_by_its_own_proof_and_says_what_it_claims() -> None:
    line = Line().at(1, position(1, 5_000.0)).at(41, unproved(41, 25_000.0, where="52.9N 23.9E"))
    found = only(line)
    assert (found.kind, found.chainage_m, found.front_m) == ("distress", 5_000.0, 30.0)
    assert "at the last place that it has proved, 40 s before; who cries without proof says 52.9N 23.9E" in found.reason
    assert "has not proved who it is" in found.reason and found.chainage_sigma_m == pytest.approx(60.2, abs=0.1)
    line.at(50, position(50, 5_200.0)).at(51, position(51, 20_000.0, proved=False)).at(61, unproved(61, 25_000.0))
    assert only(line).chainage_m == 5_200.0


def test_a_proof_of_long_ago_places_nobody_any_more() -> None:
    line = Line().at(1, position(1, 5_000.0)).at(2 + PROVED_S, unproved(2 + PROVED_S, 9_000.0))
    assert only(line).chainage_m == 9_000.0


def test_a_cry_under_the_same_name_from_too_far_away_is_a_case_of_its_own_and_moves_nobody() -> None:
    line = Line().at(1, unproved(1, 5_000.0))
    for seconds in range(10, 60, 10):
        line.at(seconds, unproved(seconds, 25_000.0)).at(seconds + 1, unproved(seconds + 1, 5_000.0 + seconds))
    real, forged = line.state.incidents.values()
    assert (real.chainage_m, forged.chainage_m) == (5_050.0, 25_000.0) and real.id != forged.id
    assert {real.kind, forged.kind} == {"distress"}


def test_one_name_opens_no_more_than_a_few_cases_without_proof_and_then_moves_none_of_them() -> None:
    line = Line()
    for number in range(MOST_PLACES + 3):
        line.at(number + 1, unproved(number + 1, 3_000.0 + 4_000.0 * number))
    places = [each.chainage_m for each in line.state.incidents.values()]
    assert places == [3_000.0 + 4_000.0 * number for number in range(MOST_PLACES)]
    line.at(60, cry(60, chainage_m=12_345.0))
    assert next(iter(line.state.incidents.values())).chainage_m == 12_345.0  # who proves itself is found where it is


def test_a_cry_without_a_place_leaves_the_case_where_it_was() -> None:
    line = Line().at(1, unproved(1, 5_000.0))
    line.at(11, unproved(11, 15_000.0, offset_m=None, chainage_sigma_m=15_000.0, where="a place not known"))
    assert only(line).chainage_m == 5_000.0
