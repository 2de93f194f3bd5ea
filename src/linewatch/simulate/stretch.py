"""Raw samples of one sensor: the channels that lie on a stretch, second by second."""

import math
from typing import Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records.vocabulary import SensorKind
from linewatch.simulate import hiss, physics
from linewatch.simulate.air import Air, Sky
from linewatch.simulate.course import NO_ACT, TRAIN, WALK, Floats, Ints, Movers
from linewatch.simulate.hiss import Samples
from linewatch.simulate.physics import Sight
from linewatch.simulate.pulses import Pulses
from linewatch.simulate.streams import stream

CHUNK_S: Final = 1.0
LOOKBACK_S: Final = 2.0
"""Longest time from a pulse at its source to its end at the furthest channel."""
_BAND_HZ: Final = (10.0, 40.0)
"""Band in which signal over noise is stated: that of footsteps."""
_REACH_M: Final = 90.0
_ROLL_REACH_M: Final = 250.0
_WAVE_MPS: Final[dict[SensorKind, float]] = {"fibre_das": 300.0, "geophone": 300.0, "fibre_vibration": 1_500.0}
"""Speed of surface waves in soil, and of vibration along a fence (*assumed*)."""
_COMMON: Final[dict[SensorKind, float]] = {"fibre_das": 0.3, "geophone": 0.0, "fibre_vibration": 0.2}
_HUM: Final[dict[SensorKind, float]] = {"fibre_das": 0.0, "geophone": 0.3, "fibre_vibration": 0.0}
_FAINTEST: Final = 0.05
_TONES: Final = 32


class Channels(msgspec.Struct, frozen=True):
    """The channels of one sensor that are made."""

    sensor: str
    """Sensor id."""
    kind: SensorKind
    """Its kind."""
    first: int
    """Number of the first channel."""
    at_m: Floats
    """(c,) where each lies, rising."""
    offset_m: float
    """Distance from the line."""
    soil_db_per_m: float
    """Attenuation of the ground there."""
    rate_hz: float
    """Samples a second, a whole number."""


class RawSensor:
    """Makes any second of one sensor, always the same for a seed."""

    def __init__(self, channels: Channels, movers: Movers, pulses: Pulses, rolling: Ints, sky: Sky, seed: int) -> None:
        self.channels = channels
        self._movers, self._pulses, self._rolling, self._sky, self._seed = movers, pulses, rolling, sky, seed
        self._n = round(channels.rate_hz * CHUNK_S)
        self._width = len(channels.at_m)
        self._floor = math.sqrt(2.0 * (_BAND_HZ[1] - _BAND_HZ[0]) / channels.rate_hz)
        """Root mean square of the electronics' noise within the band, of 1 in all."""
        name, rate_hz = channels.sensor, channels.rate_hz
        self._rustle = hiss.Coloured(seed, f"rustle {name}", self._n, self._width, rate_hz, _BAND_HZ)
        self._sway = hiss.Coloured(seed, f"sway {name}", self._n, self._width, rate_hz, (0.4, 4.0))

    def chunk(self, number: int) -> Samples:
        """(n, c) float32 samples of second `number` of the scene, in units of the electronics' noise."""
        c = self.channels
        time_s = number * CHUNK_S
        rng = stream(self._seed, "raw", c.sensor, number)
        out = hiss.electronics(rng, self._n, self._width, _COMMON[c.kind])
        felt = self._weather(number, rng)
        self._add_pulses(felt, time_s)
        for mover in self._rolling:
            self._add_rolling(felt, time_s, int(mover))
        if c.kind != "geophone":
            gains = [hiss.fading(self._seed, c.sensor, self._width, t) for t in (time_s, time_s + CHUNK_S)]
            felt *= _ramp(gains[0], gains[1], self._n)
        out += felt
        if _HUM[c.kind]:
            times = time_s + np.arange(self._n) / c.rate_hz
            out += hiss.hum(times, self._width, _HUM[c.kind], self._seed, c.sensor)
        return out

    def dark(self, number: int) -> Samples:
        """(n, c) what the channels of a cut fibre give: the detector's own noise, and no light."""
        rng = stream(self._seed, "dark", self.channels.sensor, number)
        return np.float32(0.3) * hiss.electronics(rng, self._n, self._width, 0.0)

    def _weather(self, number: int, rng: np.random.Generator) -> Samples:
        """Wind and rain. The wind raises the floor in the band by what `physics` says, and sways below it."""
        c = self.channels
        ends = [np.full(self._width, number * CHUNK_S + t) for t in (0.0, CHUNK_S)]
        airs = [self._sky.at(c.at_m, t) for t in ends]
        winds = [self._sky.blowing_mps(c.at_m, t, air) for t, air in zip(ends, airs, strict=True)]
        band = [self._floor * np.sqrt(np.maximum(10.0 ** (_rise_db(c.kind, wind) / 10.0) - 1.0, 0.0)) for wind in winds]
        out = self._rustle.chunk(number) * _ramp(band[0], band[1], self._n)
        sway = [(0.5 if c.kind == "fibre_vibration" else 0.05) * (wind / 5.0) ** 2 for wind in winds]
        out += self._sway.chunk(number) * _ramp(sway[0], sway[1], self._n)
        if airs[0].rain_mm_per_h.any():
            out += hiss.drops(rng, self._n, self._width, c.rate_hz, airs[0].rain_mm_per_h, 1.5)
        return out

    def _add_pulses(self, out: Samples, time_s: float) -> None:
        c = self.channels
        pulses = self._pulses.between(time_s - LOOKBACK_S, time_s + CHUNK_S)
        if not len(pulses.time_s):
            return
        at = self._movers.at(pulses.mover, pulses.time_s)
        chainage_m = at.chainage_m + pulses.shift_m * self._movers.spread_m(pulses.mover, at.count)
        row, channel = self._near(chainage_m, _REACH_M)
        along_m = c.at_m[channel] - chainage_m[row]
        sight = self._sight(along_m, at.offset_m[row], self._movers.mover[pulses.mover[row]])
        sight = msgspec.structs.replace(
            sight,
            weight=pulses.weight[row],
            pace=at.pace[row],
            act=at.act[row],
            gain_db=self._movers.gain_db[pulses.mover[row]],
        )
        level_db = self._level_db(sight) + pulses.extra_db[row]
        size = self._floor * 10.0 ** (level_db / 20.0)
        loud = size > _FAINTEST * self._floor
        row, channel, size = row[loud], channel[loud], size[loud]
        start_s = pulses.time_s[row] - time_s + sight.distance_m[loud] / _WAVE_MPS[c.kind]
        add_pulses(out, start_s, channel, size, pulses.frequency_hz[row], pulses.decay_s[row], c.rate_hz)

    def _add_rolling(self, out: Samples, time_s: float, mover: int) -> None:
        """Wheels: a rumble of many tones that travels outward, so that it reaches far channels later (moveout)."""
        c, movers = self.channels, self._movers
        if c.kind == "fibre_vibration" or not movers.start_s[mover] < time_s + CHUNK_S or movers.end_s[mover] < time_s:
            return
        train = movers.mover[mover] == TRAIN
        middle_s = np.clip(time_s + CHUNK_S / 2.0, movers.start_s[mover], movers.end_s[mover] - 1e-6)
        for axle in np.linspace(-0.5, 0.5, 5) if train else np.zeros(1):
            ends = np.clip(
                np.array([time_s, middle_s, time_s + CHUNK_S]), movers.start_s[mover], movers.end_s[mover] - 1e-6
            )
            at = movers.at(np.full(3, mover), ends)
            centre_m = float(at.chainage_m[1] + axle * movers.spread_m_each[mover])
            _, channel = self._near(np.array([centre_m]), _ROLL_REACH_M)
            if not len(channel):
                continue
            moved_m = np.interp(np.arange(self._n) / self._n, (0.0, 1.0), (at.chainage_m[0], at.chainage_m[2]))
            along_m = c.at_m[channel] - (moved_m[:, None] + axle * movers.spread_m_each[mover])
            offset_m = np.full(along_m.size, at.offset_m[1])
            sight = self._sight(along_m.ravel(), offset_m, np.full(along_m.size, movers.mover[mover]))
            sight = msgspec.structs.replace(sight, pace=np.full(along_m.size, at.pace[1]))
            size = self._floor * 10.0 ** (self._level_db(sight) / 20.0)
            delay_s = sight.distance_m / _WAVE_MPS[c.kind]
            source = self._rumble(mover, float(axle), time_s, train=bool(train))
            moment = np.repeat(np.arange(self._n) / c.rate_hz + LOOKBACK_S, len(channel)) - delay_s
            sound = source[np.clip((moment * c.rate_hz).astype(np.int64), 0, len(source) - 1)]
            there = moment + time_s - LOOKBACK_S >= movers.start_s[mover]
            out[:, channel] += (size * sound * there).reshape(along_m.shape).astype(np.float32)

    def _rumble(self, mover: int, axle: float, time_s: float, *, train: bool) -> Floats:
        """Unit power between 4 and 22 Hz (a train: 2 to 12 Hz; *assumed*), from `LOOKBACK_S` before this second on."""
        rng = stream(self._seed, "rumble", self._movers.names[mover], repr(axle))
        tones = rng.uniform(*((2.0, 12.0) if train else (4.0, 22.0)), _TONES)
        phases = rng.uniform(0.0, 2.0 * math.pi, _TONES)
        steps = round((LOOKBACK_S + CHUNK_S) * self.channels.rate_hz)
        times = time_s - LOOKBACK_S + np.arange(steps) / self.channels.rate_hz
        waves: Floats = np.sin(2.0 * math.pi * times[:, None] * tones + phases).sum(axis=1) * math.sqrt(2.0 / _TONES)
        return waves

    def _near(self, chainage_m: Floats, reach_m: float) -> tuple[Ints, Ints]:
        """Pairs of row and channel within reach along the line."""
        begin = np.searchsorted(self.channels.at_m, chainage_m - reach_m)
        many = np.searchsorted(self.channels.at_m, chainage_m + reach_m) - begin
        row = np.repeat(np.arange(len(chainage_m)), many)
        return row, np.arange(len(row)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(begin, many)

    def _sight(self, along_m: Floats, offset_m: Floats, mover: Ints) -> Sight:
        n = len(along_m)
        ones, zeros = np.ones(n), np.zeros(n)
        return Sight(
            distance_m=np.hypot(along_m, offset_m - self.channels.offset_m),
            along_m=along_m,
            across_m=offset_m,
            range_m=ones,
            weight=ones,
            mover=mover,
            pace=np.full(n, WALK),
            act=np.full(n, NO_ACT),
            gain_db=zeros,
            soil_db_per_m=np.full(n, self.channels.soil_db_per_m),
            terrain_db=zeros,
            thermal=np.zeros(n, dtype=bool),
            blowing_mps=zeros,
            daylight=zeros,
        )

    def _level_db(self, sight: Sight) -> Floats:
        """Level over the calm floor, as `physics` has it; wind and rain are in the samples themselves."""
        zeros = np.zeros(len(sight.along_m))
        calm = Air(zeros, zeros, zeros, zeros, zeros)
        if self.channels.kind == "fibre_vibration":
            return physics.fence_db(sight, calm)
        return physics.ground_db(sight, calm, fibre=self.channels.kind == "fibre_das")


def _rise_db(kind: SensorKind, wind_mps: Floats) -> Floats:
    """How far the wind lifts the floor in the band: the same laws as in `physics`."""
    if kind == "fibre_vibration":
        return physics.fence_rise_db(wind_mps)
    return physics.ground_rise_db(wind_mps)


def _ramp(begin: Floats, end: Floats, n: int) -> Samples:
    """(n, c) from one set of values straight to the next."""
    share = (np.arange(n, dtype=np.float32) / np.float32(n))[:, None]
    out: Samples = begin.astype(np.float32) + share * (end - begin).astype(np.float32)
    return out


@njit(cache=True, nogil=True)
def add_pulses(
    out: NDArray[np.float32],
    start_s: NDArray[np.float64],
    channel: NDArray[np.int64],
    size: NDArray[np.float64],
    frequency_hz: NDArray[np.float64],
    decay_s: NDArray[np.float64],
    rate_hz: float,
) -> None:
    """Add p sines that die away to `out` (n, c), in place: size e^(-t / decay) sin(2 pi f t) from `start_s` on.

    Pulses may begin before the first row and end after the last; only what falls on the rows is added.
    """
    rows = out.shape[0]
    for p in range(start_s.shape[0]):
        first = max(int(np.ceil(start_s[p] * rate_hz)), 0)
        last = min(int(np.floor((start_s[p] + 6.0 * decay_s[p]) * rate_hz)) + 1, rows)
        for row in range(first, last):
            t = row / rate_hz - start_s[p]
            wave = np.exp(-t / decay_s[p]) * np.sin(2.0 * np.pi * frequency_hz[p] * t)
            out[row, channel[p]] += np.float32(size[p] * wave)
