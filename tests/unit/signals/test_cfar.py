"""Cell averaging and ordered statistics against their definitions."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.signals.cfar import REACH, RESOLUTION, cell_average, ordered_statistic

SHAPES = [(0, 5), (3, 0), (2, 1), (3, 2), (4, 50)]
WINDOWS = [(-1, 1), (-1, 9), (0, 1), (0, 4), (3, 5), (2, 100)]


def training_cells(valid: NDArray[Any], frame: int, cell: int, guard: int, train: int) -> NDArray[Any]:
    distance = np.abs(np.arange(valid.shape[1]) - cell)
    return np.flatnonzero((distance > guard) & (distance <= guard + train) & valid[frame])


@pytest.fixture(params=SHAPES, ids=str)
def levels(request: pytest.FixtureRequest) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(11)
    level_db = rng.normal(0.0, 20.0, request.param)
    valid = rng.random(request.param) < 0.8
    level_db[~valid] = np.nan
    return level_db, valid


@pytest.mark.parametrize(("guard", "train"), WINDOWS)
def test_cell_average_is_the_mean_of_the_training_cells(
    levels: tuple[NDArray[Any], NDArray[Any]], guard: int, train: int
) -> None:
    level_db, valid = levels
    power = (10.0 ** (level_db / 10.0)).astype(np.float32)
    mean, cells = cell_average(power, valid, guard, train)
    for f, c in np.ndindex(power.shape):
        train_at = training_cells(valid, f, c, guard, train)
        assert cells[f, c] == len(train_at)
        want = power[f, train_at].astype(np.float64).mean() if len(train_at) else np.nan
        assert mean[f, c] == pytest.approx(want, rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize(("guard", "train"), WINDOWS)
@pytest.mark.parametrize("rank", [0.0, 0.5, 0.75, 1.0])
def test_ordered_statistic_is_the_ranked_training_cell(
    levels: tuple[NDArray[Any], NDArray[Any]], guard: int, train: int, rank: float
) -> None:
    level_db, valid = levels
    quantile, cells = ordered_statistic(level_db, valid, guard, train, rank)
    for f, c in np.ndindex(level_db.shape):
        ordered = np.sort(level_db[f, training_cells(valid, f, c, guard, train)])
        assert cells[f, c] == len(ordered)
        want = ordered[int(rank * (len(ordered) - 1))] if len(ordered) else np.nan
        assert quantile[f, c] == pytest.approx(want, abs=RESOLUTION / 2 + 1e-9, nan_ok=True)


def test_values_beyond_reach_are_clamped() -> None:
    quantile, _ = ordered_statistic(np.array([[-9e9, 9e9]]), np.ones((1, 2), bool), 0, 1, 0.5)
    np.testing.assert_allclose(quantile, [[REACH, -REACH]])


def test_an_extended_event_lifts_the_average_and_not_the_ordered_statistic() -> None:
    power = np.ones((1, 200), np.float32)
    power[0, 90:110] = 1e4
    valid = np.ones(power.shape, bool)
    average, _ = cell_average(power, valid, 3, 40)
    middle, _ = ordered_statistic(10.0 * np.log10(power.astype(float)), valid, 3, 40, 0.5)
    assert average[0, 100] > 1e3
    assert middle[0, 100] == pytest.approx(0.0, abs=RESOLUTION)


@pytest.mark.parametrize(
    ("guard", "train", "rank", "says"), [(-2, 1, 0.5, "guard is -2"), (0, 0, 0.5, "train is 0"), (0, 1, 1.5, "rank is")]
)
def test_bad_windows_are_named(guard: int, train: int, rank: float, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ordered_statistic(np.zeros((1, 3)), np.ones((1, 3), bool), guard, train, rank)
