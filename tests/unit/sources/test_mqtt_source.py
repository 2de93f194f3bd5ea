"""The MQTT source against a real broker: what is acknowledged when, what comes twice, what is lost."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from linewatch.clock import WallClock
from linewatch.errors import InputError
from linewatch.records import Detections, Health
from linewatch.site.model import Line, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.mqtt.source import MqttSource
from tests.brokers import Mosquitto, Talker, broker, until

TOPIC = "zigbee2mqtt/hall/pir-4"
MOVES, QUIET = '{"occupancy":true}', '{"occupancy":false}'


def garden(url: str, **settings: object) -> Site:
    line = Line(id="main", length_m=60.0, sections=(Section("S01", "main", 0.0, 60.0),))
    given = {"url": url, "map": "zigbee2mqtt", "sensors": {"hall/pir-4": "pir-4"}, **settings}
    sensor = Sensor(id="pir-4", kind="pir", line="main", at_m=30.0, range_m=8.0)
    return Site("Garden", "UTC", (line,), (sensor,), sources=(SourceSpec("mqtt", given),))


def source_of(url: str, **settings: object) -> MqttSource:
    site = garden(url, **settings)
    source = build_source(site, site.sources[0])
    assert isinstance(source, MqttSource)
    return source


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Mosquitto]:
    with broker(tmp_path / "broker") as one:
        yield one


class Held:
    """A source that is polled until something is there."""

    def __init__(self, source: MqttSource) -> None:
        self.source = source
        self.items: list[object] = []
        source.start()
        until(lambda: source.status().up, 10.0, "the link")
        threading.Event().wait(0.1)

    def poll(self) -> None:
        self.items += self.source.poll(WallClock().now_ns())

    def detections(self) -> int:
        self.poll()
        return sum(len(item) for item in self.items if isinstance(item, Detections))

    def health(self, condition: str) -> list[Health]:
        self.poll()
        return [item for item in self.items if isinstance(item, Health) and item.condition == condition]

    def commit(self) -> str:
        position = self.source.position()
        self.source.committed(position)
        threading.Event().wait(0.2)
        return position


def test_a_movement_becomes_a_detection_within_reach_of_its_sensor(running: Mosquitto) -> None:
    held, talker = Held(source_of(running.url)), Talker(running.port)
    talker.say(TOPIC, MOVES)
    until(lambda: held.detections() == 1, 5.0, "a detection")
    batch = next(item for item in held.items if isinstance(item, Detections))
    assert (batch.sensors, batch.chainage_m[0], batch.from_m[0], batch.to_m[0]) == (("pir-4",), 30.0, 22.0, 38.0)
    held.source.close()
    talker.close()


def test_what_was_not_committed_comes_again_after_a_crash_and_what_was_does_not(running: Mosquitto) -> None:
    held, talker = Held(source_of(running.url)), Talker(running.port)
    talker.say(TOPIC, MOVES)
    until(lambda: held.detections() == 1, 5.0, "the first")
    position = held.source.position()  # committed, and killed before anybody was told
    talker.say(TOPIC, QUIET)
    talker.say(TOPIC, MOVES)
    until(lambda: held.detections() == 2, 5.0, "the second")  # not committed
    held.source.close()

    after = source_of(running.url)
    after.seek(position)
    again = Held(after)
    until(lambda: again.detections() == 1, 5.0, "the second, again")
    threading.Event().wait(0.3)
    assert again.detections() == 1
    again.commit()
    again.source.close()

    third = Held(source_of(running.url))
    threading.Event().wait(0.3)
    assert third.detections() == 0
    third.source.close()
    talker.close()


def test_a_broker_that_restarts_loses_nothing_and_doubles_nothing(running: Mosquitto) -> None:
    held, talker = Held(source_of(running.url)), Talker(running.port)
    talker.say(TOPIC, MOVES)
    until(lambda: held.detections() == 1, 5.0, "the first")
    talker.close()
    running.stop()
    until(lambda: held.health("link_lost"), 5.0, "word that the link is lost")
    assert held.health("link_lost")[0].sensor == "pir-4"
    held.commit()  # the broker is not there to hear of it
    running.start()
    until(lambda: held.health("recovered"), 10.0, "word that it stands again")
    talker = Talker(running.port)
    talker.say(TOPIC, QUIET)
    talker.say(TOPIC, MOVES)
    until(lambda: held.detections() == 2, 5.0, "the second")
    threading.Event().wait(0.3)
    assert held.detections() == 2
    held.source.close()
    talker.close()


def test_a_strange_device_is_offered_and_a_bad_message_costs_one_finding(running: Mosquitto) -> None:
    held, talker = Held(source_of(running.url)), Talker(running.port)
    for _ in range(3):
        talker.say("zigbee2mqtt/unknown", MOVES)
    for _ in range(5):
        talker.say(TOPIC, '{"occupancy": tr')
    until(lambda: held.source.status().refused == 5, 5.0, "five refusals")
    assert held.source.status().unplaced == {"unknown": 3}
    assert sum(each.count for each in held.health("refused")) == 5
    assert [each.text for each in held.health("unknown_sensor")] == [
        "mqtt:zigbee2mqtt: unknown is no sensor of the site; it can be placed"
    ]
    assert held.detections() == 0
    held.source.close()
    talker.close()


def test_our_own_state_is_told_by_last_will(running: Mosquitto) -> None:
    talker = Talker(running.port, "linewatch/#")
    held = Held(source_of(running.url))
    until(lambda: talker.heard == [("linewatch/mqtt-zigbee2mqtt/available", b"online")], 5.0, "online")
    held.source.close()
    until(lambda: talker.heard[-1][1] == b"offline", 5.0, "offline")
    assert [message for _, message in talker.heard] == [b"online", b"offline"]
    talker.close()


def test_a_wrong_password_is_told_and_tried_again(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    with broker(folder, "allow_zero_length_clientid false\n") as running:
        running.stop()
        source = source_of(running.url)
        source.start()
        until(lambda: "refused" in source.status().reason.lower(), 10.0, "the reason")
        assert not source.status().up
        running.start()
        until(lambda: source.status().up, 10.0, "the link")
        source.close()


@pytest.mark.parametrize("check", ANY_SOURCE, ids=lambda check: check.__name__)
def test_it_is_a_sound_source_even_without_a_broker(check: object) -> None:
    now_ns = WallClock().now_ns()
    assert callable(check)
    check(lambda: source_of("mqtt://127.0.0.1:1"), Span(now_ns - 10**9, now_ns))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://broker"}, "allowed: mqtt://HOST:PORT"),
        ({"map": "frigat"}, "allowed: axis"),
        ({"sensors": {"a": "pir-9"}}, "allowed: sensors of the site"),
        ({"qos": 2}, "allowed: 0 or 1"),
        ({"lateness_s": 3.0}, "allowed: 0 to 0.5"),
        ({"sensor": {}}, "unknown key"),
    ],
)
def test_settings_that_do_not_fit_are_told(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        source_of(**{"url": "mqtt://127.0.0.1:1", **settings})  # type: ignore[arg-type]


def test_a_position_of_another_source_is_refused() -> None:
    for position in ("", "nonsense", "{}", '{"taken": [1]}', '{"taken": ["!"]}'):
        with pytest.raises(InputError, match="position"):
            source_of("mqtt://127.0.0.1:1").seek(position)
