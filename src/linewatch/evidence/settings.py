"""What is kept of raw samples and pictures, and how much of it becomes the evidence of an incident."""

import msgspec


class EvidenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ring and clips."""

    keep_s: float = 300.0
    """How long the ring keeps what a sensor gave."""
    sensor_mb: float = 2_048.0
    """Most that the ring keeps of one sensor, in 10^6 bytes; the older part goes first."""
    before_s: float = 10.0
    """How much of a clip lies before the incident was raised, beside the settling time."""
    after_s: float = 15.0
    """How much of a clip lies after it."""
    settle_s: float = 10.0
    """Settling time ahead of a clip, for filters and floors of whoever looks at it without our states."""
    margin_m: float = 100.0
    """How far beyond the stretch of an incident the channels of a clip reach."""
    most_channels: int = 512
    """Most channels of a clip; those nearest to the incident stay."""
    most_sensors: int = 4
    """Most sensors of one incident that are asked, in the order in which they came to support it."""
    from_priority: int = 4
    """Least urgent incident of which evidence is kept; 5 also keeps that of notes."""
