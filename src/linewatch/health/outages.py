"""From a finding to an outage: how much it leaves, of what, and where its cause lies."""

from typing import Final

import msgspec

from linewatch.records import Health, Outage, Tick, outage_id, quantise
from linewatch.site.performance import SWAMPED_DB
from linewatch.site.sensor import Sensor

LIGHT: Final = ("dazzled", "strobed")
"""Conditions of a camera that a light causes."""
VIEW: Final = (*LIGHT, "covered", "defocused", "moved", "frozen", "fogged", "dark")
"""Ways of losing a view: of these a camera has one at a time, and a better guess replaces the one before."""
_DEGRADED: Final[dict[str, float]] = {
    "supply": 1.0,  # a battery that runs low still feeds its sensor
    "common_mode": 1.0,  # a moment in which the picture is learned anew, a gust over all channels
    "noisy_channel": 0.8,
    "temperature": 0.8,
    "clock_skew": 0.8,
    **dict.fromkeys((*VIEW, "drifting", "saturated", "dead_channel", "stuck_channel", "link_lost", "tamper"), 0.5),
}
"""Share that is assumed to be left where a finding says `degraded` and no more; of other conditions, all."""


def left_of(health: Health) -> float:
    """Share of the detection probability that a finding leaves, 0 to 1.

    Noise leaves half, which is an assumption for those who do not weigh it in dB, and nothing where it swamps.
    """
    if health.rise_db is not None and health.remaining_fraction is None:
        return 0.0 if health.rise_db >= SWAMPED_DB else 0.5
    if health.remaining_fraction is not None:
        return min(max(health.remaining_fraction, 0.0), 1.0)
    if health.severity == "failed":
        return 0.0
    return _DEGRADED.get(health.condition, 1.0) if health.severity == "degraded" else 1.0


def about_of(health: Health) -> str:
    """What an outage is kept under: one view of a camera, one condition of these channels."""
    if health.condition in VIEW:
        return f"{health.sensor}/view"
    return f"{health.sensor}/{health.condition}/{health.first_channel}-{health.last_channel}"


def outage_of(sensor: Sensor, cause: str, start_ns: int, tick: Tick, reason: str, left: float = 0.0) -> Outage:
    """An outage of a whole sensor that is noticed at this tick."""
    from_m, to_m = sensor.extent_m()
    return quantise(
        Outage(
            id=outage_id(sensor.line, cause, (sensor.id,), start_ns),
            line=sensor.line,
            sensors=(sensor.id,),
            cause=cause,
            from_m=from_m,
            to_m=to_m,
            start_ns=start_ns,
            noticed_ns=tick.time_ns,
            end_ns=None,
            remaining_fraction=left,
            reason=reason,
        )
    )


def narrowed(outage: Outage, health: Health, sensor: Sensor) -> Outage:
    """Limited to the channels named, where some are; a cut lies at the nearer edge of the first of them."""
    if health.first_channel is None or health.last_channel is None or not sensor.is_span:
        return outage
    edges_m = sensor.channel_edges_m()
    last = len(edges_m) - 2
    channels = min(max(health.first_channel, 0), last), min(max(health.last_channel, 0), last)
    ends_m = float(edges_m[channels[0]]), float(edges_m[channels[1] + 1])
    cut = health.condition == "fibre_cut"
    pitch_m = abs(float(edges_m[channels[0] + 1] - edges_m[channels[0]]))
    return quantise(
        msgspec.structs.replace(
            outage,
            id=outage_id(outage.line, outage.cause, (health.sensor, *map(str, channels)), outage.start_ns),
            from_m=min(ends_m),
            to_m=max(ends_m),
            first_channel=channels[0],
            last_channel=channels[1],
            chainage_m=ends_m[0] if cut else None,
            chainage_sigma_m=pitch_m / 2.0 if cut else None,
        )
    )


def joined(outage: Outage, sensors: tuple[Sensor, ...], reason: str, **more: object) -> Outage:
    """An outage that several sensors share: their names, the stretch of all of them."""
    extents = [sensor.extent_m() for sensor in sensors]
    return quantise(
        msgspec.structs.replace(
            outage,
            sensors=tuple(sorted(sensor.id for sensor in sensors)),
            from_m=min(extent[0] for extent in extents),
            to_m=max(extent[1] for extent in extents),
            reason=reason,
            **more,
        )
    )
