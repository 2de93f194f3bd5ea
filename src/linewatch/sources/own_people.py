"""What senders share that tell where own people are: from longitude and latitude to the nearest line of the site."""

import math
from typing import Final, NamedTuple

from linewatch.records import Emergency, KnownMover, quantise
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.sources.ground import FAR_M

MOST_COUNT: Final = 50
"""Largest number that one device may stand for."""
LEAST_SIGMA_M: Final = 1.0
MOST_SIGMA_M: Final = 500.0
"""A position less exact than this says too little to explain anybody, and is taken as this exact."""


class Nearest(NamedTuple):
    """The nearest point of the site."""

    line: str
    """Line."""
    chainage_m: float
    """Where along it, within its ends."""
    offset_m: float
    """Distance from it, positive on the approach side."""
    beyond_m: float
    """How far beyond its ends the foot of the perpendicular lies."""

    @property
    def apart_m(self) -> float:
        """How far from the line."""
        return math.hypot(self.offset_m, self.beyond_m)


def nearest_to(site: Site, lon_deg: float, lat_deg: float) -> Nearest | None:
    """The nearest point of all lines that lie somewhere on Earth; None where there is none."""
    found: Nearest | None = None
    for line in site.lines:
        if not line.coordinates_deg:
            continue
        along, aside = geometry_of(line).to_chainage(lon_deg, lat_deg)
        chainage_m, offset_m = float(along), float(aside)
        if not math.isfinite(chainage_m + offset_m):
            continue
        inside_m = min(max(chainage_m, 0.0), line.length_m)
        here = Nearest(line.id, inside_m, offset_m, abs(chainage_m - inside_m))
        if found is None or here.apart_m < found.apart_m:
            found = here
    return found


def known_mover_at(
    site: Site,
    name: str,
    lonlat_deg: tuple[float, float],
    sigma_m: float,
    time_ns: int,
    *,
    count: int = 1,
    authenticated: bool,
) -> KnownMover | None:
    """Own people at a place; None where that is further than `FAR_M` from every line, and nobody else's business."""
    near = nearest_to(site, *lonlat_deg)
    if near is None or near.apart_m > FAR_M:
        return None
    sigma_m = min(max(sigma_m, LEAST_SIGMA_M), MOST_SIGMA_M)
    return quantise(
        KnownMover(
            name, near.line, time_ns, near.chainage_m, sigma_m, near.offset_m, count=count, authenticated=authenticated
        )
    )


def emergency_at(
    site: Site,
    name: str,
    lonlat_deg: tuple[float, float] | None,
    sigma_m: float,
    time_ns: int,
    *,
    what: str,
    over: bool,
    authenticated: bool,
) -> Emergency:
    """A cry for help, wherever it is from: far from every line, or from nobody knows where, it is one all the same."""
    near = None if lonlat_deg is None else nearest_to(site, *lonlat_deg)
    if near is None or lonlat_deg is None:
        half_m = site.lines[0].length_m / 2.0
        near = Nearest(site.lines[0].id, half_m, 0.0, half_m)
        lonlat_deg = None
    return quantise(
        Emergency(
            id=name,
            line=near.line,
            time_ns=time_ns,
            chainage_m=near.chainage_m,
            # A place beyond the ends is shown at the end, and said to be as far away as it is.
            chainage_sigma_m=max(sigma_m, near.beyond_m, LEAST_SIGMA_M),
            offset_m=None if lonlat_deg is None else near.offset_m,
            what=what,
            where="a place not known" if lonlat_deg is None else in_degrees(*lonlat_deg),
            over=over,
            authenticated=authenticated,
        )
    )


def in_degrees(lon_deg: float, lat_deg: float) -> str:
    """A place as it is read out."""
    north, east = "N" if lat_deg >= 0 else "S", "E" if lon_deg >= 0 else "W"
    return f"{abs(lat_deg):.5f}{north} {abs(lon_deg):.5f}{east}"
