"""Lines with every kind of sensor, small enough to compute many times."""

from linewatch.records import Outage, WalkTest, Weather
from linewatch.site.model import Line, Place, Section, Site
from linewatch.site.sensor import Performance, Sensor

# A little over 3 km in the middle of Europe, with a bend.
BENT = ((23.50, 52.80), (23.52, 52.81), (23.53, 52.83))


def line_of(length_m: float = 3_000.0, *, terrains: tuple[str, ...] = ("open",), bent: bool = False) -> Line:
    part_m = length_m / len(terrains)
    return Line(
        id="main",
        length_m=length_m,
        coordinates_deg=BENT if bent else (),
        sections=tuple(
            Section(f"S{i + 1:02d}", "main", i * part_m, (i + 1) * part_m, terrain)
            for i, terrain in enumerate(terrains)
        ),
        places=(Place("gate 1", "gate", length_m / 3.0), Place("post 2", "post", 2.0 * length_m / 3.0)),
    )


def site_of(*sensors: Sensor, line: Line | None = None) -> Site:
    return Site("bench", "Europe/Warsaw", (line or line_of(),), tuple(sorted(sensors, key=lambda s: s.id)))


def fibre(name: str = "das", from_m: float = 0.0, to_m: float = 3_000.0, **more: object) -> Sensor:
    channels = round(abs(to_m - from_m) / 10.0)
    return Sensor(id=name, kind="fibre_das", line="main", from_m=from_m, to_m=to_m, channels=channels, **more)  # type: ignore[arg-type]


def point(name: str, kind: str, at_m: float, **more: object) -> Sensor:
    return Sensor(id=name, kind=kind, line="main", at_m=at_m, **more)  # type: ignore[arg-type]


def full_site(*, bent: bool = True) -> Site:
    """Every kind of sensor on 3 km of three terrains, with everything that they can hang on."""
    sensors = [
        fibre("das-a", cabinet="K1"),
        fibre("das-b", 3_000.0, 0.0, cabinet="K2"),
        Sensor(id="fence", kind="fibre_vibration", line="main", from_m=200.0, to_m=2_900.0, channels=900, cabinet="K2"),
        Sensor(id="link", kind="microwave", line="main", from_m=980.0, to_m=1_040.0, channels=1, cabinet="K1"),
        point("beam", "radio_link", 2_000.0, range_m=40.0, network="N1"),
        point("radar", "radar", 1_500.0, offset_m=-15.0, range_m=900.0, azimuth_deg=300.0, fov_deg=120.0, power="P1"),
        point("gate", "contact", 1_000.0, range_m=2.0, cabinet="K1"),
        point("new", "pir", 1_010.0, state="commissioning"),
        point("old", "camera", 300.0, performance=Performance(pd_walk_fraction=0.6, thermal=False), range_m=60.0),
    ]
    for i in range(12):
        at_m, cabinet = 100.0 + 250.0 * i, f"K{1 + i // 6}"
        sensors += [
            point(f"cam-{i:02d}", "camera", at_m, offset_m=-4.0, range_m=150.0, azimuth_deg=30.0 * i, fov_deg=60.0),
            point(f"geo-{i:02d}", "geophone", at_m + 40.0, offset_m=5.0, range_m=30.0, cabinet=cabinet, power="P1"),
            point(f"pir-{i:02d}", "pir", at_m + 90.0, network=f"N{1 + i % 2}", cabinet=cabinet),
        ]
    terrains = ("forest", "open", "wetland")
    return site_of(*sensors, line=line_of(terrains=terrains, bent=bent))


def outage(*sensors: str, left: float = 0.0, start_ns: int = 0, end_ns: int | None = None, **more: object) -> Outage:
    values: dict[str, object] = {"from_m": 0.0, "to_m": 0.0, "reason": "it is silent", "cause": "silent", **more}
    return Outage(
        id=f"{'-'.join(sensors)}/{start_ns}",
        line="main",
        sensors=sensors,
        start_ns=start_ns,
        noticed_ns=start_ns,
        end_ns=end_ns,
        remaining_fraction=left,
        **values,  # type: ignore[arg-type]  # fields of Outage, given by the test
    )


def weather(from_m: float = 0.0, to_m: float = 3_000.0, time_ns: int = 0, **more: float) -> Weather:
    return Weather(line="main", from_m=from_m, to_m=to_m, time_ns=time_ns, **more)  # type: ignore[arg-type]


STORM = weather(temperature_c=9.0, wind_mps=14.0, gust_mps=21.0, rain_mm_per_h=8.0, visibility_m=700.0)


def walk_test(from_m: float, to_m: float, found: int, passes: int, end_ns: int = 10**18, **more: object) -> WalkTest:
    values: dict[str, object] = {"mover": "person", "gait": "walk", **more}
    return WalkTest(
        line="main",
        from_m=from_m,
        to_m=to_m,
        start_ns=end_ns - 10**12,
        end_ns=end_ns,
        passes=passes,
        found=found,
        **values,  # type: ignore[arg-type]  # fields of WalkTest, given by the test
    )
