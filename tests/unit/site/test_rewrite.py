"""A site's files are written anew where a sensor moves, and nowhere else."""

from pathlib import Path

import pytest

from linewatch.errors import InputError
from linewatch.site.load import load_site
from linewatch.site.placing import Placement, placed, told
from linewatch.site.rewrite import rewritten

SITE = """\
# Our yard. Ask the caretaker before you dig.
[site]
name = "yard"
[[line]]
id = "main"
length_m = 600.0
places = "places.csv"
[[sensor]] # the first
id = "pir-1"
kind = "pir"
at_m = 100                  # measured by tape
range_m = 8.0

# the cable is deep here
[[sensor]]
id = "fence-1"
kind = "fibre_vibration"
from_m = 0.0
to_m = 600.0
channels = 60
[sensor.performance]
pd_walk_fraction = 0.8

# by radio
[[source]]
plugin = "mqtt"
map = "zigbee2mqtt"
url = "mqtt://127.0.0.1:1883"
password = { env = "BROKER" }
sensors = { "hall/pir-1" = "pir-1" } # more to come
[[sensor]]
sensors = "more.csv"
[[source]]
plugin = "seedlink"
[source.sensors]  # stations
"AM_R1_00_EHZ" = "geo-1"

[settings.incident]
unsure_s = 0.0 # at once
"""
MORE = '\ufeffid, kind, at_m, offset_m, cabinet\r\ngeo-1,geophone,50,2,"K1, east"\r\n\r\ngeo-2,geophone,60.5\r\n'
NUMBERS = {"mqtt:zigbee2mqtt": 0, "seedlink": 1}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    (tmp_path / "places.csv").write_text("name,kind,chainage_m\nGate,gate,300\n", encoding="utf-8")
    (tmp_path / "more.csv").write_bytes(MORE.encode())
    return tmp_path / "site.toml"


def test_only_the_numbers_of_the_sensor_that_moves_are_written_anew(file: Path) -> None:
    texts = rewritten(file, [Placement("pir-1", at_m=120.5, offset_m=-3.0)], NUMBERS)
    moved = "at_m = 120.5                  # measured by tape\nrange_m = 8.0\noffset_m = -3.0\n"
    assert texts == {file: SITE.replace("at_m = 100                  # measured by tape\nrange_m = 8.0\n", moved)}


def test_a_sensor_in_a_table_of_its_own_keeps_its_row_and_gets_the_columns_that_it_lacks(file: Path) -> None:
    texts = rewritten(file, [Placement("geo-2", at_m=61.0, range_m=30.0)], NUMBERS)
    expected = MORE.replace("cabinet\r\n", "cabinet,range_m\r\n").replace(
        "geo-2,geophone,60.5", "geo-2,geophone,61.0,,,30.0"
    )
    assert texts == {file.parent / "more.csv": expected}
    kept = rewritten(file, [Placement("geo-1", offset_m=3.0)], NUMBERS)[file.parent / "more.csv"]
    assert kept == MORE.replace("50,2,", "50,3.0,")


def test_a_span_is_moved_and_what_hangs_on_it_stays(file: Path) -> None:
    texts = rewritten(file, [Placement("fence-1", to_m=580.0)], NUMBERS)
    assert texts == {file: SITE.replace("to_m = 600.0\nchannels", "to_m = 580.0\nchannels")}


@pytest.mark.parametrize(
    ("source", "address", "before", "after"),
    [
        ("mqtt:zigbee2mqtt", "hall/pir 2", '"pir-1" } #', '"pir-1", "hall/pir 2" = "new-1"} #'),
        ("seedlink", "AM_R2", '"geo-1"\n', '"geo-1"\nAM_R2 = "new-1"\n'),
    ],
)
def test_a_device_that_was_heard_becomes_a_sensor_of_its_source(
    file: Path, source: str, address: str, before: str, after: str
) -> None:
    new = Placement("new-1", at_m=200.0, offset_m=1.0, kind="pir", range_m=8.0, source=source, address=address)
    texts = rewritten(file, [new], NUMBERS)
    last = '\n[[sensor]]\nid = "new-1"\nkind = "pir"\nat_m = 200.0\noffset_m = 1.0\nrange_m = 8.0\n'
    assert texts == {file: SITE.replace(before, after) + last}


@pytest.mark.parametrize(
    ("placement", "why"),
    [
        (Placement("pir-9", at_m=1.0), "a sensor of the site, or a kind for a new one"),
        (Placement("pir-1", at_m=600.5), "placement: pir-1.at_m: found 600.5; allowed: a number from 0 up to 600"),
        (Placement("pir-1", at_m=float("nan")), "pir-1.at_m: found nan"),
        (Placement("pir-1", at_m=100.0), "found no change"),
        (Placement("pir-1", from_m=1.0), "a point beside from_m"),
        (Placement("fence-1", to_m=0.0), "fence-1.to_m"),
        (Placement("pir-1", at_m=1.0, kind="pir"), "an id that no sensor has"),
        (Placement("new\n1", at_m=1.0, kind="pir"), "printable characters"),
        (Placement("n", at_m=1.0, kind="pir", source="mqtt:zigbee2mqtt", address="hall/pir-1"), "stands for a sensor"),
        (Placement("n", at_m=1.0, kind="pir", source="other", address="x"), "a source of the site"),
        (Placement("n", at_m=1.0, kind="pir", source="seedlink"), "both or neither"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(file: Path, placement: Placement, why: str) -> None:
    with pytest.raises(InputError, match=why):
        rewritten(file, [placement], NUMBERS)
    assert file.read_text(encoding="utf-8") == SITE


def test_a_way_of_writing_that_is_not_understood_is_refused_rather_than_guessed_at(file: Path) -> None:
    inline = SITE.replace("[[sensor]] # the first\n", "").replace(
        'id = "pir-1"\nkind = "pir"\nat_m = 100                  # measured by tape\nrange_m = 8.0\n', ""
    )
    inline = inline.split("[[sensor]]")[0].split("\n# the cable")[0]
    file.write_text('sensor = [{id = "pir-1", kind = "pir", at_m = 5}]\n' + inline, encoding="utf-8")
    assert load_site(file).has_sensor("pir-1")
    with pytest.raises(InputError, match="by hand"):
        rewritten(file, [Placement("pir-1", at_m=7.0)], {})


def test_a_change_is_told_in_words(file: Path) -> None:
    site = load_site(file)
    assert told(site, Placement("pir-1", at_m=90.0, offset_m=1.0)) == "pir-1: at_m 100 to 90, offset_m 0 to 1"
    assert placed(site, [Placement("pir-1", at_m=90.0)]).sensor("pir-1").at_m == 90.0
