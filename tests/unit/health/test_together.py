"""One cause is one outage: a cabinet, a feed, a switch, a light; and a repaired one closes only when it is proven."""

import math

import pytest

from linewatch.health.light import Sight, locate
from linewatch.health.state import HealthSettings
from linewatch.health.watch import HealthStep
from linewatch.ports import Item
from linewatch.records import Health, OperatorAct, Outage, Record, Tick, WalkTest
from linewatch.records.health import Condition, Severity
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.site.vertices import WGS84
from tests.strategies import T0_NS

S = 1_000_000_000
LINE = Line(
    id="main",
    length_m=2_000.0,
    sections=(Section("S01", "main", 0.0, 2_000.0),),
    coordinates_deg=((23.0, 52.5), (23.0, 52.518)),
    outside="right",
)


def pir(name: str, at_m: float, cabinet: str | None = None, power: str | None = None) -> Sensor:
    return Sensor(name, "pir", "main", at_m=at_m, range_m=20.0, heartbeat_s=10.0, cabinet=cabinet, power=power)


def camera(name: str, at_m: float) -> Sensor:
    return Sensor(name, "camera", "main", at_m=at_m, range_m=100.0, azimuth_deg=90.0, fov_deg=90.0)


SENSORS = (
    *(pir(f"p{i}", 100.0 * i, "K1", "F1") for i in range(1, 5)),
    pir("p5", 500.0, "K2", "F1"),
    pir("p6", 600.0, "K2", "F1"),
    pir("lone", 900.0),
    camera("cam-1", 1_000.0),
    camera("cam-2", 1_200.0),
    camera("cam-3", 1_350.0),
)
SITE = Site("bench", "Europe/Warsaw", (LINE,), SENSORS)
ALL = (*(f"p{i}" for i in range(1, 7)), "lone")


def beat(name: str, seconds: float) -> Health:
    return Health("main", name, T0_NS + round(seconds * S), "heartbeat", "ok", "alive")


def finding(name: str, condition: Condition, seconds: float, severity: Severity = "failed", **more: object) -> Health:
    return Health("main", name, T0_NS + round(seconds * S), condition, severity, condition, **more)  # type: ignore[arg-type]  # fields of Health


def act(move: str, seconds: float, role: str = "maintainer", reason: str = "", **values: str) -> OperatorAct:
    return OperatorAct("", move, role, "seat-1", T0_NS + round(seconds * S), reason, tuple(sorted(values.items())))


class Night:
    """The step, second by second; heartbeats come by themselves from those that are alive."""

    def __init__(self) -> None:
        self.step = HealthStep(SITE, HealthSettings())
        self.state = self.step.initial()
        self.second = 0
        self.told: list[Record] = []

    def until(self, second: int, *, alive: tuple[str, ...] = ALL, items: tuple[Item, ...] = ()) -> list[Record]:
        out: list[Record] = []
        while self.second < second:
            self.second += 1
            time_ns = T0_NS + self.second * S
            beats = [beat(name, self.second) for name in alive] if self.second % 4 == 0 else []
            batch = (*beats, *items)
            items = ()
            self.state, found = self.step.step(self.state, batch, Tick(self.second, time_ns, time_ns, S))
            out += found
        self.told += out
        return out


def outages(records: list[Record]) -> list[Outage]:
    return [record for record in records if isinstance(record, Outage)]


def test_sensors_of_one_cabinet_that_die_together_are_one_outage() -> None:
    night = Night()
    night.until(20)
    found = outages(night.until(40, alive=("p5", "p6", "lone")))
    assert {outage.id for outage in found} == {found[0].id}
    assert found[-1].sensors == ("p1", "p2", "p3", "p4")
    assert found[-1].cause == "cabinet K1" and (found[-1].from_m, found[-1].to_m) == (80.0, 420.0)


def test_a_feed_explains_more_than_its_cabinets() -> None:
    night = Night()
    night.until(20)
    found = outages(night.until(40, alive=("lone",)))
    assert {(outage.cause, outage.sensors) for outage in found} == {("feed F1", ALL[:6])}


def test_sensors_that_share_nothing_have_outages_of_their_own() -> None:
    night = Night()
    night.until(20)
    found = outages(night.until(40, alive=ALL[1:6]))
    assert sorted((outage.cause, outage.sensors) for outage in found) == [("silent", ("lone",)), ("silent", ("p1",))]


def test_an_outage_keeps_its_id_while_more_of_the_same_cabinet_fall_silent() -> None:
    night = Night()
    night.until(20)
    first = outages(night.until(33, alive=ALL[1:]))
    more = outages(night.until(60, alive=("p5", "p6", "lone")))
    assert first[0].sensors == ("p1",) and more[-1].sensors == ("p1", "p2", "p3", "p4")
    assert {outage.id for outage in (*first, *more)} == {first[0].id}


def test_a_shared_outage_ends_when_all_are_back() -> None:
    night = Night()
    night.until(20)
    night.until(40, alive=("p5", "p6", "lone"))
    assert [outage.end_ns for outage in outages(night.until(60))] == [T0_NS + 44 * S]


def test_who_does_not_come_back_with_the_others_goes_on_alone() -> None:
    night = Night()
    night.until(20)
    night.until(40, alive=("p5", "p6", "lone"))
    later = outages(night.until(200, alive=ALL[1:]))
    assert [(outage.sensors, outage.end_ns is None) for outage in later] == [
        (("p1", "p2", "p3", "p4"), False),
        (("p1",), True),
    ]


def bearing(name: str, chainage_m: float, offset_m: float) -> float:
    """True bearing from a camera to a place, clockwise from north."""
    geometry, sensor = geometry_of(LINE), SITE.sensor(name)
    lon, lat = geometry.to_lonlat(sensor.at_m or 0.0, 0.0)
    there_lon, there_lat = geometry.to_lonlat(chainage_m, offset_m)
    return float(WGS84.inv(lon, lat, there_lon, there_lat)[0]) % 360.0


def test_the_light_that_blinds_two_cameras_is_located() -> None:
    sights = [Sight(SITE.sensor(name), bearing(name, 1_150.0, 80.0), 1.0) for name in ("cam-1", "cam-2", "cam-3")]
    place = locate(sights, LINE)
    assert place is not None
    assert place.chainage_m == pytest.approx(1_150.0, abs=0.5) and place.offset_m == pytest.approx(80.0, abs=0.5)
    # A degree at 100 m is 1.7 m.
    assert 1.0 <= place.offset_sigma_m < 5.0


@pytest.mark.parametrize(
    "angles",
    [(90.0, 90.0), (80.0, 110.0), (200.0, 340.0)],
    ids=["side by side", "parting", "behind"],
)
def test_bearings_that_do_not_cross_before_the_cameras_give_no_place(angles: tuple[float, float]) -> None:
    sights = [Sight(SITE.sensor(name), angle, 1.0) for name, angle in zip(("cam-1", "cam-2"), angles, strict=True)]
    crosses = locate(sights, LINE)
    lines_meet_ahead = math.cos(math.radians(angles[0])) > 0 > math.cos(math.radians(angles[1]))
    assert (crosses is not None) == lines_meet_ahead


def test_cameras_in_one_light_share_an_outage_that_says_where_it_stands() -> None:
    night = Night()
    dazzled = [
        finding(name, "dazzled", 1.0, bearing_deg=bearing(name, 1_150.0, 80.0), bearing_sigma_deg=1.0)
        for name in ("cam-1", "cam-2")
    ]
    found = outages(night.until(2, items=tuple(dazzled)))
    assert {outage.id for outage in found} == {found[0].id}
    assert found[-1].sensors == ("cam-1", "cam-2")
    assert found[-1].chainage_m == pytest.approx(1_150.0, abs=1.0)
    assert found[-1].offset_m == pytest.approx(80.0, abs=1.0)
    assert "80 m on the approach side" in found[-1].reason
    night.until(3, items=(finding("cam-1", "recovered", 2.5, "ok", ends="dazzled"),))
    assert outages(night.until(5, items=(finding("cam-2", "recovered", 4.5, "ok", ends="dazzled"),)))[-1].end_ns


def test_a_partial_loss_is_an_outage_that_leaves_a_share() -> None:
    night = Night()
    found = outages(night.until(2, items=(finding("cam-3", "dazzled", 1.0, "degraded", remaining_fraction=0.7),)))
    assert [outage.remaining_fraction for outage in found] == [0.7]


def test_a_better_guess_at_a_lost_view_replaces_the_one_before() -> None:
    night = Night()
    night.until(2, items=(finding("cam-3", "dazzled", 1.0, "degraded", remaining_fraction=0.7),))
    found = outages(night.until(3, items=(finding("cam-3", "covered", 2.0),)))
    assert [(outage.cause, outage.remaining_fraction) for outage in found] == [("covered", 0.0)]
    assert {outage.id for outage in outages(night.told)} == {found[0].id}


def moved(night: Night) -> Outage:
    night.until(2, items=(finding("cam-3", "moved", 1.0),))
    (waiting,) = outages(night.until(10, items=(finding("cam-3", "recovered", 3.0, "ok", ends="moved"),)))
    assert waiting.end_ns is None and "waits for a re-test" in waiting.reason
    return waiting


def test_a_repaired_outage_closes_with_a_re_test_of_its_stretch() -> None:
    night = Night()
    waiting = moved(night)
    early = WalkTest("main", 1_200.0, 1_500.0, T0_NS, T0_NS + 1, "person", 10, 10)
    elsewhere = WalkTest("main", 0.0, 500.0, T0_NS + 11 * S, T0_NS + 12 * S, "person", 10, 10)
    failed = WalkTest("main", 1_200.0, 1_500.0, T0_NS + 11 * S, T0_NS + 12 * S, "person", 10, 5)
    assert outages(night.until(20, items=(early, elsewhere, failed))) == []
    good = WalkTest("main", 1_250.0, 1_450.0, T0_NS + 11 * S, T0_NS + 12 * S, "person", 10, 10)
    assert [(o.id, o.end_ns) for o in outages(night.until(21, items=(good,)))] == [(waiting.id, T0_NS + 21 * S)]


def test_a_re_test_may_come_as_an_act_and_is_journalled() -> None:
    night = Night()
    moved(night)
    test = {"line": "main", "from_m": "1250", "to_m": "1450", "mover": "person", "passes": "10", "found": "10"}
    times = {"start_ns": str(T0_NS + 11 * S), "end_ns": str(T0_NS + 12 * S)}
    out = night.until(13, items=(act("walk_test", 12.0, **test, **times),))
    assert [type(record) for record in out] == [WalkTest, Outage]


def test_a_repaired_outage_closes_with_a_signed_waiver() -> None:
    night = Night()
    waiting = moved(night)
    closed = outages(
        night.until(11, items=(act("waive_retest", 10.5, reason="seen to look right", outage=waiting.id),))
    )
    assert [o.end_ns for o in closed] == [T0_NS + 11 * S] and "waived by maintainer at seat-1" in closed[0].reason


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ({"role": "operator", "reason": "ok"}, "role operator; allowed: maintainer"),
        ({"reason": " "}, "a waiver is signed with one"),
        ({"reason": "ok", "outage": "gone"}, "there is no open outage 'gone'"),
    ],
)
def test_a_waiver_that_is_not_in_order_is_refused(made: dict[str, str], why: str) -> None:
    night = Night()
    waiting = moved(night)
    refused = night.until(11, items=(act("waive_retest", 10.5, **({"outage": waiting.id} | made)),))
    assert [record.condition for record in refused if isinstance(record, Health)] == ["refused"]
    assert why in refused[0].text  # type: ignore[union-attr]  # a Health, as asserted above


def test_an_outage_that_is_not_repaired_cannot_be_waived() -> None:
    night = Night()
    (open_,) = outages(night.until(2, items=(finding("cam-3", "moved", 1.0),)))
    refused = night.until(3, items=(act("waive_retest", 2.5, reason="never mind", outage=open_.id),))
    assert "is not repaired yet" in refused[0].text  # type: ignore[union-attr]  # a Health


def test_a_sensor_whose_times_are_always_late_by_the_same_has_a_wrong_clock() -> None:
    night = Night()
    out: list[Record] = []
    for second in range(5, 80, 5):
        out += night.until(second, items=(finding("lone", "heartbeat", second - 1.0 - 7.0, "ok"),), alive=ALL[:6])
    skewed = [record for record in out if isinstance(record, Health) and record.condition == "clock_skew"]
    assert len(skewed) == 1 and "4.0 s behind" in skewed[0].text
    assert [o.remaining_fraction for o in outages(out) if o.cause == "clock_skew"] == [0.8]


def test_a_slow_link_is_no_wrong_clock() -> None:
    night = Night()
    out: list[Record] = []
    for number, second in enumerate(range(5, 80, 5)):
        late_s = (2.0, 9.0, 4.0)[number % 3]
        out += night.until(second, items=(finding("lone", "heartbeat", second - 1.0 - late_s, "ok"),), alive=ALL[:6])
    assert [record for record in out if isinstance(record, Health) and record.condition == "clock_skew"] == []
