"""What a notifier is told of: the keys that every `[[notify]]` table knows."""

from typing import Final, Literal

import msgspec

from linewatch.errors import Problem, SiteError
from linewatch.notify_ports import Told
from linewatch.records import KINDS, Incident
from linewatch.records.vocabulary import Kind
from linewatch.site.model import Site

What = Literal["incidents", "outages"]
_EVERY_KIND: Final[tuple[Kind, ...]] = KINDS


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that all notifiers share; their own come on top."""

    name: str = ""
    """Channel; needed where one plug-in is used twice. Empty takes the name of the plug-in."""
    what: tuple[What, ...] = ("incidents", "outages")
    """Which changes are told."""
    sections: tuple[str, ...] = ()
    """Only these sections, as `name` or `line/name`; empty for all."""
    kinds: tuple[Kind, ...] = _EVERY_KIND
    """Only incidents of these kinds."""
    least_priority: int = 4
    """Incidents less urgent than this are not told, unless they were; 5 tells the notes too."""
    from_start: bool = False
    """Whether a new channel begins with the oldest news; else with the incidents that are open."""


def check_choice(site: Site, plugin: str, choice: Choice) -> None:
    """Raise `SiteError` with everything in these keys that this site cannot fulfil."""
    known = {name for line in site.lines for s in line.sections for name in (s.name, f"{line.id}/{s.name}")}
    problems = [
        Problem("site.toml", f"notify {plugin!r} sections", repr(section), f"sections of the site: {_listed(known)}")
        for section in choice.sections
        if section not in known
    ]
    if not 1 <= choice.least_priority <= 5:
        where = f"notify {plugin!r} least_priority"
        problems.append(Problem("site.toml", where, str(choice.least_priority), "1 (life, barrier) to 5 (note)"))
    if problems:
        raise SiteError(problems)


def chosen(site: Site, choice: Choice, record: Told) -> bool:
    """Whether a change of this is to be told."""
    if isinstance(record, Incident):
        return (
            "incidents" in choice.what
            and record.kind in choice.kinds
            and record.priority <= choice.least_priority
            and _in_sections(choice, record.line, (record.section,))
        )
    if "outages" not in choice.what:
        return False
    touched = [
        s.name for s in site.line(record.line).sections if record.from_m < s.to_m and s.from_m < max(record.to_m, 1e-3)
    ]
    return _in_sections(choice, record.line, touched)


def _in_sections(choice: Choice, line: str, sections: tuple[str, ...] | list[str]) -> bool:
    names = {name for section in sections for name in (section, f"{line}/{section}")}
    return not choice.sections or bool(names.intersection(choice.sections))


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(name for name in names if "/" not in name)[:20]) or "none"
