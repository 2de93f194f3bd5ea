"""The plan: what a cluster run is of, who works on what, and with which versions. Written once, read by every worker.

The folder of a run (shared by all its machines):

    plan.json                         this
    in/00000001.ticks                 inputs by tick, written at the site
    hand-over/LINE/SECTION/...        what each section handed over, by tick
    out/00000001.ticks                what was decided, by tick
"""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from linewatch import __version__
from linewatch.app.settings import Settings, settings_id, settings_of
from linewatch.errors import InputError
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import load_site
from linewatch.site.model import Site

PLAN: Final = "plan.json"
MAX_WORKERS: Final = 128
"""Most workers that a run can ever be spread over: the engine's maximum parallelism, fixed when a run begins."""
_CHECKED: Final = ("linewatch", "numpy", "numba", "scipy")
"""Libraries whose version decides bytes; those of every worker must be those of the plan."""


class Share(msgspec.Struct, frozen=True):
    """One section, and which of the `MAX_WORKERS` slots it lies in: neighbours lie in neighbouring slots."""

    line: str
    """Line."""
    section: str
    """Section."""
    slot: int
    """Slot, 0 to `MAX_WORKERS` - 1. Worker w of P takes the slots from w * MAX_WORKERS / P up to the next one's."""


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run is of."""

    site: str
    """Folder of the site, as every worker sees it, or `reference`."""
    site_id: str
    """Fingerprint of its content."""
    settings: dict[str, object]
    """Settings beyond the site's own."""
    settings_id: str
    """Id of the settings that follow."""
    versions: dict[str, str]
    """Version of each library on which bytes depend."""
    shares: tuple[Share, ...]
    """Every section once."""
    period_ns: int
    """Length of a tick."""
    durable: bool = False
    """Whether every frame is on disk before it counts: needed where a machine may lose its power."""


def plan_of(
    site: str,
    settings: Mapping[str, object] | None = None,
    *,
    versions: Mapping[str, str] | None = None,
    durable: bool = False,
) -> Plan:
    """The plan of a site: its sections in order, spread evenly; `versions` are the workers'. Raises `SiteError`."""
    loaded = load_site(site)
    given = dict(settings or {})
    resolved = settings_of(loaded, given)
    names = [(line.id, section.name) for line in loaded.lines for section in line.sections]
    return Plan(
        site=site,
        site_id=site_fingerprint(loaded),
        settings=given,
        settings_id=settings_id(resolved, loaded),
        versions=dict(versions or versions_here()),
        shares=tuple(
            Share(line, section, number * MAX_WORKERS // len(names)) for number, (line, section) in enumerate(names)
        ),
        period_ns=round(resolved.tick.period_s * 1e9),
        durable=durable,
    )


def versions_here() -> dict[str, str]:
    """Versions of what decides bytes, in this process."""
    found = {name: importlib.metadata.version(name) for name in _CHECKED if name != "linewatch"}
    return {"linewatch": __version__, **found, "machine": platform.machine()}


def write_plan(folder: Path, plan: Plan) -> Path:
    """Write the plan; a run that has begun keeps its plan. Raises `InputError` where it would be another one."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PLAN
    if path.exists() and read_plan(folder) != plan:
        raise InputError(f"{path}: found the plan of another run; allowed: the same plan, or another folder")
    written = path.with_suffix(".new")
    written.write_bytes(msgspec.json.format(msgspec.json.encode(plan)))
    written.replace(path)
    return path


def read_plan(folder: Path) -> Plan:
    """The plan of a run. Raises `InputError` where there is none or it makes no sense."""
    path = folder / PLAN
    try:
        return msgspec.json.decode(path.read_bytes(), type=Plan)
    except FileNotFoundError as error:
        raise InputError(f"{path}: found no plan; allowed: one that `linewatch cluster plan` wrote") from error
    except msgspec.DecodeError as error:
        raise InputError(
            f"{path}: found no plan ({error}); allowed: one that `linewatch cluster plan` wrote"
        ) from error


def checked_plan(folder: Path) -> tuple[Plan, Site, Settings]:
    """The plan with its site and settings, refused unless this process would give the planned bytes.

    Called by every worker before it touches any state. Raises `InputError` that tells all that does not fit.
    """
    plan = read_plan(folder)
    site = load_site(plan.site)
    settings = settings_of(site, plan.settings)
    problems = [*problems_with_versions(plan), *problems_with_shares(plan, site)]
    path = folder / PLAN
    for name, found, allowed in (
        ("site_id", site_fingerprint(site), plan.site_id),
        ("settings_id", settings_id(settings, site), plan.settings_id),
    ):
        if found != allowed:
            problems.append(f"{name}: found {found} at {plan.site}; allowed: {allowed}, as planned")
    if problems:
        raise InputError("\n".join(f"{path}: {problem}" for problem in problems))
    return plan, site, settings


def problems_with_versions(plan: Plan) -> list[str]:
    """What this process is not, of what the plan asks for."""
    here = versions_here()
    return [
        f"versions.{name}: found {here.get(name, 'none')} on this worker; allowed: {wanted}, as planned"
        for name, wanted in sorted(plan.versions.items())
        if here.get(name) != wanted
    ]


def problems_with_shares(plan: Plan, site: Site) -> list[str]:
    """Sections that nobody or more than one owns, that are not there, or whose slot is none."""
    owned = Counter((share.line, share.section) for share in plan.shares)
    there = [(line.id, section.name) for line in site.lines for section in line.sections]
    problems = [
        f"shares: found no owner of section {name} of line {line}; allowed: one"
        for line, name in there
        if (line, name) not in owned
    ]
    problems += [
        f"shares: found {count} owners of section {name} of line {line}; allowed: one"
        for (line, name), count in sorted(owned.items())
        if count > 1
    ]
    problems += [
        f"shares: found section {name} of line {line}, which the site does not have; allowed: its sections"
        for line, name in sorted(owned.keys() - set(there))
    ]
    problems += [
        f"shares: {share.line}/{share.section}: slot: found {share.slot}; allowed: 0 to {MAX_WORKERS - 1}"
        for share in plan.shares
        if not 0 <= share.slot < MAX_WORKERS
    ]
    return problems


def inputs_folder(run: Path) -> Path:
    """Where a site's inputs lie."""
    return run / "in"


def decided_folder(run: Path) -> Path:
    """Where what was decided lies."""
    return run / "out"


def hand_over_folder(run: Path, line: str, section: str) -> Path:
    """Where a section's hand-overs lie. Names are quoted, as people write anything into them."""
    return run / "hand-over" / quote(line, safe="") / quote(section, safe="")


def neighbours(sections: Sequence[str], section: str) -> tuple[str, ...]:
    """The sections before and after one, where there are any."""
    here = sections.index(section)
    return tuple(sections[max(here - 1, 0) : here]) + tuple(sections[here + 1 : here + 2])
