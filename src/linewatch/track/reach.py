"""Reach: up to when each sensor has reported, so that silence is no evidence of what nobody could have told yet.

A geophone whose record holds four seconds, or a fibre whose file holds ten, speaks late of everything: between two
reports it says neither "somebody" nor "nobody". Whatever comes of a sensor, samples or detections, tells how far it has
reported. Where the newest of that is late when it comes, the sensor is *slow*, and stays so until something of it comes
in time. Of a slow sensor only what a report has just covered counts as silence, from the last detection of a
track on; a sensor that dies says nothing beyond its last samples. All others are taken to have reported up to now.
"""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from linewatch.records import Detections
from linewatch.records.block import BlockHeader
from linewatch.track.performance import Watch
from linewatch.track.state import NS_PER_S, Reports

LAG_S: Final = 1.0
"""Samples older than this are late: twice as long as a fast source may wait for order."""


def reports_of(
    headers: Iterable[BlockHeader], heard: Detections | None, watch: Watch, now_ns: int, window_s: float
) -> dict[int, tuple[int, bool]]:
    """By number of the sensor: the time up to which it has reported by all that came in one tick, and if that is late.

    Of a sensor that gives samples these count, whatever was found in them. Detections of any other are late when they
    come later than the window in which they are put in order as if they had been in time.
    """
    samples: dict[int, int] = {}
    for header in headers:
        number = watch.index.get(header.sensor)
        if number is not None:
            end_ns = header.start_ns + round(header.n_samples * NS_PER_S / header.rate_hz)
            samples[number] = max(samples.get(number, 0), end_ns)
    lag_ns, window_ns = round(LAG_S * NS_PER_S), round(window_s * NS_PER_S)
    out = {number: (time_ns, time_ns < now_ns - lag_ns) for number, time_ns in samples.items()}
    if heard is None:
        return out
    last_ns = np.zeros(len(heard.sensors), dtype=np.int64)
    np.maximum.at(last_ns, heard.sensor_index, heard.time_ns)
    for name, time_ns in zip(heard.sensors, last_ns.tolist(), strict=True):
        number = watch.index.get(name)
        if number is not None and number not in out and time_ns > 0:
            out[number] = (time_ns, time_ns < now_ns - window_ns)
    return out


def worth_keeping(newest: dict[int, tuple[int, bool]], slow: Iterable[tuple[int, int]]) -> Reports | None:
    """Those that change what is known: late ones, and those of sensors that were slow; None where there are none."""
    before = {number for number, _ in slow}
    kept = tuple((number, *newest[number]) for number in sorted(newest) if newest[number][1] or number in before)
    return Reports(kept) if kept else None


def brought_up(slow: Iterable[tuple[int, int]], reports: Reports | None) -> NDArray[np.int64]:
    """(k, 3) slow sensors: number, time up to which each had reported before this tick, and has now."""
    reached = {number: (time_ns, time_ns) for number, time_ns in slow}
    for number, time_ns, late in () if reports is None else reports.newest:
        before_ns = reached.get(number, (time_ns, time_ns))[0]
        if late or time_ns < before_ns:
            reached[number] = (before_ns, max(before_ns, time_ns))
        else:
            reached.pop(number, None)
    rows = [(number, *times) for number, times in sorted(reached.items())]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


@njit(cache=True, nogil=True)
def told_until(tracks: NDArray[Any], slow: NDArray[np.int64], now_ns: int) -> NDArray[np.int64]:
    """(n,) time up to which the sensor that each track was last felt by could have told of it."""
    out = np.full(len(tracks), now_ns)
    for i in range(len(tracks)):
        for k in range(len(slow)):
            if slow[k, 0] == tracks[i].last_sensor:
                out[i] = max(slow[k, 2], tracks[i].last_ns)
    return out
