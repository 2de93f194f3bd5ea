"""Sums over one fence window, in compiled loops: what `fence_features` makes its numbers of.

Every window is looked at by itself, in one order of sums, so that its figures are the same bits whichever windows come
with it. Spectra, sorting and eigenvalues are numpy's and stay outside.
"""

from typing import Any, Final

import numpy as np
from numba import njit

CELLS: Final = 12
CADENCE_ROWS: Final = 64
"""Longest lag of the mean's autocorrelation."""
CELL_LAGS: Final = 8
"""Longest lag of the cells' autocorrelation."""
PIECE_ROWS: Final = 8
"""Rows of a piece, over which a burst shows."""
TINY: Final = 1e-12

# Where `look_at` writes its figures of one window.
AUTO_MEAN: Final = 0
AUTO_CELLS: Final = AUTO_MEAN + CADENCE_ROWS + 1
LATER: Final = AUTO_CELLS + CELL_LAGS + 1
MOMENTS: Final = LATER + 3
CHANGES: Final = MOMENTS + 4
BURST: Final = CHANGES + 8
LEVEL: Final = BURST + 3
FIGURES: Final = LEVEL + 4


@njit(cache=True, nogil=True, error_model="numpy")
def look_at(w: Any, series: Any, unit: Any, cross: Any, figures: Any) -> None:
    """Figures of every window.

    Args:
        w: (n, rows, CELLS) amplitudes.
        series: (n, CELLS + 1, rows), written: the cells free of offset and scale, and last their mean.
        unit: (n, rows), written: that mean, free of offset and scale itself.
        cross: (n, CELLS, CELLS), written: correlation of every two cells.
        figures: (n, FIGURES), written, by the offsets above.
    """
    n, rows, _ = w.shape
    z = np.empty((rows, CELLS))
    spread = np.empty(CELLS)
    for i in range(n):
        level = _standardise(w[i], z, spread, series[i], unit[i])
        figures[i, LEVEL:] = level
        mean = series[i, CELLS]
        _autocorrelate(mean, figures[i, AUTO_MEAN:AUTO_CELLS])
        _of_cells(series[i], figures[i, AUTO_CELLS:LATER])
        _correlate(z, cross[i], figures[i, LATER:MOMENTS])
        _moments(z, unit[i], figures[i, MOMENTS:CHANGES])
        _changes(z, unit[i], figures[i, CHANGES:BURST])
        _burst(z, figures[i, BURST:LEVEL])


@njit(cache=True, nogil=True, error_model="numpy")
def _standardise(w: Any, z: Any, spread: Any, series: Any, unit: Any) -> tuple[float, float, float, float]:
    """Write `z`, `series` and `unit`; return mean, mean spread of cells, spread of the cells' mean, maximum of `w`."""
    rows = len(w)
    total = np.zeros(CELLS)
    most = -np.inf
    for t in range(rows):
        for c in range(CELLS):
            total[c] += w[t, c]
            most = max(most, w[t, c])
    spread[:] = 0.0
    for t in range(rows):
        for c in range(CELLS):
            spread[c] += (w[t, c] - total[c] / rows) ** 2
    for c in range(CELLS):
        spread[c] = np.sqrt(spread[c] / rows) + 1e-9
    whole = 0.0
    together = 0.0
    for t in range(rows):
        of_z = 0.0
        of_w = 0.0
        for c in range(CELLS):
            centred = w[t, c] - total[c] / rows
            z[t, c] = centred / spread[c]
            series[c, t] = z[t, c]
            of_z += z[t, c]
            of_w += centred
        series[CELLS, t] = of_z / CELLS
        together += (of_w / CELLS) ** 2
        whole += of_z / CELLS
    power = 0.0
    for t in range(rows):
        power += (series[CELLS, t] - whole / rows) ** 2
    scale = np.sqrt(power / rows) + 1e-9
    for t in range(rows):
        unit[t] = (series[CELLS, t] - whole / rows) / scale
    return total.mean() / rows, spread.mean(), np.sqrt(together / rows), most


@njit(cache=True, nogil=True, error_model="numpy")
def _autocorrelate(x: Any, out: Any) -> None:
    """Along `x`, biased, 1 at lag 0 (0 throughout where nothing moves), for lags up to the length of `out`."""
    lags = len(out)
    out[:] = 0.0
    for t in range(len(x)):
        for lag in range(min(lags, len(x) - t)):
            out[lag] += x[t] * x[t + lag]
    scale = out[0] + TINY
    for lag in range(lags):
        out[lag] /= scale


@njit(cache=True, nogil=True, error_model="numpy")
def _of_cells(series: Any, out: Any) -> None:
    """Mean of the cells' autocorrelations."""
    one = np.empty(len(out))
    out[:] = 0.0
    for c in range(CELLS):
        _autocorrelate(series[c], one)
        for lag in range(len(out)):
            out[lag] += one[lag] / CELLS


@njit(cache=True, nogil=True, error_model="numpy")
def _correlate(z: Any, cross: Any, later: Any) -> None:
    """Every cell with every other, and neighbours one row apart at distances of 1, 2 and 4 cells."""
    rows = len(z)
    cross[:, :] = 0.0
    apart = np.zeros((CELLS, CELLS))
    for t in range(rows):
        for c in range(CELLS):
            for d in range(CELLS):
                cross[c, d] += z[t, c] * z[t, d]
        if t:
            for c in range(CELLS):
                for d in range(CELLS):
                    apart[c, d] += z[t, c] * z[t - 1, d]
    for c in range(CELLS):
        for d in range(CELLS):
            cross[c, d] /= rows
    for k in range(3):
        distance = 1 << k
        total = 0.0
        for c in range(CELLS - distance):
            total += apart[c, c + distance] + apart[c + distance, c]
        later[k] = total / (2.0 * (rows - 1) * (CELLS - distance))


@njit(cache=True, nogil=True, error_model="numpy")
def _moments(z: Any, unit: Any, out: Any) -> None:
    """Third and fourth moment of the cells, and of their mean."""
    rows = len(z)
    out[:] = 0.0
    for t in range(rows):
        for c in range(CELLS):
            cube = z[t, c] * z[t, c] * z[t, c]
            out[0] += cube
            out[1] += cube * z[t, c]
        cube = unit[t] * unit[t] * unit[t]
        out[2] += cube
        out[3] += cube * unit[t]
    out[0] /= rows * CELLS
    out[1] /= rows * CELLS
    out[2] /= rows
    out[3] /= rows


@njit(cache=True, nogil=True, error_model="numpy")
def _changes(z: Any, unit: Any, out: Any) -> None:
    """Third and fourth moment, by spread, of what cells change in 1 and 4 rows, and their mean in 2 and 8."""
    rows = len(z)
    for k in range(2):
        lag = 1 if k == 0 else 4
        total = 0.0
        for t in range(lag, rows):
            for c in range(CELLS):
                total += z[t, c] - z[t - lag, c]
        count = (rows - lag) * CELLS
        middle = total / count
        second = third = fourth = 0.0
        for t in range(lag, rows):
            for c in range(CELLS):
                change = z[t, c] - z[t - lag, c]
                second += (change - middle) * (change - middle)
                third += change * change * change
                fourth += change * change * change * change
        _by_spread(second / count, third / count, fourth / count, out[2 * k : 2 * k + 2])
    for k in range(2):
        lag = 2 if k == 0 else 8
        count = rows - lag
        middle = 0.0
        for t in range(lag, rows):
            middle += (unit[t] - unit[t - lag]) / count
        second = third = fourth = 0.0
        for t in range(lag, rows):
            change = unit[t] - unit[t - lag]
            second += (change - middle) * (change - middle)
            third += change * change * change
            fourth += change * change * change * change
        _by_spread(second / count, third / count, fourth / count, out[4 + 2 * k : 6 + 2 * k])


@njit(cache=True, nogil=True, error_model="numpy")
def _by_spread(second: Any, third: Any, fourth: Any, out: Any) -> None:
    spread = np.sqrt(second) + 1e-9
    out[0] = third / spread**3
    out[1] = fourth / spread**4


@njit(cache=True, nogil=True, error_model="numpy")
def _burst(z: Any, out: Any) -> None:
    """Over pieces of rows: whether the spread goes with the mean, and how much both change."""
    pieces = len(z) // PIECE_ROWS
    mean = np.zeros((pieces, CELLS))
    spread = np.zeros((pieces, CELLS))
    for p in range(pieces):
        for t in range(p * PIECE_ROWS, (p + 1) * PIECE_ROWS):
            for c in range(CELLS):
                mean[p, c] += z[t, c] / PIECE_ROWS
        for t in range(p * PIECE_ROWS, (p + 1) * PIECE_ROWS):
            for c in range(CELLS):
                spread[p, c] += (z[t, c] - mean[p, c]) ** 2 / PIECE_ROWS
        for c in range(CELLS):
            spread[p, c] = np.sqrt(spread[p, c])
    goes_with = change = 0.0
    of_pieces = np.zeros(pieces)
    for c in range(CELLS):
        of_mean = mean[:, c].mean()
        of_spread = spread[:, c].mean()
        ab = aa = bb = 0.0
        for p in range(pieces):
            a = mean[p, c] - of_mean
            b = spread[p, c] - of_spread
            ab += a * b
            aa += a * a
            bb += b * b
            of_pieces[p] += mean[p, c] / CELLS
        goes_with += ab / np.sqrt(aa * bb + TINY)
        change += np.sqrt(bb / pieces) / (of_spread + 1e-9)
    out[0] = goes_with / CELLS
    out[1] = change / CELLS
    out[2] = of_pieces.std()
