"""ONVIF: what a camera says over a pull point becomes detections and findings; what it repeats does not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError, SiteError
from linewatch.ports import Look
from linewatch.records import MOVERS, Detections, Health
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.onvif._meaning import Motion, Reader, Tamper
from linewatch.sources.onvif.source import Device, OnvifSource
from tests.onvif_device import OnvifDevice, message, onvif_device
from tests.unit.notify.made import site

if TYPE_CHECKING:
    from linewatch.ports import Item

S = 10**9
CELL = "tns1:RuleEngine/CellMotionDetector/Motion"
PEOPLE = "tns1:RuleEngine/MyRuleDetector/PeopleDetect"
TAMPER = "tns1:RuleEngine/TamperDetector/Tamper"
LOG_IN = "a long one"


def camera_site() -> Site:
    bare = site()
    camera = Sensor(id="cam-1", kind="camera", line="main", at_m=1000.0, range_m=40.0)
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=(camera,))


class Listening:
    """A source and all that it gave."""

    def __init__(self, source: OnvifSource) -> None:
        self.source = source
        self.items: list[Item] = []

    def until(self, holds: Callable[[], object], within_s: float = 8.0) -> None:
        end_s = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end_s, [i for i in self.items if isinstance(i, Health)]
            time.sleep(0.02)
            self.items += self.source.poll(time.time_ns() + S)

    def found(self) -> list[Any]:
        return [row for item in self.items if isinstance(item, Detections) for row in item.rows()]

    def health(self, condition: str) -> list[Health]:
        return [item for item in self.items if isinstance(item, Health) and item.condition == condition]


@contextmanager
def listening(device: OnvifDevice, password: str = "") -> Iterator[Listening]:
    at = Device(device.url, "watch" if password else "", password)
    source = OnvifSource(camera_site(), "onvif", camera_site().sensor("cam-1"), at, pull="PT1S", first_retry_s=0.1)
    source.start()
    try:
        yield Listening(source)
    finally:
        source.close()


def test_motion_becomes_a_detection_when_it_rises_and_what_it_was_at_the_beginning_does_not() -> None:
    with onvif_device(LOG_IN) as device, listening(device, LOG_IN) as running:
        device.notify(message(CELL, operation="Initialized", IsMotion="true"))
        running.until(lambda: running.health("heartbeat"))
        device.notify(*(message(CELL, IsMotion=state) for state in ("true", "false", "true", "true", "false")))
        device.notify(message(PEOPLE, State="true"))
        running.until(lambda: len(running.found()) == 2)
        time.sleep(0.2)
        running.items += running.source.poll(time.time_ns() + S)
    motion, people = running.found()
    assert motion.sensor == "cam-1" and (motion.chainage_m, motion.from_m, motion.to_m) == (1000.0, 960.0, 1040.0)
    assert people.mover_probabilities[MOVERS.index("person")] > 0.8 and len(running.found()) == 2
    assert {"GetServices", "CreatePullPointSubscription", "PullMessages"} <= set(device.asked)


def test_motion_that_lasts_is_told_again_until_it_is_over() -> None:
    reader = Reader()
    moving, still = ({"topic": CELL, "data": {"IsMotion": state}} for state in ("true", "false"))
    reader.read(moving, 100.0)
    assert reader.lasting(101.0) == [Motion()] and reader.lasting(161.0) == []
    reader.read(still, 102.0)
    assert reader.lasting(102.0) == []


def test_tampering_is_a_finding_that_ends() -> None:
    with onvif_device() as device, listening(device) as running:
        device.notify(message(TAMPER, IsTamper="true"), message(TAMPER, IsTamper="false"))
        running.until(lambda: running.health("recovered"))
    assert [(h.sensor, h.severity) for h in running.health("tamper")] == [("cam-1", "failed")]
    assert running.health("recovered")[0].ends == "tamper"


def test_a_camera_that_goes_and_comes_back_is_told() -> None:
    with onvif_device() as device, listening(device) as running:
        running.until(lambda: running.health("heartbeat"))
        device.stop()
        running.until(lambda: running.health("link_lost"))
        device.start()
        running.until(lambda: running.health("recovered"), 15.0)
        device.notify(message(CELL, IsMotion="true"))
        running.until(running.found)
    assert len(running.health("link_lost")) == 1 and running.health("recovered")[0].ends == "link_lost"


def test_a_wrong_password_is_told_as_the_reason_and_never_itself() -> None:
    with onvif_device(LOG_IN) as device, listening(device, LOG_IN[::-1]) as running:
        running.until(lambda: running.health("link_lost"))
    assert LOG_IN[::-1] not in running.health("link_lost")[0].text
    assert not running.source.status().up


def test_an_event_of_another_time_is_refused_and_counted() -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    with onvif_device() as device, listening(device) as running:
        device.notify(message(CELL, at=old, IsMotion="true"))
        running.until(lambda: running.health("clock_skew"))
    assert running.found() == []


def test_a_line_that_is_crossed_again_is_told_again() -> None:
    reader = Reader()
    crossed = {"topic": "tns1:RuleEngine/LineDetector/Crossed", "data": {"ObjectId": "5"}}
    assert [type(reader.read(crossed)[0]) for _ in range(2)] == [Motion, Motion]


def test_what_is_no_motion_says_why() -> None:
    reader = Reader()
    assert "not known" in reader.read({"topic": "tns1:Device/Trigger/DigitalInput", "data": {"State": "true"}})[2]
    assert "no state" in reader.read({"topic": CELL, "data": {"IsMotion": "maybe"}})[2]


WORDS = st.none() | st.text(max_size=20) | st.integers() | st.sampled_from([CELL, TAMPER, "true", "Initialized"])


@given(st.dictionaries(st.sampled_from(["topic", "utc_time", "property_operation", "source", "data"]), WORDS))
def test_no_message_breaks_the_reader(raw: dict[str, Any]) -> None:
    meaning, time_ns, why_not = Reader().read(raw)
    assert (meaning is None) == bool(why_not) and (time_ns is None or time_ns >= 0)
    assert meaning is None or isinstance(meaning, Motion | Tamper)


def test_it_keeps_to_what_is_asked_of_every_source() -> None:
    spec = SourceSpec("onvif", {"sensor": "cam-1", "url": "http://127.0.0.1:9/onvif/device_service"})
    for check in ANY_SOURCE:
        check(lambda: build_source(camera_site(), spec), Span(0, 10 * S))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sensor": "nobody"}, "a sensor with at_m"),
        ({"url": "http://a:b@c/onvif"}, "log-in as username and password"),
        ({"url": "rtsp://c"}, "http://HOST"),
        ({"oldest_s": 0.0}, "oldest_s"),
        ({"password": "x"}, "a name beside the password"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(camera_site(), SourceSpec("onvif", {"sensor": "cam-1", "url": "http://c/x", **settings}))
    assert named in str(raised.value) and "a:b" not in str(raised.value)


def test_the_presets_that_a_camera_lists_are_offered_and_it_goes_to_one_when_told() -> None:
    with onvif_device(LOG_IN) as device:
        device.presets = {"1": "gate", "2": "bend", "3": "bend", "4": ""}
        with listening(device, LOG_IN) as running:
            running.until(lambda: running.health("heartbeat"))
            assert running.source.status().presets == {"cam-1": ("gate", "2", "3", "4")}
            assert device.at_preset == "" and "GotoPreset" not in device.asked
            assert running.source.steer(Look("cam-1", "gate")) == "onvif: sent to the preset 'gate'"
            assert device.at_preset == "1"
            device.presets["9"] = "new"  # as somebody set it at the camera meanwhile
            running.source.steer(Look("cam-1", "new"))
            assert device.at_preset == "9" and "new" in running.source.status().presets["cam-1"]


def test_a_preset_that_is_not_there_and_a_camera_that_refuses_are_told() -> None:
    with onvif_device() as device, listening(device) as running:
        with pytest.raises(InputError, match="a camera that answers and can be turned"):
            running.source.steer(Look("cam-1", "gate"))
        device.presets = {"1": "gate"}
        with pytest.raises(InputError, match="found 'tower'; allowed: gate"):
            running.source.steer(Look("cam-1", "tower"))
        with pytest.raises(InputError, match="allowed: a preset"):
            running.source.steer(Look("cam-1", at_m=20.0))
        device.stuck = True
        with pytest.raises(InputError, match="the motor is stuck"):
            running.source.steer(Look("cam-1", "gate"))
        assert device.at_preset == ""
    with pytest.raises(InputError, match="a camera that answers and"):
        running.source.steer(Look("cam-1", "gate"))
