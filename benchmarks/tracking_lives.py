"""How well large groups are followed for their lives: as one track, as several, or as somebody else's.

A group's *life* is every second in which the expected signal of any part of it, at any working sensor, is 10 dB over
the noise: the rule by which the truth of a scene says when something could be known, asked again every second. A track
is *on* a group in a second if its place lies on the true stretch, 20 m added on both sides. The group's one track is
the id that is on it for the largest share of its life; *with history* adds the ids that were taken into it or that it
came out of. *Alone* is the share of its life in which that is the only track on it, those left out that another mover
within 20 m explains. A *swap* is an id that was on a large group for five seconds or more and is, at another time, that
of a patrol, a truck or anybody else who is more than 50 m from every large group; or that was on both groups.
"""

from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from linewatch.records import Truth
from linewatch.simulate.faults import silenced
from linewatch.simulate.physics import DETECTABLE_DB
from linewatch.simulate.sighting import frames_of, seen
from linewatch.simulate.simulation import Simulation

LARGE = 50
REACH_M = 20.0
APART_M = 50.0
HELD_S = 5
NS_PER_S = 1_000_000_000


class Second(NamedTuple):
    """All confirmed tracks at one moment."""

    time_ns: int
    rows: NDArray[Any]


class Place(NamedTuple):
    """Where a mover is at one moment."""

    chainage_m: float
    offset_m: float
    from_m: float
    to_m: float
    people: float


def sensed_s(simulation: Simulation, truth: Truth) -> frozenset[int]:
    """Seconds of the scene in which the mover could be sensed."""
    movers, scene = simulation.movers, simulation.scene
    who = np.array([movers.names.index(truth.event)])
    out: set[int] = set()
    for cast in simulation.cast:
        for kind in cast.instruments.kinds:
            found = seen(kind, movers, frames_of(movers, who, 1.0, 0.0, scene.duration_s), cast.instruments, cast.sky)
            good = found.snr_db >= DETECTABLE_DB
            for fault in scene.faults:
                numbers = cast.instruments.numbers(fault.sensors)
                concerned = np.isin(kind.index[found.sensor], numbers)
                good &= ~silenced(fault, concerned, found.chainage_m, found.time_s)
            out.update(np.rint(found.time_s[good]).astype(int).tolist())
    return frozenset(out)


def place_of(truth: Truth, time_ns: int) -> Place | None:
    """Where it is; None before it comes and after it has gone."""
    if not truth.start_ns <= time_ns <= truth.end_ns:
        return None
    path = np.array(truth.path, dtype=np.float64)
    at = (float(time_ns - truth.start_ns), path[:, 0] - truth.start_ns)
    return Place(*(float(np.interp(*at, path[:, column])) for column in range(1, 6)))


def _on(rows: NDArray[Any], place: Place) -> NDArray[np.bool_]:
    x = rows["chainage_m"]
    return np.asarray((x >= place.from_m - REACH_M) & (x <= place.to_m + REACH_M))


def _beside(rows: NDArray[Any], place: Place) -> NDArray[np.bool_]:
    """Tracks that may be those of a mover that is small: near along the line, and across where that is known."""
    far_y = np.abs(rows["offset_m"] - place.offset_m) > REACH_M + 3.0 * np.sqrt(rows["p_yy"])
    return np.asarray(_on(rows, place) & ~(np.isfinite(rows["offset_m"]) & far_y))


class _Life:
    """What was on one group, second by second."""

    def __init__(self) -> None:
        self.on: Counter[int] = Counter()
        self.each: list[tuple[list[int], list[int]]] = []
        self.sizes: list[tuple[int, int, int, float]] = []
        self.called_known = 0

    def take(self, rows: NDArray[Any], others: NDArray[np.bool_], count: float) -> None:
        ids = rows["id"].tolist()
        self.on.update(set(ids))
        self.each.append((ids, [name for name, other in zip(ids, others.tolist(), strict=True) if not other]))
        self.called_known += bool((rows["known"] != 0).any())
        self.sizes += [
            (name, low, high, count)
            for name, low, high in zip(ids, rows["count_low"].tolist(), rows["count_high"].tolist(), strict=True)
        ]

    def figures(self, parents: dict[str, set[str]]) -> dict[str, Any]:
        """Shares of the life, and how honest the size was."""
        life = max(len(self.each), 1)
        if not self.on:
            return {"life_s": len(self.each), "one_track": 0.0, "with_history": 0.0, "ids": 0}
        best = self.on.most_common(1)[0][0]
        family = _family(best, parents)
        own = [(low, high, count) for name, low, high, count in self.sizes if name == best]
        return {
            "life_s": len(self.each),
            "one_track": round(self.on[best] / life, 4),
            "with_history": round(sum(not family.isdisjoint(ids) for ids, _ in self.each) / life, 4),
            "alone": round(sum(set(mine) == {best} for _, mine in self.each) / life, 4),
            "tracks_mean": round(sum(len(ids) for ids, _ in self.each) / life, 2),
            "ids": len(self.on),
            "size_held": round(sum(low <= count <= high for low, high, count in own) / max(len(own), 1), 3),
            "called_known_s": self.called_known,
        }


def _family(name: int, parents: dict[str, set[str]]) -> set[int]:
    """The track, and all that went into it."""
    out, open_ = {name}, [f"{name:016x}"]
    while open_:
        for parent in parents.get(open_.pop(), ()):
            if int(parent, 16) not in out:
                out.add(int(parent, 16))
                open_.append(parent)
    return out


def figures_of(
    seconds: list[Second],
    truth: tuple[Truth, ...],
    lives: dict[str, frozenset[int]],
    parents: dict[str, set[str]],
) -> dict[str, Any]:
    """The figures of one night; `lives` gives the seconds of the scene in which each large group can be sensed."""
    groups = [each for each in truth if each.event in lives]
    others = [each for each in truth if each.event not in lives and each.mover is not None]
    start_ns = min(second.time_ns for second in seconds) // NS_PER_S * NS_PER_S - NS_PER_S
    found = {each.event: _Life() for each in groups}
    elsewhere: dict[str, Counter[int]] = {each.event: Counter() for each in others}
    near: set[str] = set()
    for time_ns, rows in seconds:
        places = {each.event: place for each in truth if each.mover and (place := place_of(each, time_ns))}
        crowds = [places[each.event] for each in groups if each.event in places]
        for each in others:
            if (place := places.get(each.event)) is None:
                continue
            gap_m = min((max(c.from_m - place.to_m, place.from_m - c.to_m) for c in crowds), default=np.inf)
            if each.known and gap_m <= APART_M:
                near.add(each.event)
            if gap_m > APART_M:
                elsewhere[each.event].update(set(rows["id"][_beside(rows, place)].tolist()))
        second = round((time_ns - start_ns) / NS_PER_S)
        for each in groups:
            if (place := places.get(each.event)) is None or second not in lives[each.event]:
                continue
            here = rows[_on(rows, place)]
            explained = np.zeros(len(here), dtype=bool)
            for other in others:
                if (beside := places.get(other.event)) is not None:
                    explained |= _beside(here, beside)
            found[each.event].take(here, explained, place.people)
    held = [{name for name, times in found[each.event].on.items() if times >= HELD_S} for each in groups]
    on_both = sum(len(a & b) for i, a in enumerate(held) for b in held[i + 1 :])
    swapped = {
        name: event
        for event, times in elsewhere.items()
        for name, count in times.items()
        if count >= HELD_S and any(name in ids for ids in held)
    }
    return {
        "groups": [{"event": each.event, "count": each.count, **found[each.event].figures(parents)} for each in groups],
        "swaps": on_both + len(swapped),
        "swapped_with": sorted(set(swapped.values())),
        "patrols_near": len(near),
    }
