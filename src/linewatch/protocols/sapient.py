"""SAPIENT (BSI Flex 335 v2.0): frames, ids, and what is wrong with a message.

A frame is a 4-byte little-endian length and so many bytes of one `SapientMessage`. Which fields are mandatory, UUID or
ULID stands in the options of the message definitions themselves (package sapient-proto), so that is where the
validation reads it. Faults are told in the words of the Apex middleware of Dstl.
"""

import hashlib
import re
import uuid
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message
from sapient_msg import proto_options_pb2
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage

from linewatch.errors import InputError

__all__ = [
    "ICD_VERSION",
    "MOST_BYTES",
    "ClockRule",
    "Frames",
    "SapientMessage",
    "content_of",
    "decoded",
    "error_of",
    "faults_of",
    "frame",
    "is_node_id",
    "new_message",
    "node_id_of",
    "stamp",
    "time_ns",
    "ulid_of",
]

ICD_VERSION: Final = "BSI Flex 335 v2.0"
MOST_BYTES: Final = 1_048_576
"""Longest message; the Apex middleware's own limit as it comes."""
_PREFIX: Final = 4
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID: Final = re.compile(f"[0-7][{_CROCKFORD}]{{25}}")
_UUID4: Final = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_MOST_FAULTS: Final = 20
_NS_PER_S: Final = 1_000_000_000


class ClockRule(msgspec.Struct, frozen=True):
    """How far the time in a message may be from when it came. The Apex middleware asks for 0.9 and 0.1 s."""

    behind_s: float = 30.0
    """How old it may be."""
    ahead_s: float = 1.0
    """How far ahead of our clock it may be."""


class _Rule(NamedTuple):
    field: FieldDescriptor
    mandatory: bool
    uuid: bool
    ulid: bool
    repeated: bool
    inner: bool


def frame(message: SapientMessage) -> bytes:
    """One message as it goes over the wire. Raises `ValueError` where it is longer than a frame may be."""
    body: bytes = message.SerializeToString(deterministic=True)
    if len(body) > MOST_BYTES:
        raise ValueError(f"message: found {len(body)} bytes; allowed: at most {MOST_BYTES}")
    return len(body).to_bytes(_PREFIX, "little") + body


class Frames:
    """Cuts a stream into the bodies of its messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The whole bodies that are there now. Raises `InputError` on a length that cannot be one."""
        self._buffer += data
        found: list[bytes] = []
        at = 0
        while len(self._buffer) - at >= _PREFIX:
            length = int.from_bytes(self._buffer[at : at + _PREFIX], "little")
            if not 0 < length <= MOST_BYTES:
                raise InputError(f"frame: found a length of {length}; allowed: 1 to {MOST_BYTES} bytes")
            if len(self._buffer) - at - _PREFIX < length:
                break
            found.append(bytes(self._buffer[at + _PREFIX : at + _PREFIX + length]))
            at += _PREFIX + length
        del self._buffer[:at]
        return found


def decoded(body: bytes) -> SapientMessage:
    """The message in a frame. Raises `InputError` where the bytes are none."""
    message = SapientMessage()
    try:
        message.ParseFromString(body)
    except (DecodeError, ValueError, RecursionError) as error:
        raise InputError(f"DecodeError: {error}; allowed: one SapientMessage of {ICD_VERSION}") from error
    return message


def content_of(message: SapientMessage) -> str:
    """Which kind it is; empty for none."""
    return message.WhichOneof("content") or ""


def time_ns(message: SapientMessage) -> int:
    """Its time, in UTC nanoseconds since 1970; 0 where it has none."""
    return int(message.timestamp.seconds * _NS_PER_S + message.timestamp.nanos)


def stamp(message: SapientMessage, at_ns: int) -> None:
    """Set its time."""
    message.timestamp.seconds, message.timestamp.nanos = divmod(at_ns, _NS_PER_S)


def faults_of(message: SapientMessage, *, received_ns: int | None = None, clock: ClockRule | None = None) -> list[str]:
    """What is wrong with a message, one line each; nothing where it may pass. At most twenty are told."""
    found: list[str] = []
    _walk(message, "", found)
    if received_ns is not None and clock is not None and message.HasField("timestamp"):
        delta_s = (time_ns(message) - received_ns) / _NS_PER_S
        if not -clock.behind_s <= delta_s <= clock.ahead_s:
            allowed = f"-{clock.behind_s:g} to {clock.ahead_s:g}"
            found.append(f"timestamp (time): Timestamp delta {delta_s:.3f} s outside {allowed} s")
    if content_of(message) == "registration":
        version = message.registration.icd_version.replace("_", " ")
        if version != ICD_VERSION:
            found.append(f"registration.icd_version (version): Unsupported ICD version: {version[:40]}")
    return found[:_MOST_FAULTS]


def _walk(message: Message, path: str, found: list[str]) -> None:
    rules, oneofs = _rules(message.DESCRIPTOR)
    for rule in rules:
        if len(found) >= _MOST_FAULTS:
            return
        name, where = rule.field.name, f"{path}{rule.field.name}"
        there = _is_there(message, rule)
        if not there:
            if rule.mandatory:
                found.append(f"{where} (mandatory): Missing mandatory field: {name}")
            continue
        _check(getattr(message, name), rule, where, found)
    found += [
        f"{path}{name} (mandatory): Missing mandatory OneOf field: {name}"
        for name in oneofs
        if message.WhichOneof(name) is None
    ]


def _is_there(message: Message, rule: _Rule) -> bool:
    """Whether a field was sent. Of one that cannot say so, its value decides (see `_check`)."""
    if rule.repeated:
        return len(getattr(message, rule.field.name)) > 0
    return not rule.field.has_presence or bool(message.HasField(rule.field.name))


def _check(value: Any, rule: _Rule, where: str, found: list[str]) -> None:
    for each in value if rule.repeated else (value,):
        if rule.inner:
            _walk(each, f"{where}.", found)
        elif rule.ulid and not _ULID.fullmatch(each):
            found.append(f"{where} (id): Invalid ULID: {each[:40]}")
        elif rule.uuid and not _UUID4.fullmatch(each):
            found.append(f"{where} (id): Invalid UUID: {each[:40]}")
        elif (rule.mandatory and rule.field.enum_type is not None and each == 0) or (rule.mandatory and each == ""):
            found.append(f"{where} (mandatory): Missing mandatory field: {rule.field.name}")
        elif isinstance(each, float) and each - each != 0.0:
            found.append(f"{where} (number): Not a finite number")


@lru_cache(maxsize=256)
def _rules(descriptor: Descriptor) -> tuple[tuple[_Rule, ...], tuple[str, ...]]:
    """What the definition asks of the fields of one kind of message; nothing of messages that are not SAPIENT's."""
    rules = []
    for field in descriptor.fields:
        options = field.GetOptions().Extensions[proto_options_pb2.field_options]
        inner = field.message_type is not None and field.message_type.full_name.startswith("sapient_msg.")
        number = field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT)
        if options.is_mandatory or options.is_uuid or options.is_ulid or inner or number:
            rules.append(_Rule(field, options.is_mandatory, options.is_uuid, options.is_ulid, field.is_repeated, inner))
    oneofs = tuple(
        oneof.name
        for oneof in descriptor.oneofs
        if oneof.GetOptions().Extensions[proto_options_pb2.oneof_options].is_mandatory
    )
    return tuple(rules), oneofs


def ulid_of(*parts: str | int) -> str:
    """A ULID that these parts have always: derived, so that what is sent again has the same one."""
    number = int.from_bytes(_digest(parts)[:16], "big")
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def node_id_of(*parts: str | int) -> str:
    """A node id that these parts have always, in the form of a random UUID (version 4)."""
    return str(uuid.UUID(bytes=_digest(parts)[:16], version=4))


def is_node_id(text: str) -> bool:
    """Whether this is a UUID of version 4 as SAPIENT wants it: lower case, with dashes."""
    return _UUID4.fullmatch(text) is not None


def _digest(parts: tuple[str | int, ...]) -> bytes:
    digest = hashlib.sha256(b"sapient")
    for part in parts:
        raw = str(part).encode()
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.digest()


def error_of(node_id: str, body: bytes, messages: list[str], at_ns: int, destination: str = "") -> SapientMessage:
    """The reply to a message that does not pass: its bytes, and why."""
    reply = new_message(node_id, at_ns, destination)
    reply.error.packet = body[:65_536]
    reply.error.error_message.extend(messages)
    return reply


def new_message(node_id: str, at_ns: int, destination: str = "") -> SapientMessage:
    """A message without content."""
    message = SapientMessage(node_id=node_id)
    stamp(message, at_ns)
    if destination:
        message.destination_id = destination
    return message
