"""Cursor on Target: what is written is read, by ourselves and by others, and what is hostile is refused."""

import warnings

import pytest
from lxml import etree

from linewatch.errors import InputError
from linewatch.protocols.cot import MOST_BYTES, CotEvent, EventStream, from_xml, time_ns_of, time_text, to_xml

with warnings.catch_warnings():
    # taky asks for its version in an old-fashioned way.
    warnings.simplefilter("ignore")
    from taky.cot.models import Event

NOW_NS = 1_764_000_000_123_000_000
EVENT = CotEvent(
    uid="linewatch.x.1",
    type="b-m-p-s-m",
    time_ns=NOW_NS,
    start_ns=NOW_NS,
    stale_ns=NOW_NS + 120_000_000_000,
    lat=53.1,
    lon=23.5,
    ce_m=25.0,
    callsign="S01 km 12.340",
    remarks='vibration & PIR <agree> "0.93"',
    course_deg=90.0,
    speed_mps=1.25,
)


def test_what_is_written_is_read() -> None:
    assert from_xml(to_xml(EVENT)) == EVENT


def test_another_library_reads_what_we_write() -> None:
    event = Event.from_elm(etree.fromstring(to_xml(EVENT)))
    assert (event.uid, event.etype, event.point.lat, event.point.lon, event.point.ce) == (
        *("linewatch.x.1", "b-m-p-s-m"),
        *(53.1, 23.5, 25.0),
    )


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    assert from_xml(to_xml(CotEvent(uid="a\x00b", type="t", time_ns=0, start_ns=0, stale_ns=0))).uid == "ab"


def test_a_time_is_told_to_the_millisecond() -> None:
    assert time_text(NOW_NS) == "2025-11-24T16:00:00.123Z" and time_ns_of(time_text(NOW_NS)) == NOW_NS


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (b"", "no well-formed XML"),
        (b"<event", "no well-formed XML"),
        (b"<x/>", "an element 'x'"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><event/>', "a document type"),
        (b"<event/>" + b" " * MOST_BYTES, "65544 bytes"),
        (to_xml(EVENT).replace(b"<point", b"<pint"), "event point"),
        (to_xml(EVENT).replace(b'lat="53.1', b'lat="91'), "event point lat"),
        (to_xml(EVENT).replace(b'lat="53.1000000"', b'lat="nan"'), "event point lat"),
        (to_xml(EVENT).replace(b'uid="linewatch.x.1"', b""), "event uid"),
        (to_xml(EVENT).replace(b"2025-", b"2100-"), "event time"),
        (to_xml(EVENT).replace(b"2025-", b"1969-"), "event time"),
        (to_xml(EVENT).replace(b"2025-11-24T", b"yesterday "), "event time"),
        (b'<?xml version="1.0" encoding="utf-99"?><event/>', "no well-formed XML"),
    ],
)
def test_what_is_no_event_is_one_clear_error(raw: bytes, named: str) -> None:
    with pytest.raises(InputError) as raised:
        from_xml(raw)
    assert named in str(raised.value) and "allowed" in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_a_stream_gives_the_same_events_however_it_is_cut(size: int) -> None:
    raw = b"<?xml?>\n" + to_xml(EVENT) * 3 + b"  " + to_xml(EVENT)[:-5]
    stream = EventStream()
    found = [event for begin in range(0, len(raw), size) for event in stream.feed(raw[begin : begin + size])]
    assert found == [to_xml(EVENT)] * 3


def test_a_stream_without_an_end_is_thrown_away_and_counted() -> None:
    stream = EventStream()
    for _ in range(100):
        stream.feed(b"<event " + b"a" * 1000)
    assert stream.thrown_away == 1 and stream.feed(b"</event>" + to_xml(EVENT))[-1] == to_xml(EVENT)
