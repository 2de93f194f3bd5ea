"""Is this still the usual view? One picture's cells against the camera's reference, and what differs.

A few figures tell the ways of losing a view apart; all but the share of full cells are medians over tiles of 6 by 6
cells or over textured cells, so that a passer-by or a hand before the lens, who covers a part of it, moves them
little.

- light on the lens fills pixels, brightens its surroundings and, by scatter in the lens, lifts even the darkest cells;
- a cover takes contrast and edges away and leaves a dim level; darkness scales the whole picture down;
- fog takes contrast and lifts the darkest cells towards the sky's level (Koschmieder's law);
- lost focus takes edges away and leaves the level of every cell;
- a turned camera keeps contrast and edges and has them elsewhere;
- a frozen picture differs in nothing from the one before, not even in noise.
"""

from typing import Any, Final, Literal

import msgspec
import numpy as np
from numba import njit

from linewatch.signals.picture_cells import COLUMNS, ROWS, Cells

View = Literal["clear", "dazzled", "covered", "defocused", "moved", "frozen", "fogged", "dark"]

TILE: Final = 6
"""Cells down and across a tile."""
_LEAST_SPREAD: Final = 4.0  # grey levels; a tile with less in the reference has no pattern to compare
_LEAST_TILES: Final = 3
_FIGURES: Final = 11


class ViewLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From where on a view is lost. Levels are grey levels, 0 to 255; the rest are shares or ratios to the usual."""

    full: float = 0.015
    """Share of the picture that is full and was not: the core of a light on the lens."""
    bright: float = 0.03
    """Share of cells brighter than usual by `bright_levels`."""
    bright_levels: float = 50.0
    """How much brighter a cell is that counts as bright."""
    flat: float = 0.45
    """Contrast under which the picture is washed out, covered or dark."""
    lifted_levels: float = 25.0
    """Rise of the darkest cells that makes it fog."""
    dark: float = 0.2
    """Share of the usual level under which it is dark, where the usual pattern is left."""
    likeness: float = 0.6
    """Correlation under which a pattern is another one."""
    fresh: float = 0.12
    """Share of cells with new edges from which the camera looks elsewhere: light, fog and covers bring none."""
    sharp: float = 0.6
    """Share of the usual edges under which the picture is out of focus."""
    still: float = 0.95
    """Share of cells without any change from which a picture repeats the one before: a clock on it may go on."""


class ViewFigures(msgspec.Struct, frozen=True):
    """One picture against the reference."""

    full: float
    """Share of the picture that is full and usually is not."""
    bright: float
    """Share of cells that are far brighter than usual."""
    level: float
    """Mean grey level."""
    usual_level: float
    """That of the reference."""
    lifted: float
    """How far the darkest cells have risen, in grey levels."""
    likeness: float
    """Median correlation of the tiles with the reference, -1 to 1."""
    contrast: float
    """Median ratio of the tiles' spread to the reference's."""
    sharp: float
    """Median ratio of edges in textured cells."""
    still: float
    """Share of cells that differ from the frame before in no pixel."""
    usable: float
    """Share of textured cells that are not full and have half of their edges."""
    fresh: float
    """Share of cells with far more edges than usual: things where none were."""


def compare(cells: Cells, usual: Cells, limits: ViewLimits) -> ViewFigures:
    """Figures of a picture's cells against the reference's."""
    out = np.zeros(_FIGURES)
    _compare(
        cells.level, cells.edge, cells.full, cells.changed, usual.level, usual.edge, usual.full,
        limits.bright_levels, out,
    )  # fmt: skip
    return ViewFigures(*out.tolist())


def judge(f: ViewFigures, limits: ViewLimits) -> View:
    """What the figures of one picture say; the order is that of the evidence, the clearest first."""
    elsewhere = f.fresh >= limits.fresh and f.contrast >= limits.flat
    if f.full >= limits.full and f.bright >= limits.bright and not (elsewhere and f.likeness < limits.likeness):
        return "dazzled"
    if f.still >= limits.still:
        return "frozen"
    if f.contrast < limits.flat:
        if f.lifted >= limits.lifted_levels:
            return "fogged"
        if f.level < limits.dark * f.usual_level and f.likeness >= limits.likeness:
            return "dark"
        return "covered"
    if elsewhere or f.likeness < limits.likeness:
        return "moved"
    return "defocused" if f.sharp < limits.sharp else "clear"


def glare_centre(cells: Cells, usual: Cells) -> tuple[float, float, float] | None:
    """Where the core of a light lies: share across, share down, and its width as a share of the picture's.

    None where nothing is full that usually is not, or where the core runs over the sides and its middle is not seen.
    """
    core = np.clip(cells.full - usual.full, 0.0, None).astype(np.float64)
    total = float(core.sum())
    beside = float(core[:, 0].mean() + core[:, -1].mean())
    if total <= 0.0 or beside > 0.5:
        return None
    across = (np.arange(COLUMNS) + 0.5) / COLUMNS
    down = (np.arange(ROWS) + 0.5) / ROWS
    return (
        float(core.sum(axis=0) @ across) / total,
        float(core.sum(axis=1) @ down) / total,
        2.0 * (total / core.size * ROWS / COLUMNS / np.pi) ** 0.5,
    )


def learn(usual: Cells, cells: Cells, rate: float) -> None:
    """Move the reference towards a clear picture; changes `usual`."""
    for name in ("level", "edge", "full"):
        kept = getattr(usual, name)
        kept += np.float32(rate) * (getattr(cells, name) - kept)


@njit(cache=True, nogil=True)
def _tile(level: Any, usual: Any, top: Any, left: Any) -> Any:
    """Spread of both in a tile, and their covariance."""
    sums = np.zeros(5)
    for r in range(top, top + TILE):
        for c in range(left, left + TILE):
            a, b = np.float64(level[r, c]), np.float64(usual[r, c])
            sums[0] += a
            sums[1] += b
            sums[2] += a * a
            sums[3] += b * b
            sums[4] += a * b
    sums /= TILE * TILE
    return (
        np.sqrt(max(sums[2] - sums[0] * sums[0], 0.0)),
        np.sqrt(max(sums[3] - sums[1] * sums[1], 0.0)),
        sums[4] - sums[0] * sums[1],
    )


@njit(cache=True, nogil=True)
def _compare(
    level: Any, edge: Any, full: Any, changed: Any, usual_level: Any, usual_edge: Any, usual_full: Any,
    bright_levels: Any, out: Any,
) -> None:  # fmt: skip
    rows, columns = level.shape
    n = rows * columns
    textured = np.median(usual_edge)
    ratios = np.empty(n)
    count = usable = 0
    for r in range(rows):
        for c in range(columns):
            out[0] += max(full[r, c] - usual_full[r, c], 0.0) / n
            out[1] += (level[r, c] - usual_level[r, c] > bright_levels) / n
            out[2] += level[r, c] / n
            out[3] += usual_level[r, c] / n
            out[8] += (changed[r, c] <= 0.0) / n
            out[10] += (edge[r, c] > 1.6 * usual_edge[r, c] + 1.0) / n
            if usual_edge[r, c] >= textured and usual_edge[r, c] > 0.0:
                ratios[count] = edge[r, c] / usual_edge[r, c]
                usable += ratios[count] >= 0.5 and full[r, c] < 0.3
                count += 1
    out[4] = np.percentile(level, 5.0) - np.percentile(usual_level, 5.0)
    out[7] = np.median(ratios[:count]) if count else 1.0
    out[9] = usable / count if count else 1.0
    likeness, contrast = np.empty(n), np.empty(n)
    tiles = 0
    for top in range(0, rows, TILE):
        for left in range(0, columns, TILE):
            spread, usual_spread, shared = _tile(level, usual_level, top, left)
            if usual_spread >= _LEAST_SPREAD:
                likeness[tiles] = shared / (spread * usual_spread) if spread > 0.0 else 0.0
                contrast[tiles] = spread / usual_spread
                tiles += 1
    out[5] = np.median(likeness[:tiles]) if tiles >= _LEAST_TILES else 1.0
    out[6] = np.median(contrast[:tiles]) if tiles >= _LEAST_TILES else 1.0
