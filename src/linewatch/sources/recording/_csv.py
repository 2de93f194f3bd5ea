"""Samples out of comma-separated text. A row that is not as it must be keeps its place in time as a row of NaN."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class CsvTable(NamedTuple):
    """What one file holds."""

    values: NDArray[np.float32]
    """(n_rows, n_columns); a cell that is no number is NaN."""
    odd_rows: tuple[int, ...]
    """Rows with another number of cells than the first; all NaN."""


def read_csv(path: Path) -> CsvTable:
    """The table in a file. A first line in which no cell is a number is taken for names and left out.

    Raises `OSError` where the file cannot be read, `ValueError` where it holds no number at all.
    """
    lines = path.read_text(encoding="utf-8-sig", errors="replace").rstrip().split("\n")
    if lines and not any(_is_number(cell) for cell in lines[0].split(",")):
        lines = lines[1:]
    if not lines or not any(_is_number(cell) for cell in lines[0].split(",")):
        raise ValueError("no row of numbers separated by commas")
    try:
        values = np.loadtxt(lines, delimiter=",", dtype=np.float64, ndmin=2, comments=None)
        if len(values) == len(lines):
            return CsvTable(_float32(values), ())
    except ValueError:
        pass  # Some cell is empty or no number, or some row has another length: look at each.
    return _row_by_row(lines)


def _row_by_row(lines: list[str]) -> CsvTable:
    width = lines[0].count(",") + 1
    values = np.full((len(lines), width), np.nan)
    odd: list[int] = []
    for row, line in enumerate(lines):
        cells = line.split(",")
        if len(cells) == width and (width > 1 or line.strip()):
            values[row] = [float(cell) if _is_number(cell) else np.nan for cell in cells]
        else:
            odd.append(row)
    return CsvTable(_float32(values), tuple(odd))


def _float32(values: NDArray[np.float64]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # What float32 cannot hold becomes infinite, and is then counted as such.
        return values.astype(np.float32)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
