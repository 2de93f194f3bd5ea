"""A scene played on a site, chunk by chunk: the same detections and records for a seed, wherever one begins."""

import math
from typing import Final

import msgspec
import numpy as np

from linewatch.records import Detections, KnownMover, Record
from linewatch.simulate.air import Sky
from linewatch.simulate.columns import Reports, batch_of_reports, join, nothing
from linewatch.simulate.course import Ints, Movers, movers_of, time_ns_of
from linewatch.simulate.faults import heartbeats, own_words, suffer
from linewatch.simulate.instruments import Instruments, instruments_of
from linewatch.simulate.nuisance import (
    false_reports,
    gust_reports,
    load_reports,
    loose_reports,
    noisy_reports,
    rain_reports,
)
from linewatch.simulate.scene import Scene
from linewatch.simulate.sighting import sightings
from linewatch.simulate.streams import stream
from linewatch.site.model import Site

_KNOWN_PERIOD_S: Final = 10.0
_LONGEST_WAIT_S: Final = 61.0


class Chunk(msgspec.Struct, frozen=True):
    """All that arrives within one stretch of time, on one line."""

    detections: Detections
    """In order of time, sensor and place."""
    due_ns: Ints
    """(n,) when each arrives."""
    records: tuple[Record, ...]
    """All else, in order of time."""


class Cast(msgspec.Struct, frozen=True):
    """What one line needs."""

    line: str
    length_m: float
    sky: Sky
    instruments: Instruments
    members: Ints


class Simulation:
    """One scene, one site, one seed.

    `nuisance_factor` multiplies everything that has no mover behind it except the load that the scene states.
    """

    def __init__(self, scene: Scene, site: Site, seed: int = 0, nuisance_factor: float = 1.0) -> None:
        if not 0.0 <= nuisance_factor <= 1_000.0:
            raise ValueError(f"nuisance_factor is {nuisance_factor!r}; allowed are 0 to 1000")
        self.scene = scene
        self.site = site
        self.seed = seed
        self.nuisance_factor = nuisance_factor
        self.movers: Movers = movers_of(scene, site, seed)
        # Short chunks bound the memory of a burst; long ones spare work where a scene is thin. Part of the result.
        heaviest = max((load.detections_per_s for load in scene.loads), default=0.0)
        self.chunk_s = 10.0 if heaviest > 100.0 else (600.0 if scene.duration_s > 7 * 86_400.0 else 60.0)
        self.chunks = math.ceil(scene.duration_s / self.chunk_s)
        self.cast = tuple(self._line(line.id) for line in site.lines)

    def _line(self, line_id: str) -> Cast:
        line = self.site.line(line_id)
        events = [number for number, event in enumerate(self.scene.events) if event.line == line_id]
        return Cast(
            line=line_id,
            length_m=line.length_m,
            sky=Sky(self.scene, line, self.seed),
            instruments=instruments_of(self.site, line_id),
            members=np.flatnonzero(np.isin(self.movers.events, events)),
        )

    @property
    def lookback(self) -> int:
        """Chunks before a given one from which something may still be under way when it begins."""
        late_s = max((fault.amount for fault in self.scene.faults if fault.kind == "late"), default=0.0)
        return math.ceil((1.0 + min(late_s, _LONGEST_WAIT_S)) / self.chunk_s)

    def reports(self, number: int) -> tuple[tuple[Cast, Reports], ...]:
        """What the sensors of each line report in one chunk, in no order; some of it arrives later."""
        return tuple((cast, self._reports(cast, number)) for cast in self.cast)

    def _reports(self, cast: Cast, number: int) -> Reports:
        from_s = number * self.chunk_s
        to_s = min(from_s + self.chunk_s, self.scene.duration_s)
        alive = cast.members[np.isin(cast.members, self.movers.alive(from_s, to_s))]
        parts = []
        for kind in cast.instruments.kinds:
            rng = stream(self.seed, "sightings", cast.line, kind.kind, number)
            parts.append(sightings(kind, self.movers, alive, from_s, to_s, cast.instruments, cast.sky, self.seed, rng))
        parts += self._nuisances(cast, number, from_s, to_s)
        found = [part for part in parts if part is not None and len(part)]
        reports = join(found) if found else nothing()
        faults = tuple(fault for fault in self.scene.faults if fault.line == cast.line)
        return suffer(reports, faults, cast.instruments, self.seed, number)

    def _nuisances(self, cast: Cast, number: int, from_s: float, to_s: float) -> list[Reports | None]:
        parts: list[Reports | None] = []
        factor, sky = self.nuisance_factor, cast.sky
        for kind in cast.instruments.kinds if self.scene.natural else ():
            rng = stream(self.seed, "nuisances", cast.line, kind.kind, number)
            parts.append(false_reports(kind, from_s, to_s, factor, rng))
            parts.append(rain_reports(kind, sky, from_s, to_s, factor, rng))
            parts.append(gust_reports(kind, sky, from_s, to_s, factor, rng))
            parts.append(loose_reports(kind, sky, from_s, to_s, factor, self.seed, rng))
        if cast.line == self.scene.line:
            for index, load in enumerate(self.scene.loads):
                rng = stream(self.seed, "load", index, number)
                parts += load_reports(load, cast.instruments, from_s, to_s, rng)
        for fault in self.scene.faults:
            begin_s, end_s = max(from_s, fault.from_s), min(to_s, fault.to_s)
            if fault.kind == "noisy" and fault.line == cast.line and end_s > begin_s:
                rng = stream(self.seed, "noisy", fault.name, number)
                parts += noisy_reports(cast.instruments, fault.sensors, fault.amount, begin_s, end_s, rng)
        return parts

    def batch(self, cast: Cast, reports: Reports) -> tuple[Detections, Ints]:
        """Reports of a line as a sorted batch, and when each arrives."""
        return batch_of_reports(cast.line, cast.length_m, cast.instruments.ids, self.scene.start_ns, reports)

    def records(self, number: int) -> list[Record]:
        """Health, weather and known movers of one chunk, in order of time."""
        from_s = number * self.chunk_s
        to_s = min(from_s + self.chunk_s, self.scene.duration_s)
        out: list[Record] = []
        for cast in self.cast:
            out += heartbeats(self.scene, self.site, cast.line, from_s, to_s)
            out += own_words(self.scene, self.site, cast.line, from_s, to_s)
            if cast.line == self.scene.line:
                out += cast.sky.records(from_s, to_s)
        out += self._known(number, from_s, to_s)
        return sorted(out, key=lambda record: record.time_ns)  # type: ignore[union-attr]

    def _known(self, number: int, from_s: float, to_s: float) -> list[Record]:
        """Position reports of patrols and work parties, every ten seconds, within about 5 m."""
        out: list[Record] = []
        for mover in self.movers.alive(from_s, to_s):
            event = self.scene.events[int(self.movers.events[mover])]
            if event.known is None:
                continue
            first, last = math.ceil(from_s / _KNOWN_PERIOD_S), math.ceil(to_s / _KNOWN_PERIOD_S)
            times_s = np.arange(first, last, dtype=np.float64) * _KNOWN_PERIOD_S
            begins_s = float(self.movers.start_s[mover])
            times_s = times_s[(times_s > begins_s) & (times_s < self.movers.end_s[mover])]
            if from_s <= begins_s < to_s:
                # Its last report from before it came to the line: no patrol begins where the sensors do.
                times_s = np.concatenate((np.array([begins_s]), times_s))
            if not len(times_s):
                continue
            at = self.movers.at(np.full(len(times_s), mover), times_s)
            error_m = stream(self.seed, "known", self.movers.names[mover], number).normal(0.0, 5.0, (len(times_s), 2))
            for i, time_ns in enumerate(time_ns_of(self.scene, times_s)):
                out.append(
                    KnownMover(
                        id=event.known if event.times == 1 else f"{event.known} {self.movers.names[mover]}",
                        line=event.line,
                        time_ns=int(time_ns),
                        chainage_m=float(at.chainage_m[i] + error_m[i, 0]),
                        chainage_sigma_m=5.0,
                        offset_m=float(at.offset_m[i] + error_m[i, 1]),
                        count=int(at.count[i]),
                        authenticated=True,
                    )
                )
        return out
