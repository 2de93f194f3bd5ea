"""The coverage of a line at a time, and all that is told of it, as plain values."""

from collections.abc import Sequence
from typing import Any, Final

from linewatch.records import Outage, WalkTest, Weather
from linewatch.site.condition import Condition, Mask, RaisedFloor, in_force, last_reported
from linewatch.site.coverage import Coverage
from linewatch.site.gaps import Thresholds
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line, Site
from linewatch.site.performance import Watched, light_fraction
from linewatch.site.single_failure import failures_json, single_failures

MOST_FAILURES: Final = 20
"""How many single failures are told of; their number is told beside them."""


def light_on(line: Line, time_ns: int | None) -> float:
    """Light in the middle of a line, 0 (dark) to 1 (day); dark without a time or on a line without geography."""
    if time_ns is None or not line.coordinates_deg:
        return 0.0
    lon_deg, lat_deg = geometry_of(line).to_lonlat(line.length_m / 2.0)
    return light_fraction(time_ns, float(lon_deg), float(lat_deg))


def coverage_at(
    site: Site,
    line: str | None = None,
    *,
    time_ns: int | None = None,
    outages: Sequence[Outage] = (),
    weather: Sequence[Weather] = (),
    floors: Sequence[RaisedFloor] = (),
    masks: Sequence[Mask] = (),
    walk_tests: Sequence[WalkTest] = (),
) -> Coverage:
    """The coverage of a line at a time, out of histories of outages and weather; without a time, all that is given.

    Floors and masks are those that hold. Walk tests that end later than the time do not count yet. Raises `KeyError`
    on a line that does not exist.
    """
    course = site.lines[0] if line is None else site.line(line)
    if time_ns is not None:
        outages, weather = in_force(outages, time_ns), last_reported(weather, time_ns)
        walk_tests = [test for test in walk_tests if test.end_ns <= time_ns]
    condition = Condition(
        outages=tuple(outages),
        weather=tuple(weather),
        floors=tuple(floors),
        masks=tuple(masks),
        light_fraction=light_on(course, time_ns),
    )
    return Coverage(site, course.id, condition=condition, walk_tests=walk_tests)


def coverage_json(
    coverage: Coverage, mover: Watched = "person_walking", thresholds: Thresholds | None = None
) -> dict[str, Any]:
    """What a coverage has to say, with the single failures that would cost this mover's coverage most."""
    limits = thresholds or Thresholds()
    failures = single_failures(coverage, mover, limits.not_watched_below)
    return {
        **coverage.to_json(limits),
        "single_failures": {
            "mover": mover,
            "tried": len(failures),
            "costing_metres": sum(failure.lost_m > 0.0 for failure in failures),
            "worst": failures_json(failures, MOST_FAILURES),
        },
    }
