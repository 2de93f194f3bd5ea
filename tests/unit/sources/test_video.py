"""Cameras: pictures over real RTSP at an even rate and in their own time, and what is told when they do not come."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.app.blocks import admit_blocks
from linewatch.errors import SiteError
from linewatch.records import Block, Health
from linewatch.site.model import Line, Section, Site, SourceSpec
from linewatch.site.sensor import Sensor
from linewatch.sources.build import build_source
from linewatch.sources.checks import ANY_SOURCE, Span
from linewatch.sources.video._pace import Grid, StampClock, grid_rate_hz, rate_of
from linewatch.sources.video.source import MOST_WAITING, Camera, VideoSource
from tests.rtsp_server import RtspServer, rtsp_server, walker, write_clip

if TYPE_CHECKING:
    from linewatch.ports import Item

S = 10**9
CAMERA = Sensor(id="cam-1", kind="camera", line="main", at_m=50.0, range_m=60.0)
SITE = Site(
    "bench",
    "UTC",
    (Line(id="main", length_m=100.0, sections=(Section("S01", "main", 0.0, 100.0),)),),
    (CAMERA, Sensor(id="pir-1", kind="pir", line="main", at_m=5.0)),
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "short.mp4", walker(30))
    write_clip(folder / "fast.mp4", walker(60), rate_hz=50)
    return folder


class Watching:
    """A source and all that it gave."""

    def __init__(self, source: VideoSource) -> None:
        self.source = source
        self.items: list[Item] = []

    def until(self, holds: Callable[[], object], within_s: float = 15.0) -> None:
        end_s = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < end_s, [i for i in self.items if isinstance(i, Health)]
            time.sleep(0.02)
            self.items += self.source.poll(time.time_ns() + S)

    def blocks(self) -> list[Block]:
        return [item for item in self.items if isinstance(item, Block)]

    def health(self, condition: str) -> list[Health]:
        return [item for item in self.items if isinstance(item, Health) and item.condition == condition]


@contextmanager
def watching(camera: Camera) -> Iterator[Watching]:
    source = VideoSource(SITE, "video", CAMERA, camera, first_retry_s=0.2)
    source.start()
    try:
        yield Watching(source)
    finally:
        source.close()


@pytest.fixture
def server(clips: Path) -> Iterator[RtspServer]:
    with rtsp_server(clips) as running:
        yield running


def test_pictures_come_over_rtsp_small_grey_even_and_now_and_a_broken_stream_is_opened_again(
    server: RtspServer,
) -> None:
    with watching(Camera(server.url("short.mp4"), "cam")) as running:
        running.until(lambda: len(running.blocks()) >= 12)
        delays_s = [time.time() - block.start_ns / S for block in running.blocks()[-1:]]
        running.until(lambda: running.health("link_lost"))
        first = running.blocks()
        running.until(lambda: running.health("recovered"))
    assert {block.samples.shape for block in first} == {(1, 120 * 160)}
    (rate_hz,), (_,) = {block.rate_hz for block in first}, {block.origin_ns for block in first}
    assert rate_hz == pytest.approx(9.8)
    indices = [block.first_sample for block in first]
    assert indices == sorted(set(indices)) and delays_s[0] < 0.5
    assert 100.0 < float(np.mean(first[-1].samples)) < 140.0
    assert "the stream ended" in running.health("link_lost")[0].text
    assert running.health("recovered")[0].ends == "link_lost"


def test_a_camera_that_is_not_there_is_told_once_and_its_password_never() -> None:
    with watching(Camera("rtsp://me:verysecret@127.0.0.1:9/x", "rtsp://127.0.0.1:9/x")) as running:
        running.until(lambda: running.health("link_lost"))
        time.sleep(0.5)
        running.items += running.source.poll(time.time_ns() + S)
    (lost,) = running.health("link_lost")
    assert "verysecret" not in lost.text and "127.0.0.1:9" in lost.text
    assert not running.source.status().up


def test_a_file_is_played_in_its_own_time_and_its_end_is_told(clips: Path) -> None:
    begun_s = time.monotonic()
    with watching(Camera(str(clips / "fast.mp4"), "fast.mp4", is_file=True)) as running:
        running.until(lambda: running.health("end_of_input"))
    assert 1.0 < time.monotonic() - begun_s < 4.0
    assert 8 <= len(running.blocks()) <= 12


def test_a_watch_that_stands_still_costs_pictures_and_not_memory(clips: Path) -> None:
    camera = Camera(str(clips / "fast.mp4"), "fast.mp4", is_file=True, loop=True, rate_hz=60.0)
    with watching(camera) as running:
        end_s = time.monotonic() + 15.0
        while running.source.status().waiting < MOST_WAITING - 1 and time.monotonic() < end_s:
            time.sleep(0.05)
        time.sleep(0.2)
        running.until(lambda: running.health("dropped"))
    assert running.health("dropped")[0].count >= 2


def test_pictures_that_lag_are_dropped_up_to_a_key_frame_and_counted(
    server: RtspServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine is made to look slow for a second: whatever comes then is late."""
    slow_from: list[float] = []
    real = StampClock.lag_s

    def lag_s(self: StampClock, stamp_ns: int | None, received_ns: int) -> float:
        slow = bool(slow_from) and time.monotonic() - slow_from[0] < 0.4
        return 2.0 if slow else real(self, stamp_ns, received_ns)

    monkeypatch.setattr(StampClock, "lag_s", lag_s)
    with watching(Camera(server.url("short.mp4"), "cam")) as running:
        running.until(running.blocks)
        slow_from.append(time.monotonic())
        running.until(lambda: running.health("dropped"))
        before = len(running.blocks())
        running.until(lambda: len(running.blocks()) > before)
    assert any("after their time" in h.text for h in running.health("dropped"))


# --- arithmetic on stamps ---------------------------------------------------------------------------------------------


def test_an_uneven_network_does_not_make_uneven_times() -> None:
    clock = StampClock()
    late_ns = np.random.default_rng(0).integers(0, S // 5, 200)
    late_ns[0] = 0
    taken = [clock.taken_ns(i * S // 10, 7 * S + i * S // 10 + int(late_ns[i])) for i in range(200)]
    assert np.ptp(np.diff(taken)) <= 1 and taken[0] == 7 * S
    assert clock.lag_s(20 * S, 7 * S + 20 * S + 3 * S) == pytest.approx(3.0)


def test_a_camera_whose_stamps_begin_anew_is_followed() -> None:
    clock = StampClock()
    clock.taken_ns(1000 * S, 2000 * S)
    assert clock.taken_ns(0, 2001 * S) == 2001 * S and clock.lag_s(0, 2001 * S) == 0.0


def test_a_slow_drift_of_the_cameras_clock_is_followed() -> None:
    clock = StampClock()
    taken = [clock.taken_ns(round(i * S * 0.999), i * S) for i in range(600)]
    assert abs(taken[-1] - 599 * S) < 0.1 * S


@given(st.lists(st.integers(0, 100 * S), max_size=60), st.floats(0.5, 60.0))
def test_slots_of_a_grid_rise_and_count_what_is_missing(taken: list[int], rate_hz: float) -> None:
    grid, last = Grid(rate_hz), -1
    for time_ns in taken:
        slot = grid.place(time_ns)
        if slot is not None:
            assert slot.number == last + slot.missing + 1 > last
            last = slot.number


def test_the_grid_of_a_slow_camera_has_no_empty_slot() -> None:
    times = [round(i * S / 6.0 + jitter) for i, jitter in enumerate(np.random.default_rng(1).normal(0, 5e6, 500))]
    rate_hz = rate_of(times[:10])
    assert rate_hz == pytest.approx(6.0, rel=0.1)
    grid = Grid(grid_rate_hz(6.0, 10.0))
    slots = [slot for each in times if (slot := grid.place(each)) is not None]
    assert sum(slot.missing for slot in slots) == 0 and len(slots) > 480


def test_the_rate_is_not_told_by_too_few_pictures_or_by_those_that_come_at_once() -> None:
    assert rate_of([0, 1, 2]) is None and rate_of([5] * 20) is None


# --- the door, settings -----------------------------------------------------------------------------------------------


def test_the_door_takes_pictures_of_a_camera_and_of_nothing_else() -> None:
    refused: list[str] = []
    samples = np.zeros((1, 19_200), np.int16)
    pictures = [Block("main", sensor, 0, 0, 10.0, samples) for sensor in ("cam-1", "pir-1")]
    (taken,) = admit_blocks(pictures, SITE, lambda sensor, text, count: refused.append(sensor))
    assert taken.sensor == "cam-1" and refused == ["pir-1"]


def test_it_keeps_to_what_is_asked_of_every_source() -> None:
    for check in ANY_SOURCE:
        check(lambda: VideoSource(SITE, "video", CAMERA, Camera("rtsp://127.0.0.1:9/x", "x")), Span(0, 10 * S))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "one of them"),
        ({"url": "rtsp://a:b@c/d"}, "log-in as username and password"),
        ({"url": "http://c/d"}, "rtsp://HOST"),
        ({"file": "gone.mp4"}, "a file in"),
        ({"url": "rtsp://c/d", "sensor": "pir-1"}, "a camera of the site"),
        ({"url": "rtsp://c/d", "rate_hz": 0.0}, "rate_hz"),
        ({"url": "rtsp://c/d", "password": "x"}, "a name beside the password"),
    ],
)
def test_a_wrong_setting_is_one_clear_error(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(SiteError) as raised:
        build_source(SITE, SourceSpec("video", {"sensor": "cam-1", **settings}))
    assert named in str(raised.value) and "a:b" not in str(raised.value)
