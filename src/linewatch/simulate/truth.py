"""What really happened, and from when on it could have been known."""

from typing import Final

import numpy as np

from linewatch.records import ACTS, MOVERS, Truth, quantise
from linewatch.records.vocabulary import Gait
from linewatch.simulate.course import Floats, Ints, time_ns_of
from linewatch.simulate.faults import silenced
from linewatch.simulate.physics import DETECTABLE_DB
from linewatch.simulate.scene import Fault
from linewatch.simulate.sighting import frames_of, seen
from linewatch.simulate.simulation import Cast, Simulation

_STEP_S: Final = 0.5
_TOGETHER: Final = 64
"""Movers worked on at once, to bound the memory."""
_GAITS: Final[tuple[Gait | None, ...]] = (None, "walk", "run", "crawl")
_CONCERNS: Final = {"dazzle": "blinded", "cut": "outage"}


def truth_of(simulation: Simulation) -> tuple[Truth, ...]:
    """The truth of a scene, by beginning, then name."""
    detectable_s = _detectable_s(simulation)
    found = [_of_mover(simulation, mover, detectable_s[mover]) for mover in range(len(simulation.movers))]
    found += [_of_fault(simulation, fault) for fault in simulation.scene.faults if fault.kind in _CONCERNS]
    return tuple(sorted((quantise(truth) for truth in found), key=lambda truth: (truth.start_ns, truth.event)))


def _detectable_s(simulation: Simulation) -> Floats:
    """(movers,) first time at which the expected signal at any working sensor is 10 dB over its noise; NaN for never.

    Looked for every half second. The rule knows no detector, no chance and no dead ground, only the physics of
    `physics`, the weather, and which sensors are dead, blinded or cut off.
    """
    first_s = np.full(len(simulation.movers), np.inf)
    for cast in simulation.cast:
        for begin in range(0, len(cast.members), _TOGETHER):
            _look(simulation, cast, cast.members[begin : begin + _TOGETHER], first_s)
    return np.where(np.isinf(first_s), np.nan, first_s)


def _look(simulation: Simulation, cast: Cast, members: Ints, first_s: Floats) -> None:
    """Lower `first_s` to what any kind of sensor could feel of these movers."""
    movers, scene = simulation.movers, simulation.scene
    faults = [fault for fault in scene.faults if fault.line == cast.line]
    for kind in cast.instruments.kinds:
        frames = frames_of(movers, members, _STEP_S, 0.0, scene.duration_s)
        found = seen(kind, movers, frames, cast.instruments, cast.sky)
        good = found.snr_db >= DETECTABLE_DB
        for fault in faults:
            numbers = cast.instruments.numbers(fault.sensors)
            concerned = np.isin(kind.index[found.sensor], numbers)
            good &= ~silenced(fault, concerned, found.chainage_m, found.time_s)
        np.minimum.at(first_s, found.movers[good], found.time_s[good])


def _of_mover(simulation: Simulation, mover: int, detectable_s: float) -> Truth:
    movers = simulation.movers
    event = simulation.scene.events[int(movers.events[mover])]
    knots = slice(int(movers.first[mover]), int(movers.first[mover + 1]))
    inside = movers.time_s[knots] <= simulation.scene.duration_s
    times_s = movers.time_s[knots][inside]
    if not inside.all():
        times_s = np.append(times_s, simulation.scene.duration_s)
    at = movers.at(np.full(len(times_s), mover), times_s)
    half_m = movers.spread_m(np.full(len(times_s), mover), at.count) / 2.0
    length_m = simulation.site.line(event.line).length_m
    times_ns = time_ns_of(simulation.scene, times_s)
    path = tuple(
        (
            int(times_ns[i]),
            round(float(at.chainage_m[i]), 3),
            round(float(at.offset_m[i]), 3),
            round(max(float(at.chainage_m[i] - half_m[i]), 0.0), 3),
            round(min(float(at.chainage_m[i] + half_m[i]), length_m), 3),
            int(at.count[i]),
        )
        for i in range(len(times_s))
    )
    acts = [int(act) for act in movers.act[knots] if ACTS[act] != "none"]
    paces = movers.pace[knots]
    moving = paces[paces > 0]
    detectable_ns = None if np.isnan(detectable_s) else int(time_ns_of(simulation.scene, np.array([detectable_s]))[0])
    return Truth(
        event=movers.names[mover],
        mover=MOVERS[int(movers.mover[mover])],
        act=ACTS[acts[0]] if acts else "none",
        count=int(at.count.max()),
        start_ns=path[0][0],
        detectable_ns=detectable_ns,
        end_ns=path[-1][0],
        path=path,
        line=event.line,
        known=event.known is not None,
        gait=_GAITS[int(moving[0])] if len(moving) and event.mover in ("person", "group") else None,
        concern=event.concern,
    )


def _of_fault(simulation: Simulation, fault: Fault) -> Truth:
    """A laser or a cut: nothing moves, it can be known from its first moment, and it lies where its sensors are."""
    scene, site = simulation.scene, simulation.site
    start_ns = scene.start_ns + round(fault.from_s * 1e6) * 1_000
    end_ns = scene.start_ns + round(fault.to_s * 1e6) * 1_000
    if fault.kind == "cut":
        low_m = high_m = fault.stretch_m[0]
    else:
        extents = [site.sensor(sensor).extent_m() for sensor in fault.sensors]
        low_m, high_m = min(e[0] for e in extents), max(e[1] for e in extents)
        length_m = site.line(fault.line).length_m
        low_m, high_m = max(low_m, 0.0), min(high_m, length_m)
    point = ((low_m + high_m) / 2.0, 0.0, low_m, high_m, 0)
    return Truth(
        event=fault.name,
        mover=None,
        act="none",
        count=0,
        start_ns=start_ns,
        detectable_ns=start_ns,
        end_ns=end_ns,
        path=((start_ns, *point), (end_ns, *point)),
        line=fault.line,
        concern="blinded" if fault.kind == "dazzle" else "outage",
    )
