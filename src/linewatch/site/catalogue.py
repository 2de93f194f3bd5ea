"""Sensors that a planner may choose from: what, how often along the line, at what cost."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from linewatch.records.vocabulary import SensorKind
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Line
from linewatch.site.sensor import Performance, Sensor


class Offer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing that could be placed, and where. Raises `ValueError` on a spacing or cost that is not above 0."""

    name: str
    """What to call it; part of the candidates' ids."""
    kind: SensorKind
    """Kind of sensor; one that stands at a point."""
    every_m: float
    """Distance between the positions tried."""
    cost: float = 1.0
    """Cost of one, in any unit that all offers share."""
    from_m: float = 0.0
    """First chainage tried."""
    to_m: float | None = None
    """Last chainage tried; None for the end of the line."""
    range_m: float | None = None
    """How far it reaches; None takes what its kind usually does."""
    offset_m: float = 0.0
    """Distance from the line, positive on the approach side."""
    facing_deg: float | None = None
    """Where it faces: 0 along the line, 90 towards the approach side, 180 back; None for all round."""
    fov_deg: float | None = None
    """Width of its field of view."""
    performance: Performance = Performance()
    """How well it detects."""

    def __post_init__(self) -> None:
        for name in ("every_m", "cost"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"offer {self.name!r}: {name} is {getattr(self, name)}; allowed are numbers above 0")


CATALOGUE: Final[tuple[Offer, ...]] = (
    Offer("camera-up", "camera", 100.0, cost=4.0, offset_m=-3.0, facing_deg=0.0, fov_deg=60.0),
    Offer("camera-down", "camera", 100.0, cost=4.0, offset_m=-3.0, facing_deg=180.0, fov_deg=60.0),
    Offer("geophone", "geophone", 50.0, cost=1.0),
    Offer("pir", "pir", 25.0, cost=1.0),
    Offer("microwave", "microwave", 100.0, cost=2.0),
    Offer("radar", "radar", 1_000.0, cost=30.0, offset_m=-3.0),
)
"""Offers to begin with; their costs are relative to a PIR's and assumed. Name your own for a real decision."""


def candidates_of(line: Line, offers: Sequence[Offer]) -> tuple[list[Sensor], list[Offer]]:
    """Every sensor that could be placed, in order of offers and chainage, each with its offer."""
    sensors: list[Sensor] = []
    of: list[Offer] = []
    left = 1.0 if line.outside == "left" else -1.0
    for offer in offers:
        last_m = line.length_m if offer.to_m is None else min(offer.to_m, line.length_m)
        at_m = np.arange(max(offer.from_m, 0.0) + offer.every_m / 2.0, last_m, offer.every_m)
        azimuth_deg: list[float | None] = [None] * len(at_m)
        if offer.facing_deg is not None and line.coordinates_deg:
            azimuth_deg = ((geometry_of(line).azimuth_deg(at_m) - left * offer.facing_deg) % 360.0).tolist()
        for chainage_m, azimuth in zip(at_m.tolist(), azimuth_deg, strict=True):
            sensors.append(
                Sensor(
                    id=f"{offer.name}@{chainage_m:.0f}",
                    kind=offer.kind,
                    line=line.id,
                    at_m=chainage_m,
                    offset_m=offer.offset_m,
                    range_m=offer.range_m,
                    azimuth_deg=azimuth,
                    fov_deg=offer.fov_deg,
                    performance=offer.performance,
                )
            )
            of.append(offer)
    return sensors, of
