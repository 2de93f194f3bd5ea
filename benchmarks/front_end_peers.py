"""The front end's work as users of other libraries have it done: filter, short- over long-term average, onsets."""

import warnings
from collections.abc import Callable
from typing import Any

import dascore
import numpy as np
import xdas
from numpy.typing import NDArray
from obspy import Stream, Trace
from obspy.signal.filter import bandpass
from obspy.signal.trigger import recursive_sta_lta, trigger_onset
from scipy.signal import butter, lfilter, sosfilt
from xdas.signal import filter as band_pass
from xdas.signal import lfilter as recursive
from xdas.trigger import find_picks

Chain = Callable[[], object]

RATE_HZ = 1000.0
BAND_HZ = (5.0, 100.0)
SHORT, LONG = 100, 1000
ON, OFF = 3.0, 1.5


def scipy_chain(x: NDArray[np.float32]) -> Chain:
    """Everything in float32 along the last axis of (n_channels, n_samples), which is scipy's fast case."""
    sos = butter(4, BAND_HZ, "bandpass", output="sos", fs=RATE_HZ).astype(np.float32)
    one, short, long = np.float32(1), np.float32(1 / SHORT), np.float32(1 / LONG)

    def run() -> object:
        power = sosfilt(sos, x, axis=1) ** 2
        average = lfilter([short], [one, short - one], power, axis=1)
        background = lfilter([long], [one, long - one], power, axis=1)
        return int((average > np.float32(ON) * background).sum())

    return run


def obspy_onsets(trace: NDArray[np.float32]) -> NDArray[np.int64]:
    """Samples at which obspy's recursive trigger turns on, of one channel."""
    filtered = bandpass(trace.astype(np.float64), *BAND_HZ, df=RATE_HZ, corners=4)
    found = trigger_onset(recursive_sta_lta(filtered, SHORT, LONG), ON, OFF)
    return np.asarray(found, np.int64).reshape(-1, 2)[:, 0]


def obspy_chain(x: NDArray[np.float32]) -> Chain:
    """A stream of one trace per channel of (n_channels, n_samples)."""

    def run() -> object:
        stream = Stream([Trace(row.copy(), {"sampling_rate": RATE_HZ}) for row in x])
        stream.filter("bandpass", freqmin=BAND_HZ[0], freqmax=BAND_HZ[1], corners=4)
        return sum(len(trigger_onset(recursive_sta_lta(t.data, SHORT, LONG), ON, OFF)) for t in stream)

    return run


def xdas_chain(x: NDArray[np.float32]) -> Chain:
    """Filter, recursive averages and picks on one array."""
    ties = {"tie_indices": [0, x.shape[1] - 1], "tie_values": [0.0, (x.shape[1] - 1) / RATE_HZ]}
    data = xdas.DataArray(x, coords={"space": np.arange(float(len(x))), "time": ties})

    def run() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            filtered = band_pass(data, list(BAND_HZ), "bandpass", 4, dim="time")
            power = filtered * filtered
            short = recursive([1 / SHORT], [1.0, 1 / SHORT - 1.0], power, dim="time")
            long = recursive([1 / LONG], [1.0, 1 / LONG - 1.0], power, dim="time")
            return len(find_picks(short / long, ON, dim="time"))

    return run


def dascore_chain(x: NDArray[np.float32]) -> Chain:
    """Its own windows are moving means, and its band-pass runs both ways; onsets are left to the user."""
    start = np.datetime64("2024-01-01")
    coords = {"time": start + np.arange(x.shape[1]) * np.timedelta64(1, "ms"), "distance": np.arange(float(len(x)))}
    patch = dascore.Patch(data=np.ascontiguousarray(x.T), dims=("time", "distance"), coords=coords)

    def run() -> object:
        filtered = patch.pass_filter(time=BAND_HZ)
        ratio = (filtered * filtered).stalta(time=(SHORT / RATE_HZ, LONG / RATE_HZ))
        return int((ratio.data > ON).sum())

    return run


CHAINS: dict[str, Callable[[NDArray[np.float32]], Chain]] = {
    "scipy": scipy_chain,
    "obspy": obspy_chain,
    "xdas": xdas_chain,
    "dascore": dascore_chain,
}


def reference_ratio(x: NDArray[Any], every: int) -> NDArray[np.float64]:
    """Short over long average in float64 at the end of each `every` samples of (n_samples, n_channels)."""
    filtered = sosfilt(butter(4, BAND_HZ, "bandpass", output="sos", fs=RATE_HZ), x.astype(np.float64), axis=0)
    short = lfilter([1 / SHORT], [1.0, 1 / SHORT - 1.0], filtered**2, axis=0)
    long = lfilter([1 / LONG], [1.0, 1 / LONG - 1.0], filtered**2, axis=0)
    ratio: NDArray[np.float64] = short[every - 1 :: every] / long[every - 1 :: every]
    return ratio
