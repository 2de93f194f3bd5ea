"""What people, animals and tools do to the ground and the fence, as trains of short pulses.

A step, a blow, a stroke of a saw: each is one pulse, a sine that dies away. When each pulse of a mover comes is drawn
once for the whole scene, so that a stretch of time can be made without what came before it.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import ACTS
from linewatch.simulate.course import ANIMAL, CRAWL, RUN, STILL, WALK, Floats, Ints, Movers
from linewatch.simulate.streams import stream

_WALKERS_MAX: Final = 40
"""Members of a group that step one by one; each stands for several in a larger one."""


class Train(msgspec.Struct, frozen=True):
    """How pulses of one sort follow each other."""

    rate_hz: float
    """Pulses a second."""
    jitter: float
    """Standard deviation of the time between two, as a share of it."""
    frequency_hz: float
    """Frequency of the sine."""
    decay_s: float
    """Time in which it falls to 1/e."""
    spread_db: float
    """Standard deviation of the strength from one pulse to the next."""


# Walking cadence about 1.9 Hz and within 1.4 to 2.6 Hz (Pachi and Ji, The Structural Engineer 83, 2005, measured 1.8 to
# 2.0 Hz on average); energy of footsteps in soil lies between 10 and 50 Hz. All other figures are assumed.
_WALK: Final = Train(1.9, 0.04, 24.0, 0.040, 3.0)
_RUN: Final = Train(2.7, 0.05, 28.0, 0.035, 3.0)
_CRAWL: Final = Train(0.9, 0.30, 18.0, 0.060, 5.0)
_HOOVES: Final = Train(3.2, 0.15, 28.0, 0.030, 4.0)
_ACTS: Final[dict[str, Train]] = {
    "climb": Train(2.2, 0.60, 14.0, 0.120, 5.0),
    "cut": Train(0.4, 0.40, 120.0, 0.015, 3.0),
    "saw": Train(4.0, 0.08, 110.0, 0.060, 2.0),
    "drill": Train(24.0, 0.02, 60.0, 0.030, 1.0),
    "shake": Train(3.0, 0.15, 6.0, 0.200, 2.0),
    "knock": Train(1.3, 0.30, 40.0, 0.050, 3.0),
    "dig": Train(0.7, 0.20, 20.0, 0.060, 4.0),
}


class Pulses(msgspec.Struct, frozen=True):
    """p pulses: arrays of p."""

    mover: Ints
    """Who."""
    time_s: Floats
    """When each begins, at its source."""
    shift_m: Floats
    """Where within the mover's spread, -0.5 to 0.5 of it."""
    extra_db: Floats
    """How much stronger than usual this one is."""
    weight: Floats
    """How many members it stands for."""
    frequency_hz: Floats
    """Frequency of its sine."""
    decay_s: Floats
    """Time in which it dies away."""

    def between(self, from_s: float, to_s: float) -> "Pulses":
        """Those that begin within `[from_s, to_s)`; pulses are in order of time."""
        rows = slice(int(np.searchsorted(self.time_s, from_s)), int(np.searchsorted(self.time_s, to_s)))
        return Pulses(*(getattr(self, name)[rows] for name in self.__struct_fields__))


def pulses_of(movers: Movers, who: Ints, until_s: float, seed: int) -> Pulses:
    """All pulses of these movers, in order of time. Wheels give none: they roll (see `raw`)."""
    parts = [part for mover in who for part in _of_mover(movers, int(mover), until_s, seed)]
    if not parts:
        parts = [np.zeros((0, 7))]
    table = np.concatenate(parts)
    table = table[np.argsort(table[:, 1], kind="stable")]
    return Pulses(table[:, 0].astype(np.int64), *(table[:, column] for column in range(1, 7)))


def _of_mover(movers: Movers, mover: int, until_s: float, seed: int) -> list[NDArray[np.float64]]:
    """Knot by knot: what is done between two knots is one sort of train, by each member."""
    rng = stream(seed, "pulses", movers.names[mover])
    members = min(int(movers.count_max[mover]), _WALKERS_MAX)
    pace_factor = rng.normal(1.0, 0.07)
    out = []
    for knot in range(int(movers.first[mover]), int(movers.first[mover + 1]) - 1):
        train = _train(int(movers.mover[mover]), int(movers.pace[knot]), int(movers.act[knot]))
        begin_s, end_s = float(movers.time_s[knot]), min(float(movers.time_s[knot + 1]), until_s)
        if train is None or end_s <= begin_s:
            continue
        # Of a crowd at the fence, only some have a hand on it.
        hands = members if movers.act[knot] == 0 else max(members // 4, 1)
        weight = max(float(movers.count[knot]) / hands, 1.0)
        out += [_series(rng, mover, train, begin_s, end_s, pace_factor, weight) for _ in range(hands)]
    return out


def _series(
    rng: np.random.Generator, mover: int, train: Train, begin_s: float, end_s: float, factor: float, weight: float
) -> NDArray[np.float64]:
    usual_s = 1.0 / (train.rate_hz * factor * float(np.clip(rng.normal(1.0, 0.04), 0.85, 1.15)))
    many = int((end_s - begin_s) / usual_s * 1.5) + 4
    gaps = usual_s * np.clip(rng.normal(1.0, train.jitter, many), 0.2, 3.0)
    times = begin_s + rng.uniform(0.0, usual_s) + np.cumsum(gaps) - gaps[0]
    times = times[times < end_s]
    n = len(times)
    return np.column_stack(
        [
            np.full(n, mover),
            times,
            np.full(n, rng.uniform(-0.5, 0.5)),
            rng.normal(0.0, train.spread_db, n),
            np.full(n, weight),
            train.frequency_hz * np.exp(rng.normal(0.0, 0.1, n)),
            train.decay_s * np.exp(rng.normal(0.0, 0.15, n)),
        ]
    )


def _train(mover: int, pace: int, act: int) -> Train | None:
    if ACTS[act] != "none":
        return _ACTS[ACTS[act]]
    if pace == STILL or mover not in (0, 1, ANIMAL):
        return None
    if mover == ANIMAL:
        return _HOOVES
    return {WALK: _WALK, RUN: _RUN, CRAWL: _CRAWL}[pace]
