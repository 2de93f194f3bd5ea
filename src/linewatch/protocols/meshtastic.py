"""Meshtastic's ServiceEnvelope, as far as detection sensors need it: protobuf bytes to plain values.

Field numbers as in the project's published message definitions (meshtastic/protobufs, mqtt.proto and mesh.proto).
"""

import struct
from typing import Any, Final

DETECTION_SENSOR: Final = 10
"""Port number of detection sensors (portnums.proto, DETECTION_SENSOR_APP)."""
_MOST_BYTES: Final = 4_096


def read_envelope(raw: bytes) -> dict[str, Any]:
    """An envelope as plain values.

    Keys: from, to, id, rx_time (s), gateway, channel, encrypted (bool), port, text (None where it is none). Raises
    `ValueError` on bytes that are no envelope.
    """
    if len(raw) > _MOST_BYTES:
        raise ValueError(f"{len(raw)} bytes; allowed: at most {_MOST_BYTES}")
    envelope = _fields(raw)
    packet = _fields(_bytes(envelope, 1))
    if 1 not in packet:
        raise ValueError("an envelope without a packet")
    data = _fields(_bytes(packet, 4)) if 4 in packet else {}
    payload = _bytes(data, 2) if 2 in data else b""
    try:
        text = payload.rstrip(b"\x07").decode() if data else None
    except UnicodeDecodeError:
        text = None
    return {
        "from": f"!{_whole(packet, 1):08x}",
        "to": _whole(packet, 2),
        "id": _whole(packet, 6),
        "rx_time": _whole(packet, 7),
        "gateway": _bytes(envelope, 3).decode(errors="replace") if 3 in envelope else "",
        "channel": _bytes(envelope, 2).decode(errors="replace") if 2 in envelope else "",
        "encrypted": 5 in packet,
        "port": _whole(data, 1),
        "text": text,
    }


def write_envelope(sender: int, packet_id: int, rx_time: int, text: str, *, gateway: str = "!00000001") -> bytes:
    """The envelope of a detection sensor's text: for tests, and for trying a site out."""
    data = _field(1, DETECTION_SENSOR) + _field(2, text.encode())
    packet = struct.pack("<BIBI", 0x0D, sender, 0x15, 0xFFFFFFFF) + _field(4, data)
    packet += struct.pack("<BIBI", 0x35, packet_id, 0x3D, rx_time)
    return _field(1, packet) + _field(2, b"LongFast") + _field(3, gateway.encode())


def _fields(raw: bytes) -> dict[int, int | bytes]:
    """The fields of one message by number, the last of each: the wire format of protobuf."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            found[number], at = _varint(raw, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            piece = raw[at : at + size]
            if len(piece) < size:
                raise ValueError("bytes that end within a field")
            found[number], at = int.from_bytes(piece, "little"), at + size
        elif wire == 2:
            length, at = _varint(raw, at)
            if at + length > len(raw):
                raise ValueError("bytes that end within a field")
            found[number], at = raw[at : at + length], at + length
        else:
            raise ValueError(f"wire type {wire}")
    return found


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            raise ValueError("bytes that end within a number")
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than 10 bytes")


def _bytes(fields: dict[int, int | bytes], number: int) -> bytes:
    value = fields.get(number, b"")
    if not isinstance(value, bytes):
        raise ValueError(f"field {number} is a number; allowed: bytes")  # noqa: TRY004 - bad input, not a bad call
    return value


def _whole(fields: dict[int, int | bytes], number: int) -> int:
    value = fields.get(number, 0)
    if not isinstance(value, int):
        raise ValueError(f"field {number} is bytes; allowed: a number")  # noqa: TRY004 - bad input, not a bad call
    return value


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return bytes([number << 3]) + _varint_bytes(value)
    return bytes([number << 3 | 2]) + _varint_bytes(len(value)) + value


def _varint_bytes(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
