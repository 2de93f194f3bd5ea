"""What a `recording.toml` says, read and checked as a whole: every problem at once, each with what is allowed."""

import math
import tomllib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import Problem
from linewatch.sources._nearest import nearest

_NS_PER_S: Final = 1_000_000_000
_MIN_RATE_HZ: Final = 0.001
_MAX_RATE_HZ: Final = 1_000_000.0
_LATEST_NS: Final = 4_102_444_800 * _NS_PER_S  # 2100-01-01T00:00:00Z


class Stretch(msgspec.Struct, frozen=True):
    """Files that follow each other without a break."""

    data: tuple[str, ...]
    """Files in order, as written: `name`, or `name.npz:key`."""
    start_ns: int | None
    """Time of the first sample; None where the file's own times say it."""


class Header(msgspec.Struct, frozen=True):
    """One recording as described."""

    file: Path
    """The `recording.toml` itself; data files are found from its folder."""
    format: str
    """Name of the format."""
    stretches: tuple[Stretch, ...]
    """One or more, rising in time."""
    sensor: str | None = None
    """Sensor that recorded it; None where every record names its own."""
    layout: str = "time_channel"
    """Order of the axes of an array."""
    rate_hz: float | None = None
    """Samples per second."""
    first_channel: int = 0
    """Channel of the sensor that stands in column 0."""
    channels: int | None = None
    """How many channels of the sensor were recorded, where that is said."""
    end_ns: int | None = None
    """Declared end: nothing belongs to the recording at or after it."""
    beside: str | None = None
    """File of findings, weather and positions of own people."""

    @property
    def folder(self) -> Path:
        """Folder that the names of data files start from."""
        return self.file.parent

    @property
    def facts(self) -> dict[str, Any]:
        """What the description adds to the data, for the fingerprint; the place on disk is no part of it."""
        fields = [name for name in self.__struct_fields__ if name != "file"]
        return {name: msgspec.to_builtins(getattr(self, name)) for name in fields}


class Facts(msgspec.Struct, frozen=True):
    """Which keys a format takes."""

    required: frozenset[str]
    """Keys without which it cannot be read."""
    optional: frozenset[str]
    """Further keys that mean something to it, or that every recording may have."""


class _Wrong(Exception):  # noqa: N818 - never leaves this module
    """A value is not as it must be; the text says what is allowed."""


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("a text that is not empty")
    return value


def _names(value: Any) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names or not all(isinstance(n, str) and n.strip() for n in names):
        raise _Wrong('a list of one or more file names, such as ["a.npy", "b.npz:x"]')
    return tuple(names)


def _layout(value: Any) -> str:
    if value not in ("time_channel", "channel_time"):
        raise _Wrong("time_channel, channel_time")
    return str(value)


def _rate_hz(value: Any) -> float:
    number = not isinstance(value, bool) and isinstance(value, int | float)
    if not number or not math.isfinite(value) or not _MIN_RATE_HZ <= value <= _MAX_RATE_HZ:
        raise _Wrong(f"a number of samples per second, {_MIN_RATE_HZ:g} to {_MAX_RATE_HZ:.0f}")
    return float(value)


def _time_ns(value: Any) -> int:
    allowed = 'a time with its zone, 1970 to 2099, such as "2021-11-18T00:00:00Z"'
    nanoseconds = 0
    if isinstance(value, str):
        value, nanoseconds = _parsed(value, allowed)
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _Wrong(allowed)
    since = value - datetime(1970, 1, 1, tzinfo=UTC)
    time_ns = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000 + nanoseconds
    if not 0 <= time_ns < _LATEST_NS:
        raise _Wrong(allowed)
    return time_ns


def _parsed(text: str, allowed: str) -> tuple[datetime, int]:
    """The moment to the microsecond, and the nanoseconds that `datetime` cannot hold."""
    head, dot, rest = text.strip().partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if len(digits) > 9:
        raise _Wrong(f"{allowed}; at most nine digits of a second")
    try:
        moment = datetime.fromisoformat(f"{head}{dot}{digits[:6]:0<6}{rest[len(digits) :]}" if dot else head)
    except ValueError:
        raise _Wrong(allowed) from None
    return moment, int(f"{digits[6:]:0<3}")


def _whole(least: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 10_000_000:
            raise _Wrong(f"a whole number from {least}")
        return value

    return check


_CHECKS: Final[dict[str, Callable[[Any], Any]]] = {
    "sensor": _text,
    "data": _names,
    "format": _text,
    "layout": _layout,
    "rate_hz": _rate_hz,
    "start": _time_ns,
    "end": _time_ns,
    "first_channel": _whole(0),
    "channels": _whole(1),
    "beside": _text,
}
_PART_CHECKS: Final = {name: _CHECKS[name] for name in ("data", "start")}


def read_header(file: Path, formats: dict[str, Facts]) -> tuple[Header | None, list[Problem]]:
    """The description, where it has no problem, and all problems otherwise."""
    name = str(file)
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None, [Problem(name, "file", "nothing", "a recording.toml")]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as cause:
        return None, [Problem(name, "file", str(cause), "a readable TOML file")]
    problems: list[Problem] = []
    parts = table.pop("part", [])
    values = _checked(table, _CHECKS, "", name, problems)
    stretches = _parts(parts, name, problems)
    problems += _against_format(table, values, formats, parts, name)
    if problems:
        return None, problems
    stretches = (Stretch(values["data"], values.get("start")), *stretches)
    problems += _order(stretches, values.get("end"), name)
    given = {
        key: values[key]
        for key in ("sensor", "layout", "rate_hz", "first_channel", "channels", "beside")
        if key in values
    }
    header = Header(file, values["format"], stretches, end_ns=values.get("end"), **given)
    return (None if problems else header), problems


def _checked(
    table: dict[str, Any], checks: dict[str, Callable[[Any], Any]], prefix: str, name: str, problems: list[Problem]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in checks:
            words = [*checks, "part"] if not prefix else list(checks)
            problems.append(Problem(name, prefix + key, "an unknown key", nearest(key, words, "")))
            continue
        try:
            values[key] = checks[key](value)
        except _Wrong as wrong:
            problems.append(Problem(name, prefix + key, repr(value), str(wrong)))
    return values


def _parts(parts: Any, name: str, problems: list[Problem]) -> tuple[Stretch, ...]:
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        problems.append(Problem(name, "part", repr(parts), "tables [[part]], each with data and start"))
        return ()
    stretches = []
    for number, part in enumerate(parts):
        prefix = f"part[{number}]."
        values = _checked(part, _PART_CHECKS, prefix, name, problems)
        missing = [key for key in _PART_CHECKS if key not in part]
        problems += [Problem(name, prefix + key, "nothing", "this key is required") for key in missing]
        if len(values) == len(_PART_CHECKS):
            stretches.append(Stretch(values["data"], values["start"]))
    return tuple(stretches)


def _against_format(
    table: dict[str, Any], values: dict[str, Any], formats: dict[str, Facts], parts: Any, name: str
) -> list[Problem]:
    """Keys that the named format needs or does not take."""
    if "format" not in values:
        missing = [key for key in ("data", "format") if key not in table]
        return [Problem(name, key, "nothing", "this key is required") for key in missing]
    chosen = values["format"]
    if chosen not in formats:
        return [Problem(name, "format", repr(chosen), nearest(chosen, formats, ""))]
    facts = formats[chosen]
    present = {*table, "part"} if parts else set(table)
    problems = [
        Problem(name, key, "nothing", f"this key is required by format {chosen!r}")
        for key in sorted(facts.required - present)
    ]
    misplaced = (present & {*_CHECKS, "part"}) - facts.required - facts.optional
    problems += [
        Problem(name, key, "present", f"absent: format {chosen!r} has no use for it") for key in sorted(misplaced)
    ]
    return problems


def _order(stretches: Sequence[Stretch], end_ns: int | None, name: str) -> list[Problem]:
    """Stretches must rise in time, and the declared end must lie after them."""
    starts = [stretch.start_ns for stretch in stretches]
    problems = [
        Problem(name, f"part[{index}].start", "a start that is not later than the one before", "starts that rise")
        for index, (before, after) in enumerate(pairwise(starts))
        if before is not None and after is not None and after <= before
    ]
    known = [start for start in starts if start is not None]
    if end_ns is not None and known and end_ns <= known[-1]:
        problems.append(Problem(name, "end", "a time that is not after the last start", "a later time"))
    return problems
