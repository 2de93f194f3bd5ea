"""The fast CFAR of many frames against the plain one and a walk over its mask."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from linewatch.signals.cfar import cell_average
from linewatch.signals.line_cfar import LineCfarSettings, LineClusters, find_clusters

NARROW = LineCfarSettings(guard=1, train=4, factor=2.0, min_cells=3, gap=1)


def twin(power: NDArray[Any], valid: NDArray[Any], chosen: LineCfarSettings) -> list[tuple[Any, ...]]:
    """Mask by `cell_average`, clusters by walking over it."""
    valid = valid & (power >= 0.0) & (power <= 1e30)
    mean, cells = cell_average(np.where(valid, power, 0).astype(np.float32), valid, chosen.guard, chosen.train)
    over = valid & (cells >= chosen.min_cells) & (mean > 0.0) & (power > chosen.factor * mean)
    found = []
    for f in range(len(power)):
        hits = np.flatnonzero(over[f])
        for group in np.split(hits, np.flatnonzero(np.diff(hits) > chosen.gap + 1) + 1):
            if len(group) >= max(chosen.min_channels, 1):
                weight = power[f, group].astype(np.float64)
                peak = group[np.argmax(weight)]
                centre = (weight * (group + 0.5)).sum() / weight.sum()
                strength = 10.0 * np.log10(power[f, peak] / mean[f, peak])
                found.append((f, group[0], group[-1] + 1, len(group), peak, centre, strength))
    return found


def rows(found: LineClusters) -> list[tuple[Any, ...]]:
    columns = (found.frame, found.first, found.end, found.cells, found.peak, found.centre, found.strength_db)
    return list(zip(*columns, strict=True))


def line(shape: tuple[int, int], seed: int = 4) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    power = rng.chisquare(6, shape)
    power[rng.random(shape) < 0.05] *= 20.0
    return power.astype(np.float32)


@pytest.mark.parametrize("shape", [(0, 9), (3, 0), (2, 1), (3, 7), (4, 300)])
@pytest.mark.parametrize("chosen", [NARROW, LineCfarSettings(), LineCfarSettings(guard=0, train=1, min_cells=1)])
def test_clusters_agree_with_the_twin(shape: tuple[int, int], chosen: LineCfarSettings) -> None:
    power = line(shape)
    valid = np.random.default_rng(5).random(shape) < 0.9
    if power.size > 10:
        power[1, 2:5] = np.nan, np.inf, -1.0
    want = twin(power, valid, chosen)
    np.testing.assert_allclose(rows(find_clusters(power, valid, chosen)) or np.empty((0, 7)), want or np.empty((0, 7)))


def test_a_table_that_must_grow_loses_nothing() -> None:
    power = np.ones((20, 2000), np.float32)
    power[:, ::50] = 100.0
    found = find_clusters(power, None, NARROW)
    assert len(found.frame) == 20 * 40
    assert found.peak.tolist() == list(range(0, 2000, 50)) * 20


@given(channel=st.integers(0, 199), value=st.sampled_from([np.nan, np.inf, -1.0, 3e38]))
def test_a_bad_cell_counts_like_a_masked_one(channel: int, value: float) -> None:
    power = line((2, 200))
    masked = np.ones(power.shape, bool)
    masked[0, channel] = False
    want = rows(find_clusters(power, masked, NARROW))
    power[0, channel] = value
    assert rows(find_clusters(power, None, NARROW)) == want


def test_narrow_clusters_are_dropped_where_asked_for() -> None:
    power = np.ones((1, 100), np.float32)
    power[0, 20] = power[0, 60:63] = 50.0
    found = find_clusters(power, None, LineCfarSettings(min_channels=2))
    assert rows(found)[0][1:4] == (60, 63, 3)
    assert found.strength_db[0] == pytest.approx(10.0 * np.log10(50.0))


@pytest.mark.parametrize("change", [{"guard": -1}, {"train": 0}, {"gap": -1}, {"factor": 0.0}])
def test_settings_out_of_range_are_named(change: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="guard and gap must be 0 or more"):
        find_clusters(np.ones((1, 5), np.float32), None, LineCfarSettings(**change))


def test_a_mask_of_another_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"valid is \(5,\), power is \(1, 5\)"):
        find_clusters(np.ones((1, 5), np.float32), np.ones(5, bool), NARROW)
