"""A whole report: table, trend, displacement and change points, with what they rest on; and its forms for programs."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from linewatch.errors import InputError
from linewatch.report.facts import Facts, Known
from linewatch.report.table import FIGURES, Row, Table, opened, tabulate
from linewatch.report.trend import Change, Displacement, Trend, changes_of, daily_of, displacement_of, trend_of
from linewatch.report.watching import Watching
from linewatch.site.local_time import LocalTime

FORMAT: Final = "linewatch-report/1"


class Report(msgspec.Struct, frozen=True):
    """What is told of a period, as it was known at a moment."""

    site: str
    """Name of the site."""
    timezone: str
    """Time zone of all days and hours."""
    from_ns: int
    """Begin of the period."""
    to_ns: int
    """End of the period."""
    as_of_ns: int
    """Moment as of which all this was known."""
    later: int
    """Incidents raised or changed after that moment, which this report therefore does not show as they are now."""
    head: str
    """Short code of the store's heads."""
    not_running_hours: float
    """Hours of the period in which nothing ran; they count as unwatched."""
    table: Table
    """The counts."""
    trend: Trend | None
    """The last days against as many before; None where there are too few whole days."""
    displacement: Displacement | None
    """Whether attempts moved to other sections; None likewise."""
    changes: tuple[Change, ...]
    """Days on which the rate changed."""
    format: str = FORMAT
    """Names this format."""


def report_of(facts: Facts, by: Sequence[str] = ("month",), *, trend_days: int | None = None) -> Report:
    """The report of these facts. Raises `InputError` on a dimension or a trend that cannot be had."""
    watching = Watching(facts)
    table = tabulate(facts, by, watching)
    daily = daily_of(facts, watching)
    trend = displacement = None
    try:
        trend = trend_of(daily, trend_days)
        displacement = displacement_of(daily, trend)
    except InputError:
        if trend_days is not None:
            raise
    return Report(
        site=facts.site.name,
        timezone=facts.site.timezone,
        from_ns=facts.from_ns,
        to_ns=facts.to_ns,
        as_of_ns=facts.as_of_ns,
        later=facts.later,
        head=facts.head,
        not_running_hours=sum(
            max(0, min(high, facts.to_ns) - max(low, facts.from_ns)) / 3.6e12 for low, high in facts.gaps
        ),
        table=table,
        trend=trend,
        displacement=displacement,
        changes=changes_of(daily),
    )


def open_figure(facts: Facts, report: Report, keys: dict[str, str], figure: str) -> tuple[Known, ...]:
    """The incidents behind one figure: of a row by its keys, or of the total where there are none."""
    row = report.table.row(**keys) if keys else report.table.total
    return opened(row, figure, {each.incident.id: each for each in facts.known})


def to_json(report: Report) -> str:
    """Everything, for programs; times are nanoseconds since 1970."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode() + "\n"


def to_arrow(table: Table) -> pa.Table:
    """The rows as a table: a column for each dimension and each figure. The total is not in it."""
    columns: dict[str, Any] = {name: pa.array([row.keys[name] for row in table.rows], pa.string()) for name in table.by}
    for name in _FIGURES:
        kind = pa.int64() if name in _WHOLE else pa.float64()
        columns[name] = pa.array([getattr(row, name) for row in table.rows], kind)
    for outcome in sorted(table.total.outcomes):
        columns[f"outcome_{outcome}"] = pa.array([row.outcomes.get(outcome, 0) for row in table.rows], pa.int64())
    columns["incident_ids"] = pa.array([list(row.ids) for row in table.rows], pa.list_(pa.string()))
    return pa.table(columns)


def to_parquet(table: Table) -> bytes:
    """The rows as a Parquet file."""
    return parquet_of(to_arrow(table))


def parquet_of(table: pa.Table) -> bytes:
    """A table as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def to_csv(table: Table) -> str:
    """The rows as CSV with a head line (RFC 4180); what is not known is empty. Ids are left out: they are in JSON."""
    out = io.StringIO()
    writer = csv.writer(out)
    arrow = to_arrow(table).drop_columns(["incident_ids"])
    writer.writerow(arrow.column_names)
    for row in arrow.to_pylist():
        writer.writerow([cell_text(value) for value in row.values()])
    return out.getvalue()


def period_words(report: Report) -> str:
    """The period, in the site's time."""
    clock = LocalTime(report.timezone)
    return f"{clock.text(report.from_ns)} to {clock.text(report.to_ns)}"


def utc_words(time_ns: int) -> str:
    """A moment in UTC."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def cell_text(value: object) -> object:
    """A value as it stands in CSV."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


_NOT_FIGURES: Final = frozenset({"keys", "outcomes", "ids"})
_FIGURES: Final = tuple(name for name in Row.__struct_fields__ if name not in _NOT_FIGURES)
_WHOLE: Final = frozenset({*FIGURES, "detections", "detections_late", "persons_low", "persons_high"})
