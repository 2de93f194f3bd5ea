"""What the incident step remembers from one tick to the next."""

import msgspec

from linewatch.incident.party import Part
from linewatch.incident.welfare import Vigil
from linewatch.records import Attention, Incident, KnownActivity, KnownMover, OperatorAct, Outage, Weather


class Wait(msgspec.Struct, frozen=True):
    """An incident with which somebody should do something."""

    since_ns: int
    """Since when."""
    times: int = 0
    """How often it was passed on since then."""


class Undo(msgspec.Struct, frozen=True):
    """The last move that a person made with an incident."""

    before: Incident
    """The incident before it."""
    act: OperatorAct
    """The move."""
    time_ns: int
    """Tick at which it was made."""
    wait: Wait | None
    """What it waited for before."""


class Closed(msgspec.Struct, frozen=True):
    """An incident that was closed, with what is needed to open it again where that was a mistake."""

    incident: Incident
    """Its last version."""
    parts: dict[str, Part]
    """Live tracks that it had."""
    fed_ns: int | None
    """When a track last fed it."""
    vigil: Vigil | None
    """What was remembered of its people."""


class Explained(msgspec.Struct, frozen=True):
    """A track that own people or something planned explain."""

    by: str
    """The known mover or known activity."""
    count: int
    """How many of those it stands for this one takes."""


class Seat(msgspec.Struct, frozen=True):
    """A seat, from the first time that somebody took it on."""

    taken: bool
    """Whether somebody sits there."""
    since_ns: int
    """Since when that is so."""
    heard_ns: int
    """When a page with sound on and in sight last gave a sign of life."""
    sections: tuple[str, ...] = ()
    """Sections, as line/section, that were given to it at the seat; empty for those of the settings."""
    successor: str = ""
    """Seat that looks after its sections until it is taken again."""
    missed: str = ""
    """What is the matter, in words; empty while it is attended."""


class Cry(msgspec.Struct, frozen=True):
    """A cry for help that a device has sent."""

    incident: str
    """The incident that it opened."""
    heard_ns: int
    """When it was last heard."""
    over: bool
    """Whether it was taken back."""
    authenticated: bool
    """Whether who cried had proved who it is."""
    hushed_ns: int | None = None
    """Since when it goes on though people have closed the incident."""


class IncidentStepState(msgspec.Struct):
    """Incidents that are not closed, and what they hang on.

    Every table is kept, and gone through, in the order in which things came: ids hold times, so an order by id would
    change when all times are moved.
    """

    incidents: dict[str, Incident] = {}
    """Open incidents by id."""
    by_track: dict[str, str] = {}
    """Incident by track id."""
    fed_ns: dict[str, int] = {}
    """When a track last fed an incident, by incident."""
    parts: dict[str, dict[str, Part]] = {}
    """Stretch and size of each live track of every incident."""
    outages: dict[str, Outage] = {}
    """Outages that are open, by id."""
    by_outage: dict[str, str] = {}
    """Incident by outage id."""
    vigils: dict[str, Vigil] = {}
    """What is remembered of the people of each incident that a track raised."""
    weather: dict[str, Weather] = {}
    """Latest weather by line and stretch."""
    trusted: dict[str, KnownMover] = {}
    """The last report of each known mover that has proved who it is, by its id."""
    proven: dict[str, KnownMover] = {}
    """The last proved place of each, kept though somebody without proof speaks under its name."""
    activities: dict[str, KnownActivity] = {}
    """What is planned and not over, by its id."""
    explained: dict[str, Explained] = {}
    """What explains a track, by track id."""
    waiting: dict[str, Wait] = {}
    """Incidents that wait for somebody to do something."""
    worsened_ns: dict[str, int] = {}
    """When an incident last became more urgent."""
    undo: dict[str, Undo] = {}
    """The last move with each incident, as long as it may be taken back."""
    closed: dict[str, Closed] = {}
    """Incidents closed of late, which may still be amended."""
    seats: dict[str, Seat] = {}
    """Seats that were taken once, by name."""
    seat_incidents: dict[str, str] = {}
    """The incident that stands for an unattended seat, by seat."""
    calls_ns: dict[str, tuple[int, ...]] = {}
    """Times of the interruptions of the last ten minutes, by line/section."""
    attention: dict[str, Attention] = {}
    """Attention that each seat pays, as decided at the tick before."""
    cries: dict[str, Cry] = {}
    """Cries for help of own people, by who cries."""


def copied(state: IncidentStepState) -> IncidentStepState:
    """The same with tables of its own: a step does not change the state that it is given."""
    return IncidentStepState(**{name: dict(getattr(state, name)) for name in IncidentStepState.__struct_fields__})


def forget(state: IncidentStepState, key: str) -> None:
    """Drop an incident and all that hangs on it, except which tracks and outages were its own."""
    for name in ("incidents", "fed_ns", "parts", "vigils", "waiting", "worsened_ns"):
        getattr(state, name).pop(key, None)
