"""Cursor on Target against a real TAK server (taky), with a real TAK client (pytak) behind it; UDP and TLS."""

import asyncio
import datetime as dt
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from linewatch.app.news import Standing
from linewatch.errors import SiteError
from linewatch.notify.build import build_notifiers
from linewatch.notify_ports import Situation
from linewatch.protocols.cot import CotEvent, from_xml
from linewatch.records import ACTS, MOVERS, KnownMover, Track
from linewatch.store.reader import open_store
from tests.unit.notify.made import Kept, delivering, incident, outage, settled, site, until, writer

with warnings.catch_warnings():
    # Of the parts of pytak that want aiohttp, none is used here.
    warnings.simplefilter("ignore")
    import pytak


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def tak_server(folder: Path, port: int, tls: str = "") -> Iterator[None]:
    """A taky server on this port."""
    folder.mkdir(exist_ok=True)
    (folder / "taky.conf").write_text(
        f"[taky]\nbind_ip = 127.0.0.1\nhostname = tak\nroot_dir = {folder}\n[cot_server]\nport = {port}\n{tls}"
    )
    command = [sys.executable, "-m", "taky.cot", "-c", str(folder / "taky.conf"), "-l", "warning"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            until(lambda: _listens(port) or process.poll() is not None, 20.0, "a TAK server that listens")
            yield
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


async def _seen_by_a_client(port: int, count: int, within_s: float, keys: Path | None) -> list[CotEvent]:
    """What a TAK client that joins now is sent, until so many of ours have come; with keys it comes by TLS."""
    config = {"COT_URL": f"{'tls' if keys else 'tcp'}://127.0.0.1:{port}", "PYTAK_NO_HELLO": "1"}
    if keys is not None:
        files = {"CLIENT_CERT": "client.crt", "CLIENT_KEY": "client.key", "CLIENT_CAFILE": "authority.crt"}
        config |= {f"PYTAK_TLS_{name}": f"{keys}/{file}" for name, file in files.items()}
        config["PYTAK_TLS_DONT_CHECK_HOSTNAME"] = "1"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it sets up TLS by options that Python means to drop
        reader, writer_ = await pytak.protocol_factory(config)
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    worker = pytak.RXWorker(queue, config, reader)
    running = asyncio.create_task(worker.run())
    found: list[CotEvent] = []
    end_s = time.monotonic() + within_s
    while len(found) < count and time.monotonic() < end_s:
        with suppress(TimeoutError):
            found.append(from_xml(await asyncio.wait_for(queue.get(), 0.5)))
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    writer_.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer_.wait_closed(), 5.0)
    return found


def seen_by_a_client(port: int, count: int, within_s: float = 10.0, keys: Path | None = None) -> list[CotEvent]:
    return asyncio.run(_seen_by_a_client(port, count, within_s, keys))


@pytest.mark.slow
def test_a_tak_client_sees_the_incident_and_the_outage_through_a_tak_server(tmp_path: Path) -> None:
    port = free_port()
    table = {"plugin": "cot", "url": f"tcp://127.0.0.1:{port}"}
    with tak_server(tmp_path / "tak", port), writer(tmp_path / "store") as store:
        with delivering(store, site(table)) as delivery:
            store.write(incident("a", 41, hazards=("ice",)), outage())
            settled(delivery, store)
            seen = {event.uid: event for event in seen_by_a_client(port, 3)}
        assert set(seen) == {f"linewatch.bench.{each}" for each in ("a", "a.hazard", "outage-1")}
        marker = seen["linewatch.bench.a"]
        assert marker.type == "b-m-p-s-m" and abs(marker.lat - 52.70) < 0.01 and abs(marker.lon - 23.5) < 0.01
        assert "gate 3" in marker.callsign and "one mover towards the line" in marker.remarks
        assert seen["linewatch.bench.a.hazard"].callsign == "HAZARD ice"
        assert seen["linewatch.bench.outage-1"].type == "u-d-f"


@pytest.mark.slow
def test_a_tak_server_that_was_stopped_gets_everything_once_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    table = {"plugin": "cot", "url": f"tcp://127.0.0.1:{port}", "tracks": False}
    with writer(tmp_path / "store") as store:
        with delivering(store, site(table)) as delivery:
            with tak_server(tmp_path / "tak", port):
                store.write(incident("a", 41))
                settled(delivery, store)
            for name in ("b", "c", "d"):
                store.write(incident(name, 42))
            delivery.wake()
            until(lambda: not delivery.status()[0].up, what="that the server is down")
            with tak_server(tmp_path / "tak", port):
                settled(delivery, store)
                seen = {event.uid.rsplit(".", 1)[1] for event in seen_by_a_client(port, 3)}
        assert {"b", "c", "d"} <= seen


def test_a_server_that_answers_no_ping_is_told_of_and_may_be_trusted_on_request(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, writer(tmp_path) as store:
        port = silent.getsockname()[1]
        table = {"plugin": "cot", "url": f"tcp://127.0.0.1:{port}", "answer_s": 0.2, "tracks": False}
        with delivering(store, site(table)) as delivery:
            store.write(incident("a", 41))
            until(lambda: 'confirm = "written"' in delivery.status()[0].reason, what="a reason")
            assert not delivery.status()[0].up
        with delivering(store, site({**table, "confirm": "written"})) as delivery:
            settled(delivery, store)
            assert delivery.status()[0].up


def test_datagrams_carry_one_event_each_and_distress_is_an_emergency(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, writer(tmp_path) as store:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10.0)
        table = {"plugin": "cot", "url": f"udp://127.0.0.1:{sock.getsockname()[1]}", "tracks": False}
        with delivering(store, site(table)) as delivery:
            store.write(incident("a", 41, kind="distress", concern="distress", priority=1))
            settled(delivery, store)
            first = [from_xml(sock.recv(65536)) for _ in range(2)]
        assert [event.type for event in first] == ["b-m-p-s-m", "b-a-o-tbl"] and first[1].emergency == "911 Alert"


def test_an_incident_that_is_over_goes_stale_and_its_emergency_is_taken_back() -> None:
    (notifier,) = build_notifiers(site({"plugin": "cot", "url": "udp://127.0.0.1:9"}))
    closed = incident("a", 42, kind="distress", closed_ns=42, state="closed")
    marker, emergency = notifier._events(closed)  # type: ignore[attr-defined]
    assert marker.stale_ns - marker.time_ns == 1_000_000_000 and emergency.type == "b-a-o-can"


def mover() -> Track:
    return Track(
        *("t1", "main", "S01", 5, 1, 5, "confirmed", 0.9, 1000.0, 3.0, -1.5, 0.2, 0.0, 998.0, 1002.0, 12.0),
        *(tuple([0.0] * len(MOVERS)), tuple([0.0] * len(ACTS)), ("f1",), "d1", 5),
    )


@pytest.mark.parametrize("proved", [True, False])
def test_nobody_without_proof_hides_a_mover_from_those_who_are_told(proved: bool, tmp_path: Path) -> None:
    said = KnownMover("P-7", "main", 5, 1000.0, 5.0, authenticated=proved)
    with writer(tmp_path) as store:
        store.write(said, msgspec.structs.replace(mover(), known="P-7"))
        with open_store(tmp_path) as reader:
            (told,) = Standing(reader).at(6).tracks
    assert told.known == ("P-7" if proved else None)


def test_a_mover_is_an_unknown_on_the_ground_and_our_own_people_are_not_shown() -> None:
    track = mover()
    own = Track(**{**{name: getattr(track, name) for name in track.__struct_fields__}, "id": "t2", "known": "P-7"})
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(2.0)
        (notifier,) = build_notifiers(site({"plugin": "cot", "url": f"udp://127.0.0.1:{sock.getsockname()[1]}"}))

        async def show() -> None:
            await notifier.refresh(Situation(1, tracks=(track, own)), Kept())
            await notifier.close()

        asyncio.run(show())
        event = from_xml(sock.recv(65536))
        assert (event.uid, event.type, event.speed_mps) == ("linewatch.bench.t1", "a-u-G", 1.5)
        assert event.course_deg is not None and 180.0 < event.course_deg < 300.0  # the line runs north-east there
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(65536)


def certificates(folder: Path) -> None:
    """An authority, a server and a client that it knows, as PEM files."""
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", authority_key, None, authority_key)
    _write(folder, "authority", authority, authority_key)
    for name in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(folder, name, _certificate(name, key, authority, authority_key), key)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject if issuer is None else issuer.subject)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))


@pytest.mark.slow
def test_over_tls_the_server_asks_for_our_certificate_and_gets_it(tmp_path: Path) -> None:
    certificates(tmp_path)
    port = free_port()
    named = {"ca": "authority.crt", "cert": "server.crt", "key": "server.key"}
    tls = "[ssl]\nenabled = true\n" + "".join(f"{key} = {tmp_path}/{name}\n" for key, name in named.items())
    table = {
        "plugin": "cot",
        "url": f"tls://127.0.0.1:{port}",
        "tracks": False,
        "authority": f"{tmp_path}/authority.crt",
        "certificate": f"{tmp_path}/client.crt",
        "client_key": {"file": f"{tmp_path}/client.key"},
    }
    bare = {key: value for key, value in table.items() if key not in ("certificate", "client_key")}
    with tak_server(tmp_path / "tak", port, tls), writer(tmp_path / "store") as store:
        store.write(incident("a", 41))
        with delivering(store, site({**bare, "name": "bare"})) as delivery:
            until(lambda: not delivery.status()[0].up, what="that a client without a certificate is refused")
        with delivering(store, site(table)) as delivery:
            settled(delivery, store)
            assert delivery.status()[0].delivered == 1
            (seen,) = seen_by_a_client(port, 1, keys=tmp_path)
        assert seen.uid == "linewatch.bench.a" and seen.type == "b-m-p-s-m"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"url": "http://x:1"}, "udp://HOST:PORT"),
        ({"url": "tcp://x"}, "udp://HOST:PORT"),
        ({"url": "tls://x:1", "authority": "nothing.pem"}, "readable PEM"),
        ({"stale_s": 1.0}, "notify 'cot' stale_s"),
        ({"hops": 99}, "notify 'cot' hops"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_notifiers(site({"plugin": "cot", **more}))
    assert named in str(raised.value)


def test_a_line_without_geography_cannot_be_shown_on_a_map() -> None:
    with pytest.raises(SiteError, match="no geography"):
        build_notifiers(site({"plugin": "cot"}, geography=False))
