"""What a scene costs the people at one seat: its true events, as tracks, through the incident step alone.

Tracking is taken to be perfect here, so that grouping and attention are measured by themselves: every mover of a scene
is one track from the moment at which it could be sensed, every laser an outage. False contacts with the barrier come on
top at a stated rate, at random places. `benchmarks.scene` measures the same with everything in between.
"""

import argparse
import random
import time
from typing import Final

import numpy as np

from benchmarks.reporting import Figures, answer
from linewatch.evaluate import score
from linewatch.evaluate.matching import position_at, stretch_at
from linewatch.incident.policy import IncidentSettings
from linewatch.incident.step import IncidentStep
from linewatch.ports import Item
from linewatch.records import (
    ACTS,
    MOVERS,
    Attention,
    Incident,
    KnownMover,
    Outage,
    Tick,
    Track,
    Truth,
    Weather,
    standing,
)
from linewatch.records.vocabulary import Intent  # noqa: TC001 - said of a local value
from linewatch.simulate import SimulatedSource, read_scene, scene_names
from linewatch.site.load import load_site
from linewatch.site.model import Site

_S: Final = 1_000_000_000
_FALSE_S: Final = 4
_AT_BARRIER_M: Final = 1.5
_SIZE: Final = (0.7, 1.4)
"""Interval of a group's size, as shares of the true one: as wide as the tracker's own (ratio 2)."""


def _shares(mover: str) -> tuple[float, ...]:
    return tuple(0.94 if name == mover else 0.01 for name in MOVERS)


def _track(name: str, mover: str, begun_ns: int, now_ns: int, section: str, **known: object) -> Track:
    values: dict[str, object] = {
        "state": "confirmed",
        "existence_probability": 0.99,
        "chainage_sigma_m": 2.0,
        "velocity_mps": 0.0,
        "velocity_sigma_mps": 0.5,
        "covariance_m2ps": 0.0,
        "strength_db": 20.0,
        "act_probabilities": (1 / len(ACTS),) * len(ACTS),
        "sensors": (),
        "detections": max((now_ns - begun_ns) // _S * 4, 1),
        "offset_sigma_m": 1.0,
    } | known
    return Track(  # type: ignore[call-arg]  # the rest is in `values`
        id=name,
        line="main",
        section=section,
        time_ns=now_ns,
        first_ns=begun_ns,
        last_ns=now_ns,
        mover_probabilities=_shares(mover),
        first_detection=name,
        **values,
    )


def _seen(event: Truth, site: Site, now_ns: int) -> Track | None:
    """The track of an event now; None before it can be sensed and after its end."""
    begun_ns = event.detectable_ns
    here = position_at(event, now_ns)
    if begun_ns is None or now_ns < begun_ns or here is None:
        return None
    chainage_m, offset_m = here
    from_m, to_m = stretch_at(event, now_ns)
    before = position_at(event, now_ns - _S) or here
    count = max(int(np.interp(now_ns, [p[0] for p in event.path], [p[5] for p in event.path])), 1)
    intent: Intent = "approach" if offset_m < before[1] else "still"
    if event.mover in ("person", "group"):
        if offset_m < -_AT_BARRIER_M:
            intent = "crossing"
        elif event.act != "none" and abs(offset_m) <= _AT_BARRIER_M:
            intent = "contact"
    return _track(
        event.event,
        event.mover or "unknown",
        begun_ns,
        now_ns,
        site.section_at("main", chainage_m).name,
        chainage_m=chainage_m,
        from_m=from_m,
        to_m=to_m,
        offset_m=offset_m,
        offset_velocity_mps=offset_m - before[1],
        intent=intent,
        count_low=max(round(_SIZE[0] * count), 1) if count > 1 else 1,
        count_high=round(_SIZE[1] * count) if count > 1 else 1,
        known=event.event if event.known else None,
    )


class _World:
    """The scene as it comes to the incident step, second by second."""

    def __init__(self, site: Site, truth: tuple[Truth, ...], seed: int, false_km_day: float) -> None:
        self.site = site
        self.truth = truth
        self.random = random.Random(seed)  # noqa: S311 - chance of a scene, no secret
        self.length_m = site.line("main").length_m
        self.false_per_s = false_km_day * self.length_m / 1_000.0 / 86_400.0
        self.live: dict[str, Track] = {}
        self.false: dict[str, tuple[int, float]] = {}
        self.names = 0

    def second(self, now_ns: int) -> list[Item]:
        """All that comes in this second."""
        batch: list[Item] = []
        for event in self.truth:
            if event.mover is None:
                batch += self._fault(event, now_ns)
            elif (track := _seen(event, self.site, now_ns)) is not None:
                if event.known:
                    batch.append(
                        KnownMover(
                            event.event, "main", now_ns, track.chainage_m, 5.0, authenticated=True, count=event.count
                        )
                    )
                batch.append(track)
                self.live[event.event] = track
            elif event.event in self.live:
                batch.append(_ended(self.live.pop(event.event)))
        return [*batch, *self._false_contacts(now_ns)]

    def _fault(self, event: Truth, now_ns: int) -> list[Item]:
        starts, ends = event.start_ns <= now_ns < event.start_ns + _S, event.end_ns <= now_ns < event.end_ns + _S
        if not starts and not ends:
            return []
        cause = "dazzled" if event.concern == "blinded" else "fibre_cut"
        from_m, to_m = stretch_at(event, now_ns)
        end_ns = event.end_ns if ends else None
        return [
            Outage(event.event, "main", (), cause, from_m, to_m, event.start_ns, event.start_ns, end_ns, 0.0, cause)
        ]

    def _false_contacts(self, now_ns: int) -> list[Item]:
        if self.random.random() < self.false_per_s:
            self.names += 1
            self.false[f"false {self.names}"] = (now_ns, self.random.uniform(0.0, self.length_m))
        batch: list[Item] = []
        for name, (begun_ns, at_m) in list(self.false.items()):
            section = self.site.section_at("main", at_m).name
            track = _track(
                name,
                "unknown",
                begun_ns,
                now_ns,
                section,
                chainage_m=at_m,
                from_m=at_m,
                to_m=at_m + 5.0,
                intent="contact",
            )
            over = now_ns - begun_ns >= _FALSE_S * _S
            if over:
                del self.false[name]
            batch.append(_ended(track) if over else track)
        return batch


def _ended(track: Track) -> Track:
    return Track(**{name: getattr(track, name) for name in track.__struct_fields__} | {"state": "ended"})


def play(name: str, seed: int, false_km_day: float) -> Figures:
    """One scene with one seed."""
    site = load_site("reference")
    scene = read_scene(name, site)
    truth = SimulatedSource(scene, site, seed).truth()
    world = _World(site, truth, seed, false_km_day)
    step = IncidentStep(site, IncidentSettings(), "s")
    state = step.initial()
    weather = [
        Weather(
            "main", w.stretch_m[0], w.stretch_m[1], scene.start_ns, temperature_c=w.temperature_c, wind_mps=w.wind_mps
        )
        for w in scene.weather
    ]
    incidents: list[Incident] = []
    attention: list[Attention] = []
    last: dict[str, Incident] = {}
    uneven = 0
    for second in range(1, round(scene.duration_s) + 1):
        now_ns = scene.start_ns + second * _S
        batch = [*(weather if second == 1 else ()), *world.second(now_ns)]
        state, out = step.step(state, batch, Tick(now_ns // _S, now_ns, now_ns, _S))
        new = [record for record in out if isinstance(record, Incident)]
        incidents += new
        attention += [record for record in out if isinstance(record, Attention)]
        last |= {incident.id: incident for incident in new}
        places = [standing(incident) for incident in last.values()] if new else []
        uneven += bool(places) and len(places) - places.count("closed") != len(state.incidents)
    result = score(incidents, truth, site, span_ns=(scene.start_ns, scene.end_ns))
    return {
        "events": len(truth),
        "incidents": len(last),
        "grouped": sum(bool(incident.group) for incident in last.values()),
        "interruptions": result["load"]["interruptions"],
        "peak_interruptions_10min": result["load"]["peak_interruptions_10min"],
        "floods_declared": sum(
            each.flood and not before
            for each, before in zip(attention, [False, *(a.flood for a in attention)], strict=False)
        ),
        "never_shown": result["never_shown"],
        "never_called": result["never_called"],
        "distress_found": result["distress"]["found"],
        "distress": result["distress"]["n"],
        "uneven": uneven,
    }


def measure(args: argparse.Namespace) -> Figures:
    """Play the scene with several seeds; the peak is the worst, lists are of all."""
    begun = time.perf_counter()
    seeds = 1 if args.quick else args.seeds
    results = [play(args.scene, seed, args.false_km_day) for seed in range(args.seed, args.seed + seeds)]
    summed = (
        "events",
        "incidents",
        "grouped",
        "interruptions",
        "floods_declared",
        "distress",
        "distress_found",
        "uneven",
    )
    return {
        "scene": args.scene,
        "seeds": seeds,
        "false_km_day": args.false_km_day,
        **{name: sum(result[name] for result in results) for name in summed},
        "peak_interruptions_10min": max(result["peak_interruptions_10min"] for result in results),
        "peaks": [result["peak_interruptions_10min"] for result in results],
        "events_never_shown": sum(len(result["never_shown"]) for result in results),
        "never_shown": [name for result in results for name in result["never_shown"]],
        "events_never_called": sum(len(result["never_called"]) for result in results),
        "never_called": [name for result in results for name in result["never_called"]],
        "wall_s": time.perf_counter() - begun,
    }


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scene", default="the-night", choices=scene_names(), help="a shipped scene")
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--seeds", type=int, default=5, help="how many, one after another")
    parser.add_argument("--false-km-day", type=float, default=0.5, help="false contacts per km and day")


def main() -> None:
    """Run as a command."""
    answer(measure, __doc__, more=_more)


if __name__ == "__main__":
    main()
