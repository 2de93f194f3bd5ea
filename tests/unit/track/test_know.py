"""Whose track a reported patrol is: the one that it was before, and only then the nearest."""

import numpy as np

from linewatch.records import KnownMover
from linewatch.track.know import know, number_of
from linewatch.track.state import TRACK

S = 1_000_000_000
PATROL = KnownMover("patrol-1", "main", 100 * S, 103.0, 5.0, count=1, authenticated=True)


def beside(known: tuple[int, int]) -> list[int]:
    """Whom two tracks are taken for that stand at 100 m and at 103 m, where the patrol says that it is."""
    tracks = np.zeros(2, dtype=TRACK)
    tracks["chainage_m"], tracks["p_xx"], tracks["p_vv"], tracks["known"] = (100.0, 103.0), 1.0, 0.1, known
    tracks["offset_m"] = np.nan
    know(tracks, (PATROL,), 100 * S)
    return [int(each) for each in tracks["known"]]


def test_the_nearest_track_is_the_patrols_where_none_was_before() -> None:
    assert beside((0, 0)) == [0, number_of(PATROL)]


def test_a_newcomer_nearer_to_the_report_does_not_take_the_patrols_name() -> None:
    assert beside((number_of(PATROL), 0)) == [number_of(PATROL), 0]
