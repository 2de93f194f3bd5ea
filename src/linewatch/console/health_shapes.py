"""What people have muted, and what is to be repaired, as JSON."""

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
