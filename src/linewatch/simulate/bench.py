"""A small bench site in code: 600 m of fence with almost every kind of sensor, for a first look and for tests."""

from linewatch.site.model import Line, Place, Section, Site
from linewatch.site.sensor import Sensor


def bench_site() -> Site:
    """600 m of open country: fence cable, buried fibre, geophones, infra-red at the gate, cameras and a radar."""
    line = Line(
        id="main",
        length_m=600.0,
        sections=(Section(name="S01", line="main", from_m=0.0, to_m=600.0),),
        places=(
            Place("Post 1", "post", 50.0),
            Place("Stream", "stream", 180.0),
            Place("Gate", "gate", 300.0),
            Place("Post 2", "post", 550.0),
        ),
    )
    spans = (
        Sensor("fence-1", "fibre_vibration", "main", from_m=0.0, to_m=600.0, channels=600, cabinet="K1"),
        Sensor("fibre-1", "fibre_das", "main", from_m=0.0, to_m=600.0, channels=60, offset_m=3.0, cabinet="K1"),
    )
    geophones = tuple(
        Sensor(f"geo-{at:03.0f}", "geophone", "main", at_m=at, offset_m=5.0, range_m=40.0, cabinet="K1")
        for at in (160.0, 200.0, 290.0, 310.0)
    )
    cameras = tuple(
        Sensor(f"cam-{at:03.0f}", "camera", "main", at_m=at, offset_m=-4.0, range_m=120.0, cabinet="K2")
        for at in (75.0, 225.0, 375.0, 525.0)
    )
    others = (
        Sensor("pir-gate", "pir", "main", at_m=300.0, offset_m=1.0, range_m=15.0, cabinet="K1"),
        Sensor("radar-1", "radar", "main", at_m=300.0, offset_m=-6.0, range_m=400.0, cabinet="K2"),
    )
    sensors = tuple(sorted((*spans, *geophones, *cameras, *others), key=lambda sensor: sensor.id))
    return Site(name="bench", timezone="Europe/Warsaw", lines=(line,), sensors=sensors)
