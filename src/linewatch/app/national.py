"""The stores of many sites for one report: each read and verified on its own, and kept apart where it does not hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from linewatch.app.reporting import facts_of
from linewatch.errors import InputError, LinewatchError
from linewatch.report.facts import Facts
from linewatch.report.national import Chain, LeftOut, Member, said_of
from linewatch.report.table import Row
from linewatch.store.description import description_of
from linewatch.store.head import Anchor
from linewatch.store.reader import open_store
from linewatch.store.verify import verify


class Period(NamedTuple):
    """What is asked for; None: all, or as known last."""

    from_ns: int | None = None
    """Begin."""
    to_ns: int | None = None
    """End."""
    as_of_ns: int | None = None
    """Moment as of which it was known."""


def gather(
    stores: Sequence[Path], period: Period, heads: Mapping[Path, Anchor] | None = None
) -> tuple[list[Member], list[LeftOut]]:
    """The sites of these stores: those that can be counted, and those that cannot.

    `heads` are those lodged outside, by store. Raises `InputError` where one folder is given twice, or a head for none
    of them.
    """
    heads = heads or {}
    seen: dict[Path, Path] = {}
    for folder in stores:
        if (other := seen.setdefault(folder.resolve(), folder)) is not folder:
            raise InputError(f"store: found {folder} and {other}, which are the same; allowed: each store once")
    for folder in heads:
        if folder not in stores:
            raise InputError(f"--against: found {folder}; allowed: one of {', '.join(map(str, stores))}")
    members: list[Member] = []
    left_out: list[LeftOut] = []
    for folder in stores:
        found = _one(folder, period, heads.get(folder))
        members.append(found) if isinstance(found, Member) else left_out.append(found)
    return _named_apart(members), left_out


def _one(folder: Path, period: Period, head: Anchor | None) -> Member | LeftOut:
    """A site. It is read before it is verified: a chain only grows, so all that was read is among what is verified."""
    facts, why = _facts(folder, period)
    try:
        verdict = verify(folder, head)
        chain = Chain(verdict.status, verdict.text)
    except LinewatchError as error:
        chain = Chain("unreadable", _line(error))
    if facts is not None and chain.status in ("ok", "unanchored"):
        return Member(facts.site.name, str(folder), facts, chain)
    if chain.status in ("ok", "unanchored"):
        return LeftOut(_name(folder), str(folder), chain, why, None)
    return LeftOut(_name(folder), str(folder), chain, chain.text, _said(facts))


def _name(folder: Path) -> str:
    """What the store calls its site, as far as it can still say that; its folder's name else."""
    try:
        with open_store(folder) as reader:
            site = description_of(reader).site
    except Exception:  # noqa: BLE001 - of a damaged store anything may be damaged
        site = None
    return folder.name if site is None else site.name


def _facts(folder: Path, period: Period) -> tuple[Facts | None, str]:
    """What the store says, or why it says nothing."""
    try:
        return facts_of(folder, as_of_ns=period.as_of_ns, from_ns=period.from_ns, to_ns=period.to_ns), ""
    except LinewatchError as error:
        return None, _line(error)
    except Exception as error:  # noqa: BLE001 - one damaged store must not take the report of all others away
        return None, f"{folder}: cannot be read ({type(error).__name__}: {_line(error)})"


def _said(facts: Facts | None) -> Row | None:
    try:
        return None if facts is None else said_of(facts)
    except Exception:  # noqa: BLE001 - what a damaged store says may be anything, nonsense included
        return None


def _named_apart(members: Sequence[Member]) -> list[Member]:
    """Stores of one site, one after the other, carry their folder's name, too."""
    names = [member.name for member in members]
    return [
        member._replace(name=f"{member.name} ({member.store})") if names.count(member.name) > 1 else member
        for member in members
    ]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
