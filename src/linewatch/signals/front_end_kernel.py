"""The kernel of `front_end`: what it keeps of each channel, and how it goes through the samples.

**Bits.** Sums of products are spelt out as `fma`, so that the compiler has nothing to choose: the same samples
give the same bits however they are cut into calls or spread over tiles.

**Tiny numbers.** Arithmetic on denormal numbers is up to a hundred times slower on some processors. The offset is
lowered by `NUDGE`, which the band-pass removes again, and an output below `QUIETEST` counts as none; together with
the new start of powerless channels this keeps every state zero or normal, at no cost.
"""

from typing import Any, Final

import numpy as np
from numba import njit

from linewatch.signals.intrinsics import fma, prefetch

TILE: Final = 256
"""Channels per tile: the tile's state stays in the first-level cache."""
AHEAD: Final = 8
"""Rows read ahead by hand: hardware prefetching does not follow a stride of one row."""
NUDGE: Final = np.float32(1e-20)
QUIETEST: Final = np.float32(1e-16)
"""Band-passed samples below this count as zero."""
LARGEST: Final = np.float32(1e12)
"""Times the gain of the band-pass: samples farther than this from the offset are no numbers to us."""
NEVER: Final = np.float32(np.inf)

# Rows of the state. All are float32 (counts in a block are exact): one type in one array is what lets the
# compiler vectorise the inner loop.
SECTIONS: Final = 0  # two for each of four sections
SHORT: Final = 8
LONG: Final = 9
TRIGGER: Final = 10  # 1 while triggered
ARMED: Final = 11  # ratio that triggers; infinite until the averages have settled
OFFSET: Final = 12  # gain times the channel's offset; NaN before its start
HELD: Final = 13  # last good input of the cascade
AGE: Final = 14  # blocks since the start
STILL: Final = 15  # blocks in a row that held nothing but one value
OPEN: Final = 16  # from here on: figures of the open block
POWER: Final = 16  # sum
ACTIVE: Final = 17  # samples
ONSETS: Final = 18  # count
FIRST: Final = 19  # sample of the first onset within the block
BAD: Final = 20  # samples
LOW: Final = 21
HIGH: Final = 22
ROWS: Final = 23
WORK: Final = 23  # scratch only: five rows of samples on their way
LAST: Final = 27
SCRATCH_ROWS: Final = 28


@njit(cache=True, nogil=True, error_model="numpy")
def advance_tiles(
    x: Any, coefficients: Any, block: Any, settle: Any, stride: Any, position: Any, tiles: Any,
    reals: Any, counts: Any, decimated: Any,
) -> None:  # fmt: skip
    """Tiles of channels outside, samples in order, channels innermost so that the loops vectorise."""
    c = coefficients
    fixed = (c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7], c[8], c[9], c[10], c[11])
    for k in range(len(tiles)):
        low = k * TILE
        width = min(TILE, x.shape[1] - low)
        _run_tile(
            x, low, width, fixed, c[12], block, settle, stride, position, tiles[k],
            reals[:, :, low:], counts[:, :, low:], decimated[:, low:],
        )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def _run_tile(
    x: Any, low: Any, width: Any, fixed: Any, on: Any, block: Any, settle: Any, stride: Any, position: Any, tile: Any,
    reals: Any, counts: Any, decimated: Any,
) -> None:  # fmt: skip
    """All samples of one tile."""
    # The tile's state in an array that nothing else can share, which is what lets the loops vectorise.
    s = np.empty(SCRATCH_ROWS * TILE, np.float32)
    s[: ROWS * TILE] = tile
    waiting = True
    filled, closed, kept = position, 0, 0
    t = 0
    while t < len(x):
        if waiting and filled == 0:
            waiting = _start(x[t, low:], s, width, fixed[0])
        # Five rows in a go where neither a block nor a stride ends in between.
        rows = min(len(x) - t, block - filled, stride - filled % stride if stride > 0 else 5, 5)
        if rows == 5:
            for row in range(t + AHEAD, min(t + AHEAD + 5, len(x))):
                for i in range(0, width, 16):
                    prefetch(x, row, low + i)
            _five_rows(x, t, low, width, np.float32(filled), fixed, s)
        else:
            _few_rows(x, t, rows, low, width, np.float32(filled), fixed, s)
        t += rows
        filled += rows
        if stride > 0 and filled % stride == 0:
            for i in range(width):
                decimated[kept, i] = s[LAST * TILE + i]
            kept += 1
        if filled == block:
            stopped = _close(
                s, width, np.float32(block), np.float32(settle), on, reals[:, closed], counts[:, closed]
            )  # fmt: skip
            waiting = waiting or stopped
            filled = 0
            closed += 1
    tile[:] = s[: ROWS * TILE]


@njit(cache=True, nogil=True, error_model="numpy")
def _five_rows(x: Any, t: Any, low: Any, width: Any, at: Any, fixed: Any, s: Any) -> None:
    """Advance by five samples; the compiler keeps a channel's state in registers between them.

    Three loops with short bodies rather than one: what the processor can look ahead over is limited. All samples of a
    channel are read before its state is written, which may be in the same place for all the compiler knows.
    """
    row0, row1, row2, row3, row4 = x[t, low:], x[t + 1, low:], x[t + 2, low:], x[t + 3, low:], x[t + 4, low:]
    for i in range(width):
        x0, x1, x2, x3 = np.float32(row0[i]), np.float32(row1[i]), np.float32(row2[i]), np.float32(row3[i])
        x4 = np.float32(row4[i])
        s[WORK * TILE + i] = _clean(s, i, x0, fixed[0])
        s[(WORK + 1) * TILE + i] = _clean(s, i, x1, fixed[0])
        s[(WORK + 2) * TILE + i] = _clean(s, i, x2, fixed[0])
        s[(WORK + 3) * TILE + i] = _clean(s, i, x3, fixed[0])
        s[LAST * TILE + i] = _clean(s, i, x4, fixed[0])
    for i in range(width):
        s[WORK * TILE + i] = _band_pass(s, i, s[WORK * TILE + i], fixed)
        s[(WORK + 1) * TILE + i] = _band_pass(s, i, s[(WORK + 1) * TILE + i], fixed)
        s[(WORK + 2) * TILE + i] = _band_pass(s, i, s[(WORK + 2) * TILE + i], fixed)
        s[(WORK + 3) * TILE + i] = _band_pass(s, i, s[(WORK + 3) * TILE + i], fixed)
        s[LAST * TILE + i] = _band_pass(s, i, s[LAST * TILE + i], fixed)
    for i in range(width):
        _trigger(s, i, s[WORK * TILE + i], at, fixed)
        _trigger(s, i, s[(WORK + 1) * TILE + i], at + np.float32(1), fixed)
        _trigger(s, i, s[(WORK + 2) * TILE + i], at + np.float32(2), fixed)
        _trigger(s, i, s[(WORK + 3) * TILE + i], at + np.float32(3), fixed)
        _trigger(s, i, s[LAST * TILE + i], at + np.float32(4), fixed)


@njit(cache=True, nogil=True, error_model="numpy")
def _few_rows(x: Any, t: Any, n_rows: Any, low: Any, width: Any, at: Any, fixed: Any, s: Any) -> None:
    """Advance by one to four samples; each passes through the last of the work rows."""
    for k in range(n_rows):
        row = x[t + k, low:]
        for i in range(width):
            s[LAST * TILE + i] = _clean(s, i, np.float32(row[i]), fixed[0])
        for i in range(width):
            s[LAST * TILE + i] = _band_pass(s, i, s[LAST * TILE + i], fixed)
        for i in range(width):
            _trigger(s, i, s[LAST * TILE + i], at + np.float32(k), fixed)


@njit(inline="always")
def _clean(s: Any, i: Any, x: Any, gain: Any) -> Any:
    """Return the input of the cascade: the sample without the channel's offset, or the one before where it is bad."""
    zero, one = np.float32(0), np.float32(1)
    step = fma(x, gain, -s[OFFSET * TILE + i])
    good = abs(step) < LARGEST  # false for NaN
    held = s[HELD * TILE + i]
    held = step if good else held
    s[HELD * TILE + i] = held
    s[BAD * TILE + i] += zero if good else one
    low = s[LOW * TILE + i]
    s[LOW * TILE + i] = x if x < low else low  # noqa: FURB136 - NaN must not get in
    high = s[HIGH * TILE + i]
    s[HIGH * TILE + i] = x if x > high else high  # noqa: FURB136
    return held


@njit(inline="always")
def _band_pass(s: Any, i: Any, v: Any, fixed: Any) -> Any:
    """Return the output of the cascade, zero where it is next to nothing."""
    y = v + s[i]
    s[i] = fma(fixed[1], y, s[TILE + i])
    s[TILE + i] = fma(fixed[2], y, -v)
    v = y + s[2 * TILE + i]
    s[2 * TILE + i] = fma(fixed[3], v, s[3 * TILE + i])
    s[3 * TILE + i] = fma(fixed[4], v, -y)
    y = v + s[4 * TILE + i]
    s[4 * TILE + i] = fma(fixed[5], y, s[5 * TILE + i])
    s[5 * TILE + i] = fma(fixed[6], y, -v)
    v = y + s[6 * TILE + i]
    s[6 * TILE + i] = fma(fixed[7], v, s[7 * TILE + i])
    s[7 * TILE + i] = fma(fixed[8], v, -y)
    return v if abs(v) > QUIETEST else np.float32(0)


@njit(inline="always")
def _trigger(s: Any, i: Any, v: Any, at: Any, fixed: Any) -> None:
    """Advance averages and trigger by the band-passed sample with number `at` of its block."""
    zero, one = np.float32(0), np.float32(1)
    power = v * v
    short = fma(fixed[9], power - s[SHORT * TILE + i], s[SHORT * TILE + i])
    long = fma(fixed[10], power - s[LONG * TILE + i], s[LONG * TILE + i])
    s[SHORT * TILE + i] = short
    s[LONG * TILE + i] = long
    was = s[TRIGGER * TILE + i]
    now = one if short > s[ARMED * TILE + i] * long else (zero if short < fixed[11] * long else was)
    s[TRIGGER * TILE + i] = now
    s[POWER * TILE + i] += power
    s[ACTIVE * TILE + i] += now
    rise = now > was
    s[ONSETS * TILE + i] += one if rise else zero
    first = s[FIRST * TILE + i]
    s[FIRST * TILE + i] = at if rise and at < first else first


@njit(cache=True, nogil=True, error_model="numpy")
def _start(row: Any, s: Any, width: Any, gain: Any) -> Any:
    """Let the channels that wait for it start with this row, if it is good there; tell whether any still waits."""
    waiting = 0
    for i in range(width):
        if np.isnan(s[OFFSET * TILE + i]):
            if abs(gain * np.float32(row[i])) < LARGEST:
                s[OFFSET * TILE + i] = gain * np.float32(row[i]) - NUDGE
            else:
                waiting += 1
    return waiting > 0


@njit(cache=True, nogil=True, error_model="numpy")
def _close(s: Any, width: Any, block: Any, settle: Any, on: Any, reals: Any, counts: Any) -> Any:
    """Write the open block out and clear it; stop the channels that are to start anew, and tell whether any is."""
    zero, one = np.float32(0), np.float32(1)
    powers, ratios, lows, highs = reals[0], reals[1], reals[2], reals[3]
    actives, onsets, firsts, bads = counts[0], counts[1], counts[2], counts[3]
    stopped = zero
    for i in range(width):
        age = s[AGE * TILE + i] + one
        power, bad = s[POWER * TILE + i], s[BAD * TILE + i]
        low, high = s[LOW * TILE + i], s[HIGH * TILE + i]
        moved = high > low
        still = zero if moved else s[STILL * TILE + i] + one
        ratio = s[SHORT * TILE + i] / s[LONG * TILE + i]
        stop = one if (power == zero) | (bad == block) | (still >= settle) else zero
        s[AGE * TILE + i] = age
        s[ARMED * TILE + i] = on if age >= settle else NEVER
        s[STILL * TILE + i] = still
        s[WORK * TILE + i] = stop
        s[(WORK + 1) * TILE + i] = ratio if (age >= settle) & moved & (power > zero) else zero
        stopped += stop
    for i in range(width):
        powers[i] = s[POWER * TILE + i] / block
        ratios[i] = s[(WORK + 1) * TILE + i]
        lows[i] = s[LOW * TILE + i]
        highs[i] = s[HIGH * TILE + i]
    for i in range(width):
        first = s[FIRST * TILE + i]
        actives[i] = np.int32(s[ACTIVE * TILE + i])
        onsets[i] = np.int32(s[ONSETS * TILE + i])
        firsts[i] = np.int32(first if first < NEVER else -one)
        bads[i] = np.int32(s[BAD * TILE + i])
    if stopped > zero:
        for i in range(width):
            if s[WORK * TILE + i] > zero:
                for row in range(OPEN):
                    s[row * TILE + i] = zero
                s[OFFSET * TILE + i] = np.nan
                s[ARMED * TILE + i] = NEVER
    for i in range(width):
        s[POWER * TILE + i] = zero
        s[ACTIVE * TILE + i] = zero
        s[ONSETS * TILE + i] = zero
        s[FIRST * TILE + i] = NEVER
        s[BAD * TILE + i] = zero
        s[LOW * TILE + i] = NEVER
        s[HIGH * TILE + i] = -NEVER
    return stopped > zero
