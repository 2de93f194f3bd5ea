"""Samples that have been there before: a recording played into the line, or a device that repeats its last block.

Rows chosen by their content are kept as fingerprints for ten minutes. Real noise never repeats; when nearly all
fingerprints of two seconds were seen before, all of them the same while ago, the data are not new.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Block
from linewatch.signals.channel_figures import RowPrints, anchors_of, new_row_prints

_NS_PER_S: Final = 1_000_000_000


class RepeatSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When data count as played again."""

    hold_s: float = 2.0
    """Interval in which nearly all fingerprints must have been seen before."""
    prints_hz: float = 8.0
    """Fingerprints kept for each second, about."""
    least: int = 6
    """Fewer fingerprints in the interval say nothing."""
    share: float = 0.8
    """Share of them that must be of the same age."""
    memory_s: float = 600.0
    """How far back is remembered."""


class Repeats(msgspec.Struct):
    """What is remembered of one stream."""

    rows: RowPrints
    """The last rows."""
    prints: NDArray[np.uint64]
    """(n,) fingerprints, the oldest first."""
    times_ns: NDArray[np.int64]
    """(n,) their times."""
    recent_ns: list[int]
    """Times of the fingerprints of the last interval."""
    ages_ns: list[int]
    """For each of these how long ago it was seen first; 0 where it is new."""
    told: bool
    """Whether data were told to be played again."""


def new_repeats() -> Repeats:
    """Nothing remembered."""
    return Repeats(new_row_prints(), np.zeros(0, np.uint64), np.zeros(0, np.int64), [], [], told=False)


def note_rows(state: Repeats, block: Block, row: int, end: int, settings: RepeatSettings) -> None:
    """Look up and remember the rows of a block from `row` to `end`; changes `state`."""
    every = round(block.rate_hz / settings.prints_hz)
    chosen, prints = anchors_of(block.samples[row:end], every, state.rows)
    if not len(chosen):
        return
    period_ns = round(_NS_PER_S / block.rate_hz)
    fresh_prints, fresh_ns = [], []
    for index, value in zip(chosen, prints, strict=True):
        time_ns = block.time_of(block.first_sample + row + int(index))
        before = np.flatnonzero(state.prints == value)
        # Rounded to samples, so that a step of the clock's last digit does not part what belongs together.
        age_ns = 0
        if len(before):
            age_ns = (time_ns - int(state.times_ns[before[-1]]) + period_ns // 2) // period_ns * period_ns
            state.times_ns[before[-1]] = time_ns  # what comes round again and again has the age of one round
        state.recent_ns.append(time_ns)
        state.ages_ns.append(age_ns)
        if not len(before):
            fresh_prints.append(value)
            fresh_ns.append(time_ns)
    if fresh_ns:
        keep = state.times_ns > fresh_ns[-1] - round(settings.memory_s * _NS_PER_S)
        state.prints = np.concatenate([state.prints[keep], np.array(fresh_prints, np.uint64)])
        state.times_ns = np.concatenate([state.times_ns[keep], np.array(fresh_ns, np.int64)])


def told_repeat(state: Repeats, now_ns: int, settings: RepeatSettings) -> float | None:
    """Seconds since the samples came first, where that is news; 0 where they are new again; None where nothing is."""
    oldest_ns = now_ns - round(settings.hold_s * _NS_PER_S)
    while state.recent_ns and state.recent_ns[0] < oldest_ns:
        state.recent_ns.pop(0)
        state.ages_ns.pop(0)
    if len(state.ages_ns) < settings.least:
        return None
    old = [age for age in state.ages_ns if age > 0]
    most = max(sorted(set(old)), key=old.count, default=0)
    repeated = old.count(most) >= settings.share * len(state.ages_ns)
    if repeated == state.told or (not repeated and old):
        return None
    state.told = repeated
    return most / _NS_PER_S if repeated else 0.0
