"""The picture: valid, the same every time, and it shows what is not watched."""

import re
import runpy
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from linewatch.site.coverage import Condition, Coverage, Thresholds
from linewatch.site.model import Line, Place, Site
from linewatch.site.strip_chart import nines, strip_chart
from linewatch.site.svg import Drawing
from tests.unit.site.coverage_sites import STORM, fibre, full_site, line_of, outage, point, site_of

CHECKOUT = Path(__file__).resolve().parents[3]
SVG = "{http://www.w3.org/2000/svg}"


def words_in(picture: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - our own text


def filled(picture: str, fill: str) -> list[ET.Element]:
    root = ET.fromstring(picture)  # noqa: S314 - our own text
    return [element for element in root.iter(f"{SVG}path") if element.get("fill") == fill]


def test_the_picture_is_the_same_every_time() -> None:
    condition = Condition(outages=(outage("das-a"),), weather=(STORM,))
    assert strip_chart(Coverage(full_site(), condition=condition)) == strip_chart(
        Coverage(full_site(), condition=condition)
    )


def test_the_picture_says_how_much_is_not_watched_and_where_and_why() -> None:
    coverage = Coverage(site_of(fibre("a", 0.0, 1_000.0), fibre("b", 1_200.0, 3_000.0)))
    words = words_in(strip_chart(coverage))
    assert "200 m" in words
    assert "km 1.000 - 1.200" in words
    assert "no sensor reaches here" in words
    assert {"gate 1", "post 2", "S01 open", "walking", "crawling", "group", "vehicle", "vibration"} <= set(words)
    root = ET.fromstring(strip_chart(coverage))  # noqa: S314 - our own text
    assert "Person walking: 200 m not watched" in (root.findtext(f"{SVG}desc") or "")


def test_a_gap_of_one_metre_is_wide_enough_to_be_seen_even_on_a_long_line() -> None:
    line = line_of(200_000.0)
    site = site_of(fibre("a", 0.0, 100_000.0), fibre("b", 100_001.0, 200_000.0), line=line)
    columns = [path.get("d") or "" for path in filled(strip_chart(Coverage(site)), "url(#gap)")]
    tall = [course for course in columns if float(re.findall(r"v(-?[\d.]+)", course)[0]) > 50.0]
    assert len(tall) == 1
    assert tall[0].count("M") == 1
    assert float(re.findall(r"h(-?[\d.]+)", tall[0])[0]) >= 3.0


def test_meaning_is_never_in_colour_alone() -> None:
    picture = strip_chart(Coverage(full_site(), condition=Condition(weather=(STORM,))))
    assert {"gap", "weak"} == set(re.findall(r'<pattern id="(\w+)"', picture))
    assert filled(picture, "url(#weak)")


def test_a_line_that_is_watched_everywhere_says_so() -> None:
    words = words_in(strip_chart(Coverage(site_of(fibre("a"), fibre("b"), fibre("c")))))
    assert "Worst stretches for a person walking: no metre is below 0.5" in words
    assert "Every metre has 0.9 or more." in words


def test_thresholds_and_mover_can_be_chosen() -> None:
    words = words_in(strip_chart(Coverage(site_of(fibre())), Thresholds(0.9, 0.95), "vehicle", title="Mine"))
    assert words[0] == "Mine"
    assert "not watched (Pd below 0.9)" in words
    assert any(word.startswith("Worst stretches for a vehicle") for word in words)


@pytest.mark.parametrize("length_m", [0.5, 3.0, 90.0, 40_000.0])
def test_lines_of_any_length_can_be_drawn(length_m: float) -> None:
    line = Line("main", length_m)
    picture = strip_chart(Coverage(Site("bare", "UTC", (line,))))
    assert "not watched" in words_in(picture)


def test_names_with_signs_of_xml_do_no_harm() -> None:
    line = Line("main", 500.0, places=(Place('<gate> & "post"', "gate", 250.0),))
    picture = strip_chart(Coverage(Site("A & B <c>", "UTC", (line,), (point("p", "pir", 250.0),))))
    assert "Coverage of A & B <c>" in words_in(picture)
    assert '<gate> & "post"' in words_in(picture)


def test_one_of_several_lines_is_named() -> None:
    site = Site("two", "UTC", (Line("north", 100.0), Line("south", 200.0)))
    assert "Coverage of two, line south" in words_in(strip_chart(Coverage(site, "south")))


def test_the_scale_of_nines_rises_from_nothing_to_three_nines() -> None:
    np.testing.assert_allclose(nines(np.array([0.0, 0.9, 0.99, 0.999, 1.0])), [0.0, 1 / 3, 2 / 3, 1.0, 1.0])


def test_numbers_in_a_picture_are_rounded_and_have_no_negative_zero() -> None:
    drawing = Drawing.blank(10, 10.26, "t", "d")
    drawing.rect(-0.01, 1.04, 2.0, 3.149, fill_opacity=0.55)
    assert '<rect x="0" y="1" width="2" height="3.1" fill-opacity="0.6" />' in drawing.to_text()


def test_what_is_wrong_with_a_sensor_is_drawn_where_it_is_wrong() -> None:
    line = line_of(60_000.0)
    sensors = [fibre(name, 0.0, 60_000.0) for name in ("a", "b", "c", "d")]
    sensors += [fibre("retired", 40_000.0, 60_000.0, state="out_of_service"), fibre("far", 31_000.0, 60_000.0)]
    site = site_of(*sensors, point("p", "pir", 5.0), line=line)
    held = Condition(outages=(outage("a", from_m=1_000.0, to_m=2_000.0), outage("p")))
    root = ET.fromstring(strip_chart(Coverage(site, condition=held)))  # noqa: S314 - our own text
    wrong = [path.get("d") or "" for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "2.1"]
    first_row = [(float(x), float(x_end)) for x, x_end in re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", wrong[0])]
    assert len(wrong) == 2
    assert len(first_row) == 1
    pixels_for_1_km = 1090.0 / 30.0
    assert first_row[0][0] == pytest.approx(86.0 + pixels_for_1_km, abs=0.2)
    assert first_row[0][1] - first_row[0][0] == pytest.approx(pixels_for_1_km - 1.0, abs=0.2)
    assert wrong[0].count("v") == 1  # the infra-red sensor's tick
    assert wrong[1].count("H") == 1  # the retired fibre, in the second row


def test_flags_of_stretches_at_one_place_stand_side_by_side() -> None:
    holes = [outage("a", from_m=at_m, to_m=at_m + 20.0, start_ns=at_m) for at_m in range(1_000, 1_200, 25)]
    site = site_of(fibre("a"))
    root = ET.fromstring(strip_chart(Coverage(site, condition=Condition(outages=tuple(holes)))))  # noqa: S314
    flags = [float(rect.get("x") or 0.0) for rect in root.iter(f"{SVG}rect") if rect.get("rx") == "4"]
    in_rows = sorted(flag for flag in flags if flag > 86.0)
    assert len(in_rows) >= 2
    assert all(right - left >= 16.0 for left, right in pairwise(in_rows))


def test_the_picture_of_the_documentation_is_the_one_that_its_program_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails, draw it anew: `python examples/coverage_in_a_storm.py docs/coverage.svg`."""
    monkeypatch.setattr(sys, "argv", ["coverage_in_a_storm.py", str(tmp_path / "drawn.svg")])
    runpy.run_path(str(CHECKOUT / "examples" / "coverage_in_a_storm.py"), run_name="__main__")
    drawn, kept = (
        path.read_text(encoding="utf-8") for path in (tmp_path / "drawn.svg", CHECKOUT / "docs/coverage.svg")
    )
    # Words, not curves: the last bit of a logarithm differs between processors, and with it half a pixel.
    assert words_in(drawn) == words_in(kept)
