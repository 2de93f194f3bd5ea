"""The reference site: a barrier of 125 miles, laid out by rule, so that anybody can see and load the whole system.

Its course is real (Natural Earth, public domain; the source stands in `reference_line.geojson`), everything on it is
made up: no post, gate, stream or sensor here exists. Densities follow published ones of such barriers: 14.6 cameras
and 1.9 km of detection cable a kilometre, 11 sections with a container each (wnp.pl 657162; kresy.pl; dziennik.pl
8596055), masts closer in the forest than by the river (polskanews.org: 10.6 a kilometre). The rules are the constants
below. Nothing here is drawn by chance, so the site is the same wherever it is built.

What hangs on what: each section has a container, with a feed and two switches of its own. Fibre A is read from the
containers of odd sections and fibre B from those of even ones, and their spans are half a span apart, so no single
cabinet, feed or cut leaves a metre without buried fibre. All else hangs on a field cabinet of its 2 km; five cabinets
share a feed, and neighbouring cabinets are on different switches of their section.
"""

import importlib.resources
import json
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final, NamedTuple

import msgspec

from linewatch.records.vocabulary import SensorKind
from linewatch.site.geometry import LineGeometry
from linewatch.site.model import Line, Place, Section, Site
from linewatch.site.sensor import Sensor

LINE: Final = "main"
TERRAIN: Final = (
    *("forest", "open", "open", "forest", "open", "forest"),
    *("wetland", "forest", "open", "river", "river"),
)
"""Terrain class of each section, north to south."""
POST_EVERY_M: Final = 500.0
GATE_EVERY_M: Final = 9_000.0
STREAM_EVERY_M: Final = 5_000.0
ROAD_EVERY_M: Final = 4_000.0
CHANNEL_M: Final = 10.0
"""Channel of the buried fibres and cell of the fence cable."""
FIBRE_SPAN_M: Final = 40_000.0
"""An interrogator reads at most this much fibre (makers claim 50 to 70 km)."""
CABINET_EVERY_M: Final = 2_000.0
CABINETS_A_FEED: Final = 5
CAMERA_EVERY_M: Final = {"forest": 62.0, "open": 75.0, "wetland": 68.0, "river": 77.0, "town": 62.0}
"""Distance of camera positions; each is a day and a thermal camera that look along the line."""
CAMERA_RANGE_M: Final = {"forest": 110.0, "open": 180.0, "wetland": 150.0, "river": 180.0, "town": 110.0}
RADAR_TERRAIN: Final = ("open", "river")
RADAR_EVERY_M: Final = 6_000.0
GAP_M: Final = 60.0
"""Width of the ground about a gate or stream that microwave and geophones watch."""

_GOLDEN: Final = 0.618_033_988_749_895
_STREAMS: Final = (
    *("Alder", "Ash", "Aspen", "Birch", "Bittern", "Bracken", "Clover", "Crane", "Curlew", "Elder", "Elm", "Fern"),
    *("Finch", "Flint", "Gorse", "Grouse", "Hazel", "Heather", "Heron", "Holly", "Ivy", "Juniper", "Kestrel"),
    *("Larch", "Lark", "Linden", "Maple", "Marigold", "Moss", "Nettle", "Oak", "Otter", "Pebble", "Plover", "Reed"),
    *("Rowan", "Rush", "Sedge", "Sorrel", "Sparrow", "Teal", "Thistle", "Willow", "Wren", "Yarrow", "Yew"),
)


class Support(NamedTuple):
    """What a sensor hangs on."""

    cabinet: str
    """Cabinet or container."""
    power: str
    """Feed."""
    network: str
    """Switch."""


@lru_cache(maxsize=1)
def reference_site() -> Site:
    """The reference site; built once, in well under a second."""
    document: dict[str, Any] = json.loads(
        (importlib.resources.files("linewatch.site") / "reference_line.geojson").read_text(encoding="utf-8")
    )
    coordinates = tuple((float(lon), float(lat)) for lon, lat in document["geometry"]["coordinates"])
    geometry = LineGeometry(coordinates)
    line = Line(
        id=LINE,
        length_m=round(geometry.length_m, 3),
        coordinates_deg=coordinates,
        outside="left",
        stated_length_m=float(document["properties"]["length_m"]),
    )
    layout = Layout(line, geometry)
    return Site(
        name="125-mile reference line",
        timezone="Europe/Warsaw",
        lines=(msgspec.structs.replace(line, sections=layout.sections, places=layout.places),),
        sensors=tuple(sorted(layout.sensors(), key=lambda sensor: sensor.id)),
    )


class Layout:
    """Places and sensors of the reference line, rule by rule."""

    def __init__(self, line: Line, geometry: LineGeometry) -> None:
        self._length_m = line.length_m
        self._geometry = geometry
        count = len(TERRAIN)
        ends_m = [*(float(round(line.length_m * number / count)) for number in range(count)), line.length_m]
        self.sections = tuple(
            Section(
                name=f"S{number + 1:02d}", line=LINE, from_m=ends_m[number], to_m=ends_m[number + 1], terrain=terrain
            )
            for number, terrain in enumerate(TERRAIN)
        )
        gates = self._scattered(GATE_EVERY_M, 1)
        streams = self._scattered(STREAM_EVERY_M, 2)
        roads = self._scattered(ROAD_EVERY_M, 3)
        posts = range(1, int(line.length_m / POST_EVERY_M) + 1)
        self.gaps = (
            *(Place(f"gate {number}", "gate", at_m) for number, at_m in enumerate(gates, start=1)),
            *(Place(f"{name} stream", "stream", at_m) for name, at_m in zip(_STREAMS, streams, strict=False)),
        )
        """Places at which the barrier is open or low."""
        places = (
            *(Place(f"post {number}", "post", number * POST_EVERY_M) for number in posts),
            *self.gaps,
            *(Place(f"road {number}", "road", at_m) for number, at_m in enumerate(roads, start=1)),
        )
        self.places = tuple(sorted(places, key=lambda place: (place.chainage_m, place.name)))

    def _scattered(self, every_m: float, sequence: int) -> list[float]:
        """About one place every so many metres, unevenly: each anywhere in the middle 70 % of its own stretch.

        Multiples of the golden ratio, modulo 1, spread evenly without repeating.
        """
        count = round(self._length_m / every_m)
        step_m = self._length_m / count
        shares = [(number + 1) * _GOLDEN * sequence % 1.0 for number in range(count)]
        return [float(round((number + 0.15 + 0.7 * share) * step_m)) for number, share in enumerate(shares)]

    def sensors(self) -> Iterator[Sensor]:
        """Every sensor, kind by kind."""
        yield from self._fibres("a", offset_m=3.0, first_part=1.0)
        yield from self._fibres("b", offset_m=-3.0, first_part=0.5)
        yield from self._fence_cable()
        yield from self._gap_sensors()
        yield from self._cameras()
        yield from self._radars()

    def _section_number(self, at_m: float) -> int:
        return next((i for i, section in enumerate(self.sections) if at_m < section.to_m), len(self.sections) - 1)

    def _field_cabinet(self, at_m: float) -> Support:
        number = int(min(max(at_m, 0.0), self._length_m - 1.0) // CABINET_EVERY_M)
        switch = "ab"[number % 2]
        return Support(
            cabinet=f"K{number + 1:03d}",
            power=f"feed-{number // CABINETS_A_FEED + 1:02d}",
            network=f"{self.sections[self._section_number(at_m)].name}-{switch}",
        )

    def _container(self, at_m: float, *, odd: bool) -> Support:
        """The nearest container with an odd or even number."""
        middles = [(section.from_m + section.to_m) / 2 for section in self.sections]
        numbers = [i for i in range(len(middles)) if (i % 2 == 0) == odd]
        number = min(numbers, key=lambda i: abs(middles[i] - at_m)) + 1
        return Support(f"C{number:02d}", f"feed-C{number:02d}", f"S{number:02d}-{'a' if odd else 'b'}")

    def _fibres(self, name: str, *, offset_m: float, first_part: float) -> Iterator[Sensor]:
        """One buried fibre over the whole line, in equal spans of whole channels (the first perhaps a part of one)."""
        count = int(-(-self._length_m // FIBRE_SPAN_M))
        cut_m = [self._length_m * (number + first_part) / count for number in range(count)]
        ends_m = [0.0, *(round(at_m, -1) for at_m in cut_m if at_m < self._length_m - CHANNEL_M), self._length_m]
        for number, (from_m, to_m) in enumerate(pairwise(ends_m), start=1):
            on = self._container((from_m + to_m) / 2, odd=name == "a")
            yield _span(f"das-{name}-{number}", "fibre_das", from_m, to_m, CHANNEL_M, on, 10.0, offset_m)

    def _fence_cable(self) -> Iterator[Sensor]:
        """Vibration cable on the fence, one length to each field cabinet."""
        count = int(-(-self._length_m // CABINET_EVERY_M))
        for number in range(count):
            from_m, to_m = number * CABINET_EVERY_M, min((number + 1) * CABINET_EVERY_M, self._length_m)
            on = self._field_cabinet(from_m)
            yield _span(f"fence-{number + 1:03d}", "fibre_vibration", from_m, to_m, CHANNEL_M, on, 60.0, 0.0)

    def _gap_sensors(self) -> Iterator[Sensor]:
        """Geophones, microwave and infra-red at each gate and stream, a contact at each gate."""
        for place in self.gaps:
            at_m = place.chainage_m
            on, low_m, high_m = self._field_cabinet(at_m), at_m - GAP_M / 2, at_m + GAP_M / 2
            tag = place.name.lower().replace(" ", "-")
            yield _span(f"geophone-{tag}", "geophone", low_m, high_m, 5.0, on, 120.0, 10.0)
            yield _span(f"microwave-{tag}", "microwave", low_m, high_m, GAP_M, on, 60.0, 2.0)
            for side, shift_m in (("n", -10.0), ("s", 10.0)):
                yield _point(f"pir-{tag}-{side}", "pir", at_m + shift_m, on, offset_m=2.0, range_m=20.0)
            if place.kind == "gate":
                yield _point(f"contact-{tag}", "contact", at_m, on, offset_m=0.0, range_m=3.0)

    def _cameras(self) -> Iterator[Sensor]:
        """Camera positions behind the line, looking along it by turns forth and back, a little to the approach side."""
        number = 0
        for section in self.sections:
            count = round((section.to_m - section.from_m) / CAMERA_EVERY_M[section.terrain])
            step_m = (section.to_m - section.from_m) / count
            places_m = [round(section.from_m + (k + 0.5) * step_m, 1) for k in range(count)]
            for at_m, travel_deg in zip(places_m, self._geometry.azimuth_deg(places_m).tolist(), strict=True):
                number += 1
                turn_deg = -20.0 if number % 2 else -160.0  # left of travel is the approach side
                yield _point(
                    f"camera-{number:04d}",
                    "camera",
                    at_m,
                    self._field_cabinet(at_m),
                    offset_m=-4.0,
                    range_m=CAMERA_RANGE_M[section.terrain],
                    heartbeat_s=300.0,
                    azimuth_deg=round((travel_deg + turn_deg) % 360.0, 1) % 360.0,
                    fov_deg=60.0,
                )

    def _radars(self) -> Iterator[Sensor]:
        """Ground radars where the country is open, facing the approach side."""
        number = 0
        for section in self.sections:
            if section.terrain not in RADAR_TERRAIN:
                continue
            count = round((section.to_m - section.from_m) / RADAR_EVERY_M)
            for k in range(count):
                number += 1
                at_m = round(section.from_m + (k + 0.5) * (section.to_m - section.from_m) / count)
                yield _point(
                    f"radar-{number:02d}",
                    "radar",
                    float(at_m),
                    self._field_cabinet(at_m),
                    offset_m=-15.0,
                    range_m=3_500.0,
                    heartbeat_s=10.0,
                    azimuth_deg=round((float(self._geometry.azimuth_deg(at_m)) - 90.0) % 360.0, 1) % 360.0,
                    fov_deg=180.0,
                )


def _span(
    name: str,
    kind: SensorKind,
    from_m: float,
    to_m: float,
    channel_m: float,
    on: Support,
    heartbeat_s: float,
    offset_m: float,
) -> Sensor:
    return Sensor(
        id=name,
        kind=kind,
        line=LINE,
        from_m=from_m,
        to_m=to_m,
        channels=round((to_m - from_m) / channel_m),
        offset_m=offset_m,
        heartbeat_s=heartbeat_s,
        cabinet=on.cabinet,
        power=on.power,
        network=on.network,
    )


def _point(
    name: str,
    kind: SensorKind,
    at_m: float,
    on: Support,
    *,
    offset_m: float,
    range_m: float,
    heartbeat_s: float = 3_600.0,
    azimuth_deg: float | None = None,
    fov_deg: float | None = None,
) -> Sensor:
    return Sensor(
        id=name,
        kind=kind,
        line=LINE,
        at_m=at_m,
        offset_m=offset_m,
        range_m=range_m,
        heartbeat_s=heartbeat_s,
        azimuth_deg=azimuth_deg,
        fov_deg=fov_deg,
        cabinet=on.cabinet,
        power=on.power,
        network=on.network,
    )
