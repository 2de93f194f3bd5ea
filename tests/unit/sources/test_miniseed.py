"""MiniSEED files as recordings: every sample at its own time, in whatever order records lie, and what is missing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linewatch.errors import SiteError
from linewatch.ports import Item, Recording
from linewatch.records import Block, Health
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.miniseed import read_piece
from linewatch.sources.recording import load_recording
from tests.seedlink_server import records_of
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, write_toml

RATE_HZ = 100.0
OTHER = "FDSN:AM_R1234_00_E_H_N"


def counts(n: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(1).integers(-400, 400, n).astype(np.int32) + 16_000


def written(folder: Path, *records: bytes, name: str = "day.mseed", **keys: Any) -> Path:
    """A recording of the PIR, of one file with these records."""
    (folder / name).write_bytes(b"".join(records))
    return write_toml(folder / "recording.toml", {"sensor": "pir-1", "data": [name], "format": "miniseed"} | keys)


def read(file: Path) -> list[Item]:
    recording = load_recording(file, bench_site())
    return list(recording.poll(recording.end_ns))


def samples_in(items: list[Item]) -> np.ndarray[Any, Any]:
    return np.concatenate([item.samples[:, 0] for item in items if isinstance(item, Block)])


def findings(items: list[Item]) -> list[tuple[str, int]]:
    return [(item.condition, item.count) for item in items if isinstance(item, Health)]


@pytest.mark.parametrize("version", [2, 3])
def test_every_sample_comes_back_at_its_time(version: int, tmp_path: Path) -> None:
    samples = counts(5000)
    items = read(written(tmp_path, *records_of(samples, T0_NS, RATE_HZ, version=version)))
    (block,) = items
    assert isinstance(block, Block) and block.rate_hz == RATE_HZ and block.start_ns == T0_NS
    np.testing.assert_array_equal(samples_in(items), samples.astype(np.float32))


def test_records_in_any_order_are_read_in_order_of_time(tmp_path: Path) -> None:
    samples = counts(5000)
    records = records_of(samples, T0_NS, RATE_HZ)
    items = read(written(tmp_path, *records[::-1]))
    np.testing.assert_array_equal(samples_in(items), samples.astype(np.float32))
    assert findings(items) == []


def test_a_missing_record_is_a_gap_and_one_that_is_there_twice_is_counted(tmp_path: Path) -> None:
    records = records_of(counts(5000), T0_NS, RATE_HZ)
    pieces = [read_piece(record) for record in records]
    items = read(written(tmp_path, records[0], records[2], records[2], *records[3:]))
    assert findings(items) == [("gap", 1), ("duplicate", len(pieces[2].samples))]
    gap = next(item for item in items if isinstance(item, Health))
    assert gap.until_ns == pytest.approx(pieces[2].start_ns, abs=1000)
    assert sum(len(p.samples) for p in pieces) - len(pieces[1].samples) == len(samples_in(items))


def test_damage_is_told_and_the_records_behind_it_are_read(tmp_path: Path) -> None:
    records = records_of(counts(5000), T0_NS, RATE_HZ)
    items = read(written(tmp_path, records[0], b"\xff" * 512, *records[2:-1], records[-1][:100]))
    assert [f for f in findings(items) if f[0] == "unreadable"] == [("unreadable", 512), ("unreadable", 100)]
    assert [f for f in findings(items) if f[0] == "gap"] == [("gap", 1)]
    assert sum(len(read_piece(r).samples) for r in (records[0], *records[2:-1])) == len(samples_in(items))


def test_of_a_file_with_several_streams_the_named_one_is_read(tmp_path: Path) -> None:
    north = counts(3000)[::-1]
    both = (*records_of(counts(3000), T0_NS, RATE_HZ), *records_of(north, T0_NS, RATE_HZ, OTHER))
    items = read(written(tmp_path, *both, data=["day.mseed:AM_R1234_00_EHN"]))
    np.testing.assert_array_equal(samples_in(items), north.astype(np.float32))
    with pytest.raises(SiteError, match="one of AM_R1234_00_EHN, AM_R1234_00_EHZ, named behind the file"):
        read(written(tmp_path, *both))


def test_records_at_another_rate_are_counted_and_not_read(tmp_path: Path) -> None:
    slow = records_of(counts(200), T0_NS + 60 * S, 50.0)
    items = read(written(tmp_path, *records_of(counts(3000), T0_NS, RATE_HZ), *slow))
    assert findings(items) == [("wrong_rate", 200)] and len(samples_in(items)) == 3000


def test_a_clock_that_drifts_is_followed_by_its_own_times(tmp_path: Path) -> None:
    """Records that each begin 4 ms later than the count says, as a clock 0.4 % slow makes them."""
    records = [r for i in range(60) for r in records_of(counts(100), T0_NS + i * (S + 4_000_000), RATE_HZ)]
    items = read(written(tmp_path, *records))
    blocks = [item for item in items if isinstance(item, Block)]
    truth = T0_NS + 59 * (S + 4_000_000) + S
    assert abs(blocks[-1].end_ns - truth) <= 25_000_000 and len(blocks) > 5


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Recording]:
    folder = tmp_path_factory.mktemp("mseed")
    records = records_of(counts(2500), T0_NS, RATE_HZ)
    file = written(folder, records[1], bytes(512), *records[3:], records[3], records[0])
    return lambda: load_recording(file, bench_site())


def test_it_passes_the_whole_suite(factory: Callable[[], Recording]) -> None:
    recording = factory()
    assert "check_resume" in run_checks(factory, Span(recording.start_ns, recording.end_ns))


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"data": ["day.txt"]}, ".mseed"),
        ({"data": ["gone.mseed"]}, "a file in"),
        ({"sensor": "nobody"}, "fence-1, pir-1, radar-1"),
        ({"first_channel": 1}, "0 to 0"),
        ({"rate_hz": 100.0}, "has no use for it"),
        ({"data": ["day.mseed:XX_Y_00_EHZ"]}, "no stream"),
    ],
)
def test_a_wrong_description_is_one_clear_error(keys: dict[str, Any], named: str, tmp_path: Path) -> None:
    with pytest.raises(SiteError) as raised:
        read(written(tmp_path, *records_of(counts(100), T0_NS, RATE_HZ), **keys))
    assert named in str(raised.value)


def test_a_file_without_any_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="MiniSEED records"):
        read(written(tmp_path, bytes(2000)))
