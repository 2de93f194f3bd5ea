"""What is wrong with each channel in one window, from figures of its samples. Pure; arrays are (n_channels,)."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.health import Condition
from linewatch.signals.channel_figures import AT_LEAST, AT_MOST, COUNT, LEAST, MOST, SQUARES, STEPS, ChannelFigures

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Codes = NDArray[np.int8]

OK: Final = 0
CONDITIONS: Final[tuple[Condition, ...]] = (
    "recovered",
    "dead_channel",
    "saturated",
    "stuck_channel",
    "replayed_data",
    "noisy_channel",
    "drifting",
    "fibre_cut",
)
"""By code; code 0 is a channel that is well."""
DEAD, SATURATED, STUCK, AGREEING, NOISY, DRIFTING, CUT = range(1, 8)
SILENT_DB: Final = -300.0
RAIL: Final = 32_767.0
"""Largest int16: an eight-decimal-digit float has no such end, so there a clipped shape must tell."""
_LEAST_RANGE: Final = 32.0  # counts; a coarser signal often stands at its extremes when all is well
_AT_ENDS: Final = 0.1  # share of samples at the very extremes that makes a shape clipped


class WindowLevels(msgspec.Struct):
    """One window by channels."""

    code: Codes
    """Dead, saturated, stuck, agreeing or well."""
    level_db: Floats
    """Level: of amplitudes, or of steps from sample to sample; `SILENT_DB` where nothing moves."""
    middle: Floats
    """Middle between least and most."""
    spread: Floats
    """Most less least."""
    at_ends: Floats
    """Share of samples that equal the least or the most."""


def judge_window(
    figures: ChannelFigures, *, expected: float, amplitudes: bool, integers: bool, bad: Flags, usual_at_ends: Floats
) -> WindowLevels:
    """What one window says of every channel by itself, and by comparing fingerprints.

    Args:
        figures: of the window that closes.
        expected: samples looked at in a whole window.
        amplitudes: whether samples are amplitudes, zero or more.
        integers: whether samples are int16.
        bad: channels that the source calls bad.
        usual_at_ends: what `at_ends` usually is; NaN where it is not known yet.
    """
    rows = figures.rows
    count = np.maximum(rows[COUNT], 1.0)
    heard = rows[COUNT] >= 0.5 * expected
    least, most = np.where(heard, rows[LEAST], 0.0), np.where(heard, rows[MOST], 0.0)
    spread = most - least
    power = rows[SQUARES] / count if amplitudes else rows[STEPS] / count / 2.0
    still = spread <= 0.0
    moving = heard & ~still
    level_db = np.where(moving, 10.0 * np.log10(np.maximum(power, 1e-30)), SILENT_DB)
    at_ends = np.where(moving, np.maximum(rows[AT_MOST], rows[AT_LEAST]) / count, 0.0)
    whole = (least == np.rint(least)) & (most == np.rint(most))
    clipped = (
        moving & (at_ends >= np.maximum(_AT_ENDS, 3.0 * np.nan_to_num(usual_at_ends))) & (rows[AT_MOST] > 3.0)
    ) & (~whole | (spread >= _LEAST_RANGE))
    if integers:
        share = (rows[AT_MOST] * (most >= RAIL) + rows[AT_LEAST] * (least <= -RAIL)) / count
        clipped |= heard & (share >= 0.05)
    code = np.zeros(len(count), np.int8)
    code[_agreeing(figures, moving & (at_ends < 0.5))] = AGREEING
    code[heard & still] = STUCK
    code[clipped] = SATURATED
    code[~heard | bad | (still & (most == 0.0))] = DEAD
    return WindowLevels(code, level_db, (least + most) / 2.0, spread, at_ends)


def _agreeing(figures: ChannelFigures, asked: Flags) -> Flags:
    """Channels whose samples are those of another one: no two of them hear the same noise."""
    prints = figures.prints[asked]
    out = np.zeros(len(asked), np.bool_)
    if len(prints) > 1:
        _, inverse, times = np.unique(prints, return_inverse=True, return_counts=True)
        out[asked] = times[inverse] > 1
    return out


def alone(high: Flags, reach: int, widest: int) -> Flags:
    """Flagged channels in runs of at most `widest`, with none flagged within `reach` on either side."""
    steps = np.diff(np.concatenate([[False], high, [False]]).astype(np.int8))
    out = np.zeros(len(high), np.bool_)
    for first, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        beside = high[max(first - reach, 0) : first].any() or high[end : end + reach].any()
        out[first:end] = end - first <= widest and not beside
    return out


def runs_of(mask: Flags) -> list[tuple[int, int]]:
    """First and last channel of each run of flagged ones."""
    steps = np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8))
    return [
        (int(first), int(end) - 1)
        for first, end in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True)
    ]
