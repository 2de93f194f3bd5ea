"""ASTERIX: real captures are read whole, made-up ground plots become detections, over real sockets."""

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asterix import generated

from linewatch.errors import InputError, SiteError
from linewatch.ports import Item
from linewatch.records import Detections, Health
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.asterix._reading import read_datagram
from linewatch.sources.asterix.source import AsterixSource
from linewatch.sources.build import build_source
from linewatch.sources.time_of_day import time_of_day_ns
from tests.unit.notify.made import site, until

DAY_NS = 86_400 * 10**9


def radar_site() -> Site:
    bare = site()
    radar = Sensor(id="radar-1", kind="radar", line="main", at_m=1000.0, range_m=2000.0)
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=(radar,))


def day_s() -> float:
    return (time.time_ns() % DAY_NS) / 1e9


def plot(nm: float = 0.2, azimuth_deg: float = 61.0, at_s: float | None = None, sic: int = 2) -> bytes:
    """A datagram with one target report of category 048, made by the codec itself."""
    spec = generated.manifest["CATS"][48][-1]
    values = {
        "010": (("SAC", 1), ("SIC", sic)),
        "140": ((day_s() if at_s is None else at_s), "s"),
        "040": (("RHO", (nm, "NM")), ("THETA", (azimuth_deg, "°"))),
        "161": (0, ("TRN", 77)),
    }
    return bytes(spec.create([spec.cv_record.create(values)]).unparse().to_bytes())


def udp_payloads(path: Path) -> Iterator[bytes]:
    """Payloads of the UDP packets of a capture: Ethernet and IPv4 without options."""
    raw = path.read_bytes()
    at = 24
    while at < len(raw):
        (length,) = struct.unpack_from("<I", raw, at + 8)
        packet = raw[at + 16 : at + 16 + length]
        (udp_length,) = struct.unpack_from(">H", packet, 38)
        yield packet[42 : 34 + udp_length]
        at += 16 + length


def test_a_real_capture_is_read_whole(shared_data: Path) -> None:
    found: Counter[int] = Counter()
    placed = 0
    for payload in udp_payloads(shared_data / "radar_asterix" / "cat_034_048.pcap"):
        datagram = read_datagram(payload)
        assert datagram.faults == ()
        found.update(plot.category for plot in datagram.plots)
        for each in datagram.plots:
            # A track that coasts gives no range; where there is one, there is an azimuth.
            assert (each.range_m is None) == (each.azimuth_deg is None)
            placed += each.range_m is not None
    assert found == {48: 128, 34: 34} and placed > 100


def test_a_packet_in_the_wrapping_of_another_format_is_refused(shared_data: Path) -> None:
    (payload,) = udp_payloads(shared_data / "radar_asterix" / "cat_001_002.pcap")
    with pytest.raises(InputError, match="no blocks of category and length"):
        read_datagram(payload)


def test_blocks_of_categories_that_are_not_read_are_counted() -> None:
    datagram = read_datagram(b"\x01\x00\x05\xff\xff" + plot())
    assert datagram.passed_over == 1 and [each.track for each in datagram.plots] == [77]


@contextmanager
def listening(**more: object) -> Iterator[AsterixSource]:
    settings = {"listen": "127.0.0.1:0", "sensors": {"1.2": "radar-1"}, **more}
    source = build_source(radar_site(), SourceSpec("asterix", settings))
    assert isinstance(source, AsterixSource)
    source.start()
    try:
        yield source
    finally:
        source.close()


def sent(source: AsterixSource, *datagrams: bytes) -> list[Item]:
    """What the source gives after these."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for datagram in datagrams:
            sock.sendto(datagram, source.address)
    items: list[Item] = []

    def look() -> bool:
        items.extend(source.poll(time.time_ns() + 10**9))
        return bool(items)

    until(look, 5.0, "records")
    return items


def test_a_plot_becomes_a_detection_where_the_radar_and_its_bearing_say() -> None:
    with listening() as source:
        (batch,) = sent(source, plot(nm=0.2, azimuth_deg=61.0))
        assert isinstance(batch, Detections) and batch.sensors == ("radar-1",) and batch.sensor_tracks == ("77",)
        assert batch.chainage_m[0] == pytest.approx(1000.0 + 0.2 * 1852.0, abs=3.0) and abs(batch.offset_m[0]) < 10.0


def conditions(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.sensor, item.condition) for item in items if isinstance(item, Health)]


def test_a_radar_that_is_no_sensor_of_the_site_is_offered_for_placement() -> None:
    with listening() as source:
        assert conditions(sent(source, plot(sic=9))) == [("", "unknown_sensor")]
        assert source.status().unplaced == {"radar 1.9": 1}


@pytest.mark.parametrize("raw", [b"\x30", b"\x30\x00\x00", b"\x30\xff\xff\x00", b"hello radar"])
def test_what_is_no_asterix_costs_one_finding(raw: bytes) -> None:
    with listening() as source:
        assert conditions(sent(source, raw)) == [("", "refused")]


def test_records_that_do_not_follow_their_edition_cost_one_finding() -> None:
    with listening() as source:
        whole = plot()
        cut = whole[:1] + (len(whole) - 2).to_bytes(2, "big") + whole[3:-2]
        assert conditions(sent(source, cut)) == [("", "refused")]


def test_a_record_of_another_time_is_refused_and_counted() -> None:
    with listening() as source:
        assert conditions(sent(source, plot(at_s=(day_s() + 43_000.0 - 3600.0) % 86_400.0)))[0][1] == "clock_skew"


def test_a_place_far_from_the_line_is_refused() -> None:
    with listening() as source:
        assert conditions(sent(source, plot(nm=100.0))) == [("radar-1", "refused")]


@pytest.mark.parametrize(
    ("received_s", "day", "moment_s"), [(86_399, 1.0, 86_401), (86_401, 86_399.0, 86_399), (50, 40.0, 40)]
)
def test_the_time_of_day_is_that_nearest_to_the_arrival_across_midnight(
    received_s: int, day: float, moment_s: int
) -> None:
    assert time_of_day_ns(day, received_s * 10**9) == moment_s * 10**9


def test_an_empty_datagram_is_refused() -> None:
    with pytest.raises(InputError, match="0 bytes"):
        read_datagram(b"")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"listen": "239.1.1.1:8600"}, "private_network"),
        ({"listen": "x"}, "IPV4-ADDRESS:PORT"),
        ({"sensors": {"a": "radar-1"}}, "SAC.SIC"),
        ({"sensors": {"1.2": "nobody"}}, "sensors with at_m"),
        ({"range_sigma_m": 0.0}, "range_sigma_m"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(more: dict[str, object], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(radar_site(), SourceSpec("asterix", {"sensors": {"1.2": "radar-1"}, **more}))
    assert named in str(raised.value)
