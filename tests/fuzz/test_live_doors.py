"""Hostile bytes at the live doors: a bad message costs its own finding, and nothing else."""

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.protocols.meshtastic import read_envelope, write_envelope
from linewatch.records import quantise
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.sources.arrivals import event_time_ns
from linewatch.sources.http.rows import ROWS, Rights, item_of
from linewatch.sources.mqtt.mapping import Mapper, load_map, map_names

NOW_NS = 1_790_000_000_000_000_000
MAPPERS = {name: Mapper(load_map(name, Path())) for name in map_names()}
SITE = Site(
    "Yard",
    "UTC",
    (Line(id="main", length_m=600.0, sections=(Section("S01", "main", 0.0, 600.0),)),),
    (Sensor(id="s1", kind="pir", line="main", at_m=100.0, range_m=10.0),),
)
RIGHTS = Rights("box", frozenset({"s1"}), frozenset({"patrol-1"}), weather=True)
TOPICS = st.sampled_from(
    [
        "zigbee2mqtt/hall/pir-4",
        "zigbee2mqtt/a/availability",
        "frigate/events",
        "frigate/gate/status/detect",
        "application/a/device/b/event/up",
        "v3/app/devices/d/up",
        "msh/EU/2/e/LongFast/!1",
        "msh/EU/2/json/LongFast/!1",
        "axis/gate/event/x",
        "cameras/onvif-ej/VideoSource/MotionAlarm/&1",
        "",
        "/",
    ]
)
KEYS = st.sampled_from(
    [
        "occupancy",
        "state",
        "type",
        "after",
        "camera",
        "score",
        "frame_time",
        "label",
        "time",
        "object",
        "timestamp",
        "last_seen",
        "contact",
        "tamper",
        "from",
        "id",
        "payload",
        "text",
        "topic",
        "message",
        "data",
        "Data",
        "UtcTime",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=15,
)


@given(TOPICS, st.binary(max_size=400) | VALUES.map(msgspec.json.encode), st.booleans())
def test_no_message_breaks_a_map(topic: str, payload: bytes, retained: bool) -> None:
    for mapper in MAPPERS.values():
        read = mapper.read(topic, payload, retained=retained)
        assert not (retained and read.events)
        for event in read.events:
            assert 0.0 <= event.probability <= 1.0
            assert event.stamped_ns is None or 0 <= event.stamped_ns < 2**63
            time_ns, _ = event_time_ns(event.stamped_ns, NOW_NS, 3600.0)
            assert time_ns == -1 or NOW_NS - 3600 * 10**9 <= time_ns <= NOW_NS


def refused_or_whole(raw: bytes) -> bool:
    """Whether bytes are refused as the reader says, or read with every value that the maps use, of its kind."""
    try:
        read = read_envelope(raw)
    except ValueError:
        return True
    numbers = all(read[name] >= 0 for name in ("to", "id", "rx_time", "port"))
    return numbers and read["from"].startswith("!") and (read["text"] is None or isinstance(read["text"], str))


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader_of_envelopes(raw: bytes) -> None:
    assert refused_or_whole(raw)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.text(max_size=60), st.data())
def test_a_damaged_envelope_is_read_or_refused(sender: int, packet: int, text: str, data: Any) -> None:
    raw = bytearray(write_envelope(sender, packet, 1_764_000_000, text))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    assert refused_or_whole(bytes(raw))


FIELDS = st.sampled_from(sorted({name for row in ROWS.values() for name in row.__struct_fields__}))
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40)
ROW = st.dictionaries(FIELDS, NUMBERS | st.text(max_size=10) | st.booleans() | st.none(), max_size=6)


@given(st.sampled_from(sorted(ROWS)), ROW)
def test_a_row_becomes_a_sound_record_or_is_refused_with_a_reason(kind: str, values: dict[str, Any]) -> None:
    usual = {
        "detections": {"sensor": "s1"},
        "health": {"sensor": "s1"},
        "positions": {"mover": "patrol-1"},
        "weather": {},
    }
    try:
        item = item_of(msgspec.convert({**values, **usual[kind]}, ROWS[kind]), RIGHTS, SITE, NOW_NS, 3600.0)
    except (msgspec.ValidationError, InputError):
        return
    assert quantise(item) == item  # type: ignore[type-var]
