"""Hands that are not ours: random edits of everything in a store that can be read, each one a real change."""

import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from linewatch.store.batch import Ends, end_of
from linewatch.store.chain import GENESIS, encode, entry_hash
from linewatch.store.payloads import unwrap
from linewatch.store.schema import DATABASE
from linewatch.store.state import Progress, row_digest

Edit = Callable[[sqlite3.Connection, random.Random], str]


def tables_of(connection: sqlite3.Connection) -> list[str]:
    """Every table, as SQLite itself lists them."""
    names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [name for name in names if connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]]  # noqa: S608


def columns_of(connection: sqlite3.Connection, table: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is part of the key, of every column."""
    rows = connection.execute(f"PRAGMA table_info({table})")
    return [(name, kind, bool(key)) for _, name, kind, _, _, key in rows]


def changed(value: Any, kind: str, chance: random.Random) -> Any:
    """Another value that the column takes."""
    if value is None:
        return {"INTEGER": 0, "TEXT": "x", "REAL": 0.5, "BLOB": b"x"}[kind]
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 1 << chance.randrange(40)])
    if isinstance(value, float):
        return value + chance.choice([-0.001, 0.001, 100.0])
    raw = value.encode() if isinstance(value, str) else value
    if not raw:
        new = b"x"
    else:
        at = chance.randrange(len(raw))
        new = chance.choice(
            [
                raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(7))]) + raw[at + 1 :],
                raw[:at] + raw[at + 1 :],
                raw[:at] + bytes([chance.randrange(128)]) + raw[at:],
                raw + b"x",
            ]
        )
    return new.decode(errors="replace") if isinstance(value, str) else new


def change_a_cell(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Change one value of one row of one table."""
    while True:
        table = chance.choice(tables_of(connection))
        column, kind, _ = chance.choice(columns_of(connection, table))
        keys = [name for name, _, key in columns_of(connection, table) if key]
        where = " AND ".join(f"{name} = ?" for name in keys)
        row = chance.choice(connection.execute(f"SELECT {', '.join([*keys, column])} FROM {table}").fetchall())  # noqa: S608
        try:
            connection.execute(
                f"UPDATE {table} SET {column} = ? WHERE {where}",  # noqa: S608
                (changed(row[-1], kind, chance), *row[:-1]),
            )
        except (sqlite3.IntegrityError, sqlite3.OperationalError, OverflowError):
            continue  # a key that is taken, a check that holds: try elsewhere
        return f"{table}.{column} of {row[:-1]}"


def delete_a_row(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Delete one row."""
    table = chance.choice(tables_of(connection))
    keys = [name for name, _, key in columns_of(connection, table) if key]
    row = chance.choice(connection.execute(f"SELECT {', '.join(keys)} FROM {table}").fetchall())  # noqa: S608
    connection.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in keys)}", row)  # noqa: S608
    return f"{row} deleted from {table}"


def insert_a_row(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Put in a copy of a row under another key; entries after it move up where the table is a chain."""
    while True:
        table = chance.choice([name for name in tables_of(connection) if name != "progress"])
        columns = columns_of(connection, table)
        row = list(chance.choice(connection.execute(f"SELECT * FROM {table}").fetchall()))  # noqa: S608
        for index, (_, kind, key) in enumerate(columns):
            if key:
                row[index] = chance.randrange(10_000) if kind == "INTEGER" else changed(row[index], kind, chance)
        if columns[0][0] == "seq" and chance.random() < 0.5:
            count = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            row[0] = chance.randrange(count)
            connection.execute(f"UPDATE {table} SET seq = -seq - 2 WHERE seq >= ?", (row[0],))  # noqa: S608
            connection.execute(f"UPDATE {table} SET seq = -seq - 1 WHERE seq < -1")  # noqa: S608
        try:
            connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608
        except sqlite3.IntegrityError:
            continue
        return f"{row} put into {table}"


def swap_two_rows(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Let two rows that differ change places."""
    while True:
        table = chance.choice(tables_of(connection))
        columns = columns_of(connection, table)
        keys = [name for name, _, key in columns if key]
        others = [name for name, _, key in columns if not key]
        rows = connection.execute(f"SELECT {', '.join([*keys, *others])} FROM {table}").fetchall()  # noqa: S608
        one, other = chance.choice(rows), chance.choice(rows)
        if one[len(keys) :] == other[len(keys) :]:
            continue
        where = " AND ".join(f"{name} = ?" for name in keys)
        assign = ", ".join(f"{name} = ?" for name in others)
        for place, values in ((one, other), (other, one)):
            statement = f"UPDATE {table} SET {assign} WHERE {where}"  # noqa: S608
            connection.execute(statement, (*values[len(keys) :], *place[: len(keys)]))
        return f"{one[: len(keys)]} and {other[: len(keys)]} changed places in {table}"


def cut_a_tail(connection: sqlite3.Connection, chance: random.Random) -> str:
    """Delete the last rows of one or more tables that have positions."""
    tables = ["record_entry", "record_payload", "audit_entry", "audit_payload", "outbox"]
    chosen = chance.sample(tables, chance.randint(1, len(tables)))
    for table in chosen:
        count = connection.execute(f"SELECT max(seq) FROM {table}").fetchone()[0]  # noqa: S608
        connection.execute(f"DELETE FROM {table} WHERE seq > ?", (count - chance.randint(1, 3),))  # noqa: S608
    return f"tails of {chosen} cut"


KINDS_OF_EDIT: Final[dict[str, Edit]] = {
    "cell": change_a_cell,
    "delete": delete_a_row,
    "insert": insert_a_row,
    "swap": swap_two_rows,
    "tail": cut_a_tail,
}


def edit(folder: Path, kind: str, chance: random.Random) -> str:
    """Make one edit of this kind; what was done, in words."""
    connection = sqlite3.connect(folder / DATABASE)
    try:
        what = KINDS_OF_EDIT[kind](connection, chance)
        connection.commit()
    finally:
        connection.close()
    return what


def reseal(connection: sqlite3.Connection) -> None:
    """Make the seal fit what is there now: it needs no key, so whoever knows the format can."""
    tick, signal_tick = connection.execute("SELECT tick, signal_tick FROM progress").fetchone()
    rows = connection.execute("SELECT space, key, body FROM state ORDER BY space, key")
    digests = {(space, key): row_digest(space, key, body) for space, key, body in rows}
    ends = Ends(end_of(connection, "record"), end_of(connection, "audit"), Progress(tick, signal_tick), digests)
    connection.execute("UPDATE progress SET seal = ?", (ends.seal,))


def rechain(connection: sqlite3.Connection) -> None:
    """Compute every commitment, header, hash and citation anew, as somebody without the signing key can."""
    hashes: dict[int, bytes] = {}
    for chain in ("record", "audit"):
        head = GENESIS
        rows = connection.execute(f"SELECT * FROM {chain}_entry ORDER BY seq").fetchall()  # noqa: S608
        for seq, tick, kind, key, _, commitment, _, *cited in rows:
            stored = connection.execute(f"SELECT * FROM {chain}_payload WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
            commitment = commitment if stored is None else unwrap(stored).commitment  # noqa: PLW2901
            more = [] if not cited else [cited[0], cited[1], hashes[cited[1]]]
            header = encode((chain, seq, tick, kind, key, *more))
            head = entry_hash(head, header, commitment)
            if chain == "record":
                hashes[seq] = head
            else:
                connection.execute("UPDATE audit_entry SET record_hash = ? WHERE seq = ?", (more[2], seq))
            connection.execute(
                f"UPDATE {chain}_entry SET header = ?, commitment = ?, hash = ? WHERE seq = ?",  # noqa: S608
                (header, commitment, head, seq),
            )
    reseal(connection)
