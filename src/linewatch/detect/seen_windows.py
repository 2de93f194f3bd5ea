"""Windows of a fence cable that were looked at once, and what the model said of each: decisions share most of them."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.detect.recent import Recent
from linewatch.signals.act_model import ActModel, log_probabilities
from linewatch.signals.fence_features import CELLS, NAMES, ROWS, fence_features


class SeenWindows(msgspec.Struct):
    """Windows of one stream. What is kept of a window is what looking again would give, bit by bit."""

    end_sample: NDArray[np.int64]
    """(n,) index after the last row of each."""
    first_cell: NDArray[np.int64]
    """(n,) first of its cells."""
    features: NDArray[np.float64]
    """(n, features) of each."""
    log_p: NDArray[np.float64]
    """(n, classes) log-probabilities of each."""


def new_windows(model: ActModel) -> SeenWindows:
    """Nothing looked at: a stream begins."""
    nothing = np.zeros(0, np.int64)
    return SeenWindows(nothing, nothing.copy(), np.zeros((0, len(NAMES))), np.zeros((0, len(model.classes))))


def answers_of(
    seen: SeenWindows, recent: Recent, wanted: Sequence[tuple[int, int]], model: ActModel
) -> tuple[SeenWindows, NDArray[np.float64], NDArray[np.float64]]:
    """Features (n, all) and log-probabilities (n, k) of the wanted windows, and what has been seen by now.

    A window is named by the index after its last row and by its first cell; all its rows must be among the recent ones.
    """
    at = {window: i for i, window in enumerate(zip(seen.end_sample.tolist(), seen.first_cell.tolist(), strict=True))}
    new = [window for window in wanted if window not in at]
    if new:
        at |= {window: len(at) + i for i, window in enumerate(new)}
        samples = np.stack([_rows(recent, end)[:, first : first + CELLS] for end, first in new])
        features = fence_features(samples)
        seen = SeenWindows(
            np.concatenate([seen.end_sample, np.array([end for end, _ in new], np.int64)]),
            np.concatenate([seen.first_cell, np.array([first for _, first in new], np.int64)]),
            np.concatenate([seen.features, features]),
            np.concatenate([seen.log_p, log_probabilities(model, features)]),
        )
    chosen = [at[window] for window in wanted]
    return seen, seen.features[chosen], seen.log_p[chosen]


def still_read(seen: SeenWindows, recent: Recent) -> SeenWindows:
    """Only the windows whose rows are still kept: no decision asks for another."""
    keep = seen.end_sample - ROWS >= recent.first_sample
    if keep.all():
        return seen
    return SeenWindows(seen.end_sample[keep], seen.first_cell[keep], seen.features[keep], seen.log_p[keep])


def _rows(recent: Recent, end_sample: int) -> NDArray[np.float32]:
    rows = recent.before(end_sample, ROWS)
    if rows is None:
        raise ValueError(f"a window that ends at sample {end_sample} is not among the recent rows")
    return rows
