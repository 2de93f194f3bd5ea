"""The page on describing a site tells every key, no other, and an example that works."""

import re
from pathlib import Path

import pytest

from linewatch.records.vocabulary import SENSOR_KINDS, SENSOR_STATES
from linewatch.site.load import check_site, describe
from linewatch.site.model import TERRAINS
from linewatch.site.reference import reference_site
from tests.unit.site.written import write_site

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "site.md").read_text(encoding="utf-8")

# Heading of the table in the page; file, good text in it and what is written instead to meet the unknown key.
TABLES = {
    "`site.toml`": ("site.toml", "\n[site]", "nope = 1\n[site]"),
    "`[site]`": ("site.toml", "[site]", "[site]\nnope = 1"),
    "`[[line]]`": ("site.toml", "[[line]]", "[[line]]\nnope = 1"),
    "`[[section]]`": ("site.toml", "[[section]]", "[[section]]\nnope = 1"),
    "`[[sensor]]`": ("site.toml", "[[sensor]]", "[[sensor]]\nnope = 1"),
    "`performance`": ("site.toml", "pd_walk_fraction = 0.9", "nope = 1"),
    "`places.csv`": ("places.csv", "name,kind,chainage_m\n", "name,kind,chainage_m,nope\na,b,1,2\n"),
    "`taps.csv`": ("taps.csv", "channel,chainage_m\n0,2.0\n", "channel,chainage_m,nope\n0,2,1\n"),
}


def told(heading: str) -> set[str]:
    """Keys in the rows of the first table under a heading."""
    section = re.split(rf"^#+ {re.escape(heading)}$", PAGE, flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", re.split(r"^#+ ", section, flags=re.MULTILINE)[0], flags=re.MULTILINE)
    assert table is not None
    return set(re.findall(r"^\| `(\w+)` \|", table[0], flags=re.MULTILINE))


@pytest.mark.parametrize("heading", TABLES)
def test_the_page_tells_every_key_and_no_other(tmp_path: Path, heading: str) -> None:
    file, good, spoiled = TABLES[heading]
    problems = check_site(write_site(tmp_path, {file: (good, spoiled)})).problems
    (allowed,) = [p.allowed for p in problems if p.key.endswith("nope") and p.found == "an unknown key"]
    assert set(allowed.rpartition("one of: ")[2].split(", ")) == told(heading)


@pytest.mark.parametrize("heading", ["`[[source]]`", "`[[notify]]`"])
def test_of_a_plug_in_the_page_tells_the_one_key_that_is_read_here(heading: str) -> None:
    assert told(heading) == {"plugin"}


def test_the_page_tells_every_word_that_a_key_allows() -> None:
    for word in (*SENSOR_KINDS, *SENSOR_STATES, *TERRAINS):
        assert f"`{word}`" in PAGE


def test_the_example_of_the_page_works_as_it_stands(tmp_path: Path) -> None:
    files = re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == ["site.toml", "line.geojson", "places.csv", "sensors.csv", "taps.csv"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")
    checked = check_site(tmp_path)
    assert checked.problems == ()
    assert checked.notes == ()
    assert checked.site is not None
    assert len(checked.site.sensors) == 5


def test_the_figures_of_the_reference_site_are_the_present_ones() -> None:
    site = reference_site()
    assert "3,303 sensors" in describe(site)
    cameras = sum(sensor.kind == "camera" for sensor in site.sensors)
    assert f"{cameras:,} camera positions" in PAGE
    assert f"{len(site.sensors):,} sensors" in PAGE
    assert f"{sum(sensor.kind == 'radar' for sensor in site.sensors)} ground radars" in PAGE
