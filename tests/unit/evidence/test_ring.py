"""The ring keeps what came, within its bounds, over kills and full disks."""

import os
import resource
import signal
from pathlib import Path

import numpy as np
import pytest

from linewatch.evidence.ring import CHUNK_TICKS, Frame, SampleRing, states_by_sensor
from linewatch.evidence.settings import EvidenceSettings
from linewatch.records import Block

PERIOD_NS = 250_000_000
ROWS = 25


def block(tick: int, sensor: str = "fence-1", channels: int = 8) -> Block:
    samples = np.arange(ROWS * channels, dtype=np.int16).reshape(ROWS, channels) + tick
    return Block("main", sensor, 0, tick * ROWS, 100.0, samples)


def ring(folder: Path, committed: int | None = None, **settings: float) -> SampleRing:
    return SampleRing(folder, EvidenceSettings(**settings), PERIOD_NS, committed)


def filled(folder: Path, ticks: int, **settings: float) -> SampleRing:
    made = ring(folder, **settings)
    for tick in range(ticks):
        made.append("fence-1", Frame(tick, [block(tick)], {"fence-1": b"s%d" % tick} if tick % 10 == 0 else None))
    return made


def ticks_of(made: SampleRing, sensor: str = "fence-1") -> list[int]:
    return [frame.tick for frame in made.frames(sensor, 0, 1 << 40)]


def test_what_went_in_comes_out_as_it_was(tmp_path: Path) -> None:
    made = filled(tmp_path, 100)
    (frame,) = made.frames("fence-1", 57, 57)
    assert frame.blocks[0].start_ns == block(57).start_ns
    assert np.array_equal(frame.blocks[0].samples, block(57).samples) and frame.blocks[0].samples.dtype == np.int16
    assert ticks_of(made) == list(range(100)) and ticks_of(made, "fence-2") == []


def test_it_goes_on_after_a_stop_and_forgets_what_was_not_committed(tmp_path: Path) -> None:
    filled(tmp_path, 100)
    again = ring(tmp_path, 77)
    assert ticks_of(again) == list(range(78)) and again.last_tick("fence-1") == 77
    again.append("fence-1", Frame(78, [block(78)]))
    assert ticks_of(ring(tmp_path, 78)) == list(range(79))


@pytest.mark.parametrize("torn", [1, 7, 9, 100])
def test_a_torn_frame_ends_its_file_and_nothing_else(tmp_path: Path, torn: int) -> None:
    filled(tmp_path, 100)
    (last,) = tmp_path.glob(f"*/{99 // CHUNK_TICKS:012d}.ring")
    os.truncate(last, last.stat().st_size - torn)
    assert ticks_of(ring(tmp_path, 99)) == list(range(99))


def test_it_stays_within_its_size_and_lets_the_oldest_go(tmp_path: Path) -> None:
    made = ring(tmp_path, sensor_mb=0.05)
    for tick in range(1000):
        made.prune(tick)
        made.append("fence-1", Frame(tick, [block(tick)]))
    made.prune(1000)
    assert made.size("fence-1") <= 50_000
    kept = ticks_of(made)
    assert kept[-1] == 999 and kept == list(range(kept[0], 1000)) and kept[0] > 0
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.ring")) == made.size("fence-1")


def test_it_keeps_no_longer_than_its_time_even_of_a_sensor_that_has_gone(tmp_path: Path) -> None:
    made = filled(tmp_path, 100, keep_s=5.0)
    made.prune(100)
    assert ticks_of(made)[0] == 80
    made.prune(100 + 21)
    assert ticks_of(made) == [] and made.sensors() == ()


def test_it_knows_the_last_state_before_a_moment(tmp_path: Path) -> None:
    made = filled(tmp_path, 100)
    assert made.last_state_before("fence-1", 57) == 50
    assert made.last_state_before("fence-1", 50) == 50
    assert made.last_state_before("fence-2", 50) is None


def test_a_disk_that_takes_no_more_leaves_whole_frames(tmp_path: Path) -> None:
    made = filled(tmp_path, 3)
    size = made.size("fence-1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            made.append("fence-1", Frame(3, [block(3)]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert made.size("fence-1") == size and ticks_of(made) == [0, 1, 2]
    made.append("fence-1", Frame(3, [block(3)]))
    assert ticks_of(ring(tmp_path, 3)) == [0, 1, 2, 3]


def test_states_belong_to_the_sensor_that_their_key_names() -> None:
    found = states_by_sensor({"f/1": b"a", "f/1/moving": b"b", "g": b"c"}, ["f/1", "g"])
    assert found == {"f/1": {"f/1": b"a", "f/1/moving": b"b"}, "g": {"g": b"c"}}
