"""What stands beside the four levels: time, weather, own people, clips, walk tests and the truth of a simulation."""

from typing import Literal

import msgspec

from linewatch.records.vocabulary import Act, Concern, Gait, Mover


class Tick(msgspec.Struct, frozen=True, tag="tick"):
    """Time as an input. Tick k stands for all data with time in [time - period, time)."""

    index: int
    """time_ns // period_ns: ticks stand on an absolute grid, so that replays meet the same ones."""
    time_ns: int
    """UTC time of the tick."""
    watermark_ns: int
    """No fast source delivers anything older than this any more."""
    period_ns: int
    """Time since the tick before."""


class KnownMover(msgspec.Struct, frozen=True, tag="known_mover"):
    """Position report of a patrol or work party: annotates, never hides."""

    id: str
    """Call sign or work order, never a person's name."""
    line: str
    """Line it is near."""
    time_ns: int
    """When the position held."""
    chainage_m: float
    """Where along the line."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`."""
    offset_m: float | None = None
    """Distance from the line."""
    count: int = 1
    """How many people or vehicles it stands for: the cap on what it may explain."""
    authenticated: bool = False
    """Whether the source proved who it is."""


class Emergency(msgspec.Struct, frozen=True, tag="emergency"):
    """A cry for help that own people sent by their own device. It opens a case of distress; only people end that."""

    id: str
    """Call sign or device that cries; never a person's name."""
    line: str
    """Line it is near."""
    time_ns: int
    """When it was said."""
    chainage_m: float
    """Nearest point of the line."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`."""
    offset_m: float | None = None
    """Distance from the line."""
    what: str = ""
    """Kind of emergency, in the words of the sender's system."""
    where: str = ""
    """The place as the sender gave it, where that is no chainage."""
    over: bool = False
    """Whether the sender takes it back."""
    authenticated: bool = False
    """Whether the source proved who it is."""


class KnownActivity(msgspec.Struct, frozen=True, tag="known_activity"):
    """What is planned on a stretch: work, a patrol, a corridor of wildlife. It explains; it never hides."""

    id: str
    """Number of the order, name of the plan; never a person's name."""
    what: Literal["work", "patrol", "wildlife"]
    """Decides which movers it may explain."""
    line: str
    """Line concerned."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    start_ns: int
    """From when."""
    end_ns: int
    """Until when; at or before `start_ns` it is called off."""
    time_ns: int
    """When this was said."""
    count: int = 1
    """How many movers it stands for at once: the cap on what it may explain."""
    authenticated: bool = False
    """Whether the source proved who it is."""


class Attention(msgspec.Struct, frozen=True, tag="attention"):
    """How much attention the sections of a seat get from the next tick on: incident thresholds, nothing else."""

    seat: str
    """Seat concerned."""
    time_ns: int
    """Tick at which it was decided."""
    flood: bool
    """Whether the seat is in a flood."""
    interruptions: int
    """Interruptions within the last ten minutes, those of quiet sections included."""
    quiet_interruptions: int
    """Those of quiet sections among them."""
    loud: tuple[str, ...] = ()
    """Sections, as line/section, whose less urgent incidents are grouped from now on, in order of line and place."""
    threshold: int = 4
    """Least urgent priority that still interrupts from a loud section; 4 is all that ever interrupt."""
    reason: str = ""
    """In words."""


class Weather(msgspec.Struct, frozen=True, tag="weather"):
    """Weather on a stretch."""

    line: str
    """Line concerned."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    time_ns: int
    """When it was so."""
    temperature_c: float | None = None
    """Air temperature in degrees Celsius."""
    wind_mps: float | None = None
    """Mean wind speed."""
    gust_mps: float | None = None
    """Gust speed."""
    rain_mm_per_h: float | None = None
    """Rain intensity."""
    visibility_m: float | None = None
    """Meteorological visibility."""
    wet: bool = False
    """Whether people standing there get wet."""


class ClipRequest(msgspec.Struct, frozen=True, tag="clip_request"):
    """A wish for evidence: raw samples or pictures around an incident."""

    id: str
    """Names the request."""
    incident: str
    """Incident it belongs to."""
    sensor: str
    """Sensor asked."""
    from_ns: int
    """Start of the interval, settling time included."""
    to_ns: int
    """End of the interval."""
    first_channel: int = 0
    """First channel wanted, where not all are."""
    n_channels: int = 0
    """How many channels are wanted; 0 for all."""


class Clip(msgspec.Struct, frozen=True, tag="clip"):
    """The answer to a request: a file with its hash, or a refusal with its reason."""

    request: str
    """Request it answers."""
    sensor: str
    """Sensor it is from."""
    file: str
    """Name inside the store; empty where refused."""
    sha256: str
    """Hash of the file; empty where refused."""
    refusal: str = ""
    """Why there is no file."""


class WalkTest(msgspec.Struct, frozen=True, tag="walk_test"):
    """Somebody crossed on purpose, so that detection is measured and not assumed."""

    line: str
    """Line tested."""
    from_m: float
    """Start of the stretch tested."""
    to_m: float
    """End of the stretch tested."""
    start_ns: int
    """Start of the test."""
    end_ns: int
    """End of the test."""
    mover: Mover
    """What moved."""
    passes: int
    """How often."""
    found: int
    """How many of the passes were found."""
    gait: Gait | None = None
    """How it moved."""
    role: str = ""
    """Role of whoever walked: never a name."""
    how: str = ""
    """How it was walked, in words."""


class Truth(msgspec.Struct, frozen=True, tag="truth"):
    """What really happened: one line of `truth.jsonl`."""

    event: str
    """Names the event."""
    mover: Mover | None
    """What moved; None where nothing moves (laser, cable cut)."""
    act: Act
    """What it did to the barrier."""
    count: int
    """The largest number of movers at once."""
    start_ns: int
    """When it began."""
    detectable_ns: int | None
    """When a stated signal-to-noise rule, which knows no detector, says that it could be sensed; None for never."""
    end_ns: int
    """When it ended."""
    path: tuple[tuple[int, float, float, float, float, int], ...]
    """Points of time_ns, chainage_m, offset_m, from_m, to_m, count."""
    line: str
    """Line it happened on."""
    known: bool = False
    """Whether it is a patrol or work party."""
    gait: Gait | None = None
    """How it moved."""
    concern: Concern = "none"
    """`distress` for a person in distress, `blinded` for a laser, `outage` for a cut."""


class SourcePosition(msgspec.Struct, frozen=True, tag="source_position"):
    """How far a source was read when a tick was committed."""

    source: str
    """Name of the source."""
    position: str
    """The source's own resume point."""


ArrivalLane = Literal["fast", "late"]
