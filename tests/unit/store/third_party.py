"""A verifier by somebody who has `docs/journal.md` and Python's standard library, and nothing of Linewatch.

It covers everything on that page but the signatures, for which the standard library has no algorithm.
"""

import base64
import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Licence = tuple[str, int, int, str]

# Least value, limit, first byte and form of each integer format, the shortest first.
INTEGERS = (
    *((0, 1 << 7, b"", ">B"), (-32, 0, b"", ">b"), (0, 1 << 8, b"\xcc", ">B"), (-128, 0, b"\xd0", ">b")),
    *((0, 1 << 16, b"\xcd", ">H"), (-(1 << 15), 0, b"\xd1", ">h"), (0, 1 << 32, b"\xce", ">I")),
    *((-(1 << 31), 0, b"\xd2", ">i"), (0, 1 << 64, b"\xcf", ">Q"), (-(1 << 63), 0, b"\xd3", ">q")),
)
# Form of the number that follows a first byte: a value (0xCA to 0xD3), or a length.
FORMS = dict(zip(range(0xCA, 0xD4), (">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q"), strict=True))
FORMS |= {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H"}


def sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def pack(value: Any) -> bytes:
    """MessagePack in its shortest form, for what headers hold."""
    if value is None:
        return b"\xc0"
    if isinstance(value, int):
        for least, limit, code, form in INTEGERS:
            if least <= value < limit:
                return code + struct.pack(form, value)
    if isinstance(value, str):
        raw = value.encode()
        if len(raw) < 32:
            return bytes([0xA0 + len(raw)]) + raw
        return _sized(raw, 0xD9, 0xDA, 0xDB)
    if isinstance(value, bytes):
        return _sized(value, 0xC4, 0xC5, 0xC6)
    assert len(value) < 16
    return bytes([0x90 + len(value)]) + b"".join(pack(item) for item in value)


def _sized(raw: bytes, *codes: int) -> bytes:
    for limit, code, form in zip((1 << 8, 1 << 16, 1 << 32), codes, (">B", ">H", ">I"), strict=True):
        if len(raw) < limit:
            return bytes([code]) + struct.pack(form, len(raw)) + raw
    raise ValueError("too long")


def unpack(raw: bytes, at: int = 0) -> tuple[Any, int]:
    """The value at this place, and where the next begins."""
    code = raw[at]
    at += 1
    if code < 0x80:
        return code, at
    if code >= 0xE0:
        return code - 256, at
    if code in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[code], at
    if code < 0xC0:
        number = code & (0x0F if code < 0xA0 else 0x1F)
    else:
        number = struct.unpack_from(FORMS[code], raw, at)[0]
        at += struct.calcsize(FORMS[code])
    if 0xCA <= code <= 0xD3:
        return number, at
    if code < 0x90 or code == 0xDE:
        return _map(raw, at, number)
    if code < 0xA0 or code in (0xDC, 0xDD):
        return _array(raw, at, number)
    value = raw[at : at + number]
    return (value if 0xC4 <= code <= 0xC6 else value.decode()), at + number


def _array(raw: bytes, at: int, length: int) -> tuple[list[Any], int]:
    items = []
    for _ in range(length):
        item, at = unpack(raw, at)
        items.append(item)
    return items, at


def _map(raw: bytes, at: int, length: int) -> tuple[dict[str, Any], int]:
    flat, at = _array(raw, at, 2 * length)
    return dict(zip(flat[::2], flat[1::2], strict=True)), at


def named(name: str) -> bytes:
    return struct.pack(">H", len(name.encode())) + name.encode()


def stored_payload(form: int, crc32: int | None, location: None, body: bytes) -> tuple[bytes | None, bytes, set[str]]:
    """The payload (None where a piece is erased), its commitment, and the names of erased pieces."""
    assert 0 <= form <= 3, "form"
    assert location is None, "location"
    if form & 2:
        assert zlib.crc32(body) == crc32, "crc32"
        body = zlib.decompress(body)
    else:
        assert crc32 is None, "crc32"
    if not form & 1:
        return body, sha(b"linewatch/payload/1\0", body), set()
    (head, pieces), end = unpack(body)
    assert end == len(body), "pieces"
    parts = [b"linewatch/pieces/1\0", bytes([len(head)]), head]
    payload, erased = head, set()
    for name, secret, raw in pieces:
        if raw is None:
            erased.add(name)
            parts += [named(name), secret]
        else:
            payload += raw
            parts += [named(name), sha(b"linewatch/piece/1\0", secret, named(name), raw)]
    return (None if erased else payload), sha(*parts), erased


def check(holds: object, *where: object) -> None:
    if not holds:
        raise AssertionError(" ".join(map(str, where)))


def chain(db: sqlite3.Connection, name: str, licences: list[Licence]) -> Iterator[tuple[Any, ...]]:
    """Walk one chain: yields entry row, payload and hash; checks everything that concerns the chain alone."""
    more = ", e.wall_ns, e.record_seq, e.record_hash" if name == "audit" else ""
    columns = "e.seq, e.tick, e.kind, e.key, e.header, e.commitment, e.hash, p.form, p.crc32, p.location, p.body" + more
    tables = f"{name}_entry e LEFT JOIN {name}_payload p ON p.seq = e.seq"
    rows = db.execute(f"SELECT {columns} FROM {tables} ORDER BY e.seq").fetchall()  # noqa: S608
    prev = bytes(32)
    for expected, row in enumerate(rows):
        seq, tick, kind, key, header, commitment, digest, form, crc32, location, body, *cited = row
        check(seq == expected, name, expected, "position")
        check(header == pack([name, seq, tick, kind, key, *cited]), name, seq, "header")
        check(digest == sha(prev, header, commitment), name, seq, "hash")
        gone = {piece for which, first, last, piece in licences if which == name and first <= seq <= last}
        payload = None
        if "" in gone or form is None:
            check("" in gone and form is None, name, seq, "missing payload")
        else:
            payload, found, erased = stored_payload(form, crc32, location, body)
            check(found == commitment, name, seq, "payload")
            check(erased <= gone, name, seq, "missing piece")
        prev = digest
        yield (seq, tick, kind, key, *cited), payload, digest
    strays = f"SELECT count(*) FROM {name}_payload WHERE seq NOT IN (SELECT seq FROM {name}_entry)"  # noqa: S608
    check(db.execute(strays).fetchone()[0] == 0, name, "payload without entry")


def verify(folder: Path, head: dict[str, Any] | None = None) -> dict[str, int]:
    """Verify a store; what was counted. `head` is a dictionary such as a head file holds."""
    db = sqlite3.connect(f"{(folder / 'linewatch.sqlite').absolute().as_uri()}?mode=ro", uri=True)
    try:
        check(db.execute("PRAGMA application_id").fetchone()[0] == 0x4C574A31, "application_id")
        check(db.execute("PRAGMA user_version").fetchone()[0] == 1, "user_version")
        return _verify(db, folder, head)
    finally:
        db.close()


def _verify(db: sqlite3.Connection, folder: Path, head: dict[str, Any] | None) -> dict[str, int]:
    licences, erased_files = [], set()
    erasures = "audit_payload p JOIN audit_entry e ON e.seq = p.seq WHERE e.kind = 'erase'"
    for form, crc32, location, body in db.execute(f"SELECT form, crc32, location, body FROM {erasures}"):  # noqa: S608
        note, _ = unpack(stored_payload(form, crc32, location, body)[0])
        licences += [(note["chain"], first, last, note["piece"]) for first, last in note["ranges"]]
        erased_files.update(note["files"])
    cited, audit_hashes = {}, []
    for (seq, _tick, _kind, _key, _wall, record_seq, record_hash), _, digest in chain(db, "audit", licences):
        check(cited.setdefault(record_seq, record_hash) == record_hash, "audit", seq, "cites")
        audit_hashes.append(digest)
    record_hashes, incidents, outbox, files = [], {}, [], []
    for (seq, _tick, kind, key), payload, digest in chain(db, "record", licences):
        record_hashes.append(digest)
        check(cited.pop(seq, digest) == digest, "record", seq, "is cited otherwise")
        if kind == "incident":
            outbox.append((seq, key))
            incidents[key] = seq
            if any(which == "record" and first <= seq <= last and not piece for which, first, last, piece in licences):
                del incidents[key]
        elif kind == "file":
            note, _ = unpack(payload)
            files.append((note["name"], seq, note["size"], note["sha256"], int(note["name"] in erased_files)))
            if note["name"] not in erased_files:
                check(hashlib.sha256((folder / note["name"]).read_bytes()).digest() == note["sha256"], note["name"])
    check(not cited, "record chain ends before", list(cited))
    check(db.execute("SELECT * FROM outbox ORDER BY seq").fetchall() == outbox, "outbox")
    check(db.execute("SELECT * FROM file ORDER BY name").fetchall() == sorted(files), "file")
    _incidents(db, incidents)
    _seal(db, record_hashes, audit_hashes)
    if head is not None:
        _head(head, record_hashes, audit_hashes)
    return {
        "records": len(record_hashes),
        "audits": len(audit_hashes),
        "incidents": len(incidents),
        "files": len(files),
    }


def _incidents(db: sqlite3.Connection, incidents: dict[str, int]) -> None:
    rows = db.execute("SELECT * FROM incident")
    names = [column[0] for column in rows.description]
    found = {row[0]: dict(zip(names, row, strict=True)) for row in rows}
    check({name: row["seq"] for name, row in found.items()} == incidents, "incident")
    for name, row in found.items():
        stored = db.execute(
            "SELECT form, crc32, location, body FROM record_payload WHERE seq = ?", (row["seq"],)
        ).fetchone()
        payload = stored_payload(*stored)[0]
        if payload is not None:
            said, _ = unpack(payload)
            check(all(said[column] == row[column] for column in names if column != "seq"), "incident", name)


def _seal(db: sqlite3.Connection, record_hashes: list[bytes], audit_hashes: list[bytes]) -> None:
    ((tick, signal_tick, seal),) = db.execute("SELECT tick, signal_tick, seal FROM progress")
    digests = {"states": [], "cursors": []}
    for space, key, body in db.execute("SELECT space, key, body FROM state ORDER BY space, key"):
        where = "cursors" if space == "outbox" else "states"
        digests[where].append(sha(b"linewatch/state-row/1\0", pack([space, key]), body))
    states = sha(b"linewatch/states/1\0", pack([tick, signal_tick]), *digests["states"])
    cursors = sha(b"linewatch/cursors/1\0", *digests["cursors"])
    ends = [struct.pack(">Q", len(hashes)) + hashes[-1] for hashes in (record_hashes, audit_hashes)]
    check(seal == sha(b"linewatch/seal/1\0", *ends, states, cursors), "seal")


def _head(head: dict[str, Any], record_hashes: list[bytes], audit_hashes: list[bytes]) -> None:
    record, audit = record_hashes[head["record_seq"]], audit_hashes[head["audit_seq"]]
    check(record.hex() == head["record_hash"], "head", "record")
    check(audit.hex() == head["audit_hash"], "head", "audit")
    letters = base64.b32encode(sha(b"linewatch/head-code/1\0", record, audit)[:10]).decode()
    groups = [str(head["record_seq"]), str(head["audit_seq"]), *(letters[i : i + 4] for i in range(0, 16, 4))]
    check("-".join(groups) == head["code"], "head", "code")
