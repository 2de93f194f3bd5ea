"""The nuisance ledger gathers what cried wolf, says what was done, and whether it came back."""

import msgspec

from linewatch.incident.ledger import nuisance_ledger
from linewatch.records import Incident, OperatorAct
from tests.strategies import T0_NS
from tests.unit.incident.test_lifecycle import S, incident


def nuisance(name: str, raised_s: int, cause: str = "loose panel", **more: object) -> list[Incident]:
    """An incident as it was raised, and as it was assessed."""
    at_ns = T0_NS + raised_s * S
    raised = incident(id=name, raised_ns=at_ns, updated_ns=at_ns, place="post 2", **more)
    assessed = msgspec.structs.replace(
        raised, state="assessed", assessment="nuisance", assessment_cause=cause, updated_ns=at_ns + S
    )
    return [raised, assessed]


def remedy(name: str, at_s: int, text: str = "panel screwed down") -> OperatorAct:
    return OperatorAct(name, "remedy", "maintainer", "seat 1", T0_NS + at_s * S, text)


def test_one_cause_at_one_place_is_one_row_however_it_is_spelt() -> None:
    (row,) = nuisance_ledger([*nuisance("a", 0), *nuisance("b", 60, "Loose  Panel")], [])
    assert (row.cause, row.place, row.sensors, row.incidents) == ("loose panel", "post 2", ("f1",), ("a", "b"))
    assert (row.interruptions, row.first_ns, row.last_ns) == (2, T0_NS, T0_NS + 60 * S)
    assert (row.remedies, row.came_back) == ((), None)


def test_other_causes_places_and_sensors_are_other_rows_and_the_worst_comes_first() -> None:
    rows = nuisance_ledger(
        [
            *nuisance("a", 0, "fox"),
            *nuisance("b", 10),
            *nuisance("c", 20),
            *nuisance("d", 30, section="S02"),
            *nuisance("e", 40, sensors=("c1",)),
        ],
        [],
    )
    assert [row.incidents for row in rows] == [("b", "c"), ("a",), ("d",), ("e",)]


def test_what_is_raised_after_the_last_remedy_has_come_back() -> None:
    told = [*nuisance("a", 0), *nuisance("b", 100), *nuisance("c", 300)]
    (row,) = nuisance_ledger(told, [remedy("b", 200), remedy("a", 50, "looked at it")])
    assert [each.text for each in row.remedies] == ["looked at it", "panel screwed down"]
    assert row.came_back == 1
    assert nuisance_ledger(told, [remedy("c", 400)])[0].came_back == 0


def test_what_is_genuine_or_was_only_a_note_or_grouped_costs_nobody_anything() -> None:
    genuine = incident(id="g", assessment="genuine")
    note = nuisance("n", 0, priority=5)
    grouped = nuisance("q", 1, group="n")
    (row,) = nuisance_ledger([genuine, *note, *grouped], [remedy("g", 10)])
    assert (row.incidents, row.interruptions, row.remedies) == (("n", "q"), 0, ())
