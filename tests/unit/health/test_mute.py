"""A mute costs coverage at once, hides nothing from the record, is counted, and ends by itself."""

import msgspec
import pytest

from linewatch.health.state import HealthSettings
from linewatch.health.watch import HealthStep
from linewatch.ports import Item
from linewatch.records import (
    Detection,
    Detections,
    Health,
    OperatorAct,
    Outage,
    Record,
    Tick,
    Track,
    batch_of,
    concatenate,
)
from linewatch.records.masking import masked_rows
from linewatch.site.coverage_report import coverage_at
from linewatch.track import TrackSettings, TrackStep
from tests.sites import fence_site
from tests.strategies import T0_NS

S = 1_000_000_000


def tick(seconds: float) -> Tick:
    time_ns = T0_NS + round(seconds * S)
    return Tick(time_ns // (S // 4), time_ns, time_ns, S // 4)


def act(move: str = "mute", role: str = "operator", reason: str = "loose panel", **values: object) -> OperatorAct:
    pairs = {"sensor": "f1", **({"minutes": 2} if move == "mute" else {"days": 2} if move == "mask" else {}), **values}
    return OperatorAct("", move, role, "seat 1", T0_NS, reason, tuple(sorted((k, str(v)) for k, v in pairs.items())))


def run(*moments: tuple[float, tuple[Item, ...]]) -> list[Record]:
    step = HealthStep(fence_site(), HealthSettings())
    state = step.initial()
    out: list[Record] = []
    for seconds, batch in moments:
        state, found = step.step(state, batch, tick(seconds))
        out += found
    return out


def crossing(seconds: float, chainage_m: float, sensor: str = "f1") -> Detections:
    found = Detection(
        *("main", sensor, T0_NS + round(seconds * S), 0.1, chainage_m, 2.0),
        *(chainage_m - 5.0, chainage_m + 5.0, 12.0, 0.99),
    )
    return batch_of("main", [found])


def outages(records: list[Record]) -> list[Outage]:
    return [r for r in records if isinstance(r, Outage)]


def told(records: list[Record], condition: str) -> list[Health]:
    return [r for r in records if isinstance(r, Health) and r.condition == condition]


def test_a_mute_is_told_with_its_end_and_ends_by_itself() -> None:
    records = run((0.0, (act(),)), (119.75, ()), (120.0, ()))
    (finding,) = told(records, "masked")
    assert finding.until_ns == T0_NS + 120 * S and "loose panel" in finding.text and "seat 1" in finding.text
    assert [(o.cause, o.from_m, o.to_m, o.end_ns) for o in outages(records)] == [
        ("masked", 0.0, 600.0, None),
        ("masked", 0.0, 600.0, T0_NS + 120 * S),
    ]
    assert len({o.id for o in outages(records)}) == 1


def test_the_stretch_of_muted_channels_is_not_watched_at_once_and_is_again_at_the_end() -> None:
    opened, over = outages(run((0.0, (act(first_channel=100, last_channel=199),)), (120.0, ())))
    site = fence_site()
    before, during = coverage_at(site, "main"), coverage_at(site, "main", outages=(opened,))
    after = coverage_at(site, "main", outages=(opened, over), time_ns=T0_NS + 121 * S)
    assert during.not_watched_m() - before.not_watched_m() == pytest.approx(100.0, abs=5.0)
    assert after.not_watched_m() == before.not_watched_m()


def test_what_a_mute_hides_is_counted_and_told() -> None:
    records = run(
        (0.0, (act(first_channel=100, last_channel=199),)),
        (1.0, (crossing(0.9, 150.0), crossing(0.9, 300.0))),
        (60.0, ()),
        (70.0, (crossing(69.9, 120.0),)),
        (120.0, ()),
    )
    assert [(h.sensor, h.count, h.first_channel) for h in told(records, "suppressed")] == [
        ("f1", 1, 100),
        ("f1", 1, 100),
    ]


def test_a_muted_stretch_makes_no_track_beside_it_one_is_made_and_after_it_again() -> None:
    site = fence_site()
    step = TrackStep(site, "main", "S01", TrackSettings())
    state = step.initial()
    opened, over = outages(run((0.0, (act(first_channel=100, last_channel=199),)), (120.0, ())))

    def felt(seconds: float, *batch: Item) -> list[float]:
        nonlocal state
        state, out = step.step(state, batch, tick(seconds))
        return [round(r.chainage_m) for r in out if isinstance(r, Track)]

    assert felt(0.25, opened, crossing(0.1, 150.0)) == []
    assert felt(0.5, crossing(0.3, 150.0), crossing(0.3, 400.0)) == [400]
    assert 150 not in felt(120.0, over, crossing(119.9, 150.0))
    assert 150 in felt(120.25, crossing(120.1, 150.0))


def test_a_sensor_muted_as_a_whole_is_hidden_wherever_it_places_things() -> None:
    (opened,) = outages(run((0.0, (act(sensor="c1"),))))
    both = concatenate("main", [crossing(1.0, 20.0, "c1"), crossing(1.0, 20.0)])
    assert sorted(zip([both.sensors[i] for i in both.sensor_index], masked_rows(both, (opened,)), strict=True)) == [
        ("c1", True),
        ("f1", False),
    ]
    earlier = msgspec.structs.replace(opened, start_ns=T0_NS + 2 * S)
    assert not masked_rows(both, (earlier,)).any()


def test_a_mute_is_ended_before_its_time_and_what_it_hid_until_then_is_told() -> None:
    records = run((0.0, (act(),)), (10.0, (crossing(9.9, 50.0), act("unmute", reason="mended"))), (11.0, ()))
    assert [o.end_ns for o in outages(records)] == [None, T0_NS + 10 * S]
    assert [h.count for h in told(records, "suppressed")] == [1]


def test_a_mute_stands_until_its_end_whatever_the_sensor_says_of_itself() -> None:
    recovered = Health("main", "f1", T0_NS + S, "recovered", "ok", "all is well")
    assert len(outages(run((0.0, (act(),)), (1.0, (recovered,)), (2.0, ())))) == 1


def test_a_mask_holds_for_days_is_told_and_is_lifted_apart_from_a_mute_of_the_same_channels() -> None:
    records = run(
        (0.0, (act("mask", "supervisor"),)),
        (1.0, (act(),)),
        (2.0, (act("unmask", "maintainer", "new panel"),)),
        (3.0, ()),
    )
    finding = told(records, "masked")[0]
    assert finding.until_ns == T0_NS + 2 * 86_400 * S and "masked for 2 days by supervisor at seat 1" in finding.text
    assert [(o.start_ns - T0_NS, o.end_ns) for o in outages(records)] == [(0, None), (S, None), (0, T0_NS + 2 * S)]


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (act(role="viewer"), "allowed: operator, maintainer"),
        (act(reason="  "), "no reason"),
        (act(minutes=0), "allowed: 1 to 240"),
        (act(minutes=241), "allowed: 1 to 240"),
        (act(minutes="long"), "values:"),
        (act(sensor="f9"), "no sensor 'f9'"),
        (act(first_channel=3), "allowed: both, from 0 to 599"),
        (act(first_channel=3, last_channel=600), "allowed: both, from 0 to 599"),
        (act(sensor="c1", first_channel=0, last_channel=0), "allowed: the whole sensor"),
        (act("unmute"), "is not muted there"),
        (act("mask"), "allowed: supervisor, maintainer"),
        (act("mask", "supervisor", days=31), "days: found 31; allowed: 1 to 30"),
        (act("unmask", "supervisor"), "is not masked there"),
    ],
)
def test_a_mute_that_makes_no_sense_is_refused_with_the_reason(refused: OperatorAct, words: str) -> None:
    (said,) = run((0.0, (refused,)))
    assert isinstance(said, Health) and said.condition == "refused" and words in said.text
    assert said.text.startswith(f"act {refused.move} by {refused.role} at seat 1: ")


def test_what_is_muted_already_is_not_muted_again() -> None:
    records = run((0.0, (act(),)), (1.0, (act(minutes=9),)))
    assert len(outages(records)) == 1 and "muted already" in told(records, "refused")[0].text
