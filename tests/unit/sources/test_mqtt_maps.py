"""What messages become, by the maps that ship with Linewatch."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from linewatch.errors import InputError
from linewatch.protocols.meshtastic import read_envelope, write_envelope
from linewatch.sources.mqtt.mapping import Map, Mapper, Read, Rule, When, load_map, map_names


def shipped(name: str) -> Mapper:
    return Mapper(load_map(name, Path()))


def reads(mapper: Mapper, topic: str, value: Any, *, retained: bool = False) -> Read:
    raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return mapper.read(topic, raw, retained=retained)


def gives(read: Read) -> list[tuple[str, str]]:
    return [(event.rule.gives, event.address) for event in read.events]


@pytest.mark.parametrize("name", map_names())
def test_every_shipped_map_is_whole(name: str) -> None:
    mapper = shipped(name)
    assert mapper.topics
    assert mapper.map.title


def test_only_the_rise_of_occupancy_is_an_event() -> None:
    z2m = shipped("zigbee2mqtt")
    topic = "zigbee2mqtt/hall/pir-4"
    said = [reads(z2m, topic, {"occupancy": on}) for on in (False, True, True, False, True)]
    assert [len(read.events) for read in said] == [0, 1, 0, 0, 1]
    assert gives(said[1]) == [("detection", "hall/pir-4")]


def test_a_message_about_the_battery_does_not_make_the_next_occupancy_rise_again() -> None:
    z2m = shipped("zigbee2mqtt")
    said = [reads(z2m, "zigbee2mqtt/pir", body) for body in ({"occupancy": True}, {"battery": 80}, {"occupancy": True})]
    assert [len(read.events) for read in said] == [1, 0, 0]


def test_what_the_broker_kept_is_old_news_and_still_known() -> None:
    z2m = shipped("zigbee2mqtt")
    assert reads(z2m, "zigbee2mqtt/pir", {"occupancy": True}, retained=True).events == ()
    assert reads(z2m, "zigbee2mqtt/pir", {"occupancy": True}).events == ()
    assert reads(z2m, "zigbee2mqtt/pir", {"occupancy": False}).events == ()
    assert len(reads(z2m, "zigbee2mqtt/pir", {"occupancy": True}).events) == 1


def test_a_contact_that_is_true_is_closed() -> None:
    z2m = shipped("zigbee2mqtt")
    assert reads(z2m, "zigbee2mqtt/gate", {"contact": True}).events == ()
    assert gives(reads(z2m, "zigbee2mqtt/gate", {"contact": False})) == [("detection", "gate")]


@pytest.mark.parametrize("word", [b"offline", b'{"state":"offline"}'])
def test_availability_is_read_in_both_of_its_forms(word: bytes) -> None:
    (event,) = reads(shipped("zigbee2mqtt"), "zigbee2mqtt/hall/pir-4/availability", word).events
    assert (event.address, event.rule.condition, event.rule.severity) == ("hall/pir-4", "silent", "failed")


def frigate(kind: str, **after: Any) -> dict[str, Any]:
    body = {"id": "1764000000.1-ab1cd2", "camera": "km012", "label": "person", "score": 0.81, "false_positive": False}
    return {"type": kind, "before": {}, "after": body | {"frame_time": 1764000000.5, "stationary": False} | after}


def test_a_person_before_a_camera_is_a_detection_with_its_track_and_time() -> None:
    (event,) = reads(shipped("frigate"), "frigate/events", frigate("new")).events
    assert (event.address, event.probability, event.track) == ("km012", 0.81, "1764000000.1-ab1cd2")
    assert event.stamped_ns == 1_764_000_000_500_000_000
    assert dict(event.movers) == {"person": 0.9}


@pytest.mark.parametrize(
    "body", [frigate("end"), frigate("update", false_positive=True), frigate("update", stationary=True)]
)
def test_what_frigate_takes_back_or_what_stands_still_is_none(body: dict[str, Any]) -> None:
    assert reads(shipped("frigate"), "frigate/events", body).events == ()


def test_names_that_a_camera_system_gives_to_people_go_nowhere() -> None:
    (event,) = reads(shipped("frigate"), "frigate/events", frigate("new", sub_label="A Name")).events
    assert "A Name" not in str(event)


def test_an_uplink_is_taken_once_whoever_repeats_it() -> None:
    chirpstack = shipped("chirpstack")
    topic = "application/b6a1/device/00aa11bb22cc0412/event/up"
    body = {"deduplicationId": "5d0c", "time": "2026-11-23T13:00:00.123+00:00", "object": {"occupancy": True}}
    first = reads(chirpstack, topic, body)
    assert ("detection", "00aa11bb22cc0412") in gives(first)
    assert first.events[0].stamped_ns == 1_795_438_800_123_000_000
    again = reads(chirpstack, topic, body)
    assert again.duplicate
    assert again.events == ()


def test_test_traffic_of_the_things_stack_is_not_real() -> None:
    stack = shipped("the_things_stack")
    body = {
        "end_device_ids": {"device_id": "pir-0412", "dev_eui": "00AA"},
        "received_at": "2026-11-23T13:00:00.123456789Z",
        "uplink_message": {"f_cnt": 7, "decoded_payload": {"motion": True}},
    }
    assert gives(reads(stack, "v3/app@tenant/devices/pir-0412/up", body | {"simulated": True})) == []
    assert ("detection", "pir-0412") in gives(reads(stack, "v3/app@tenant/devices/pir-0412/up", body))


def test_a_meshtastic_envelope_reads_as_it_was_written() -> None:
    value = read_envelope(write_envelope(0x12345678, 91827364, 1_764_000_000, "S01-gate detected\x07"))
    assert value["from"] == "!12345678"
    assert (value["id"], value["rx_time"], value["port"]) == (91827364, 1_764_000_000, 10)
    assert value["text"] == "S01-gate detected"


def test_a_packet_through_two_gateways_is_one_detection() -> None:
    mesh = shipped("meshtastic")
    raw = write_envelope(0x12345678, 7, 1_764_000_000, "S01-gate detected")
    first = reads(mesh, "msh/EU_868/2/e/LongFast/!00000001", raw)
    assert ("detection", "!12345678") in gives(first)
    assert reads(mesh, "msh/EU_868/2/e/LongFast/!00000002", raw).events == ()


def test_the_state_of_a_meshtastic_sensor_is_its_heartbeat() -> None:
    (event,) = reads(
        shipped("meshtastic"), "msh/EU_868/2/e/LongFast/!1", write_envelope(1, 8, 1_764_000_000, "gate state: 0")
    ).events
    assert (event.rule.gives, event.rule.condition) == ("health", "heartbeat")


def test_an_axis_sensor_stamps_in_milliseconds() -> None:
    body = {"timestamp": 1764000000123, "topic": "onvif:Device/axis:Sensor/PIR", "message": {"data": {"state": "1"}}}
    (event,) = reads(shipped("axis"), "axis/gate/event/tns:onvif/Device/axis/Sensor/PIR", body).events
    assert (event.address, event.stamped_ns) == ("gate", 1_764_000_000_123_000_000)


def test_onvif_over_mqtt_is_told_by_its_rule() -> None:
    body = {"UtcTime": "2026-11-23T13:00:00Z", "Source": {"Rule": "line1"}, "Data": {"State": "true"}}
    topic = "cameras/onvif-ej/RuleEngine/LineDetector/Crossed/&1/line1"
    assert gives(reads(shipped("onvif"), topic, body)) == [("detection", "line1")]


def test_a_topic_that_no_rule_knows_is_told() -> None:
    assert not reads(shipped("zigbee2mqtt"), "other/topic", {}).matched


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"occupancy": tr', "no whole JSON"),
        (b"\xff\xfe\x00", "neither JSON nor text"),
        (b"[" * 100_000, "no whole JSON"),
        (b'{"a":"' + b"x" * 300_000 + b'"}', "allowed: at most"),
    ],
)
def test_a_message_that_cannot_be_read_says_why(raw: bytes, said: str) -> None:
    assert said in reads(shipped("zigbee2mqtt"), "zigbee2mqtt/pir", raw).wrong


@pytest.mark.parametrize("stamp", ["yesterday", -1, 1e300, "2026-11-23T13:00:00", {}, True, float(2**40)])
def test_a_time_that_is_none_costs_only_its_message(stamp: Any) -> None:
    read = reads(shipped("frigate"), "frigate/events", frigate("new", frame_time=stamp))
    assert read.wrong or read.events[0].stamped_ns is not None
    assert not (read.wrong and read.events)


def test_a_device_that_sends_numbers_means_numbers() -> None:
    rule = Rule(topic="t/{device}", gives="detection", when=(When(path="on", equals=1),))
    mapper = Mapper(Map(title="t", subscribe=("t/#",), rule=(rule,)))
    assert reads(mapper, "t/a", {"on": True}).events == ()
    assert len(reads(mapper, "t/a", {"on": 1}).events) == 1


def test_a_map_of_the_site_is_read_and_what_is_wrong_with_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "mine"\nsubscribe = ["a/#"]\n[[rule]]\ntopic = "a/{b"\ngives = "nothing"'
    )
    with pytest.raises(InputError, match=r"mine\.toml: topic: found 'a/\{b'"):
        load_map("mine.toml", tmp_path)
    (tmp_path / "mine.toml").write_text('title = "mine"\nsubscribe = ["a/#"]\n[[rule]]\ntopic = "a"\ngive = "nothing"')
    with pytest.raises(InputError, match="give"):
        load_map("mine.toml", tmp_path)
    with pytest.raises(InputError, match="allowed: axis, chirpstack"):
        load_map("zigbee", tmp_path)
