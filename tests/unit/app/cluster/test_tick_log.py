"""The log by tick: one owner, torn ends, damage, repeats."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.app.cluster import tick_log
from linewatch.app.cluster.tick_log import FencedError, TickLogReader, TickLogWriter, frame, frames, last_tick, prune
from linewatch.errors import StoreError


@contextmanager
def writing(folder: Path, *, durable: bool = False) -> Iterator[TickLogWriter]:
    writer = TickLogWriter(folder, "test", {"linewatch": "1"}, durable=durable)
    try:
        yield writer
    finally:
        writer.close()


def test_what_was_appended_is_read_by_tick_and_in_order(tmp_path: Path) -> None:
    reader = TickLogReader(tmp_path / "log")
    assert reader.get(7) is None and reader.after(-1) is None
    with writing(tmp_path / "log", durable=True) as log:
        log.append(7, b"seven")
        assert reader.get(7) == b"seven"
        log.append(9, b"")
    assert reader.after(7) == (9, b"") and reader.get(8) is None
    assert last_tick(tmp_path / "log") == 9 and last_tick(tmp_path / "none") is None


def test_a_torn_end_is_waited_for(tmp_path: Path) -> None:
    with writing(tmp_path) as log:
        log.append(1, b"one")
    path = tmp_path / "00000001.ticks"
    whole = path.read_bytes() + frame(2, b"a longer payload")
    reader = TickLogReader(tmp_path)
    for cut in range(len(path.read_bytes()), len(whole)):
        path.write_bytes(whole[:cut])
        assert reader.get(1) == b"one" and reader.get(2) is None
    path.write_bytes(whole)
    assert reader.get(2) == b"a longer payload"


@given(st.lists(st.tuples(st.integers(0, 2**40), st.binary(max_size=40)), min_size=1), st.data())
def test_a_flipped_bit_is_told_or_leaves_fewer_frames_but_never_others(
    given_frames: list[tuple[int, bytes]], data: st.DataObject
) -> None:
    head = b'{"format":"linewatch-ticks-1","stream":"s","epoch":1,"versions":{}}\n'
    raw = bytearray(head + b"".join(frame(*each) for each in given_frames))
    at = data.draw(st.integers(len(head), len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    try:
        _, found = frames(bytes(raw), Path("f"), 0)
    except StoreError as error:
        said = str(error)
        found = []
    else:
        said = "f: byte"
    assert said.startswith("f: byte")
    assert found == given_frames[: len(found)] and len(found) < len(given_frames)


def test_a_damaged_segment_is_named_with_its_place(tmp_path: Path) -> None:
    with writing(tmp_path) as log:
        log.append(1, b"payload")
    path = tmp_path / "00000001.ticks"
    path.write_bytes(path.read_bytes()[:-1] + b"X")
    with pytest.raises(StoreError, match=r"00000001.ticks: byte \d+: found a damaged frame of tick 1; allowed"):
        TickLogReader(tmp_path).get(1)


def test_a_file_that_is_no_log_is_named(tmp_path: Path) -> None:
    (tmp_path / "00000001.ticks").write_bytes(b'{"format":"other","stream":"s","epoch":1}\n')
    with pytest.raises(StoreError, match="format: found 'other'; allowed: 'linewatch-ticks-1'"):
        TickLogReader(tmp_path).get(1)


def test_the_second_of_two_owners_fences_the_first(tmp_path: Path) -> None:
    with writing(tmp_path) as first, writing(tmp_path) as second:
        second.append(1, b"one")
        with pytest.raises(FencedError, match="found another owner beside number 1; allowed: one owner, the latest"):
            first.append(1, b"one")
        second.append(2, b"two")
    assert TickLogReader(tmp_path).get(2) == b"two"


def test_a_repeat_that_is_the_same_is_counted_and_one_that_differs_is_a_fault(tmp_path: Path) -> None:
    reader = TickLogReader(tmp_path)
    with writing(tmp_path) as log:
        log.append(1, b"one")
        assert reader.get(1) == b"one"
    with writing(tmp_path) as log:
        log.append(1, b"one")
        log.append(2, b"two")
    assert reader.get(2) == b"two" and reader.repeats == 1
    with writing(tmp_path) as log:
        log.append(2, b"not two")
    with pytest.raises(StoreError, match="tick 2: found other content than an earlier owner wrote"):
        reader.get(3)


def test_long_files_are_followed_by_others_and_old_ones_are_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tick_log, "ROLL_BYTES", 200)
    reader = TickLogReader(tmp_path)
    with writing(tmp_path) as log:
        for tick in range(1, 60):
            log.append(tick, bytes(20))
            assert reader.get(tick) == bytes(20)
        assert log.epoch > 5
        assert prune(tmp_path, 50) > 3
        log.append(60, b"x")
    assert reader.get(60) == b"x" and TickLogReader(tmp_path).get(50) == bytes(20)


def test_a_frame_covers_its_tick_too() -> None:
    assert frame(1, b"x")[12:16] != zlib.crc32(b"x").to_bytes(4, "little")
