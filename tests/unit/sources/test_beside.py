"""Beside its detections a recording may hold findings, weather and positions of own people."""

from pathlib import Path

import pytest

from linewatch.errors import InputError
from linewatch.ports import Recording
from linewatch.records import Health, KnownMover, Weather, line_of_json
from linewatch.sources.recording import load_recording
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, describe_detections, detection, detections, findings, write_lines

FROST = Weather("main", 0.0, 600.0, T0_NS + 2 * S, temperature_c=-6.0)
PATROL = KnownMover("patrol 1", "main", T0_NS + S, 150.0, 5.0, authenticated=True)
SICK = Health("main", "fence-1", T0_NS + 3 * S, "noisy_channel", "degraded", "loud")


def recording(folder: Path, beside: str) -> Recording:
    write_lines(folder / "d.jsonl", [detection(1.0), detection(5.0)])
    (folder / "records.jsonl").write_text(beside)
    return load_recording(describe_detections(folder, beside="records.jsonl"), bench_site())


def test_everything_comes_at_its_own_time(tmp_path: Path) -> None:
    read = recording(tmp_path, "".join(line_of_json(record) + "\n" for record in (FROST, PATROL, SICK)))
    assert [item for item in read.poll(T0_NS + 2 * S) if not detections([item])] == [PATROL]
    assert list(read.poll(T0_NS + 4 * S)) == [FROST, SICK]
    assert len(detections(read.poll(read.end_ns))) == 1


def test_a_line_that_is_none_of_them_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    items = list(recording(tmp_path, f"{line_of_json(FROST)}\n{{not json\n{line_of_json(SICK)}\n").poll(T0_NS + 9 * S))
    assert FROST in items and SICK in items
    (refused,) = [finding for finding in findings(items) if finding.condition == "refused"]
    assert "records.jsonl line 2" in refused.text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    write_lines(tmp_path / "d.jsonl", [detection(1.0)])
    with pytest.raises(InputError, match=r"beside 'lost\.jsonl'"):
        load_recording(describe_detections(tmp_path, beside="lost.jsonl"), bench_site())


def test_what_lies_beside_belongs_to_the_fingerprint(tmp_path: Path) -> None:
    first = recording(tmp_path, line_of_json(FROST)).fingerprint
    assert first != recording(tmp_path, line_of_json(SICK)).fingerprint
