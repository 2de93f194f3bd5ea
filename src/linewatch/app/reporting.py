"""A store's facts for a report: what was known at a moment, and how much watching stood behind it."""

from pathlib import Path
from typing import Final

import numpy as np

from linewatch.errors import InputError, StoreError
from linewatch.records import Outage, Tick, Weather, from_bytes
from linewatch.report.facts import Facts, Felt, Known
from linewatch.site.model import Site
from linewatch.store.archive.columns import whereabouts
from linewatch.store.archive.reading import OpenedStore
from linewatch.store.description import description_of
from linewatch.store.reader import StoreReader, open_store

_HOUR_US: Final = 3_600_000_000


def facts_of(
    folder: Path,
    *,
    site: Site | None = None,
    as_of_ns: int | None = None,
    from_ns: int | None = None,
    to_ns: int | None = None,
) -> Facts:
    """What this store knew at a moment (its last, where none is given) of a period (all of it, likewise).

    `site` is needed only for a store that does not describe its own. Raises `StoreError` and `InputError`.
    """
    with open_store(folder) as reader:
        site = site or description_of(reader).site
        if site is None:
            raise StoreError(f"{folder}: found no description of its site; allowed: --site SITE with such a store")
        first, last, period_ns = _span(reader, folder)
        begun_ns, ended_ns = (first - 1) * period_ns, last * period_ns
        as_of_ns = ended_ns if as_of_ns is None else as_of_ns
        until = min(as_of_ns // period_ns, last)
        if until < first:
            raise InputError(f"--as-of: found a time before the store's first tick; allowed: {begun_ns} ns or later")
        at_seq = reader.seq_at(until)
        known = tuple(Known(seq, incident) for seq, incident in reader.incident_versions(at_seq))
        later = reader.incidents_changed_after(at_seq)
        outages, weather = _conditions(reader, at_seq)
        period = (max(from_ns or begun_ns, begun_ns), min(to_ns or until * period_ns, until * period_ns))
        if period[1] <= period[0]:
            raise InputError(
                f"period: found {period[0]} to {period[1]} ns; allowed: a part of {begun_ns} to {ended_ns} ns"
            )
        gaps = tuple(
            (before * period_ns, (after - 1) * period_ns)
            for before, after in sorted(set(reader.restarts()))
            if after - before > 1
        )
        head = reader.heads().code
    return Facts(
        site=site,
        known=known,
        felt=_felt(folder, site, None if until >= last else at_seq),
        outages=outages,
        weather=weather,
        from_ns=period[0],
        to_ns=period[1],
        as_of_ns=until * period_ns,
        gaps=gaps,
        later=later,
        head=head,
    )


def _span(reader: StoreReader, folder: Path) -> tuple[int, int, int]:
    """First and last tick, and the time between two."""
    entry = next(reader.entries(kinds=("tick",)), None)
    positions = reader.positions()
    if entry is None or entry.payload is None or positions is None:
        raise StoreError(f"{folder}: found no tick; allowed: a store in which something was watched")
    tick = from_bytes(entry.payload)
    assert isinstance(tick, Tick)
    return tick.index, positions.tick, tick.period_ns


def _conditions(reader: StoreReader, at_seq: int) -> tuple[tuple[Outage, ...], tuple[Weather, ...]]:
    outages: list[Outage] = []
    weather: list[Weather] = []
    for entry in reader.entries(kinds=("arrival", "outage")):
        if entry.seq > at_seq:
            break
        record = None if entry.payload is None else from_bytes(entry.payload)
        if isinstance(record, Outage):
            outages.append(record)
        elif isinstance(record, Weather):
            weather.append(record)
    return tuple(outages), tuple(weather)


def _felt(folder: Path, site: Site, at_seq: int | None) -> tuple[Felt, ...]:
    """Detections by hour and section: from rollups, or, as of a past moment, from the rows known by then."""
    with OpenedStore(folder, whereabouts(site)) as store:
        if at_seq is None:
            query = (
                'SELECT epoch_us(hour) AS hour, line, section, sum("count")::BIGINT AS n, sum(late)::BIGINT AS late '
                "FROM rollup WHERE what = 'detections' GROUP BY ALL ORDER BY ALL"
            )
        else:
            query = (
                f"SELECT epoch_us(time) // {_HOUR_US} * {_HOUR_US} AS hour, line, section, count(*) AS n, "  # noqa: S608 - numbers of our own
                f"count(received) AS late FROM detections WHERE seq <= {at_seq} GROUP BY ALL ORDER BY ALL"
            )
        found = store.sql(query).to_arrow_table()
    hours = (found["hour"].to_numpy().astype(np.int64) * 1000).tolist()
    columns = [found[name].to_pylist() for name in ("line", "section", "n", "late")]
    return tuple(Felt(*row) for row in zip(hours, *columns, strict=True))
