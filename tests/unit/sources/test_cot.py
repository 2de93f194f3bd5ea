"""Cursor on Target in: positions, proof, cries for help, over every transport, and through a real TAK server."""

import asyncio
import hashlib
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from linewatch.errors import SiteError
from linewatch.ports import Item
from linewatch.protocols.cot import PING, PONG, CotEvent, from_xml, to_xml
from linewatch.protocols.farewell import end_stream
from linewatch.records import Emergency, Health, KnownMover
from linewatch.site.model import SourceSpec
from linewatch.sources.build import build_source
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.cot.source import CotSource
from tests.unit.notify.made import site, until
from tests.unit.notify.test_cot import certificates, free_port, tak_server

with warnings.catch_warnings():
    # Of the parts of pytak that want aiohttp, none is used here.
    warnings.simplefilter("ignore")
    import pytak

S = 1_000_000_000
LON, LAT = 23.515, 52.705
"""On the line, half-way to its bend."""


def event(uid: str = "ANDROID-1", kind: str = "a-f-G-U-C", seconds: float = 0.0, **more: object) -> CotEvent:
    now_ns = time.time_ns() // 1000 * 1000 + round(seconds * S)
    made = CotEvent(uid=uid, type=kind, time_ns=now_ns, start_ns=now_ns, stale_ns=now_ns + 60 * S, lat=LAT, lon=LON)
    return msgspec.structs.replace(made, **{"ce_m": 9.0, "callsign": "a name that must not be kept", **more})


def cry(uid: str = "ANDROID-1-9-1-1", kind: str = "b-a-o-tbl", **more: object) -> CotEvent:
    return event(uid, kind, **{"emergency": "cancel" if kind == "b-a-o-can" else "911 Alert", **more})


@contextmanager
def listening(*, start: bool = True, **settings: object) -> Iterator[CotSource]:
    usual = {"listen": "udp://127.0.0.1:0", "device": [{"uid": "ANDROID-1", "mover": "patrol-1", "count": 2}]}
    given = {**usual, **settings}
    source = build_source(site(), SourceSpec("cot", {key: value for key, value in given.items() if value}))
    assert isinstance(source, CotSource)
    if start:
        source.start()
    try:
        yield source
    finally:
        source.close()


def given_by(source: CotSource, count: int = 1, within_s: float = 10.0) -> list[Item]:
    """What the source gives, until there are so many."""
    items: list[Item] = []

    def look() -> bool:
        items.extend(source.poll(time.time_ns() + S))
        return len(items) >= count

    until(look, within_s, f"{count} records")
    return items


def sent(source: CotSource, *events: CotEvent | bytes, count: int = 1) -> list[Item]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for each in events:
            sock.sendto(each if isinstance(each, bytes) else to_xml(each), source.address)
    return given_by(source, count)


def test_a_position_is_a_mover_that_proves_nothing_under_its_call_sign_and_no_other_name() -> None:
    with listening() as source:
        (found,) = sent(source, event())
    assert isinstance(found, KnownMover)
    assert (found.id, found.count, found.chainage_sigma_m, found.authenticated) == ("patrol-1", 2, 9.0, False)
    assert 1000.0 < found.chainage_m < 1400.0 and abs(found.offset_m or 99.0) < 5.0


def test_an_emergency_is_a_cry_wherever_and_whoever_it_is_from() -> None:
    with listening() as source:
        found = sent(source, cry(), cry("STRANGER-9-1-1", lat=10.0), cry("X-9-1-1", lat=0.0, lon=0.0), count=3)
    cries = [each for each in found if isinstance(each, Emergency)]
    assert [each.id for each in cries] == ["patrol-1", "STRANGER", "X"] and not any(each.over for each in cries)
    assert (cries[0].what, cries[0].where) == ("911 Alert", "52.70500N 23.51500E")
    assert cries[1].chainage_sigma_m > 100_000.0
    assert (cries[2].where, cries[2].chainage_sigma_m) == ("a place not known", 2300.0)


def test_a_device_that_lost_its_fix_cries_from_where_it_was_last() -> None:
    with listening() as source:
        sent(source, event())
        (found,) = sent(source, cry(lat=0.0, lon=0.0))
    assert isinstance(found, Emergency) and found.where == "52.70500N 23.51500E"


def test_taking_it_back_is_told_and_the_device_may_stand_in_a_link() -> None:
    with listening() as source:
        (found,) = sent(source, cry("made up", "b-a-o-can", parent="ANDROID-1"))
    assert isinstance(found, Emergency) and (found.id, found.over) == ("patrol-1", True)


def test_an_emergency_of_a_device_whose_clock_was_never_set_is_taken_and_an_old_memory_is_not() -> None:
    unset = cry(time_ns=S, start_ns=S, stale_ns=60 * S)
    with listening() as source:
        found = sent(source, unset, count=2)
        assert isinstance(found[0], Emergency) and abs(found[0].time_ns - time.time_ns()) < 60 * S
        assert isinstance(found[1], Health) and found[1].condition == "clock_skew"
        (said,) = sent(source, cry(seconds=-5 * 3600.0))
        assert isinstance(said, Health) and "dropped more than an hour before" in said.text


def test_strangers_are_offered_for_placement_and_our_own_words_are_no_news() -> None:
    with listening() as source:
        own = cry("linewatch.other.incident.distress")
        (said,) = sent(source, own, event("b", "a-h-G"), event("chat", "b-t-f"), event("NEW-7"))
        assert isinstance(said, Health) and said.condition == "unknown_sensor"
        assert source.status().unplaced == {"device NEW-7": 1}


@pytest.mark.parametrize(
    ("raw", "condition"),
    [
        (b"<event", "refused"),
        (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'b'>]><event/>", "refused"),
        (b"\xbf\x01\xbf\x0a\x02", "refused"),
        (to_xml(event(lat=95.0)), "refused"),
        (to_xml(event(seconds=-3600.0)), "clock_skew"),
        (to_xml(event(lat=54.0)), "refused"),
    ],
)
def test_what_makes_no_sense_costs_one_finding(raw: bytes, condition: str) -> None:
    with listening() as source:
        (found,) = sent(source, raw)
    assert isinstance(found, Health) and found.condition == condition


def test_events_back_to_back_over_a_stream_are_cut_and_pings_are_answered() -> None:
    with (
        listening(listen="tcp://127.0.0.1:0") as source,
        socket.create_connection(source.address, 5.0) as sock,
    ):
        raw = b"<?xml version='1.0'?>" + to_xml(event()) + to_xml(cry()) + to_xml(event("x", PING))
        for at in range(0, len(raw), 100):
            sock.sendall(raw[at : at + 100])
        assert [type(each) for each in given_by(source, 2)] == [KnownMover, Emergency]
        sock.settimeout(5.0)
        assert from_xml(sock.recv(65536)).type == PONG
        assert source.status().up


def test_a_stream_without_an_end_is_closed() -> None:
    with (
        listening(listen="tcp://127.0.0.1:0") as source,
        socket.create_connection(source.address, 5.0) as sock,
    ):
        sock.sendall(b"<event " + b"x" * 70_000)
        sock.settimeout(5.0)
        assert sock.recv(100) == b""
        (found,) = given_by(source)
    assert isinstance(found, Health) and "without an end" in found.text


def test_only_who_holds_the_certificate_of_a_device_speaks_for_it_and_that_counts_as_proved(tmp_path: Path) -> None:
    certificates(tmp_path)
    pem = ssl.PEM_cert_to_DER_cert((tmp_path / "client.crt").read_text())
    devices = [
        {"uid": "ANDROID-1", "mover": "patrol-1", "certificate": hashlib.sha256(pem).hexdigest()},
        {"uid": "ANDROID-2", "mover": "patrol-2", "certificate": "0" * 64},
    ]
    settings = {
        "listen": "tls://127.0.0.1:0",
        "device": devices,
        "authority": f"{tmp_path}/authority.crt",
        "certificate": f"{tmp_path}/server.crt",
        "private_key": {"file": f"{tmp_path}/server.key"},
    }
    with listening(**settings) as source:
        context = ssl.create_default_context(cafile=f"{tmp_path}/authority.crt")
        context.check_hostname = False
        context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
        with socket.create_connection(source.address, 5.0) as sock, context.wrap_socket(sock) as tls:
            tls.sendall(to_xml(event("ANDROID-1")) + to_xml(event("ANDROID-2")) + to_xml(cry("ANDROID-2-9-1-1")))
            found = given_by(source, 3)
        bare = ssl.create_default_context(cafile=f"{tmp_path}/authority.crt")
        bare.check_hostname = False
        with socket.create_connection(source.address, 5.0) as sock:
            assert refused(bare, sock)
    # Where they were polled one by one, what is told of the second comes before the third.
    mover, forged, refusal = sorted(found, key=lambda item: (KnownMover, Emergency, Health).index(type(item)))
    assert isinstance(mover, KnownMover) and mover.authenticated and mover.id == "patrol-1"
    assert isinstance(forged, Emergency) and not forged.authenticated and forged.id == "patrol-2"
    assert isinstance(refusal, Health) and refusal.text.endswith("somebody speaks for patrol-2 without its certificate")


def refused(context: ssl.SSLContext, sock: socket.socket) -> bool:
    """Whether the door ends a link without a certificate: under TLS 1.3 a client learns of it when it reads."""
    try:
        with context.wrap_socket(sock) as tls:
            tls.sendall(to_xml(event("ANDROID-1")))
            return tls.recv(1) == b""
    except (ssl.SSLError, ConnectionError):
        return True


async def _say(port: int, *events: CotEvent) -> None:
    """Send by a TAK client."""
    config = {"COT_URL": f"tcp://127.0.0.1:{port}", "PYTAK_NO_HELLO": "1"}
    _, writer = await pytak.protocol_factory(config)
    for each in events:
        writer.write(to_xml(each))
    await writer.drain()
    await asyncio.sleep(0.2)
    await end_stream(writer)


@pytest.mark.slow
def test_what_a_tak_client_says_to_a_tak_server_comes_here_and_a_server_that_goes_is_found_again(
    tmp_path: Path,
) -> None:
    port = free_port()
    with listening(listen="", connect=f"tcp://127.0.0.1:{port}") as source:
        with tak_server(tmp_path / "tak", port):
            until(lambda: source.status().up, 20.0, "the link")
            asyncio.run(_say(port, event(), cry()))
            found = given_by(source, 3)
            kinds = {type(each) for each in found}
            assert {KnownMover, Emergency} <= kinds
        until(lambda: not source.status().up, 20.0, "that the link is lost")
        (lost,) = [each for each in given_by(source) if isinstance(each, Health)]
        assert lost.condition == "link_lost"
        with tak_server(tmp_path / "tak", port):
            until(lambda: source.status().up, 20.0, "the link")
            assert any(isinstance(each, Health) and each.condition == "recovered" for each in given_by(source))


@pytest.mark.slow
def test_over_tls_to_a_tak_server_that_is_vouched_for_positions_are_proved(tmp_path: Path) -> None:
    certificates(tmp_path)
    port = free_port()
    named = {"ca": "authority.crt", "cert": "server.crt", "key": "server.key"}
    tls = "[ssl]\nenabled = true\n" + "".join(f"{key} = {tmp_path}/{name}\n" for key, name in named.items())
    settings = {
        "listen": "",
        "connect": f"tls://127.0.0.1:{port}",
        "authority": f"{tmp_path}/authority.crt",
        "certificate": f"{tmp_path}/client.crt",
        "private_key": {"file": f"{tmp_path}/client.key"},
        "server_vouches": True,
    }
    context = ssl.create_default_context(cafile=f"{tmp_path}/authority.crt")
    context.check_hostname = False
    context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
    with tak_server(tmp_path / "tak", port, tls), listening(**settings) as source:
        until(lambda: source.status().up, 20.0, "the link")
        with socket.create_connection(("127.0.0.1", port), 5.0) as sock, context.wrap_socket(sock) as device:
            found: list[Item] = []

            def told() -> bool:
                device.sendall(to_xml(event()))
                found.extend(source.poll(time.time_ns() + S))
                return any(isinstance(each, KnownMover) for each in found)

            until(told, 10.0, "a position")
    assert all(each.authenticated for each in found if isinstance(each, KnownMover))


def test_it_keeps_to_what_every_source_must() -> None:
    received_ns = time.time_ns()

    def factory() -> CotSource:
        with listening(start=False) as source:
            source.take(to_xml(event(time_ns=received_ns)), received_ns)
            source.take(to_xml(cry(time_ns=received_ns)), received_ns + S)
            source.take(b"nonsense", received_ns + S)
            return source

    assert len(run_checks(factory, Span(received_ns - 400 * S, received_ns + 5 * S))) >= 5


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"listen": ""}, "one of them"),
        ({"connect": "tcp://x:1"}, "one of them"),
        ({"listen": "http://x:1"}, "udp://HOST:PORT"),
        ({"listen": "udp://0.0.0.0:6969"}, "private_network = true"),
        ({"listen": "tls://0.0.0.0:8089"}, "authority, certificate and private_key"),
        ({"listen": "tcp://tak.example:8087"}, "an IPv4 address"),
        ({"listen": "", "connect": "udp://x:1"}, "datagrams come by listen"),
        ({"device": [{"uid": "a", "mover": "b", "count": 99}]}, "1 to 50"),
        ({"device": [{"uid": "a", "mover": "b"}, {"uid": "a", "mover": "c"}]}, "a uid of its own"),
        ({"device": [{"uid": "a", "mover": "b", "certificate": "0" * 64}]}, "listen = tls://"),
        ({"server_vouches": True}, "with connect = tls://"),
        ({"oldest_s": 0.1}, "1 to 86400 s"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised, listening(start=False, **more):
        pass
    assert named in str(raised.value)
