"""A sensor: what it is, where it stands, what it hangs on, and where each of its channels lies."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import SensorKind, SensorState


class Performance(msgspec.Struct, frozen=True):
    """How well a sensor detects; assumed until walk tests say better (see `site.coverage`)."""

    pd_walk_fraction: float | None = None
    """Detection probability for a person walking within reach; None takes the default of the kind."""
    pd_crawl_fraction: float | None = None
    """The same for a person crawling."""
    pd_vehicle_fraction: float | None = None
    """The same for a vehicle."""
    far_per_day: float | None = None
    """False detections a day by the sensor itself."""
    thermal: bool = True
    """Whether a camera position has a thermal head beside its day one; without it, it is blind in the dark."""


class Sensor(msgspec.Struct, frozen=True):
    """One sensor as the site describes it. Spans have `from_m`, `to_m` and `channels`; point sensors `at_m`."""

    id: str
    """Unique within the site."""
    kind: SensorKind
    """What it is."""
    line: str
    """Line it stands on."""
    from_m: float | None = None
    """Start of a span."""
    to_m: float | None = None
    """End of a span, above `from_m`."""
    channels: int | None = None
    """Channels of a span, 1 or more."""
    at_m: float | None = None
    """Chainage of a point sensor."""
    offset_m: float = 0.0
    """Distance of the sensor from the line, positive on the approach side."""
    range_m: float | None = None
    """How far a point sensor reaches."""
    azimuth_deg: float | None = None
    """Direction it faces, degrees clockwise from north."""
    fov_deg: float | None = None
    """Width of its field of view."""
    view_url: str | None = None
    """Where a person can look through it."""
    calibration: tuple[tuple[float, float], ...] = ()
    """Pairs of channel and chainage, rising in both; piecewise linear between them."""
    cabinet: str | None = None
    """Cabinet it hangs on."""
    power: str | None = None
    """Power feed it hangs on."""
    network: str | None = None
    """Network switch it hangs on."""
    heartbeat_s: float | None = None
    """Longest silence that is normal; None where silence says nothing (an event sensor without heartbeat)."""
    state: SensorState = "in_service"
    """Whether it counts."""
    performance: Performance = Performance()
    """How well it detects."""

    @property
    def is_span(self) -> bool:
        """Whether it is read as channels along a stretch."""
        return self.channels is not None

    def channel_edges_m(self) -> NDArray[np.float64]:
        """(channels + 1,) chainages of the channels' edges, in channel order (falling where the fibre runs back)."""
        assert self.channels is not None
        numbers = np.arange(self.channels + 1, dtype=np.float64)
        if self.calibration:
            taps = np.array(self.calibration, dtype=np.float64)
            return _piecewise_linear(numbers - 0.5, taps[:, 0], taps[:, 1])
        assert self.from_m is not None and self.to_m is not None
        return self.from_m + numbers * ((self.to_m - self.from_m) / self.channels)

    def channel_centres_m(self) -> NDArray[np.float64]:
        """(channels,) chainages of the channels' centres."""
        if self.calibration:
            assert self.channels is not None
            taps = np.array(self.calibration, dtype=np.float64)
            return _piecewise_linear(np.arange(self.channels, dtype=np.float64), taps[:, 0], taps[:, 1])
        edges = self.channel_edges_m()
        return (edges[:-1] + edges[1:]) / 2

    def extent_m(self) -> tuple[float, float]:
        """Stretch of the line that it can sense, from low to high chainage, not cut to the line."""
        if self.is_span:
            edges = self.channel_edges_m()
            return float(edges.min()), float(edges.max())
        at_m = self.at_m if self.at_m is not None else 0.0
        reach_m = self.range_m if self.range_m is not None else 0.0
        return at_m - reach_m, at_m + reach_m


def _piecewise_linear(
    x: NDArray[np.float64], known_x: NDArray[np.float64], known_y: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Linear between the known points and, with the slope of the outermost pair, beyond them."""
    inside = np.interp(x, known_x, known_y)
    first = (known_y[1] - known_y[0]) / (known_x[1] - known_x[0])
    last = (known_y[-1] - known_y[-2]) / (known_x[-1] - known_x[-2])
    below, above = x < known_x[0], x > known_x[-1]
    inside[below] = known_y[0] + (x[below] - known_x[0]) * first
    inside[above] = known_y[-1] + (x[above] - known_x[-1]) * last
    return inside
