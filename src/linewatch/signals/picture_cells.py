"""A picture as a grid of cells: what a look at the health of a camera needs, in one pass over the pixels.

A few hundred cells say whether a picture is still the usual one as well as a hundred thousand pixels do, and movers,
which cover a few of them, drop out of every median over them.
"""

import math
from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

ROWS: Final = 18
"""Cells down a picture."""
COLUMNS: Final = 24
"""Cells across a picture."""
FULL_LEVEL: Final = 250.0
"""From this grey level on a pixel is full."""
CHANGED_LEVELS: Final = 0.75
"""A pixel that differs by more from the frame before has changed; repeated frames differ by nothing."""
FIGURES: Final = 4
_LEVEL, _EDGE, _FULL, _CHANGED = range(FIGURES)
ASPECTS: Final = ((4, 3), (16, 9), (5, 4), (3, 2), (8, 5), (11, 9))
"""Width to height of pictures, in lowest terms."""


def picture_shape(pixels: int) -> tuple[int, int] | None:
    """Height and width of a picture of so many pixels, None where it has none of the known aspects.

    A picture of aspect a to b has a b k^2 pixels, and no two of the products a b differ by the factor of a square: one
    number of pixels never fits two aspects.
    """
    for across, down in ASPECTS:
        unit = math.isqrt(pixels // (across * down))
        if unit and across * down * unit * unit == pixels:
            return down * unit, across * unit
    return None


class Cells(msgspec.Struct):
    """One picture by cells; every array (`ROWS`, `COLUMNS`) float32."""

    level: NDArray[np.float32]
    """Mean grey level."""
    edge: NDArray[np.float32]
    """Mean absolute step to the next pixel, to the right and down, in grey levels: texture and noise."""
    full: NDArray[np.float32]
    """Share of full pixels."""
    changed: NDArray[np.float32]
    """Share of pixels that differ from the frame before; 1 for the first frame."""


def cells_of(frame: NDArray[Any], previous: NDArray[np.int16], *, first: bool) -> Cells:
    """The cells of a picture; `previous` is read and becomes this picture, in whole grey levels.

    Args:
        frame: (height, width), grey levels 0 to 255, float32 or int16; NaN counts as 0.
        previous: (height, width) the frame before; changed in place.
        first: whether there is no frame before.

    Raises:
        ValueError: shapes that differ, or a picture of fewer pixels than cells in either direction.
    """
    if frame.shape != previous.shape:
        raise ValueError(f"the frame has shape {frame.shape}, the one before {previous.shape}")
    if frame.shape[0] < ROWS or frame.shape[1] < COLUMNS:
        raise ValueError(f"a picture of {frame.shape} pixels; allowed are {ROWS} by {COLUMNS} and more")
    sums = np.zeros((FIGURES, ROWS, COLUMNS), np.float32)
    _sum_cells(np.ascontiguousarray(frame), previous, sums)
    if first:
        sums[_CHANGED] = 1.0
    return Cells(*sums)


@njit(cache=True, nogil=True)
def _sum_cells(frame: Any, previous: Any, sums: Any) -> None:
    height, width = frame.shape
    rows, columns = sums.shape[1], sums.shape[2]
    for r in range(rows):
        top, bottom = r * height // rows, (r + 1) * height // rows
        for c in range(columns):
            left, right = c * width // columns, (c + 1) * width // columns
            level, edge, full, changed = np.float32(0.0), np.float32(0.0), np.int64(0), np.int64(0)
            for y in range(top, bottom):
                below = y + 1 if y + 1 < height else y
                for x in range(left, right):
                    here = np.float32(frame[y, x])
                    here = here if here == here else np.float32(0.0)  # noqa: PLR0124 - false for NaN only
                    beside = np.float32(frame[y, x + 1 if x + 1 < width else x])
                    under = np.float32(frame[below, x])
                    level += here
                    across, down = abs(beside - here), abs(under - here)
                    edge += across if across < np.float32(256.0) else np.float32(0.0)  # false for NaN
                    edge += down if down < np.float32(256.0) else np.float32(0.0)
                    full += here >= np.float32(FULL_LEVEL)
                    changed += abs(here - np.float32(previous[y, x])) > np.float32(CHANGED_LEVELS)
                    previous[y, x] = np.int16(np.rint(here))
            n = np.float32((bottom - top) * (right - left))
            sums[0, r, c] = level / n
            sums[1, r, c] = edge / n / np.float32(2.0)
            sums[2, r, c] = np.float32(full) / n
            sums[3, r, c] = np.float32(changed) / n
