"""Stores made up for tests: everything that a store can hold, in little, and the same every time."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linewatch.clock import HandClock
from linewatch.records import Incident, KnownMover, OperatorAct, Record, Tick, canonical_bytes
from linewatch.store.identity import Identity
from linewatch.store.journal import Changed, Journal, open_journal
from linewatch.store.keys import Signer
from linewatch.store.schema import DATABASE

PERIOD_NS = 250_000_000
WALL_NS = 1_800_000_000_000_000_000
SALT_KEY = bytes(range(32))
IDENTITY = Identity("bench", "5173", "5e77", "1n", "0.1.0", "00" * 32, "x86-64-v3")


def tick_at(index: int) -> Tick:
    """The tick with this index."""
    return Tick(index, index * PERIOD_NS, index * PERIOD_NS - PERIOD_NS, PERIOD_NS)


def incident(name: str, index: int, **fields: object) -> Incident:
    """A version of an incident, written at this tick."""
    values: dict[str, object] = {
        "id": name,
        "line": "main",
        "section": "S01",
        "raised_ns": 40 * PERIOD_NS,
        "updated_ns": index * PERIOD_NS,
        "closed_ns": None,
        "kind": "approach",
        "kind_probability": 0.8,
        "mover": "person",
        "act": "none",
        "concern": "none",
        "chainage_m": 120.5,
        "chainage_sigma_m": 1.5,
        "from_m": 118.0,
        "to_m": 123.0,
        "place": "gate 3",
        "count_low": 1,
        "count_high": 2,
        "priority": 2,
        "state": "raised",
        "sensors": ("fence-1",),
        "reason": "one mover towards the line",
        "settings_id": "5e77",
        **fields,
    }
    return Incident(**values)  # type: ignore[arg-type]


def act(name: str, index: int, reason: str = "two people, as on the camera") -> OperatorAct:
    """A move by a person."""
    return OperatorAct(name, "assess", "operator", "seat-2", index * PERIOD_NS, reason, (("assessment", "genuine"),))


def patrol(index: int) -> KnownMover:
    """A position of a patrol."""
    return KnownMover("P-7", "main", index * PERIOD_NS, 1200.0 + index, 5.0, -3.0, 2, authenticated=True)


def opened(folder: Path, *, signer: Signer | None = None, changed: Changed = "refuse", **more: object) -> Journal:
    """The journal in this folder, with a clock that stands still."""
    identity = more.pop("identity", IDENTITY)
    return open_journal(
        folder,
        identity,  # type: ignore[arg-type]
        salt_key=SALT_KEY,
        clock=HandClock(WALL_NS),
        signer=signer,
        synchronous="NORMAL",
        changed=changed,
        **more,  # type: ignore[arg-type]
    )


def records_of(index: int) -> list[tuple[str, str, Record]]:
    """What is journalled at this tick, as kind, key and record: now and then one of everything."""
    found: list[tuple[str, str, Record]] = [("tick", "", tick_at(index))]
    if index % 3 == 0:
        found.append(("arrival", "patrols", patrol(index)))
    if index % 4 == 0:
        name = f"incident-{index % 8}"
        found.append(("incident", name, incident(name, index, assessment_cause="a dog, says seat 2")))
    if index % 5 == 0:
        found.append(("act", "operator", act("incident-0", index)))
    return found


def write_tick(journal: Journal, index: int) -> None:
    """All of one tick, from the entries to the commit."""
    for kind, key, record in records_of(index):
        if kind == "act":
            journal.audit("act", WALL_NS, "assessed", who="login-4", about=journal.next_seq, in_commit=True)
        journal.append(kind, key, canonical_bytes(record))
    if index % 6 == 0:
        journal.append("detections", "fence-1", bytes(3000))  # long enough to be deflated
    if index % 7 == 0:
        journal.add_file("clips", ".bin", lambda path: path.write_bytes(bytes([index % 256]) * 100))
    states = {"track/main/S01": bytes([index % 256]) * 20, "incident": b"i%d" % index}
    signals = {"fence-1": bytes([index % 256]) * 50} if index % 10 == 0 else None
    journal.commit(tick_at(index), {"fence": f"row {index * 250}"}, states, signals)


def write_store(folder: Path, ticks: int = 20, *, first: int = 40, signer: Signer | None = None) -> Path:
    """A store of so many ticks, opened, written and closed."""
    with opened(folder, signer=signer) as journal:
        for index in range(first, first + ticks):
            write_tick(journal, index)
        journal.delivered("cot", 3)
    return folder


@contextmanager
def edited(folder: Path) -> Iterator[sqlite3.Connection]:
    """A hand on the database that is not ours."""
    connection = sqlite3.connect(folder / DATABASE)
    try:
        yield connection
        connection.commit()
    finally:
        connection.close()


def rows_of(folder: Path, statement: str) -> list[tuple[object, ...]]:
    """Rows of a query."""
    with edited(folder) as connection:
        return connection.execute(statement).fetchall()
