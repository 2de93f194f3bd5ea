"""Small lines, detections and a hand-cranked run, for tests of the tracker."""

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from linewatch.records import ACTS, MOVERS, Detection, HandOver, Record, Tick, Track, batch_of
from linewatch.site.model import Line, Section, Site
from linewatch.site.sensor import Performance, Sensor
from linewatch.track import TrackerState, TrackSettings, TrackStep, route

S = 1_000_000_000
START_NS = 1_700_000_000 * S


def fence_line(*, length_m: float = 600.0, sections: int = 1, sensors: Sequence[Sensor] = ()) -> Site:
    """A bench line with one fence cable along it, unless other sensors are given."""
    edges = np.linspace(0.0, length_m, sections + 1)
    parts = tuple(
        Section(f"S{i + 1:02d}", "main", float(a), float(b)) for i, (a, b) in enumerate(itertools.pairwise(edges))
    )
    cable = Sensor("fence", "fibre_vibration", "main", from_m=0.0, to_m=length_m, channels=int(length_m))
    return Site("test", "UTC", (Line("main", length_m, sections=parts),), tuple(sensors) or (cable,))


def radar(length_m: float = 600.0, *, pd: float = 0.9, far_per_day: float = 50.0, name: str = "radar") -> Sensor:
    """A radar that sees the whole line."""
    return Sensor(
        name,
        "radar",
        "main",
        at_m=length_m / 2,
        range_m=length_m / 2,
        performance=Performance(pd_walk_fraction=pd, far_per_day=far_per_day),
    )


def pir(name: str, at_m: float) -> Sensor:
    """An infra-red sensor beside the line."""
    return Sensor(name, "pir", "main", at_m=at_m, range_m=10.0)


def at(
    seconds: float,
    chainage_m: float,
    *,
    sensor: str = "fence",
    sigma_m: float = 2.0,
    probability: float = 0.97,
    **more: Any,
) -> Detection:
    """One detection, `seconds` after the start."""
    half = more.pop("half_m", 0.0)
    return Detection(
        "main",
        sensor,
        START_NS + round(seconds * S),
        more.pop("duration_s", 0.05),
        chainage_m,
        sigma_m,
        more.pop("from_m", chainage_m - half),
        more.pop("to_m", chainage_m + half),
        more.pop("strength_db", 12.0),
        probability,
        **more,
    )


def of_mover(name: str, probability: float = 1.0) -> tuple[float, ...]:
    """Mover probabilities with most on one."""
    return _shares(MOVERS, name, probability)


def of_act(name: str, probability: float = 1.0) -> tuple[float, ...]:
    """Act probabilities with most on one."""
    return _shares(ACTS, name, probability)


def _shares(names: Sequence[str], name: str, probability: float) -> tuple[float, ...]:
    rest = (1.0 - probability) / (len(names) - 1)
    return tuple(probability if other == name else rest for other in names)


def ticks(seconds: float, period_s: float = 1.0) -> list[Tick]:
    """Ticks that follow the start for so long."""
    period_ns = round(period_s * S)
    return [
        Tick((START_NS + k * period_ns) // period_ns, START_NS + k * period_ns, START_NS + k * period_ns, period_ns)
        for k in range(1, round(seconds / period_s) + 1)
    ]


class Bench:
    """The sections of one line, cranked tick by tick, with hand-overs delivered one tick later."""

    def __init__(self, site: Site, settings: TrackSettings | None = None) -> None:
        self.site = site
        self.steps = [TrackStep(site, "main", s.name, settings) for s in site.line("main").sections]
        self.states: list[TrackerState] = [step.initial() for step in self.steps]
        self.letters: list[HandOver] = []
        self.out: list[Record] = []

    def tick(self, tick: Tick, items: Iterable[Any] = ()) -> list[Record]:
        """One tick for every section; returns what came out, in the order of the sections."""
        items = list(items)
        detections = [item for item in items if isinstance(item, Detection)]
        others = [item for item in items if not isinstance(item, Detection)]
        routed = route(batch_of("main", detections), self.site, "main") if detections else {}
        letters, self.letters = self.letters, []
        out: list[Record] = []
        for i, step in enumerate(self.steps):
            name = step.key.split("/")[1]
            batch = [h for h in letters if h.to_section == name] + others + ([routed[name]] if name in routed else [])
            self.states[i], new = step.step(self.states[i], batch, tick)
            out += new
        self.letters = [r for r in out if isinstance(r, HandOver)]
        self.out += out
        return out

    def run(
        self, detections: Sequence[Detection], seconds: float, period_s: float = 1.0, others: Sequence[Any] = ()
    ) -> list[Record]:
        """All ticks; each detection comes with the first tick after its arrival."""
        first = True
        for tick in ticks(seconds, period_s):
            start = tick.time_ns - tick.period_ns

            def when(d: Detection) -> int:
                return d.time_ns if d.received_ns is None else d.received_ns

            now: list[Any] = [d for d in detections if start <= when(d) < tick.time_ns]
            now += list(others) if first else []
            first = False
            self.tick(tick, now)
        return self.out

    def tracks(self) -> list[Track]:
        """All track records so far."""
        return [record for record in self.out if isinstance(record, Track)]

    def ids(self) -> list[str]:
        """Distinct ids in the order of their first report."""
        return list(dict.fromkeys(track.id for track in self.tracks()))
