"""NMEA 0183 in: fixes with their checksum, whose receiver it is, what proves it, over every transport."""

import hashlib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from pathlib import Path

import pytest
from pynmeagps import GET, NMEAMessage

from linewatch.errors import InputError, SiteError
from linewatch.records import Health, KnownMover
from linewatch.site.model import SourceSpec
from linewatch.sources.build import build_source
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.nmea._reading import read_sentence
from linewatch.sources.nmea.source import NmeaSource
from tests.unit.notify.made import site, until
from tests.unit.notify.test_cot import certificates, free_port
from tests.unit.sources.test_cot import given_by

S = 1_000_000_000
NOW_NS = 1_790_000_000 * S


def at(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns / 1e9, UTC)


def gga(time_ns: int | None = None, lat: float = 52.705, lon: float = 23.515, **more: object) -> bytes:
    """A sentence as another library makes it."""
    when = at(time.time_ns() if time_ns is None else time_ns)
    values = {"quality": 1, "numSV": 9, "HDOP": 1.2, "alt": 150.0, "altUnit": "M", **more}
    made = NMEAMessage("GN", "GGA", GET, time=when.time(), lat=lat, NS="N", lon=lon, EW="E", **values)
    return bytes(made.serialize())


def rmc(time_ns: int | None = None, status: str = "A") -> bytes:
    when = at(time.time_ns() if time_ns is None else time_ns)
    made = NMEAMessage(
        "GP", "RMC", GET, time=when.time(), status=status, lat=52.705, NS="N", lon=23.515, EW="E", date=when.date()
    )
    return bytes(made.serialize())


def summed(body: bytes) -> bytes:
    return b"$%s*%02X\r\n" % (body, reduce(xor, body, 0))


@contextmanager
def listening(*, start: bool = True, **settings: object) -> Iterator[NmeaSource]:
    usual = {"listen": "udp://127.0.0.1:0", "device": [{"address": "127.0.0.1", "mover": "car-1", "count": 4}]}
    given = {**usual, **settings}
    source = build_source(site(), SourceSpec("nmea", {key: value for key, value in given.items() if value}))
    assert isinstance(source, NmeaSource)
    if start:
        source.start()
    try:
        yield source
    finally:
        source.close()


def send(source: NmeaSource, *datagrams: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for each in datagrams:
            sock.sendto(each, source.address)


def test_the_sentence_of_the_standard_is_read_as_the_standard_says() -> None:
    fix = read_sentence(b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47", NOW_NS)
    assert fix is not None and fix.lonlat_deg == pytest.approx((11.516666667, 48.1173))
    assert fix.time_ns is not None and abs(fix.time_ns - NOW_NS) <= 12 * 3600 * S and fix.sigma_m == 4.5
    fix = read_sentence(b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A", NOW_NS)
    assert fix is not None and at(fix.time_ns or 0) == datetime(1994, 3, 23, 12, 35, 19, tzinfo=UTC)


def test_what_another_library_writes_is_read_again_to_a_few_centimetres() -> None:
    fix = read_sentence(b"\\s:car,c:1790000000*00\\" + gga(NOW_NS), NOW_NS)
    assert fix is not None and fix.lonlat_deg == pytest.approx((23.515, 52.705), abs=1e-6)
    assert abs((fix.time_ns or 0) - NOW_NS) < S // 100


@pytest.mark.parametrize(
    "raw",
    [
        b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48",
        b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,",
        summed(b"GPGGA,246060,4807.038,N,01131.000,E,1,08,0.9"),
        summed(b"GPGGA,123519,9107.038,N,01131.000,E,1,08,0.9"),
        summed(b"GPGGA,123519,4860.000,N,01131.000,E,1,08,0.9"),
        summed(b"GPGGA,123519,4807.038,X,01131.000,E,1,08,0.9"),
        summed(b"GPGGA,123519,4807.038,N,01131.000,E,1,08,-3"),
        summed(b"GPGGA,123519"),
        summed(b"GPRMC,123519,A,4807.038,N,01131.000,E,1,1,310299"),
        b"$" + b"x" * 300 + b"*00",
        b"",
    ],
)
def test_what_is_no_sound_sentence_is_refused_in_words(raw: bytes) -> None:
    with pytest.raises(InputError, match="allowed"):
        read_sentence(raw, NOW_NS)


def test_a_receiver_is_a_mover_that_an_address_does_not_prove() -> None:
    with listening() as source:
        send(source, gga() + rmc())
        (found,) = given_by(source)
    assert isinstance(found, KnownMover)
    assert (found.id, found.count, found.chainage_sigma_m, found.authenticated) == ("car-1", 4, 6.0, False)
    assert abs(found.offset_m or 99.0) < 5.0


def test_ten_times_a_second_is_told_once_and_rmc_stands_in_where_there_is_no_gga() -> None:
    with listening() as source:
        send(source, *(rmc() for _ in range(10)))
        until(lambda: source.status().received == 10, 5.0, "all of them")
        (found,) = given_by(source)
    assert isinstance(found, KnownMover) and found.chainage_sigma_m == 10.0


def test_strangers_no_fix_old_times_and_far_places_are_told_and_become_nothing() -> None:
    with listening(device=[{"address": "127.0.0.9", "mover": "car-9"}]) as source:
        send(source, gga())
        (said,) = given_by(source)
        assert isinstance(said, Health) and said.condition == "unknown_sensor"
        assert source.status().unplaced == {"receiver 127.0.0.1": 1}
    with listening() as source:
        send(source, gga(quality=0), rmc(status="V"), b"$GPGSV,1*6D", rmc(NOW_NS - 400 * 86_400 * S), gga(lat=54.0))
        until(lambda: source.status().received == 5, 5.0, "all of them")
        said_of = sorted(each.condition for each in given_by(source, 2) if isinstance(each, Health))
    assert said_of == ["clock_skew", "refused", "refused"]


def test_a_stream_is_cut_at_its_lines_and_one_without_is_closed() -> None:
    with listening(listen="tcp://127.0.0.1:0") as source, socket.create_connection(source.address, 5.0) as sock:
        raw = gga()
        sock.sendall(raw[:20])
        sock.sendall(raw[20:])
        assert isinstance(given_by(source)[0], KnownMover)
        sock.sendall(b"$" * 1000)
        sock.settimeout(5.0)
        assert sock.recv(10) == b""


def test_a_receiver_with_a_certificate_is_proved(tmp_path: Path) -> None:
    certificates(tmp_path)
    pem = ssl.PEM_cert_to_DER_cert((tmp_path / "client.crt").read_text())
    settings = {
        "listen": "tls://127.0.0.1:0",
        "device": [{"mover": "car-1", "certificate": hashlib.sha256(pem).hexdigest()}],
        "authority": f"{tmp_path}/authority.crt",
        "certificate": f"{tmp_path}/server.crt",
        "private_key": {"file": f"{tmp_path}/server.key"},
    }
    with listening(**settings) as source:
        context = ssl.create_default_context(cafile=f"{tmp_path}/authority.crt")
        context.check_hostname = False
        context.load_cert_chain(tmp_path / "client.crt", tmp_path / "client.key")
        with socket.create_connection(source.address, 5.0) as sock, context.wrap_socket(sock) as tls:
            tls.sendall(gga())
            (found,) = given_by(source)
    assert isinstance(found, KnownMover) and found.authenticated


def test_a_server_of_sentences_is_followed() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", port)) as server,
        listening(listen="", connect=f"tcp://127.0.0.1:{port}", device=[{"mover": "car-1"}]) as source,
    ):
        server.settimeout(5.0)
        connection, _ = server.accept()
        with connection:
            connection.sendall(gga())
            assert isinstance(given_by(source)[0], KnownMover)


def test_it_keeps_to_what_every_source_must() -> None:
    received_ns = time.time_ns()

    def factory() -> NmeaSource:
        with listening(start=False) as source:
            source.take(gga(received_ns), received_ns, "127.0.0.1:9")
            source.take(b"nonsense", received_ns + S, "127.0.0.1:9")
            return source

    assert len(run_checks(factory, Span(received_ns - 10 * S, received_ns + 5 * S))) >= 5


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"listen": ""}, "one of them"),
        ({"device": [{"mover": "a", "address": "nowhere"}]}, "an IPv4 address"),
        ({"device": [{"mover": "a", "address": "127.0.0.1"}] * 2}, "one of its own"),
        ({"device": [{"mover": "a", "address": "127.0.0.1", "certificate": "0" * 64}]}, "address with this listen"),
        ({"listen": "", "connect": "tcp://x:1", "device": [{"mover": "a"}, {"mover": "b"}]}, "exactly one"),
        ({"listen": "", "connect": "tcp://x:1", "device": [{"mover": "a", "address": "127.0.0.1"}]}, "whoever answers"),
        ({"device": [{"mover": "", "address": "127.0.0.1"}]}, "1 to 100 characters"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised, listening(start=False, **more):
        pass
    assert named in str(raised.value)
