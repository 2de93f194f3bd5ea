"""Facts made up for reports: a bench line of three sections, watched for some weeks."""

import msgspec

from linewatch.records import Incident, Outage
from linewatch.report.facts import Facts, Felt, Known
from linewatch.site.local_time import DAY_NS, LocalTime
from tests.sites import fence_site
from tests.unit.store.writing import incident

SITE = fence_site(600.0, sections=3)
CLOCK = LocalTime(SITE.timezone)
HOUR_NS = 3_600_000_000_000
START_NS = CLOCK.begin_ns("day", 18_900)
"""A local midnight in autumn 2021, three weeks before the clock is set back."""


def attempt(number: int, day: float, **fields: object) -> Incident:
    """One incident, so many days after the start."""
    raised_ns = START_NS + round(day * 24 * HOUR_NS)
    return incident(f"i{number:05d}", 0, raised_ns=raised_ns, updated_ns=raised_ns, count_low=1, count_high=3, **fields)


def facts(incidents: list[Incident], days: float = 28.0, **fields: object) -> Facts:
    """Facts of these incidents over so many days."""
    made = Facts(
        site=SITE,
        known=tuple(Known(number, each) for number, each in enumerate(incidents)),
        felt=(Felt(START_NS, "main", "S01", 7, 1), Felt(START_NS + DAY_NS, "main", "S02", 5, 0)),
        outages=(),
        weather=(),
        from_ns=START_NS,
        to_ns=START_NS + round(days * 24 * HOUR_NS),
        as_of_ns=START_NS + round(days * 24 * HOUR_NS),
        gaps=(),
        later=0,
        head="1-1-AAAA-BBBB-CCCC-DDDD",
    )
    return msgspec.structs.replace(made, **fields)


def outage(start_day: float, end_day: float) -> Outage:
    """Nothing is felt along the whole line for some time."""
    start_ns, end_ns = (START_NS + round(day * 24 * HOUR_NS) for day in (start_day, end_day))
    return Outage("o", "main", ("c1", "f1"), "supply", 0.0, 600.0, start_ns, start_ns, end_ns, 0.0, "no power")
