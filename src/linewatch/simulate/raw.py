"""A scene as raw samples: Blocks of fibre, fence cable and geophones on any stretch of the line."""

import hashlib
import math
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import numpy as np

from linewatch.errors import InputError
from linewatch.ports import Delivery, Item
from linewatch.records import Block, Truth
from linewatch.records.block import first_sample_at
from linewatch.records.vocabulary import SensorKind
from linewatch.simulate.course import TRAIN, VEHICLE, Floats
from linewatch.simulate.hiss import Samples
from linewatch.simulate.instruments import instruments_of
from linewatch.simulate.pulses import pulses_of
from linewatch.simulate.scene import NS_PER_S, Fault, Scene
from linewatch.simulate.simulation import Simulation
from linewatch.simulate.streams import stream
from linewatch.simulate.stretch import CHUNK_S, Channels, RawSensor
from linewatch.simulate.truth import truth_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

RATE_HZ: Final[dict[SensorKind, float]] = {"fibre_das": 1_000.0, "fibre_vibration": 1_000.0, "geophone": 500.0}
_NEAR_M: Final = 300.0
_SCHEMA: Final = "raw-1"


def trimmed(site: Site, from_m: float, to_m: float) -> Site:
    """The site with only those vibration sensors that reach into a stretch, each cut to its channels there.

    For a watch over raw samples of a stretch: what is not simulated would otherwise be an outage.
    """
    sensors = []
    for sensor in site.sensors:
        if sensor.kind not in RATE_HZ:
            continue
        if not sensor.is_span:
            sensors += [sensor] if from_m <= (sensor.at_m or 0.0) < to_m else []
            continue
        centres_m, edges_m = sensor.channel_centres_m(), sensor.channel_edges_m()
        inside = np.flatnonzero((centres_m >= from_m) & (centres_m < to_m))
        if len(inside):
            low, high = float(edges_m[inside[0]]), float(edges_m[inside[-1] + 1])
            cut = {"from_m": round(low, 3), "to_m": round(high, 3), "channels": len(inside), "calibration": ()}
            sensors.append(msgspec.structs.replace(sensor, **cut))
    # Only samples are simulated: no sensor says by itself that it lives.
    alone = tuple(msgspec.structs.replace(sensor, heartbeat_s=None) for sensor in sensors)
    return msgspec.structs.replace(site, sensors=alone)


class RawSource:
    """Gives the samples of every vibration sensor on a stretch while a scene plays. Satisfies `ports.Recording`.

    Samples are in units of the electronics' noise. Faults: a dead sensor gives nothing, a cut fibre is dark beyond the
    cut, a skewed clock shifts the times, loss drops whole seconds.
    """

    def __init__(self, scene: Scene, site: Site, seed: int = 0, *, from_m: float, to_m: float) -> None:
        line = site.line(scene.line)
        if not 0.0 <= from_m < to_m <= line.length_m:
            raise InputError(
                f"stretch: found {from_m:g} to {to_m:g} m; allowed: rising, within 0 to {line.length_m:g} m"
            )
        self.simulation = Simulation(scene, site, seed)
        self.scene, self.site = scene, site
        self.name = f"raw:{scene.name}:{from_m:g}-{to_m:g}"
        self.delivery: Delivery = "replayable"
        self.lateness_s = 0.0
        self.start_ns = scene.start_ns
        self._seconds = math.floor(scene.duration_s / CHUNK_S)
        self.end_ns = scene.start_ns + round(self._seconds * CHUNK_S) * NS_PER_S
        self._stretch_m = (from_m, to_m)
        self._polled_ns = self.start_ns
        self._sensors = self._made(seed)
        self._second: tuple[int, list[Block]] = (-1, [])

    def _made(self, seed: int) -> list[RawSensor]:
        movers = self.simulation.movers
        cast = next(cast for cast in self.simulation.cast if cast.line == self.scene.line)
        near = np.array([member for member in cast.members if self._passes(int(member))], dtype=np.int64)
        wheels = np.isin(movers.mover[near], (VEHICLE, TRAIN))
        pulses = pulses_of(movers, near[~wheels], self.scene.duration_s, seed)
        instruments = instruments_of(self.site, self.scene.line)
        out = []
        for sensor in self.site.sensors:
            if sensor.line != self.scene.line or sensor.kind not in RATE_HZ or sensor.state != "in_service":
                continue
            channels = self._channels(sensor, instruments.soil_at)
            if channels is not None:
                out.append(RawSensor(channels, movers, pulses, near[wheels], cast.sky, seed))
        return out

    def _passes(self, mover: int) -> bool:
        movers = self.simulation.movers
        knots = slice(int(movers.first[mover]), int(movers.first[mover + 1]))
        reach_m = _NEAR_M + float(movers.spread_m_each[mover])
        low_m, high_m = float(movers.chainage_m[knots].min()), float(movers.chainage_m[knots].max())
        return low_m - reach_m <= self._stretch_m[1] and high_m + reach_m >= self._stretch_m[0]

    def _channels(self, sensor: Sensor, soil_at: Callable[[Floats], Floats]) -> Channels | None:
        at_m = sensor.channel_centres_m() if sensor.is_span else np.array([sensor.at_m or 0.0])
        inside = np.flatnonzero((at_m >= self._stretch_m[0]) & (at_m < self._stretch_m[1]))
        if not len(inside):
            return None
        at_m = at_m[inside[0] : inside[-1] + 1]
        if len(at_m) > 1 and (np.diff(at_m) <= 0).any():
            raise InputError(f"{sensor.id}: found channels that run back; allowed in raw scenes: rising chainages")
        return Channels(
            sensor=sensor.id,
            kind=sensor.kind,
            first=int(inside[0]),
            at_m=at_m,
            offset_m=sensor.offset_m,
            soil_db_per_m=float(soil_at(at_m[:1])[0]),
            rate_hz=RATE_HZ[sensor.kind],
        )

    @property
    def fingerprint(self) -> str:
        """Hash of scene, site, seed, stretch and of the version of the rules that make samples of them."""
        simulation = self.simulation
        parts = (_SCHEMA, simulation.scene, simulation.site, simulation.seed, self._stretch_m)
        return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()

    def truth(self) -> tuple[Truth, ...]:
        """What really happens in the scene, all of the line."""
        return truth_of(self.simulation)

    def poll(self, until_ns: int) -> Iterator[Item]:
        """All samples taken before `until_ns` that have not been given yet, second by second."""
        stop_ns = min(until_ns, self.end_ns)
        out: list[Item] = []
        while self._polled_ns < stop_ns:
            number = (self._polled_ns - self.start_ns) // NS_PER_S
            next_ns = min(self.start_ns + (number + 1) * NS_PER_S, stop_ns)
            for block in self._blocks(number):
                part = _between(block, self.start_ns, self._polled_ns, next_ns)
                out += [] if part is None else [part]
            self._polled_ns = next_ns
        self._polled_ns = max(self._polled_ns, until_ns)
        return iter(out)

    def _blocks(self, number: int) -> list[Block]:
        if self._second[0] != number:
            made = [self._block(sensor, number) for sensor in self._sensors]
            self._second = (number, [block for block in made if block is not None])
        return self._second[1]

    def _block(self, sensor: RawSensor, number: int) -> Block | None:
        channels, time_s = sensor.channels, number * CHUNK_S
        faults = [f for f in self.scene.faults if channels.sensor in f.sensors and f.from_s <= time_s < f.to_s]
        if any(fault.kind == "dead" or self._lost(fault, number) for fault in faults):
            return None
        samples = sensor.chunk(number)
        for fault in faults:
            if fault.kind == "cut":
                samples = _darkened(samples, sensor, fault, number)
        skew_ns = round(sum(fault.amount for fault in faults if fault.kind == "skew") * NS_PER_S)
        return Block(
            line=self.scene.line,
            sensor=channels.sensor,
            origin_ns=self.start_ns + skew_ns,
            first_sample=round(time_s * channels.rate_hz),
            rate_hz=channels.rate_hz,
            samples=samples,
            first_channel=channels.first,
        )

    def _lost(self, fault: Fault, number: int) -> bool:
        chance = stream(self.simulation.seed, "loss", fault.name, number).random()
        return fault.kind == "loss" and bool(chance < fault.amount)

    def position(self) -> str:
        """The time up to which it has been asked."""
        return str(self._polled_ns)

    def seek(self, position: str) -> None:
        """Go on from a time. Raises `InputError` where that is no position of this scene."""
        if not position.isdigit():
            raise InputError(f"{self.name}: position: found {position!r}; allowed: a time in nanoseconds")
        self._polled_ns = max(int(position), self.start_ns)

    def committed(self, position: str) -> None:
        """Nothing waits for this: the scene can always be played again."""

    def close(self) -> None:
        """Let go of the second at hand."""
        self._second = (-1, [])


def _darkened(samples: Samples, sensor: RawSensor, fault: Fault, number: int) -> Samples:
    beyond = sensor.channels.at_m >= fault.stretch_m[0]
    return np.where(beyond, sensor.dark(number), samples)


def _between(block: Block, start_ns: int, from_ns: int, until_ns: int) -> Block | None:
    """Rows taken in `[from_ns, until_ns)` by the scene's own clock, whatever the sensor's clock says of them."""
    first, last = (
        min(max(first_sample_at(start_ns, time_ns, block.rate_hz) - block.first_sample, 0), block.n_samples)
        for time_ns in (from_ns, until_ns)
    )
    return block.rows(first, last) if last > first else None
