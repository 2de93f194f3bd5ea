"""A site is read whole, and everything that is wrong with it is told at once."""

import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from linewatch.errors import Problem, SiteError
from linewatch.site.fingerprint import site_fingerprint
from linewatch.site.load import check_site, load_site
from linewatch.site.model import Section, Site
from linewatch.site.sensor import Performance, Sensor
from tests.unit.site.written import FILES, LINE, SITE, write_site


def problems_of(folder: Path) -> list[str]:
    return [str(problem) for problem in check_site(folder).problems]


def test_a_good_site_is_read_whole(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path))
    assert (site.name, site.timezone, site.folder) == ("Fence trial", "Europe/Warsaw", str(tmp_path))
    (line,) = site.lines
    assert line.length_m == pytest.approx(600.0, abs=0.01)
    assert [place.name for place in line.places] == ["post 1", "gate 1"]
    assert line.sections[0] == Section("S01", "main", 0.0, 300.0, "forest", {"incident": {"only_witness": True}})
    assert line.sections[1].to_m == line.length_m
    assert [sensor.id for sensor in site.sensors] == ["cam-1", "das-1", "fence-1", "link-1", "pir-1"]
    assert site.sensor("cam-1").performance == Performance(pd_walk_fraction=0.9, thermal=False)
    assert site.sensor("das-1").channel_centres_m()[[0, 30, 59]].tolist() == [2.0, 310.0, 598.0]
    assert site.sensor("das-1").state == "commissioning"
    assert site.sensor("pir-1") == Sensor(
        id="pir-1",
        kind="pir",
        line="main",
        at_m=400.0,
        range_m=15.0,
        heartbeat_s=3600.0,
        performance=Performance(far_per_day=0.5),
    )
    assert site.sensor("link-1").channels == 1
    assert site.sources[0].settings["password"] == {"env": "MQTT_PASSWORD"}
    assert site.notifiers[0].plugin == "cot"
    assert site.settings == {"health": {"stream_silence_s": 2.0}}


def test_the_file_itself_names_the_site_as_well_as_its_folder(tmp_path: Path) -> None:
    assert load_site(write_site(tmp_path) / "site.toml") == load_site(str(tmp_path))


def test_a_bench_line_needs_a_length_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('[site]\nname = "bench"\n[[line]]\nid = "a"\nlength_m = 600\n')
    site = load_site(tmp_path)
    assert site.timezone == "UTC"
    assert site.lines[0].sections == (Section("a", "a", 0.0, 600.0),)


def test_sensors_may_be_tabled_wherever_it_reads_best(tmp_path: Path) -> None:
    head, rest = '[site]\nname = "x"\n', '[[line]]\nid = "main"\nlength_m = 600.0\n'
    for text in (
        'sensors = "sensors.csv"\n' + head + rest,
        head + 'sensors = "sensors.csv"\n' + rest,
        head + rest + 'sensors = "sensors.csv"\n',
        head + rest + '[[sensor]]\nsensors = "sensors.csv"\n',
    ):
        assert [sensor.id for sensor in load_site(write_site(tmp_path, site_toml=text)).sensors] == ["link-1", "pir-1"]


def test_with_several_lines_everything_says_whose_it_is(tmp_path: Path) -> None:
    two = SITE + '[[line]]\nid = "river"\nlength_m = 1000.0\n'
    found = problems_of(write_site(tmp_path, site_toml=two))
    assert found[0].startswith("site.toml: sensor[0].line: found nothing; allowed: one of: main, river, since the site")
    assert "sensors.csv:2: line: found nothing" in "\n".join(found)
    told = two.replace("[[section]]", '[[section]]\nline = "main"').replace("[[sensor]]", '[[sensor]]\nline = "main"')
    site = load_site(write_site(tmp_path, site_toml=told))
    assert [section.name for line in site.lines for section in line.sections] == ["S01", "S02", "river"]


# File, text in it, what somebody wrote instead, the one problem that this gives.
SLIPS = [
    ("site.toml", 'name = "Fence trial"', "", "site.toml: site.name: found nothing; allowed: a text of 1 to 200"),
    ("site.toml", '"Fence trial"', '" "', 'site.toml: site.name: found " "; allowed: a text'),
    ("site.toml", '"Fence trial"', '"a\\nb"', 'site.toml: site.name: found "a\\nb"; allowed: a text'),
    ("site.toml", "Europe/Warsaw", "Europe/Warsav", "site.toml: site.timezone: found"),
    (
        "site.toml",
        "Europe/Warsaw",
        "/etc/passwd",
        'site.toml: site.timezone: found "/etc/passwd"; allowed: a time zone',
    ),
    ("site.toml", "outside", "outsid", "site.toml: line[0].outsid: found an unknown key; allowed: outside (closest)"),
    ("site.toml", '"left"', '"Left"', 'line[0].outside: found "Left"; allowed: left (closest), or one of: left, right'),
    ("site.toml", "line.geojson", "nope.geojson", "nope.geojson: file: found no such file; allowed: a GeoJSON file"),
    ("site.toml", "line.geojson", ".", ".: file: found a folder; allowed: a GeoJSON file"),
    ("site.toml", "places.csv", "posts.csv", "posts.csv: file: found no such file; allowed: a CSV file with the"),
    ("site.toml", "sensors.csv", "many.csv", "many.csv: file: found no such file; allowed: a CSV file whose columns"),
    ("site.toml", "taps.csv", "tap.csv", "tap.csv: file: found no such file; allowed: a CSV file with the columns"),
    ("site.toml", 'geometry = "line.geojson"', "", "line[0].geometry: found nothing; allowed: a GeoJSON file with one"),
    ("site.toml", 'outside = "left"', "length_m = 600.0", "line[0].length_m: found a length beside a geometry"),
    ("site.toml", 'geometry = "line.geojson"', "length_m = 0.0", "length_m: found 0.0; allowed: a number above 0"),
    ("site.toml", "to_m = 300.0", "to_m = 290.0", "section[1].from_m: found 300 (a gap); allowed: 290, the end of sec"),
    ("site.toml", "to_m = 300.0", "to_m = 310.0", "section[1].from_m: found 300 (an overlap); allowed: 310, the end"),
    ("site.toml", "from_m = 0.0", "from_m = 5.0", "section[0].from_m: found 5 (a gap); allowed: 0, the start of the"),
    ("site.toml", "to_m = 600.0", "to_m = 500.0", "section[1].to_m: found 500 (a gap); allowed: 600.002, the end of"),
    ("site.toml", "to_m = 300.0", "to_m = 0.0", "section[0].to_m: found 0.0; allowed: a number above 0 up to 600.002"),
    ("site.toml", '"S02"', '"S01"', 'section[1].name: found "S01"; allowed: a name that no other section'),
    ("site.toml", "forest", "wood", 'section[0].terrain: found "wood"; allowed: one of: forest, open, river, town'),
    ("site.toml", "channels = 600", "channels = 0", "sensor[0].channels: found 0; allowed: a whole number from 1"),
    ("site.toml", "channels = 600", "channels = 2.5", "sensor[0].channels: found 2.5; allowed: a whole number from"),
    ("site.toml", "channels = 600", "channels = true", "sensor[0].channels: found true; allowed: a whole number"),
    (
        "site.toml",
        "channels = 600",
        "channels = 10000000000",
        "sensor[0].channels: found 10000000000; allowed: a whole",
    ),
    ("site.toml", "channels = 600", "", "sensor[0].channels: found nothing; allowed: a whole number from 1"),
    ("site.toml", "to_m = 600.0\nchannels", "to_m = 601.0\nchannels", "sensor[0].to_m: found 601.0; allowed: a number"),
    ("site.toml", "to_m = 600.0\nchannels", 'to_m = "600"\nchannels', 'sensor[0].to_m: found "600"; allowed: a number'),
    ("site.toml", "to_m = 600.0\nchannels", "to_m = nan\nchannels", "sensor[0].to_m: found nan; allowed: a number"),
    ("site.toml", "to_m = 600.0\nchannels", "to_m = -inf\nchannels", "sensor[0].to_m: found -inf; allowed: a number"),
    ("site.toml", "to_m = 600.0\nchannels", "channels", "sensor[0].to_m: found nothing; allowed: a span (from_m"),
    ("site.toml", 'cabinet = "K3"', "cabinet = 3", "sensor[0].cabinet: found 3; allowed: a text of 1 to 200"),
    ("site.toml", 'cabinet = "K3"', "at_m = 5.0", "sensor[0].at_m: found a point beside from_m; allowed: a span"),
    ("site.toml", 'cabinet = "K3"', 'line = "mian"', 'sensor[0].line: found "mian"; allowed: main (closest), or one'),
    (
        "site.toml",
        "fibre_vibration",
        "fiber_vibration",
        'kind: found "fiber_vibration"; allowed: fibre_vibration (clos',
    ),
    ("site.toml", '"das-1"', '"fence-1"', 'sensor[1].id: found "fence-1"; allowed: an id that no other sensor has'),
    ("site.toml", '"das-1"', '"pir-1"', 'sensors.csv:2: id: found "pir-1"; allowed: an id that no other sensor has'),
    ("site.toml", "commissioning", "broken", 'sensor[1].state: found "broken"; allowed: one of: commissioning, in_s'),
    ("site.toml", "at_m = 120\n", "", "sensor[2].at_m: found nothing; allowed: a span (from_m, to_m, channels), a"),
    ("site.toml", "at_m = 120", "at_m = 700", "sensor[2].at_m: found 700; allowed: a number from 0 up to 600.002"),
    (
        "site.toml",
        "azimuth_deg = 90.0",
        "azimuth_deg = 360.0",
        "sensor[2].azimuth_deg: found 360.0; allowed: a number f",
    ),
    ("site.toml", "fov_deg = 40.0", "fov = 40.0", "sensor[2].fov: found an unknown key; allowed: fov_deg (closest)"),
    ("site.toml", "range_m = 150.0", "range_m = 0", "sensor[2].range_m: found 0; allowed: a number above 0 up to"),
    (
        "site.toml",
        "pd_walk_fraction = 0.9",
        "pd_walk_fraction = 90",
        "performance.pd_walk_fraction: found 90; allowed:",
    ),
    ("site.toml", "thermal = false", 'thermal = "no"', 'sensor[2].performance.thermal: found "no"; allowed: true or'),
    ("site.toml", "thermal", "termal", "performance.termal: found an unknown key; allowed: thermal (closest), or one"),
    ("site.toml", 'plugin = "cot"', "", "notify[0].plugin: found nothing; allowed: a text"),
    ("site.toml", "stream_silence_s = 2.0", "[settings]\nx = 1", "site.toml:"),
    (
        "site.toml",
        "[settings.health]",
        "[setings.health]",
        "site.toml: setings: found an unknown key; allowed: settings",
    ),
    (
        "site.toml",
        "[settings.health]",
        "[settings]",
        "settings.stream_silence_s: found 2.0; allowed: a table [settings.",
    ),
    (
        "site.toml",
        "[section.settings.incident]\nonly_witness = true",
        "settings = 3",
        "section[0].settings: found 3; allowed: a table [sec",
    ),
    ("site.toml", "[[notify]]", "[notify]", "site.toml: notify: found a table; allowed: tables [[notify]]"),
    ("site.toml", "[[line]]", "[[line]", "site.toml:6: column 7: found expected ']]' at the end of an array decla"),
    ("places.csv", "gate 1", "post 1", 'places.csv:3: name: found "post 1"; allowed: a name that no other place'),
    ("places.csv", "gate,400", "gate,900", 'places.csv:2: chainage_m: found "900"; allowed: a number from 0 up to'),
    ("places.csv", "gate,400", "gate,-1", 'places.csv:2: chainage_m: found "-1"; allowed: a number from 0 up to'),
    ("places.csv", "gate,400", '"gate",', "places.csv:2: chainage_m: found nothing; allowed: a number from 0 up to"),
    ("places.csv", "gate,400", 'gate,"400,5"', 'found "400,5"; allowed: a number from 0 up to 600.002, with a point'),
    ("places.csv", "gate,400", "gate,400,5", "places.csv:2: row: found 4 cells; allowed: 3, as in the header"),
    (
        "places.csv",
        "name,kind,chainage_m",
        "name;kind;chainage_m",
        'places.csv:1: header: found columns apart by ";"; allowed',
    ),
    ("places.csv", "name,kind", "name,name", 'places.csv:1: header: found the column "name" 2 times; allowed: columns'),
    ("places.csv", "gate 1", '"gate', "places.csv:3: row: found unexpected end of data; allowed: comma-separated"),
    ("places.csv", "name,kind", "name,", "places.csv:1: header: found a column without a name; allowed: columns with"),
    (
        "places.csv",
        "chainage_m",
        "chainage",
        "places.csv:1: chainage_m: found no such column; allowed: the columns name",
    ),
    ("sensors.csv", "range_m", "range", "sensors.csv:1: range: found an unknown key; allowed: range_m (closest), or o"),
    ("sensors.csv", "400,15", "400,far", 'sensors.csv:2: range_m: found "far"; allowed: a number above 0 up to 100000'),
    ("sensors.csv", "380,420", "380,940", 'sensors.csv:4: to_m: found "940"; allowed: a number above 380 up to 600.0'),
    ("sensors.csv", "pir-1,pir,400", "pir-1,pir,", "sensors.csv:2: at_m: found nothing; allowed: a span (from_m"),
    ("sensors.csv", "0.5", "-2", 'sensors.csv:2: performance.far_per_day: found "-2"; allowed: a number from 0'),
    ("taps.csv", "310", "2.0", "taps.csv:3: chainage_m: found 2, which does not rise; allowed: above 2, that of"),
    ("taps.csv", "30,", "0,", "taps.csv:3: channel: found 0, which does not rise; allowed: above 0, that of the row"),
    ("taps.csv", "59,598", "60,598", 'taps.csv:4: channel: found "60"; allowed: a number from 0 up to 59'),
    ("taps.csv", "30,310\n59,598\n", "", "taps.csv: rows: found 1; allowed: 2 or more calibration points"),
    ("taps.csv", "0,2.0", "20,2.0", "sensor[1].calibration: found channel 0 at -614 m; allowed: channels on the line"),
    (
        "line.geojson",
        "[[21.0, 52.0], [21.0, 52.0021568], ",
        "[",
        "line.geojson: coordinates: found 1 vertices; allowed",
    ),
    (
        "line.geojson",
        '"LineString"',
        '"MultiLineString"',
        'line.geojson: type: found "MultiLineString"; allowed: a Geo',
    ),
    ("line.geojson", '"coordinates":', '"coords":', "line.geojson: coordinates: found nothing; allowed: a list of"),
    ("line.geojson", "[21.0, 52.0]", '["21", 52.0]', "line.geojson: coordinates[0]: found a list of 2; allowed: [lon"),
    ("line.geojson", "[21.0, 52.0]", "[21.0]", "line.geojson: coordinates[0]: found a list of 1; allowed: [longitude"),
    (
        "line.geojson",
        "[21.0, 52.0]",
        "[21.0, 152.0]",
        "line.geojson: coordinates[0]: found [21, 152]; allowed: longitu",
    ),
    (
        "line.geojson",
        '"length_m": 600.0',
        '"length_m": 700.0',
        "line.geojson: properties.length_m: found 700; allowed:",
    ),
    (
        "line.geojson",
        '"Feature",',
        '"Feature"',
        "line.geojson:1: column 20: found Expecting ',' delimiter; allowed: JSO",
    ),
]


@pytest.mark.parametrize(("file", "text", "slip", "problem"), SLIPS, ids=[f"{s[0]}-{s[1]}-{s[2]}"[:60] for s in SLIPS])
def test_each_slip_gives_one_problem_in_the_terms_of_its_writer(
    tmp_path: Path, file: str, text: str, slip: str, problem: str
) -> None:
    """And no avalanche: what depends on something broken keeps quiet until that is mended."""
    (found,) = problems_of(write_site(tmp_path, {file: (text, slip)}))
    assert problem in found


def test_a_misspelt_column_is_one_problem_however_many_rows_it_has(tmp_path: Path) -> None:
    rows = "".join(f"pir-{number},pir,{number},15\n" for number in range(500))
    found = problems_of(write_site(tmp_path, sensors_csv=f"id,kind,at_m,ranje_m\n{rows}"))
    assert len(found) == 1
    assert found[0].startswith("sensors.csv:1: ranje_m: found an unknown key; allowed: range_m (closest)")


def test_every_problem_of_a_site_is_told_at_once(tmp_path: Path) -> None:
    spoiled = {
        "site.toml": ('terrain = "forest"', 'terain = "forest"'),
        "places.csv": ("400", "four hundred"),
        "sensors.csv": ("400,15", "400,-15"),
        "taps.csv": ("310", "1"),
    }
    checked = check_site(write_site(tmp_path, spoiled))
    assert checked.site is None
    assert {problem.file for problem in checked.problems} == {
        "site.toml",
        "places.csv:2",
        "sensors.csv:2",
        "taps.csv:3",
    }
    assert str(checked).endswith("\n4 problems")
    with pytest.raises(SiteError) as raised:
        load_site(tmp_path)
    assert raised.value.problems == checked.problems


def test_a_problem_is_a_file_a_key_what_was_found_and_what_is_allowed(tmp_path: Path) -> None:
    (problem,) = check_site(write_site(tmp_path, {"sensors.csv": ("400,15", "940,15")})).problems
    assert problem == Problem("sensors.csv:2", "at_m", '"940"', "a number from 0 up to 600.002")
    assert str(problem) == 'sensors.csv:2: at_m: found "940"; allowed: a number from 0 up to 600.002'


def test_a_site_that_is_not_there_is_told_with_what_could_be(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path / "nowhere")
    allowed = "a folder with site.toml, that file itself, or the word reference"
    assert problem == f"{tmp_path}/nowhere: file: found no such file; allowed: {allowed}"
    assert problems_of(tmp_path)[0].startswith(f"{tmp_path}/site.toml: file: found no such file")


def test_text_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    write_site(tmp_path)
    (tmp_path / "places.csv").write_bytes("name,kind,chainage_m\nSłup 1,post,0\n".encode("iso-8859-2"))
    assert problems_of(tmp_path) == ["places.csv:2: text: found the byte 0xb3; allowed: text in UTF-8"]


def test_a_byte_order_mark_is_let_pass(tmp_path: Path) -> None:
    write_site(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
    assert check_site(tmp_path).problems == ()


@pytest.mark.parametrize("depth", [100_000])
def test_files_nested_beyond_reason_are_problems_not_crashes(tmp_path: Path, depth: int) -> None:
    write_site(tmp_path, line_geojson="[" * depth)
    assert problems_of(tmp_path)[0].startswith("line.geojson")
    write_site(tmp_path, site_toml="a = " + "[" * depth)
    assert problems_of(tmp_path)[0].startswith("site.toml")


def test_swapped_coordinates_within_range_are_told_by_the_time_zone(tmp_path: Path) -> None:
    swapped = json.loads(LINE)
    swapped["geometry"]["coordinates"] = [[lat, lon] for lon, lat in swapped["geometry"]["coordinates"]]
    del swapped["properties"]["length_m"]
    found = problems_of(write_site(tmp_path, line_geojson=json.dumps(swapped)))
    assert found == [
        "line.geojson: coordinates: found [52, 21], far from Europe/Warsaw; allowed: longitude first: they look swapped"
    ]


def test_a_collection_with_one_line_and_a_bare_line_string_are_geometries_too(tmp_path: Path) -> None:
    feature = json.loads(LINE)
    post = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [21.0, 52.0]}}
    lengths = set()
    for document in (
        feature,
        feature["geometry"],
        {"type": "FeatureCollection", "features": [post, feature]},
    ):
        lengths.add(load_site(write_site(tmp_path, line_geojson=json.dumps(document))).lines[0].length_m)
    assert len(lengths) == 1
    two = {"type": "FeatureCollection", "features": [feature, feature]}
    assert (
        "found 2 features, 2 of them LineStrings" in problems_of(write_site(tmp_path, line_geojson=json.dumps(two)))[0]
    )


def test_a_stated_length_that_differs_is_a_note_and_the_measured_one_counts(tmp_path: Path) -> None:
    checked = check_site(write_site(tmp_path, {"line.geojson": ('"length_m": 600.0', '"length_m": 601.0')}))
    assert checked.problems == ()
    measured = "its coordinates measure 600.002 m along the geodesic; the measured length counts"
    assert checked.notes == (f"line main: its geometry file states 601.000 m, {measured}",)
    assert str(checked).endswith(f"\nnote: {checked.notes[0]}")
    assert check_site(write_site(tmp_path)).notes == ()


def test_a_source_that_speaks_for_no_sensor_of_the_site_is_a_note(tmp_path: Path) -> None:
    checked = check_site(write_site(tmp_path, {"site.toml": ('= "pir-1"', '= "pir-9"')}))
    assert checked.notes == ('source mqtt: "hall/token" stands for "pir-9", which is no sensor of the site',)


def test_plug_ins_are_checked_against_those_installed_where_these_are_told(tmp_path: Path) -> None:
    write_site(tmp_path)
    assert check_site(tmp_path, {"sources": ["mqtt"], "notifiers": ["cot"]}).problems == ()
    (problem,) = check_site(tmp_path, {"sources": ["mqtts", "http"], "notifiers": ["cot"]}).problems
    assert problem.key == "source[0].plugin"
    assert problem.allowed == "installed plug-ins, mqtts (closest), or one of: http, mqtts"


def test_a_checked_site_prints_what_it_has(tmp_path: Path) -> None:
    assert str(check_site(write_site(tmp_path))) == (
        "Fence trial (Europe/Warsaw)\n"
        "line main: 0.600 km, 2 sections, 2 places\n"
        "5 sensors: 1 camera, 1 fibre_das, 1 fibre_vibration, 1 microwave, 1 pir\n"
        "661 channels, 1 source, 1 notifier"
    )


def test_every_field_of_a_sensor_can_be_written_in_a_site(tmp_path: Path) -> None:
    wrong = {"site.toml": ('cabinet = "K3"', "no_such_key = 1\nperformance = { no_such_key = 1 }")}
    allowed = {
        problem.key: set(problem.allowed.removeprefix("one of: ").split(", "))
        for problem in check_site(write_site(tmp_path, wrong)).problems
    }
    assert {*Sensor.__struct_fields__, "sensors"} == allowed["sensor[0].no_such_key"]
    assert set(Performance.__struct_fields__) == allowed["sensor[0].performance.no_such_key"]


def changed(site: Site, sensor_id: str, **values: object) -> Site:
    sensors = tuple(msgspec.structs.replace(s, **values) if s.id == sensor_id else s for s in site.sensors)
    return msgspec.structs.replace(site, sensors=sensors)


def test_the_fingerprint_changes_with_what_a_replay_depends_on_and_with_nothing_else(tmp_path: Path) -> None:
    site = load_site(write_site(tmp_path))
    print_of_site = site_fingerprint(site)
    replace = msgspec.structs.replace
    same = [
        replace(site, folder="elsewhere"),
        replace(site, sources=(), notifiers=()),
        changed(site, "cam-1", view_url="rtsp://10.9.9.9/"),
        replace(site, settings={"health": {"stream_silence_s": 2.0, "login": {"env": "OTHER"}}}),
        load_site(write_site(tmp_path, {"line.geojson": ('"length_m": 600.0', '"length_m": 601.0')})),
    ]
    assert {site_fingerprint(other) for other in same} == {print_of_site}
    other = [
        replace(site, name="Other"),
        replace(site, timezone="UTC"),
        replace(site, settings={"health": {"stream_silence_s": 3.0}}),
        replace(site, settings={"health": {"since": date(2026, 1, 1)}}),
        changed(site, "cam-1", at_m=121.0),
        changed(site, "das-1", calibration=((0.0, 2.0), (59.0, 598.0))),
        changed(site, "fence-1", cabinet="K4"),
        replace(site, lines=(replace(site.lines[0], outside="right"),)),
    ]
    assert len({site_fingerprint(changed_site) for changed_site in other} | {print_of_site}) == len(other) + 1
