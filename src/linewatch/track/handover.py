"""Hand over: which section follows what, and how a track crosses a border.

The partition is part of the algorithm, whoever runs it. Every section hears its own stretch and an overlap zone on
both sides, begins tracks on its own stretch only, and follows a track as long as its estimate lies there. At the end
of a tick a track that has left goes to the section that it is in now; a track in an overlap zone is *shown* to the
neighbour, so that the neighbour does not take its detections for somebody new; and who gives a track away keeps it
as a shadow for the tick in which the new owner has not yet shown it. Both are `HandOver` records, used one
tick later; `HandOver.track.section` names the owner: `to_section` where the track is passed, `from_section` where it
is only shown.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Detections, HandOver, Tick, Track
from linewatch.site.model import Line, Section, Site
from linewatch.track.performance import Watch
from linewatch.track.state import TRACK

OVERLAP_M = 100.0


def zone_m(line: Line, section: Section, overlap_m: float) -> tuple[float, float]:
    """What a section listens to; the outermost sections also take what lies beyond the line, to refuse it."""
    first, last = line.sections[0], line.sections[-1]
    low = -np.inf if section.name == first.name else section.from_m - overlap_m
    high = np.inf if section.name == last.name else section.to_m + overlap_m
    return low, high


def owned_m(line: Line, section: Section) -> tuple[float, float]:
    """The stretch a section owns: half open; the outermost ones own what lies beyond the ends too."""
    return zone_m(line, section, 0.0)


def route(detections: Detections, site: Site, line_id: str, overlap_m: float = OVERLAP_M) -> dict[str, Detections]:
    """What each section of the line hears of a batch, in the order of the sections; those without any are left out.

    A detection in an overlap zone goes to both neighbours. `overlap_m` must be that of the sections' settings.
    """
    line = site.line(line_id)
    x = detections.chainage_m
    out: dict[str, Detections] = {}
    for section in line.sections:
        low, high = zone_m(line, section, overlap_m)
        inside = (x >= low) & (x < high)
        if section.name == line.sections[0].name:
            inside |= np.isnan(x)
        if inside.all() and len(x):
            out[section.name] = detections
        elif inside.any():
            out[section.name] = detections.take(inside)
    return out


def adopt(
    given: Sequence[HandOver], section: str, watch: Watch
) -> tuple[NDArray[Any], NDArray[np.uint64], list[HandOver]]:
    """Rows of the tracks given or shown to this section, their sensor masks, and what could not be read."""
    rows, masks, bad = [], [], []
    for hand_over in sorted(given, key=lambda h: (h.track.first_ns, h.track.id)):
        size = TRACK.itemsize + 8 * watch.words
        if hand_over.to_section != section:
            continue
        if len(hand_over.state) != size:
            bad.append(hand_over)
            continue
        row = np.frombuffer(hand_over.state[: TRACK.itemsize], dtype=TRACK).copy()
        row["shadow"] = hand_over.track.section != section
        row["sent_ns"] = 0
        rows.append(row)
        masks.append(np.frombuffer(hand_over.state[TRACK.itemsize :], dtype=np.uint64))
    if not rows:
        return np.zeros(0, dtype=TRACK), np.zeros((0, watch.words), dtype=np.uint64), bad
    return np.concatenate(rows), np.stack(masks), bad


def leaving(
    tracks: NDArray[Any], line: Line, section: Section, overlap_m: float
) -> tuple[NDArray[np.bool_], list[tuple[int, str]]]:
    """Which tracks have left the section, and every (row, section) that one is passed or shown to."""
    low, high = owned_m(line, section)
    x = tracks["chainage_m"]
    gone = (x < low) | (x >= high)
    near = gone | (x < low + overlap_m) | (x >= high - overlap_m)
    targets: list[tuple[int, str]] = []
    if near.any():
        names = [s.name for s in line.sections]
        here = names.index(section.name)
        starts = np.array([s.from_m for s in line.sections])
        for row in np.flatnonzero(near).tolist():
            if gone[row]:
                to = max(0, int(np.searchsorted(starts, x[row], side="right")) - 1)
                # Further away it goes from neighbour to neighbour, a tick each: nobody has to wait for all the others.
                targets.append((row, names[min(max(to, here - 1), here + 1)]))
                continue
            if here > 0 and x[row] < low + overlap_m:
                targets.append((row, names[here - 1]))
            if here + 1 < len(names) and x[row] >= high - overlap_m:
                targets.append((row, names[here + 1]))
    return gone, targets


def hand_overs(
    tracks: NDArray[Any],
    seen: NDArray[np.uint64],
    records: Sequence[Track],
    targets: Sequence[tuple[int, str]],
    section: Section,
    tick: Tick,
) -> list[HandOver]:
    """One record for each target; `records` are the tracks' own, in the order of `targets`."""
    return [
        HandOver(
            line=section.line,
            from_section=section.name,
            to_section=to_section,
            tick=tick.index,
            track=record,
            state=tracks[row].tobytes() + seen[row].tobytes(),
        )
        for (row, to_section), record in zip(targets, records, strict=True)
    ]
