"""The detection probability of every metre of a line, from all of its sensors.

The detection probability (Pd) of a metre is the probability that at least one sensor notices one crossing there. Given
the weather, families of sensors (`performance.FAMILIES`) miss independently of each other. Within a family, a share
beta of crossings is a common cause: its sensors hit or miss as one, and it misses when its best sensor does; on the
other crossings they miss independently. With q_i the probability that sensor i misses,

    q_family = beta min(q_i) + (1 - beta) prod(q_i),        Pd = 1 - prod(q_family).

That is the beta-factor model (Fleming, General Atomic GA-A13284, 1975; IEC 61508-6, annex D) for unlike sensors: a
mixture of the two couplings, comonotone and independent, each with the right probabilities for every single sensor.
A sensor that misses everything changes nothing, and another sensor never makes it worse.

What shares a cabinet, a feed, a switch or a fibre fails together through `Outage` records; `single_failure` tries each.

An update recomputes the stretches that it touches from all of their sensors, in the order of a full build, with
operations that give the same bits wherever they stand in an array; so it equals a full build bit by bit.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Outage, WalkTest, Weather
from linewatch.site.condition import Condition, Mask, RaisedFloor
from linewatch.site.grid import Stretch, grid_of
from linewatch.site.model import Line, Site
from linewatch.site.performance import FAMILIES, WATCHED, Watched
from linewatch.site.reach import reach_of
from linewatch.site.sensing import Sensing
from linewatch.site.walk_test import Measured, Unused, measured_of

Floats = NDArray[np.float64]
Misses = NDArray[np.float32]
"""Probabilities to miss: (movers, steps), so that one mover's steps lie side by side."""

_CHUNK: Final = 8192  # steps worked on at a time, so that they stay in the processor's cache
_NOTHING: Final = np.float32(1e-20)


class PdField:
    """Detection probability along one line of a site under one condition, kept up to date piece by piece."""

    def __init__(
        self,
        site: Site,
        line: str | None = None,
        *,
        condition: Condition | None = None,
        walk_tests: Sequence[WalkTest] = (),
        step_m: float = 1.0,
    ) -> None:
        """Compute everything once: the whole line, every mover.

        `line` may be left out on a site with one line. Raises `KeyError` on a line that does not exist and
        `InputError` on a terrain class that nobody knows.
        """
        self.site = site
        self.line: Line = site.lines[0] if line is None else site.line(line)
        self.grid = grid_of(self.line, step_m)
        self.widths_m: Floats = np.full(self.grid.steps, step_m)
        """(steps,) length of every step; the last one may be shorter than the others."""
        self.widths_m[-1] = self.line.length_m - (self.grid.steps - 1) * step_m
        self.sensing = Sensing(self.line, self.grid, reach_of(site, self.line, self.grid))
        self._family = np.ones((len(FAMILIES), len(WATCHED), self.grid.steps), dtype=np.float32)
        self._miss = np.ones((len(WATCHED), self.grid.steps), dtype=np.float32)
        self._scratch = np.ones((len(WATCHED), _CHUNK), dtype=np.float32)
        self._measured: tuple[Measured, ...] = ()
        self.unused_walk_tests: tuple[Unused, ...] = ()
        everywhere = [[(0, self.grid.steps)] for _ in FAMILIES]
        if walk_tests:
            self.sensing.settle(Condition())
            self._recompute(everywhere)
            self._measured, self.unused_walk_tests = measured_of(walk_tests, self.line.id, self.grid, self._miss)
        self.condition = (condition or Condition()).on_line(self.line.id)
        self.sensing.settle(self.condition)
        self._recompute(everywhere)

    # ------------------------------------------------------------------------------------------------ asking

    def pd(self, mover: Watched) -> Floats:
        """(steps,) probability that one crossing by this mover is noticed, by step."""
        return self.pd_between((0, self.grid.steps), mover)

    def pd_between(self, part: Stretch, mover: Watched) -> Floats:
        """The same on a part of the line."""
        return self.pd_of_miss(self._miss[:, part[0] : part[1]], part, mover)

    def pd_of_miss(self, miss: Misses, part: Stretch, mover: Watched) -> Floats:
        """(part,) Pd where the sensor model says `miss` (movers, part): walk tests go before the model."""
        row = miss[WATCHED.index(mover)].astype(np.float64)
        pd: Floats = 1.0 - row
        for measured in self._measured:
            if measured.mover == mover:
                low, high = max(measured.stretch[0], part[0]), min(measured.stretch[1], part[1])
                if high > low:
                    here = slice(low - part[0], high - part[0])
                    pd[here] = measured.pd_of(row[here], low)
        return pd

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The walk tests that count, in the order in which they were walked; where two meet, the later one holds."""
        return self._measured

    def family_miss(self, family: int, part: Stretch) -> Misses:
        """(movers, part) probability that a family misses a crossing; a view that later updates change."""
        return self._family[family, :, part[0] : part[1]]

    def miss_between(self, part: Stretch) -> Misses:
        """(movers, part) what the sensor model says is missed; a view that later updates change."""
        return self._miss[:, part[0] : part[1]]

    def miss_without(self, part: Stretch, without: frozenset[int]) -> Misses:
        """(movers, part) what the model would say on a part of the line if the sensors of these numbers were dead."""
        miss = np.ones((len(WATCHED), part[1] - part[0]), dtype=np.float32)
        lost = np.empty_like(miss)
        for family in range(len(FAMILIES)):
            if without.isdisjoint(self.sensing.reaching(family, part)):
                miss *= self.family_miss(family, part)
                continue
            for low, high in _chunks([part]):
                self._accumulate(family, (low, high), lost[:, low - part[0] : high - part[0]], without)
            miss *= lost
        return miss

    # ---------------------------------------------------------------------------------------------- updating

    def update(
        self,
        *,
        outages: Iterable[Outage] | None = None,
        weather: Iterable[Weather] | None = None,
        floors: Iterable[RaisedFloor] | None = None,
        masks: Iterable[Mask] | None = None,
        light_fraction: float | None = None,
    ) -> tuple[Stretch, ...]:
        """Put what now holds in the place of what held; what is left out stays as it is.

        Only the touched stretches are computed again; they are given back, in steps.
        """
        old = self.condition
        self.condition = Condition(
            outages=old.outages if outages is None else tuple(outages),
            weather=old.weather if weather is None else tuple(weather),
            floors=old.floors if floors is None else tuple(floors),
            masks=old.masks if masks is None else tuple(masks),
            light_fraction=old.light_fraction if light_fraction is None else light_fraction,
        ).on_line(self.line.id)
        return self._recompute(self.sensing.change(old, self.condition))

    def _recompute(self, touched: Sequence[Sequence[Stretch]]) -> tuple[Stretch, ...]:
        """Accumulate the touched stretches of each family anew, then the product of all families over their union."""
        for family, parts in enumerate(touched):
            for low, high in _chunks(merged(parts)):
                self._accumulate(family, (low, high), self._family[family, :, low:high])
        union = merged(part for parts in touched for part in parts)
        for low, high in _chunks(union):
            miss = self._miss[:, low:high]
            miss[:] = self._family[0, :, low:high]
            for family in range(1, len(FAMILIES)):
                # Where no sensor of a family reaches, it misses with exactly 1: beta + (1 - beta) rounds to that.
                if self.sensing.reaching(family, (low, high)):
                    miss *= self._family[family, :, low:high]
        return tuple(union)

    def _accumulate(self, family: int, part: Stretch, out: Misses, without: frozenset[int] = frozenset()) -> None:
        """Write the probability that a family misses into `out` (movers, part), from its sensors that reach the part.

        A part has at most `_CHUNK` steps: the scratch that is filled here stays in the processor's cache.
        """
        low, high = part
        every = self._scratch[:, : high - low]
        out[:] = every[:] = 1.0
        for count, number in enumerate(self.sensing.reaching(family, part)):
            first, stop = self.sensing.ends[number]
            own = max(first, low), min(stop, high)
            miss = None if number in without else self.sensing.miss_of(number, own)
            if miss is not None:
                here = slice(own[0] - low, own[1] - low)
                every_here, best_here = every[:, here], out[:, here]
                np.multiply(every_here, miss, out=every_here)
                np.minimum(best_here, miss, out=best_here)
            if count % 8 == 7:
                # Beside beta min(q), at least 0.001, this changes no bit; it only keeps denormal numbers away.
                np.maximum(every, _NOTHING, out=every)
        beta = self.sensing.beta(family, part)
        out *= beta
        every *= np.float32(1.0) - beta
        out += every


def merged(parts: Iterable[Stretch]) -> list[Stretch]:
    """The union of stretches, in order, without empty ones."""
    out: list[Stretch] = []
    for low, high in sorted(part for part in parts if part[1] > part[0]):
        if out and low <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], high))
        else:
            out.append((low, high))
    return out


def _chunks(parts: Iterable[Stretch]) -> Iterable[Stretch]:
    for low, high in parts:
        for begin in range(low, high, _CHUNK):
            yield begin, min(begin + _CHUNK, high)
