"""Cursor on Target: one event to XML and back, and events out of a stream of bytes.

After the event schema 2.0 as the TAK programs use it (snstac/pytak, tkuester/taky): attributes `version uid type how
time start stale`, a `point` with `lat lon hae ce le` in degrees and metres (9999999.0 for not known), a `detail`.
"""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from typing import Final
from xml.sax.saxutils import escape, quoteattr

import msgspec

from linewatch.errors import InputError

UNKNOWN_M: Final = 9_999_999.0
"""Stands for a height or an error that is not known."""
MOST_BYTES: Final = 65_536
"""Longest event that is read; those of people with drawings are a few thousand bytes."""
PING: Final = "t-x-c-t"
"""Asks a server for a sign of life ..."""
PONG: Final = "t-x-c-t-r"
"""... and its answer."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = b"</event>"
_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class CotEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event."""

    uid: str
    """Stays the same for all that is said of one thing."""
    type: str
    """What it is, in the tree of types."""
    how: str = "m-g"
    """How it came about: `m-g` by machine."""
    time_ns: int
    """When it was said."""
    start_ns: int
    """From when it holds."""
    stale_ns: int
    """When a screen may drop it."""
    lat: float = 0.0
    """Latitude in degrees, WGS 84."""
    lon: float = 0.0
    """Longitude in degrees, WGS 84."""
    hae_m: float = UNKNOWN_M
    """Height above the ellipsoid."""
    ce_m: float = UNKNOWN_M
    """Radius in which it lies."""
    le_m: float = UNKNOWN_M
    """Error of the height."""
    callsign: str = ""
    """Name on the screen."""
    remarks: str = ""
    """Text."""
    course_deg: float | None = None
    """Course, clockwise from north."""
    speed_mps: float | None = None
    """Speed over ground."""
    path: tuple[tuple[float, float], ...] = ()
    """Longitudes and latitudes of a drawn line."""
    emergency: str = ""
    """Kind of emergency, where the event is one; `cancel` takes it back."""
    parent: str = ""
    """Uid of the device that it is from, where the event says so beside its own."""


def to_xml(event: CotEvent) -> bytes:
    """The event as one XML element, in UTF-8, without a declaration: fit for a datagram and for a stream."""
    times = {"time": event.time_ns, "start": event.start_ns, "stale": event.stale_ns}
    head = {"version": "2.0", "uid": event.uid, "type": event.type, "how": event.how}
    head |= {name: time_text(value) for name, value in times.items()}
    point = {"lat": f"{event.lat:.7f}", "lon": f"{event.lon:.7f}"}
    point |= {"hae": f"{event.hae_m:.1f}", "ce": f"{event.ce_m:.1f}", "le": f"{event.le_m:.1f}"}
    detail = "".join(_details(event))
    return f"<event{_attributes(head)}><point{_attributes(point)}/><detail>{detail}</detail></event>".encode()


def _details(event: CotEvent) -> list[str]:
    parts = []
    if event.callsign:
        parts.append(f"<contact{_attributes({'callsign': event.callsign})}/>")
    if event.course_deg is not None or event.speed_mps is not None:
        course, speed = event.course_deg or 0.0, event.speed_mps or 0.0
        parts.append(f"<track{_attributes({'course': f'{course:.1f}', 'speed': f'{speed:.2f}'})}/>")
    parts += [f"<link{_attributes({'point': f'{lat:.7f},{lon:.7f}'})}/>" for lon, lat in event.path]
    if event.path:
        parts.append('<strokeColor value="-65536"/><strokeWeight value="4.0"/>')
    if event.parent:
        parts.append(f"<link{_attributes({'uid': event.parent, 'relation': 'p-p', 'type': 'a-f-G-U-C'})}/>")
    if event.emergency:
        attribute = "cancel" if event.emergency == "cancel" else "type"
        value = "true" if event.emergency == "cancel" else event.emergency
        parts.append(f"<emergency{_attributes({attribute: value})}>{escape(_clean(event.callsign))}</emergency>")
    if event.remarks:
        parts.append(f"<remarks>{escape(_clean(event.remarks))}</remarks>")
    return parts


def from_xml(raw: bytes) -> CotEvent:
    """The event again. Raises `InputError` in one line on anything else, however hostile."""
    if len(raw) > MOST_BYTES:
        raise InputError(f"event: found {len(raw)} bytes; allowed: at most {MOST_BYTES}")
    if b"<!" in raw:
        raise InputError("event: found a document type or comment; allowed: an XML element without either")
    try:
        root = ET.fromstring(raw)  # noqa: S314 - no document type, so no entity to expand
    except (ET.ParseError, ValueError, LookupError) as error:
        raise InputError(f"event: found no well-formed XML ({error}); allowed: one <event> element") from error
    if root.tag != "event":
        raise InputError(f"event: found an element {root.tag[:40]!r}; allowed: event")
    point = root.find("point")
    detail = root.find("detail")
    if point is None:
        raise InputError("event point: found nothing; allowed: an element with lat, lon, hae, ce, le")
    detail = ET.Element("detail") if detail is None else detail
    contact, track, emergency = detail.find("contact"), detail.find("track"), detail.find("emergency")
    return CotEvent(
        uid=_text(root, "uid"),
        type=_text(root, "type"),
        how=root.get("how", "")[:40],
        time_ns=time_ns_of(_text(root, "time")),
        start_ns=time_ns_of(_text(root, "start")),
        stale_ns=time_ns_of(_text(root, "stale")),
        lat=_number(point, "lat", 90.0),
        lon=_number(point, "lon", 180.0),
        hae_m=_number(point, "hae", UNKNOWN_M, UNKNOWN_M),
        ce_m=_number(point, "ce", UNKNOWN_M, UNKNOWN_M),
        le_m=_number(point, "le", UNKNOWN_M, UNKNOWN_M),
        callsign="" if contact is None else contact.get("callsign", "")[:200],
        remarks=(detail.findtext("remarks") or "")[:2000],
        course_deg=None if track is None else _number(track, "course", 720.0, 0.0) % 360.0,
        speed_mps=None if track is None else _number(track, "speed", 1000.0, 0.0),
        emergency=_emergency(emergency),
        parent=_parent(detail),
    )


def _emergency(element: ET.Element | None) -> str:
    if element is None:
        return ""
    return "cancel" if element.get("cancel") == "true" else (element.get("type") or "unknown")[:60]


def _parent(detail: ET.Element) -> str:
    links = (link for link in detail.findall("link") if link.get("relation") == "p-p")
    return next((link.get("uid", "")[:200] for link in links), "")


def _text(element: ET.Element, name: str) -> str:
    value = element.get(name, "")
    if not 0 < len(value) <= 200:
        raise InputError(f"event {name}: found {value[:40]!r}; allowed: 1 to 200 characters")
    return value


def _number(element: ET.Element, name: str, most: float, default: float | None = None) -> float:
    text = element.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not -most <= value <= most:
        raise InputError(f"event {element.tag} {name}: found {(text or '')[:40]!r}; allowed: a number up to {most:g}")
    return value


def time_text(time_ns: int) -> str:
    """ISO 8601 in UTC, to the millisecond."""
    at = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def time_ns_of(text: str) -> int:
    """UTC nanoseconds since 1970. Raises `InputError` on anything that is no date and time with a zone."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime(1, 1, 1)  # noqa: DTZ001 - stands for no time at all, and is refused below
    if at.tzinfo is None or not 1970 <= at.year < 2100:
        raise InputError(f"event time: found {text[:40]!r}; allowed: a date and time with zone, 1970 to 2099")
    return ((at - _EPOCH) // timedelta(microseconds=1)) * 1000


class EventStream:
    """Cuts a stream at the ends of its events. What is longer than an event may be is thrown away and counted."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.thrown_away = 0
        """How often too much came without an end."""

    def feed(self, data: bytes) -> list[bytes]:
        """The whole events that are there now."""
        searched = max(len(self._buffer) - len(_END), 0)
        self._buffer += data
        events = []
        while (end := self._buffer.find(_END, searched)) >= 0:
            begin = self._buffer.find(b"<event", 0, end)
            if begin >= 0:
                events.append(bytes(self._buffer[begin : end + len(_END)]))
            del self._buffer[: end + len(_END)]
            searched = 0
        if len(self._buffer) > MOST_BYTES:
            self._buffer.clear()
            self.thrown_away += 1
        return events


def _attributes(values: dict[str, str]) -> str:
    return "".join(f" {name}={quoteattr(_clean(value))}" for name, value in values.items())


def _clean(text: str) -> str:
    """Without what XML 1.0 cannot hold."""
    return _NOT_XML.sub("", text)
