"""The steps into which a line is cut for coverage."""

import math

import msgspec

from linewatch.site.model import Line

Stretch = tuple[int, int]
"""First step and step after the last."""


class Grid(msgspec.Struct, frozen=True):
    """The steps of a line. Step i stands for its middle; the last step may be shorter than the others."""

    step_m: float
    """Length of a step."""
    steps: int
    """How many."""
    length_m: float
    """Length of the line."""

    def between(self, from_m: float, to_m: float) -> Stretch:
        """Steps whose middles lie in [from, to)."""
        return self._first_at(from_m), self._first_at(to_m)

    def cut(self, stretch_m: tuple[float, float], part: Stretch) -> Stretch:
        """The same, cut to a part of the line."""
        low, high = self.between(*stretch_m)
        return max(low, part[0]), min(high, part[1])

    def _first_at(self, chainage_m: float) -> int:
        """The first step whose middle lies at or beyond a chainage."""
        last = self.steps - 1
        if chainage_m <= 0.0:
            return 0
        if chainage_m > (last * self.step_m + self.length_m) / 2.0:
            return self.steps
        return min(math.ceil(chainage_m / self.step_m - 0.5), last)


def grid_of(line: Line, step_m: float) -> Grid:
    """The steps of a line. Raises `ValueError` on a step that is not above 0."""
    if not step_m > 0.0:
        raise ValueError(f"step_m is {step_m}; allowed are numbers above 0")
    return Grid(step_m, max(1, math.ceil(line.length_m / step_m - 1e-9)), line.length_m)
