"""Check an exported incident: needs Python 3.9 or newer and nothing else. `python check.py [--against HEAD] [FOLDER]`.

A copy of this file lies in every bundle as `check.py`; who does not trust the copy takes one from elsewhere, or writes
one: the format stands in the documentation (docs/export.md, docs/journal.md). It computes every hash of the chains in
the bundle again, every commitment to what the bundle shows, every signature (Ed25519, RFC 8032) and every file.

Exit status: 0 all holds, 1 something does not, 2 bad use.
"""

import base64
import gzip
import hashlib
import json
import struct
import sys
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Tuple

# ruff: noqa: UP006, UP035, UP045 - this file also runs where Python is older than ours
FORMAT = "linewatch-bundle/1"
Point = Tuple[int, int, int, int]
Entry = Tuple[bytes, bytes, List[Any]]
Fields = Dict[str, Dict[int, Dict[str, Any]]]

# --- Ed25519, verification only (RFC 8032, section 5.1.7) -----------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)


def _add(p: Point, q: Point) -> Point:
    """Sum of two points in extended coordinates (RFC 8032, section 5.1.4)."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * p[3] * q[3] * _D % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: Point) -> Point:
    """A point added to itself so many times."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _point(raw: bytes) -> Optional[Point]:
    """The point with this encoding; None where there is none."""
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _encoded(point: Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


_BASE = _point((4 * pow(5, -1, _P) % _P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether this is the signature of the key's owner under the message."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    point, s = _point(public_key), int.from_bytes(signature[32:], "little")
    if point is None or s >= _L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % _L
    minus = (_P - point[0], point[1], 1, _P - point[3])
    return _encoded(_add(_times(s, _BASE), _times(k, minus))) == signature[:32]


# --- MessagePack, as far as the chains need it ----------------------------------------------------------------------


def pack(value: Any) -> bytes:
    """The shortest MessagePack form of a list of texts, bytes and whole numbers from zero, or -1."""
    if isinstance(value, list):
        head = bytes([0x90 | len(value)]) if len(value) < 16 else b"\xdc" + len(value).to_bytes(2, "big")
        return head + b"".join(map(pack, value))
    if isinstance(value, str):
        raw: bytes = value.encode()
        return (bytes([0xA0 | len(raw)]) if len(raw) < 32 else _sized(0xD9, len(raw))) + raw
    if isinstance(value, bytes):
        return _sized(0xC4, len(value)) + value
    if -32 <= value < 128:
        return int(value).to_bytes(1, "big", signed=value < 0)
    for kind, width in ((0xCC, 1), (0xCD, 2), (0xCE, 4), (0xCF, 8)):
        if 0 <= value < 1 << 8 * width:
            return bytes([kind]) + int(value).to_bytes(width, "big")
    raise ValueError(f"{value} is no position or time")


def _sized(kind: int, length: int) -> bytes:
    for more, width in ((0, 1), (1, 2), (2, 4)):
        if length < 1 << 8 * width:
            return bytes([kind + more]) + length.to_bytes(width, "big")
    raise ValueError("too long")


def unpack(raw: bytes, at: int = 0) -> Tuple[Any, int]:  # noqa: PLR0911 - one return a kind of value
    """The value that begins at a place, and where it ends."""
    kind = raw[at]
    at += 1
    if kind < 0x80 or kind >= 0xE0:
        return (kind if kind < 0x80 else kind - 256), at
    if kind < 0x90:
        return _pairs(raw, at, kind & 15)
    if kind < 0xA0:
        return _items(raw, at, kind & 15)
    if kind < 0xC0:
        return raw[at : at + (kind & 31)].decode(), at + (kind & 31)
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind], at
    numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q"}
    numbers.update({0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"})
    if kind in numbers:
        size = struct.calcsize(numbers[kind])
        return struct.unpack(numbers[kind], raw[at : at + size])[0], at + size
    width = {0xC4: 1, 0xD9: 1, 0xC5: 2, 0xDA: 2, 0xDC: 2, 0xDE: 2, 0xC6: 4, 0xDB: 4, 0xDD: 4, 0xDF: 4}[kind]
    length, at = int.from_bytes(raw[at : at + width], "big"), at + width
    if kind in (0xDC, 0xDD):
        return _items(raw, at, length)
    if kind in (0xDE, 0xDF):
        return _pairs(raw, at, length)
    body = raw[at : at + length]
    return (body.decode() if kind in (0xD9, 0xDA, 0xDB) else body), at + length


def _items(raw: bytes, at: int, length: int) -> Tuple[List[Any], int]:
    out = []
    for _ in range(length):
        value, at = unpack(raw, at)
        out.append(value)
    return out, at


def _pairs(raw: bytes, at: int, length: int) -> Tuple[Dict[Any, Any], int]:
    out = {}
    for _ in range(length):
        key, at = unpack(raw, at)
        out[key], at = unpack(raw, at)
    return out, at


# --- the bundle -----------------------------------------------------------------------------------------------------


class Broken(Exception):  # noqa: N818 - it says what is
    """Something does not hold; the message says what."""


def check(holds: object, what: str) -> None:
    """Stop where something does not hold."""
    if not holds:
        raise Broken(what)


def _sha(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _named(name: str) -> bytes:
    raw = name.encode()
    return len(raw).to_bytes(2, "big") + raw


def _lines(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def shown(row: Dict[str, Any]) -> Tuple[bytes, Dict[str, Any]]:
    """Commitment to a payload that the bundle shows, and the fields that it shows of it."""
    if "whole" in row:
        payload = base64.b64decode(row["whole"])
        is_map = payload[:1] and (0x80 <= payload[0] < 0x90 or payload[0] in (0xDE, 0xDF))
        return _sha(b"linewatch/payload/1\0", payload), unpack(payload)[0] if is_map else {}
    head = base64.b64decode(row["head"])
    parts = [b"linewatch/pieces/1\0", bytes([len(head)]), head]
    fields: Dict[str, Any] = {}
    for name, kept, raw in row["pieces"]:
        secret = base64.b64decode(kept)
        if raw is None:
            parts += [_named(name), secret]
            continue
        body, at = base64.b64decode(raw), 0
        parts += [_named(name), _sha(b"linewatch/piece/1\0", secret, _named(name), body)]
        while at < len(body):
            key, at = unpack(body, at)
            fields[key], at = unpack(body, at)
    return _sha(*parts), fields


class Bundle:
    """A bundle that is checked, part by part."""

    def __init__(self, folder: Path) -> None:
        """Read what it says of itself."""
        self.folder = folder
        self.told = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
        check(self.told.get("format") == FORMAT, f"bundle.json: format is not {FORMAT}")
        self.hashes: Dict[str, Dict[int, bytes]] = {"record": {}, "audit": {}}
        self.commitments: Dict[str, Dict[int, bytes]] = {"record": {}, "audit": {}}
        self.entries: Dict[str, Dict[int, Entry]] = {"record": {}, "audit": {}}
        self.public_key = b""
        self.signed: List[int] = []

    def files(self) -> None:
        """Every file that the bundle lists is there, as it was."""
        for name, digest in self.told["files"].items():
            check(".." not in name and not name.startswith("/"), f"{name}: is no name inside a bundle")
            path = self.folder / name
            check(path.is_file(), f"{name}: is missing")
            check(hashlib.sha256(path.read_bytes()).hexdigest() == digest, f"{name}: its bytes were changed")

    def chain(self, name: str) -> None:
        """Every header and hash of one chain."""
        start = self.told["chains"][name]
        seq, prev = start["first"], bytes.fromhex(start["before"])
        for row in _lines(self.folder / "proof" / f"{name}.jsonl.gz"):
            *named, commitment = row
            commitment = bytes.fromhex(commitment)
            check(named[0] == seq, f"{name} entry {seq}: it is missing")
            if name == "audit":
                named[6] = bytes.fromhex(named[6])
            header = pack([name, *named[:4], *named[4:]])
            self.entries[name][seq] = (header, prev, named)
            self.commitments[name][seq] = commitment
            prev = _sha(prev, header, commitment)
            self.hashes[name][seq] = prev
            seq += 1
        check(seq - 1 == start["last"], f"{name} entry {seq}: it is missing")
        check(prev.hex() == self.told["head"][f"{name}_hash"], f"{name}: the chain does not lead to the head")

    def cited(self) -> None:
        """The audit chain cites the record chain as it is."""
        for seq, (_, _, named) in self.entries["audit"].items():
            here = self.hashes["record"].get(named[5])
            check(here is None or here == named[6], f"audit entry {seq}: it cites another record chain")

    def payloads(self) -> Fields:
        """Everything that is shown is what the chains committed to. Gives the fields by chain and position."""
        out: Fields = {"record": {}, "audit": {}}
        for row in _lines(self.folder / "proof" / "payloads.jsonl.gz"):
            chain, seq = row["chain"], row["seq"]
            commitment, fields = shown(row)
            check(
                self.commitments[chain].get(seq) == commitment, f"{chain} entry {seq}: it is not what was committed to"
            )
            out[chain][seq] = fields
        for seq, fields in sorted(out["audit"].items()):
            self._signature(seq, self.entries["audit"][seq], fields)
        return out

    def _signature(self, seq: int, entry: Entry, fields: Dict[str, Any]) -> None:
        header, prev, named = entry
        if named[2] == "key":
            if fields["signature"]:
                message = b"linewatch/rotation/1\0" + header + prev + fields["public_key"]
                check(ed25519_holds(self.public_key, fields["signature"], message), f"audit entry {seq}: rotation")
            self.public_key = fields["public_key"]
        elif named[2] == "checkpoint":
            check(fields["public_key"] == self.public_key, f"audit entry {seq}: another key than the one in force")
            if named[5] < self.told["chains"]["record"]["first"] or seq not in self.told["checkpoints"]:
                return
            message = b"linewatch/checkpoint/1\0" + header + prev + fields["states"]
            check(ed25519_holds(self.public_key, fields["signature"], message), f"audit entry {seq}: its signature")
            self.signed.append(seq)

    def incident(self, fields: Fields) -> Dict[str, Any]:
        """The incident as it is told is the one in the chain, and its clips are the ones that it names."""
        entries = self.entries["record"]
        mine = [s for s, (_, _, n) in entries.items() if n[2] == "incident" and n[3] == self.told["incident"]]
        versions = json.loads((self.folder / "incident.json").read_text(encoding="utf-8"))["versions"]
        check([v["seq"] for v in versions] == mine, "incident.json: not all versions of the incident")
        for version in versions:
            proven = json.loads(json.dumps(fields["record"].get(version["seq"])))
            check(version["incident"] == proven, f"incident.json: version {version['seq']} is not the one in the chain")
        for clip in self.told["clips"]:
            proven = fields["record"][clip["seq"]]
            check(proven["file"] == clip["cited"] and proven["sha256"] == clip["sha256"], "bundle.json: clips")
            if clip["file"]:
                digest = hashlib.sha256((self.folder / clip["file"]).read_bytes()).hexdigest()
                check(digest == proven["sha256"], f"{clip['file']}: is not the clip that the chain names")
        return versions[-1]["incident"] if versions else {}

    def against(self, text: str) -> int:
        """Whether a head, or its code, that was lodged outside is in the chains of the bundle."""
        record, audit = self.hashes["record"], self.hashes["audit"]
        if text.lstrip().startswith("{"):
            head = json.loads(text)
            pairs = (
                ("record", head["record_seq"], head["record_hash"]),
                ("audit", head["audit_seq"], head["audit_hash"]),
            )
            for name, seq, digest in pairs:
                check(seq in self.hashes[name], f"the head's {name} entry {seq} is not in this bundle")
                check(self.hashes[name][seq].hex() == digest, f"{name} entry {seq} has another hash than in the head")
            return int(head["record_seq"])
        parts = text.strip().upper().split("-")
        record_seq, audit_seq = int(parts[0]), int(parts[1])
        check(record_seq in record and audit_seq in audit, "what the code names is not in this bundle")
        digest = _sha(b"linewatch/head-code/1\0", record[record_seq], audit[audit_seq])[:10]
        check(base64.b32encode(digest).decode() == "".join(parts[2:]), "the code is that of another chain")
        return record_seq


def check_bundle(folder: Path, head: Optional[str] = None) -> List[str]:
    """Check all of a bundle; gives lines to print. Raises `Broken`."""
    bundle = Bundle(folder)
    bundle.files()
    bundle.chain("record")
    bundle.chain("audit")
    bundle.cited()
    fields = bundle.payloads()
    incident = bundle.incident(fields)
    told = ", ".join(f"{name} {incident[name]}" for name in ("kind", "chainage_m", "state") if name in incident)
    lines = [f"incident {bundle.told['incident']}: {told}"]
    counts = (len(bundle.hashes["record"]), len(bundle.hashes["audit"]), len(bundle.told["files"]))
    lines.append(f"{counts[0]} record entries, {counts[1]} audit entries and {counts[2]} files hold")
    if bundle.public_key:
        lines.append(f"{len(bundle.signed)} checkpoints signed by {bundle.public_key.hex()} hold")
    if bundle.told["redacted"]:
        lines.append("redacted: what was left out is named in bundle.json; what is shown is unchanged")
    last = max(
        [version for version in fields["record"] if fields["record"][version].get("type") == "incident"], default=-1
    )
    if head is None:
        return [*lines, "unanchored: no head lodged outside vouches for this; give one with --against"]
    seq = bundle.against(head)
    what = "all of it" if seq >= last else f"it up to record entry {seq}; what came later is unanchored"
    return [*lines, f"ok: the head lodged outside vouches for {what}"]


def main(words: List[str]) -> int:
    """Run as a program."""
    head = None
    if "--against" in words:
        at = words.index("--against")
        if at + 1 >= len(words):
            sys.stderr.write("--against: found nothing; allowed: a head file or a code\n")
            return 2
        head = words[at + 1]
        if Path(head).is_file():
            head = Path(head).read_text(encoding="utf-8")
        words = words[:at] + words[at + 2 :]
    folder = Path(words[0]) if words else Path(__file__).resolve().parent
    try:
        lines = check_bundle(folder, head)
    except Broken as broken:
        sys.stderr.write(f"broken: {broken}\n")
        return 1
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        sys.stderr.write(f"broken: {folder} cannot be read ({type(error).__name__}: {error})\n")
        return 1
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
