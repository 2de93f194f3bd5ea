"""The health step: proof of life and findings in, outages out. Silence is found by ticks, never by data."""

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.ports import Batch
from linewatch.records import (
    BlockHeader,
    Detections,
    Health,
    Outage,
    Record,
    Tick,
    outage_id,
    quantise,
)
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

_NS_PER_S = 1_000_000_000


class HealthSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When silence is a fault. A sensor's own `heartbeat_s` goes before these."""

    stream_silence_s: float = 3.0
    """Longest normal silence of a sensor that streams samples, once it has been heard."""
    heartbeat_silence_s: float = 60.0
    """Longest normal silence of a sensor that sends heartbeats, once one has been heard."""


class HealthState(msgspec.Struct):
    """What is known of every sensor that has given a sign of life, and the outages that are open."""

    last_life_ns: NDArray[np.int64]
    """(sensors,) latest proof of life of each sensor of the site, in its order; 0 for never."""
    streams: NDArray[np.bool_]
    """(sensors,) whether it streams samples; the others send heartbeats, if anything."""
    open: dict[str, Outage]
    """Open outages by what they are about: sensor, condition and channels."""


class HealthStep:
    """Turns proof of life, findings and their absence into outages. Keyed by the site."""

    state_type = HealthState

    def __init__(self, site: Site, settings: HealthSettings) -> None:
        self.site = site
        self.settings = settings
        self.key = f"{site.name}/health"
        self._number = {sensor.id: number for number, sensor in enumerate(site.sensors)}
        self._own_limit_s = np.array([math.nan if s.heartbeat_s is None else s.heartbeat_s for s in site.sensors])
        self._in_service = np.array([sensor.state != "out_of_service" for sensor in site.sensors], dtype=bool)

    def initial(self) -> HealthState:
        """Nothing heard, nothing open."""
        sensors = len(self.site.sensors)
        return HealthState(np.zeros(sensors, np.int64), np.zeros(sensors, np.bool_), open={})

    def step(self, state: HealthState, batch: Batch, tick: Tick) -> tuple[HealthState, tuple[Record, ...]]:
        """Note signs of life, open and close outages by findings, then look for silence at this tick."""
        state = HealthState(state.last_life_ns.copy(), state.streams.copy(), dict(state.open))
        out: list[Record] = []
        for item in batch:
            if isinstance(item, BlockHeader):
                self._alive(state, item.sensor, _end_ns(item), streams=True)
            elif isinstance(item, Detections):
                self._detected(state, item)
            elif isinstance(item, Health):
                out += self._finding(state, item, tick)
        out += self._ended(state, tick)
        out += self._silent(state, tick)
        return state, tuple(out)

    def _alive(self, state: HealthState, sensor: str, time_ns: int, *, streams: bool) -> None:
        number = self._number.get(sensor)
        if number is not None:
            state.last_life_ns[number] = max(time_ns, int(state.last_life_ns[number]))
            state.streams[number] |= streams

    def _detected(self, state: HealthState, batch: Detections) -> None:
        """A detection proves life where life is already expected; it does not make silence a fault."""
        for index in np.unique(batch.sensor_index):
            number = self._number.get(batch.sensors[int(index)])
            if number is not None and state.last_life_ns[number] > 0:
                last_ns = int(batch.time_ns[batch.sensor_index == index].max())
                state.last_life_ns[number] = max(last_ns, int(state.last_life_ns[number]))

    def _finding(self, state: HealthState, health: Health, tick: Tick) -> list[Record]:
        if health.condition == "heartbeat":
            self._alive(state, health.sensor, health.time_ns, streams=False)
            return []
        if health.condition == "recovered":
            return self._close_sensor(state, health, tick)
        if health.severity != "failed" or not self.site.has_sensor(health.sensor):
            return []
        about = f"{health.sensor}/{health.condition}/{health.first_channel}-{health.last_channel}"
        if about in state.open:
            return []
        outage = self._outage(self.site.sensor(health.sensor), health.condition, health.time_ns, tick, health.text)
        outage = self._narrowed(outage, health)
        if health.until_ns is not None and health.until_ns <= tick.time_ns:
            return [outage, msgspec.structs.replace(outage, end_ns=health.until_ns)]
        state.open[about] = msgspec.structs.replace(outage, end_ns=health.until_ns)
        return [outage]

    def _outage(self, sensor: Sensor, cause: str, start_ns: int, tick: Tick, reason: str) -> Outage:
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
                remaining_fraction=0.0,
                reason=reason,
            )
        )

    def _narrowed(self, outage: Outage, health: Health) -> Outage:
        """Limited to the channels named, where some are."""
        if health.first_channel is None or health.last_channel is None:
            return outage
        edges_m = self.site.sensor(health.sensor).channel_edges_m()
        ends_m = edges_m[health.first_channel], edges_m[health.last_channel + 1]
        channels = (health.first_channel, health.last_channel)
        return quantise(
            msgspec.structs.replace(
                outage,
                id=outage_id(outage.line, outage.cause, (health.sensor, *map(str, channels)), outage.start_ns),
                from_m=float(min(ends_m)),
                to_m=float(max(ends_m)),
                first_channel=channels[0],
                last_channel=channels[1],
            )
        )

    def _close_sensor(self, state: HealthState, health: Health, tick: Tick) -> list[Record]:
        """The end of what concerned the channels named, or of all that concerned the sensor."""
        out: list[Record] = []
        for about, outage in sorted(state.open.items()):
            named = health.first_channel is None or (outage.first_channel, outage.last_channel) == (
                health.first_channel,
                health.last_channel,
            )
            if outage.sensors == (health.sensor,) and named and outage.end_ns is None:
                del state.open[about]
                out.append(msgspec.structs.replace(outage, end_ns=min(health.time_ns, tick.time_ns)))
        return out

    def _ended(self, state: HealthState, tick: Tick) -> list[Record]:
        """Outages whose end was told with them, and silences that a sign of life has ended."""
        out: list[Record] = []
        for about, outage in sorted(state.open.items()):
            end_ns = outage.end_ns
            if end_ns is None and outage.cause == "silent":
                life_ns = int(state.last_life_ns[self._number[outage.sensors[0]]])
                end_ns = life_ns if life_ns > outage.start_ns else None
            if end_ns is not None and end_ns <= tick.time_ns:
                del state.open[about]
                out.append(msgspec.structs.replace(outage, end_ns=end_ns))
        return out

    def _silent(self, state: HealthState, tick: Tick) -> list[Record]:
        out: list[Record] = []
        default_s = np.where(state.streams, self.settings.stream_silence_s, self.settings.heartbeat_silence_s)
        limit_s = np.where(np.isnan(self._own_limit_s), default_s, self._own_limit_s)
        heard = (state.last_life_ns > 0) & self._in_service
        overdue = heard & (tick.time_ns - state.last_life_ns > limit_s * _NS_PER_S)
        if not overdue.any():
            return out
        excused = {outage.sensors[0] for outage in state.open.values() if outage.first_channel is None}
        for number in np.flatnonzero(overdue):
            sensor = self.site.sensors[int(number)]
            if sensor.id in excused:
                continue
            text = f"nothing heard from {sensor.id} for {limit_s[number]:g} s; normal is less"
            outage = self._outage(sensor, "silent", int(state.last_life_ns[number]), tick, text)
            state.open[f"{sensor.id}/silent/None-None"] = outage
            out.append(
                Health(
                    line=sensor.line,
                    sensor=sensor.id,
                    time_ns=tick.time_ns,
                    condition="silent",
                    severity="failed",
                    text=text,
                )
            )
            out.append(outage)
        return out


def _end_ns(header: BlockHeader) -> int:
    return header.start_ns + round(header.n_samples * _NS_PER_S / header.rate_hz)
