"""How much watching there was, in bins that add up to what the unwatched metre-hours say of the whole."""

import pytest

from linewatch.records import Outage
from linewatch.site.exposure import exposure_of
from linewatch.site.pd_field import PdField
from linewatch.site.unwatched import unwatched_metre_hours
from tests.sites import fence_site

HOUR_NS = 3_600_000_000_000
FIELD = PdField(fence_site(600.0, sections=3))


def outage(start_h: float, end_h: float | None) -> Outage:
    start_ns = round(start_h * HOUR_NS)
    end_ns = None if end_h is None else round(end_h * HOUR_NS)
    return Outage("o", "main", ("f1",), "silent", 0.0, 600.0, start_ns, start_ns, end_ns, 0.0, "silent")


def test_bins_add_up_to_the_whole() -> None:
    edges = [0, HOUR_NS, 4 * HOUR_NS, 10 * HOUR_NS]
    found = exposure_of(FIELD, edges, [outage(0.5, 5.0)])
    whole = unwatched_metre_hours(FIELD, edges[0], edges[-1], [outage(0.5, 5.0)])
    assert found.unwatched.sum() == pytest.approx(whole.metre_hours)
    assert found.unwatched.sum(axis=0).tolist() == pytest.approx(list(whole.sections.values()))
    assert found.metre_hours.sum() == pytest.approx(6000.0)
    assert found.metre_hours.shape == (3, 3)


def test_where_nothing_ran_nothing_was_watched_whatever_else_failed() -> None:
    gap = (2 * HOUR_NS, 3 * HOUR_NS)
    found = exposure_of(FIELD, [0, 2 * HOUR_NS, 4 * HOUR_NS], [outage(2.5, None)], gaps=[gap])
    quiet = exposure_of(FIELD, [0, 2 * HOUR_NS, 4 * HOUR_NS], [])
    assert found.unwatched[0].tolist() == quiet.unwatched[0].tolist()
    assert found.unwatched[1].sum() == pytest.approx(600.0 * 2, rel=0.01)
    assert found.noticed[1].sum() < 0.02 * quiet.noticed[1].sum()


def test_what_is_noticed_is_never_more_than_there_is() -> None:
    found = exposure_of(FIELD, [0, HOUR_NS], [])
    assert (found.noticed <= found.metre_hours).all() and found.noticed.sum() > 0.5 * found.metre_hours.sum()


def test_edges_that_do_not_rise_are_refused() -> None:
    with pytest.raises(ValueError, match="each later than the one before"):
        exposure_of(FIELD, [HOUR_NS, 0], [])
