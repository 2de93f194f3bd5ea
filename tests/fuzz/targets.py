"""Every parser that takes bytes from outside, as a target that takes any bytes: `guided` and `test_targets` feed them.

A target fails by anything but the one kind of error that its parser may raise.
"""

import asyncio
import json
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError
from linewatch.protocols.cot import MOST_BYTES, EventStream, from_xml, to_xml
from linewatch.protocols.meshtastic import read_envelope
from linewatch.protocols.sapient import ClockRule, Frames, decoded, node_id_of
from linewatch.records import from_bytes, quantise
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Sensor
from linewatch.sources.asterix._reading import read_datagram
from linewatch.sources.cot._reading import Device, Reader
from linewatch.sources.csv.source import CsvSource, Wanted
from linewatch.sources.das._frames import read_frame
from linewatch.sources.http.rows import ROWS, PositionRow, Rights
from linewatch.sources.http.source import HttpSource, digest_of
from linewatch.sources.mqtt.mapping import Mapper, load_map, map_names
from linewatch.sources.nmea._reading import MOST_BYTES as MOST_SENTENCE
from linewatch.sources.nmea._reading import Sentences, read_sentence
from linewatch.sources.sapient._session import Session

NOW_NS: Final = 1_790_000_000_000_000_000
LINE: Final = Line(
    id="main",
    length_m=4600.0,
    coordinates_deg=((23.50, 52.70), (23.53, 52.71), (23.56, 52.70)),
    sections=(Section("S01", "main", 0.0, 4600.0),),
)
SITE: Final = Site(
    "Yard", "UTC", (LINE,), (Sensor(id="s1", kind="camera", line="main", at_m=100.0, range_m=10.0),), folder="."
)
TOKEN: Final = "t" * 32
NODE: Final = node_id_of("a node")


def cot(raw: bytes) -> None:
    """An event, and what becomes of it for each device."""
    reader = Reader(SITE, {"u": Device("u", "patrol-1", certificate="0" * 64)}, 300.0)
    with suppress(InputError):
        event = from_xml(raw)
        assert from_xml(to_xml(event)).uid == event.uid
        for certificate in ("", "0" * 64):
            for item in reader.read(event, NOW_NS, certificate).items:
                assert quantise(item) == item  # type: ignore[type-var]


def cot_stream(raw: bytes) -> None:
    """A stream of events, in pieces."""
    stream = EventStream()
    for at in range(0, len(raw), 97):
        stream.feed(raw[at : at + 97])
        assert len(stream._buffer) <= MOST_BYTES


def nmea(raw: bytes) -> None:
    """Sentences, alone and in a stream."""
    with suppress(InputError):
        fix = read_sentence(raw, NOW_NS)
        if fix is not None and fix.lonlat_deg is not None:
            assert abs(fix.lonlat_deg[0]) <= 180.0 and abs(fix.lonlat_deg[1]) <= 90.0
    stream = Sentences()
    for at in range(0, len(raw), 61):
        stream.feed(raw[at : at + 61])
        assert len(stream._rest) <= MOST_SENTENCE


def csv(raw: bytes) -> None:
    """A followed file that holds this."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(raw)
        file.flush()
        wanted = Wanted(PositionRow, {}, ",", frozenset({"p"}), frozenset())
        source = CsvSource(SITE, "csv", Path(file.name), wanted, from_beginning=True)
        for item in source.poll(NOW_NS):
            assert quantise(item) == item  # type: ignore[type-var]
        assert source.poll(NOW_NS + 1) == [] or source.status().reason


def asterix(raw: bytes) -> None:
    """A datagram of a radar."""
    with suppress(InputError):
        assert len(read_datagram(raw).plots) <= len(raw)


def sapient(raw: bytes) -> None:
    """Frames, and what they hold."""
    frames = Frames()
    session = Session(SITE, {NODE: "s1"}, node_id_of("we"), ClockRule())
    with suppress(InputError):
        for body in frames.feed(raw):
            session.take(body, NOW_NS)
    session.take(raw, NOW_NS)
    with suppress(InputError):
        decoded(raw)


_MAPPERS: Final = [Mapper(load_map(name, Path())) for name in map_names()]
_TOPICS: Final = (
    "zigbee2mqtt/d",
    "frigate/events",
    "application/a/device/b/event/up",
    "axis/a/event/x",
    "weather/loop",
)


def mqtt(raw: bytes) -> None:
    """A message for every map, and the envelope of Meshtastic."""
    for mapper in _MAPPERS:
        for topic in (*_TOPICS, raw[:20].decode("utf-8", errors="replace")):
            for event in mapper.read(topic, raw, retained=False).events:
                assert 0.0 <= event.probability <= 1.0
    with suppress(ValueError):
        read_envelope(raw)


def http(raw: bytes) -> None:
    """The body of a request with a token that is known."""
    rights = Rights("box", frozenset({"s1"}), frozenset({"p"}), weather=True)
    source = HttpSource(SITE, "http", {digest_of(TOKEN): rights}, 0.25, 3600.0)
    assert set(ROWS)
    asked = [{"type": "http.request", "body": raw, "more_body": False}, {"type": "http.disconnect"}]
    said: list[dict[str, Any]] = []

    async def answer() -> None:
        async def receive() -> dict[str, Any]:
            return asked.pop(0) if asked else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        headers = [(b"authorization", f"Bearer {TOKEN}".encode())]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "root_path": "",
            "headers": headers,
            "query_string": b"",
        }
        asking = asyncio.create_task(source.asgi(scope, receive, send))
        while not asking.done():
            await asyncio.sleep(0)
            source.poll(2**62)
            source.committed("http")
        await asking

    asyncio.run(answer())
    assert said[0]["status"] in (200, 400, 413, 422)
    json.loads(said[1]["body"])


def das(raw: bytes) -> None:
    """The header of a frame of a fibre interrogator."""
    with suppress(InputError):
        read_frame([b"das", raw, bytes(16)])


def record(raw: bytes) -> None:
    """Bytes of a record, as a store or a bundle brings them."""
    with suppress(msgspec.DecodeError):
        from_bytes(raw)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    each.__name__: each for each in (cot, cot_stream, nmea, csv, asterix, sapient, mqtt, http, das, record)
}


def everything(raw: bytes) -> None:
    """One of them, by the first byte."""
    if raw:
        list(TARGETS.values())[raw[0] % len(TARGETS)](raw[1:])
