"""Keys that lie where the plan wants them: the engine hashes keys, so a key is sought whose hash is the slot.

The engine puts a row (key) into group `murmur(31 * 2 + hash(key)) mod MAX_WORKERS` and gives worker w of P the groups
from w * MAX_WORKERS / P up to the next one's (Flink: `KeyGroupRangeAssignment`, `MathUtils`, `Row.hashCode`).
"""

import hashlib
import itertools
from functools import cache
from typing import Final

from linewatch.app.cluster.plan import MAX_WORKERS

_U32: Final = 0xFFFFFFFF


@cache
def key_of(run: str, line: str, section: str, slot: int) -> int:
    """A key of 64 bits with a sign, for this section of this run, in this slot; always the same one."""
    for salt in itertools.count():
        digest = hashlib.sha256(f"{run}\0{line}\0{section}\0{salt}".encode()).digest()
        key = int.from_bytes(digest[:8], "big", signed=True)
        if group_of(key) == slot:
            return key
    raise AssertionError


def run_key(run: str) -> int:
    """Key of a run's gate and desk, somewhere among the slots."""
    return key_of(run, "", "", hashlib.sha256(run.encode()).digest()[0] % MAX_WORKERS)


def group_of(key: int) -> int:
    """The engine's key group of a row that holds this one 64-bit number."""
    bits = key & 0xFFFFFFFFFFFFFFFF
    return _murmur((62 + ((bits ^ (bits >> 32)) & _U32)) & _U32) % MAX_WORKERS


def _rotated(value: int, by: int) -> int:
    return ((value << by) | (value >> (32 - by))) & _U32


def _murmur(code: int) -> int:
    """Hash of a 32-bit number as the engine makes it, 0 or above."""
    code = _rotated(code * 0xCC9E2D51 & _U32, 15) * 0x1B873593 & _U32
    code = (_rotated(code, 13) * 5 + 0xE6546B64) & _U32
    code ^= 4
    code = (code ^ (code >> 16)) * 0x85EBCA6B & _U32
    code = (code ^ (code >> 13)) * 0xC2B2AE35 & _U32
    code ^= code >> 16
    if code < 0x80000000:
        return code
    return 0 if code == 0x80000000 else 0x100000000 - code
