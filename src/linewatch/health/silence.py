"""Sensors that have fallen silent, alone or together with others that hang on the same thing."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from linewatch.health.outages import joined, outage_of
from linewatch.health.roots import root_of_silence, roots_of
from linewatch.health.state import SHARED, SILENT, HealthSettings, HealthState, closed
from linewatch.records import Health, Record, Tick
from linewatch.site.model import Site

_NS_PER_S = 1_000_000_000


class SilenceWatch:
    """Looks for silence at a tick."""

    def __init__(self, site: Site, settings: HealthSettings) -> None:
        self.site = site
        self.settings = settings
        self._number = {sensor.id: number for number, sensor in enumerate(site.sensors)}
        self._own_limit_s = np.array([math.nan if s.heartbeat_s is None else s.heartbeat_s for s in site.sensors])
        self._in_service = np.array([sensor.state != "out_of_service" for sensor in site.sensors], dtype=bool)
        self._roots, self._roots_of = roots_of(site)

    def step(self, state: HealthState, tick: Tick) -> list[Record]:
        """Note what has been silent for too long, and open an outage for each cause; changes `state`."""
        default_s = np.where(state.streams, self.settings.stream_silence_s, self.settings.heartbeat_silence_s)
        limit_s = np.where(np.isnan(self._own_limit_s), default_s, self._own_limit_s)
        heard = (state.last_life_ns > 0) & self._in_service
        overdue = heard & (tick.time_ns - state.last_life_ns > limit_s * _NS_PER_S)
        if not overdue.any():
            return []
        excused = {
            name
            for about, outage in state.open.items()
            if outage.first_channel is None and outage.remaining_fraction < 1.0 and not about.endswith("/view")
            for name in outage.sensors
        }
        fresh = [int(n) for n in np.flatnonzero(overdue) if self.site.sensors[int(n)].id not in excused]
        if not fresh:
            return []
        out: list[Record] = []
        for number in fresh:
            sensor = self.site.sensors[number]
            text = f"nothing heard from {sensor.id} for {limit_s[number]:g} s; normal is less"
            out.append(Health(sensor.line, sensor.id, tick.time_ns, "silent", "failed", text))
        alone = self._join_roots(state, fresh, self._decided(state, overdue, heard, fresh, limit_s), tick, out)
        for number in alone:
            sensor = self.site.sensors[number]
            text = f"nothing heard from {sensor.id} for {limit_s[number]:g} s; normal is less"
            outage = outage_of(sensor, "silent", int(state.last_life_ns[number]), tick, text)
            state.open[f"{sensor.id}{SILENT}"] = outage
            out.append(outage)
        return out

    @staticmethod
    def _decided(
        state: HealthState,
        overdue: NDArray[np.bool_],
        heard: NDArray[np.bool_],
        fresh: list[int],
        limit_s: NDArray[np.float64],
    ) -> NDArray[np.bool_]:
        """Sensors of which it is known by now whether they fell silent too: overdue, or heard since.

        Of one that speaks seldom nobody can say yet; it must not speak against a cause that explains all the others.
        """
        fresh_ns = state.last_life_ns[fresh] + np.rint(limit_s[fresh] * _NS_PER_S).astype(np.int64)
        decided: NDArray[np.bool_] = heard & (overdue | (state.last_life_ns > fresh_ns.min()))
        return decided

    def _join_roots(
        self, state: HealthState, fresh: list[int], heard: NDArray[np.bool_], tick: Tick, out: list[Record]
    ) -> list[int]:
        """Put what fell silent together under what it hangs on; give back the sensors that nothing explains."""
        pending = set(fresh)
        known = {int(number) for number in np.flatnonzero(heard)}
        while pending:
            since = self._silent_since(state, pending)
            candidates = [index for number in pending for index in self._roots_of.get(number, ())]
            found = root_of_silence(self._roots, candidates, since, known, self.settings.root_share)
            if found is None or not pending.intersection(found[1]):
                break
            root, members = found
            out += self._shared(state, root.about, root.cause, root.also, members, since, tick)
            pending.difference_update(members)
        return sorted(pending)

    def _silent_since(self, state: HealthState, pending: set[int]) -> dict[int, int]:
        """Sensors that are silent now, alone or with others, and fell silent at about the same time as one of them."""
        window_ns = round(self.settings.together_s * _NS_PER_S)
        since = {number: int(state.last_life_ns[number]) for number in pending}
        for about, outage in state.open.items():
            if about.endswith(SILENT) or about.startswith(SHARED[:3]):
                since |= {self._number[n]: int(state.last_life_ns[self._number[n]]) for n in outage.sensors}
        newest_ns = max(since[number] for number in pending)
        return {number: at_ns for number, at_ns in since.items() if abs(newest_ns - at_ns) <= window_ns}

    def _shared(
        self,
        state: HealthState,
        about: str,
        cause: str,
        also: tuple[str, ...],
        members: tuple[int, ...],
        since: Mapping[int, int],
        tick: Tick,
    ) -> list[Record]:
        """One outage for all members: the first of theirs grows, any others are taken into it."""
        sensors = tuple(self.site.sensors[number] for number in members)
        names = {sensor.id for sensor in sensors}
        before = [
            (a, o) for a, o in sorted(state.open.items()) if self._is_silence(a) and names.intersection(o.sensors)
        ]
        told = before[0][1] if before else outage_of(sensors[0], cause, min(since[n] for n in members), tick, cause)
        out: list[Record] = []
        for taken, outage in before[1:]:
            if outage.id != told.id:
                out += closed(state, taken, tick.time_ns)
        for taken, _ in before[:1]:
            state.open.pop(taken, None)
            state.back_ns.pop(taken, None)
        names |= set(told.sensors)
        sensors = tuple(self.site.sensor(name) for name in sorted(names))
        or_words = f" (or {', '.join(also)}, which feeds the same)" if also else ""
        reason = f"{len(sensors)} sensors fell silent together: {cause}{or_words}"
        grown = joined(told, sensors, reason, cause=cause, start_ns=min(told.start_ns, *(since[n] for n in members)))
        state.open[about] = grown
        return [*out, grown]

    @staticmethod
    def _is_silence(about: str) -> bool:
        return about.endswith(SILENT) or about.startswith(SHARED[:3])
