"""Many sites: counts with counts, watching with watching; nothing averaged, nothing twice, nothing damaged counted."""

import msgspec
import numpy as np
import pytest

from linewatch.errors import InputError
from linewatch.records import Incident
from linewatch.report.added import added
from linewatch.report.national import Chain, LeftOut, Member, National, national_of, open_national, to_json
from linewatch.report.national_page import page_of, to_national_csv, to_national_html
from linewatch.report.rates import poisson_interval, weighted_interval
from linewatch.site.local_time import DAY_NS
from tests.unit.report.made import SITE, START_NS, attempt, facts, outage

HOLDS = Chain("unanchored", "unanchored since then")
BROKEN = LeftOut("west", "/stores/west", Chain("broken", "broken: entry 4"), "broken: record entry 4", None)


def member(name: str, incidents: list[Incident], **fields: object) -> Member:
    own = [msgspec.structs.replace(each, id=f"{name}-{each.id}") for each in incidents]
    made = facts(own, site=msgspec.structs.replace(SITE, name=name), **fields)
    return Member(name, f"/stores/{name}", made, HOLDS)


def national(*by: str, left_out: tuple[LeftOut, ...] = ()) -> tuple[list[Member], National]:
    """North: four attempts, half of its time dark. South: two, and an animal; it began a day later."""
    north = member("north", [attempt(n, 0.5 + n) for n in range(4)], outages=(outage(0.0, 14.0),))
    south = member(
        "south",
        [attempt(0, 2.5), attempt(1, 3.5, section="S02"), attempt(2, 3.6, mover="animal")],
        from_ns=START_NS + DAY_NS,
    )
    members = [north, south]
    return members, national_of(members, left_out, by)


def test_a_national_rate_is_all_attempts_over_all_watched_time_and_no_mean_of_rates() -> None:
    _, told = national("month")
    total = told.table.total
    parts = [site.report.table.total for site in told.sites]
    assert total.attempts == 6 and total.metre_hours == pytest.approx(600 * 24 * (28 + 27))
    watched = (total.metre_hours - total.unwatched_metre_hours) / 24_000
    assert total.rate == pytest.approx(6 / watched)
    assert abs(total.rate - sum(row.rate for row in parts) / 2) > 0.01
    assert (total.rate_low, total.rate_high) == pytest.approx([end / watched for end in poisson_interval(6)])
    assert total.corrected == pytest.approx(sum(row.corrected for row in parts))
    assert total.corrected_low < total.corrected < total.corrected_high


def test_rows_by_kind_keep_the_watching_of_sites_to_which_that_kind_never_came() -> None:
    _, told = national("mover")
    rows = {row.keys["mover"]: row for row in told.sums.rows}
    assert rows["animal"].incidents == 1 and rows["person"].attempts == 6
    assert rows["animal"].metre_hours == pytest.approx(told.table.total.metre_hours)


def test_a_time_before_a_site_began_holds_only_the_others() -> None:
    _, told = national("day")
    first, second = told.sums.rows[:2]
    assert first.metre_hours == pytest.approx(600 * 24) and second.metre_hours == pytest.approx(2 * 600 * 24)


def test_sections_of_different_sites_are_never_added_up() -> None:
    _, told = national("month", "section")
    assert told.sums.by == ("month",) and told.table.by == ("site", "month", "section")
    assert sum(row.attempts for row in told.sums.rows) == sum(row.attempts for row in told.table.rows) == 6


def test_every_national_figure_opens_down_to_its_incidents() -> None:
    members, told = national("month", "section")
    everywhere = list(open_national(members, told, {}, "attempts"))
    assert [site for site, _ in everywhere] == ["north"] * 4 + ["south"] * 2
    (found,) = open_national(members, told, {"site": "south", "section": "S02"}, "attempts")
    assert found[0] == "south" and found[1].incident.id == "south-i00001"
    with pytest.raises(InputError, match=r"found \{'site': 'west'\}; allowed: those of one of"):
        list(open_national(members, told, {"site": "west"}, "attempts"))


def test_a_site_that_does_not_hold_is_named_everywhere_and_counted_nowhere() -> None:
    members, told = national("month", left_out=(BROKEN,))
    assert told.table.total == national("month")[1].table.total
    page = page_of(members, told)
    words = "Not counted: west (/stores/west): broken: record entry 4."
    assert words in page.findings and words in to_national_html(members, told)
    last = to_national_csv(told).splitlines()[-1].split(",")
    assert last[:2] == ["west", "left out: broken"] and not any(last[2:])
    assert msgspec.json.decode(to_json(told))["left_out"][0]["chain"]["status"] == "broken"


def test_the_page_opens_each_site_to_its_rows_and_each_row_to_its_incidents() -> None:
    members, told = national("month", "section")
    html = to_national_html(members, told)
    assert html.count("<details>") == 2 + sum(bool(row.ids or row.detections) for row in told.table.rows)
    assert all(each.incident.id in html for member in members for each in member.facts.known)


def test_a_copy_or_a_second_store_of_the_same_time_is_refused() -> None:
    north = member("north", [attempt(1, 0.5)])
    with pytest.raises(InputError, match="found incident north-i00001 in both /stores/copy and /stores/north"):
        national_of([north, north._replace(name="copy", store="/stores/copy")], (), ())
    other = member("north", [attempt(2, 0.5)])._replace(store="/stores/other")
    with pytest.raises(InputError, match="both of the site 'north' over the same time"):
        national_of([north, other], (), ())
    with pytest.raises(InputError, match=r"no store that can be counted \(/stores/west: broken"):
        national_of([], (BROKEN,), ())


def test_what_is_unknown_of_one_site_is_unknown_of_the_sum() -> None:
    _, told = national("month")
    rows = [site.report.table.total for site in told.sites]
    dark = msgspec.structs.replace(rows[0], noticed_metre_hours=0.0)
    assert added({}, [dark, rows[1]]).corrected is None
    assert added({}, [msgspec.structs.replace(rows[0], detections=None), rows[1]]).detections is None


def test_the_interval_of_a_weighted_sum_is_the_exact_one_for_equal_weights_and_holds_for_others() -> None:
    assert weighted_interval([3, 4], [2.0, 2.0]) == pytest.approx([2 * end for end in poisson_interval(7)])
    assert weighted_interval([0, 0], [1.0, 3.0])[0] == 0.0
    means, weights = np.array([2.0, 6.0, 1.0]), [1.0, 1.5, 4.0]
    truth = float(means @ weights)
    drawn = np.random.default_rng(1).poisson(means, (1000, 3)).tolist()
    held = sum(low <= truth <= high for low, high in (weighted_interval(counts, weights) for counts in drawn))
    assert held >= 950
