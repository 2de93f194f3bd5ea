"""From straying pixels to blobs: runs of pixels, linked to components, cut where several movers stand abreast.

A pixel stays where at least `least_of_nine` of its three by three are set: single pixels are noise, thin lines are
ropes and branches. Runs of pixels in a row are linked over small gaps, more readily downwards than sideways, because
people are upright and a belt or a sleeve often looks like the background. A component much wider than a person there is
cut at the thinnest columns, one much taller at the height of a person standing at its foot.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

WORD: Final = 8
"""Pixels, bytes of a mask, that are worked on together; the width of a mask is padded to a multiple."""
ONES: Final = 0x0101010101010101
"""A word with all of its pixels set."""
LEAST_RUNS: Final = 1024
PIXELS_A_RUN: Final = 16
"""Pixels of the picture for each run that there is room for; people take a few hundred runs."""
MOST_BLOBS: Final = 256
MOST_PARTS: Final = 12
LEAST_PERSON_PX: Final = 6.0
"""Where a person is smaller, nobody can be made out: nothing is cut."""


class BlobSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When pixels make a blob. Sizes are pixels of the picture that is looked at, or shares of a person's there."""

    least_of_nine: int = 5
    """Set pixels among three by three, itself included, that keep a pixel."""
    gap_rows: int = 4
    """Empty rows over which runs are linked."""
    gap_columns: int = 2
    """Empty columns over which runs are linked."""
    least_px: int = 24
    """Fewest pixels of a blob."""
    least_fill: float = 0.2
    """Fewest pixels, as a share of the box of a person at its foot."""
    least_height: float = 0.4
    """Least height, as a share of a person's."""
    person_aspect: float = 0.44
    """Width of a person's box over its height."""
    abreast: float = 1.45
    """A blob wider than this many persons is cut side by side."""
    apart: float = 1.3
    """Persons that a part of a cut blob is taken to be wide: people abreast swing their arms."""
    stacked: float = 1.5
    """A blob higher than this many persons is cut at the height of one."""


class Blobs(msgspec.Struct):
    """What a mask holds, in the order of their first pixels, parts from left to right; one a row."""

    boxes: NDArray[np.int64]
    """(n, 4) left, top, right, bottom: first column and row, and those after the last."""
    pixels: NDArray[np.int64]
    """(n,) pixels set."""
    component: NDArray[np.int64]
    """(n,) number of the component that it is a part of."""
    small: int = 0
    """Components that were too small."""
    overflow: bool = False
    """Whether there was more than could be looked at: the rest is not in here."""

    def __len__(self) -> int:
        return len(self.boxes)


def find_blobs(
    mask: NDArray[np.uint8], person_px: NDArray[np.float64], settings: BlobSettings
) -> tuple[Blobs, NDArray[np.uint8]]:
    """Return the blobs of a mask, and the mask without its lone pixels.

    Args:
        mask: (height, width), 0 or 1.
        person_px: (height + 1,) height in pixels of a person whose feet are above row i; 0 where none can stand.
            Below `LEAST_PERSON_PX` nothing is cut and `least_px` alone decides.
        settings: sizes.

    Raises:
        ValueError: `person_px` does not fit the mask.
    """
    height, width = mask.shape
    if person_px.shape != (height + 1,):
        raise ValueError(f"person_px has shape {person_px.shape}, a mask of {height} rows needs ({height + 1},)")
    padded = np.ascontiguousarray(mask)
    if width % WORD:
        padded = np.zeros((height, -(-width // WORD) * WORD), np.uint8)
        padded[:, :width] = mask
    cleaned = np.empty_like(padded)
    runs = np.empty((max(mask.size // PIXELS_A_RUN, LEAST_RUNS), 3), np.int32)
    parts = np.empty((MOST_BLOBS, 6), np.int64)
    gaps = settings.least_of_nine, settings.gap_rows, settings.gap_columns
    sizes = (
        float(settings.least_px),
        settings.least_fill,
        settings.least_height,
        settings.person_aspect,
        settings.abreast,
        settings.apart,
        settings.stacked,
    )
    n, small, overflow = _find(padded, cleaned, width, person_px, gaps, sizes, runs, parts)
    found = Blobs(parts[:n, :4], parts[:n, 4], parts[:n, 5], small, overflow)
    return found, cleaned[:, :width]


@njit(cache=True, nogil=True)
def _find(
    padded: Any, cleaned: Any, width: Any, person_px: Any, gaps: Any, sizes: Any, runs: Any, parts: Any
) -> tuple[Any, Any, Any]:
    """All of it in one call, since calls cost time as well; gives the number of parts, small ones, overflow."""
    words = cleaned.view(np.uint64)
    _clean(padded.view(np.uint64), gaps[0], words)
    cleaned[:, width:] = 0  # a pixel beyond the border may have had enough beside it
    n_runs, full = _note_runs(words, cleaned, runs)
    component, n_components = _link(runs[:n_runs], len(cleaned), gaps[1], gaps[2])
    n, small, crowded = _cut_components(runs[:n_runs], component, n_components, person_px, sizes, parts)
    return n, small, full or crowded


@njit(cache=True, nogil=True)
def _clean(words: Any, least: Any, cleaned: Any) -> None:
    """Keep pixels with enough set among three by three; beyond the border nothing is set.

    Eight pixels are counted together, as the bytes of a word: none of them ever exceeds nine, so none spills over.
    """
    height, n = words.shape
    one, eight, seven, fifty_six = np.uint64(ONES), np.uint64(8), np.uint64(7), np.uint64(56)
    enough = np.uint64(128 - least) * one  # lifts the highest bit of a byte that holds `least` or more
    column = np.zeros(n + 2, np.uint64)
    for y in range(height):
        above, below = max(y - 1, 0), min(y + 1, height - 1)
        for k in range(n):
            column[k + 1] = words[y, k]
        if y > 0:
            for k in range(n):
                column[k + 1] += words[above, k]
        if y < height - 1:
            for k in range(n):
                column[k + 1] += words[below, k]
        for k in range(n):
            here = column[k + 1]
            before = (here << eight) | (column[k] >> fifty_six)
            after = (here >> eight) | (column[k + 2] << fifty_six)
            cleaned[y, k] = ((here + before + after + enough) >> seven) & one


@njit(cache=True, nogil=True)
def _note_runs(words: Any, pixels: Any, runs: Any) -> tuple[Any, Any]:
    """Runs of set pixels by row, as row, first column, column after the last; and whether there were more."""
    height, n_words = words.shape
    one = np.uint64(ONES)
    n = 0
    for y in range(height):
        begin = -1
        for k in range(n_words):
            word = words[y, k]
            if (word == 0 and begin < 0) or (word == one and begin >= 0):
                continue
            for x in range(k * WORD, k * WORD + WORD):
                if pixels[y, x] and begin < 0:
                    begin = x
                elif not pixels[y, x] and begin >= 0:
                    n = _note_run(runs, n, y, begin, x)
                    begin = -1
        if begin >= 0:
            n = _note_run(runs, n, y, begin, n_words * WORD)
    return min(n, len(runs)), n > len(runs)


@njit(cache=True, nogil=True, inline="always")
def _note_run(runs: Any, n: Any, row: Any, begin: Any, end: Any) -> Any:
    if n < len(runs):
        runs[n, 0] = row
        runs[n, 1] = begin
        runs[n, 2] = end
    return n + 1


@njit(cache=True, nogil=True)
def _root(parent: Any, i: Any) -> Any:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(cache=True, nogil=True)
def _link(runs: Any, height: Any, gap_rows: Any, gap_columns: Any) -> tuple[Any, Any]:
    """Number of the component of each run, from 0 in the order of first runs: by union-find."""
    n = len(runs)
    parent = np.arange(n)
    start = np.zeros(height + 1, np.int64)  # first run of each row
    for i in range(n):
        start[runs[i, 0] + 1] += 1
        if i and runs[i, 0] == runs[i - 1, 0] and runs[i, 1] <= runs[i - 1, 2] + gap_columns:
            parent[i] = i - 1
    start = np.cumsum(start)
    for y in range(height):
        if start[y] < start[y + 1]:
            for above in range(max(y - gap_rows - 1, 0), y):
                _link_rows(runs, parent, start[above], start[above + 1], start[y], start[y + 1])
    number = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        root = _root(parent, i)
        if root == i:
            number[i] = count
            count += 1
        else:
            number[i] = number[root]
    return number, count


@njit(cache=True, nogil=True)
def _link_rows(runs: Any, parent: Any, i: Any, i_end: Any, j: Any, j_end: Any) -> None:
    """Link the runs of two rows that touch, corners included; both rows are walked once, side by side."""
    while i < i_end and j < j_end:
        if runs[i, 1] <= runs[j, 2] and runs[j, 1] <= runs[i, 2]:
            a, b = _root(parent, i), _root(parent, j)
            if a != b:
                parent[max(a, b)] = min(a, b)
        if runs[i, 2] < runs[j, 2]:
            i += 1
        else:
            j += 1


@njit(cache=True, nogil=True)
def _cut_components(
    runs: Any, component: Any, n_components: Any, person_px: Any, sizes: Any, parts: Any
) -> tuple[Any, Any, Any]:
    """Fill `parts` with left, top, right, bottom, pixels, component; return their number, small ones, and overflow."""
    width = 0
    where = np.zeros(n_components + 1, np.int64)  # runs by component, in their order: a counting sort
    for i in range(len(runs)):
        width = max(width, runs[i, 2])
        where[component[i] + 1] += 1
    where = np.cumsum(where)
    order = np.empty(len(runs), np.int64)
    for i in range(len(runs)):
        order[where[component[i]]] = i
        where[component[i]] += 1
    columns = np.zeros(width, np.int64)
    n, small, at, crowded = 0, 0, 0, False
    for c in range(n_components):
        begin = at
        pixels = 0
        while at < len(order) and component[order[at]] == c:
            pixels += runs[order[at], 2] - runs[order[at], 1]
            at += 1
        if pixels < sizes[0]:
            small += 1
            continue
        before = n
        n, more = _cut(runs, order[begin:at], c, person_px, sizes, columns, parts, n)
        crowded |= more
        if n > len(parts) - MOST_PARTS:
            return n, small, crowded or c + 1 < n_components
        small += n == before
    return n, small, crowded


@njit(cache=True, nogil=True)
def _cut(runs: Any, members: Any, c: Any, person_px: Any, sizes: Any, columns: Any, parts: Any, n: Any) -> Any:
    """Add the parts of one component and tell whether some had no room: a work list of rectangles, tight first."""
    least_px, least_fill, least_height, aspect, abreast, apart, stacked = sizes
    todo = np.empty((2 * MOST_PARTS, 5), np.int64)  # left, top, right, bottom, whether it may be cut side by side
    todo[0] = (0, 0, len(columns), len(person_px), 1)
    waiting, first = 1, n
    while waiting > 0 and n - first < MOST_PARTS:
        waiting -= 1
        whole = todo[waiting, 4]
        left, top, right, bottom, pixels = _tight(runs, members, todo[waiting, :4], columns)
        person = person_px[bottom] if pixels else 0.0
        person = person if person >= LEAST_PERSON_PX else 0.0
        if pixels < least_px:
            continue
        room = len(todo) - waiting
        if person > 0.0 and bottom - top > stacked * person and room > 2:
            middle = bottom - round(person)
            todo[waiting] = (left, middle, right, bottom, whole)
            todo[waiting + 1] = (left, top, right, middle, whole)
            waiting += 2
        elif whole and person > 0.0 and right - left > abreast * aspect * person and room > MOST_PARTS:
            count = round((right - left) / (apart * aspect * person))
            cuts = _valleys(columns, left, right, min(max(count, 2), MOST_PARTS), aspect * person)
            for k in range(len(cuts) - 2, -1, -1):
                todo[waiting] = (cuts[k], top, cuts[k + 1], bottom, 0)
                waiting += 1
        elif pixels >= least_fill * aspect * person * person and bottom - top >= least_height * person:
            parts[n] = (left, top, right, bottom, pixels, c)
            n += 1
    return n, waiting > 0


@njit(cache=True, nogil=True)
def _tight(runs: Any, members: Any, within: Any, columns: Any) -> tuple[Any, Any, Any, Any, Any]:
    """Bounds and pixels of what lies within a rectangle; fills `columns` with the pixels of each column there."""
    left, top, right, bottom, pixels = within[2], within[3], within[0], within[1], 0
    columns[within[0] : within[2]] = 0
    for i in members:
        begin, end = max(runs[i, 1], within[0]), min(runs[i, 2], within[2])
        if within[1] <= runs[i, 0] < within[3] and begin < end:
            left, right = min(left, begin), max(right, end)
            top, bottom = min(top, runs[i, 0]), max(bottom, runs[i, 0] + 1)
            pixels += end - begin
            columns[begin:end] += 1
    return left, top, right, bottom, pixels


@njit(cache=True, nogil=True)
def _valleys(columns: Any, left: Any, right: Any, count: Any, person_width: Any) -> Any:
    """Where to cut `count` parts: near equal shares, at the columns with the fewest pixels."""
    share = (right - left) / count
    cuts = [left]
    for k in range(1, count):
        middle = left + k * share
        low = int(max(cuts[-1] + 0.5 * person_width, middle - 0.35 * share))
        high = min(int(middle + 0.35 * share) + 1, right - 1)
        best, least = -1, np.inf
        for x in range(low, high):
            cost = columns[x] + 0.05 * abs(x - middle)
            if cost < least:
                best, least = x, cost
        if best >= 0:
            cuts.append(best)
    cuts.append(right)
    return cuts


def ages_of(boxes: NDArray[np.int64], before: NDArray[np.int64], ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Frames in a row in which there was something: one more than the oldest of the boxes before that a box overlaps.

    Args:
        boxes: (n, 4) left, top, right, bottom in this frame.
        before: (m, 4) in the frame before.
        ages: (m,) their ages, 1 or more.

    Returns:
        (n,) ages, 1 where a box overlaps none.
    """
    out = np.ones(len(boxes), np.int64)
    _ages_of(boxes, before, ages, out)
    return out


@njit(cache=True, nogil=True)
def _ages_of(boxes: Any, before: Any, ages: Any, out: Any) -> None:
    for i in range(len(boxes)):
        for j in range(len(before)):
            across = min(boxes[i, 2], before[j, 2]) > max(boxes[i, 0], before[j, 0])
            if across and min(boxes[i, 3], before[j, 3]) > max(boxes[i, 1], before[j, 1]):
                out[i] = max(out[i], ages[j] + 1)
