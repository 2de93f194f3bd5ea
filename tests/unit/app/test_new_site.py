"""A new site out of the files that people have, and out of what is heard."""

import json
from pathlib import Path

import pytest

from linewatch.app.new_site import new_site
from linewatch.errors import InputError
from linewatch.site.line_files import read_course
from linewatch.sources.mqtt.scout import Device, Scout

POINTS = [(20.5, 52.5), (20.503, 52.5004), (20.5052, 52.5003)]
KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Placemark><LineString><coordinates>
{points}
</coordinates></LineString></Placemark></Document></kml>"""
GPX = """<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>
{points}</trkseg></trk></gpx>"""


def drawn(folder: Path, suffix: str) -> Path:
    path = folder / f"fence{suffix}"
    if suffix == ".geojson":
        path.write_text(json.dumps({"type": "Feature", "geometry": {"type": "LineString", "coordinates": POINTS}}))
    elif suffix == ".kml":
        path.write_text(KML.format(points=" ".join(f"{lon},{lat},0" for lon, lat in POINTS)))
    else:
        path.write_text(GPX.format(points="".join(f'<trkpt lat="{lat}" lon="{lon}"/>' for lon, lat in POINTS)))
    return path


@pytest.mark.parametrize("suffix", [".geojson", ".kml", ".gpx"])
def test_a_drawn_line_becomes_a_site_of_the_same_length(suffix: str, tmp_path: Path) -> None:
    site = new_site(tmp_path / "site", line=drawn(tmp_path, suffix))
    assert read_course(drawn(tmp_path, suffix)) == tuple(POINTS)
    assert 350.0 < site.lines[0].length_m < 370.0
    assert site.sources == ()


def test_a_table_of_sensors_is_taken_along(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,kind,at_m,range_m\npir-1,pir,12,8\ngate,contact,40,1\n")
    site = new_site(tmp_path / "site", line=drawn(tmp_path, ".kml"), sensors=tmp_path / "mine.csv")
    assert [sensor.id for sensor in site.sensors] == ["gate", "pir-1"]


def test_a_table_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("id,kind,at_m\npir-1,pir,1200\n")
    with pytest.raises(InputError, match=r"sensors\.csv:2: at_m"):
        new_site(tmp_path / "site", line=drawn(tmp_path, ".gpx"), sensors=tmp_path / "mine.csv")
    assert list((tmp_path / "site").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.kml", "<kml></kml>", "no LineString"),
        ("a.kml", "<kml", "allowed: one LineString"),
        ("a.kml", '<!DOCTYPE x [<!ENTITY a "aaaa">]><kml/>', "a document type definition"),
        ("a.gpx", "<gpx/>", "found 0 points"),
        ("a.geojson", '{"type": "Point", "coordinates": [1, 2]}', "found a Point"),
        ("a.geojson", '{"type": "LineString", "coordinates": [[1, 2], [200, 91]]}', "the point 200, 91"),
        ("a.geojson", '{"type": "LineString", "coordinates": [[1, 2], [1, 2]]}', "found 1 points"),
        ("a.shp", "x", "a file ending in '.shp'"),
    ],
)
def test_a_line_that_cannot_be_read_says_why(name: str, text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_course(tmp_path / name)


def test_a_site_is_never_written_over(tmp_path: Path) -> None:
    new_site(tmp_path / "site")
    with pytest.raises(InputError, match="a folder without one"):
        new_site(tmp_path / "site")


def test_names_of_devices_cannot_break_out_of_the_file(tmp_path: Path) -> None:
    strange = 'hall/"]\n[site]\nname = "x'
    devices = [
        Device("zigbee2mqtt", strange, "pir", 3),
        Device("zigbee2mqtt", "hall.pir", "pir", 1),
        Device("zigbee2mqtt", "hall/pir", "pir", 1),
        Device("frigate", "gate", "camera", 0),
    ]
    site = new_site(tmp_path / "Garden", url="mqtt://127.0.0.1:1883", devices=devices)
    assert site.name == "Garden"
    assert len(site.sensors) == 4
    assert {sensor.id for sensor in site.sensors} >= {"hall-pir", "hall-pir-2", "gate"}
    by_map = {spec.settings["map"]: spec.settings["sensors"] for spec in site.sources}
    assert set(by_map) == {"zigbee2mqtt", "frigate"}
    assert strange in by_map["zigbee2mqtt"]


def said(scout: Scout, topic: str, payload: bytes) -> None:
    scout.message(topic, payload, mid=1, qos=0, retained=False, repeated=False)


def test_a_scout_tells_devices_that_sense_from_those_that_do_not() -> None:
    scout = Scout()
    said(scout, "zigbee2mqtt/hall/pir-4", b'{"occupancy": false}')
    said(scout, "zigbee2mqtt/gate", b'{"contact": true}')
    said(scout, "zigbee2mqtt/lamp", b'{"state": "ON", "brightness": 200}')
    said(scout, "zigbee2mqtt/hall/pir-4", b"\xff")
    assert [(d.address, d.kind) for d in scout.found.values()] == [("hall/pir-4", "pir"), ("gate", "contact")]


def test_a_bridge_names_devices_that_are_silent_for_that_minute() -> None:
    scout = Scout()
    exposes = [{"property": "occupancy"}, {"property": "battery"}]
    devices = [{"friendly_name": "attic", "definition": {"exposes": exposes}}, {"friendly_name": "lamp"}, 17]
    said(scout, "zigbee2mqtt/bridge/devices", json.dumps(devices).encode())
    said(scout, "zigbee2mqtt/bridge/devices", b"no JSON")
    assert [(d.address, d.kind, d.messages) for d in scout.found.values()] == [("attic", "pir", 0)]
