"""A scene played as a source gives the same records from wherever it is read, for one seed."""

from pathlib import Path

import numpy as np
import pytest

from linewatch.errors import InputError
from linewatch.ports import Item, Recording
from linewatch.records import Detections, canonical_bytes, concatenate, quantise_batch
from linewatch.simulate import SimulatedSource, bench_site, read_scene, write_recording
from linewatch.sources.checks import Span, run_checks
from linewatch.sources.recording import load_recording

SITE = bench_site()
STORY = """
start = "2021-11-18T22:00:00Z"
duration = "00:03:00"
[[load]]
detections_per_s = 20.0
[[mover]]
who = "person"
name = "walker"
at = "00:00:40"
where = "Gate"
does = ["approach from 40 m", "climb 15 s", "cross"]
[[fault]]
what = "late"
sensors = ["pir-gate", "geo-290"]
amount = 8.0
[[fault]]
what = "skew"
sensors = ["geo-310"]
amount = 2.0
"""


def source_of(folder: Path, seed: int = 3, text: str = STORY) -> SimulatedSource:
    path = folder / "story.toml"
    path.write_text(text, encoding="utf-8")
    return SimulatedSource(read_scene(path, SITE), SITE, seed)


def played(source: SimulatedSource, step_ns: int, from_ns: int | None = None) -> list[Item]:
    items: list[Item] = []
    time_ns = source.start_ns if from_ns is None else from_ns
    while time_ns < source.end_ns + 20_000_000_000:
        time_ns += step_ns
        items += source.poll(time_ns)
    return items


def bytes_of(items: list[Item]) -> bytes:
    batches = [item for item in items if isinstance(item, Detections)]
    rows = sorted(canonical_bytes(item) for item in items if not isinstance(item, Detections))  # type: ignore[arg-type]
    return canonical_bytes(concatenate("main", batches)) + b"".join(rows)


def test_it_is_a_recording(tmp_path: Path) -> None:
    source: Recording = source_of(tmp_path)
    assert source.delivery == "replayable"
    assert source.end_ns - source.start_ns == 180_000_000_000


def test_how_often_it_is_polled_changes_nothing(tmp_path: Path) -> None:
    whole = bytes_of(played(source_of(tmp_path), 1_000_000_000))
    assert bytes_of(played(source_of(tmp_path), 137_000_000)) == whole
    assert bytes_of(played(source_of(tmp_path), 50_000_000_000)) == whole


def test_another_seed_is_another_night_and_another_fingerprint(tmp_path: Path) -> None:
    first, second = source_of(tmp_path, 3), source_of(tmp_path, 4)
    assert first.fingerprint == source_of(tmp_path, 3).fingerprint != second.fingerprint
    assert bytes_of(played(first, 10**9)) != bytes_of(played(second, 10**9))


@pytest.mark.parametrize("stop_s", [0.5, 41.3, 60.0, 119.9, 179.0])
def test_it_goes_on_from_any_position(tmp_path: Path, stop_s: float) -> None:
    source = source_of(tmp_path)
    stop_ns = source.start_ns + round(stop_s * 1e9)
    before = list(source.poll(stop_ns))
    resumed = source_of(tmp_path)
    resumed.seek(source.position())
    rest = played(resumed, 10**9, stop_ns)
    assert bytes_of(before + rest) == bytes_of(played(source_of(tmp_path), 10**9))


def test_a_position_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="position"):
        source_of(tmp_path).seek("yesterday")


def test_every_batch_is_sorted_and_on_the_grain_of_the_archive(tmp_path: Path) -> None:
    for item in played(source_of(tmp_path), 10**9):
        if isinstance(item, Detections):
            assert canonical_bytes(quantise_batch(item)) == canonical_bytes(item)
            order = np.lexsort((item.chainage_m, item.sensor_index, item.time_ns))
            assert (order == np.arange(len(item))).all()
            assert (item.from_m <= item.chainage_m).all()
            assert (item.chainage_m <= item.to_m).all()


def test_late_sensors_say_when_their_reports_came(tmp_path: Path) -> None:
    late, prompt = [], []
    for item in played(source_of(tmp_path), 10**9):
        if isinstance(item, Detections):
            for detection in item.rows():
                (late if detection.sensor in ("pir-gate", "geo-290") else prompt).append(detection)
    assert len(late) > 10
    assert all(d.received_ns is not None and 2e9 < d.received_ns - d.time_ns <= 8e9 for d in late)
    assert all(d.received_ns is None for d in prompt)


def test_an_event_more_leaves_every_other_event_as_it_was(tmp_path: Path) -> None:
    animal = '[[mover]]\nwho = "animal"\nname = "deer"\nat = "00:00:10"\nwhere = 10.0\ndoes = ["along 50 m"]\n'
    plain = {truth.event: truth for truth in source_of(tmp_path).truth()}
    more = {truth.event: truth for truth in source_of(tmp_path, text=STORY + animal).truth()}
    assert more["walker"] == plain["walker"]
    assert set(more) - set(plain) == {"deer"}


def test_a_recording_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    scene = read_scene("walker-and-wind", SITE)
    for name in ("a", "b"):
        write_recording(scene, SITE, 5, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(InputError, match="empty"):
        write_recording(read_scene("walker-and-wind", SITE), SITE, 1, tmp_path)


def test_it_conforms_to_what_every_source_must_do(tmp_path: Path) -> None:
    # Without the clock that is fast: what it stamps comes before its time, as it would outside.
    story = STORY[: STORY.rindex("[[fault]]")]
    source = source_of(tmp_path, text=story)
    span = Span(source.start_ns, source.end_ns + 20 * 10**9)
    assert "check_resume" in run_checks(lambda: source_of(tmp_path, text=story), span)


def test_a_recording_is_read_back_as_the_same_detections(tmp_path: Path) -> None:
    scene = read_scene("walker-and-wind", SITE)
    file, _ = write_recording(scene, SITE, 5, tmp_path / "out")
    recording = load_recording(file, SITE)
    assert (recording.start_ns, recording.end_ns) == (scene.start_ns, scene.end_ns)
    read = [item for item in recording.poll(scene.end_ns) if isinstance(item, Detections)]
    made = [i for i in SimulatedSource(scene, SITE, 5).poll(scene.end_ns) if isinstance(i, Detections)]
    assert canonical_bytes(concatenate("main", read)) == canonical_bytes(concatenate("main", made))
