"""The reference site: its real course, its lay-out by rule, and that nothing that fails alone blinds it."""

import csv
import json
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from linewatch.errors import InputError
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.geometry import geometry_of
from linewatch.site.load import check_site, load_site
from linewatch.site.model import TERRAINS, Site
from linewatch.site.reference import reference_site
from linewatch.site.sensor import Sensor


@pytest.fixture(scope="module")
def site() -> Site:
    return load_site("reference")


def test_it_is_125_miles_in_eleven_sections_that_cover_it(site: Site) -> None:
    (line,) = site.lines
    assert line.length_m == pytest.approx(125 * 1_609.344, abs=0.05)
    assert len(line.sections) == 11
    borders = [section.from_m for section in line.sections] + [line.length_m]
    assert borders[0] == 0.0
    assert [section.to_m for section in line.sections] == borders[1:]
    assert {section.terrain for section in line.sections} <= set(TERRAINS)


def test_its_course_is_the_published_one(site: Site, shared_data: Path) -> None:
    published = json.loads((shared_data / "reference-line" / "line.geojson").read_text())["features"][0]
    assert [list(place) for place in site.lines[0].coordinates_deg] == published["geometry"]["coordinates"]
    assert published["properties"]["inside"] == "west (left of travel is east)"
    lon, _ = geometry_of(site.lines[0]).to_lonlat([100_000.0], [1_000.0])
    assert lon > geometry_of(site.lines[0]).to_lonlat([100_000.0])[0]


def test_its_densities_are_those_of_real_barriers(site: Site) -> None:
    counts = Counter(sensor.kind for sensor in site.sensors)
    km = site.lines[0].length_m / 1_000
    assert counts["camera"] / km == pytest.approx(14.6, rel=0.05)
    assert 2_850 <= counts["camera"] <= 2_950
    cable_m = sum(sensor.to_m - sensor.from_m for sensor in site.sensors if sensor.kind == "fibre_vibration")
    assert cable_m == pytest.approx(site.lines[0].length_m)
    assert sum(sensor.channels for sensor in site.sensors if sensor.kind == "fibre_das") == pytest.approx(
        40_200, abs=50
    )
    gaps = Counter(place.kind for place in site.lines[0].places if place.kind in ("gate", "stream"))
    assert counts["geophone"] == counts["microwave"] == counts["pir"] / 2 == sum(gaps.values()) == 62
    assert counts["contact"] == gaps["gate"]


def test_two_fibres_run_along_the_whole_line_in_channels_of_10_m(site: Site) -> None:
    for name in ("das-a", "das-b"):
        spans = sorted((s for s in site.sensors if s.id.startswith(name)), key=lambda s: s.from_m)
        centres = np.concatenate([span.channel_centres_m() for span in spans])
        assert len(centres) == 20_117
        assert np.abs(np.diff(centres) - 10.0).max() < 0.01
        assert centres[0] == pytest.approx(5.0)
        assert centres[-1] == pytest.approx(site.lines[0].length_m - 5.0, abs=0.01)
        assert max(span.to_m - span.from_m for span in spans) <= 40_000


@pytest.mark.parametrize("support", ["cabinet", "power", "network"])
def test_whatever_fails_alone_leaves_buried_fibre_on_every_metre(site: Site, support: str) -> None:
    metres = np.arange(0.5, site.lines[0].length_m)
    fibres = [sensor for sensor in site.sensors if sensor.kind == "fibre_das"]
    for failing in sorted({getattr(sensor, support) for sensor in site.sensors}):
        left = np.zeros(len(metres), dtype=bool)
        for fibre in fibres:
            if getattr(fibre, support) != failing:
                left |= (metres >= fibre.from_m) & (metres < fibre.to_m)
        assert left.all(), failing


def test_everything_hangs_on_something_and_no_cabinet_serves_more_than_its_stretch(site: Site) -> None:
    assert all(sensor.cabinet and sensor.power and sensor.network for sensor in site.sensors)
    by_cabinet: dict[str, list[Sensor]] = {}
    for sensor in site.sensors:
        if sensor.cabinet.startswith("K"):
            by_cabinet.setdefault(sensor.cabinet, []).append(sensor)
    assert len(by_cabinet) == 101
    for sensors in by_cabinet.values():
        points = [sensor.at_m for sensor in sensors if sensor.at_m is not None]
        assert max(points) - min(points) <= 2_100
        assert len({sensor.power for sensor in sensors}) == 1


def test_cameras_look_along_the_line_and_radars_across_the_approach_side(site: Site) -> None:
    geometry = geometry_of(site.lines[0])
    for sensor in site.sensors:
        if sensor.kind in ("camera", "radar"):
            turn = (sensor.azimuth_deg - float(geometry.azimuth_deg(sensor.at_m)) + 180) % 360 - 180
            assert min(abs(turn - allowed) for allowed in ((-20, -160) if sensor.kind == "camera" else (-90,))) < 0.1
    open_country = [s for s in site.lines[0].sections if s.terrain in ("open", "river")]
    for radar in (sensor for sensor in site.sensors if sensor.kind == "radar"):
        assert any(section.from_m <= radar.at_m < section.to_m for section in open_country)


def test_places_are_what_people_would_say(site: Site) -> None:
    assert site.nearest_place("main", 173_512.0).name == "post 347"
    names = [place.name for place in site.lines[0].places]
    assert len(set(names)) == len(names)
    assert {place.kind for place in site.lines[0].places} == {"post", "gate", "stream", "road"}
    assert all(0 <= place.chainage_m <= site.lines[0].length_m for place in site.lines[0].places)


def test_building_it_takes_less_than_a_second_and_gives_the_same_every_time() -> None:
    begin = time.process_time()
    reference_site.cache_clear()
    first = reference_site()
    assert time.process_time() - begin < 1.0
    reference_site.cache_clear()
    assert site_fingerprint(first) == site_fingerprint(reference_site())


def test_written_out_as_files_it_checks_and_is_the_same_site(site: Site, tmp_path: Path) -> None:
    (line,) = site.lines
    geometry = {"type": "LineString", "coordinates": line.coordinates_deg}
    (tmp_path / "line.geojson").write_text(json.dumps(geometry))
    with (tmp_path / "places.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("name", "kind", "chainage_m"), *(msgspec.structs.astuple(p) for p in line.places)])
    columns = [name for name in Sensor.__struct_fields__ if name not in ("performance", "calibration")]
    with (tmp_path / "sensors.csv").open("w", newline="") as file:
        csv.writer(file).writerows([columns, *([getattr(s, name) for name in columns] for s in site.sensors)])
    sections = "".join(
        f'[[section]]\nname = "{s.name}"\nfrom_m = {s.from_m}\nto_m = {s.to_m}\nterrain = "{s.terrain}"\n'
        for s in line.sections
    )
    (tmp_path / "site.toml").write_text(
        f'[site]\nname = "{site.name}"\ntimezone = "{site.timezone}"\n[[line]]\nid = "main"\n'
        f'geometry = "line.geojson"\nplaces = "places.csv"\nsensors = "sensors.csv"\n{sections}'
    )
    checked = check_site(tmp_path)
    assert checked.problems == ()
    assert site_fingerprint(checked.site) == site_fingerprint(site)


def test_a_place_beside_its_line_is_found_again(site: Site) -> None:
    geometry = geometry_of(site.lines[0])
    at_m = np.array([place.chainage_m for place in site.lines[0].places])
    chainage, offset = geometry.to_chainage(*geometry.to_lonlat(at_m, 3.0))
    assert np.abs(chainage - at_m).max() < 0.1
    assert np.abs(offset - 3.0).max() < 0.1


def test_the_example_site_checks(tmp_path: Path) -> None:
    example = Path(__file__).resolve().parents[3] / "examples" / "fence-trial"
    checked = check_site(example)
    assert checked.problems == ()
    assert checked.notes == ()
    assert checked.site is not None
    assert geometry_of(checked.site.lines[0]).length_m == pytest.approx(600.0, abs=0.01)
    assert checked.site.sensor("fence-1").channels == 600
    bench = msgspec.structs.replace(checked.site.lines[0], coordinates_deg=())
    with pytest.raises(InputError):
        geometry_of(bench)
