"""What answers are made of: the site, the live picture, and what `app` has put behind the ports."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from starlette.types import ASGIApp

from linewatch.clock import Clock
from linewatch.comparison_ports import Comparisons
from linewatch.console.access import Throttle
from linewatch.console.cluster_shapes import ClusterShape
from linewatch.console.health_shapes import RepairShape
from linewatch.console.live import Live
from linewatch.console.looked import Looked
from linewatch.console.settings import ConsoleSettings
from linewatch.console.watching import Watching
from linewatch.console_ports import Acts, Audit, EvidenceRing, History, IncidentDesk, Levels, Reports, SiteFiles, Users
from linewatch.records import Health, OperatorAct, Outage
from linewatch.site.model import Site

Repairs = Callable[[Sequence[Outage], Sequence[Health], Sequence[OperatorAct], int], list[RepairShape]]
"""From open outages, last findings, acts that name an owner, and a time, to the list of repairs."""

Cluster = Callable[[], ClusterShape | None]
"""How the run is that decides this store, as far as is known now; None for a store that no cluster decides."""


class Needs(NamedTuple):
    """What the console is given from outside."""

    site: Site
    """The site, as it is described now."""
    open_history: Callable[[], History]
    """Opens the record to read. Raises `StoreError`."""
    users: Users
    """Who may come in."""
    acts: Acts
    """Takes people's moves to the watch."""
    audit: Audit
    """Takes what is to be audited to the watch."""
    desk: IncidentDesk
    """Which moves are allowed."""
    clock: Clock
    """The clock."""
    evidence: EvidenceRing | None = None
    """What was kept of samples and pictures; None where nothing is kept."""
    reports: Reports | None = None
    """Counts and rates; None where they are not built in."""
    features: ASGIApp | None = None
    """OGC API Features for GIS users, mounted behind the same door; None where they are not built in."""
    acknowledge: ASGIApp | None = None
    """Takes the links of rescue messages, mounted under `/ack` before the door: the link is the key."""
    repairs: Repairs | None = None
    """What is to be repaired, what costs most first; None where nobody lists it."""
    levels: Levels | None = None
    """Looks at single channels while the watch works; None where there is no way to it."""
    comparisons: Comparisons | None = None
    """Tries other settings on a past period; None where they are not built in."""
    site_files: SiteFiles | None = None
    """The files of the site, which people may change; None where there is no way to them."""
    grid: Callable[[float, float], str] | None = None
    """Longitude and latitude to a grid reference (MGRS), as rescuers are told; None where nobody makes one."""

    cluster: Cluster | None = None
    """How the cluster is that decides this store; None where nobody can tell."""


class Services(NamedTuple):
    """The same with what the console makes of it."""

    settings: ConsoleSettings
    """Where it listens."""
    site: Site
    """As in `Needs`."""
    open_history: Callable[[], History]
    """As in `Needs`."""
    users: Users
    """As in `Needs`."""
    acts: Acts
    """As in `Needs`."""
    audit: Audit
    """As in `Needs`."""
    desk: IncidentDesk
    """As in `Needs`."""
    clock: Clock
    """As in `Needs`."""
    evidence: EvidenceRing | None
    """As in `Needs`."""
    reports: Reports | None
    """As in `Needs`."""
    features: ASGIApp | None
    """As in `Needs`."""
    acknowledge: ASGIApp | None
    """As in `Needs`."""
    repairs: Repairs | None
    """As in `Needs`."""
    levels: Levels | None
    """As in `Needs`."""
    comparisons: Comparisons | None
    """As in `Needs`."""
    site_files: SiteFiles | None
    """As in `Needs`."""
    grid: Callable[[float, float], str] | None
    """As in `Needs`."""
    cluster: Cluster | None
    """As in `Needs`."""
    live: Live
    """What is going on now."""
    watching: Watching
    """Which metres are watched now."""
    throttle: Throttle
    """Who has guessed too often."""
    looked: Looked
    """Who has seen what of late."""


def services_of(needs: Needs, settings: ConsoleSettings) -> Services:
    """Put together what endpoints need."""
    live = Live(needs.site, needs.open_history, needs.audit, needs.clock, needs.cluster)
    return Services(settings, *needs, live, Watching(needs.site, live), Throttle(), Looked())
