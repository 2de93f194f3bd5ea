"""Reading what a person wrote, and telling everything that is wrong with it at once.

A reader asks a table for each key that it knows, by name and type. What does not fit becomes a `Problem` and the
answer None; what nobody asked for is an unknown key. So one pass finds every problem, and no key can be read and
not be allowed, or the other way round.
"""

import difflib
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from linewatch.errors import Problem

NOTHING: Final = "nothing"
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WHOLE: Final = re.compile(r"[+-]?\d+")
_SHOWN_CHARACTERS: Final = 60
_LISTED_NAMES: Final = 40


class Findings:
    """The problems found so far, in the order in which they were met."""

    def __init__(self, instead: Mapping[Path, str] | None = None) -> None:
        """`instead` holds texts that stand for those of some files, as if these had been written already."""
        self._problems: dict[Problem, None] = {}
        self.instead: Mapping[Path, str] = instead or {}

    def add(self, file: str, key: str, found: str, allowed: str) -> None:
        """One more; a file read twice tells its problems once."""
        self._problems[Problem(file, key, found, allowed)] = None

    def __len__(self) -> int:
        return len(self._problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All of them."""
        return tuple(self._problems)


def shown(value: object) -> str:
    """A value as its writer would recognise it, in one short line."""
    if value is None:
        return NOTHING
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, bool | str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def one_of(names: Collection[str], close_to: str = "") -> str:
    """The names in words, that which is closest to what was written first; of many, only that and their number."""
    listed = ", ".join(sorted(names)) or "none"
    if len(names) > _LISTED_NAMES:
        listed = f"the {len(names)} that there are"
    folded = {name.casefold(): name for name in names}
    near = difflib.get_close_matches(close_to.casefold(), folded, n=1, cutoff=0.6)
    return f"{folded[near[0]]} (closest), or one of: {listed}" if near else f"one of: {listed}"


def interval(low: float | None, high: float | None, above: float | None, below: float | None) -> str:
    """The allowed numbers in words."""
    parts = [
        *([f"from {low:.10g}"] if low is not None else []),
        *([f"above {above:.10g}"] if above is not None else []),
        *([f"up to {high:.10g}"] if high is not None else []),
        *([f"below {below:.10g}"] if below is not None else []),
    ]
    return " ".join(parts)


def _heading(key: str) -> str:
    """A key as it stands in the heading of its table, without the numbers of the tables around it."""
    return re.sub(r"\[\d+\]", "", key)


class Header(NamedTuple):
    """The first line of a CSV file."""

    file: str
    """The file with the number of that line."""
    columns: tuple[str, ...]
    """Names of the columns."""


class Fields:
    """One table of a file while it is read. With a `header` it is a row of a CSV file, its numbers written as text."""

    def __init__(
        self, findings: Findings, file: str, prefix: str, values: Mapping[str, Any], header: Header | None = None
    ) -> None:
        self.findings = findings
        self.file = file
        self.prefix = prefix
        self._values = values
        self._header = header
        self._asked: set[str] = set()

    def refuse(self, key: str, found: str, allowed: str) -> None:
        """Report a problem with a key of this table."""
        self.findings.add(self.file, self.prefix + key, found, allowed)

    def get(self, key: str) -> Any:
        """The value as it is, None where there is none."""
        self._asked.add(key)
        return self._values.get(key)

    def _missing(self, key: str, allowed: str, *, required: bool) -> None:
        if required:
            self.refuse(key, NOTHING, allowed)

    def text(self, key: str, *, required: bool = False, longest: int = 200) -> str | None:
        """A text that is not empty, without control characters or blanks at its ends."""
        value = self.get(key)
        allowed = f"a text of 1 to {longest} printable characters"
        if value is None:
            self._missing(key, allowed, required=required)
            return None
        good = isinstance(value, str) and value.strip() == value and 0 < len(value) <= longest
        if not (good and value.isprintable()):
            self.refuse(key, shown(value), allowed)
            return None
        return str(value)

    def choice(self, key: str, options: Sequence[str], *, required: bool = False) -> str | None:
        """One of these words."""
        value = self.get(key)
        if value is None:
            self._missing(key, one_of(options), required=required)
            return None
        if not isinstance(value, str) or value not in options:
            self.refuse(key, shown(value), one_of(options, str(value)))
            return None
        return value

    def number(
        self,
        key: str,
        *,
        required: bool = False,
        low: float | None = None,
        high: float | None = None,
        above: float | None = None,
        below: float | None = None,
        slack: float = 0.0,
    ) -> float | None:
        """A finite number in the interval; whole numbers count, and so does what is above `high` by up to `slack`."""
        value = self.get(key)
        allowed = f"a number {interval(low, high, above, below)}".rstrip()
        if value is None:
            self._missing(key, allowed, required=required)
            return None
        number = float(value) if self._is_number(value, _NUMBER) else math.nan
        too_low = (low is not None and number < low) or (above is not None and number <= above)
        too_high = (high is not None and number > high + slack) or (below is not None and number >= below)
        if not math.isfinite(number) or too_low or too_high:
            self.refuse(key, shown(value), allowed + self._comma(value))
            return None
        return number

    def whole(self, key: str, *, low: int, high: int, required: bool = False) -> int | None:
        """A whole number in the interval."""
        value = self.get(key)
        allowed = f"a whole number {interval(low, high, None, None)}"
        if value is None:
            self._missing(key, allowed, required=required)
            return None
        if isinstance(value, float) or not self._is_number(value, _WHOLE) or not low <= int(value) <= high:
            self.refuse(key, shown(value), allowed)
            return None
        return int(value)

    def flag(self, key: str) -> bool | None:
        """True or false."""
        value = self.get(key)
        if self._header is not None and value in ("true", "false"):
            return bool(value == "true")
        if value is not None and not isinstance(value, bool):
            self.refuse(key, shown(value), "true or false")
            return None
        return value

    def _is_number(self, value: Any, written: re.Pattern[str]) -> bool:
        if isinstance(value, str):
            return self._header is not None and len(value) <= _SHOWN_CHARACTERS and written.fullmatch(value) is not None
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300

    def _comma(self, value: Any) -> str:
        comma = self._header is not None and "," in str(value) and _NUMBER.fullmatch(str(value).replace(",", ".", 1))
        return ", with a point before its decimals" if comma else ""

    def table(self, key: str) -> Mapping[str, Any]:
        """A table; empty where there is none."""
        value = self.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.refuse(key, shown(value), f"a table [{_heading(self.prefix + key)}]")
            return {}
        return value

    def tables(self, key: str) -> list["Fields"]:
        """A list of tables, each with its number (from 0) in its keys; empty where there is none."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            self.refuse(key, shown(value), f"tables [[{_heading(self.prefix + key)}]]")
            value = [value] if isinstance(value, Mapping) else []
        return [
            Fields(self.findings, self.file, f"{self.prefix}{key}[{number}].", item)
            for number, item in enumerate(value)
        ]

    def nested(self, key: str) -> "Fields":
        """The fields of a table within this one; in a CSV file those of the columns `key.name`."""
        if self._header is None:
            return Fields(self.findings, self.file, f"{self.prefix}{key}.", self.table(key))
        start = f"{key}."
        columns = [name for name in self._header.columns if name.startswith(start)]
        self._asked.update(columns)
        header = Header(self._header.file, tuple(name.removeprefix(start) for name in columns))
        inside = {name.removeprefix(start): self._values[name] for name in columns if name in self._values}
        return Fields(self.findings, self.file, self.prefix + start, inside, header)

    def others(self) -> dict[str, Any]:
        """All that has not been asked for, which the caller hands on unread."""
        return {key: value for key, value in self._values.items() if key not in self._asked}

    def close(self) -> None:
        """Report every key that nobody asked for. Its value is not shown: it might be a secret gone astray.

        An unknown column is told once, with the line of the header.
        """
        file, keys = (self.file, self._values) if self._header is None else self._header
        for key in keys:
            if key not in self._asked:
                self.findings.add(file, self.prefix + key, "an unknown key", one_of(self._asked, key))


def read_text(findings: Findings, path: Path, file: str, what: str) -> str | None:
    """The text of a UTF-8 file (a byte order mark is let pass), or None and a problem."""
    if path in findings.instead:
        return findings.instead[path].removeprefix("\ufeff")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        findings.add(file, "file", "no such file", what)
        return None
    except IsADirectoryError:
        findings.add(file, "file", "a folder", what)
        return None
    except OSError as error:
        findings.add(file, "file", error.strerror or type(error).__name__, f"{what} that can be read")
        return None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        findings.add(f"{file}:{line}", "text", f"the byte 0x{raw[error.start]:02x}", "text in UTF-8")
        return None
