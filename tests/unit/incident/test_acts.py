"""People's moves on the state: taken back in time, made with closed incidents, passed on when nobody makes them."""

from linewatch.incident.desk import DeskSettings
from linewatch.records import Health, Incident, OperatorAct, Weather
from tests.strategies import T0_NS
from tests.unit.incident.test_flood import Line, crowd, mover
from tests.unit.incident.test_step import S, outage


def refusals(line: Line) -> list[str]:
    return [record.text for record in line.out if isinstance(record, Health)]


def last(line: Line, name: str) -> Incident:
    """The last version of the incident of this track, closed ones included."""
    return [record for record in line.out if isinstance(record, Incident) and name in record.tracks][-1]


def begun() -> tuple[Line, str]:
    line = Line().at(1, mover(1, "p1", 5_000.0))
    return line, line.of("p1").id


def test_a_move_is_taken_back_within_ten_seconds_at_the_seat_where_it_was_made() -> None:
    line, name = begun()
    line.do(2, name, "acknowledge").do(12, name, "undo")
    assert (line.of("p1").state, line.of("p1").seat, line.of("p1").acknowledged_ns) == ("raised", "", None)
    line.do(13, name, "acknowledge").do(23.25, name, "undo")
    assert "made 10 s ago; allowed: within 10 s" in refusals(line)[0]
    line.at(24, OperatorAct(name, "undo", "operator", "seat 2", T0_NS + 24 * S))
    assert "was made by operator at seat 1, and is taken back only there" in refusals(line)[1]
    line.do(25, name, "respond").do(26, name, "undo")
    assert "no move with" in refusals(line)[2]
    assert line.of("p1").state == "responding"


def test_a_note_in_between_does_not_keep_a_move_from_being_taken_back() -> None:
    line, name = begun()
    line.do(2, name, "acknowledge").do(3, name, "note").do(4, name, "undo")
    assert line.of("p1").state == "raised"


def test_closing_is_taken_back_with_all_that_hangs_on_the_incident() -> None:
    line, name = begun()
    line.do(2, name, "acknowledge").do(3, name, "close")
    assert name not in line.state.incidents and last(line, "p1").state == "closed"
    line.do(6, name, "undo").at(7, mover(7, "p1", 5_010.0))
    assert (line.of("p1").id, line.of("p1").state, line.of("p1").chainage_m) == (name, "acknowledged", 5_010.0)
    assert len({r.id for r in line.out if isinstance(r, Incident)}) == 1


def test_what_became_distress_after_the_move_is_not_hidden_again_by_taking_it_back() -> None:
    line = Line().at(0, Weather("main", 0.0, 30_000.0, T0_NS, temperature_c=-6.0, wind_mps=4.0))
    for at in range(1, 240, 5):
        line.at(at, mover(at, "p1", 5_000.0, offset_m=8.0))
    name = line.of("p1").id
    line.do(239, name, "acknowledge").at(244, mover(244, "p1", 5_000.0, offset_m=8.0))
    assert line.of("p1").concern == "distress"
    line.do(245, name, "undo")
    assert "this has become distress since acknowledge was made" in refusals(line)[0]


def test_a_group_that_was_acknowledged_by_its_lead_is_taken_back_as_a_group() -> None:
    line = Line().at(1, crowd(1, "c1", 5_000.0)).at(2, mover(2, "p1", 5_200.0))
    line.do(3, line.of("c1").id, "acknowledge")
    assert line.of("p1").state == "acknowledged"
    line.do(4, line.of("c1").id, "undo")
    assert (line.of("c1").state, line.of("p1").state) == ("raised", "raised")


def test_a_closed_incident_takes_an_outcome_and_a_note_and_no_more_of_its_life() -> None:
    line, name = begun()
    line.do(2, name, "acknowledge").do(3, name, "close").do(500, name, "outcome", outcome="turned_back")
    assert (last(line, "p1").outcome, last(line, "p1").state) == ("turned_back", "closed")
    line.do(501, name, "close").do(502, "nowhere", "acknowledge")
    assert "close is not allowed while closed" in refusals(line)[0]
    assert "there is no open incident 'nowhere'" in refusals(line)[1]


def test_only_so_many_closed_incidents_stay_at_hand() -> None:
    line = Line(DeskSettings(amend_count=2))
    for number in range(3):
        line.at(10 * number + 1, mover(10 * number + 1, f"p{number}", 1_000.0 * number + 500))
        name = line.of(f"p{number}").id
        line.do(10 * number + 2, name, "acknowledge").do(10 * number + 3, name, "close")
    assert list(line.state.closed) == [last(line, "p1").id, last(line, "p2").id]
    line.do(40, last(line, "p0").id, "note")
    assert "there is no open incident" in refusals(line)[0]


def test_an_outage_that_a_person_has_closed_is_not_raised_again_while_it_lasts() -> None:
    line = Line().at(1, outage(1)).at(7)
    (name,) = line.state.incidents
    line.do(8, name, "acknowledge").do(9, name, "close").at(60)
    assert line.state.incidents == {}
    line.at(70, outage(1, end_s=70)).at(80, outage(80)).at(90)
    assert len(line.state.incidents) == 1


def test_merged_incidents_are_one_and_what_feeds_the_one_feeds_the_other() -> None:
    line = Line().at(1, mover(1, "p1", 5_000.0), mover(1, "p2", 5_300.0))
    first, second = line.of("p1").id, line.of("p2").id
    line.do(2, second, "merge", into=first).at(3, mover(3, "p2", 5_320.0))
    assert list(line.state.incidents) == [first]
    assert line.of("p2").tracks == ("p1", "p2") and line.of("p2").to_m == 5_321.0
    assert [r for r in line.out if isinstance(r, Incident) and r.id == second][-1].merged_into == first


def test_a_merger_that_would_lose_something_is_refused() -> None:
    line = Line().at(1, mover(1, "p1", 5_000.0), outage(1)).at(8)
    movement = line.of("p1").id
    equipment = next(key for key in line.state.incidents if key != movement)
    for into, words in (
        (movement, "another incident that is open"),
        ("nowhere", "found 'nowhere'"),
        (equipment, "this is of the concern none, the other of outage"),
    ):
        line.do(9, movement, "merge", into=into)
        assert words in refusals(line)[-1]
    line.do(10, movement, "merge")
    assert "needs the value 'into'" in refusals(line)[-1]


def test_the_shelf_gives_back_what_is_due_and_at_once_what_has_become_more_urgent() -> None:
    line, name = begun()
    until = str(T0_NS + 100 * S)
    line.do(2, name, "shelve", "supervisor", until_ns=until).at(99, mover(99, "p1", 5_000.0))
    assert line.of("p1").state == "shelved"
    line.at(100)
    assert (line.of("p1").state, line.of("p1").shelved_until_ns) == ("raised", None)
    line.do(101, name, "shelve", "supervisor", until_ns=str(T0_NS + 900 * S))
    line.at(102, mover(102, "p1", 5_000.0, intent="crossing"))
    assert (line.of("p1").state, line.of("p1").kind) == ("raised", "crossing")


def test_somebody_on_the_shelf_who_does_not_move_any_more_is_off_it() -> None:
    line = Line().at(0, Weather("main", 0.0, 30_000.0, T0_NS, temperature_c=-6.0, wind_mps=4.0))
    line.at(1, mover(1, "p1", 5_000.0, offset_m=8.0))
    line.do(2, line.of("p1").id, "take_out", "maintainer")
    for at in range(3, 260, 5):
        line.at(at, mover(at, "p1", 5_000.0, offset_m=8.0))
    assert (line.of("p1").state, line.of("p1").concern) == ("raised", "distress")


def test_what_nobody_goes_on_with_is_passed_on_too() -> None:
    line, name = begun()
    line.do(2, name, "acknowledge").at(1801)
    assert line.of("p1").escalations == 0
    line.at(1803)
    assert line.of("p1").escalations == 1
    line.do(1810, name, "respond", patrol="fox 2").at(1929)
    assert line.of("p1").escalations == 1
    line.at(1931)
    assert line.of("p1").escalations == 2
    line.do(1940, name, "accept").at(9_000)
    assert line.of("p1").escalations == 2


def test_what_a_person_passes_on_waits_anew() -> None:
    line, name = begun()
    line.do(299, name, "escalate").at(302)
    assert line.of("p1").escalations == 1
    line.at(600)
    assert line.of("p1").escalations == 2


def test_a_move_without_an_incident_that_nobody_knows_is_refused_with_those_there_are() -> None:
    line = Line().at(1, OperatorAct("", "dance", "operator", "seat 1", T0_NS + S))
    line.at(2, OperatorAct("", "note", "operator", "seat 1", T0_NS + 2 * S))
    line.at(3, OperatorAct("", "note", "operator", "seat 1", T0_NS + 3 * S, "keys are at the gate"))
    assert (
        "moves are take, leave, hand_over, present, plan, call_off, look_at, place_sensors, undo_placing, note"
        in refusals(line)[0]
    )
    assert "note needs a reason" in refusals(line)[1] and len(refusals(line)) == 2
