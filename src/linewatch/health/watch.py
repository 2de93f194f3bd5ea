"""The health step: proof of life and findings in, outages out. Silence is found by ticks, never by data."""

import msgspec

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

    last_life_ns: dict[str, int]
    """Latest proof of life by sensor."""
    streams: dict[str, bool]
    """Sensors heard so far: whether they stream samples (true) or send heartbeats (false)."""
    open: dict[str, Outage]
    """Open outages by what they are about: sensor, condition and channels."""


class HealthStep:
    """Turns proof of life, findings and their absence into outages. Keyed by the site."""

    state_type = HealthState

    def __init__(self, site: Site, settings: HealthSettings) -> None:
        self.site = site
        self.settings = settings
        self.key = f"{site.name}/health"

    def initial(self) -> HealthState:
        """Nothing heard, nothing open."""
        return HealthState(last_life_ns={}, streams={}, open={})

    def step(self, state: HealthState, batch: Batch, tick: Tick) -> tuple[HealthState, tuple[Record, ...]]:
        """Note signs of life, open and close outages by findings, then look for silence at this tick."""
        state = HealthState(dict(state.last_life_ns), dict(state.streams), dict(state.open))
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
        state.last_life_ns[sensor] = max(time_ns, state.last_life_ns.get(sensor, time_ns))
        state.streams[sensor] = state.streams.get(sensor, False) or streams

    def _detected(self, state: HealthState, batch: Detections) -> None:
        """A detection proves life where life is already expected; it does not make silence a fault."""
        for row, index in enumerate(batch.sensor_index):
            sensor = batch.sensors[int(index)]
            if sensor in state.last_life_ns:
                self._alive(state, sensor, int(batch.time_ns[row]), streams=False)

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
                life_ns = state.last_life_ns[outage.sensors[0]]
                end_ns = life_ns if life_ns > outage.start_ns else None
            if end_ns is not None and end_ns <= tick.time_ns:
                del state.open[about]
                out.append(msgspec.structs.replace(outage, end_ns=end_ns))
        return out

    def _silent(self, state: HealthState, tick: Tick) -> list[Record]:
        out: list[Record] = []
        excused = {outage.sensors[0] for outage in state.open.values() if outage.first_channel is None}
        for sensor_id, life_ns in sorted(state.last_life_ns.items()):
            if sensor_id in excused or not self.site.has_sensor(sensor_id):
                continue
            sensor = self.site.sensor(sensor_id)
            limit_s = sensor.heartbeat_s
            if limit_s is None:
                streams = state.streams[sensor_id]
                limit_s = self.settings.stream_silence_s if streams else self.settings.heartbeat_silence_s
            if sensor.state == "out_of_service" or tick.time_ns - life_ns <= limit_s * _NS_PER_S:
                continue
            text = f"nothing heard from {sensor_id} for {limit_s:g} s; normal is less"
            outage = self._outage(sensor, "silent", life_ns, tick, text)
            state.open[f"{sensor_id}/silent/None-None"] = outage
            out.append(
                Health(
                    line=sensor.line,
                    sensor=sensor_id,
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
