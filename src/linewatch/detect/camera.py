"""Where on the ground a camera looks: a pinhole above flat ground.

The camera stands `height_m` above the ground and looks `tilt_deg` below the horizontal. With u and v the distance of a
pixel from the middle of the picture, to the right and down, over the focal length, its ray goes
cos(tilt) - v sin(tilt) ahead and sin(tilt) + v cos(tilt) down for every u to the right (R. Hartley and A. Zisserman,
Multiple View Geometry in Computer Vision, 2nd ed., chapter 6). It meets the ground where down adds up to the height.
"""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from linewatch.records import Detection
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line
from linewatch.site.sensor import Sensor
from linewatch.site.vertices import WGS84

Floats = NDArray[np.float64]

WIDEST_DEG: Final = 150.0
"""No lens that shows more is a pinhole."""


class Pose(msgspec.Struct, frozen=True):
    """How a camera hangs, and the picture it gives."""

    height_m: float
    """Height above the ground, above 0."""
    tilt_deg: float
    """How far its middle looks below the horizontal, -90 to 90."""
    fov_deg: float
    """Width of its field of view, above 0, up to `WIDEST_DEG`."""
    rows: int
    """Height of the picture in pixels."""
    columns: int
    """Width of the picture in pixels."""

    @property
    def focal_px(self) -> float:
        """Focal length in pixels."""
        return self.columns / 2.0 / math.tan(math.radians(self.fov_deg) / 2.0)

    def ground_m(self, x_px: ArrayLike, y_px: ArrayLike) -> tuple[Floats, Floats]:
        """Metres ahead of and to the right of the camera's foot where points of the picture meet flat ground.

        Points are counted from the left and upper edge of the picture. NaN at the horizon and above.
        """
        tilt = math.radians(self.tilt_deg)
        u = (np.asarray(x_px, dtype=np.float64) - self.columns / 2.0) / self.focal_px
        v = (np.asarray(y_px, dtype=np.float64) - self.rows / 2.0) / self.focal_px
        down = math.sin(tilt) + v * math.cos(tilt)
        ahead = math.cos(tilt) - v * math.sin(tilt)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where((down > 0.0) & (ahead > 0.0), self.height_m / down, np.nan)
        return reach * ahead, reach * u

    def upright_px(self, height_m: float) -> Floats:
        """(rows + 1,) height in pixels of something so high whose foot is seen above row i; 0 above the horizon."""
        tilt = math.radians(self.tilt_deg)
        foot = np.arange(self.rows + 1, dtype=np.float64)
        ahead_m, _ = self.ground_m(np.full(self.rows + 1, self.columns / 2.0), foot)
        drop_m = self.height_m - height_m
        depth = ahead_m * math.cos(tilt) + drop_m * math.sin(tilt)
        head = self.rows / 2.0 + self.focal_px * (drop_m * math.cos(tilt) - ahead_m * math.sin(tilt)) / depth
        return np.where(depth > 0.0, np.maximum(foot - head, 0.0), 0.0)


class Places(msgspec.Struct, frozen=True):
    """Where points of the picture lie along the line; every array (n,)."""

    chainage_m: Floats
    """Chainage; NaN where the ground is not met within reach."""
    offset_m: Floats
    """Distance from the line."""
    chainage_sigma_m: Floats
    """Standard deviation of the chainage."""
    offset_sigma_m: Floats
    """Standard deviation of the offset."""
    half_extent_m: Floats
    """Half of the stretch of the line that a box covers."""

    def put(self, found: Detection, i: int) -> Detection:
        """The detection at place i, where that is known."""
        if math.isnan(self.chainage_m[i]):
            return found
        chainage_m, half_m = float(self.chainage_m[i]), float(self.half_extent_m[i])
        return msgspec.structs.replace(
            found,
            chainage_m=chainage_m,
            chainage_sigma_m=float(self.chainage_sigma_m[i]),
            from_m=chainage_m - half_m,
            to_m=chainage_m + half_m,
            offset_m=float(self.offset_m[i]),
            offset_sigma_m=float(self.offset_sigma_m[i]),
        )


def places_of(
    pose: Pose,
    sensor: Sensor,
    line: Line,
    left_px: Floats,
    right_px: Floats,
    foot_y_px: Floats,
    foot_px: float,
    tilt_sigma_deg: float,
) -> Places:
    """Chainage and offset of what boxes (n,) hold in the picture of a camera with an azimuth, on a line on Earth.

    Errors are those of the foot, `foot_px` both ways, and of the tilt, which moves what is far away further. Places
    beyond the sensor's `range_m` by more than half are NaN: near the horizon a pixel is a hundred metres.
    """
    assert sensor.azimuth_deg is not None
    assert sensor.at_m is not None
    geometry = geometry_of(line)
    ahead_m, right_m = pose.ground_m((left_px + right_px) / 2.0, foot_y_px)
    apart_m = np.hypot(ahead_m, right_m)
    apart_m = np.where(apart_m <= 1.5 * (sensor.range_m or np.inf), apart_m, np.nan)
    lon_deg, lat_deg = geometry.to_lonlat(sensor.at_m, sensor.offset_m)
    bearing_deg = sensor.azimuth_deg + np.degrees(np.arctan2(right_m, ahead_m))
    n = len(left_px)
    lon, lat, _ = WGS84.fwd(np.full(n, lon_deg), np.full(n, lat_deg), bearing_deg, np.nan_to_num(apart_m))
    chainage_m, offset_m = geometry.to_chainage(np.where(np.isnan(apart_m), np.nan, lon), lat)
    per_px = (apart_m**2 + pose.height_m**2) / pose.height_m / pose.focal_px
    per_deg = (apart_m**2 + pose.height_m**2) / pose.height_m * math.pi / 180.0
    radial_m = np.hypot(per_px * foot_px, per_deg * tilt_sigma_deg)
    m_per_px = np.hypot(apart_m, pose.height_m) / pose.focal_px
    turned = np.radians(bearing_deg - geometry.azimuth_deg(sensor.at_m))
    along, across = np.abs(np.cos(turned)), np.abs(np.sin(turned))
    return Places(
        chainage_m=chainage_m,
        offset_m=offset_m,
        chainage_sigma_m=np.hypot(along * radial_m, across * m_per_px * foot_px),
        offset_sigma_m=np.hypot(across * radial_m, along * m_per_px * foot_px),
        half_extent_m=across * m_per_px * (right_px - left_px) / 2.0,
    )
