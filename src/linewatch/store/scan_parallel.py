"""Verification on more than one core: each further process walks a stretch of the record chain.

A further process runs `answer`, with the job on its standard input and the answer on its standard
output. It sees the store at a moment of its own. Entries never change, but payloads may have been erased since the
first process looked; then it answers that the store has moved, and the first process walks that stretch itself.
"""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import StoreError
from linewatch.store.notes import Erasure
from linewatch.store.scan import Erased
from linewatch.store.scan_audit import AuditScan
from linewatch.store.scan_record import FIRST, LAST, RecordScan, RecordWalk, beyond_the_end
from linewatch.store.schema import connect_reader

PROCESS_FROM_ENTRIES: Final = 100_000
"""Below this many entries for each, starting a process costs more than it saves."""
MOST_PROCESSES: Final = 8

_PROGRAM: Final = f"import {__name__} as scan; scan.answer()"

_COUNT_ERASURES: Final = "SELECT count(*) FROM audit_entry WHERE kind = 'erase'"


class _Job(msgspec.Struct, frozen=True):
    path: str
    first: int
    last: int
    wanted: int | None
    cited: dict[int, bytes]
    erasures: tuple[Erasure, ...]


def scan_records(
    connection: sqlite3.Connection, audits: AuditScan, wanted: int | None, path: Path | None = None
) -> RecordScan:
    """Walk the record chain up to its first broken entry, and remember the hash at the position `wanted`.

    With the `path` of the database, a long chain is walked by as many processes as there are cores.
    """
    walk = RecordWalk(audits.cited, audits.erased, wanted)
    bounds = _bounds(connection) if path is not None else [(FIRST, LAST)]
    processes = [
        _start(_Job(str(path), first, last, wanted, audits.cited, audits.erased.erasures)) for first, last in bounds[1:]
    ]
    scan = walk.stretch(connection, *bounds[0])
    for process, (first, last) in zip(processes, bounds[1:], strict=True):
        part = _answer(process)
        scan.follow(walk.stretch(connection, first, last) if part is None else part)
    beyond_the_end(scan, audits.cited)
    return scan


def _bounds(connection: sqlite3.Connection) -> list[tuple[int, int]]:
    try:
        last = connection.execute("SELECT max(seq) FROM record_entry").fetchone()[0] or 0
    except sqlite3.Error:  # the walk tells where
        last = 0
    processes = max(min(os.cpu_count() or 1, MOST_PROCESSES, last // PROCESS_FROM_ENTRIES), 1)
    starts = [FIRST, *(last * part // processes for part in range(1, processes))]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), LAST], strict=True))


def _start(job: _Job) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603 - this module itself, in this interpreter
        [sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(msgspec.msgpack.encode(job))
    process.stdin.close()
    return process


def _answer(process: "subprocess.Popen[bytes]") -> RecordScan | None:
    """What a further process found; None where it could not, or would not, say."""
    assert process.stdout is not None
    with process.stdout as stream:
        raw = stream.read()
    if process.wait() != 0:
        return None
    return msgspec.msgpack.decode(raw, type=RecordScan | None)


def _work(job: _Job) -> RecordScan | None:
    try:
        connection = connect_reader(Path(job.path))
    except StoreError:
        return None
    try:
        connection.execute("BEGIN")
        if connection.execute(_COUNT_ERASURES).fetchone()[0] != len(job.erasures):
            return None
        return RecordWalk(job.cited, Erased(job.erasures), job.wanted).stretch(connection, job.first, job.last)
    except sqlite3.Error:
        return None
    finally:
        connection.close()


def answer() -> None:
    """Do the job on standard input: what a further process is there for."""
    sys.stdout.buffer.write(msgspec.msgpack.encode(_work(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=_Job))))
