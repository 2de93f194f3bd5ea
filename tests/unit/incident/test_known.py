"""What own people and plans explain becomes a note; nothing explains more than it stands for, nor a crossing."""

import msgspec
import pytest

from linewatch.records import MOVERS, Health, Incident, KnownActivity, KnownMover, OperatorAct, Weather
from tests.strategies import T0_NS
from tests.unit.incident.test_flood import PERSON, VEHICLE, Line, mover
from tests.unit.incident.test_step import S

ANIMAL_PERHAPS = tuple({"animal": 0.4, "unknown": 0.4}.get(name, 0.04) for name in MOVERS)
HOUR = 3600 * S


def plan(what: str = "work", count: int = 2, **more: object) -> KnownActivity:
    made = KnownActivity("order 7", what, "main", 4_500.0, 5_500.0, T0_NS, T0_NS + HOUR, T0_NS, count, True)  # type: ignore[arg-type]  # a Literal
    return msgspec.structs.replace(made, **more)


def entered(seconds: float, role: str = "supervisor", **more: str) -> OperatorAct:
    values = {
        "id": "order 7",
        "what": "work",
        "line": "main",
        "from_m": "4500",
        "to_m": "5500",
        "start_ns": str(T0_NS),
        "end_ns": str(T0_NS + HOUR),
        "count": "2",
    } | more
    return OperatorAct("", "plan", role, "seat 1", T0_NS + round(seconds * S), "", tuple(sorted(values.items())))


def refusals(line: Line) -> list[str]:
    return [record.text for record in line.out if isinstance(record, Health)]


@pytest.mark.parametrize("how", ["record", "act"])
def test_work_that_a_supervisor_planned_is_a_note_with_the_order_in_its_reason(how: str) -> None:
    line = Line().at(0, plan() if how == "record" else entered(0)).at(1, mover(1, "p1", 5_000.0))
    found = line.of("p1")
    assert (found.kind, found.priority) == ("known", 5) and "matched with order 7" in found.reason
    assert line.at(2, mover(2, "p2", 6_000.0)).of("p2").priority == 3


def test_an_order_explains_as_many_as_it_stands_for_and_no_more() -> None:
    line = Line().at(0, plan(count=2))
    line.at(1, *(mover(1, f"p{n}", 4_600.0 + 200.0 * n) for n in range(3)))
    assert sorted(line.of(f"p{n}").priority for n in range(3)) == [3, 5, 5]
    # One of them leaves: there is room again.
    line.at(2, mover(2, "p0", 4_600.0, state="ended")).at(3, mover(3, "p2", 5_000.0))
    assert line.of("p2").priority == 5
    assert Line().at(0, plan(count=2)).at(1, mover(1, "p", 5_000.0, count_low=3, count_high=5)).of("p").priority == 3


@pytest.mark.parametrize("intent", ["crossing", "contact"])
def test_no_plan_masks_a_crossing_or_a_hand_on_the_barrier(intent: str) -> None:
    line = Line().at(0, plan(count=50)).at(1, mover(1, "p1", 5_000.0, intent=intent))
    assert line.of("p1").priority <= 2
    line = Line().at(0, plan(count=50)).at(1, mover(1, "p1", 5_000.0)).at(2, mover(2, "p1", 5_000.0, intent=intent))
    assert line.of("p1").priority <= 2


def test_a_work_zone_does_not_end_the_care_for_people_in_it() -> None:
    frost = Weather("main", 0.0, 30_000.0, T0_NS, temperature_c=-6.0, wind_mps=4.0)
    line = Line().at(0, plan(), frost)
    for at in range(1, 300, 5):
        line.at(at, mover(at, "p1", 5_000.0, offset_m=8.0))
    assert line.of("p1").concern == "distress"


def test_a_plan_ends_when_it_ends_and_when_it_is_called_off() -> None:
    late = mover(3700, "p1", 5_000.0)
    assert Line().at(0, plan()).at(3700, late).of("p1").priority == 3
    called_off = OperatorAct("", "call_off", "supervisor", "seat 1", T0_NS + S, "", (("id", "order 7"),))
    assert Line().at(0, plan()).at(1, called_off).at(2, mover(2, "p1", 5_000.0)).of("p1").priority == 3
    assert Line().at(0, plan()).at(1, plan(end_ns=T0_NS)).at(2, mover(2, "p1", 5_000.0)).of("p1").priority == 3


def test_a_corridor_of_wildlife_explains_what_may_be_an_animal_and_nobody_who_may_be_a_person() -> None:
    deer = plan("wildlife")
    perhaps = mover(1, "deer", 5_000.0, mover_probabilities=ANIMAL_PERHAPS, first_ns=T0_NS - 5 * S)
    assert Line().at(0, deer).at(1, perhaps).of("deer").priority == 5
    for probabilities in (PERSON, VEHICLE, (1 / len(MOVERS),) * len(MOVERS)):
        somebody = msgspec.structs.replace(perhaps, mover_probabilities=probabilities)
        assert Line().at(0, deer).at(1, somebody).of("deer").priority <= 3


def test_an_animal_is_no_work_party() -> None:
    boar = tuple(0.7 if name == "animal" else 0.05 for name in MOVERS)
    line = Line().at(0, plan())
    line.at(1, mover(1, "p1", 5_000.0, mover_probabilities=boar, first_ns=T0_NS - 5 * S))
    assert "order 7" not in line.of("p1").reason


def test_who_has_not_proved_who_it_is_explains_nothing_and_is_counted() -> None:
    line = Line().at(0, plan(authenticated=False)).at(1, mover(1, "p1", 5_000.0))
    assert line.of("p1").priority == 3
    assert refusals(line) == ["known activity order 7: its source has not proved who it is"]


def test_a_call_sign_that_somebody_borrows_explains_nothing_any_more() -> None:
    patrol = KnownMover("fox 2", "main", T0_NS, 5_000.0, 5.0, authenticated=True)
    seen = mover(1, "p1", 5_000.0, known="fox 2")
    assert Line().at(0, patrol).at(1, seen).of("p1").priority == 5
    borrowed = msgspec.structs.replace(patrol, authenticated=False, time_ns=T0_NS + S)
    assert Line().at(0, patrol, borrowed).at(1, seen).of("p1").priority == 3
    stale = mover(200, "p1", 5_000.0, known="fox 2")
    assert Line().at(0, patrol).at(200, stale).of("p1").priority == 3


def test_two_tracks_are_not_both_one_patrol() -> None:
    patrol = KnownMover("fox 2", "main", T0_NS, 5_000.0, 5.0, count=1, authenticated=True)
    line = Line().at(0, patrol)
    line.at(1, mover(1, "p1", 5_000.0, known="fox 2"), mover(1, "p2", 5_100.0, known="fox 2"))
    assert (line.of("p1").priority, line.of("p2").priority) == (5, 3)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"what": "party"}, "Invalid enum value 'party'"),
        ({"line": "west"}, "line: found 'west'; allowed: main"),
        ({"to_m": "9000"}, "stretch: found 4500 m; allowed: above 0 to 2000 m"),
        ({"to_m": "4000"}, "stretch: found -500 m"),
        ({"to_m": "nan"}, "allowed are finite numbers"),
        ({"end_ns": str(T0_NS + 25 * HOUR)}, "time: found 25.0 h; allowed: above 0 to 24 h"),
        ({"start_ns": str(T0_NS - 2 * HOUR), "end_ns": str(T0_NS - HOUR)}, "it is over already"),
        ({"count": "51"}, "count: found 51; allowed: 1 to 50"),
        ({"count": "many"}, "Expected `int`"),
        ({"id": ""}, "id is empty"),
        ({"colour": "red"}, "unknown field `colour`"),
    ],
)
def test_a_plan_that_stands_for_too_much_or_says_too_little_is_refused(more: dict[str, str], words: str) -> None:
    line = Line().at(0, entered(0, **more))
    assert words in refusals(line)[0] and line.state.activities == {}


def test_only_a_supervisor_plans_and_calls_off() -> None:
    line = Line().at(0, entered(0, role="operator"))
    line.at(1, OperatorAct("", "call_off", "operator", "seat 1", T0_NS + S, "", (("id", "order 7"),)))
    line.at(2, OperatorAct("", "call_off", "supervisor", "seat 1", T0_NS + S, "", (("id", "order 7"),)))
    told = refusals(line)
    assert "not for the role 'operator'" in told[0] and "not for the role 'operator'" in told[1]
    assert "found 'order 7'; allowed: none" in told[2]
    assert not [record for record in line.out if isinstance(record, Incident)]
