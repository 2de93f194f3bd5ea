"""Arrays: what is in the files comes out at its time, as it was."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from linewatch.records import quantise_time_ns
from linewatch.sources.recording import find_recordings, load_recording
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, blocks, describe, findings, ramp


def test_a_recording_knows_its_beginning_and_end_before_it_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(250))
    recording = load_recording(describe(tmp_path), bench_site())
    assert (recording.start_ns, recording.end_ns) == (T0_NS, T0_NS + 2_500_000_000)
    assert recording.name == "fence-1@2021-11-18T00:00:00Z"
    assert (recording.delivery, recording.lateness_s) == ("replayable", 0.0)


def test_samples_come_at_their_time_and_not_before(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(250))
    recording = load_recording(describe(tmp_path), bench_site())
    assert not list(recording.poll(T0_NS))
    (first,) = blocks(list(recording.poll(T0_NS + S)))
    (second,) = blocks(list(recording.poll(T0_NS + 2 * S)))
    assert (first.first_sample, first.n_samples, second.first_sample) == (0, 100, 100)
    assert (second.start_ns, second.origin_ns) == (T0_NS + S, T0_NS)
    np.testing.assert_array_equal(second.samples, ramp(100, first=100))
    (rest,) = blocks(list(recording.poll(T0_NS + 60 * S)))
    assert rest.end_ns == recording.end_ns


def test_files_in_order_are_one_stream(tmp_path: Path) -> None:
    for number in range(3):
        np.save(tmp_path / f"{number}.npy", ramp(70, first=70 * number))
    recording = load_recording(describe(tmp_path, data=["0.npy", "1.npy", "2.npy"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert not findings(items)
    assert [block.first_sample for block in blocks(items)] == [0, 70, 140]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks(items)]), ramp(210))


@pytest.mark.parametrize(
    ("stored", "given"),
    [
        *[(each, np.int16) for each in ("<i2", ">i2")],
        *[(each, np.float32) for each in ("u1", "i1", "u2", "i4", "u4", "i8", "f2", "<f4", ">f4", "f8")],
    ],
)
def test_int16_stays_and_every_other_number_becomes_float32(tmp_path: Path, stored: str, given: Any) -> None:
    np.save(tmp_path / "a.npy", ramp(10).astype(stored))
    recording = load_recording(describe(tmp_path), bench_site())
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    assert block.samples.dtype == np.dtype(given)
    assert block.samples.flags.c_contiguous
    np.testing.assert_array_equal(block.samples, ramp(10).astype(stored).astype(given))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layout", ["time_channel", "channel_time"])
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv"])
def test_time_runs_down_whatever_the_layout_and_file(tmp_path: Path, suffix: str, layout: str, order: Any) -> None:
    stored = np.asarray(ramp(30) if layout == "time_channel" else ramp(30).T, order=order)
    name = f"a{suffix}"
    if suffix == ".npy":
        np.save(tmp_path / name, stored)
    elif suffix == ".npz":
        np.savez_compressed(tmp_path / name, x=stored, other=np.zeros(3))
    else:
        np.savetxt(tmp_path / name, stored, delimiter=",", fmt="%d")
    data = [f"{name}:x" if suffix == ".npz" else name]
    recording = load_recording(describe(tmp_path, data=data, layout=layout), bench_site())
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    np.testing.assert_array_equal(block.samples, ramp(30))


def test_the_only_array_of_an_npz_needs_no_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=ramp(10))
    recording = load_recording(describe(tmp_path, data=["a.npz"]), bench_site())
    assert blocks(list(recording.poll(recording.end_ns)))[0].n_samples == 10


def test_one_axis_is_one_channel(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(20, dtype=np.int16))
    recording = load_recording(describe(tmp_path, sensor="pir-1"), bench_site())
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    assert block.samples.shape == (20, 1)
    assert (block.line, block.sensor) == ("main", "pir-1")


def test_names_over_the_columns_of_a_csv_are_no_samples(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("left, right\n1,2\n3,\n5,six\n")
    recording = load_recording(describe(tmp_path, data=["a.csv"]), bench_site(channels=2))
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    np.testing.assert_array_equal(block.samples, [[1, 2], [3, np.nan], [5, np.nan]])


def test_times_stay_exact_at_a_rate_that_no_decimal_holds(tmp_path: Path) -> None:
    rate_hz = 1000 / 1.6
    np.save(tmp_path / "a.npy", ramp(6250))
    recording = load_recording(
        describe(tmp_path, rate_hz=rate_hz, start="2021-11-18T00:00:00.123456789Z"), bench_site()
    )
    assert recording.start_ns == T0_NS + 123_456_789
    items = [item for step in range(1, 1000) for item in recording.poll(recording.start_ns + step * 10_123_457)]
    assert sum(block.n_samples for block in blocks(items)) == 6250
    assert all(block.start_ns == recording.start_ns + block.first_sample * 1_600_000 for block in blocks(items))


def test_a_part_of_a_sensor_says_where_it_begins(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10, channels=2))
    recording = load_recording(describe(tmp_path, first_channel=1), bench_site())
    assert blocks(list(recording.poll(recording.end_ns)))[0].first_channel == 1
    assert recording.name == "fence-1/1@2021-11-18T00:00:00Z"
    recording = load_recording(describe(tmp_path, channels=2), bench_site())
    assert blocks(list(recording.poll(recording.end_ns)))[0].n_channels == 2


def test_samples_are_mapped_and_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10))
    recording = load_recording(describe(tmp_path), bench_site())
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    assert not block.samples.flags.owndata
    block.samples[:] = 0  # a careless reader cannot harm the file
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), ramp(10))


def test_the_fingerprint_tells_contents_apart_and_places_not(tmp_path: Path) -> None:
    def fingerprint(folder: str, samples: Any, **keys: Any) -> str:
        (tmp_path / folder).mkdir()
        np.save(tmp_path / folder / "a.npy", samples)
        return load_recording(describe(tmp_path / folder, **keys), bench_site()).fingerprint

    changed = ramp(10)
    changed[9, 3] += 1
    prints = [
        fingerprint("a", ramp(10)),
        fingerprint("b", changed),
        fingerprint("c", ramp(10), rate_hz=50.0),
        fingerprint("d", ramp(10), start="2021-11-18T00:00:01Z"),
        fingerprint("e", ramp(10), channels=4),
    ]
    assert len(set(prints)) == len(prints)
    assert fingerprint("elsewhere", ramp(10)) == prints[0]


def test_a_folder_gives_its_recordings_in_order_of_name(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10))
    describe(tmp_path / "night", "b.toml", data=["../a.npy"], start="2021-11-18T02:00:00Z")
    describe(tmp_path / "night", "a.toml", data=["../a.npy"], start="2021-11-18T03:00:00Z")
    describe(tmp_path / "night" / "deeper", data=["../../a.npy"], start="2021-11-18T01:00:00Z")
    (tmp_path / "night" / "site.toml").write_text('[site]\nname = "no recording"\n')
    found = find_recordings([tmp_path / "night", tmp_path / "night" / "a.toml"], bench_site())
    assert [recording.name[-9:] for recording in found] == ["03:00:00Z", "02:00:00Z", "01:00:00Z"]


def test_an_unlike_time_zone_is_understood(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10))
    (tmp_path / "recording.toml").write_text(
        'sensor = "fence-1"\nformat = "array"\nrate_hz = 100\ndata = "a.npy"\nstart = 2021-11-18T01:00:00.5+01:00\n'
    )
    assert load_recording(tmp_path, bench_site()).start_ns == T0_NS + S // 2


def test_polling_a_closed_recording_says_so(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(10))
    recording = load_recording(describe(tmp_path), bench_site())
    recording.close()
    with pytest.raises(ValueError, match="closed"):
        recording.poll(T0_NS + S)


def test_a_wide_stream_is_read_thousands_of_times_faster_than_it_happened(tmp_path: Path) -> None:
    channels, seconds = 560, 60
    np.save(tmp_path / "a.npy", np.zeros((1000 * seconds, channels), dtype=np.int16))
    recording = load_recording(describe(tmp_path, rate_hz=1000.0), bench_site(channels=channels))
    begun_s = time.perf_counter()
    n_samples = sum(
        block.n_samples for tick in range(1, seconds + 1) for block in blocks(list(recording.poll(T0_NS + tick * S)))
    )
    ratio = seconds / (time.perf_counter() - begun_s)
    assert n_samples == 1000 * seconds
    assert ratio > 5000
    assert quantise_time_ns(recording.end_ns) == T0_NS + seconds * S
