"""Rows of several sites added up: counts with counts, metre-hours with metre-hours, and only then a rate."""

from collections.abc import Sequence

from linewatch.report.rates import poisson_interval, weighted_interval
from linewatch.report.table import Row

_METRE_HOURS_PER_KM_DAY = 24_000.0


def added(keys: dict[str, str], rows: Sequence[Row]) -> Row:
    """One row for several, each of another site, at least one.

    The rate is all attempts over all watched kilometre-days. The correction is each site's own, added up: what one site
    does not notice says nothing of how often people come to another. What is unknown of one is unknown of the sum.
    """
    outcomes: dict[str, int] = {}
    for row in rows:
        for name, count in row.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    attempts = sum(row.attempts for row in rows)
    metre_hours = _sum([row.metre_hours for row in rows])
    unwatched = _sum([row.unwatched_metre_hours for row in rows])
    rates = _rates(attempts, metre_hours, unwatched)
    corrected = _corrected(rows)
    return Row(
        keys=keys,
        detections=_whole([row.detections for row in rows]),
        detections_late=_whole([row.detections_late for row in rows]),
        incidents=sum(row.incidents for row in rows),
        attempts=attempts,
        persons_low=sum(row.persons_low for row in rows),
        persons_high=sum(row.persons_high for row in rows),
        returns=sum(row.returns for row in rows),
        outcomes=dict(sorted(outcomes.items())),
        nuisance=sum(row.nuisance for row in rows),
        late=sum(row.late for row in rows),
        withdrawn=sum(row.withdrawn for row in rows),
        merged=sum(row.merged for row in rows),
        metre_hours=metre_hours,
        unwatched_metre_hours=unwatched,
        noticed_metre_hours=_sum([row.noticed_metre_hours for row in rows]),
        rate=rates[0],
        rate_low=rates[1],
        rate_high=rates[2],
        corrected=corrected[0],
        corrected_low=corrected[1],
        corrected_high=corrected[2],
        ids=tuple(incident for row in rows for incident in row.ids),
    )


def _rates(attempts: int, metre_hours: float | None, unwatched: float | None) -> tuple[float | None, ...]:
    if metre_hours is None or unwatched is None or metre_hours - unwatched <= 0:
        return None, None, None
    watched = (metre_hours - unwatched) / _METRE_HOURS_PER_KM_DAY
    low, high = poisson_interval(attempts)
    return attempts / watched, low / watched, high / watched


def _corrected(rows: Sequence[Row]) -> tuple[float | None, ...]:
    """Each site's attempts times its own lift, and the interval of that sum."""
    counts, lifts = [], []
    for row in rows:
        if row.metre_hours == 0:
            continue
        if row.metre_hours is None or not row.noticed_metre_hours:
            return None, None, None
        counts.append(row.attempts)
        lifts.append(row.metre_hours / row.noticed_metre_hours)
    if not lifts:
        return None, None, None
    low, high = weighted_interval(counts, lifts)
    return sum(n * lift for n, lift in zip(counts, lifts, strict=True)), low, high


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _whole(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None
