"""What the health step is set to and what it knows."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.health.mute import Hushed
from linewatch.health.retest import Assigned
from linewatch.health.skew import Lags, SkewSettings
from linewatch.health.thresholds import Corrections
from linewatch.health.unexplained import Noise, UnexplainedSettings
from linewatch.records import Outage, Record, WalkTest, Weather

SHARED: Final = ("power/", "cabinet/", "network/", "light/")
"""Beginnings of the names under which an outage of several sensors is kept."""
SILENT: Final = "/silent/None-None"
"""End of the name under which the silence of a sensor is kept."""


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When silence is a fault, what shares an outage, and how one closes. A sensor's own `heartbeat_s` goes first."""

    stream_silence_s: float = 3.0
    """Longest normal silence of a sensor that streams samples, once it has been heard."""
    heartbeat_silence_s: float = 60.0
    """Longest normal silence of a sensor that sends heartbeats, once one has been heard."""
    together_s: float = 120.0
    """Sensors whose last signs of life are no further apart than this fell silent together."""
    root_share: float = 0.5
    """Share of the sensors of a cabinet, feed or switch that must be silent for it to be the cause."""
    return_s: float = 120.0
    """How long after the first of them is back the others may take; whoever takes longer has an outage of its own."""
    light_m: float = 2_000.0
    """Cameras no further apart than this that are blinded at about the same time are blinded by one light."""
    retest_causes: tuple[str, ...] = ("fibre_cut", "tamper", "moved")
    """Causes that are never over by themselves: somebody repaired something, and it needs a re-test or a waiver."""
    retest_share: float = 0.8
    """Share of the stretch that re-tests must have covered."""
    retest_found: float = 0.9
    """Share of its passes that a re-test must have found."""
    skew: SkewSettings = SkewSettings()
    """When a clock is wrong."""
    unexplained: UnexplainedSettings = UnexplainedSettings()
    """When noise is a hint of tampering."""


class HealthState(msgspec.Struct):
    """What is known of every sensor that has given a sign of life, and the outages that are open."""

    last_life_ns: NDArray[np.int64]
    """(sensors,) latest proof of life of each sensor of the site, in its order; 0 for never."""
    streams: NDArray[np.bool_]
    """(sensors,) whether it streams samples; the others send heartbeats, if anything."""
    open: dict[str, Outage]
    """Open outages by what they are about: sensor, condition and channels, or what several sensors share."""
    lags: Lags
    """How late the sensors' own times are."""
    back_ns: dict[str, dict[str, int]] = msgspec.field(default_factory=dict)
    """By outage: sensors of it that are back, and since when."""
    sights: dict[str, tuple[float, float]] = msgspec.field(default_factory=dict)
    """By camera that is blinded: bearing of the light and its standard deviation, in degrees."""
    repaired_ns: dict[str, int] = msgspec.field(default_factory=dict)
    """By outage: since when it only waits for a re-test."""
    tests: list[WalkTest] = msgspec.field(default_factory=list)
    """The last walk tests."""
    assigned: dict[str, Assigned] = msgspec.field(default_factory=dict)
    """By id of an open outage: who repairs it."""
    weather: dict[str, Weather] = msgspec.field(default_factory=dict)
    """Last report by stretch."""
    noises: tuple[Noise, ...] = ()
    """Stretches on which noise stands over its usual level."""
    hushed: dict[str, Hushed] = msgspec.field(default_factory=dict)
    """By name of an open mute: what it has hidden."""
    corrections: Corrections = msgspec.field(default_factory=dict)
    """By sensor: corrections of its threshold."""


def closed(state: HealthState, about: str, end_ns: int) -> list[Record]:
    """Close an outage, and forget what was kept beside it; changes `state`."""
    outage = state.open.pop(about)
    state.back_ns.pop(about, None)
    state.repaired_ns.pop(outage.id, None)
    state.assigned.pop(outage.id, None)
    state.hushed.pop(about, None)
    return [msgspec.structs.replace(outage, end_ns=max(end_ns, outage.start_ns))]
