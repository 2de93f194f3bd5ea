"""Detections: given when they had arrived; what makes no sense is refused and counted."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linewatch.records import ACTS, MOVERS, Detection, Detections, batch_of, canonical_bytes, quantise
from linewatch.sources.recording import load_recording
from tests.strategies import T0_NS
from tests.unit.sources.scenes import (
    S,
    bench_site,
    describe_detections,
    detection,
    detections,
    findings,
    write_lines,
)

YEAR_1970 = 5 * S
YEAR_2100 = 4_102_444_800 * S
FULL = {
    "mover_probabilities": [0.4, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05],
    "act_probabilities": [0.5, 0.5, 0, 0, 0, 0, 0, 0],
    "offset_m": -3.0,
    "offset_sigma_m": 1.0,
    "velocity_mps": 1.25,
    "velocity_sigma_mps": 0.25,
    "count_low": 1,
    "count_high": 3,
    "sensor_track": "t-7",
}


def read(folder: Path, rows: list[Any], **keys: Any) -> list[Any]:
    """Everything that a recording of these lines gives."""
    write_lines(folder / "d.jsonl", rows)
    recording = load_recording(describe_detections(folder, **keys), bench_site())
    return list(recording.poll(recording.end_ns))


def write_parquet(file: Path, rows: list[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def test_a_line_is_a_detection_with_all_its_fields(tmp_path: Path) -> None:
    (row,) = detections(read(tmp_path, [detection(**FULL)]))
    as_tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in detection(**FULL).items()}
    assert row == quantise(Detection(**as_tuples))
    assert len(FULL["mover_probabilities"]) == len(MOVERS)  # type: ignore[arg-type]
    assert len(FULL["act_probabilities"]) == len(ACTS)  # type: ignore[arg-type]


def test_parquet_and_lines_give_the_same_bytes(tmp_path: Path) -> None:
    rows = [detection(2.0, **FULL), detection(1.0), detection(1.0, sensor="pir-1", chainage_m=50.0, received_ns=None)]
    (batch,) = read(tmp_path, rows)
    write_parquet(tmp_path / "d.parquet", [{**dict.fromkeys(FULL), **row} for row in rows])
    recording = load_recording(describe_detections(tmp_path, data=["d.parquet"]), bench_site())
    (other,) = recording.poll(recording.end_ns)
    assert isinstance(batch, Detections)
    assert isinstance(other, Detections)
    assert canonical_bytes(other) == canonical_bytes(batch)
    assert canonical_bytes(batch) == canonical_bytes(batch_of("main", batch.rows()))


def test_a_detection_comes_at_its_time_and_a_late_one_when_it_arrived(tmp_path: Path) -> None:
    rows = [detection(1.0), detection(2.0, received_ns=T0_NS + 5 * S), detection(3.0)]
    write_lines(tmp_path / "d.jsonl", rows)
    recording = load_recording(describe_detections(tmp_path), bench_site())
    given = [
        [round((row.time_ns - T0_NS) / S) for row in detections(list(recording.poll(T0_NS + at * S)))]
        for at in range(8)
    ]
    assert given == [[], [], [1], [], [3], [], [2], []]
    assert recording.end_ns == T0_NS + 5 * S + 1000


def test_a_batch_names_no_sensor_that_is_not_in_it(tmp_path: Path) -> None:
    rows = [detection(1.0), detection(2.0, sensor="pir-1", sensor_track="x")]
    write_lines(tmp_path / "d.jsonl", rows)
    recording = load_recording(describe_detections(tmp_path), bench_site())
    (first,) = recording.poll(T0_NS + 2 * S)
    assert isinstance(first, Detections)
    assert (first.sensors, first.sensor_tracks) == (("radar-1",), ())


@pytest.mark.parametrize(
    ("fields", "condition", "said"),
    [
        ({"sensor": "radar-9"}, "unknown_sensor", "not in the site: 'radar-9'"),
        ({"line": "other"}, "refused", "line on which its sensor does not stand"),
        ({"time_ns": YEAR_1970}, "refused", "time_ns outside the recording"),
        ({"time_ns": YEAR_2100}, "refused", "time_ns outside the recording"),
        ({"time_ns": T0_NS + 400 * 86_400 * S}, "refused", "time_ns outside the recording"),
        ({"time_ns": 10**30}, "refused", "64 bits"),
        ({"time_ns": 1.5}, "refused", "no detection"),
        ({"received_ns": YEAR_2100}, "refused", "over a day after"),
        ({"chainage_m": None}, "refused", "no detection"),
        ({"chainage_m": -0.5}, "refused", "outside the line"),
        ({"chainage_m": 600.5}, "refused", "outside the line"),
        ({"chainage_m": 1e300}, "refused", "beyond a billion"),
        ({"offset_m": 1e300}, "refused", "beyond a billion"),
        ({"from_m": 123.0}, "refused", "to_m below from_m"),
        ({"chainage_sigma_m": 0.0}, "refused", "standard deviation"),
        ({"chainage_sigma_m": -2.0}, "refused", "standard deviation"),
        ({"velocity_sigma_mps": -1.0}, "refused", "standard deviation"),
        ({"duration_s": -1.0}, "refused", "duration"),
        ({"probability": 1.1}, "refused", "probability outside 0 to 1"),
        ({"mover_probabilities": [1.0]}, "refused", "mover_probabilities that are no distribution"),
        ({"mover_probabilities": [0.5] * 7}, "refused", "mover_probabilities that are no distribution"),
        ({"act_probabilities": [2.0, -1.0, 0, 0, 0, 0, 0, 0]}, "refused", "act_probabilities that are no distribution"),
        ({"count_low": 5, "count_high": 2}, "refused", "count"),
        ({"count_low": -5}, "refused", "count"),
        ({"count_high": 2**40}, "refused", "count"),
    ],
)
def test_a_row_without_sense_is_refused_and_counted(
    tmp_path: Path, fields: dict[str, Any], condition: str, said: str
) -> None:
    items = read(tmp_path, [detection(1.0), detection(2.0, **fields), detection(3.0)])
    assert len(detections(items)) == 2
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.count, finding.line) == (condition, "note", 1, "main")
    assert said in finding.text
    assert "d.jsonl" in finding.text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
@pytest.mark.parametrize("field", ["chainage_m", "strength_db", "probability"])
def test_a_number_that_parquet_can_hold_and_we_cannot_is_refused(tmp_path: Path, field: str, value: Any) -> None:
    write_parquet(tmp_path / "d.parquet", [detection(1.0), detection(2.0, **{field: value})])
    recording = load_recording(describe_detections(tmp_path, data=["d.parquet"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert len(detections(items)) == 1
    assert findings(items)[0].condition == "refused"


def test_events_later_than_the_declared_end_are_refused(tmp_path: Path) -> None:
    items = read(tmp_path, [detection(1.0), detection(61.0)], end="2021-11-18T00:01:00Z")
    assert len(detections(items)) == 1
    assert "time_ns outside the recording" in findings(items)[0].text
    assert findings(items)[0].time_ns == T0_NS + S


def test_a_declared_end_is_the_end(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [])
    recording = load_recording(describe_detections(tmp_path, end="2021-11-18T00:01:00Z"), bench_site())
    assert recording.end_ns == T0_NS + 60 * S
    assert not list(recording.poll(recording.end_ns))


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"null", b'{"sensor": "radar-1"}', b"\xff\xfe", b'{"a":' * 5000, b'{"type": "track"}']
)
def test_a_line_that_is_no_detection_is_refused_and_counted(tmp_path: Path, line: bytes) -> None:
    items = read(tmp_path, [detection(1.0), line, line, detection(3.0)])
    assert len(detections(items)) == 2
    (finding,) = findings(items)
    assert (finding.condition, finding.count, finding.time_ns) == ("refused", 2, T0_NS + S)
    assert "first: line 2" in finding.text


def test_a_last_line_cut_off_is_refused_and_the_rest_is_kept(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [detection(1.0), detection(2.0)])
    raw = (tmp_path / "d.jsonl").read_bytes()
    (tmp_path / "d.jsonl").write_bytes(raw[:-40])
    recording = load_recording(describe_detections(tmp_path), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert len(detections(items)) == 1
    assert findings(items)[0].count == 1


def test_a_flood_of_bad_rows_is_one_finding_a_second(tmp_path: Path) -> None:
    bad = [detection(10 + number / 100, probability=7) for number in range(250)]
    found = findings(read(tmp_path, [detection(1.0), *bad]))
    assert [finding.count for finding in found] == [100, 100, 50]
    assert [finding.time_ns for finding in found] == [
        T0_NS + 10_990_000_000,
        T0_NS + 11_990_000_000,
        T0_NS + 12_490_000_000,
    ]
    assert {finding.sensor for finding in found} == {"radar-1"}


def test_an_unknown_field_is_told_once_and_its_row_is_read(tmp_path: Path) -> None:
    items = read(tmp_path, [detection(1.0), detection(2.0, snr=3), detection(3.0, snr=4)])
    assert len(detections(items)) == 3
    (finding,) = findings(items)
    assert "'snr' is no field of a detection" in finding.text
    assert (finding.count, finding.time_ns) == (2, T0_NS + 2 * S)


def test_an_unknown_column_is_told_once(tmp_path: Path) -> None:
    write_parquet(tmp_path / "d.parquet", [detection(1.0, snr=3), detection(2.0, snr=3)])
    recording = load_recording(describe_detections(tmp_path, data=["d.parquet"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert len(detections(items)) == 2
    assert [finding.count for finding in findings(items)] == [2]


def test_a_clock_that_received_before_it_happened_is_told_and_the_row_kept(tmp_path: Path) -> None:
    items = read(tmp_path, [detection(1.0, received_ns=0)])
    assert detections(items)[0].received_ns is None
    assert findings(items)[0].condition == "clock_skew"


def test_a_recording_of_one_sensor_takes_only_that_sensor(tmp_path: Path) -> None:
    items = read(tmp_path, [detection(1.0), detection(2.0, sensor="pir-1", chainage_m=50.0)], sensor="radar-1")
    assert [row.sensor for row in detections(items)] == ["radar-1"]
    assert findings(items)[0].condition == "unknown_sensor"


def test_without_a_declared_start_the_rows_tell_it_and_a_broken_clock_does_not(tmp_path: Path) -> None:
    rows = [detection(0, time_ns=946_684_800 * S + 5), *(detection(float(second)) for second in (3, 2, 4))]
    write_lines(tmp_path / "d.jsonl", rows)
    file = describe_detections(tmp_path)
    file.write_text("".join(line for line in file.read_text().splitlines(keepends=True) if "start" not in line))
    recording = load_recording(file, bench_site())
    assert recording.start_ns == T0_NS + 2 * S
    assert recording.end_ns == T0_NS + 4 * S + 1000
    items = list(recording.poll(recording.end_ns))
    assert len(detections(items)) == 3
    assert findings(items)[0].condition == "refused"


@pytest.mark.parametrize("raw", [b"", b"PAR1 no table", b"\x00" * 100])
def test_a_later_file_that_cannot_be_read_leaves_what_came_before_and_after(tmp_path: Path, raw: bytes) -> None:
    write_lines(tmp_path / "a.jsonl", [detection(1.0)])
    (tmp_path / "b.parquet").write_bytes(raw)
    write_lines(tmp_path / "c.jsonl", [detection(9.0)])
    file = describe_detections(tmp_path, data=["a.jsonl", "b.parquet", "c.jsonl"], sensor="radar-1")
    recording = load_recording(file, bench_site())
    items = list(recording.poll(recording.end_ns))
    assert len(detections(items)) == 2
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.sensor) == ("unreadable", "failed", "radar-1")
    assert (finding.time_ns, finding.until_ns) == (T0_NS + S, T0_NS + 9 * S)


def test_a_later_table_without_a_needed_column_is_a_finding(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [detection(1.0)])
    write_parquet(tmp_path / "b.parquet", [{"line": "main", "sensor": "radar-1", "time_ns": "noon"}])
    recording = load_recording(describe_detections(tmp_path, data=["a.jsonl", "b.parquet"]), bench_site())
    (finding,) = findings(list(recording.poll(recording.end_ns)))
    assert finding.condition == "wrong_shape"
    assert "no column duration_s, chainage_m" in finding.text


def test_a_column_of_the_wrong_type_is_a_finding(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.jsonl", [detection(1.0)])
    write_parquet(tmp_path / "b.parquet", [detection(2.0, probability="high")])
    recording = load_recording(describe_detections(tmp_path, data=["a.jsonl", "b.parquet"]), bench_site())
    (finding,) = findings(list(recording.poll(recording.end_ns)))
    assert "column probability of type string; allowed: double" in finding.text
