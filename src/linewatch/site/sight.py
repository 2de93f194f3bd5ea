"""Which camera sees a place best now: one small rule for whoever has to choose where to look.

How well a camera sees a crossing is counted in decibels over what it has at the end of its reach: what nearness adds,
less what terrain, weather and the light take from the better of its heads (in the dark the thermal one, in haze the one
that haze takes less from), less its raised floor; a view that is partly masked or covered loses 20 log10 of what is
left. These are the figures of the coverage model (`site.performance`), so that what is said to see best is what is
counted on. A camera that faces elsewhere comes after all that see the place, one that counts for nothing now (out,
blinded, muted) after those; equals stand by their distance.
"""

import math
from collections.abc import Sequence

import msgspec

from linewatch.site.explain import SensorView
from linewatch.site.model import Site


class Sight(msgspec.Struct, frozen=True):
    """How one camera sees a place."""

    camera: str
    """Its id."""
    distance_m: float
    """From the camera to the place on the line."""
    sight_db: float | None
    """How well it sees, over what it has at the end of its reach; None where it sees nothing of the place now."""
    faces_it: bool
    """Whether the place lies in its field of view."""
    why: str
    """What helps or hinders it, in words."""


def sights(site: Site, views: Sequence[SensorView], chainage_m: float) -> tuple[Sight, ...]:
    """The cameras among the sensors that reach a metre, who sees best first."""
    found = [_sight(site, view, chainage_m) for view in views if view.kind == "camera"]
    return tuple(sorted(found, key=_order))


def _sight(site: Site, view: SensorView, chainage_m: float) -> Sight:
    placed = site.sensor(view.sensor)
    distance_m = math.hypot((placed.at_m or 0.0) - chainage_m, placed.offset_m)
    faces_it = view.distance_m is not None
    sight_db = None
    if view.counts and faces_it and view.remaining_fraction > 0.0:
        left_db = 20.0 * math.log10(view.remaining_fraction)
        sight_db = round(view.gain_db - view.terrain_db - view.weather_db - view.floor_db + left_db, 1)
    return Sight(view.sensor, round(distance_m, 1), sight_db, faces_it, view.why)


def _order(sight: Sight) -> tuple[int, float, float, str]:
    level = 0 if sight.sight_db is not None else 1 if not sight.faces_it else 2
    return level, -(sight.sight_db or 0.0), sight.distance_m, sight.camera
