"""Days and hours as people live them, also when the clock is changed."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError
from linewatch.site.local_time import HOUR_NS, SPANS, LocalTime, Span

WARSAW = LocalTime("Europe/Warsaw")
ZONES = ("Europe/Warsaw", "UTC", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca")


def ns(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000_000


@given(st.sampled_from(ZONES), st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=20))
def test_the_wall_clock_is_the_one_of_the_time_zone_data(zone: str, times_s: list[int]) -> None:
    found = LocalTime(zone).wall_ns(np.array(times_s, dtype=np.int64) * 1_000_000_000)
    for time_s, wall_ns in zip(times_s, found.tolist(), strict=True):
        wall = datetime.fromtimestamp(time_s, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
        assert wall_ns == round(wall.timestamp()) * 1_000_000_000


@given(
    st.sampled_from(ZONES), st.sampled_from([span for span in SPANS if span != "hour"]), st.integers(0, 4_000_000_000)
)
def test_a_time_lies_in_the_span_whose_number_it_has(zone: str, span: Span, time_s: int) -> None:
    clock, time_ns = LocalTime(zone), time_s * 1_000_000_000
    number = int(clock.number(np.array([time_ns]), span)[0])
    assert clock.begin_ns(span, number) <= time_ns < clock.begin_ns(span, number + 1)


def test_a_day_on_which_the_clock_is_changed_has_23_or_25_hours() -> None:
    spring = WARSAW.edges_ns("day", ns("2021-03-27T23:00:00Z"), ns("2021-03-28T22:00:00Z"))
    autumn = WARSAW.edges_ns("day", ns("2021-10-30T22:00:00Z"), ns("2021-10-31T23:00:00Z"))
    assert [(spring[-1] - spring[0]) / HOUR_NS, (autumn[-1] - autumn[0]) / HOUR_NS] == [23, 25]
    assert len(spring) == len(autumn) == 2


def test_the_hour_that_the_clock_shows_twice_is_one_hour_of_the_day() -> None:
    times = np.array([ns("2021-10-31T00:30:00Z"), ns("2021-10-31T01:30:00Z"), ns("2021-10-31T02:30:00Z")])
    assert WARSAW.hour_of_day(times).tolist() == [2, 2, 3]


def test_spans_are_named_as_people_write_them() -> None:
    time = np.array([ns("2021-10-31T23:30:00Z")])
    names = [WARSAW.label(span, int(WARSAW.number(time, span)[0])) for span in SPANS]
    assert names == ["2021-11-01 00:00", "2021-11-01", "2021-W44", "2021-11", "2021"]
    assert WARSAW.text(int(time[0])) == "2021-11-01 00:30:00 CET"


def test_an_unknown_zone_is_refused() -> None:
    with pytest.raises(InputError, match="time zone: found 'Mars/Olympus'"):
        LocalTime("Mars/Olympus")
