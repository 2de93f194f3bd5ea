"""The head of a store: what to lodge outside, so that nobody, not even the owner of the key, can rewrite what was."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Final

import msgspec

from linewatch.errors import InputError

FORMAT: Final = "linewatch-head/1"
_CODE_TAG: Final = b"linewatch/head-code/1\x00"
_CODE: Final = re.compile(r"(\d{1,18})-(\d{1,18})((?:-[A-Z2-7]{4}){4})")


class Head(msgspec.Struct, frozen=True):
    """Where both chains stood at one moment."""

    record_seq: int
    """Position of the last record entry."""
    record_hash: str
    """Its hash, as hex."""
    audit_seq: int
    """Position of the last audit entry."""
    audit_hash: str
    """Its hash, as hex."""
    wall_ns: int
    """Wall time of the last audit entry."""
    public_key: str = ""
    """Key in force for checkpoints, as hex; empty where the store has none."""
    format: str = FORMAT
    """Names this format."""

    @property
    def code(self) -> str:
        """The head in so few characters that it fits on a printed report: two positions and 80 bits of hash."""
        return code_of(self.record_seq, bytes.fromhex(self.record_hash), self.audit_seq, bytes.fromhex(self.audit_hash))

    def to_json(self) -> str:
        """The head as the text of a file, with its code."""
        fields = {name: getattr(self, name) for name in ("format", *self.__struct_fields__)}
        return msgspec.json.format(msgspec.json.encode(fields | {"code": self.code}), indent=2).decode() + "\n"


class ShortHead(msgspec.Struct, frozen=True):
    """A head as far as its code tells it."""

    record_seq: int
    """Position of the last record entry."""
    audit_seq: int
    """Position of the last audit entry."""
    code: str
    """The code."""


Anchor = Head | ShortHead


def code_of(record_seq: int, record_hash: bytes, audit_seq: int, audit_hash: bytes) -> str:
    """`RECORD-AUDIT-XXXX-XXXX-XXXX-XXXX`: positions, then 80 bits of SHA-256 over both hashes in base 32."""
    digest = hashlib.sha256(_CODE_TAG + record_hash + audit_hash).digest()[:10]
    letters = base64.b32encode(digest).decode()
    return f"{record_seq}-{audit_seq}-" + "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def read_anchor(text: str) -> Anchor:
    """A head from its code, its text, or the name of its file. Raises `InputError` on anything else."""
    if found := _CODE.fullmatch(text.strip().upper()):
        return ShortHead(int(found[1]), int(found[2]), found[0])
    if text.lstrip().startswith("{"):
        return head_from_json(text.encode(), "head")
    try:
        raw = Path(text).read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"{text}: {why}; allowed: a head file, or a code such as 120-4-ABCD-EFGH-IJKL-MNOP") from error
    return head_from_json(raw, text)


def head_from_json(raw: bytes, name: str) -> Head:
    """A head from the bytes of its file."""
    try:
        head = msgspec.json.decode(raw, type=Head)
        hashes = [bytes.fromhex(text) for text in (head.record_hash, head.audit_hash)]
    except ValueError as error:
        raise InputError(f"{name}: found no head ({error}); allowed: a file of format {FORMAT}") from error
    if head.format != FORMAT:
        raise InputError(f"{name}: format: found {head.format!r}; allowed: {FORMAT!r}")
    if any(len(digest) != 32 for digest in hashes):
        raise InputError(f"{name}: record_hash, audit_hash: found another length; allowed: 64 hex digits")
    return head
