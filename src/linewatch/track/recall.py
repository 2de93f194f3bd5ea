"""Recall: late detections are put where they belong, by living the last moments again.

The window keeps what came at every tick and, once a second, what was known before it. A detection that is late but
inside the window is added to the moment in which it should have come, and the moments from there on are lived again:
exactly what would have been known had it been in time. Ids that were already reported stay.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Detections, Tick
from linewatch.track.state import NS_PER_S, TRACK, Known, Moment, rows_of


def oldest_ns(past: Sequence[Moment], tick: Tick) -> int:
    """Time from which on a detection can still be used."""
    start = next((m for m in past if m.before is not None), None)
    return tick.time_ns - tick.period_ns if start is None else start.tick.time_ns - start.tick.period_ns


def remember(past: tuple[Moment, ...], moment: Moment, window_s: float) -> tuple[Moment, ...]:
    """The window with one more moment; a snapshot is kept once a second, and what lies before the window goes."""
    second = moment.tick.time_ns // NS_PER_S
    if any(m.before is not None and m.tick.time_ns // NS_PER_S == second for m in past):
        moment = msgspec.structs.replace(moment, before=None)
    past = (*past, moment)
    start_ns = moment.tick.time_ns - int(window_s * NS_PER_S)
    # The newest snapshot that still covers the whole window is where it begins.
    covering = [i for i, m in enumerate(past) if m.before is not None and m.tick.time_ns - m.tick.period_ns <= start_ns]
    return past[covering[-1] :] if covering else past


def with_late(past: tuple[Moment, ...], late: Detections) -> tuple[tuple[Moment, ...], int]:
    """The window with these detections in their moments, and the moment from which it must be lived again."""
    changed = list(past)
    first = len(past)
    for i, moment in enumerate(past):
        start_ns = moment.tick.time_ns - moment.tick.period_ns if i else np.iinfo(np.int64).min
        here = (late.time_ns >= start_ns) & (late.time_ns < moment.tick.time_ns)
        if here.any():
            first = min(first, i)
            changed[i] = msgspec.structs.replace(moment, items=(*moment.items, late.take(here)))
    snapshot = max((i for i in range(min(first + 1, len(past))) if past[i].before is not None), default=0)
    return tuple(changed), snapshot


def keep_names(lived_again: Known, before: Known) -> tuple[Known, NDArray[np.bool_]]:
    """Carry reported ids over to the tracks that were lived again; also which reported tracks have no heir.

    A track keeps what was said of it when it has the same id; one whose first detection is now another one inherits
    the name of the reported track that is nearest to it.
    """
    new, old = rows_of(lived_again).copy(), rows_of(before)
    reported = np.flatnonzero((old["id"] != 0) & (old["sent_ns"] != 0) & (old["shadow"] == 0))
    lost = np.zeros(len(old), dtype=bool)
    for row in reported.tolist():
        heirs = np.flatnonzero(new["id"] == old["id"][row])
        if not len(heirs):
            free = np.flatnonzero((new["sent_ns"] == 0) & (new["shadow"] == 0) & (new["life"] > 0))
            far = np.abs(new["chainage_m"][free] - old["chainage_m"][row])
            heirs = free[far <= 3.0 * np.sqrt(new["p_xx"][free] + old["p_xx"][row])][:1]
        if not len(heirs):
            lost[row] = True
            continue
        _pass_on(new, int(heirs[0]), old, row)
    return msgspec.structs.replace(lived_again, tracks=new), lost


def _pass_on(new: NDArray[Any], heir: int, old: NDArray[Any], row: int) -> None:
    for field in ("id", *(f for f in TRACK.fields or () if f.startswith("sent_"))):
        new[field][heir] = old[field][row]
