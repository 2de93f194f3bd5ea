"""What breaks after the start becomes findings at their time; what can be read is read."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from linewatch.sources.recording import load_recording
from tests.strategies import T0_NS
from tests.unit.sources.scenes import S, bench_site, blocks, describe, findings, ramp

ONE_S = 100  # rows


def cut_off(path: Path, keep: int) -> None:
    os.truncate(path, path.stat().st_size + keep if keep < 0 else keep)


def test_a_gap_between_parts_is_a_failed_finding_with_its_end(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.save(tmp_path / "b.npy", ramp(ONE_S))
    part = {"data": ["b.npy"], "start": "2021-11-18T00:00:03.0005Z"}
    recording = load_recording(describe(tmp_path, part=[part]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (gap,) = findings(items)
    assert (gap.condition, gap.severity, gap.sensor, gap.line) == ("gap", "failed", "fence-1", "main")
    assert (gap.time_ns, gap.until_ns) == (T0_NS + S, T0_NS + 3 * S + 500_000)
    before, after = blocks(items)
    assert items == [before, gap, after]
    assert (after.origin_ns, after.first_sample) == (gap.until_ns, 0)
    assert recording.end_ns == T0_NS + 4 * S + 500_000


def test_a_gap_is_told_when_it_begins_and_not_before(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    part = {"data": ["a.npy"], "start": "2021-11-18T00:00:03Z"}
    recording = load_recording(describe(tmp_path, part=[part]), bench_site())
    assert not findings(list(recording.poll(T0_NS + S)))
    assert len(findings(list(recording.poll(T0_NS + S + 1000)))) == 1


def test_a_part_that_starts_within_half_a_sample_of_the_last_goes_on(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    part = {"data": ["a.npy"], "start": "2021-11-18T00:00:01.004Z"}
    recording = load_recording(describe(tmp_path, part=[part]), bench_site())
    items = list(recording.poll(recording.end_ns))
    assert not findings(items)
    assert [(block.origin_ns, block.first_sample) for block in blocks(items)] == [(T0_NS, 0), (T0_NS, ONE_S)]


def test_of_parts_that_overlap_the_first_is_kept_and_the_rest_counted(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.save(tmp_path / "b.npy", ramp(ONE_S, first=500))
    part = {"data": ["b.npy"], "start": "2021-11-18T00:00:00.7Z"}
    recording = load_recording(describe(tmp_path, part=[part]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.count) == ("duplicate", "note", 30)
    before, after = blocks(items)
    assert after.start_ns == before.end_ns == T0_NS + S
    np.testing.assert_array_equal(after.samples, ramp(70, first=530))


def test_a_file_cut_off_keeps_its_rows_and_the_time_of_what_follows(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.save(tmp_path / "b.npy", ramp(ONE_S, first=ONE_S))
    cut_off(tmp_path / "a.npy", -(40 * 8 + 3))
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npy"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.count) == ("short_file", "failed", 41)
    assert (finding.time_ns, finding.until_ns) == (T0_NS + 590_000_000, T0_NS + S)
    assert "59 samples found, 100 expected" in finding.text
    assert [(block.first_sample, block.n_samples) for block in blocks(items)] == [(0, 59), (ONE_S, ONE_S)]
    np.testing.assert_array_equal(blocks(items)[0].samples, ramp(59))


def test_a_last_file_cut_off_leaves_the_rest_unwatched_to_its_declared_end(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    cut_off(tmp_path / "a.npy", -400)
    recording = load_recording(describe(tmp_path), bench_site())
    (finding,) = findings(list(recording.poll(T0_NS + 10 * S)))
    assert (finding.time_ns, finding.until_ns) == (T0_NS + S // 2, T0_NS + S)
    assert recording.end_ns == T0_NS + S


@pytest.mark.parametrize("dtype", [np.int16, np.float64])
def test_a_file_stored_by_channel_and_cut_off_loses_channels_and_not_time(tmp_path: Path, dtype: type) -> None:
    np.save(tmp_path / "a.npy", np.ascontiguousarray(ramp(ONE_S, dtype=dtype).T))
    cut_off(tmp_path / "a.npy", -(ONE_S * np.dtype(dtype).itemsize + 1))
    recording = load_recording(describe(tmp_path, layout="channel_time"), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.first_channel, finding.last_channel) == ("short_file", 2, 3)
    assert (finding.time_ns, finding.until_ns) == (T0_NS, T0_NS + S)
    (block,) = blocks(items)
    assert block.valid is not None
    assert block.valid.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(block.samples[:, :2], ramp(ONE_S)[:, :2])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (ramp(ONE_S, channels=3), "3 channels found, 4 expected as in a.npy"),
        (ramp(ONE_S, dtype=np.float32), "values of kind float found, int16 expected as in a.npy"),
        (ramp(ONE_S, dtype=np.complex64), "values of type complex64"),
        (ramp(ONE_S) > 0, "values of type bool"),
    ],
)
def test_a_later_file_of_another_make_is_left_out_for_as_long_as_it_lasts(
    tmp_path: Path, other: np.ndarray, said: str
) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.save(tmp_path / "b.npy", other)
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npy", "a.npy"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity) == ("wrong_shape", "failed")
    assert said in finding.text
    assert (finding.time_ns, finding.until_ns, finding.count) == (T0_NS + S, T0_NS + 2 * S, ONE_S)
    assert [block.first_sample for block in blocks(items)] == [0, 2 * ONE_S]


def test_a_broken_file_between_equals_is_taken_to_be_as_long(tmp_path: Path) -> None:
    for name in ("a", "c"):
        np.save(tmp_path / f"{name}.npy", ramp(ONE_S))
    (tmp_path / "b.npy").write_bytes(b"no array at all")
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npy", "c.npy"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity) == ("unreadable", "failed")
    assert "taken to be as long as its neighbours, 100 samples" in finding.text
    assert (finding.time_ns, finding.until_ns) == (T0_NS + S, T0_NS + 2 * S)
    assert [block.first_sample for block in blocks(items)] == [0, 2 * ONE_S]


def test_what_follows_a_file_of_unknown_length_waits_for_a_part_with_its_own_start(tmp_path: Path) -> None:
    for name, rows in (("a", ONE_S), ("c", ONE_S + 1), ("d", ONE_S + 2)):
        np.save(tmp_path / f"{name}.npy", ramp(rows))
    (tmp_path / "b.npy").write_bytes(b"")
    part = {"data": ["a.npy"], "start": "2021-11-18T00:00:10Z"}
    data = ["a.npy", "d.npy", "b.npy", "c.npy"]
    recording = load_recording(describe(tmp_path, data=data, part=[part]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.count) == ("unreadable", "failed", 2)
    assert finding.text.endswith("has no known time and is left out: c.npy")
    assert (finding.time_ns, finding.until_ns) == (T0_NS + 2_020_000_000, T0_NS + 10 * S)
    assert [block.start_ns for block in blocks(items)] == [T0_NS, T0_NS + S, T0_NS + 10 * S]


def test_a_break_at_the_very_end_has_no_known_end(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    (tmp_path / "b.npz").write_bytes(b"PK\x03\x04 cut off")
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npz:x"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.time_ns, finding.until_ns) == ("unreadable", T0_NS + S, None)
    assert finding.time_ns < recording.end_ns
    assert blocks(items)[0].n_samples == ONE_S


def test_an_npz_whose_checksum_fails_is_not_used_at_all(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=ramp(ONE_S))
    np.savez(tmp_path / "b.npz", x=ramp(ONE_S))
    with zipfile.ZipFile(tmp_path / "b.npz") as archive:
        where = archive.infolist()[0].header_offset + 700
    raw = bytearray((tmp_path / "b.npz").read_bytes())
    raw[where] ^= 1
    (tmp_path / "b.npz").write_bytes(bytes(raw))
    recording = load_recording(describe(tmp_path, data=["a.npz:x", "b.npz:x", "a.npz:x"]), bench_site())
    items = [item for tenth in range(1, 31) for item in recording.poll(T0_NS + tenth * S // 10)]
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.count) == ("unreadable", "failed", ONE_S)
    assert (finding.time_ns, finding.until_ns) == (T0_NS + S, T0_NS + 2 * S)
    assert sorted({block.first_sample // ONE_S for block in blocks(items)}) == [0, 2]


def test_a_file_that_shrinks_while_it_is_read_is_unreadable_from_then_on(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    recording = load_recording(describe(tmp_path), bench_site())
    assert len(blocks(list(recording.poll(T0_NS + S // 2)))) == 1
    cut_off(tmp_path / "a.npy", 200)
    items = [*recording.poll(T0_NS + 3 * S // 4), *recording.poll(T0_NS + S)]
    (finding,) = findings(items)
    assert not blocks(items)
    assert (finding.condition, finding.time_ns, finding.until_ns) == ("unreadable", T0_NS + S // 2, T0_NS + S)


def test_a_file_that_vanishes_before_it_is_reached_is_unreadable(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.savez(tmp_path / "b.npz", x=ramp(ONE_S))
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npz"]), bench_site())
    (tmp_path / "b.npz").unlink()
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.time_ns) == ("unreadable", T0_NS + S)
    assert len(blocks(items)) == 1


def test_an_empty_file_in_the_middle_takes_no_time_and_is_told(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    np.save(tmp_path / "b.npy", ramp(0))
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npy", "a.npy"]), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity) == ("short_file", "note")
    assert [block.first_sample for block in blocks(items)] == [0, ONE_S]


def test_rows_of_a_csv_without_sense_keep_their_place_in_time(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n3\n5,6\n\n9,x\n")
    recording = load_recording(describe(tmp_path, data=["a.csv"]), bench_site(channels=2))
    items = list(recording.poll(recording.end_ns))
    (shape,) = [finding for finding in findings(items) if finding.condition == "wrong_shape"]
    assert (shape.time_ns, shape.count) == (T0_NS + S // 100, 2)
    nan = np.nan
    np.testing.assert_array_equal(
        np.concatenate([block.samples for block in blocks(items)]),
        [[1, 2], [nan, nan], [5, 6], [nan, nan], [9, nan]],
    )


def test_a_header_that_claims_years_is_not_believed(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", ramp(ONE_S))
    with (tmp_path / "b.npy").open("wb") as stream:
        header = {"descr": "<i2", "fortran_order": False, "shape": (9_000_000_000_000, 4)}
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(ramp(ONE_S).tobytes())
    recording = load_recording(describe(tmp_path, data=["a.npy", "b.npy"]), bench_site())
    (finding,) = findings(list(recording.poll(recording.end_ns)))
    assert (finding.condition, finding.severity) == ("wrong_shape", "failed")
    assert recording.end_ns < T0_NS + 2 * S


def test_what_stands_behind_the_array_is_counted_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.npy").open("wb") as stream:
        np.save(stream, ramp(ONE_S))
        np.save(stream, ramp(ONE_S))
    recording = load_recording(describe(tmp_path), bench_site())
    items = list(recording.poll(recording.end_ns))
    (finding,) = findings(items)
    assert (finding.condition, finding.severity, finding.time_ns) == ("wrong_shape", "degraded", T0_NS)
    assert "928 bytes behind the array are not read" in finding.text
    assert blocks(items)[0].n_samples == ONE_S
