"""The recording source keeps to what is demanded of every source, whatever is on the files and however it is cut."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linewatch.ports import Recording
from linewatch.records import Block, canonical_bytes
from linewatch.site.model import SourceSpec
from linewatch.sources.build import build_source
from linewatch.sources.checks import REPLAYABLE, Check, Span, canonical, run_checks
from linewatch.sources.recording import load_recording
from tests.strategies import T0_NS, detections
from tests.unit.sources.scenes import S, bench_site, describe, describe_detections, detection, ramp, write_lines

CHANNELS = 3
cuts = st.lists(st.integers(T0_NS - S, T0_NS + 9 * S), max_size=8).map(tuple)


def troubled_folder(folder: Path) -> Path:
    """A recording with everything in it that can go wrong after its start."""
    samples = ramp(130, CHANNELS, np.float32)
    samples[20:25, 1] = np.nan
    samples[60:80] = np.inf
    np.save(folder / "a.npy", samples)
    np.save(folder / "b.npy", ramp(100, CHANNELS, np.float64, first=130))
    os.truncate(folder / "b.npy", (folder / "b.npy").stat().st_size - 700)
    np.save(folder / "c.npy", ramp(50, CHANNELS + 1, np.float32))
    np.savez_compressed(folder / "d.npz", x=ramp(90, CHANNELS, np.float16))
    raw = bytearray((folder / "d.npz").read_bytes())
    raw[120] ^= 255
    (folder / "broken.npz").write_bytes(bytes(raw))
    (folder / "e.csv").write_text("1,2,3\n4,5\nnan,8,9\n")
    parts = [
        {"data": ["d.npz:x", "broken.npz:x", "e.csv"], "start": "2021-11-18T00:00:03.5Z"},
        {"data": ["a.npy"], "start": "2021-11-18T00:00:04.1Z"},
        {"data": ["a.npy"], "start": "2021-11-18T00:00:07.0123456Z"},
    ]
    return describe(folder, data=["a.npy", "b.npy", "c.npy"], part=parts)


def troubled_detections(folder: Path) -> Path:
    """Detections that come early, late, twice and not at all."""
    rows = [detection(second / 7) for second in range(40)]
    rows += [detection(second / 3, received_ns=T0_NS + (second + 5) * S // 2, snr=1) for second in range(9)]
    rows += [detection(second / 2, probability=9) for second in range(9)]
    rows += [detection(1.0, sensor="pir-1", chainage_m=50.0, received_ns=3), detection(2.0, sensor="nobody")]
    write_lines(folder / "d.jsonl", [*rows, b"nonsense", detection(0, time_ns=5)])
    (folder / "e.jsonl").write_bytes(b"\xff\n")
    return describe_detections(folder, data=["d.jsonl", "e.jsonl", "d.jsonl"])


SCENES: dict[str, Callable[[Path], Path]] = {"array": troubled_folder, "detections": troubled_detections}


@pytest.fixture(scope="module", params=sorted(SCENES))
def factory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Recording]:
    file = SCENES[request.param](tmp_path_factory.mktemp(request.param))
    return lambda: load_recording(file, bench_site(CHANNELS))


def test_the_scenes_hold_all_kinds_of_trouble(tmp_path: Path) -> None:
    found = set()
    for name, scene in SCENES.items():
        (tmp_path / name).mkdir()
        recording = load_recording(scene(tmp_path / name), bench_site(CHANNELS))
        found |= {getattr(item, "condition", "") for item in recording.poll(recording.end_ns)}
    trouble = {"gap", "duplicate", "not_a_number", "recovered", "short_file", "wrong_shape", "unreadable"}
    assert trouble | {"refused", "unknown_sensor", "clock_skew"} <= found


def test_it_passes_the_whole_suite(factory: Callable[[], Recording]) -> None:
    recording = factory()
    ran = run_checks(factory, Span(recording.start_ns, recording.end_ns))
    assert len(ran) == 9


@pytest.mark.parametrize("check", REPLAYABLE)
@given(data=st.data())
@settings(max_examples=10)
def test_it_passes_however_it_is_cut(factory: Callable[[], Recording], check: Check, data: st.DataObject) -> None:
    recording = factory()
    check(factory, Span(recording.start_ns, recording.end_ns, data.draw(cuts)))


@given(
    lengths=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    pauses_ms=st.lists(st.integers(0, 900), min_size=3, max_size=3),
    rate_hz=st.sampled_from([100.0, 33.3, 625.0]),
    cuts_ns=cuts,
)
@settings(max_examples=30)
def test_every_row_comes_once_at_its_time(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    pauses_ms: list[int],
    rate_hz: float,
    cuts_ns: tuple[int, ...],
) -> None:
    """A slow twin: the time of every row, worked out one by one."""
    folder = tmp_path_factory.mktemp("rows")
    lengths = [lengths[0] + 1, *lengths[1:]]
    stretches: list[dict[str, Any]] = []
    expected: list[tuple[int, int]] = []
    start_ns, value = T0_NS, 0
    for number, length in enumerate(lengths):
        np.save(folder / f"{number}.npy", np.arange(value, value + length, dtype=np.int16))
        stretches.append({"data": [f"{number}.npy"], "start": f"2021-11-18T00:00:{(start_ns - T0_NS) / 1e9:012.9f}Z"})
        expected += [(start_ns + int(row * 1e9 / rate_hz), value + row) for row in range(length)]
        value += length
        start_ns += round((length / rate_hz + (pauses_ms[number % 3] + 20) / 1000) * 1e9) + 1_000_000
    keys = stretches[0] | {"part": stretches[1:], "sensor": "pir-1", "rate_hz": rate_hz}
    recording = load_recording(describe(folder, **keys), bench_site())
    span = Span(recording.start_ns, recording.end_ns, cuts_ns)
    given_rows: list[tuple[int, int]] = []
    for stop_ns in span.stops_ns:
        for item in recording.poll(stop_ns):
            if isinstance(item, Block):
                values = item.samples[:, 0]
                given_rows += [(item.time_of(item.first_sample + row), int(v)) for row, v in enumerate(values)]
    assert [v for _, v in given_rows] == [v for _, v in expected]
    assert all(abs(mine - theirs) <= 1 for (mine, _), (theirs, _) in zip(given_rows, expected, strict=True))


@given(rows=st.lists(detections(("fence-1", "radar-1")), max_size=20))
@settings(max_examples=30)
def test_sound_detections_all_come_through_unchanged(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    write_lines(folder / "d.jsonl", [canonical_json(row) for row in rows])
    recording = load_recording(describe_detections(folder), bench_site())
    given_rows = canonical(recording.poll(recording.end_ns))[1]
    assert sorted(given_rows) == sorted(canonical_bytes(row) for row in rows)


def canonical_json(row: Any) -> dict[str, Any]:
    as_dict: dict[str, Any] = msgspec.to_builtins(row)
    return as_dict


def test_a_site_builds_it_by_name(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10))
    describe(tmp_path)
    site = bench_site()
    spec = SourceSpec(plugin="recording", settings={"file": str(tmp_path / "recording.toml")})
    assert build_source(site, spec).name == "fence-1@2021-11-18T00:00:00Z"
