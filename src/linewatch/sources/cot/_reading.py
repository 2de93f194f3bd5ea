"""From an event to a position of own people or a cry for help, and to who may say so.

Types as ATAK uses them: `a-f-...` a friendly, wherever; `b-a-o-tbl` (911), `b-a-o-pan` (ring the bell), `b-a-o-opn` (in
contact), `b-a-o-c` (custom) an emergency, `b-a-o-can` its end. The uid of an emergency is that of its device with
`-9-1-1` behind it, or the device stands beside it in a link `p-p`.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import msgspec

from linewatch.ports import Item
from linewatch.protocols.cot import PING, PONG, UNKNOWN_M, CotEvent
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.arrivals import event_time_ns
from linewatch.sources.own_people import emergency_at, known_mover_at

OWN: Final = "linewatch."
"""Begins the uid of what a Linewatch tells: it comes back from servers, and is no news."""
SIGMA_M: Final = 15.0
"""Of a position that does not say how exact it is (*assumed*: a telephone under trees)."""
OLD_CRY_S: Final = 3600.0
"""An emergency that was to be dropped so long ago is a server's memory ..."""
_SET_NS: Final = 946_684_800_000_000_000
"""... unless the clock of the device was never set: it is before the year 2000 there."""
_NS_PER_S: Final = 1_000_000_000
Sort = Literal["position", "emergency", "nothing"]


class Device(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One `[[source.device]]`."""

    uid: str
    """Uid of the device, as its TAK program says it."""
    mover: str
    """Call sign under which it is known here; never a person's name."""
    count: int = 1
    """How many people or vehicles it stands for: the cap on what it may explain."""
    certificate: str = ""
    """SHA-256 of its certificate: then only who holds that speaks for it, and counts as proved."""


class Became(NamedTuple):
    """What became of one event."""

    items: tuple[Item, ...] = ()
    """What it says."""
    trouble: tuple[Condition, str] | None = None
    """What is wrong with it."""
    unknown: str = ""
    """A device that is not of this site."""
    why_not: str = ""
    """Why it became nothing."""


class Reader:
    """Reads the events of one source. Remembers where each device was last."""

    def __init__(self, site: Site, devices: Mapping[str, Device], oldest_s: float, *, vouched: bool = False) -> None:
        """`vouched`: what comes over the link is proved by who sends it on."""
        self._site = site
        self._devices = devices
        self._oldest_s = oldest_s
        self._vouched = vouched
        self._last: dict[str, tuple[float, float]] = {}
        self._away: set[str] = set()

    def read(self, event: CotEvent, received_ns: int, certificate: str = "") -> Became:
        """What an event becomes that came over a link with this certificate (its SHA-256; empty for none)."""
        sort = sort_of(event)
        if sort == "nothing" or event.uid.startswith(OWN):
            return Became(why_not="not about own people" if sort == "nothing" else "what Linewatch itself has told")
        owner = event.uid if sort == "position" else event.parent or event.uid.removesuffix("-9-1-1")
        device = self._devices.get(owner)
        proved = device is not None and (self._vouched or (device.certificate or "-") == certificate)
        if sort == "emergency":
            return self._emergency(event, owner, device, received_ns, proved=proved)
        if device is None:
            return Became(unknown=f"device {owner[:60]}", why_not="a device that is not of this site")
        if device.certificate and not proved:
            text = f"somebody speaks for {device.mover} without its certificate"
            return Became(trouble=("refused", text), why_not=text)
        return self._position(event, device, received_ns, proved=proved)

    def _position(self, event: CotEvent, device: Device, received_ns: int, *, proved: bool) -> Became:
        time_ns, wrong = event_time_ns(event.time_ns, received_ns, self._oldest_s)
        if time_ns < 0:
            return Became(trouble=("clock_skew", f"a position of {device.mover} {wrong}"), why_not=wrong)
        place = _place(event)
        if place is None:
            return Became(why_not="no position fix")
        self._last[device.uid] = place
        found = known_mover_at(
            self._site,
            device.mover,
            place,
            _sigma_m(event),
            time_ns,
            count=device.count,
            authenticated=proved,
        )
        trouble: tuple[Condition, str] | None = None
        if wrong:
            trouble = ("clock_skew", f"a position of {device.mover} {wrong}")
        if found is not None:
            self._away.discard(device.uid)
            return Became((found,), trouble)
        if device.uid not in self._away:  # said when it leaves, not all the time that it is away
            self._away.add(device.uid)
            trouble = ("refused", f"{device.mover} is far from every line: where, is not kept")
        return Became(trouble=trouble, why_not="far from every line")

    def _emergency(
        self, event: CotEvent, owner: str, device: Device | None, received_ns: int, *, proved: bool
    ) -> Became:
        old = received_ns - event.stale_ns > OLD_CRY_S * _NS_PER_S
        if old and event.time_ns > _SET_NS:
            text = "an emergency that was to be dropped more than an hour before it came"
            return Became(trouble=("refused", text), why_not=text)
        time_ns, wrong = event_time_ns(event.time_ns, received_ns, self._oldest_s)
        over = event.type == "b-a-o-can" or event.emergency == "cancel"
        said = emergency_at(
            self._site,
            _plain(owner) if device is None else device.mover,
            _place(event) or self._last.get(owner),
            _sigma_m(event),
            received_ns if time_ns < 0 else time_ns,
            what=_plain(event.emergency if event.emergency not in ("", "cancel") else event.type),
            over=over,
            authenticated=proved,
        )
        trouble: tuple[Condition, str] | None = ("clock_skew", f"an emergency {wrong}") if wrong else None
        return Became((said,), trouble, "" if device is not None else f"device {_plain(owner)}")


def sort_of(event: CotEvent) -> Sort:
    """What an event is about, for us."""
    if event.type in (PING, PONG):
        return "nothing"
    if event.type.startswith("b-a-o") or event.emergency:
        return "emergency"
    return "position" if event.type.startswith("a-f-") else "nothing"


def _place(event: CotEvent) -> tuple[float, float] | None:
    """Longitude and latitude; None for the zero that stands for no fix."""
    return None if event.lon == event.lat == 0.0 else (event.lon, event.lat)


def _sigma_m(event: CotEvent) -> float:
    return event.ce_m if 0.0 < event.ce_m < UNKNOWN_M else SIGMA_M


def _plain(text: str) -> str:
    """What may stand in a record, of what a stranger wrote."""
    return "".join(char for char in text if char.isprintable())[:60] or "a device"
