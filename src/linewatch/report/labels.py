"""How times are named in a report: by hour of the day, day, week, month or year of the site's zone."""

from typing import Any, Final

import numpy as np

from linewatch.site.local_time import LocalTime, Span

SPANS_BY: Final[tuple[Span, ...]] = ("day", "week", "month", "year")
TIMES: Final = ("hour", *SPANS_BY)
"""Dimensions of time; `hour` is the hour of the day."""


def time_labels(name: str, times_ns: Any, clock: LocalTime) -> list[str]:
    """The label of each time in a dimension of time."""
    if name == "hour":
        return [f"{hour:02d}" for hour in clock.hour_of_day(times_ns).tolist()]
    span: Span = next(span for span in SPANS_BY if span == name)
    numbers = clock.number(times_ns, span)
    words = {number: clock.label(span, number) for number in np.unique(numbers).tolist()}
    return [words[number] for number in numbers.tolist()]
