"""Hostile bytes at the doors of CoT, SAPIENT, ASTERIX, acknowledgements and Features: refused or read, no crash."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.notify.features import Features
from linewatch.notify.rescue import Acknowledge
from linewatch.notify.rescue_text import ONE_SMS, plain, rescue_message
from linewatch.protocols.cot import MOST_BYTES, CotEvent, EventStream, from_xml, to_xml
from linewatch.protocols.sapient import ClockRule, Frames, decoded, faults_of, node_id_of
from linewatch.protocols.sapient_node import Seen, detection, registration
from linewatch.records import Incident, Outage
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.asterix._reading import read_datagram
from linewatch.sources.sapient._session import Session
from tests.unit.notify.made import incident, site

AnswerT = TypeVar("AnswerT")
NODE = node_id_of("a node")
NOW_NS = 1_764_000_000_000_000_000
EVENT = CotEvent(uid="u", type="a-u-G", time_ns=NOW_NS, start_ns=NOW_NS, stale_ns=NOW_NS, callsign="x", remarks="y")
REPORT = detection(NODE, NOW_NS, Seen("m", 23.51, 52.70, 4.0, 0.9, (("Human", 0.8),), 1.0, 1.0))
PLOT = bytes.fromhex("30000c9801020a0020000fff")


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Bytes with a few places overwritten, cut out or doubled."""
    raw = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 12))] = draw(st.binary(max_size=12))
    return bytes(raw)


def answered(read: Callable[[bytes], AnswerT], raw: bytes) -> tuple[AnswerT | None, str]:
    """What was read, or None and the one kind of error that a reader may raise, in words."""
    try:
        return read(raw), ""
    except InputError as error:
        return None, str(error)


@given(damaged(to_xml(EVENT)) | st.binary(max_size=300))
def test_a_damaged_event_is_read_or_refused(raw: bytes) -> None:
    event, said = answered(from_xml, raw)
    assert "allowed" in said if event is None else from_xml(to_xml(event)).uid == event.uid


@given(st.text(max_size=50), st.text(max_size=200))
def test_any_text_goes_into_an_event_and_comes_out_of_it(callsign: str, remarks: str) -> None:
    event = CotEvent(uid="u", type="t", time_ns=0, start_ns=0, stale_ns=0, callsign=callsign, remarks=remarks)
    assert from_xml(to_xml(event)).uid == "u"


@given(st.lists(st.binary(max_size=2000) | st.just(to_xml(EVENT)) | st.just(b"<event"), max_size=60))
def test_a_stream_of_anything_never_grows_beyond_its_bound(pieces: list[bytes]) -> None:
    stream = EventStream()
    for piece in pieces:
        stream.feed(piece)
        assert len(stream._buffer) <= MOST_BYTES


@given(damaged(REPORT.SerializeToString()) | st.binary(max_size=300))
def test_a_damaged_report_is_told_in_faults_or_read(body: bytes) -> None:
    bare = site()
    camera = Sensor(id="cam", kind="camera", line="main", at_m=500.0)
    watched = Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=(camera,))
    session = Session(watched, {NODE: "cam"}, node_id_of("we"), ClockRule())
    session.take(registration(NODE, NOW_NS, "x", "1", 1.0).SerializeToString(), NOW_NS)
    became = session.take(body, NOW_NS)
    for reply in became.replies:
        assert faults_of(reply) == []  # however hostile what came in, what goes out keeps the rules
    assert became.items or became.replies or became.troubles or became.task or session.node_id


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_frames_of_anything_are_cut_or_refused(pieces: list[bytes]) -> None:
    frames = Frames()
    for piece in pieces:
        bodies, said = answered(frames.feed, piece)
        if bodies is None:
            assert "allowed" in said
            return
        for body in bodies:
            message, said = answered(decoded, body)
            assert message is not None or "allowed" in said


@given(damaged(PLOT) | st.binary(max_size=200))
def test_a_damaged_datagram_is_read_or_refused(raw: bytes) -> None:
    datagram, said = answered(read_datagram, raw)
    assert "allowed" in said if datagram is None else len(datagram.plots) <= len(raw)


class _Nothing:
    def incidents(self) -> list[Incident]:
        return [incident("a", 41)]

    def outages(self) -> list[Outage]:
        return []


def _status(app: Any, method: str, path: str, query: bytes = b"") -> int:
    said: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    asyncio.run(app({"type": "http", "method": method, "path": path, "query_string": query}, receive, send))
    return int(said[0]["status"])


@given(st.text(max_size=60), st.binary(max_size=80) | st.sampled_from([b"bbox=1,2,3,4", b"datetime=../..", b"limit=5"]))
def test_any_request_for_features_is_answered(path: str, query: bytes) -> None:
    app = Features(site(), _Nothing(), lambda: NOW_NS)
    assert _status(app, "GET", f"/collections/{path}", query) in (200, 400, 404)
    assert _status(app, "GET", "/collections/incidents/items", query) in (200, 400)


@given(st.text(max_size=80))
def test_no_guessed_link_acknowledges_anything(tail: str) -> None:
    recorded: list[tuple[str, str]] = []
    door = Acknowledge("a secret of sixteen or more", ["desk"], lambda a, b: recorded.append((a, b)))
    assert _status(door, "POST", f"/ack/{tail}") == 404 and recorded == []


@given(
    st.floats(0.0, 4600.0),
    st.floats(0.0, 1e6),
    st.integers(0, 10**6),
    st.lists(st.sampled_from(["stones", "gas", "fire", "ice", "water"]), max_size=5),
    st.integers(0, 10**19),
)
def test_a_rescue_message_is_always_one_sms_with_a_position(
    chainage_m: float, sigma_m: float, count: int, hazards: list[str], now_ns: int
) -> None:
    person = incident(
        "a", 41, chainage_m=chainage_m, chainage_sigma_m=sigma_m, count_high=count, hazards=tuple(hazards)
    )
    text = rescue_message(site(), person, now_ns)
    assert len(text) <= ONE_SMS and text == plain(text) and "34U" in text
