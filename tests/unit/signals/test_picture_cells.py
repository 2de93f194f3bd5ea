"""Cells of pictures against plain numpy, on random pictures, with NaN and at the edges."""

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.signals.picture_cells import CHANGED_LEVELS, COLUMNS, FULL_LEVEL, ROWS, Cells, cells_of
from linewatch.signals.view import ViewLimits, compare, judge


def twin(frame: NDArray[np.float32], previous: NDArray[np.int16]) -> list[NDArray[np.float64]]:
    """The same in numpy, cell by cell."""
    height, width = frame.shape
    plain = np.nan_to_num(frame.astype(np.float64))
    beside = np.abs(np.diff(frame, axis=1, append=frame[:, -1:]))
    under = np.abs(np.diff(frame, axis=0, append=frame[-1:]))
    steps = np.nan_to_num(beside) + np.nan_to_num(under)
    out = [np.zeros((ROWS, COLUMNS)) for _ in range(4)]
    for r in range(ROWS):
        rows = slice(r * height // ROWS, (r + 1) * height // ROWS)
        for c in range(COLUMNS):
            part = (rows, slice(c * width // COLUMNS, (c + 1) * width // COLUMNS))
            out[0][r, c] = plain[part].mean()
            out[1][r, c] = steps[part].mean() / 2.0
            out[2][r, c] = (plain[part] >= FULL_LEVEL).mean()
            out[3][r, c] = (np.abs(plain[part] - previous[part]) > CHANGED_LEVELS).mean()
    return out


@pytest.mark.parametrize("shape", [(18, 24), (57, 83), (120, 160)])
def test_cells_are_those_of_plain_numpy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    frame = np.rint(rng.uniform(0, 255, shape)).astype(np.float32)
    previous = np.where(rng.random(shape) < 0.5, frame, 7).astype(np.int16)
    expected = twin(frame, previous)
    found = cells_of(frame, previous, first=False)
    for array, wanted in zip((found.level, found.edge, found.full, found.changed), expected, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-4, atol=1e-4)
    assert (previous == frame).all()


def test_both_types_of_sample_give_the_same_cells() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (60, 80))
    one = cells_of(frame.astype(np.int16), np.zeros((60, 80), np.int16), first=False)
    other = cells_of(frame.astype(np.float32), np.zeros((60, 80), np.int16), first=False)
    assert all((getattr(one, name) == getattr(other, name)).all() for name in Cells.__struct_fields__)


def test_pixels_that_are_no_number_are_dark_and_have_no_edges() -> None:
    frame = np.full((36, 48), np.nan, np.float32)
    found = cells_of(frame, np.zeros((36, 48), np.int16), first=True)
    assert found.level.max() == found.edge.max() == 0.0 and found.changed.min() == 1.0


@pytest.mark.parametrize(("frame", "previous"), [((17, 24), (17, 24)), ((36, 48), (36, 47))])
def test_pictures_that_are_too_small_or_do_not_fit_are_refused(
    frame: tuple[int, int], previous: tuple[int, int]
) -> None:
    with pytest.raises(ValueError, match=r"a picture of|the frame has shape"):
        cells_of(np.zeros(frame, np.float32), np.zeros(previous, np.int16), first=False)


def test_a_picture_is_clear_beside_itself_and_figures_are_neutral() -> None:
    frame = np.random.default_rng(3).uniform(0, 240, (120, 160)).astype(np.float32)
    cells = cells_of(frame, np.zeros((120, 160), np.int16), first=True)
    figures = compare(cells, cells, ViewLimits())
    assert judge(figures, ViewLimits()) == "clear"
    assert (figures.full, figures.lifted, figures.fresh) == (0.0, 0.0, 0.0)
    assert figures.likeness == pytest.approx(1.0) and figures.contrast == figures.sharp == 1.0


def test_a_picture_without_any_pattern_is_not_compared_by_its_pattern() -> None:
    flat = cells_of(np.full((120, 160), 90.0, np.float32), np.zeros((120, 160), np.int16), first=True)
    assert judge(compare(flat, flat, ViewLimits()), ViewLimits()) == "clear"
