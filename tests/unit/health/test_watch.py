"""Silence, findings and recovery become outages with the right times."""

import pytest

from linewatch.health.state import HealthSettings, HealthState
from linewatch.health.watch import HealthStep
from linewatch.ports import Item
from linewatch.records import BlockHeader, Health, Outage, Record, Tick
from linewatch.records.health import Condition, Severity
from linewatch.records.state import freeze
from tests.sites import fence_site
from tests.strategies import T0_NS

S = 1_000_000_000


def tick(seconds: float) -> Tick:
    time_ns = T0_NS + round(seconds * S)
    return Tick(time_ns // (S // 4), time_ns, time_ns, S // 4)


def life(until_s: float) -> BlockHeader:
    return BlockHeader("main", "f1", T0_NS + round((until_s - 0.25) * S), 250, 0, 600, 1000.0, 0)


def finding(condition: Condition, seconds: float, severity: Severity = "failed", **more: int) -> Health:
    return Health("main", "f1", T0_NS + round(seconds * S), condition, severity, condition, **more)


def run(*moments: tuple[float, tuple[Item, ...]], **settings: float) -> list[Record]:
    step = HealthStep(fence_site(), HealthSettings(**settings))
    state = step.initial()
    out: list[Record] = []
    for seconds, batch in moments:
        state, found = step.step(state, batch, tick(seconds))
        out += found
    assert isinstance(state, HealthState)
    return out


def outages(records: list[Record]) -> list[Outage]:
    return [r for r in records if isinstance(r, Outage)]


def test_a_stream_that_stops_is_an_outage_since_its_last_sample() -> None:
    found = outages(run((1.0, (life(1.0),)), (4.0, ()), (4.25, ()), (9.0, ())))
    assert len(found) == 1
    assert (found[0].start_ns, found[0].noticed_ns) == (T0_NS + S, T0_NS + round(4.25 * S))
    assert (found[0].from_m, found[0].to_m, found[0].end_ns, found[0].cause) == (0.0, 600.0, None, "silent")


def test_a_stream_that_comes_back_ends_its_outage_under_the_same_id() -> None:
    found = outages(run((1.0, (life(1.0),)), (5.0, ()), (6.0, (life(6.0),)), (6.25, ())))
    assert [o.end_ns for o in found] == [None, T0_NS + 6 * S]
    assert found[0].id == found[1].id


def test_a_sensor_that_was_never_heard_is_not_silent() -> None:
    assert run((1.0, ()), (100.0, ())) == []


def test_a_short_pause_is_no_outage() -> None:
    assert run((1.0, (life(1.0),)), (3.5, ()), (4.0, (life(4.0),))) == []


def test_heartbeats_are_proof_of_life_at_their_own_pace() -> None:
    quiet = run((1.0, (finding("heartbeat", 1.0, "ok"),)), (60.0, ()))
    late = outages(run((1.0, (finding("heartbeat", 1.0, "ok"),)), (61.5, ())))
    assert quiet == [] and len(late) == 1


def test_a_failed_finding_is_an_outage_of_the_channels_it_names() -> None:
    found = outages(run((1.0, (finding("dead_channel", 0.5, first_channel=10, last_channel=19),))))
    assert [(o.from_m, o.to_m, o.first_channel) for o in found] == [(10.0, 20.0, 10)]


def test_the_same_finding_twice_is_one_outage() -> None:
    dead = finding("dead_channel", 0.5, first_channel=1, last_channel=1)
    assert len(outages(run((1.0, (dead,)), (2.0, (dead,))))) == 1


def test_recovery_ends_what_concerned_those_channels_only() -> None:
    one = finding("dead_channel", 0.5, first_channel=1, last_channel=1)
    two = finding("dead_channel", 0.5, first_channel=2, last_channel=2)
    well = finding("recovered", 3.0, "ok", first_channel=1, last_channel=1)
    found = outages(run((1.0, (one, two)), (3.25, (well,))))
    assert [(o.first_channel, o.end_ns) for o in found] == [(1, None), (2, None), (1, T0_NS + 3 * S)]


def test_a_gap_with_a_known_end_opens_and_ends_at_its_times() -> None:
    gap = finding("gap", 1.0, until_ns=T0_NS + 2 * S)
    found = outages(run((1.0, (life(1.0), gap)), (1.5, ()), (2.25, ())))
    assert [(o.start_ns, o.end_ns) for o in found] == [(T0_NS + S, None), (T0_NS + S, T0_NS + 2 * S)]


@pytest.mark.parametrize("severity", ["ok", "note", "degraded"])
def test_a_finding_that_is_no_failure_is_no_outage(severity: Severity) -> None:
    assert run((1.0, (finding("late", 0.5, severity),))) == []


def test_a_step_never_changes_the_state_that_it_was_given() -> None:
    step = HealthStep(fence_site(), HealthSettings())
    state, _ = step.step(step.initial(), (life(1.0),), tick(1.0))
    before = freeze(state)
    step.step(state, (), tick(9.0))
    assert freeze(state) == before
