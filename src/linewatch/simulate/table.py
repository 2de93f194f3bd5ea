"""One table of a scene file, read key by key; what is wrong is noted, not raised, so that all of it is told at once."""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

from linewatch.errors import Problem
from linewatch.simulate.phrases import read_time_s
from linewatch.site.model import Line

_SHIFTED = re.compile(r"(.+?) ([+-]) ?(\d+(?:\.\d+)?) ?(m|km)")
_KILOMETRE = re.compile(r"km (\d+(?:\.\d+)?)")
ANYWHERE: Final = "anywhere"


def shown(value: Any) -> str:
    """A value as it should stand in a message."""
    return repr(value) if isinstance(value, str) else f"{type(value).__name__} {value}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


class Table:
    """A table of the file, at a path such as `mover[2]`, that knows its site and the length of the scene."""

    def __init__(self, file: str, path: str, values: dict[str, Any], problems: list[Problem]) -> None:
        self._file = file
        self._path = path
        self._values = values
        self._problems = problems
        self._asked: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._values

    def wrong(self, key: str, found: str, allowed: str) -> None:
        """Note a problem."""
        self._problems.append(Problem(self._file, f"{self._path}.{key}" if self._path else key, found, allowed))

    def finish(self) -> None:
        """Note every key that nobody has asked for."""
        for key in self._values:
            if key not in self._asked:
                self.wrong(key, "a key that is not known here", _listed(sorted(self._asked)))

    def raw(self, key: str, default: Any = None) -> Any:
        """The value as it stands."""
        self._asked.add(key)
        return self._values.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """Text; it must be there where no default is given."""
        value = self.raw(key, default)
        if isinstance(value, str):
            return value
        self.wrong(key, "nothing" if value is None else shown(value), "text")
        return ""

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.raw(key, default)
        if isinstance(value, bool):
            return value
        self.wrong(key, shown(value), "true or false")
        return default

    def choice(self, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of the words allowed."""
        value = self.raw(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        self.wrong(key, "nothing" if value is None else shown(value), "one of " + ", ".join(allowed))
        return allowed[0]

    def words(self, key: str, allowed: Sequence[str] | None = None) -> tuple[str, ...]:
        """A list of texts, from those allowed where given; empty where absent."""
        value = self.raw(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.wrong(key, shown(value), "a list of texts")
            return ()
        for item in value:
            if allowed is not None and item not in allowed:
                self.wrong(key, shown(item), "out of " + (_listed(sorted(allowed)) or "an empty list"))
        return tuple(value)

    def number(self, key: str, default: float | None, low: float, high: float) -> float:
        """A number in `[low, high]`."""
        value = self.raw(key, default)
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if good and low <= value <= high:
            return float(value)
        self.wrong(key, "nothing" if value is None else shown(value), f"a number from {low:g} to {high:g}")
        return low if default is None else default

    def number_or_none(self, key: str, low: float, high: float) -> float | None:
        """A number in `[low, high]`, or None where absent."""
        return self.number(key, None, low, high) if self.has(key) else self.raw(key)

    def counts(self, key: str, default: int, low: int, high: int) -> tuple[int, int]:
        """A whole number, or two as a range."""
        value = self.raw(key, default)
        pair = value if isinstance(value, list) else [value, value]
        whole = all(isinstance(n, int) and not isinstance(n, bool) and low <= n <= high for n in pair)
        if len(pair) == 2 and whole and pair[0] <= pair[1]:
            return pair[0], pair[1]
        self.wrong(key, shown(value), f"a whole number from {low} to {high}, or two in rising order")
        return default, default

    def time_s(self, key: str, default: float | None, duration_s: float) -> float:
        """A time within the scene, in seconds from its start."""
        value = self.raw(key)
        if value is None and default is not None:
            return default
        return self._time_s(key, value, duration_s)

    def times_s(self, key: str, duration_s: float) -> tuple[float, float]:
        """A time within the scene, or two as a range."""
        value = self.raw(key)
        pair = value if isinstance(value, list) and len(value) == 2 else [value, value]
        low, high = (self._time_s(key, item, duration_s) for item in pair)
        if low > high:
            self.wrong(key, shown(value), "two times in rising order")
        return low, max(low, high)

    def _time_s(self, key: str, value: Any, duration_s: float) -> float:
        time_s = read_time_s(value) if isinstance(value, str) else None
        if time_s is not None and 0.0 <= time_s <= duration_s:
            return time_s
        found = "nothing" if value is None else shown(value)
        self.wrong(key, found, f'a time such as "00:12:30" within the scene, which lasts {duration_s:g} s')
        return 0.0

    def stretch_m(self, key: str, line: Line, default: str | None = None) -> tuple[float, float]:
        """A place, section, chainage, or two of them as a range, on the line."""
        value = self.raw(key, default)
        if isinstance(value, list) and len(value) == 2:
            low, high = self._place_m(key, value[0], line)[0], self._place_m(key, value[1], line)[1]
            if low > high:
                self.wrong(key, shown(value), "two points in rising order")
            return low, max(low, high)
        return self._place_m(key, value, line)

    def _place_m(self, key: str, value: Any, line: Line) -> tuple[float, float]:
        if isinstance(value, int | float) and not isinstance(value, bool):
            if 0.0 <= value <= line.length_m:
                return float(value), float(value)
            self.wrong(key, shown(value), f"a chainage from 0 to {line.length_m:g} m of line {line.id!r}")
            return 0.0, 0.0
        if isinstance(value, str) and (found := _named(value, line)) is not None:
            if found[0] >= 0.0 and found[1] <= line.length_m:
                return found
            self.wrong(key, shown(value), f"a point on line {line.id!r}, which is {line.length_m:g} m long")
            return 0.0, 0.0
        names = [place.name for place in line.places] + [section.name for section in line.sections]
        allowed = f"a chainage, 'km 12.5', 'anywhere', or a place or section of line {line.id!r}"
        self.wrong(key, "nothing" if value is None else shown(value), f"{allowed}: {_listed(names) or 'it has none'}")
        return 0.0, 0.0


def _named(name: str, line: Line) -> tuple[float, float] | None:
    """The stretch that a name stands for; None where the line has no such place or section."""
    if name == ANYWHERE:
        return 0.0, line.length_m
    if match := _KILOMETRE.fullmatch(name):
        return float(match[1]) * 1_000.0, float(match[1]) * 1_000.0
    for place in line.places:
        if place.name == name:
            return place.chainage_m, place.chainage_m
    for section in line.sections:
        if section.name == name:
            return section.from_m, section.to_m
    if match := _SHIFTED.fullmatch(name):
        if (base := _named(match[1], line)) is None:
            return None
        shift_m = float(f"{match[2]}{match[3]}") * (1_000.0 if match[4] == "km" else 1.0)
        return base[0] + shift_m, base[0] + shift_m
    return None
