"""The shapes through which notifiers are met: what they are given to deliver, and how they say that it arrived.

News is delivered at least once and in order to each notifier. What stands now (open incidents, outages, tracks) is
shown to those that ask for it now and then, as a picture that the next one replaces.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

import msgspec

from linewatch.plugins import Card
from linewatch.records import Incident, Outage, Track, Weather
from linewatch.site.model import Site

Told = Incident | Outage
CallWhat = Literal["called", "failed", "acknowledged", "nobody"]


class News(msgspec.Struct, frozen=True):
    """One change to tell."""

    seq: int
    """Position in the record chain: the same change has the same one whenever it is told."""
    record: Told
    """What holds now."""
    before: Told | None = None
    """The version before, None where this is the first."""


class Call(msgspec.Struct, frozen=True):
    """One step of calling people for a rescue, as the audit chain keeps it."""

    what: CallWhat
    """A message was taken for delivery; it could not be; somebody confirmed; nobody is left to call."""
    incident: str
    """Incident concerned."""
    role: str
    """Whom: a role such as "rescue duty desk", never a name."""
    wall_ns: int
    """When."""


class Situation(msgspec.Struct, frozen=True):
    """What stands now."""

    now_ns: int
    """Wall time."""
    incidents: tuple[Incident, ...] = ()
    """Incidents that are not closed, by id."""
    outages: tuple[Outage, ...] = ()
    """Outages that last, by id."""
    tracks: tuple[Track, ...] = ()
    """Last state of each track that has not ended, by id."""
    weather: tuple[Weather, ...] = ()
    """Last report of each stretch."""
    calls: tuple[Call, ...] = ()
    """Calls for rescue so far, oldest first."""


class Receipts(Protocol):
    """How a notifier says what became of the news that it was given. In order, each once."""

    def delivered(self, seq: int) -> None:
        """The other side has it: it is not told again."""
        ...

    def refused(self, seq: int, why: str) -> None:
        """The other side will never take it. It is passed over, counted and written into the audit chain."""
        ...

    def note(self, call: Call) -> None:
        """A step of calling people, for the audit chain."""
        ...


class Notifier(Protocol):
    """Something that tells the outside. Used by one task at a time; it may be closed and used again."""

    @property
    def name(self) -> str:
        """Its channel: unique within a site, and the name under which the store keeps how far it has come."""
        ...

    @property
    def from_start(self) -> bool:
        """Whether a new channel begins with the oldest news; else with the incidents that are open."""
        ...

    @property
    def refresh_s(self) -> float:
        """Seconds between two calls of `refresh`; 0 for never."""
        ...

    def cares(self, record: Told) -> bool:
        """Whether it wants to be told of this."""
        ...

    async def deliver(self, news: Sequence[News], receipts: Receipts) -> None:
        """Deliver in order, and say so for each as soon as it has arrived.

        Raises `DeliveryError` or `OSError` where the other side cannot be reached: what has no receipt is told again.
        """
        ...

    async def refresh(self, situation: Situation, receipts: Receipts) -> None:
        """Show what stands now. Raises as `deliver` does; a picture that was not shown is not made up for."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class NotifierPlugin(Protocol):
    """What an entry point of the group `linewatch.notifiers` names: a module or an object with these three things."""

    @property
    def card(self) -> Card:
        """What it says of itself."""
        ...

    @property
    def settings_type(self) -> type[msgspec.Struct]:
        """Type of its settings: the keys beside `plugin` in a `[[notify]]` table, secrets resolved."""
        ...

    def build(self, site: Site, settings: Any, folder: Path) -> Notifier:
        """The notifier, not yet connected. Relative paths in `settings` start from `folder`.

        Raises `InputError` on settings that this site or this machine cannot fulfil.
        """
        ...
