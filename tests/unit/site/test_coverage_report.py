"""The coverage of a line at a time: what held then, by the light of then."""

import json

import msgspec
import numpy as np
import pytest

from linewatch.site.coverage_report import MOST_FAILURES, coverage_at, coverage_json, light_on
from tests.unit.site.coverage_sites import fibre, full_site, line_of, outage, site_of, walk_test, weather

NOON_NS, MIDNIGHT_NS = (int(np.datetime64(f"2021-11-18T{hour}:00:00", "ns").astype(np.int64)) for hour in ("10", "22"))


def test_light_is_that_of_the_time_and_dark_where_time_or_place_is_unknown() -> None:
    line = line_of(bent=True)
    assert light_on(line, NOON_NS) == 1.0
    assert light_on(line, MIDNIGHT_NS) == 0.0
    assert light_on(line, None) == 0.0
    assert light_on(line_of(), NOON_NS) == 0.0


def test_only_what_held_at_the_time_counts() -> None:
    out = outage("das-a", start_ns=NOON_NS - 5, end_ns=NOON_NS + 5)
    spells = [weather(time_ns=NOON_NS - 9, gust_mps=20.0), weather(time_ns=NOON_NS - 2, gust_mps=3.0)]
    tests = [walk_test(0.0, 3_000.0, 5, 9, end_ns=end_ns) for end_ns in (NOON_NS - 1, NOON_NS + 1)]
    then = coverage_at(full_site(), time_ns=NOON_NS, outages=[out], weather=spells, walk_tests=tests)
    assert then.condition.outages == (out,)
    assert then.condition.weather == (spells[1],)
    assert then.condition.light_fraction == 1.0
    assert [measured.test for measured in then.measured] == [tests[0]]
    later = coverage_at(full_site(), time_ns=NOON_NS + 5, outages=[out])
    assert later.condition.outages == ()


def test_without_a_time_all_that_is_given_holds() -> None:
    out = outage("das", start_ns=5, end_ns=6)
    coverage = coverage_at(site_of(fibre()), outages=[out], weather=[weather(time_ns=99, gust_mps=20.0)])
    assert coverage.condition.outages == (out,)
    assert len(coverage.condition.weather) == 1
    assert coverage.not_watched_m() == 3_000.0


def test_one_of_several_lines_is_chosen_by_name() -> None:
    north, south = line_of(900.0), msgspec.structs.replace(line_of(700.0), id="south", sections=())
    site = msgspec.structs.replace(site_of(line=north), lines=(north, south))
    assert coverage_at(site).line.id == "main"
    assert coverage_at(site, "south").line.length_m == 700.0
    with pytest.raises(KeyError):
        coverage_at(site, "east")


def test_the_report_tells_of_the_worst_failures_besides() -> None:
    told = json.loads(json.dumps(coverage_json(coverage_at(full_site(), time_ns=MIDNIGHT_NS), "person_crawling")))
    failures = told["single_failures"]
    assert failures["mover"] == "person_crawling"
    assert len(failures["worst"]) == min(failures["tried"], MOST_FAILURES)
    assert failures["worst"][0]["lost_m"] == max(each["lost_m"] for each in failures["worst"])
    assert failures["costing_metres"] == sum(each["lost_m"] > 0.0 for each in failures["worst"])
    assert told["movers"]["person_crawling"]["mean_pd"] > 0.5
