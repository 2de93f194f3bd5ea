"""A scene is read, or refused with every problem at once."""

from pathlib import Path

import pytest

from linewatch.errors import InputError, SiteError
from linewatch.simulate import bench_site, read_scene, scene_names
from linewatch.simulate.phrases import read_deed, read_time_s

HEAD = 'start = "2021-11-18T22:00:00Z"\nduration = "00:10:00"\n'
WALKER = '[[mover]]\nwho = "person"\nat = "00:02:00"\nwhere = 320.0\ndoes = ["approach from 60 m"]\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "made.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> str:
    with pytest.raises(SiteError) as caught:
        read_scene(written(folder, text), bench_site())
    return str(caught.value)


def test_a_scene_is_read_with_its_times_in_seconds_and_its_places_in_metres(tmp_path: Path) -> None:
    scene = read_scene(written(tmp_path, HEAD + WALKER.replace("320.0", '"Gate + 20 m"')), bench_site())
    assert scene.name == "made"
    assert scene.duration_s == 600.0
    assert scene.end_ns - scene.start_ns == 600_000_000_000
    (event,) = scene.events
    assert (event.at_s, event.stretch_m) == ((120.0, 120.0), (320.0, 320.0))


def test_a_section_or_anywhere_stands_for_a_stretch(tmp_path: Path) -> None:
    for name in ("S01", "anywhere"):
        scene = read_scene(written(tmp_path, HEAD + WALKER.replace("320.0", f'"{name}"')), bench_site())
        assert scene.events[0].stretch_m == (0.0, 600.0)


@pytest.mark.parametrize(
    ("change", "into", "told"),
    [
        ("320.0", '"Gate 9"', ("mover[0].where", "'Gate 9'", "Gate", "Stream")),
        ("320.0", "900.0", ("mover[0].where", "900", "600")),
        ("320.0", '"Gate + 2 km"', ("mover[0].where", "600")),
        ("00:02:00", "00:20:00", ("mover[0].at", "'00:20:00'", "600 s")),
        ("00:02:00", "soon", ("mover[0].at", "'soon'", "00:12:30")),
        ('who = "person"', 'who = "ghost"', ("mover[0].who", "'ghost'", "person, group")),
        ('who = "person"', 'who = "person"\ncount = -3', ("mover[0].count", "-3", "1 to 100000")),
        ('who = "person"', 'who = "person"\ntimes = -1', ("mover[0].times", "-1")),
        ('who = "person"', 'who = "person"\ncolour = "red"', ("mover[0].colour", "not known")),
        ("approach from 60 m", "fly over", ("mover[0].does", "'fly over'", "climb")),
        ("00:10:00", "-1", ("duration", "'-1'", "above 0")),
        ("T22:00:00Z", "", ("start", "zone")),
    ],
)
def test_what_is_wrong_is_told_with_file_key_found_and_allowed(
    tmp_path: Path, change: str, into: str, told: tuple[str, ...]
) -> None:
    assert change in HEAD + WALKER
    text = problems_of(tmp_path, (HEAD + WALKER).replace(change, into))
    for part in ("made.toml", *told):
        assert part in text


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = HEAD + WALKER.replace("person", "ghost").replace("320.0", "-5") + '[[fault]]\nwhat = "magic"\n[[load]]\n'
    lines = problems_of(tmp_path, text).splitlines()
    keys = [line.split(": ")[1] for line in lines]
    assert keys == ["mover[0].who", "mover[0].where", "fault[0].what", "load[0].detections_per_s"]


def test_a_file_that_is_no_scene_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no valid TOML"):
        read_scene(written(tmp_path, "a = = b"), bench_site())
    with pytest.raises(InputError, match="cannot be read"):
        read_scene(tmp_path / "absent.toml", bench_site())
    with pytest.raises(InputError, match="walker-and-wind"):
        read_scene("no-such-scene", bench_site())


def test_shipped_scenes_are_found_by_name() -> None:
    assert "walker-and-wind" in scene_names()
    assert read_scene("walker-and-wind", bench_site()).events[0].name == "walker"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:12:30", 750.0),
        ("12:30", 750.0),
        ("90 s", 90.0),
        ("1.5h", 5400.0),
        ("12:75", None),
        ("", None),
        ("-5 s", -5.0),
    ],
)
def test_times_are_read_as_people_write_them(text: str, seconds: float | None) -> None:
    assert read_time_s(text) == seconds


def test_phrases_are_read_as_deeds() -> None:
    approach = read_deed("approach from 80 m to 5 m, crawling")
    assert approach is not None
    assert (approach.verb, approach.from_m, approach.to_m, approach.gait) == ("approach", 80.0, 5.0, "crawl")
    grow = read_deed("grow to 500 over 20 min")
    assert grow is not None
    assert (grow.count, grow.duration_s) == (500, 1200.0)
    cross = read_deed("cross to 40 m")
    assert cross is not None
    assert cross.to_m == -40.0
    assert read_deed("climb -20 s") is None
    assert read_deed("climb") is None
