"""What senders share that name a place on the ground: from longitude and latitude to a detection beside a line."""

import math
from typing import Any, Final

from linewatch.errors import InputError
from linewatch.records import Detection, quantise
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor

FAR_M: Final = 5_000.0
"""Further from the line than this is a mistake, and not beside the line."""
_STRENGTH_DB: Final = 10.0
"""Of a sender that gives no strength: at the threshold, so that nobody takes it for loud."""


def detection_at(
    site: Site,
    sensor: Sensor,
    lonlat_deg: tuple[float, float],
    sigma_m: float,
    time_ns: int,
    probability: float,
    **more: Any,
) -> Detection:
    """The detection of something at a place, known to `sigma_m` metres; `more` are further fields of `Detection`.

    Raises `InputError` for a place that is not beside the sensor's line.
    """
    line = site.line(sensor.line)
    chainage, offset = geometry_of(line).to_chainage(*lonlat_deg)
    chainage_m, offset_m = float(chainage), float(offset)
    if not math.isfinite(chainage_m) or abs(offset_m) > FAR_M or not -sigma_m <= chainage_m <= line.length_m + sigma_m:
        raise InputError(
            f"location: found {offset_m:.0f} m from the line at {chainage_m:.0f} m; "
            f"allowed: within {FAR_M:.0f} m of line {line.id!r} (0 to {line.length_m:.0f} m)"
        )
    chainage_m = min(max(chainage_m, 0.0), line.length_m)
    return quantise(
        Detection(
            line=line.id,
            sensor=sensor.id,
            time_ns=time_ns,
            duration_s=0.0,
            chainage_m=chainage_m,
            chainage_sigma_m=sigma_m,
            from_m=max(chainage_m - sigma_m, 0.0),
            to_m=min(chainage_m + sigma_m, line.length_m),
            strength_db=_STRENGTH_DB,
            probability=min(max(probability, 0.0), 1.0),
            offset_m=offset_m,
            offset_sigma_m=sigma_m,
            **more,
        )
    )
