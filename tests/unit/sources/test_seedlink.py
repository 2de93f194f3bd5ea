"""SeedLink: records over a real socket, in both versions, become one unbroken stream of samples, or say why not."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from linewatch.errors import InputError, SiteError
from linewatch.records import Block, Health
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.miniseed import read_piece
from linewatch.sources.seedlink._link import Server
from linewatch.sources.seedlink.source import SeedLinkSource
from tests.seedlink_server import SeedLinkServer, records_of, seedlink_server
from tests.unit.notify.made import site

if TYPE_CHECKING:
    from linewatch.ports import Item

S = 10**9
RATE_HZ = 100.0
STREAM = "AM_R1234_00_EHZ"


def geophone_site() -> Site:
    bare = site()
    one = Sensor(id="geo-1", kind="geophone", line="main", at_m=1000.0, range_m=20.0, heartbeat_s=15.0)
    string = Sensor(
        id="string", kind="geophone", line="main", from_m=0.0, to_m=30.0, channels=3, range_m=20.0, heartbeat_s=15.0
    )
    return Site(name=bare.name, timezone=bare.timezone, lines=bare.lines, sensors=(one, string))


def noise(n: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(-400, 400, n).astype(np.int32) + 16_000


class Listening:
    """A source and all that it gave."""

    def __init__(self, source: SeedLinkSource) -> None:
        self.source = source
        self.items: list[Item] = []
        source.start()

    def until(self, holds: Callable[[], object], within_s: float = 8.0) -> None:
        end_s = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end_s, [i for i in self.items if isinstance(i, Health)]
            time.sleep(0.02)
            self.items += self.source.poll(time.time_ns() + S)

    def samples(self) -> int:
        return sum(item.n_samples for item in self.items if isinstance(item, Block))

    def health(self, condition: str) -> list[Health]:
        return [item for item in self.items if isinstance(item, Health) and item.condition == condition]


@contextmanager
def listening(server: SeedLinkServer, position: str = "", **more: Any) -> Iterator[Listening]:
    settings: dict[str, Any] = {"first_retry_s": 0.1, **more}
    places = settings.pop("places", {STREAM: ("geo-1", 0)})
    source = SeedLinkSource(geophone_site(), "seedlink", Server("127.0.0.1", server.port), places, **settings)
    if position:
        source.seek(position)
    running = Listening(source)
    try:
        yield running
    finally:
        source.close()


def connected(server: SeedLinkServer) -> Callable[[], bool]:
    return lambda: any(line.startswith("END") for line in server.asked)


@pytest.mark.parametrize("version", [3, 4])
def test_records_of_either_version_are_one_stream_with_every_sample(version: int) -> None:
    samples, start_ns = noise(2000), time.time_ns() - 20 * S
    with seedlink_server(version=version) as server, listening(server) as running:
        running.until(connected(server))
        server.feed(*records_of(samples, start_ns, RATE_HZ))
        running.until(lambda: running.samples() == 2000)
    blocks = [item for item in running.items if isinstance(item, Block)]
    assert len(blocks) > 2 and len({block.origin_ns for block in blocks}) == 1
    assert blocks[0].start_ns == pytest.approx(start_ns, abs=1000) and blocks[0].rate_hz == RATE_HZ
    assert [block.first_sample for block in blocks[1:]] == list(np.cumsum([b.n_samples for b in blocks])[:-1])
    np.testing.assert_array_equal(np.concatenate([b.samples for b in blocks])[:, 0], samples.astype(np.float32))
    assert not [item for item in running.items if isinstance(item, Health)]
    selected = {"SELECT 00EHZ", "STATION R1234 AM"} if version == 3 else {"SELECT 00_E_H_Z", "STATION AM_R1234"}
    assert selected <= set(server.asked)


@pytest.mark.parametrize("version", [3, 4])
def test_after_a_break_it_goes_on_behind_the_last_record_and_nothing_is_lost(version: int) -> None:
    records = records_of(noise(3000), time.time_ns() - 30 * S, RATE_HZ)
    with seedlink_server(version=version) as server, listening(server) as running:
        running.until(connected(server))
        server.feed(*records[:2])
        running.until(lambda: running.samples() > 0 and len(running.items) == 2)
        server.stop()
        running.until(lambda: running.health("link_lost"))
        assert not running.source.status().up
        server.feed(*records[2:])
        server.start()
        running.until(lambda: running.samples() == 3000)
    assert [(h.sensor, h.severity) for h in running.health("link_lost")] == [("geo-1", "failed")]
    assert running.health("recovered")[0].ends == "link_lost"
    assert not running.health("gap") and not running.health("duplicate")


def test_a_new_source_goes_on_from_a_committed_position_and_tells_what_the_server_has_lost() -> None:
    records = records_of(noise(3000), time.time_ns() - 30 * S, RATE_HZ)
    with seedlink_server() as server:
        with listening(server) as first:
            first.until(connected(server))
            server.feed(*records[:2])
            first.until(lambda: len(first.items) == 2)
            position = first.source.position()
        server.feed(*records[2:])
        server.forget(3)
        lost = read_piece(records[2])
        with listening(server, position) as second:
            second.until(lambda: second.samples() == 3000 - first.samples() - len(lost.samples))
    (gap,) = second.health("gap")
    assert (gap.sensor, gap.severity, gap.count) == ("geo-1", "failed", len(lost.samples))
    assert gap.time_ns == pytest.approx(lost.start_ns, abs=2000)
    assert gap.until_ns == pytest.approx(read_piece(records[3]).start_ns, abs=2000)


def test_records_that_come_twice_or_late_are_counted_and_not_given_again() -> None:
    records = records_of(noise(4000), time.time_ns() - 40 * S, RATE_HZ)
    with seedlink_server() as server, listening(server) as running:
        running.until(connected(server))
        server.feed(records[0], records[1], records[1], records[3], records[2])
        running.until(lambda: running.health("late"))
    assert [h.count for h in running.health("duplicate")] == [1]
    assert len(running.health("gap")) == 1 and [h.count for h in running.health("late")] == [1]
    assert running.samples() == sum(len(read_piece(records[i]).samples) for i in (0, 1, 3))


@pytest.mark.parametrize("version", [3, 4])
def test_a_damaged_record_costs_one_finding_and_what_it_held(version: int) -> None:
    records = records_of(noise(3000), time.time_ns() - 30 * S, RATE_HZ)
    with seedlink_server(version=version) as server, listening(server) as running:
        running.until(connected(server))
        server.feed(records[0], bytes(512), *records[2:])
        lost = len(read_piece(records[1]).samples)
        running.until(lambda: running.samples() == 3000 - lost)
    assert sum(h.count for h in running.health("refused")) == 1
    assert [h.count for h in running.health("gap")] == [lost]


def mislength(record: bytes, exponent: int) -> bytes:
    """The record with another length in its blockette 1000."""
    at = int.from_bytes(record[46:48], "big") + 6
    return record[:at] + bytes([exponent]) + record[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing but zeros": lambda record: bytes(len(record)),
    "zeros of another length": lambda record: bytes(len(record) // 2 + 24),
    "a length that swallows others": lambda record: mislength(record, 11),
    "a length beyond all measure": lambda record: mislength(record, 20),
    "no blockette that tells its length": lambda record: record[:46] + bytes(2) + record[48:],
    "a beginning that is cut off": lambda record: record[13:],
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_behind_a_damaged_record_of_version_3_no_station_loses_any_other(damage: str) -> None:
    other = "AM_R5678_00_EHZ"
    now_ns = time.time_ns() - 30 * S
    ours = records_of(noise(3000), now_ns, RATE_HZ)
    theirs = records_of(noise(3000, 1), now_ns, RATE_HZ, source_id="FDSN:AM_R5678_00_E_H_Z")
    places = {STREAM: ("geo-1", 0), other: ("string", 1)}
    lost = len(read_piece(ours[1]).samples)
    with seedlink_server(version=3) as server, listening(server, places=places) as running:
        running.until(connected(server))
        for number, (mine, yours) in enumerate(zip(ours, theirs, strict=False)):
            server.feed(DAMAGES[damage](mine) if number == 1 else mine)
            server.feed(yours, station="AM_R5678")
        count = min(len(ours), len(theirs))
        wanted = sum(len(read_piece(raw).samples) for raw in (*ours[:count], *theirs[:count])) - lost
        running.until(lambda: running.samples() == wanted)
        position = running.source.position()
    assert [h.count for h in running.health("gap")] == [lost] and running.health("gap")[0].sensor == "geo-1"
    assert sum(h.count for h in running.health("refused")) == 1 and not running.health("duplicate")
    assert not running.health("link_lost") and server.asked.count("END") == 1
    assert f'"AM_R1234":{2 * count - 1}' in position and f'"AM_R5678":{2 * count}' in position


def test_samples_of_another_time_are_refused() -> None:
    with seedlink_server() as server, listening(server) as running:
        running.until(connected(server))
        server.feed(records_of(noise(100), time.time_ns() - 3600 * S, RATE_HZ)[0])
        server.feed(records_of(noise(100), time.time_ns() + 3600 * S, RATE_HZ)[0])
        running.until(lambda: running.health("late") and running.health("refused"))
        assert running.samples() == 0


def test_a_stream_that_never_comes_is_told_and_so_is_its_coming() -> None:
    places = {STREAM: ("geo-1", 0), "AM_R9999_00_EHZ": ("string", 1)}
    with (
        seedlink_server(reject=("AM_R9999",), version=3) as server,
        listening(server, places=places, never_heard_s=0.2) as running,
    ):
        running.until(lambda: len(running.health("silent")) == 2)
        server.feed(records_of(noise(300), time.time_ns() - 3 * S, RATE_HZ)[0])
        running.until(lambda: running.health("recovered"))
    assert [h.sensor for h in running.health("silent")] == ["geo-1", "string"]
    assert "AM_R9999_00_EHZ" in running.health("silent")[1].text
    assert [(h.sensor, h.ends) for h in running.health("recovered")] == [("geo-1", "silent")]


def test_a_string_of_geophones_has_a_channel_for_each_stream() -> None:
    places = {STREAM: ("string", 2)}
    with seedlink_server() as server, listening(server, places=places) as running:
        running.until(connected(server))
        server.feed(*records_of(noise(300), time.time_ns() - 3 * S, RATE_HZ))
        running.until(lambda: running.samples() == 300)
    assert {item.first_channel for item in running.items if isinstance(item, Block)} == {2}


LOG_IN = "right"


def test_a_wrong_password_is_told_as_the_reason_why_there_is_no_link() -> None:
    with seedlink_server(password=LOG_IN) as server:
        server_at = Server("127.0.0.1", server.port, username="me", password=LOG_IN[::-1])
        source = SeedLinkSource(geophone_site(), "seedlink", server_at, {STREAM: ("geo-1", 0)}, first_retry_s=0.1)
        running = Listening(source)
        try:
            running.until(lambda: running.health("link_lost"))
        finally:
            source.close()
    assert "wrong password" in running.health("link_lost")[0].text


def test_an_idle_server_does_not_hold_up_the_end() -> None:
    with seedlink_server() as server, listening(server) as running:
        running.until(connected(server))
        begun_s = time.monotonic()
        running.source.close()
        assert time.monotonic() - begun_s < 3.0


def test_it_keeps_to_what_is_asked_of_every_source() -> None:
    def factory() -> SeedLinkSource:
        return SeedLinkSource(geophone_site(), "seedlink", Server("127.0.0.1", 1), {STREAM: ("geo-1", 0)})

    for check in ANY_SOURCE:
        check(factory, Span(0, 10 * S))
    with pytest.raises(InputError, match="one of its own"):
        factory().seek("nonsense")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sensors": {}}, "one stream or more"),
        ({"sensors": {"R1234": "geo-1"}}, "NETWORK_STATION_LOCATION_CHANNEL"),
        ({"sensors": {STREAM: "nobody"}}, "SENSOR/CHANNEL"),
        ({"sensors": {STREAM: "string/3"}}, "0 to 2"),
        ({"sensors": {STREAM: "geo-1", "AM_R1_00_EHZ": "geo-1"}}, "twice"),
        ({"sensors": {STREAM: "geo-1"}, "url": "http://x"}, "seedlink://HOST:PORT"),
        ({"sensors": {STREAM: "geo-1"}, "catch_up_s": -1.0}, "catch_up_s"),
        ({"sensors": {STREAM: "geo-1"}, "url": "seedlink://far:1", "username": "a", "password": "b"}, "TLS"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(geophone_site(), SourceSpec("seedlink", settings))
    assert named in str(raised.value)
