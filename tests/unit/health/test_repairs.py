"""The repair list says what costs most, who does it, and which battery will be low when."""

import pytest

from linewatch.health.repairs import batteries, repair_list
from linewatch.records import Health, OperatorAct, Outage
from tests.sites import fence_site
from tests.strategies import T0_NS

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS


def outage(name: str, hours: float, to_m: float, left: float = 0.0, end_ns: int | None = None) -> Outage:
    start_ns = T0_NS - round(hours * HOUR_NS)
    return Outage(name, "main", ("f1",), "dead_channel", 0.0, to_m, start_ns, start_ns, end_ns, left, "gives nothing")


def charge(days_ago: float, share: float, sensor: str = "c1") -> Health:
    time_ns = T0_NS - round(days_ago * DAY_NS)
    return Health("main", sensor, time_ns, "heartbeat", "ok", "alive", supply_fraction=share)


def named(outage_id: str, role: str = "maintainer", **values: str) -> OperatorAct:
    pairs = tuple(sorted({"outage": outage_id, **values}.items()))
    return OperatorAct("", "assign_repair", role, "seat-1", T0_NS, values=pairs)


def test_what_costs_most_comes_first_and_what_is_over_not_at_all() -> None:
    history = [outage("short", 1, 100), outage("long", 10, 200), outage("half", 10, 200, left=0.5)]
    history.append(outage("over", 50, 600, end_ns=T0_NS - HOUR_NS))
    rows = repair_list(fence_site(), history, (), (), T0_NS)
    assert [(row.outage, row.lost_metre_hours) for row in rows] == [("long", 2000), ("half", 1000), ("short", 100)]
    assert rows[0].place == "gate 1"


def test_the_last_word_names_the_owner_and_a_date_that_is_past_is_overdue() -> None:
    acts = [
        named("long", owner="fence team"),
        named("long", owner="fibre team", due_ns=str(T0_NS - 1)),
        named("long", role="viewer", owner="nobody"),
    ]
    (row,) = repair_list(fence_site(), [outage("long", 10, 200)], (), acts, T0_NS)
    assert (row.owner, row.due_ns, row.overdue) == ("fibre team", T0_NS - 1, True)


def test_a_battery_that_falls_by_a_tenth_a_day_is_low_when_the_line_says_so() -> None:
    found = batteries([charge(3, 0.8), charge(2, 0.7), charge(1, 0.6), charge(0, 0.5)])["c1"]
    assert found.low_ns == pytest.approx(T0_NS + 3.5 * DAY_NS, abs=1e9)


def test_a_battery_that_was_changed_is_judged_by_its_own_readings() -> None:
    assert batteries([charge(3, 0.3), charge(2, 0.2), charge(1, 1.0), charge(0, 0.99)])["c1"].low_ns is None


def test_a_battery_that_is_foreseen_to_be_low_is_on_the_list_before_it_is() -> None:
    readings = [charge(3, 0.8), charge(2, 0.7), charge(1, 0.6), charge(0, 0.5)]
    (row,) = repair_list(fence_site(), (), readings, (), T0_NS)
    assert (row.sensors, row.outage, row.cause) == (("c1",), "", "supply") and row.due_ns is not None
