"""A source's thread outlives every error: it is told with its type, the source is down, and is tried again."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from linewatch.errors import InputError
from linewatch.protocols.cot import to_xml
from linewatch.records import Detections, Health, KnownMover
from linewatch.site.model import Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.das import _reading
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import LoopWorker, Worker
from tests.das_files import write_das
from tests.unit.notify.made import site, until
from tests.unit.sources.test_asterix import plot
from tests.unit.sources.test_cot import event

if TYPE_CHECKING:
    from linewatch.ports import Item

S = 10**9
PATROL = {"uid": "ANDROID-1", "mover": "patrol-1"}
SENSORS = (
    Sensor(id="cam-1", kind="camera", line="main", at_m=500.0, range_m=40.0),
    Sensor(id="fibre-1", kind="fibre_das", line="main", from_m=0.0, to_m=60.0, channels=6, heartbeat_s=30.0),
    Sensor(id="radar-1", kind="radar", line="main", at_m=1000.0, range_m=2000.0),
    Sensor(id="geo-1", kind="geophone", line="main", at_m=1000.0, range_m=20.0, heartbeat_s=15.0),
    Sensor(id="pir-1", kind="pir", line="main", at_m=30.0, range_m=8.0),
)
# Each source with a thread: its settings, what in it is broken, and the sensor that is told of. Nothing listens where
# they point: they are broken before they get so far.
SOURCES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "onvif": ({"url": "http://127.0.0.1:9", "sensor": "cam-1"}, "onvif.source:OnvifSource", "_client", "cam-1"),
    "video": ({"url": "rtsp://127.0.0.1:9/x", "sensor": "cam-1"}, "video.source", "pictures", "cam-1"),
    "das folder": ({"folder": "made", "sensor": "fibre-1"}, "das._folder:WatchedFolder", "ready", "fibre-1"),
    "das stream": ({"stream": "tcp://127.0.0.1:9", "sensor": "fibre-1"}, "das.stream_source", "open_socket", "fibre-1"),
    "seedlink": ({"sensors": {"AM_R1234_00_EHZ": "geo-1"}}, "seedlink._client:SteadyClient", "connect", "geo-1"),
    "mqtt": (
        {"url": "mqtt://127.0.0.1:9", "map": "zigbee2mqtt", "sensors": {"hall/pir": "pir-1"}},
        "mqtt.source:MqttLink",
        "_connected",
        "pir-1",
    ),
    "asterix": ({"listen": "127.0.0.1:0", "sensors": {"1.2": "radar-1"}}, "asterix.source", "receive", "radar-1"),
    "sapient": ({"listen": "127.0.0.1:0", "sensors": {}}, "sapient.source:SapientSource", "_beat", ""),
    "cot": ({"listen": "udp://127.0.0.1:0", "device": [PATROL]}, "message_door", "until", ""),
    "cot server": (
        {"connect": "tcp://127.0.0.1:9", "device": [PATROL]},
        "message_door:MessageDoor",
        "_listen_to_server",
        "",
    ),
    "nmea": (
        {"listen": "tcp://127.0.0.1:0", "device": [{"mover": "patrol-1", "address": "127.0.0.1"}]},
        "message_door",
        "until",
        "",
    ),
}


def built(plugin: str, settings: dict[str, Any], folder: Path) -> Any:
    bare = site()
    whole = Site(bare.name, bare.timezone, bare.lines, SENSORS, folder=str(folder))
    return build_source(whole, SourceSpec(plugin, settings))


class Breaking:
    """Raises at its first call what nobody expects; then does what it stands for."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.real = real
        self.calls = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.calls == 1:
            raise ZeroDivisionError("a fault of our own")
        return self.real(*args, **kwargs)


def break_once(monkeypatch: pytest.MonkeyPatch, owner: str, name: str) -> Breaking:
    found = resolve_name(f"linewatch.sources.{owner}")
    breaking = Breaking(getattr(found, name))

    def broken(*args: Any, **kwargs: Any) -> Any:  # a function, so that it is bound where it is a method
        return breaking(*args, **kwargs)

    monkeypatch.setattr(found, name, broken)
    return breaking


class Polled:
    """A source and what it said."""

    def __init__(self, source: Any) -> None:
        self.source = source
        self.items: list[Item] = []

    def has(self, kind: type) -> bool:
        self.items.extend(self.source.poll(time.time_ns() + S))
        return any(isinstance(item, kind) for item in self.items)

    def health(self, word: str) -> list[Health]:
        self.has(Health)
        return [
            item for item in self.items if isinstance(item, Health) and word in (item.condition, *item.text.split())
        ]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_an_error_that_nobody_expected_is_told_and_the_source_is_tried_again(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings, owner, part, sensor = SOURCES[name]
    breaking = break_once(monkeypatch, owner, part)
    (tmp_path / "made").mkdir()
    source = built(name.split(maxsplit=1)[0], settings, tmp_path)
    assert isinstance(source, WorkedSource)
    source._worker._first_retry_s = 0.05
    polled = Polled(source)
    source.start()
    try:
        until(lambda: bool(polled.health("ZeroDivisionError")), 5.0, "the error is told")
        until(lambda: breaking.calls > 1, 5.0, "it is tried again")
    finally:
        source.close()
    (about,) = polled.health("ZeroDivisionError")
    assert (about.condition, about.sensor) == ("link_lost", sensor)
    assert "a fault of our own" in about.text and ".py:" in about.text
    until(lambda: not source._worker._thread.is_alive(), 15.0, "its end")  # who waits for an answer is not waited for


def test_while_it_waits_to_try_again_the_status_is_down_with_the_type_of_the_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_once(monkeypatch, "message_door", "until")
    source = built("cot", {"listen": "udp://127.0.0.1:0", "device": [PATROL]}, tmp_path)
    source.start()
    try:
        until(lambda: "ZeroDivisionError" in source.status().reason, 5.0, "the reason")
        assert not source.status().up
        until(lambda: source.status().reason == "nothing has come yet", 5.0, "the door stands again")
    finally:
        source.close()
    assert Polled(source).health("recovered")[0].text == "cot: the door stands again"


RADAR = {"listen": "127.0.0.1:0", "sensors": {"1.2": "radar-1"}}


@pytest.mark.parametrize(
    ("plugin", "settings", "broken", "message", "kind"),
    [
        (
            "cot",
            {"listen": "udp://127.0.0.1:0", "device": [PATROL]},
            ("cot._reading:Reader", "read"),
            lambda: to_xml(event()),
            KnownMover,
        ),
        ("asterix", RADAR, ("asterix.source", "read_datagram"), plot, Detections),
    ],
)
def test_a_message_that_our_own_code_breaks_on_is_refused_and_the_next_one_is_taken(
    plugin: str,
    settings: dict[str, Any],
    broken: tuple[str, str],
    message: Callable[[], bytes],
    kind: type,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    break_once(monkeypatch, *broken)
    source = built(plugin, settings, tmp_path)
    polled = Polled(source)
    source.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(2):
                sock.sendto(message(), source.address)
        until(lambda: polled.has(kind), 5.0, "the next message")
        assert source.status().up
    finally:
        source.close()
    (about,) = polled.health("ZeroDivisionError")
    assert (about.condition, about.severity) == ("refused", "degraded")


def test_a_fibre_file_that_our_own_code_breaks_on_is_given_up_and_the_next_one_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = _reading.scan_das

    def scan(path: Path) -> Any:
        if path.name == "1.h5":
            raise ZeroDivisionError("a fault of our own")
        return real(path)

    monkeypatch.setattr(_reading, "scan_das", scan)
    for number in (1, 2):
        write_das(tmp_path / f"{number}.h5", np.zeros((100, 6)), time.time_ns() - (3 - number) * S // 10)
    source = built("das", {"folder": str(tmp_path), "sensor": "fibre-1", "settle_s": 0.1}, tmp_path)
    polled = Polled(source)
    source.start()
    try:
        until(lambda: bool(polled.health("heartbeat")), 15.0, "the next file")
    finally:
        source.close()
    (about,) = polled.health("unreadable")
    assert "1.h5: ZeroDivisionError at " in about.text


def test_retries_come_later_and_later_and_soon_again_after_the_other_side_was_heard() -> None:
    waits: list[float] = []
    heard = iter((False, False, False, True, False))

    def work() -> str | None:
        well = next(heard, None)
        if well:
            worker.well()
        return None if well is None else "over"

    worker = Worker("one", work, lambda reason: None, first_retry_s=8.0, longest_retry_s=20.0)
    worker.stopping.wait = lambda timeout=None: waits.append(timeout or 0.0) is not None  # type: ignore[method-assign]
    worker.start()
    worker._thread.join(5.0)
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (8.0, 10.0, 10.0, 4.0, 8.0), strict=True)] == [True] * 5


def test_a_loop_is_ended_with_all_its_tasks_and_closing_twice_does_no_harm() -> None:
    ended = threading.Event()

    async def linger() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            ended.set()

    async def work(stop: asyncio.Event) -> str | None:
        left = asyncio.create_task(linger())
        worker.opened()
        await stop.wait()
        assert not left.done()
        return None

    worker = LoopWorker("one", work, lambda reason: None)
    worker.start_open()
    assert worker.call(lambda: None)
    worker.close()
    worker.close()
    assert ended.is_set() and not worker._thread.is_alive() and not worker.call(lambda: None)


def test_a_door_that_cannot_be_opened_at_first_says_so_to_whoever_starts_it() -> None:
    async def work(stop: asyncio.Event) -> str | None:
        raise OSError("taken by another")

    worker = LoopWorker("one", work, lambda reason: None)
    with pytest.raises(InputError, match="one: listen: taken by another; allowed"):
        worker.start_open()
    assert not worker._thread.is_alive()
