"""What people have muted, and what is to be repaired, as JSON."""

from typing import Literal

import msgspec


class MuteShape(msgspec.Struct, frozen=True):
    """A sensor, or a stretch of its channels, that somebody has muted for a while."""

    sensor: str
    line: str
    from_m: float
    to_m: float
    first_channel: int | None
    last_channel: int | None
    why: str
    since_ms: int
    until_ms: int
    mask: bool
    """Whether it is for days: a mask."""


class CorrectionShape(msgspec.Struct, frozen=True):
    """A threshold that somebody has corrected, until it is taken back: above 0 dB it hears less."""

    sensor: str
    line: str
    from_m: float
    to_m: float
    first_channel: int | None
    last_channel: int | None
    correction_db: float
    why: str
    since_ms: int


class RepairShape(msgspec.Struct, frozen=True):
    """Something to repair: what it has cost so far, who does it, and by when."""

    outage: str
    sensors: tuple[str, ...]
    cause: str
    why: str
    line: str
    from_m: float
    to_m: float
    place: str
    since_ms: int
    lost_metre_hours: float
    owner: str
    due_ms: int | None
    overdue: bool
    waits_for_retest: bool


class MarkShape(msgspec.Struct, frozen=True):
    """A detection of the sensor."""

    time_ms: int
    chainage_m: float
    from_m: float
    to_m: float
    strength_db: float
    probability: float


class LifeShape(msgspec.Struct, frozen=True):
    """A sign of life, or what was found of the sensor."""

    time_ms: int
    what: str
    text: str


class ScopeFrame(msgspec.Struct, frozen=True):
    """One frame of a channel, levels in dB over one squared sample unit; null for what there is not."""

    time_ms: int
    level_db: float | None
    floor_db: float | None
    threshold_db: float | None
    suppressed: bool


class ScopeMatter(msgspec.Struct, frozen=True):
    """Something that takes from a channel now."""

    cause: str
    why: str
    since_ms: int
    left: float


class ScopeShape(msgspec.Struct, frozen=True):
    """One channel while it is watched.

    `basis` says what levels there are: `frames` of the detector, with floor and threshold; `samples`, their level
    alone; or `none`, where only detections and signs of life are known.
    """

    sensor: str
    kind: str
    line: str
    channel: int
    channels: int
    from_m: float
    to_m: float
    now_ms: int
    last_heard_ms: int | None
    basis: Literal["frames", "samples", "none"]
    why: str
    frames: list[ScopeFrame]
    detections: list[MarkShape]
    life: list[LifeShape]
    cursor: int
    matters: list[ScopeMatter]
    correction_db: float
