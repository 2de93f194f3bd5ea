"""Real recordings are read as they are, found by pattern."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.sources.checks import Span, check_cut, check_resume
from linewatch.sources.recording import find_recordings, load_recording
from tests.unit.sources.scenes import S, bench_site, blocks, describe, findings


def site_of(channels: int, kind: str = "fibre_vibration") -> Site:
    site = bench_site()
    sensor = Sensor(id="real", kind=kind, line="main", from_m=0.0, to_m=float(channels), channels=channels)
    return msgspec.structs.replace(site, sensors=(*site.sensors, sensor))


@pytest.mark.shared
def test_every_fence_recording_comes_out_as_it_is(shared_data: Path, tmp_path: Path) -> None:
    files = sorted(shared_data.glob("fence_fibre_vibration/*/*.npz"))
    assert files
    for number, file in enumerate(files):
        values = np.load(file)["x"]
        describe(tmp_path / f"{number}", sensor="real", data=[f"{file}:x"], rate_hz=1000.0)
        recording = load_recording(tmp_path / f"{number}", site_of(values.shape[1]))
        assert recording.end_ns - recording.start_ns == len(values) * S // 1000
        items = [item for tenth in range(1, 70) for item in recording.poll(recording.start_ns + tenth * S // 10)]
        assert not findings(items)
        read = np.concatenate([block.samples for block in blocks(items)])
        assert read.dtype == np.int16
        np.testing.assert_array_equal(read, values)


@pytest.mark.shared
def test_the_street_is_one_stream_over_its_files(shared_data: Path, tmp_path: Path) -> None:
    files = sorted(shared_data.glob("das_street_vehicles/*.npz"))
    values = np.concatenate([np.load(file)["x"] for file in files])
    data = [f"{file}:x" for file in files]
    describe(tmp_path, sensor="real", data=data, rate_hz=625.0, start="2024-05-07T09:02:52Z")
    (recording,) = find_recordings([tmp_path], site_of(values.shape[1], "fibre_das"))
    assert recording.end_ns - recording.start_ns == len(values) * S // 625
    items = [item for second in range(1, 400) for item in recording.poll(recording.start_ns + second * S)]
    assert not findings(items)
    assert [block.first_sample for block in blocks(items)][:3] == [0, 625, 1250]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks(items)]), values)
    span = Span(recording.start_ns, recording.end_ns, (recording.start_ns + 3 * S, recording.start_ns + 11 * S + 7))
    for check in (check_cut, check_resume):
        check(lambda: load_recording(tmp_path, site_of(values.shape[1], "fibre_das")), span)


@pytest.mark.shared
def test_takes_of_a_pir_are_parts_with_their_own_start(shared_data: Path, tmp_path: Path) -> None:
    (file,) = shared_data.glob("pir_analog_brno/*.npz")
    arrays = {name: values for name, values in np.load(file).items() if not name.endswith("__rows")}
    names = sorted(arrays)
    takes = [
        {"data": [f"{file}:{name}"], "start": f"2019-03-01T{n // 60:02d}:{n % 60:02d}:00Z"}
        for n, name in enumerate(names)
    ]
    describe(tmp_path, sensor="pir-1", rate_hz=100.0, **takes[0], part=takes[1:])
    recording = load_recording(tmp_path, bench_site())
    items = list(recording.poll(recording.end_ns))
    assert [finding.condition for finding in findings(items)] == ["gap"] * (len(names) - 1)
    assert len(blocks(items)) == len(names)
    for block, name in zip(blocks(items), names, strict=True):
        np.testing.assert_array_equal(block.samples[:, 0], arrays[name])


@pytest.mark.shared
def test_raw_counts_of_a_quiet_fibre_become_float32(shared_data: Path, tmp_path: Path) -> None:
    files = sorted(shared_data.glob("phi_otdr_bjtu_background/*.npz"))
    values = np.load(files[0])["data"]
    describe(tmp_path, sensor="real", data=[str(files[0])], rate_hz=8000.0)
    recording = load_recording(tmp_path, site_of(values.shape[1], "fibre_das"))
    (block,) = blocks(list(recording.poll(recording.end_ns)))
    assert values.dtype == np.uint16
    assert block.samples.dtype == np.float32
    np.testing.assert_array_equal(block.samples, values)
