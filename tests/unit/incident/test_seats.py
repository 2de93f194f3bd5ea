"""Seats are taken, left and handed over; one that nobody attends is an incident to the supervisor."""

import pytest

from linewatch.incident.desk import DeskSettings, desk_problems
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.seats import keeping
from linewatch.incident.step import IncidentStep
from linewatch.ports import Item
from linewatch.records import Health, Incident, OperatorAct, Record
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.incident.test_step import S, tick, track

SITE = fence_site(sections=4)
TWO = DeskSettings(seats={"north": ("main/S01", "main/S02"), "south": ("main/S03", "main/S04")})


class Room:
    """A step over four sections, fed by seconds, with its seats."""

    def __init__(self, desk: DeskSettings = TWO) -> None:
        self.step = IncidentStep(SITE, IncidentSettings(), "s", desk)
        self.state = self.step.initial()
        self.out: list[Record] = []

    def at(self, seconds: float, *batch: Item) -> "Room":
        self.state, out = self.step.step(self.state, batch, tick(seconds))
        self.out += out
        return self

    def do(self, seconds: float, seat: str, move: str, role: str = "operator", **values: str) -> "Room":
        act = OperatorAct("", move, role, seat, T0_NS + round(seconds * S), "", tuple(sorted(values.items())))
        return self.at(seconds, act)

    def beats(self, first: int, last: int, *seats: str, sound: str = "yes") -> "Room":
        for seconds in range(first, last, 10):
            for seat in seats:
                self.do(seconds, seat, "present", sound=sound, visible="yes")
        return self

    @property
    def seat_incidents(self) -> list[Incident]:
        last = {r.id: r for r in self.out if isinstance(r, Incident) and r.concern == "seat"}
        return list(last.values())

    @property
    def refused(self) -> list[str]:
        return [r.text for r in self.out if isinstance(r, Health) and r.condition == "refused"]


def test_nobody_is_expected_before_anybody_has_come() -> None:
    assert Room().at(1).at(10_000).out == []


def test_a_seat_whose_page_is_heard_is_attended() -> None:
    room = Room(DeskSettings()).do(0, "desk", "take").beats(10, 600, "desk")
    assert room.seat_incidents == [] and room.refused == []


@pytest.mark.parametrize("sound", ["no", None])
def test_a_seat_that_is_silent_or_has_its_sound_off_is_an_incident_to_the_supervisor(sound: str | None) -> None:
    room = Room(DeskSettings()).do(0, "desk", "take")
    for seconds in range(1, 40):
        room.at(seconds) if sound is None else room.do(seconds, "desk", "present", sound=sound, visible="yes")
    (found,) = room.seat_incidents
    assert (found.kind, found.priority, found.raised_ns) == ("seat", 2, T0_NS + 31 * S)
    assert found.reason == (
        "desk: no sign of life for 31 s from a page in sight and with sound on; S01 to S04 without anybody who looks"
    )
    room.do(41, "desk", "present", sound="yes", visible="yes")
    assert room.seat_incidents[0].state == "returned"
    room.at(90)
    assert [each.state for each in room.seat_incidents] == ["raised"]


def test_a_seat_of_the_settings_that_nobody_takes_is_missed_once_a_shift_has_begun() -> None:
    room = Room().do(0, "north", "take").beats(10, 80, "north")
    (found,) = room.seat_incidents
    assert (found.from_m, found.to_m) == (300.0, 600.0)
    assert found.reason.startswith("south: nobody has sat there for 70 s; S03 to S04")
    assert room.do(85, "south", "take").seat_incidents[0].state == "returned"


def test_a_seat_that_is_left_is_missed_unless_others_keep_its_sections() -> None:
    room = Room().do(0, "north", "take").do(0, "south", "take").beats(10, 60, "north", "south")
    room.do(60, "south", "leave").beats(70, 200, "north")
    assert len(room.seat_incidents) == 1
    room = Room().do(0, "north", "take").do(0, "south", "take").beats(10, 60, "north", "south")
    room.do(60, "south", "hand_over", to="north").beats(70, 400, "north")
    assert room.seat_incidents == []
    assert keeping(SITE, TWO, room.state.seats)["north"] == ("main/S01", "main/S02", "main/S03", "main/S04")


def test_in_a_site_without_seats_who_sits_down_keeps_all_or_what_is_said() -> None:
    room = Room(DeskSettings()).do(0, "a", "take").do(1, "b", "take", sections="S03, main/S04")
    keeps = keeping(SITE, DeskSettings(), room.state.seats)
    assert keeps == {"a": ("main/S01", "main/S02", "main/S03", "main/S04"), "b": ("main/S03", "main/S04")}
    assert keeping(SITE, DeskSettings(), {}) == {"seat 1": ("main/S01", "main/S02", "main/S03", "main/S04")}


@pytest.mark.parametrize(
    ("seat", "move", "role", "values", "words"),
    [
        ("north", "take", "operator", {}, "north is taken"),
        ("west", "take", "operator", {}, "found the seat 'west'; allowed: north, south"),
        ("south", "take", "viewer", {}, "not for the role 'viewer'"),
        ("south", "take", "operator", {"sections": "S09"}, "found the section 'S09'"),
        ("south", "take", "operator", {"hat": "on"}, "found the value 'hat'; allowed: sections, sound"),
        ("south", "leave", "operator", {}, "nobody has taken 'south'"),
        ("south", "present", "operator", {"sound": "yes", "visible": "yes"}, "nobody has taken 'south'"),
        ("north", "present", "operator", {"sound": "loud", "visible": "yes"}, "found 'loud'; allowed: yes, no"),
        ("north", "hand_over", "operator", {"to": "south"}, "another seat that somebody has taken"),
        ("north", "hand_over", "operator", {"to": "north"}, "another seat that somebody has taken"),
    ],
)
def test_what_cannot_be_done_with_a_seat_is_refused_with_the_reason(
    seat: str, move: str, role: str, values: dict[str, str], words: str
) -> None:
    room = Room().do(0, "north", "take")
    before = room.state.seats
    room.do(1, seat, move, role, **values)
    assert words in room.refused[0] and room.state.seats == before
    assert room.refused[0].startswith(f"act {move} by {role} at {seat}: ")


def test_a_seat_that_was_abandoned_can_be_taken_by_somebody_else() -> None:
    room = Room().do(0, "north", "take").do(0, "south", "take").at(40)
    assert room.do(41, "north", "take").refused == []


def test_a_free_seat_that_raised_an_incident_belongs_to_the_sections_it_keeps() -> None:
    room = Room().do(0, "north", "take").at(10, track(10)).beats(10, 100, "north")
    assert {each.section for each in room.seat_incidents} == {"S03"}


def test_settings_that_name_no_section_or_forget_one_are_told() -> None:
    wrong = DeskSettings(seats={"north": ("main/S01", "main/S99")})
    told = [str(problem) for problem in desk_problems(SITE, wrong)]
    assert "found 'main/S99'" in told[0] and "no seat for main/S02, main/S03, main/S04" in told[1]
    assert list(desk_problems(SITE, TWO)) == []
