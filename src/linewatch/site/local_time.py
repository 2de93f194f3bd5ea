"""Hours, days and months as people live them: in the site's time zone, with days of 23 and of 25 hours."""

from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError

NS_PER_S: Final = 1_000_000_000
HOUR_NS: Final = 3600 * NS_PER_S
DAY_NS: Final = 24 * HOUR_NS
Span = Literal["hour", "day", "week", "month", "year"]
"""Spans of local time; a week begins on Monday."""
SPANS: Final[tuple[Span, ...]] = ("hour", "day", "week", "month", "year")
Times = NDArray[np.int64]
_EPOCH: Final = date(1970, 1, 1)
_NUMPY: Final[dict[str, str]] = {"hour": "h", "day": "D", "month": "M", "year": "Y"}
_MONDAY_DAYS: Final = 4  # 1970-01-05 was a Monday


class LocalTime:
    """The clock on the wall of a time zone."""

    def __init__(self, zone: str) -> None:
        """Raises `InputError` on a zone that nobody knows."""
        try:
            self.zone = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise InputError(f"time zone: found {zone!r}; allowed: an IANA name such as Europe/Warsaw") from error
        self._known: dict[int, tuple[Times, Times]] = {}

    def offset_ns(self, times_ns: Times) -> Times:
        """How far the wall clock is ahead of UTC at each time."""
        out = np.zeros(len(times_ns), dtype=np.int64)
        if not len(times_ns):
            return out
        first, last = int(times_ns.min()), int(times_ns.max())
        for year in range(_moment(first).year - 1, _moment(last).year + 1):
            starts, offsets = self._year(year)
            # Each year's table holds from its first moment on; the next year's overrules it.
            where = np.searchsorted(starts, times_ns, side="right") - 1
            held = where >= 0
            out[held] = offsets[where[held]]
        return out

    def wall_ns(self, times_ns: Times) -> Times:
        """What the wall clock shows, as if it were UTC."""
        return times_ns + self.offset_ns(times_ns)

    def number(self, times_ns: Times, span: Span) -> Times:
        """Number of the local hour, day, week, month or year of each time, counted from 1970.

        Both hours that the clock shows twice when it goes back are the same hour here.
        """
        wall_ns = self.wall_ns(times_ns)
        if span == "week":
            return (wall_ns // DAY_NS - _MONDAY_DAYS) // 7
        moments = wall_ns.astype("datetime64[ns]").astype(f"datetime64[{_NUMPY[span]}]")
        return moments.astype(np.int64)

    def hour_of_day(self, times_ns: Times) -> Times:
        """0 to 23, as the wall clock shows it."""
        return self.wall_ns(times_ns) % DAY_NS // HOUR_NS

    def begin_ns(self, span: Span, number: int) -> int:
        """When a local span of this number begins; an hour that the clock leaps over, where it would have begun."""
        wall = datetime.combine(_first_day(span, number), datetime.min.time())
        if span == "hour":
            wall += timedelta(hours=number % 24)
        return round(wall.replace(tzinfo=self.zone).timestamp()) * NS_PER_S

    def label(self, span: Span, number: int) -> str:
        """How people write it: 2021-10, 2021-W43, 2021-10-31."""
        day = _first_day(span, number)
        if span == "week":
            year, week, _ = day.isocalendar()
            return f"{year}-W{week:02d}"
        if span == "hour":
            return f"{day.isoformat()} {number % 24:02d}:00"
        return {"day": day.isoformat(), "month": f"{day:%Y-%m}", "year": f"{day:%Y}"}[span]

    def edges_ns(self, span: Span, from_ns: int, to_ns: int) -> list[int]:
        """Ends of the period and every border of a span between them, rising."""
        first, last = self.number(np.array([from_ns, to_ns], dtype=np.int64), span).tolist()
        inner = (self.begin_ns(span, number) for number in range(first + 1, last + 1))
        return sorted({from_ns, to_ns, *(edge for edge in inner if from_ns < edge < to_ns)})

    def text(self, time_ns: int) -> str:
        """A moment with its zone, as people write it."""
        return f"{_moment(time_ns).astimezone(self.zone):%Y-%m-%d %H:%M:%S %Z}"

    def _year(self, year: int) -> tuple[Times, Times]:
        """Moments of a UTC year at which the offset changes, the first moment included, and the offset from each on."""
        if year not in self._known:
            begin = round(datetime(year, 1, 1, tzinfo=UTC).timestamp())
            end = round(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
            starts, offsets = [begin], [self._offset_s(begin)]
            for day_s in range(begin, end, 86_400):
                self._changes(day_s, min(day_s + 86_400, end), starts, offsets)
            self._known[year] = (
                np.array(starts, dtype=np.int64) * NS_PER_S,
                np.array(offsets, dtype=np.int64) * NS_PER_S,
            )
        return self._known[year]

    def _changes(self, low_s: int, high_s: int, starts: list[int], offsets: list[int]) -> None:
        after = self._offset_s(high_s)
        if after == offsets[-1]:
            return
        while high_s - low_s > 1:
            middle = (low_s + high_s) // 2
            if self._offset_s(middle) == offsets[-1]:
                low_s = middle
            else:
                high_s = middle
        starts.append(high_s)
        offsets.append(after)

    def _offset_s(self, time_s: int) -> int:
        offset = datetime.fromtimestamp(time_s, UTC).astimezone(self.zone).utcoffset()
        assert offset is not None
        return round(offset.total_seconds())

    @cached_property
    def name(self) -> str:
        """IANA name of the zone."""
        return str(self.zone)


def _moment(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC)


def _first_day(span: Span, number: int) -> date:
    if span in ("day", "hour"):
        return _EPOCH + timedelta(days=number if span == "day" else number // 24)
    if span == "week":
        return _EPOCH + timedelta(days=number * 7 + _MONDAY_DAYS)
    year, month = (1970 + number // 12, number % 12 + 1) if span == "month" else (1970 + number, 1)
    return date(year, month, 1)
