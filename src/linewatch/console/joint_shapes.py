"""What a console of several sites says of them all."""

import msgspec

from linewatch.console.shapes import StateShape


class WaitingShape(msgspec.Struct, frozen=True):
    """What waits for somebody at a site: incidents with a row of their own that nobody has looked at."""

    count: int
    """How many."""
    priority: int | None
    """The highest priority among them; null where none waits."""
    first: str
    """The incident of that priority that has waited longest; empty where none waits."""


class SharedSite(msgspec.Struct, frozen=True):
    """One site of this console. What it knows is told to those who have signed in there."""

    key: str
    """Names it in paths: `s/KEY/`; empty for a site that is not served."""
    name: str
    timezone: str
    lines: list[str]
    signed_in: bool
    person: str
    role: str
    seat: str
    csrf: str
    """What a request that changes something at this site must repeat."""
    must_change_password: bool
    state: StateShape | None
    """As `/api/state` of the site; null for those who have not signed in there."""
    waiting: WaitingShape | None
    """Likewise."""
    why: str
    """Why the site is not served; empty where it is."""


class AllSites(msgspec.Struct, frozen=True):
    """All sites of this console, in the order in which they were named."""

    locale: str
    sites: list[SharedSite]
