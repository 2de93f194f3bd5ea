"""Energy of vibration channels, frame by frame, with carried state.

A *frame* is a fixed interval on the absolute time grid; the caller says where frames end inside the
samples at hand (`ends`), so that rates which do not divide the frame are no special case. Two measures
exist, because sensors deliver two kinds of sample:

`AMPLITUDE`
    The sensor has already rectified: samples are vibration amplitudes, zero or more. The mean square is
    the energy. A high-pass would throw away the level, which is what carries the place of an event.
`RAW`
    Signed or offset samples of the optical phase or strain rate. Means over `block` consecutive samples
    (about a millisecond) are differenced; the mean square of the differences is the energy. A constant
    offset of any size vanishes and drift is suppressed by 20 dB per decade, without settling time.

Every sample is added in its order and nothing is summed across channels, so cutting the input anywhere
gives the same bits.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numba import njit
from numpy.typing import NDArray

AMPLITUDE: Final = 0
RAW: Final = 1

LARGEST: Final = 3.0e38  # below the largest float32, so that no energy is infinite
STILL: Final = 1e-12  # variance over mean square of equal samples: rounding of float64, and no more
TILE: Final = 256  # channels per tile: its state stays in the first-level cache


class EnergyState(msgspec.Struct):
    """What the accumulation carries from one array of samples to the next."""

    open_sums: NDArray[np.float64]
    """(6, n_channels), rows `LAST_BLOCK` to `ENERGY_COUNT`: the open block and the open frame."""
    block_position: int = 0
    """Samples in the open block, bad ones included."""


# Rows of the sums. Counts are kept as float64 (exact up to 2**53): one type in one array is what lets the
# compiler vectorise the inner loops.
LAST_BLOCK: Final = 0  # mean of the last complete block, NaN when a bad sample spoilt it
BLOCK_SUM: Final = 1  # sum of the finite samples of the open block
BLOCK_COUNT: Final = 2  # finite samples in the open block
SUM: Final = 3  # sum of the finite samples of the open frame (amplitudes only)
ENERGY_SUM: Final = 4  # sum of squares in the open frame
ENERGY_COUNT: Final = 5  # squares in the open frame
ROWS: Final = 6


def new_energy_state(n_channels: int) -> EnergyState:
    """State before the first sample of `n_channels` channels, and after a gap."""
    open_sums = np.zeros((ROWS, n_channels))
    open_sums[LAST_BLOCK] = np.nan
    return EnergyState(open_sums)


def accumulate_energy(
    samples: NDArray[Any], ends: NDArray[np.int64], measure: int, block: int, state: EnergyState
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.bool_]]:
    """Add `samples` to the open frame and return the frames that close.

    Args:
        samples: (n_samples, n_channels), time-major, float32 or int16; in C order, else it is copied.
        ends: (n_frames,) ascending offsets into `samples`; frame i closes before sample `ends[i]`.
        measure: `AMPLITUDE` or `RAW`.
        block: samples per block of the `RAW` measure, at least 1; ignored for `AMPLITUDE`.
        state: changed in place.

    Returns:
        energy (n_frames, n_channels) float32: mean square in squared sample units, 0 where nothing was
        counted; count (n_frames, n_channels) int32: squares behind it; moving (n_frames, n_channels) bool:
        false where the channel stood still (all samples equal) or nothing was counted.

    Raises:
        ValueError: `block` below 1, `measure` unknown, channel count not that of the state, or `ends`
            not ascending within the samples.
    """
    n_samples, n_channels = samples.shape
    if measure not in {AMPLITUDE, RAW}:
        raise ValueError(f"measure is {measure}, allowed are {AMPLITUDE} (amplitude) and {RAW} (raw)")
    if block < 1:
        raise ValueError(f"block is {block} samples, allowed is 1 or more")
    if n_channels != state.open_sums.shape[1]:
        raise ValueError(f"samples have {n_channels} channels, the state has {state.open_sums.shape[1]}")
    if len(ends) and (ends[0] < 0 or ends[-1] > n_samples or np.any(np.diff(ends) < 0)):
        raise ValueError(f"frame ends must ascend within 0..{n_samples}, found {ends.tolist()}")
    energy = np.zeros((len(ends), n_channels), np.float32)
    count = np.zeros((len(ends), n_channels), np.int32)
    moving = np.zeros((len(ends), n_channels), np.bool_)
    samples = np.ascontiguousarray(samples)
    _accumulate(samples, ends, measure == RAW, block, state.block_position, state.open_sums, energy, count, moving)
    if measure == RAW:
        state.block_position = (state.block_position + n_samples) % block
    return energy, count, moving


@njit(cache=True, nogil=True, error_model="numpy")
def _accumulate(
    x: Any, ends: Any, raw: Any, block: Any, position: Any, state: Any, energy: Any, count: Any, moving: Any
) -> None:
    """Tiles of channels outside, samples in order, channels innermost so that the loops vectorise."""
    n_samples, n_channels = x.shape
    sums = np.zeros(ROWS * TILE)  # the tile's part of the state, contiguous; only this call sees it
    for low in range(0, n_channels, TILE):
        width = min(TILE, n_channels - low)
        for row in range(ROWS):
            for i in range(width):
                sums[row * TILE + i] = state[row, low + i]
        frame = 0
        filled = position
        for t in range(n_samples):
            while frame < len(ends) and ends[frame] == t:
                _close(sums, width, energy[frame, low:], count[frame, low:], moving[frame, low:], raw)
                frame += 1
            if raw:
                _add_raw(x[t, low:], sums, width)
                filled += 1
                if filled == block:
                    filled = 0
                    _difference(sums, width, block)
            else:
                _add_amplitude(x[t, low:], sums, width)
        while frame < len(ends):
            _close(sums, width, energy[frame, low:], count[frame, low:], moving[frame, low:], raw)
            frame += 1
        for row in range(ROWS):
            for i in range(width):
                state[row, low + i] = sums[row * TILE + i]


@njit(cache=True, nogil=True)
def _add_amplitude(row: Any, sums: Any, width: Any) -> None:
    """Add the square of one sample of each channel; a NaN or infinite sample adds nothing."""
    for i in range(width):
        sample = np.float64(row[i])
        finite = abs(sample) < np.inf  # false for NaN
        value = sample if finite else 0.0
        sums[SUM * TILE + i] += value
        sums[ENERGY_SUM * TILE + i] += value * value
        sums[ENERGY_COUNT * TILE + i] += 1.0 if finite else 0.0


@njit(cache=True, nogil=True)
def _add_raw(row: Any, sums: Any, width: Any) -> None:
    """Add one sample of each channel to the open block; a NaN or infinite sample adds nothing."""
    for i in range(width):
        sample = np.float64(row[i])
        finite = abs(sample) < np.inf
        sums[BLOCK_SUM * TILE + i] += sample if finite else 0.0
        sums[BLOCK_COUNT * TILE + i] += 1.0 if finite else 0.0


@njit(cache=True, nogil=True)
def _difference(sums: Any, width: Any, block: Any) -> None:
    """Close a block: add the squared step from the block before, unless a bad sample spoils either."""
    for i in range(width):
        whole = sums[BLOCK_COUNT * TILE + i] == block
        mean = sums[BLOCK_SUM * TILE + i] / block if whole else np.nan
        square = (mean - sums[LAST_BLOCK * TILE + i]) ** 2
        usable = not np.isnan(square)
        sums[ENERGY_SUM * TILE + i] += square if usable else 0.0
        sums[ENERGY_COUNT * TILE + i] += 1.0 if usable else 0.0
        sums[LAST_BLOCK * TILE + i] = mean
        sums[BLOCK_SUM * TILE + i] = 0.0
        sums[BLOCK_COUNT * TILE + i] = 0.0


@njit(cache=True, nogil=True)
def _close(sums: Any, width: Any, energy: Any, count: Any, moving: Any, raw: Any) -> None:
    """Write the open frame out and clear it."""
    for i in range(width):
        n = sums[ENERGY_COUNT * TILE + i]
        power = sums[ENERGY_SUM * TILE + i] / max(n, 1.0)
        offset = 0.0 if raw else (sums[SUM * TILE + i] / max(n, 1.0)) ** 2  # differences have none
        energy[i] = min(power, LARGEST)
        count[i] = n
        moving[i] = power - offset > STILL * power
        sums[SUM * TILE + i] = 0.0
        sums[ENERGY_SUM * TILE + i] = 0.0
        sums[ENERGY_COUNT * TILE + i] = 0.0
