"""NMEA 0183 sentences to fixes: GGA and RMC of any talker, with their checksum, behind a TAG block or not.

`$ttGGA,hhmmss.ss,ddmm.mm,N|S,dddmm.mm,E|W,quality,satellites,hdop,...*hh` and
`$ttRMC,hhmmss.ss,A|V,ddmm.mm,N|S,dddmm.mm,E|W,knots,course,ddmmyy,...*hh`; the checksum is the exclusive or of all
bytes between `$` and `*`.
"""

import re
from datetime import UTC, datetime
from functools import reduce
from operator import xor
from typing import Final, NamedTuple

from linewatch.errors import InputError
from linewatch.sources.time_of_day import time_of_day_ns

MOST_BYTES: Final = 256
"""Longest sentence that is read, its TAG block included; the standard allows 82 for the sentence alone."""
_SENTENCE: Final = re.compile(rb"(?:\\[^\\]*\\)?\$([\x20-\x29\x2b-\x7e]*)\*([0-9A-Fa-f]{2})\s*")
_TIME: Final = re.compile(r"([01]\d|2[0-3])([0-5]\d)([0-5]\d|60)(\.\d{1,9})?")
_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")
_ANGLE: Final = re.compile(r"(\d{1,3})(\d\d(?:\.\d{1,9})?)")
_M_PER_HDOP: Final = 5.0
"""Standard deviation of a position for each unit of horizontal dilution (*assumed*: a plain receiver in the open)."""


class Fix(NamedTuple):
    """What one sentence says."""

    kind: str
    """`GGA` or `RMC`."""
    time_ns: int | None
    """When, where it says so."""
    lonlat_deg: tuple[float, float] | None
    """Longitude and latitude (WGS 84); None where the receiver has no fix."""
    sigma_m: float | None
    """Standard deviation, where it can be told."""


def read_sentence(raw: bytes, received_ns: int) -> Fix | None:
    """The fix in a sentence; None for one of another sort. Raises `InputError` for what is no sentence."""
    if len(raw) > MOST_BYTES:
        raise InputError(f"sentence: found {len(raw)} bytes; allowed: at most {MOST_BYTES}")
    match = _SENTENCE.fullmatch(raw)
    if match is None:
        raise InputError("sentence: found no $...*hh; allowed: NMEA 0183 with a checksum")
    body, said = match.group(1), int(match.group(2), 16)
    if reduce(xor, body, 0) != said:
        raise InputError(f"checksum: found {said:02X}; allowed: {reduce(xor, body, 0):02X}, which its bytes give")
    fields = body.decode("ascii").split(",")
    kind = fields[0][2:]
    if len(fields[0]) != 5 or kind not in ("GGA", "RMC"):
        return None
    return _gga(fields, received_ns) if kind == "GGA" else _rmc(fields)


def _gga(fields: list[str], received_ns: int) -> Fix:
    if len(fields) < 9:
        raise InputError(f"GGA: found {len(fields)} fields; allowed: 9 or more")
    day_s = _day_s(fields[1])
    time_ns = None if day_s is None else time_of_day_ns(day_s, received_ns)
    if fields[6] in ("", "0"):
        return Fix("GGA", time_ns, None, None)
    hdop = _number(fields[8], 0.0, 99.99, "hdop")
    return Fix("GGA", time_ns, _lonlat(fields[2:6]), None if hdop is None else _M_PER_HDOP * max(hdop, 0.2))


def _rmc(fields: list[str]) -> Fix:
    if len(fields) < 10:
        raise InputError(f"RMC: found {len(fields)} fields; allowed: 10 or more")
    day_s, date = _day_s(fields[1]), _DATE.fullmatch(fields[9])
    time_ns = None
    if day_s is not None and date is not None:
        day, month, year = (int(part) for part in date.groups())
        try:
            # Two digits: receivers that lost count of the weeks say 1999 or 2006, and are refused by their age.
            begun = datetime(2000 + year if year < 80 else 1900 + year, month, day, tzinfo=UTC)
        except ValueError:
            raise InputError(f"RMC date: found {fields[9]!r}; allowed: ddmmyy") from None
        time_ns = int(begun.timestamp()) * 1_000_000_000 + round(day_s * 1e9)
    return Fix("RMC", time_ns, _lonlat(fields[3:7]) if fields[2] == "A" else None, None)


def _day_s(text: str) -> float | None:
    """Seconds since midnight, UTC; None where nothing stands."""
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise InputError(f"time: found {text[:20]!r}; allowed: hhmmss.ss")
    hours, minutes, seconds, rest = match.groups()
    return int(hours) * 3600.0 + int(minutes) * 60.0 + int(seconds) + float(rest or 0.0)


def _lonlat(fields: list[str]) -> tuple[float, float]:
    lat, south, lon, west = fields
    return _angle(lon, west, "EW", 180.0), _angle(lat, south, "NS", 90.0)


def _angle(text: str, side: str, sides: str, most: float) -> float:
    match = _ANGLE.fullmatch(text)
    value = most + 1.0 if match is None else int(match.group(1)) + float(match.group(2)) / 60.0
    if value > most or side not in tuple(sides) or (match is not None and float(match.group(2)) >= 60.0):
        raise InputError(f"position: found {text[:20]!r} {side[:4]!r}; allowed: dddmm.mm and one of {'/'.join(sides)}")
    return value if side == sides[0] else -value


def _number(text: str, low: float, most: float, name: str) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = most + 1.0
    if not low <= value <= most:
        raise InputError(f"{name}: found {text[:20]!r}; allowed: {low:g} to {most:g}")
    return value


class Sentences:
    """Cuts a stream at the ends of its lines. What is longer than a sentence may be is thrown away and counted."""

    def __init__(self) -> None:
        self._rest = b""
        self.thrown_away = 0
        """How often too much came without an end."""

    def feed(self, data: bytes) -> list[bytes]:
        """The whole sentences that are there now."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > MOST_BYTES:
            self._rest = b""
            self.thrown_away += 1
        return [line for line in lines if line.strip()]
