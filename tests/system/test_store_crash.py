"""A writer that is killed, or runs out of disk, at any moment: whole ticks, a chain that verifies, and the same end."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linewatch.store import open_store, verify
from tests.system.store_writer import SIGNER
from tests.unit.store.writing import opened, records_of, rows_of, tick_at, write_tick

CHECKOUT = Path(__file__).resolve().parents[2]
FIRST, TICKS = 40, 160
RECORD_CHAIN = "SELECT e.*, p.* FROM record_entry e JOIN record_payload p ON p.seq = e.seq ORDER BY e.seq"


def started(folder: Path, *limit: int) -> "subprocess.Popen[str]":
    """The writer, at work."""
    numbers = (str(number) for number in (FIRST, TICKS, *limit))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.system.store_writer", str(folder), *numbers],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(writer: "subprocess.Popen[str]") -> tuple[int, list[int], str]:
    """Its status, the ticks that it said were committed, and its complaint."""
    said, complaint = writer.communicate(timeout=100)
    return writer.returncode, [int(line) for line in said.splitlines() if line], complaint


def killed_after(folder: Path, ticks: int, chance: random.Random) -> int | None:
    """Kill the writer a moment after it has said so many ticks; the last tick said, None if it had ended by then."""
    writer = started(folder)
    assert writer.stdout is not None
    last = None
    for _ in range(ticks):
        if not (line := writer.stdout.readline()):
            break
        last = int(line)
    try:
        # Not at the moment of the line alone: anywhere in the tick that follows, or in the opening of the store.
        writer.wait(timeout=chance.random() * (0.02 if ticks else 0.6))
    except subprocess.TimeoutExpired:
        writer.send_signal(signal.SIGKILL)
    status, more, _ = ended(writer)
    assert status in (-signal.SIGKILL, 0)
    return more[-1] if more else last


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store that the writer leaves when nothing happens to it."""
    folder = tmp_path_factory.mktemp("undisturbed") / "store"
    with opened(folder, signer=SIGNER, checkpoint_ticks=25) as journal:
        for index in range(FIRST, FIRST + TICKS):
            write_tick(journal, index)
    return folder


def whole_ticks_of(folder: Path) -> list[int]:
    """Ticks in the record chain, each checked to be there with all of its entries."""
    with open_store(folder) as store:
        entries = [entry for entry in store.entries() if entry.kind not in ("open", "file", "detections")]
    ticks = sorted({entry.tick for entry in entries})
    for tick in ticks:
        assert [(e.kind, e.key) for e in entries if e.tick == tick] == [(k, key) for k, key, _ in records_of(tick)]
    return ticks


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_killed_again_and_again_ends_as_if_nothing_had_been(
    undisturbed: Path, tmp_path: Path, seed: int
) -> None:
    folder, chance = tmp_path / "store", random.Random(seed)
    for _ in range(4):
        last = killed_after(folder, chance.choice([0, 1, 3, 10, 30]), chance)
        if not (folder / "linewatch.sqlite").exists() or not rows_of(folder, "SELECT name FROM sqlite_master"):
            continue  # killed before the store was there
        if verify_or_nothing(folder):
            ticks = whole_ticks_of(folder)
            assert ticks == list(range(FIRST, FIRST + len(ticks)))
            assert last is None or ticks[-1] >= last  # what was said to be committed is there
    status, _, complaint = ended(started(folder))
    assert (status, complaint) == (0, "")
    assert rows_of(folder, RECORD_CHAIN) == rows_of(undisturbed, RECORD_CHAIN)
    for statement in ("SELECT * FROM incident", "SELECT * FROM file", "SELECT * FROM state", "SELECT * FROM outbox"):
        assert rows_of(folder, statement) == rows_of(undisturbed, statement)
    assert [path.read_bytes() for path in sorted((folder / "clips").iterdir())] == [
        path.read_bytes() for path in sorted((undisturbed / "clips").iterdir())
    ]
    assert verify(folder).status == "unanchored"


def verify_or_nothing(folder: Path) -> bool:
    """Whether the store was begun; if so, it verifies."""
    if not rows_of(folder, "SELECT count(*) FROM record_entry")[0][0]:
        return False
    verdict = verify(folder)
    assert verdict.status == "unanchored", verdict
    return True


@pytest.mark.parametrize("limit", [100_000, 200_000, 333_333])
def test_a_full_disk_stops_the_writer_with_one_line_and_loses_nothing(
    undisturbed: Path, tmp_path: Path, limit: int
) -> None:
    folder = tmp_path / "store"
    status, said, complaint = ended(started(folder, limit))
    assert status == 3
    assert len(complaint.strip().splitlines()) == 1
    assert str(folder) in complaint
    assert "nothing of the unfinished tick was kept" in complaint or "File too large" in complaint
    assert verify(folder).status == "unanchored"
    ticks = whole_ticks_of(folder)
    assert ticks == list(range(FIRST, FIRST + len(ticks)))
    assert ticks == [] or ticks[-1] == said[-1]
    assert ended(started(folder))[0] == 0
    assert rows_of(folder, RECORD_CHAIN) == rows_of(undisturbed, RECORD_CHAIN)


def test_a_second_writer_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with opened(folder, signer=SIGNER) as journal:
        status, said, complaint = ended(started(folder))
        assert (status, said) == (3, [])
        assert "is writing this store; allowed: one writer" in complaint
        journal.commit(tick_at(1), {}, {})
    assert verify(folder).status == "unanchored"


def test_a_lock_that_a_killed_writer_held_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    killed_after(folder, 2, random.Random(1))
    with opened(folder, signer=SIGNER) as journal:
        assert journal.positions() is not None
