"""The camera that sees a place best comes first; who faces elsewhere or is out comes last."""

import msgspec

from linewatch.records import Weather
from linewatch.site.coverage_report import coverage_at
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Performance, Sensor
from linewatch.site.sight import Sight, sights

NORTHWARD = ((23.5, 52.70), (23.5, 52.71))
"""A line that runs north, so that a camera that faces 0 degrees looks along it."""


def camera(name: str, at_m: float, azimuth_deg: float | None, *, thermal: bool = True) -> Sensor:
    return Sensor(
        id=name,
        kind="camera",
        line="main",
        at_m=at_m,
        offset_m=-4.0,
        range_m=200.0,
        azimuth_deg=azimuth_deg,
        fov_deg=None if azimuth_deg is None else 50.0,
        performance=Performance(thermal=thermal),
    )


def seen(*cameras: Sensor, light: float = 1.0, weather: tuple[Weather, ...] = ()) -> tuple[Sight, ...]:
    line = Line("main", 1112.0, NORTHWARD, sections=(Section("S01", "main", 0.0, 1112.0),))
    site = Site("yard", "UTC", (line,), tuple(sorted(cameras, key=lambda each: each.id)))
    coverage = coverage_at(site, weather=weather)
    coverage.update(light_fraction=light, weather=weather, outages=())
    return sights(site, coverage.at(500.0).sensors, 500.0)


def names(found: tuple[Sight, ...]) -> list[str]:
    return [each.camera for each in found]


def test_the_nearer_of_two_that_face_the_place_comes_first() -> None:
    found = seen(camera("far", 350.0, 0.0), camera("near", 440.0, 0.0))
    assert names(found) == ["near", "far"]
    assert found[0].sight_db is not None and found[1].sight_db is not None and found[0].sight_db > found[1].sight_db
    assert found[0].distance_m == 60.1


def test_in_the_dark_a_farther_thermal_camera_sees_better_than_a_near_one_without() -> None:
    day, night = camera("a-day", 440.0, 0.0, thermal=False), camera("b-thermal", 380.0, 0.0)
    assert names(seen(day, night, light=1.0)) == ["a-day", "b-thermal"]
    assert names(seen(day, night, light=0.0)) == ["b-thermal", "a-day"]


def test_a_camera_that_faces_elsewhere_comes_after_all_that_see_the_place() -> None:
    found = seen(camera("away", 495.0, 180.0), camera("towards", 320.0, 0.0))
    assert names(found)[0] == "towards"
    assert all(each.sight_db is None and not each.faces_it for each in found[1:])


def test_fog_takes_more_from_the_farther_camera() -> None:
    fog = Weather("main", 0.0, 1112.0, 0, visibility_m=60.0)
    far, near = camera("far", 330.0, 0.0), camera("near", 460.0, 0.0)
    (_, clear), (_, foggy) = seen(far, near), seen(far, near, weather=(fog,))
    assert clear.sight_db is not None
    assert foggy.sight_db is None or foggy.sight_db < clear.sight_db


def test_a_camera_out_of_service_comes_last_and_says_so() -> None:
    out = msgspec.structs.replace(camera("a-near", 470.0, 0.0), state="out_of_service")
    found = seen(out, camera("b-far", 350.0, 0.0))
    assert names(found) == ["b-far", "a-near"]
    assert found[1].sight_db is None and found[1].why
