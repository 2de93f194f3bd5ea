"""Which detections a mask takes away: those of its sensors, in its stretch and its time."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from linewatch.records.detection import Detections
from linewatch.records.health import Outage


def masked_rows(batch: Detections, outages: Iterable[Outage]) -> NDArray[np.bool_]:
    """(rows,) whether an outage of the cause `masked` hides the row from all decisions.

    An outage without channels hides all that its sensors say, wherever they place it; one with channels hides what
    is placed in its stretch, ends included.
    """
    hidden = np.zeros(len(batch), np.bool_)
    for outage in outages:
        if outage.cause != "masked" or outage.line != batch.line:
            continue
        named = np.array([sensor in outage.sensors for sensor in batch.sensors], np.bool_)
        if not named.any():
            continue
        here = named[batch.sensor_index] & (batch.time_ns >= outage.start_ns)
        if outage.end_ns is not None:
            here &= batch.time_ns < outage.end_ns
        if outage.first_channel is not None:
            here &= (batch.chainage_m >= outage.from_m) & (batch.chainage_m <= outage.to_m)
        hidden |= here
    return hidden
