"""Predict: move every track to a later moment by the constant-velocity model with white-noise acceleration.

Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking and Navigation (2001), section 6.2.2:
for a step of dt the covariance grows by q * [[dt^3 / 3, dt^2 / 2], [dt^2 / 2, dt]] along each axis. Steps
compose exactly: two short ones give what one long one gives.
"""

import math
from typing import Any

from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def predict(tracks: NDArray[Any], time_ns: int, acceleration_m2ps3: float, life_s: float) -> None:
    """Move the tracks that are older than `time_ns` to it, in place; existence fades with a mean life of `life_s`."""
    q = acceleration_m2ps3
    for i in range(len(tracks)):
        track = tracks[i]
        if track.time_ns >= time_ns:
            continue
        dt = (time_ns - track.time_ns) * 1e-9
        track.time_ns = time_ns
        track.existence *= math.exp(-dt / life_s)
        track.chainage_m += dt * track.velocity_mps
        track.p_xx += dt * (2.0 * track.p_xv + dt * track.p_vv) + q * dt**3 / 3.0
        track.p_xv += dt * track.p_vv + q * dt**2 / 2.0
        track.p_vv += q * dt
        if not math.isnan(track.offset_m):
            track.offset_m += dt * track.offset_velocity_mps
            track.p_yy += dt * (2.0 * track.p_yw + dt * track.p_ww) + q * dt**3 / 3.0
            track.p_yw += dt * track.p_ww + q * dt**2 / 2.0
            track.p_ww += q * dt
