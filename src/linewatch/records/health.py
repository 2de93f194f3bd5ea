"""Health: what a sensor says of itself or we infer. Outage: what is therefore not, or only partly, watched."""

from typing import Literal

import msgspec

Condition = Literal[
    "heartbeat",
    "recovered",
    "silent",
    "gap",
    "not_a_number",
    "short_file",
    "wrong_shape",
    "unreadable",
    "wrong_rate",
    "clock_jump",
    "clock_skew",
    "duplicate",
    "late",
    "refused",
    "dropped",
    "unknown_sensor",
    "dead_channel",
    "stuck_channel",
    "noisy_channel",
    "raised_floor",
    "masked",
    "corrected_threshold",
    "suppressed",
    "saturated",
    "drifting",
    "common_mode",
    "fibre_cut",
    "replayed_data",
    "tamper",
    "supply",
    "temperature",
    "link_lost",
    "dazzled",
    "strobed",
    "covered",
    "defocused",
    "moved",
    "frozen",
    "fogged",
    "dark",
    "end_of_input",
]
Severity = Literal["ok", "note", "degraded", "failed"]


class Health(msgspec.Struct, frozen=True, tag="health"):
    """One finding about one sensor (or, with an empty sensor, about the system itself)."""

    line: str
    """Line the sensor stands on."""
    sensor: str
    """Sensor id, or empty."""
    time_ns: int
    """When it was found, or began."""
    condition: Condition
    """What is the matter."""
    severity: Severity
    """`failed` means that the sensor, or the channels named, do not watch."""
    text: str
    """The finding in words, with what was found and what was expected."""
    until_ns: int | None = None
    """End of the interval concerned, where it has one."""
    first_channel: int | None = None
    """First channel concerned; None means the whole sensor."""
    last_channel: int | None = None
    """Last channel concerned."""
    count: int = 1
    """How many (samples, messages, records) it speaks of."""
    ends: Condition | None = None
    """With `recovered`: the condition that is over; None for everything that concerned the sensor, or the channels."""
    remaining_fraction: float | None = None
    """Share of the detection probability that is left, 0 to 1, where it is known; None takes that of the severity."""
    bearing_deg: float | None = None
    """Where the cause lies as the sensor sees it, clockwise from north, 0 to 360: the light that blinds a camera."""
    bearing_sigma_deg: float | None = None
    """Standard deviation of `bearing_deg`."""
    supply_fraction: float | None = None
    """Charge that is left in the sensor's battery, 0 to 1, where it says so."""
    rise_db: float | None = None
    """How far the noise stands over its usual level, where that is the matter."""


class Outage(msgspec.Struct, frozen=True, tag="outage"):
    """An interval in which a stretch is not, or only partly, watched by some sensors, and why."""

    id: str
    """Stays the same from opening to end."""
    line: str
    """Line concerned."""
    sensors: tuple[str, ...]
    """Sensors concerned, sorted."""
    cause: str
    """The condition at the root, or the cabinet, feed or switch they share."""
    from_m: float
    """Start of the stretch."""
    to_m: float
    """End of the stretch."""
    start_ns: int
    """Since when it is not watched: the last proof of life, not the moment we noticed."""
    noticed_ns: int
    """Tick at which it was noticed."""
    end_ns: int | None
    """When watching resumed; None while it lasts."""
    remaining_fraction: float
    """Share of the detection probability that is left, 0 (blind) to 1."""
    reason: str
    """In words."""
    first_channel: int | None = None
    """First channel concerned; None means whole sensors."""
    last_channel: int | None = None
    """Last channel concerned."""
    chainage_m: float | None = None
    """Where its cause lies along the line, where that could be told: a cut, the light that blinds cameras."""
    chainage_sigma_m: float | None = None
    """Standard deviation of `chainage_m`."""
    offset_m: float | None = None
    """Where its cause lies, as a distance from the line, positive on the approach side."""
    rise_db: float | None = None
    """How far the noise stands over its usual level, where that is all: coverage then goes by this, and not by the
    share that is left, which is what the tracker goes by."""
