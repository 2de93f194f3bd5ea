"""What each sensor of the line should see: detection probability, false detections and what its silence says.

The numbers of `KINDS` are assumptions that stand until walk tests replace them through `Sensor.performance`;
they are chosen low where in doubt, because a detection probability that is too high ends true tracks.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import Outage
from linewatch.site.model import Site

SECONDS_PER_DAY: Final = 86_400.0


TOUCH: Final = 1
STEPS: Final = 2
BODIES: Final = 3


class Kind(NamedTuple):
    """Assumed performance of one kind of sensor."""

    pd_fraction: float
    """Probability that one look shows a walking person within reach."""
    look_s: float
    """Length of one look."""
    far_per_day: float
    """False detections a day: per kilometre of a span, per piece of a point sensor."""
    silence_speaks: bool
    """Whether no detection means anything: not for sensors that only report an event."""
    feels: int = 0
    """1: it feels who touches the barrier, and who therefore hardly moves along the line; 2: it feels footsteps, and
    over what stretch; 3: it sees bodies one by one."""


KINDS: Final[Mapping[str, Kind]] = {
    "fibre_das": Kind(0.5, 2.0, 50.0, silence_speaks=True, feels=STEPS),
    # A fence cable feels who touches the fence, not who stands before it.
    "fibre_vibration": Kind(0.3, 1.0, 50.0, silence_speaks=True, feels=TOUCH),
    "geophone": Kind(0.5, 2.0, 5.0, silence_speaks=True),
    "pir": Kind(0.8, 1.0, 2.0, silence_speaks=False),
    # A beam reports the moment of crossing it.
    "microwave": Kind(0.9, 1.0, 1.0, silence_speaks=False),
    "radio_link": Kind(0.5, 2.0, 5.0, silence_speaks=True),
    "radar": Kind(0.8, 1.0, 100.0, silence_speaks=True, feels=BODIES),
    "camera": Kind(0.8, 1.0, 50.0, silence_speaks=True, feels=BODIES),
    "contact": Kind(0.95, 1.0, 0.5, silence_speaks=False, feels=TOUCH),
}
MOST_DETECT: Final = 0.99
SCAN_GUARD_M: Final = 20.0
SILENCE_ALIKE: Final = 0.1
"""Share that one more silent sensor adds to what silence says (*assumed*; the common cause of `site.performance`)."""
LEAST_WIDTH_M: Final = 10.0
LOOKS_PER_EVENT: Final = 5.0
"""What only reports events speaks once in so many looks of somebody who is there (*assumed*): as its silence tells
nothing, more would make one that reports at random ever surer."""


class Watch:
    """The sensors of one line as arrays, by sensor id; fixed when the step is made."""

    def __init__(self, site: Site, line_id: str) -> None:
        sensors = sorted((s for s in site.sensors if s.line == line_id), key=lambda sensor: sensor.id)
        self.ids: tuple[str, ...] = tuple(sensor.id for sensor in sensors)
        self.index: dict[str, int] = {sensor_id: i for i, sensor_id in enumerate(self.ids)}
        self.words = max(1, -(-len(sensors) // 64))
        extents = np.array([sensor.extent_m() for sensor in sensors], dtype=np.float64).reshape(-1, 2)
        self.from_m: NDArray[np.float64] = extents[:, 0].copy()
        self.to_m: NDArray[np.float64] = extents[:, 1].copy()
        width_m = np.maximum(self.to_m - self.from_m, LEAST_WIDTH_M)
        kinds = [KINDS[sensor.kind] for sensor in sensors]
        detect = [
            kind.pd_fraction if (pd := sensor.performance.pd_walk_fraction) is None else pd
            for sensor, kind in zip(sensors, kinds, strict=True)
        ]
        speaks = np.array([kind.silence_speaks for kind in kinds], dtype=bool)
        often = np.where(speaks, 1.0, 1.0 / LOOKS_PER_EVENT)
        self.detect: NDArray[np.float64] = np.clip(np.array(detect, dtype=np.float64), 0.0, MOST_DETECT) * often
        look_s = np.array([kind.look_s for kind in kinds], dtype=np.float64)
        self.look_s: NDArray[np.float64] = look_s
        far_per_day = [
            kind.far_per_day * (max(1.0, width / 1000.0) if sensor.is_span else 1.0)
            if (far := sensor.performance.far_per_day) is None
            else far
            for sensor, kind, width in zip(sensors, kinds, width_m, strict=True)
        ]
        self.clutter_per_m: NDArray[np.float64] = (
            np.array(far_per_day, dtype=np.float64) / SECONDS_PER_DAY * look_s / width_m
        )
        self.feels: NDArray[np.int64] = np.array([kind.feels for kind in kinds], dtype=np.int64)
        names = list(KINDS)
        self.kind: NDArray[np.int64] = np.array([names.index(sensor.kind) for sensor in sensors], dtype=np.int64)
        self.touch: NDArray[np.bool_] = self.feels == TOUCH
        in_service = np.array([sensor.state == "in_service" for sensor in sensors], dtype=bool)
        self.silence_per_s: NDArray[np.float64] = np.where(speaks & in_service, -np.log1p(-self.detect) / look_s, 0.0)
        self.colour: NDArray[np.int64] = _colours(self.from_m - SCAN_GUARD_M, self.to_m + SCAN_GUARD_M)

    def facts_for(self, touch_speed_mps: float, top_speed_mps: float) -> list[tuple[float, ...]]:
        """By sensor: its index, clutter_per_m, look_s, detect, variance of a first speed, what it feels, its kind."""
        slow, fast = touch_speed_mps**2, top_speed_mps**2 / 3.0
        speed = np.where(self.touch, slow, fast)
        index, feels = np.arange(float(len(self.ids))), self.feels.astype(np.float64)
        columns = (index, self.clutter_per_m, self.look_s, self.detect, speed, feels, self.kind.astype(np.float64))
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def blind(self, outages: tuple[Outage, ...]) -> NDArray[np.float64]:
        """(m, 4) rows of sensor index, start, end and share of detection lost, for what is out now."""
        rows = [
            (float(self.index[sensor]), outage.from_m, outage.to_m, 1.0 - outage.remaining_fraction)
            for outage in outages
            for sensor in outage.sensors
            if sensor in self.index
        ]
        return np.array(rows, dtype=np.float64).reshape(-1, 4)

    def names(self, mask: NDArray[np.uint64]) -> tuple[str, ...]:
        """Sensor ids of the bits that are set, sorted."""
        if self.words == 1 and len(self.ids) == 1:
            return self.ids if mask[0] else ()
        out: list[str] = []
        for word, bits in enumerate(mask.tolist()):
            rest = bits
            while rest:
                low = rest & -rest
                out.append(self.ids[word * 64 + low.bit_length() - 1])
                rest ^= low
        return tuple(out)

    def mask(self, names: tuple[str, ...]) -> NDArray[np.uint64]:
        """The inverse of `names`; sensors that the line does not have are left out."""
        words = [0] * self.words
        for name in names:
            if (number := self.index.get(name)) is not None:
                words[number // 64] |= 1 << (number % 64)
        return np.array(words, dtype=np.uint64)


def _colours(from_m: NDArray[np.float64], to_m: NDArray[np.float64]) -> NDArray[np.int64]:
    """Fewest colours such that stretches of one colour never overlap (greedy by start, exact for intervals)."""
    colour = np.zeros(len(from_m), dtype=np.int64)
    ends: list[float] = []
    for i in np.lexsort((np.arange(len(from_m)), from_m)):
        free = next((c for c, end in enumerate(ends) if end <= from_m[i]), len(ends))
        if free == len(ends):
            ends.append(0.0)
        ends[free] = float(to_m[i])
        colour[i] = free
    return colour


@njit(cache=True, nogil=True)
def silence_evidence(
    tracks: NDArray[Any],
    heard: NDArray[np.uint64],
    from_m: NDArray[np.float64],
    to_m: NDArray[np.float64],
    silence_per_s: NDArray[np.float64],
    blind: NDArray[np.float64],
    slow: NDArray[np.int64],
    now_ns: int,
    period_s: float,
    alike: float,
) -> NDArray[np.float64]:
    """(n,) evidence against each track by the silence of one tick, in units of -ln(1 - Pd).

    Of the sensors that reach it, are not out and did not hear it in this tick (`heard`, bit mask), the strongest
    counts in full and all others by the share `alike`: somebody who stands, or is in dead ground, is missed by all.
    `slow` has the sensors that report late (`track.reach`): their silence is what they have reported just now.
    """
    out = np.zeros(len(tracks))
    for i in range(len(tracks)):
        strongest = 0.0
        for s in range(len(from_m)):
            if silence_per_s[s] <= 0.0:
                continue
            x, span_s = tracks[i].chainage_m, period_s
            for k in range(len(slow)):
                if slow[k, 0] == s:
                    # Where the track was at the time that is told of now.
                    x -= tracks[i].velocity_mps * (now_ns - slow[k, 2]) * 1e-9
                    span_s = max(0.0, (slow[k, 2] - max(slow[k, 1], tracks[i].last_ns)) * 1e-9)
            if span_s == 0.0 or x < from_m[s] or x > to_m[s]:
                continue
            if heard[i, s // 64] >> np.uint64(s % 64) & np.uint64(1):
                continue
            left = 1.0
            for b in range(len(blind)):
                if int(blind[b, 0]) == s and blind[b, 1] <= x <= blind[b, 2]:
                    left = min(left, 1.0 - blind[b, 3])
            # Loss scales the detection probability: exact at 0 and 1, and close to it between.
            word = silence_per_s[s] * left * span_s
            out[i] += word
            strongest = max(strongest, word)
        out[i] = strongest + alike * (out[i] - strongest)
    return out
