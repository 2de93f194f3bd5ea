"""Sites on disk for tests: a good one, and ways to spoil it."""

from pathlib import Path

SITE = """
[site]
name = "Fence trial"
timezone = "Europe/Warsaw"

[[line]]
id = "main"
geometry = "line.geojson"
outside = "left"
places = "places.csv"

[[section]]
name = "S01"
from_m = 0.0
to_m = 300.0
terrain = "forest"
[section.settings.incident]
only_witness = true

[[section]]
name = "S02"
from_m = 300.0
to_m = 600.0

[[sensor]]
id = "fence-1"
kind = "fibre_vibration"
from_m = 0.0
to_m = 600.0
channels = 600
cabinet = "K3"

[[sensor]]
id = "das-1"
kind = "fibre_das"
calibration = "taps.csv"
channels = 60
state = "commissioning"

[[sensor]]
id = "cam-1"
kind = "camera"
at_m = 120
offset_m = -4.0
azimuth_deg = 90.0
fov_deg = 40.0
range_m = 150.0
view_url = "rtsp://10.0.0.7/stream"
performance = { pd_walk_fraction = 0.9, thermal = false }

[[sensor]]
sensors = "sensors.csv"

[[source]]
plugin = "mqtt"
url = "mqtt://127.0.0.1:1883"
password = { env = "MQTT_PASSWORD" }
sensors = { "hall/token" = "pir-1" }

[[notify]]
plugin = "cot"
key_file = { file = "cot.pem" }

[settings.health]
stream_silence_s = 2.0
"""
LINE = """{"type": "Feature", "properties": {"name": "made up", "length_m": 600.0},
 "geometry": {"type": "LineString", "coordinates": [[21.0, 52.0], [21.0, 52.0021568], [21.0052424, 52.0021568]]}}
"""
PLACES = "name,kind,chainage_m\ngate 1,gate,400\npost 1,post,0\n"
SENSORS = """id,kind,at_m,range_m,from_m,to_m,performance.far_per_day,heartbeat_s
pir-1,pir,400,15,,,0.5,3600

link-1,microwave,,,380,420,,
"""
TAPS = "channel,chainage_m\n0,2.0\n30,310\n59,598\n"
FILES = {
    "site.toml": SITE,
    "line.geojson": LINE,
    "places.csv": PLACES,
    "sensors.csv": SENSORS,
    "taps.csv": TAPS,
}


def write_site(folder: Path, changes: dict[str, tuple[str, str]] | None = None, **files: str) -> Path:
    """Write the good site, with one text replaced by another in some files, or `name_suffix` files replaced whole."""
    whole = {name.replace("_", "."): text for name, text in files.items()}
    for name, text in {**FILES, **whole}.items():
        old, new = (changes or {}).get(name, ("", ""))
        assert old in text, f"{old!r} does not stand in {name}"
        (folder / name).write_text(text.replace(old, new, 1) if old else text, encoding="utf-8")
    return folder
