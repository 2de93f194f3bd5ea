"""The season in a report: totals equal the truth's exactly, each opens to its incidents, and the past can be asked."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

from linewatch.app.reporting import facts_of
from linewatch.records import Truth
from linewatch.report.facts import Facts
from linewatch.report.table import opened, tabulate
from linewatch.report.trend import changes_of, daily_of, displacement_of, trend_of
from linewatch.report.watching import Watching
from linewatch.site.load import load_site
from linewatch.store import open_store
from tests.system.season import attempts, journal_season, truth_of_season

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
WARSAW = ZoneInfo("Europe/Warsaw")


class Season(NamedTuple):
    truth: tuple[Truth, ...]
    folder: Path
    facts: Facts
    watching: Watching


@pytest.fixture(scope="module")
def season(tmp_path_factory: pytest.TempPathFactory) -> Season:
    site = load_site("reference")
    truth = truth_of_season(site)
    folder = journal_season(tmp_path_factory.mktemp("season"), site, attempts(truth, site))
    facts = facts_of(folder)
    return Season(truth, folder, facts, Watching(facts))


def local(time_ns: int) -> datetime:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone(WARSAW)


def test_every_month_holds_exactly_the_attempts_of_the_truth(season: Season) -> None:
    table = tabulate(season.facts, ["month"], season.watching)
    wanted = Counter(f"{local(event.start_ns):%Y-%m}" for event in season.truth)
    assert {row.keys["month"]: row.attempts for row in table.rows} == wanted
    assert table.total.attempts == 34_000
    persons = Counter[str]()
    for event in season.truth:
        persons[f"{local(event.start_ns):%Y-%m}"] += event.count
    assert {row.keys["month"]: (row.persons_low, row.persons_high) for row in table.rows} == {
        month: (n, n) for month, n in persons.items()
    }


def test_days_and_sections_add_up_and_returns_stay_apart(season: Season) -> None:
    table = tabulate(season.facts, ["day", "section"], season.watching)
    wanted = Counter(f"{local(event.start_ns):%Y-%m-%d}" for event in season.truth)
    days = Counter[str]()
    for row in table.rows:
        days[row.keys["day"]] += row.attempts
    assert +days == +wanted
    assert table.total.returns == sum(row.returns for row in table.rows) == 34_000 // 7 + 1
    assert table.total.outcomes == {"crossed": 34_000 - table.total.returns, "turned_back": table.total.returns}


def test_a_figure_opens_to_its_incidents_and_their_entries_in_the_chain(season: Season) -> None:
    table = tabulate(season.facts, ["month", "section"], season.watching)
    row = max(table.rows, key=lambda each: each.attempts)
    known = {each.incident.id: each for each in season.facts.known}
    found = opened(row, "attempts", known)
    assert len(found) == row.attempts > 10
    assert {each.incident.section for each in found} == {row.keys["section"]}
    assert {f"{local(each.incident.raised_ns):%Y-%m}" for each in found} == {row.keys["month"]}
    assert len(opened(row, "returns", known)) == row.returns
    with open_store(season.folder) as reader:
        entry = next(reader.entries(from_seq=found[0].seq))
    assert (entry.kind, entry.key) == ("incident", found[0].incident.id)


def test_the_report_of_a_past_day_knows_nothing_of_what_came_after(season: Season) -> None:
    moment = datetime(2021, 11, 1, tzinfo=UTC)
    facts = facts_of(season.folder, as_of_ns=round(moment.timestamp()) * 1_000_000_000)
    table = tabulate(facts, ["month"], None)
    before = [event for event in season.truth if event.start_ns < facts.as_of_ns]
    assert table.total.attempts == len(before)
    assert facts.later == 34_000 - len(before) > 6_000


def test_hours_of_the_day_are_those_of_the_wall_clock_all_year(season: Season) -> None:
    table = tabulate(season.facts, ["hour"], season.watching)
    wanted = Counter(f"{local(event.start_ns):%H}" for event in season.truth)
    assert {row.keys["hour"]: row.attempts for row in table.rows} == wanted
    watched = {row.keys["hour"]: row.metre_hours for row in table.rows}
    length_m = season.facts.site.lines[0].length_m
    # Spring took one hour 02 away, and autumn gave one back; no other hour was ever lost or doubled.
    assert watched["02"] == pytest.approx(watched["12"])
    assert watched["12"] == pytest.approx(319 * length_m, rel=0.01)


def test_the_rise_is_found_where_the_scene_has_it(season: Season) -> None:
    daily = daily_of(season.facts, season.watching)
    changes = changes_of(daily)
    assert any(change.day in ("2021-08-01", "2021-07-31", "2021-08-02") and change.ratio.low > 5 for change in changes)
    trend = trend_of(daily, 28)
    assert trend.ratio.low > 0 and trend.second_to >= "2021-11-14"
    assert displacement_of(daily, trend).p > 0.01  # the scene sends everybody anywhere
