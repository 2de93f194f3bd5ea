"""A message is read from its bytes as the library reads it; a socket that gathers gives every byte once."""

import struct
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from linewatch.protocols.mqtt_link import _Gathering, read_publish

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="+#\0"), min_size=1, max_size=40)


def publish(topic: str, payload: bytes, qos: int, mid: int, expires_s: int | None, *, is_v5: bool) -> bytes:
    name = topic.encode()
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if expires_s is not None:
        properties.MessageExpiryInterval = expires_s
        properties.UserProperty = [("a", "b" * 150)]  # so that their length takes two bytes
    return b"".join(
        (
            struct.pack("!H", len(name)),
            name,
            struct.pack("!H", mid) if qos else b"",
            properties.pack() if is_v5 else b"",
            payload,
        )
    )


@given(
    TOPICS,
    st.binary(max_size=60),
    st.integers(0, 1),
    st.integers(1, 65_535),
    st.none() | st.integers(0, 2**31),
    st.booleans(),
    st.sampled_from((0, 1, 8, 9)),
)
def test_a_message_is_read_as_the_library_reads_it(
    topic: str, payload: bytes, qos: int, mid: int, expires_s: int | None, is_v5: bool, flags: int
) -> None:
    command = 0x30 | qos << 1 | flags
    raw = publish(topic, payload, qos, mid, expires_s, is_v5=is_v5)
    version = MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311
    theirs = _packet.decode_publish(command, bytearray(raw), version)
    assert read_publish(command, raw, is_v5=is_v5) == (topic, mid if qos else 0, payload)
    assert (theirs.topic.decode(), theirs.mid if qos else 0, bytes(theirs.payload)) == (
        topic,
        mid if qos else 0,
        payload,
    )


@given(st.binary(max_size=40), st.integers(0x30, 0x3F), st.booleans())
def test_no_bytes_break_it_and_what_it_leaves_to_the_library_is_for_the_library(
    raw: bytes, command: int, is_v5: bool
) -> None:
    read = read_publish(command, raw, is_v5=is_v5)
    if read is not None:
        version = MQTTProtocolVersion.MQTTv5 if is_v5 else MQTTProtocolVersion.MQTTv311
        with suppress(Exception):  # properties that are none, which nobody here reads
            assert _packet.decode_publish(command, bytearray(raw), version).topic.decode() == read[0]


def test_quality_2_a_topic_that_is_none_and_what_is_cut_off_are_left_to_the_library() -> None:
    whole = publish("a/b", b"x", 1, 7, None, is_v5=True)
    assert read_publish(0x34, whole, is_v5=True) is None
    assert read_publish(0x32, b"\0\0\0\7\0x", is_v5=True) is None
    assert read_publish(0x30, b"\0\2\xff\xfe\0", is_v5=True) is None
    assert all(read_publish(0x32, whole[:n], is_v5=True) is None for n in range(8))


class Wire:
    """A socket that has pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)
        self.asked = 0

    def recv(self, size: int) -> bytes:
        self.asked += 1
        if not self.pieces:
            raise BlockingIOError
        return self.pieces.pop(0)

    def pending(self) -> int:
        return 5


@given(st.lists(st.binary(min_size=1, max_size=30), max_size=5), st.lists(st.integers(1, 12), min_size=1, max_size=9))
def test_a_socket_that_gathers_gives_every_byte_once_and_in_order(pieces: list[bytes], sizes: list[int]) -> None:
    wire = Wire(*pieces)
    gathering, out = _Gathering(wire), b""
    try:
        while True:
            out += gathering.recv(sizes[len(out) % len(sizes)])
            assert gathering.pending() >= 0
    except BlockingIOError:
        pass
    assert out == b"".join(pieces) and wire.asked == len(pieces) + 1
    assert gathering.pending() == 5  # what the socket itself has, once nothing is held
