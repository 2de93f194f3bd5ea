"""What a scene is, once it has been read: who moves where and when, the weather, and what goes wrong."""

from typing import Literal

import msgspec

from linewatch.records.vocabulary import Act, Concern, Gait, Mover, SensorKind

Verb = Literal[
    "approach",
    "along",
    "cross",
    "return",
    "stop",
    "lie",
    "wander",
    "grow",
    "climb",
    "cut",
    "saw",
    "drill",
    "shake",
    "knock",
    "dig",
]
ACT_VERBS: tuple[Act, ...] = ("climb", "cut", "saw", "drill", "shake", "knock", "dig")
FaultKind = Literal["dead", "noisy", "dazzle", "cut", "skew", "loss", "late"]
NS_PER_S = 1_000_000_000


class Deed(msgspec.Struct, frozen=True):
    """One phrase of what a mover does."""

    verb: Verb
    """What it does."""
    from_m: float | None = None
    """Offset at which it begins, where the phrase says so."""
    to_m: float | None = None
    """Offset at which it ends, or the length of the way along the line."""
    duration_s: float | None = None
    """How long it takes, for what has no way of its own."""
    count: int | None = None
    """Number of movers at its end, for `grow`."""
    gait: Gait | None = None
    """How it moves from here on."""


class Event(msgspec.Struct, frozen=True):
    """One mover or group, or many alike drawn from stated ranges."""

    name: str
    """Names it in the truth; instances beyond the first get a number."""
    mover: Mover
    """What moves."""
    line: str
    """Line it moves at."""
    at_s: tuple[float, float]
    """Earliest and latest beginning, seconds from the start of the scene."""
    stretch_m: tuple[float, float]
    """Lowest and highest chainage at which it begins."""
    deeds: tuple[Deed, ...]
    """What it does, in order."""
    count: tuple[int, int] = (1, 1)
    """Fewest and most movers at the beginning."""
    times: int = 1
    """How many of the kind."""
    offset_m: float = 60.0
    """Offset at which it begins, where no deed says so."""
    gait: Gait = "walk"
    """How it moves at first."""
    speed_mps: float | None = None
    """Speed while moving; None takes the usual one of mover and gait."""
    spread_m: float | None = None
    """Length of line that all of them take up; None takes the usual one of their number."""
    concern: Concern = "none"
    """`distress` for people in need."""
    known: str | None = None
    """Call sign of a patrol or work party that reports its position."""


class Spell(msgspec.Struct, frozen=True):
    """Weather on a stretch for a while; a later spell goes before an earlier one."""

    from_s: float
    """Begin, seconds from the start of the scene."""
    to_s: float
    """End."""
    stretch_m: tuple[float, float]
    """Stretch it lies on."""
    temperature_c: float = 8.0
    """Air temperature."""
    wind_mps: float = 2.0
    """Mean wind speed."""
    gust_mps: float = 3.0
    """Gust speed, at least the mean."""
    rain_mm_per_h: float = 0.0
    """Rain intensity."""
    visibility_m: float = 20_000.0
    """Meteorological visibility."""
    wet: bool = False
    """Whether people get wet."""


class Fault(msgspec.Struct, frozen=True):
    """Something that goes wrong with sensors."""

    name: str
    """Names it in the truth and in reports."""
    kind: FaultKind
    """What goes wrong."""
    line: str
    """Line concerned."""
    from_s: float
    """Begin, seconds from the start of the scene."""
    to_s: float
    """End."""
    stretch_m: tuple[float, float]
    """Stretch concerned; a cut lies at its beginning."""
    sensors: tuple[str, ...]
    """Sensors concerned, sorted."""
    amount: float = 0.0
    """Seconds of skew or lateness, share of loss (0 to 1), or detections a second of a noisy sensor."""


class Load(msgspec.Struct, frozen=True):
    """Detections that have no mover behind them: background all along, or a burst on a stretch."""

    from_s: float
    """Begin, seconds from the start of the scene."""
    to_s: float
    """End."""
    stretch_m: tuple[float, float]
    """Stretch they fall on."""
    detections_per_s: float
    """How many."""
    kinds: tuple[SensorKind, ...] = ()
    """Kinds of sensor that give them; empty for the usual mix."""


class Scene(msgspec.Struct, frozen=True):
    """A scene, read and checked against its site."""

    name: str
    """Name of the file without its ending."""
    text: str
    """What happens, in a sentence or two."""
    start_ns: int
    """UTC time at which it begins."""
    duration_s: float
    """How long it lasts."""
    line: str
    """Line it plays at, where nothing else is said."""
    events: tuple[Event, ...] = ()
    """Who moves."""
    weather: tuple[Spell, ...] = ()
    """Weather, later entries before earlier ones."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong."""
    loads: tuple[Load, ...] = ()
    """Detections without a mover."""
    natural: bool = True
    """Whether sensors give the false alarms that their kind and the weather bring."""

    @property
    def end_ns(self) -> int:
        """UTC time at which it ends."""
        return self.start_ns + round(self.duration_s * NS_PER_S)
