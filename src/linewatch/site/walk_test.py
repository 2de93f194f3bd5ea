"""What walk tests say: measured detection probability with its interval, in the place of the assumed model."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, expm1, xlogy

from linewatch.records import WalkTest
from linewatch.site.grid import Grid, Stretch
from linewatch.site.performance import WATCHED, Watched, watched_mover

Floats = NDArray[np.float64]

CONFIDENCE: Final = 0.95
"""Of every interval here, two-sided."""
_LEAST_MISS: Final = 1e-300  # so that a product of many sensors that has run out of digits still has a logarithm
_NOTHING_MODELLED: Final = 1e-6  # a model that gives less than this holds no sensor that could have found anybody


def clopper_pearson(found: int, passes: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact two-sided interval for a probability of which `found` of `passes` trials came true.

    Clopper and Pearson, Biometrika 26 (1934) 404. Raises `ValueError` unless 0 <= found <= passes and passes > 0.
    """
    if not 0 <= found <= passes or passes < 1:
        raise ValueError(f"{found} of {passes} is no result of a test; allowed: 0 <= found <= passes, 1 or more passes")
    tail = (1.0 - confidence) / 2.0
    low = 0.0 if found == 0 else float(betaincinv(found, passes - found + 1, tail))
    high = 1.0 if found == passes else float(betaincinv(found + 1, passes - found, 1.0 - tail))
    return low, high


class Unused(msgspec.Struct, frozen=True):
    """A walk test that does not count, and why."""

    test: WalkTest
    """The test."""
    reason: str
    """In words."""


class Measured(msgspec.Struct, frozen=True):
    """A walk test at work on a stretch: the model's misses m there become m to the power k.

    k is chosen by step so that the calm, healthy line has exactly the tested Pd. So the test replaces the level that
    the model assumes, while outages, weather and masks of today still take from it, and a stretch on which every sensor
    is blind has a Pd of 0, whatever it was on the day of the test.
    """

    test: WalkTest
    """The test."""
    mover: Watched
    """What was tested."""
    stretch: Stretch
    """Steps tested."""
    low: float
    """Lower end of the 95 % Clopper-Pearson interval of found out of passes."""
    high: float
    """Upper end."""
    exponent: tuple[float, ...]
    """k by step of the stretch."""

    @property
    def pd_fraction(self) -> float:
        """The Pd that counts: (found + 1/2) / (passes + 1), the mean after Jeffreys' prior, never quite 0 or 1."""
        return (self.test.found + 0.5) / (self.test.passes + 1.0)

    def pd_of(self, miss: Floats, first_step: int, pd_tested: float | None = None) -> Floats:
        """(n,) Pd for what the model says is missed now, from a step of the stretch on.

        `pd_tested` asks for another Pd on the day of the test, for example an end of the interval.
        """
        begin = first_step - self.stretch[0]
        exponent = np.array(self.exponent[begin : begin + len(miss)])
        if pd_tested is not None:
            exponent *= np.log1p(-pd_tested) / np.log1p(-self.pd_fraction)
        pd: Floats = -expm1(xlogy(exponent, np.maximum(miss, _LEAST_MISS)))
        return pd


def measured_of(
    tests: Sequence[WalkTest], line: str, grid: Grid, reference_miss: NDArray[np.float32]
) -> tuple[tuple[Measured, ...], tuple[Unused, ...]]:
    """Walk tests of a line against the (movers, steps) misses that the model states for its calm, healthy state."""
    measured: list[Measured] = []
    unused: list[Unused] = []
    for test in sorted(tests, key=lambda each: (each.end_ns, each.start_ns, msgspec.json.encode(each))):
        mover = watched_mover(test.mover, test.gait)
        stretch = grid.between(test.from_m, test.to_m)
        if test.line != line:
            continue
        if mover is None:
            unused.append(Unused(test, f"coverage is not stated for {test.mover} ({test.gait or 'any gait'})"))
        elif test.passes < 1 or not 0 <= test.found <= test.passes:
            unused.append(Unused(test, f"{test.found} of {test.passes} is no result of a test"))
        elif stretch[1] <= stretch[0]:
            unused.append(Unused(test, "its stretch holds the middle of no step"))
        else:
            miss = reference_miss[WATCHED.index(mover), stretch[0] : stretch[1]].astype(np.float64)
            if (miss > 1.0 - _NOTHING_MODELLED).any():
                unused.append(Unused(test, "no sensor of the site reaches all of its stretch; mend the site's ranges"))
            else:
                measured.append(_measured(test, mover, stretch, miss))
    return tuple(measured), tuple(unused)


def _measured(test: WalkTest, mover: Watched, stretch: Stretch, miss: Floats) -> Measured:
    low, high = clopper_pearson(test.found, test.passes)
    made = Measured(test, mover, stretch, low, high, ())
    exponent = np.log1p(-made.pd_fraction) / np.log(np.maximum(miss, _LEAST_MISS))
    return msgspec.structs.replace(made, exponent=tuple(exponent.tolist()))
