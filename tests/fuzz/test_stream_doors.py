"""Hostile bytes at the doors of raw samples: refused with a reason, or read as sound samples."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.sources.continuity import Continuity
from linewatch.sources.das._frames import read_frame, write_frame
from linewatch.sources.miniseed import MOST_RATE_HZ, read_piece
from linewatch.sources.recording._mseed_files import files_of, runs_of, scan_file
from tests.seedlink_server import records_of

START_NS = 1_790_000_000_000_000_000
RECORDS = records_of(np.arange(2000) % 97, START_NS, 100.0)
RECORDS_3 = records_of(np.arange(2000) % 97, START_NS, 100.0, version=3)
FRAME = write_frame(np.ones((20, 3), np.float32), START_NS, 1000.0, 5)
DAMAGE = st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), max_size=6)


def damaged(raw: bytes, damage: list[tuple[int, int]]) -> bytes:
    out = bytearray(raw)
    for at, flip in damage:
        out[at % len(out)] ^= flip
    return bytes(out)


def refused_or_sound(raw: bytes) -> bool:
    try:
        piece = read_piece(raw)
    except InputError:
        return True
    return (
        0.0 < piece.rate_hz <= MOST_RATE_HZ
        and piece.samples.dtype == np.float32
        and piece.samples.ndim == 2
        and len(piece.samples) > 0
    )


@given(st.binary(max_size=700))
def test_no_bytes_break_the_reader_of_records(raw: bytes) -> None:
    assert refused_or_sound(raw)


@given(st.sampled_from([*RECORDS, *RECORDS_3]), DAMAGE, st.integers(0, 600))
def test_a_damaged_record_is_read_or_refused(record: bytes, damage: list[tuple[int, int]], length: int) -> None:
    assert refused_or_sound(damaged(record, damage)[: len(record) - length % len(record)])


@given(DAMAGE, st.integers(0, 600), st.binary(max_size=90))
def test_a_damaged_file_gives_every_sample_that_it_counts(
    damage: list[tuple[int, int]], length: int, tail: bytes
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mseed"
        path.write_bytes(damaged(b"".join(RECORDS), damage)[: -length - 1] + tail)
        scan = scan_file(path)
        assert all(damage.length > 0 for damage in scan.damaged)
        for records in scan.streams.values():
            files = [file for run in runs_of(records) for file in files_of(run)]
            assert sum(file.view().shape[0] for file in files) == sum(record.rows for record in records)


@given(DAMAGE, st.integers(0, 2), st.integers(0, 30))
def test_a_damaged_frame_is_read_or_refused(damage: list[tuple[int, int]], part: int, cut: int) -> None:
    parts = [*FRAME]
    if parts[part]:
        parts[part] = damaged(parts[part], damage)[: len(parts[part]) - cut]
    try:
        frame = read_frame(parts)
    except InputError:
        return
    assert frame.samples.shape == frame.header.shape and frame.header.rate_hz > 0.0


PIECES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 120), st.sampled_from([100.0, 100.001, 50.0])), max_size=12
)


@given(PIECES)
def test_no_moment_is_given_twice_whatever_the_order_of_pieces(pieces: list[tuple[int, int, float]]) -> None:
    notes: list[str] = []
    stream = Continuity("main", "s1", 0, lambda condition, text: notes.append(condition))
    end_ns = 0
    given = 0
    for start, rows, rate_hz in pieces:
        block, gap = stream.take(START_NS + start * 10_000_000, rate_hz, np.ones((rows, 1), np.float32))
        assert gap is None or gap.until_ns is None or gap.until_ns >= gap.time_ns
        if block is not None:
            # Times on the count may stray from those of the pieces by as much as is allowed, and no more.
            assert block.start_ns >= end_ns - 45_000_000
            end_ns = block.end_ns
            given += block.n_samples
    assert given <= sum(rows for _, rows, _ in pieces)
    assert bool(notes) or given == sum(rows for _, rows, _ in pieces)
