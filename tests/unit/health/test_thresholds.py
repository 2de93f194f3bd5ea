"""A person corrects a threshold: bounded, told, at once less coverage where it is raised, and taken back."""

from typing import get_args

import numpy as np
import pytest

from linewatch.app.detectors import detectors_for
from linewatch.app.settings import settings_of
from linewatch.detect.corrections import Correction, by_channel_db, corrections_in
from linewatch.health.state import HealthSettings, HealthState
from linewatch.health.thresholds import MOST_EACH, WITHOUT
from linewatch.health.watch import HealthStep
from linewatch.ports import Item, SeenInto
from linewatch.records import BlockHeader, Health, OperatorAct, Outage, Record
from linewatch.records.vocabulary import SensorKind
from linewatch.site.coverage_report import coverage_at
from linewatch.site.sensor import Sensor
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.health.test_mute import tick, told

S = 1_000_000_000
HEARD = BlockHeader("main", "f1", T0_NS, 250, 0, 600, 1000.0, 0)


def act(db: float | str, role: str = "maintainer", reason: str = "gravel lorry road", **values: object) -> OperatorAct:
    pairs = {"sensor": "f1", "db": db, **values}
    words = tuple(sorted((name, str(value)) for name, value in pairs.items()))
    return OperatorAct("", "correct_threshold", role, "seat 1", T0_NS, reason, words)


def run(*moments: tuple[float, tuple[Item, ...]]) -> tuple[list[Record], HealthState]:
    step = HealthStep(fence_site(), HealthSettings())
    state, _ = step.step(step.initial(), (HEARD,), tick(-0.25))
    out: list[Record] = []
    for seconds, batch in moments:
        state, found = step.step(state, batch, tick(seconds))
        out += [record for record in found if not (isinstance(record, Outage) and record.cause == "silent")]
    return out, state


def test_a_raised_threshold_costs_the_coverage_that_a_floor_raised_as_much_would() -> None:
    (finding, outage), _ = run((0.0, (act(6, first_channel=100, last_channel=299),)))
    assert isinstance(finding, Health) and isinstance(outage, Outage)
    assert (finding.condition, finding.severity, finding.rise_db) == ("corrected_threshold", "degraded", 6.0)
    assert "raised by 6 dB by maintainer at seat 1: gravel lorry road" in finding.text
    assert (outage.cause, outage.from_m, outage.to_m, outage.rise_db, outage.end_ns) == (
        *("corrected_threshold", 100.0, 300.0, 6.0),
        None,
    )
    site = fence_site()
    floor = Outage(
        **{name: getattr(outage, name) for name in outage.__struct_fields__ if name != "cause"}, cause="raised_floor"
    )
    pd = coverage_at(site, "main", outages=(outage,)).pd("person_walking")
    assert np.array_equal(pd, coverage_at(site, "main", outages=(floor,)).pd("person_walking"))
    before = coverage_at(site, "main").pd("person_walking")
    assert pd[180:220].max() < before[180:220].min() and np.array_equal(pd[:80], before[:80])


def test_set_back_it_is_over_and_the_detectors_are_told_that_nothing_holds() -> None:
    out, state = run((0.0, (act(6),)), (5.0, (act(0, reason="road closed"),)))
    outages = [r for r in out if isinstance(r, Outage)]
    assert [o.end_ns for o in outages] == [None, T0_NS + 5 * S] and len({o.id for o in outages}) == 1
    (over,) = told(out, "recovered")
    assert over.ends == "corrected_threshold" and "set back by maintainer at seat 1: road closed" in over.text
    assert state.corrections == {"f1": ()}


def test_a_lowered_threshold_is_told_and_neither_costs_nor_wins_coverage() -> None:
    out, state = run((0.0, (act(-3),)))
    (finding,) = out
    assert isinstance(finding, Health) and (finding.severity, finding.rise_db) == ("note", -3.0)
    assert state.corrections == {"f1": (finding,)}


def test_another_correction_of_the_same_stretch_takes_the_place_of_the_former() -> None:
    out, state = run((0.0, (act(6),)), (5.0, (act(3),)), (6.0, (act(-2),)))
    assert [(o.rise_db, o.end_ns) for o in out if isinstance(o, Outage)] == [
        (6.0, None),
        (6.0, T0_NS + 5 * S),
        (3.0, None),
        (3.0, T0_NS + 6 * S),
    ]
    assert [each.rise_db for each in state.corrections["f1"]] == [-2.0]


def test_it_stands_whatever_the_sensor_says_of_itself() -> None:
    recovered = Health("main", "f1", T0_NS + S, "recovered", "ok", "all is well")
    out, _ = run((0.0, (act(6),)), (1.0, (recovered,)), (2.0, ()))
    assert [o.end_ns for o in out if isinstance(o, Outage)] == [None]


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (act(6, role="operator"), "allowed: supervisor, maintainer"),
        (act(6, reason=" "), "no reason"),
        (act(12.1), "allowed: -6 to 12, 0 takes it back"),
        (act(-6.1), "allowed: -6 to 12"),
        (act("nan"), "allowed: -6 to 12"),
        (act("loud"), "values:"),
        (act(3, sensor="f9"), "no sensor 'f9'"),
        (act(3, sensor="c1"), "gives no samples here"),
        (act(3, first_channel=3), "allowed: both, from 0 to 599"),
        (act(0), "is not corrected there"),
    ],
)
def test_one_that_makes_no_sense_is_refused_with_the_reason(refused: OperatorAct, words: str) -> None:
    (said,), _ = run((0.0, (refused,)))
    assert isinstance(said, Health) and said.condition == "refused" and words in said.text
    assert said.text.startswith(f"act {refused.move} by {refused.role} at seat 1: ")


def test_two_in_one_moment_and_too_many_are_refused() -> None:
    out, _ = run((0.0, (act(6), act(3))))
    assert "in this very moment" in told(out, "refused")[0].text
    acts = [(n / 4.0, (act(1, first_channel=n, last_channel=n),)) for n in range(MOST_EACH + 1)]
    out, state = run(*acts)
    assert f"has {MOST_EACH} corrections already" in told(out, "refused")[0].text
    assert len(state.corrections["f1"]) == MOST_EACH


@pytest.mark.parametrize("kind", get_args(SensorKind))
def test_just_the_kinds_whose_detectors_know_a_floor_can_be_corrected(kind: SensorKind) -> None:
    site = fence_site()
    sensor = Sensor(id="x", kind=kind, line="main", at_m=5.0, range_m=5.0)
    first = detectors_for(site, sensor, settings_of(site))[0]
    assert (kind not in WITHOUT) == (isinstance(first, SeenInto) and first.has_floor)


def test_a_detector_takes_what_it_is_told_keeps_it_and_lets_the_higher_hold() -> None:
    def said(db: float, first: int | None = None, last: int | None = None) -> Health:
        return Health(
            "main", "f1", T0_NS, "corrected_threshold", "note", "", first_channel=first, last_channel=last, rise_db=db
        )

    both = corrections_in((said(-3.0), said(6.0, 2, 3)), ())
    assert both == (Correction(None, None, -3.0), Correction(2, 3, 6.0))
    assert by_channel_db(both, 5).tolist() == [-3.0, -3.0, 6.0, 6.0, -3.0]
    assert corrections_in((), both) == both
    assert corrections_in((Health("", "f1", T0_NS, "recovered", "ok", "", ends="corrected_threshold"),), both) == ()
