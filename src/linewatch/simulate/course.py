"""From what a scene says to where everybody is: each mover becomes a broken line in time, chainage, offset and number.

Usual walking speed 1.34 m/s with a spread of 0.26 m/s between people (Weidmann, Transporttechnik der Fussgaenger,
ETH Zurich 1993); running, crawling, animal and vehicle speeds are assumed round figures.
"""

from functools import cached_property
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import ACTS, MOVERS, Gait
from linewatch.simulate.scene import ACT_VERBS, NS_PER_S, Deed, Event, Scene
from linewatch.simulate.streams import stream
from linewatch.site.model import Site

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STILL, WALK, RUN, CRAWL = 0, 1, 2, 3
PACES: Final[dict[Gait, int]] = {"walk": WALK, "run": RUN, "crawl": CRAWL}
PERSON, GROUP, VEHICLE, ANIMAL, TRAIN, WEATHER, UNKNOWN = range(len(MOVERS))
NO_ACT: Final = ACTS.index("none")

_SPEED_MPS: Final[dict[int, tuple[float, float, float]]] = {
    PERSON: (1.34, 3.0, 0.35),
    GROUP: (1.2, 2.5, 0.35),
    VEHICLE: (8.0, 16.0, 3.0),
    ANIMAL: (1.6, 6.0, 0.6),
    TRAIN: (22.0, 30.0, 8.0),
}
_LENGTH_M: Final[dict[int, float]] = {PERSON: 0.6, VEHICLE: 6.0, ANIMAL: 1.5, TRAIN: 200.0}
_STRIDE_S: Final = 1.0e9  # longer than any scene: keeps one mover's knots apart from the next one's


class Movers(msgspec.Struct, frozen=True, dict=True):
    """m movers and all their knots, one after another; between two knots everything is linear."""

    names: tuple[str, ...]
    """(m,) names, unique."""
    events: Ints
    """(m,) index of the event each comes from."""
    mover: Ints
    """(m,) code in the order of `MOVERS`."""
    start_s: Floats
    """(m,) when each appears, seconds from the start of the scene."""
    end_s: Floats
    """(m,) when each is gone."""
    key: NDArray[np.uint64]
    """(m,) random number that names each, for chance that belongs to it and one sensor."""
    gain_db: Floats
    """(m,) how much louder or larger than usual each is."""
    spread_m_each: Floats
    """(m,) length taken up at the largest number."""
    count_max: Ints
    """(m,) largest number."""
    first: Ints
    """(m + 1,) where each one's knots begin."""
    time_s: Floats
    """(k,) time of each knot."""
    chainage_m: Floats
    """(k,) chainage."""
    offset_m: Floats
    """(k,) offset."""
    count: Floats
    """(k,) number."""
    pace: Ints
    """(k,) pace from this knot to the next."""
    act: Ints
    """(k,) act from this knot to the next, code in the order of `ACTS`."""

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def _keys(self) -> Floats:
        """(k,) times that rise over all movers' knots, so that one search finds any mover's knot."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.first))
        return self.time_s + owner * _STRIDE_S

    def alive(self, from_s: float, to_s: float) -> Ints:
        """Movers that are there at some time in `[from_s, to_s)`."""
        return np.flatnonzero((self.start_s < to_s) & (self.end_s > from_s))

    def at(self, mover: Ints, time_s: Floats) -> "Positions":
        """Where these movers are at these times (each within the mover's life)."""
        knot = np.searchsorted(self._keys, mover * _STRIDE_S + time_s, side="right") - 1
        knot = np.clip(knot, self.first[mover], self.first[mover + 1] - 2)
        t0, t1 = self.time_s[knot], self.time_s[knot + 1]
        share = np.clip((time_s - t0) / (t1 - t0), 0.0, 1.0)

        def between(values: Floats) -> Floats:
            return values[knot] + share * (values[knot + 1] - values[knot])

        return Positions(
            chainage_m=between(self.chainage_m),
            offset_m=between(self.offset_m),
            count=np.floor(between(self.count) + 1e-9),
            velocity_mps=(self.chainage_m[knot + 1] - self.chainage_m[knot]) / (t1 - t0),
            offset_velocity_mps=(self.offset_m[knot + 1] - self.offset_m[knot]) / (t1 - t0),
            pace=self.pace[knot],
            act=self.act[knot],
        )

    def spread_m(self, mover: Ints, count: Floats) -> Floats:
        """Length of line taken up by this many: it grows with the root of the number, as a crowd widens too."""
        return self.spread_m_each[mover] * np.sqrt(count / self.count_max[mover])


class Positions(msgspec.Struct, frozen=True):
    """Where movers are: arrays of one length."""

    chainage_m: Floats
    """Middle along the line."""
    offset_m: Floats
    """Distance from the line."""
    count: Floats
    """How many."""
    velocity_mps: Floats
    """Speed along the line."""
    offset_velocity_mps: Floats
    """Speed across the line."""
    pace: Ints
    """Pace code."""
    act: Ints
    """Act code."""


class _Course:
    """One mover on its way: where it is now, and the knots behind it."""

    def __init__(self, event: Event, length_m: float, rng: np.random.Generator) -> None:
        self._rng = rng
        self._length_m = length_m
        self._code = MOVERS.index(event.mover)
        self._speed_mps = event.speed_mps
        self._factor = float(np.clip(rng.normal(1.0, 0.19 if event.mover == "person" else 0.1), 0.6, 1.5))
        self._gait: Gait = event.gait
        first = event.deeds[0]
        self.start_offset_m = event.offset_m if first.from_m is None else first.from_m
        self._now = [
            float(rng.uniform(*event.at_s)),
            float(rng.uniform(*event.stretch_m)),
            self.start_offset_m,
            float(rng.integers(event.count[0], event.count[1] + 1)),
        ]
        self.knots: list[tuple[float, float, float, float, int, int]] = []

    def run(self, deeds: tuple[Deed, ...], until_s: float) -> None:
        """Do everything, up to the end of the scene."""
        for deed in deeds:
            if self._now[0] >= until_s:
                break
            self._gait = deed.gait or self._gait
            self._do(deed)
        self._knot(STILL, NO_ACT)

    def _do(self, deed: Deed) -> None:
        if deed.verb in ("approach", "cross"):
            self._go(offset_m=deed.to_m)
        elif deed.verb == "return":
            self._go(offset_m=self.start_offset_m if deed.to_m is None else deed.to_m)
        elif deed.verb == "along":
            assert deed.to_m is not None
            self._go(chainage_m=self._now[1] + deed.to_m)
        elif deed.verb == "wander":
            self._wander(deed.duration_s or 0.0)
        elif deed.verb == "grow":
            assert deed.count is not None
            self._wait(deed.duration_s, WALK, NO_ACT, count=deed.count)
        elif deed.verb in ACT_VERBS:
            self._now[2] = 0.0 if abs(self._now[2]) <= 2.0 else self._now[2]
            self._wait(deed.duration_s, STILL, ACTS.index(deed.verb))
        else:
            self._wait(deed.duration_s, STILL, NO_ACT)

    def _knot(self, pace: int, act: int) -> None:
        time_s, chainage_m, offset_m, count = self._now
        self.knots.append((time_s, chainage_m, offset_m, count, pace, act))

    def _wait(self, duration_s: float | None, pace: int, act: int, count: int | None = None) -> None:
        self._knot(pace, act)
        self._now[0] += duration_s or 0.0
        self._now[3] = self._now[3] if count is None else float(count)

    def _go(self, chainage_m: float | None = None, offset_m: float | None = None, slow: float = 1.0) -> None:
        self._knot(PACES[self._gait], NO_ACT)
        usual = _SPEED_MPS[self._code][PACES[self._gait] - 1] * self._factor
        speed_mps = (self._speed_mps or usual) * slow
        to_x = self._now[1] if chainage_m is None else min(max(chainage_m, 0.0), self._length_m)
        to_y = self._now[2] if offset_m is None else offset_m
        way_m = float(np.hypot(to_x - self._now[1], to_y - self._now[2]))
        self._now[0] += max(way_m / speed_mps, 1e-3)
        self._now[1], self._now[2] = to_x, to_y

    def _wander(self, duration_s: float) -> None:
        """Short slow ways in random directions, about where it is."""
        end_s, centre = self._now[0] + duration_s, (self._now[1], self._now[2])
        while self._now[0] < end_s:
            step = self._rng.normal(0.0, 12.0, 2)
            side = 1.0 if centre[1] >= 0.0 else -1.0  # nobody strays through the barrier
            offset_m = side * max(side * (centre[1] + float(step[1])), 2.0)
            self._go(centre[0] + float(step[0]), offset_m, slow=0.5)


def _usual_spread_m(mover: int, count: int) -> float:
    """Length along the line: people walk about 2 m apart in files whose number grows with the root of the crowd."""
    if mover == GROUP:
        return 5.0 * float(np.sqrt(count))
    return _LENGTH_M[mover] * count


def movers_of(scene: Scene, site: Site, seed: int) -> Movers:
    """All movers of a scene; the same for a seed, and each independent of all other events."""
    names: list[str] = []
    keys: list[int] = []
    rows: list[tuple[float, ...]] = []
    knots: list[tuple[float, float, float, float, int, int]] = []
    first = [0]
    for number, event in enumerate(scene.events):
        length_m = site.line(event.line).length_m
        for instance in range(event.times):
            rng = stream(seed, "event", event.name, instance)
            course = _Course(event, length_m, rng)
            course.run(event.deeds, scene.duration_s)
            count = int(max(knot[3] for knot in course.knots))
            mover = MOVERS.index("group" if event.mover == "person" and count > 1 else event.mover)
            spread_m = _usual_spread_m(mover, count) if event.spread_m is None else event.spread_m
            end_s = min(course.knots[-1][0], scene.duration_s)
            rows.append((number, mover, course.knots[0][0], end_s, rng.normal(0.0, 3.0), spread_m, count))
            keys.append(int(rng.integers(0, 2**63)))
            names.append(event.name if event.times == 1 else f"{event.name}-{instance + 1}")
            knots.extend(course.knots)
            first.append(len(knots))
    table = np.array(rows, dtype=np.float64).reshape(-1, 7)
    points = np.array(knots, dtype=np.float64).reshape(-1, 6)
    return Movers(
        names=tuple(names),
        events=table[:, 0].astype(np.int64),
        mover=table[:, 1].astype(np.int64),
        start_s=table[:, 2],
        end_s=table[:, 3],
        key=np.array(keys, dtype=np.uint64),
        gain_db=table[:, 4],
        spread_m_each=table[:, 5],
        count_max=table[:, 6].astype(np.int64),
        first=np.array(first, dtype=np.int64),
        time_s=points[:, 0],
        chainage_m=points[:, 1],
        offset_m=points[:, 2],
        count=points[:, 3],
        pace=points[:, 4].astype(np.int64),
        act=points[:, 5].astype(np.int64),
    )


def time_ns_of(scene: Scene, time_s: Floats) -> Ints:
    """UTC time of these seconds of the scene, on the grain of a microsecond."""
    offset: Ints = np.rint(time_s * 1e6).astype(np.int64) * (NS_PER_S // 1_000_000)
    return scene.start_ns + offset
