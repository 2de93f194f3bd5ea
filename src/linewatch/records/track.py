"""TRACK: a mover or a group followed along the line."""

from typing import Literal

import msgspec

from linewatch.records.vocabulary import Gait, Intent

TrackState = Literal["tentative", "confirmed", "coasting", "ended"]


class Track(msgspec.Struct, frozen=True, tag="track"):
    """What is known of one mover or group at one moment."""

    id: str
    """Stays the same from the first detection to the end, across sections."""
    line: str
    """Line it moves along."""
    section: str
    """Section that owns it now."""
    time_ns: int
    """UTC time the state holds for."""
    first_ns: int
    """Time of its first detection."""
    last_ns: int
    """Time of its last detection."""
    state: TrackState
    """Where in its life it is."""
    existence_probability: float
    """Probability that there is a mover at all."""
    chainage_m: float
    """Where along the line."""
    chainage_sigma_m: float
    """Standard deviation of `chainage_m`."""
    velocity_mps: float
    """Speed along the line, positive towards higher chainage."""
    velocity_sigma_mps: float
    """Standard deviation of `velocity_mps`."""
    covariance_m2ps: float
    """Covariance of chainage and velocity."""
    from_m: float
    """Start of the stretch it takes up (the front or rear of a group)."""
    to_m: float
    """End of the stretch it takes up."""
    strength_db: float
    """Strongest signal over the noise floor so far."""
    mover_probabilities: tuple[float, ...]
    """Probabilities in the order of `MOVERS`."""
    act_probabilities: tuple[float, ...]
    """Probabilities in the order of `ACTS`."""
    sensors: tuple[str, ...]
    """Sensors that have seen it, sorted."""
    first_detection: str
    """Key of the first detection that supports it."""
    detections: int
    """Detections it rests on."""
    count_low: int = 1
    """Lower end of the 90 % interval of how many there are."""
    count_high: int = 1
    """Upper end of that interval."""
    offset_m: float | None = None
    """Distance from the line, where any sensor could see it."""
    offset_sigma_m: float | None = None
    """Standard deviation of `offset_m`."""
    offset_velocity_mps: float | None = None
    """Speed across the line, positive outward."""
    intent: Intent = "unknown"
    """What it seems to be doing, by plain rules."""
    intent_reason: str = ""
    """The rule that said so, in words."""
    gait: Gait | None = None
    """How it moves, where known."""
    known: str | None = None
    """Id of the known mover it is matched with."""
    parents: tuple[str, ...] = ()
    """Tracks it came out of by a split, or that were merged into it."""
    ended_reason: str = ""
    """Why it ended, in words."""
    late: bool = False
    """Whether it rests on detections that came too late to be put in order."""


class HandOver(msgspec.Struct, frozen=True, tag="hand_over"):
    """A track passed from one section to the next; emitted at one tick, used at the next."""

    line: str
    """Line it moves along."""
    from_section: str
    """Section that gave it up."""
    to_section: str
    """Section that owns it from the next tick on."""
    tick: int
    """Index of the tick at which it was given."""
    track: Track
    """Its state at that tick."""
    state: bytes = b""
    """Whatever else the tracker needs to go on exactly (its own encoding)."""
