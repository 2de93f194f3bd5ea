"""Many sites in one report: each store's chain stays its own, and every national figure opens to its sites.

Only sites whose chains hold are counted. One whose chain does not, or that cannot be read, is named with what it says
of itself, and is in no figure.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from linewatch.errors import InputError
from linewatch.report.added import added
from linewatch.report.facts import Facts, Known
from linewatch.report.labels import TIMES
from linewatch.report.report import Report, report_of
from linewatch.report.table import PLACES, SORTS, Row, Table, opened, tabulate
from linewatch.report.watching import Watching

FORMAT: Final = "linewatch-national-report/1"
SITE: Final = "site"
"""Name of the first dimension of the table by site."""


class Chain(msgspec.Struct, frozen=True):
    """How a site's chains of records were found."""

    status: Literal["ok", "unanchored", "broken", "unreadable"]
    """`ok`: whole, and an outside head vouches; `unanchored`: whole in itself; `broken`: not whole; `unreadable`."""
    text: str
    """The same in a sentence."""


class Member(NamedTuple):
    """A site that is to be counted."""

    name: str
    """Its name in this report."""
    store: str
    """Where its store is."""
    facts: Facts
    """What it knew."""
    chain: Chain
    """How its chains were found."""


class LeftOut(msgspec.Struct, frozen=True):
    """A site that is in no figure, and why."""

    name: str
    """Its name, or its folder's where it cannot say it."""
    store: str
    """Where its store is, or should be."""
    chain: Chain
    """How its chains were found."""
    why: str
    """Why it is in no figure."""
    said: Row | None
    """What it says of the whole period, to be believed by nobody; None where it cannot be read."""


class SiteReport(msgspec.Struct, frozen=True):
    """One site's own report."""

    name: str
    """Its name in this report."""
    store: str
    """Where its store is."""
    chain: Chain
    """How its chains were found."""
    report: Report
    """All of it."""


class National(msgspec.Struct, frozen=True):
    """What is told of many sites."""

    by: tuple[str, ...]
    """Dimensions that were asked for."""
    sites: tuple[SiteReport, ...]
    """Those that are counted, by name."""
    left_out: tuple[LeftOut, ...]
    """Those that are not."""
    table: Table
    """By site and the dimensions asked for; its total is that of all sites counted."""
    sums: Table
    """All sites added up, by the dimensions asked for but line and section, which are each site's own."""
    format: str = FORMAT
    """Names this format."""


def national_of(members: Sequence[Member], left_out: Sequence[LeftOut], by: Sequence[str]) -> National:
    """The report of these sites. Raises `InputError` where none can be counted, or one would be counted twice."""
    if not members:
        why = "; ".join(f"{each.store}: {each.why}" for each in left_out)
        raise InputError(f"report: found no store that can be counted ({why}); allowed: at least one that holds")
    members = sorted(members, key=lambda member: member.name)
    _refuse_doubles(members)
    sites = tuple(
        SiteReport(member.name, member.store, member.chain, report_of(member.facts, by)) for member in members
    )
    rows = tuple(
        msgspec.structs.replace(row, keys={SITE: site.name, **row.keys})
        for site in sites
        for row in site.report.table.rows
    )
    total = added({}, [site.report.table.total for site in sites])
    return National(
        by=tuple(by),
        sites=sites,
        left_out=tuple(sorted(left_out, key=lambda each: (each.name, each.store))),
        table=Table((SITE, *by), rows, total),
        sums=_sums(members, [name for name in by if name not in PLACES], total),
    )


def said_of(facts: Facts) -> Row:
    """What a site says of the whole period."""
    return tabulate(facts, (), Watching(facts)).total


def open_national(
    members: Sequence[Member], national: National, keys: dict[str, str], figure: str
) -> Iterator[tuple[str, Known]]:
    """The incidents behind a figure, each with its site: of all rows that have these keys (all rows where empty).

    Raises `InputError` on keys that no row has, and on a figure that has no incidents.
    """
    rows = [row for row in national.table.rows if keys.items() <= row.keys.items()]
    if keys and not rows:
        allowed = ", ".join(national.table.by)
        raise InputError(f"row: found {keys}; allowed: those of one of {len(national.table.rows)} rows by {allowed}")
    known = {member.name: {each.incident.id: each for each in member.facts.known} for member in members}
    for row in rows:
        yield from ((row.keys[SITE], each) for each in opened(row, figure, known[row.keys[SITE]]))


def to_json(national: National) -> str:
    """Everything, for programs; times are nanoseconds since 1970."""
    return msgspec.json.format(msgspec.json.encode(national), indent=1).decode() + "\n"


def _sums(members: Sequence[Member], by: Sequence[str], total: Row) -> Table:
    """Rows of all sites. Each site adds its watching to every row of its time, whatever came to it then."""
    times = [name for name in by if name in TIMES]
    rows: dict[tuple[str, ...], list[Row | None]] = {}
    watched: list[dict[tuple[str, ...], Row]] = []
    for number, member in enumerate(members):
        watching = Watching(member.facts)
        for row in tabulate(member.facts, by, watching).rows:
            key = tuple(row.keys.values())
            rows.setdefault(key, [None] * len(members))[number] = row
        by_time = tabulate(member.facts, times, watching)
        watched.append({tuple(row.keys.values()): row for row in by_time.rows} if times else {(): by_time.total})
    out = []
    for key, found in sorted(rows.items()):
        keys = dict(zip(by, key, strict=True))
        moment = tuple(keys[name] for name in times)
        filled = [row or _nothing(keys, watched[at].get(moment)) for at, row in enumerate(found)]
        out.append(added(keys, [row for row in filled if row is not None]))
    return Table(tuple(by), tuple(out), total)


def _nothing(keys: dict[str, str], watched: Row | None) -> Row | None:
    """A row for a site to which nothing of this sort came while it was there; None where it was not."""
    if watched is None or not set(keys) & set(SORTS):
        return watched
    nothing = dict.fromkeys(_COUNTS, 0)
    return msgspec.structs.replace(
        watched, **nothing, keys=keys, outcomes={}, ids=(), detections=None, detections_late=None
    )


_COUNTS: Final = (
    "incidents",
    "attempts",
    "persons_low",
    "persons_high",
    "returns",
    "nuisance",
    "late",
    "withdrawn",
    "merged",
)


def _refuse_doubles(members: Sequence[Member]) -> None:
    """Two stores of one site over the same time, or one incident in two stores, would be counted twice."""
    seen: dict[str, str] = {}
    for member in members:
        for each in member.facts.known:
            other = seen.setdefault(each.incident.id, member.store)
            if other != member.store:
                raise InputError(
                    f"report: found incident {each.incident.id} in both {other} and {member.store}; "
                    "allowed: stores of which none is a copy of another"
                )
    for number, first in enumerate(members):
        for second in members[number + 1 :]:
            a, b = first.facts, second.facts
            if a.site.name == b.site.name and a.from_ns < b.to_ns and b.from_ns < a.to_ns:
                raise InputError(
                    f"report: found {first.store} and {second.store}, both of the site {a.site.name!r} over the same "
                    "time; allowed: each time of a site once"
                )
