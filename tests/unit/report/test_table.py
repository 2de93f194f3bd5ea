"""Counts are kept apart, stand beside their watching, and open to their incidents."""

import msgspec
import pytest

from linewatch.errors import InputError
from linewatch.report.facts import Facts
from linewatch.report.table import DIMENSIONS, FIGURES, opened, tabulate
from linewatch.report.watching import Watching
from tests.unit.report.made import START_NS, attempt, facts, outage

MIXED = [
    attempt(1, 0.5, section="S01", outcome="crossed"),
    attempt(2, 0.6, section="S01", outcome="turned_back"),
    attempt(3, 1.5, section="S02", mover="animal"),
    attempt(4, 1.6, section="S02", assessment="nuisance"),
    attempt(5, 1.7, section="S02", assessment="known_activity"),
    attempt(6, 1.8, section="S02", assessment="exercise"),
    attempt(7, 1.9, section="S02", merged_into="i00001"),
    attempt(8, 2.5, section="S03", withdrawn="a sensor was wrong"),
    attempt(9, 2.6, section="S03", mover="vehicle", late=True),
]


def table(made: Facts, *by: str):  # type: ignore[no-untyped-def]  # noqa: ANN201 - a short hand
    return tabulate(made, by, Watching(made))


def test_detections_attempts_persons_and_returns_are_kept_apart() -> None:
    total = table(facts(MIXED), "section").total
    assert (total.incidents, total.attempts, total.returns) == (7, 3, 1)
    assert (total.persons_low, total.persons_high) == (3, 9)
    assert (total.detections, total.detections_late) == (12, 1)
    assert (total.nuisance, total.late, total.withdrawn, total.merged) == (1, 1, 1, 1)
    assert total.outcomes == {"crossed": 1, "turned_back": 1, "unknown": 1}


@pytest.mark.parametrize(
    "by", [[name] for name in DIMENSIONS] + [["day", "section"], ["hour", "kind"], ["line", "month"]]
)
def test_rows_add_up_to_the_total_by_every_dimension(by: list[str]) -> None:
    found = table(facts(MIXED), *by)
    for name in ("incidents", "attempts", "persons_high", "returns", "nuisance", "withdrawn", "merged"):
        assert sum(getattr(row, name) for row in found.rows) == getattr(found.total, name)
    if found.total.detections is not None:
        assert sum(row.detections for row in found.rows) == found.total.detections == 12
        assert sum(row.metre_hours for row in found.rows) == pytest.approx(found.total.metre_hours)
        assert found.total.metre_hours == pytest.approx(600.0 * 24 * 28)


def test_a_property_of_incidents_has_no_detections() -> None:
    assert table(facts(MIXED), "kind").total.detections is None


def test_unwatched_time_stands_beside_each_count_and_lifts_the_rate() -> None:
    whole = table(facts(MIXED), "day")
    dark = table(facts(MIXED, outages=(outage(0.0, 0.5),)), "day")
    first, lost = whole.rows[0], dark.rows[0]
    assert lost.unwatched_metre_hours - first.unwatched_metre_hours == pytest.approx(600.0 * 12, rel=0.01)
    assert lost.rate == pytest.approx(first.rate * 2, rel=0.01)
    assert lost.corrected == pytest.approx(first.corrected * 2, rel=0.02)
    assert lost.rate_low < lost.rate < lost.rate_high
    assert "assumes" in dark.assumption


def test_hours_in_which_nothing_ran_count_as_unwatched() -> None:
    gap = (START_NS, START_NS + 6 * 3_600_000_000_000)
    found = table(facts(MIXED, gaps=(gap,)), "day").rows[0]
    assert found.unwatched_metre_hours == pytest.approx(600.0 * 6, rel=0.01)


def test_a_cell_that_nobody_watched_has_no_rate_and_no_correction() -> None:
    found = table(
        facts(MIXED, outages=(outage(0.0, 1.0),), gaps=((START_NS, START_NS + 24 * 3_600_000_000_000),)), "day"
    )
    assert found.rows[0].rate is None and found.rows[0].corrected is None and found.rows[0].attempts == 2


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_opens_to_as_many_incidents_as_it_says(figure: str) -> None:
    made = facts(MIXED)
    known = {each.incident.id: each for each in made.known}
    for row in (*table(made, "section").rows, table(made, "section").total):
        count = row.attempts if figure == "persons" else getattr(row, figure)
        assert len(opened(row, figure, known)) == count


def test_a_wrong_dimension_figure_or_row_is_refused_with_what_is_allowed() -> None:
    made = facts(MIXED)
    with pytest.raises(InputError, match="--by: found 'weather'; allowed: hour, day"):
        table(made, "weather")
    with pytest.raises(InputError, match="one of day, week, month, year at a time"):
        table(made, "day", "month")
    with pytest.raises(InputError, match="figure: found 'arrests'"):
        opened(table(made).total, "arrests", {})
    with pytest.raises(InputError, match="row: found"):
        table(made, "section").row(section="S99")


def test_incidents_outside_the_period_are_not_counted() -> None:
    made = facts(MIXED)
    later = msgspec.structs.replace(made, from_ns=made.from_ns + 24 * 3_600_000_000_000)
    assert table(later, "section").total.attempts == 1
