"""How fast a store is verified, and whether random edits of it are found: `python -m benchmarks.verify --json`.

`records_per_s` is measured on a store of ticks such as a busy line leaves (an arrival, small batches of detections, a
version of an incident), by the wall time of the whole verification; beside it the same by processor time, which tells
more on a machine that has other things to do. `edits` are made one at a time in a small store that holds one of
everything: cells changed, rows deleted, put in and swapped, tails cut, in every table that SQLite lists, and bytes
changed in segments and clips. Each is made by a hand that knows nothing of the format, then undone.
`commit_ms` is the median time of a tick of a hundred entries in a replay, `commit_full_ms` in a live watch, where each
commit waits for the disk.
"""

import argparse
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.reporting import Figures, answer
from linewatch.records import canonical_bytes
from linewatch.store import Signer, open_store, verify
from linewatch.store.journal import Synchronous, open_journal
from linewatch.store.schema import DATABASE
from linewatch.store.verify import verify_connection
from tests.unit.store.tampering import KINDS_OF_EDIT
from tests.unit.store.writing import IDENTITY, SALT_KEY, incident, opened, patrol, tick_at, write_store

TICKS, QUICK_TICKS, FULL_TICKS = 10_000, 3_000, 300
EDITS, QUICK_EDITS = 10_000, 500
SEED = 7


def entries_of(index: int, chance: random.Random) -> list[tuple[str, str, bytes]]:
    """A hundred entries of one tick."""
    name = f"incident-{chance.randrange(200)}"
    return [
        ("tick", "", canonical_bytes(tick_at(index))),
        *(("detections", f"fence-{n % 40}", chance.randbytes(chance.randint(100, 400))) for n in range(97)),
        ("arrival", "patrols", canonical_bytes(patrol(index))),
        ("incident", name, canonical_bytes(incident(name, index))),
    ]


def busy_store(folder: Path, ticks: int, synchronous: Synchronous) -> float:
    """Write a store of ticks of a hundred entries; the median time of one tick, from its first entry to its commit."""
    chance = random.Random(SEED)  # noqa: S311 - made-up input
    taken_s = []
    signer = Signer(bytes(32))
    with open_journal(folder, IDENTITY, salt_key=SALT_KEY, signer=signer, synchronous=synchronous) as journal:
        for index in range(1, ticks + 1):
            entries = entries_of(index, chance)
            begun_s = time.perf_counter()
            for kind, key, payload in entries:
                journal.append(kind, key, payload)
            journal.commit(tick_at(index), {"fence": str(index)}, {"track": payload})
            taken_s.append(time.perf_counter() - begun_s)
    return statistics.median(taken_s)


def pace(folder: Path) -> Figures:
    """Records verified in a second, the best of three."""
    wall_s, processor_s = [], []
    for _ in range(3):
        begun_s, begun = time.perf_counter(), os.times()
        verdict = verify(folder)
        ended = os.times()
        wall_s.append(time.perf_counter() - begun_s)
        processor_s.append(sum(ended[:4]) - sum(begun[:4]))
        assert verdict.status == "unanchored", verdict
    return {
        "records_per_s": verdict.records / min(wall_s),
        "records_per_processor_s": verdict.records / min(processor_s),
        "records": verdict.records,
    }


def edits_found(folder: Path, edits: int) -> Figures:
    """Random edits, one after the other, each undone before the next."""
    chance = random.Random(SEED)  # noqa: S311 - made-up input
    with open_store(folder) as store:
        head = store.heads()
    made, found = Counter[str](), Counter[str]()
    connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
    files = sorted([*(folder / "clips").iterdir(), *(folder / "segments").iterdir()])
    for _ in range(edits):
        kind = chance.choice([*KINDS_OF_EDIT, "file"])
        path = chance.choice(files)
        raw = path.read_bytes()
        connection.execute("BEGIN")
        try:
            if kind == "file":
                path.write_bytes(spoilt(raw, chance))
            else:
                KINDS_OF_EDIT[kind](connection, chance)
            made[kind] += 1
            found[kind] += verify_connection(connection, folder, head).status == "broken"
        finally:
            connection.execute("ROLLBACK")
            if kind == "file":
                path.write_bytes(raw)
    connection.close()
    assert verify(folder, head).status == "ok"
    missed = {kind: made[kind] - found[kind] for kind in made if made[kind] != found[kind]}
    return {"edits": made.total(), "edits_found": found.total(), "edits_by_kind": dict(made), "edits_missed": missed}


def spoilt(raw: bytes, chance: random.Random) -> bytes:
    """A file with one bit changed, or cut, or longer."""
    at = chance.randrange(len(raw))
    return chance.choice([raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :], raw[:at], raw + b"x"])


def measure(args: argparse.Namespace) -> Figures:
    """Pace of verification, edits found, and beside them what a commit costs."""
    folder = Path(tempfile.mkdtemp(prefix="linewatch-verify-"))
    try:
        commits = {"commit_ms": 1e3 * busy_store(folder / "busy", QUICK_TICKS if args.quick else TICKS, "NORMAL")}
        commits["commit_full_ms"] = 1e3 * busy_store(folder / "full", FULL_TICKS, "FULL")
        figures = pace(folder / "busy")
        small = write_store(folder / "small", 30, signer=Signer(bytes(32)))
        with opened(small, signer=Signer(bytes(32))) as journal:
            journal.add_file("segments", ".parquet", lambda path: path.write_bytes(bytes(range(256))))
            journal.commit(tick_at(1000), {}, {})
        return figures | edits_found(small, QUICK_EDITS if args.quick else EDITS) | commits
    finally:
        shutil.rmtree(folder)


def main() -> None:
    """Measure and answer."""
    answer(measure, __doc__)


if __name__ == "__main__":
    main()
