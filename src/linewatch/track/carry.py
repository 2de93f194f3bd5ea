"""Carry over: what a tracker knows, taken along when the sensors of its line change while it runs.

Tracks name sensors by their number on the line, and every number may be another one afterwards. A track whose first or
last sensor is gone cannot be named any more: it ends, with the reason, and its mover is found anew.
"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import HandOver, Track
from linewatch.site.model import Site
from linewatch.track import report
from linewatch.track.performance import Watch
from linewatch.track.state import TRACK, Known, TrackerState, chosen, rows_of

REASON: Final = "the sensor that it began or went on with was taken out of the site"
_BITS: Final = np.arange(64, dtype=np.uint64)


class LineChange:
    """What becomes of the sensors of one line between two descriptions of a site with the same lines."""

    def __init__(self, before: Site, after: Site, line_id: str) -> None:
        self._line = before.line(line_id)
        self._old, self._new = Watch(before, line_id), Watch(after, line_id)
        old_kinds = [before.sensor(name).kind for name in self._old.ids]
        new_kinds = [after.sensor(name).kind for name in self._new.ids]
        self._kinds = sorted(set(old_kinds)), sorted(set(new_kinds))
        before_too = set(zip(self._old.ids, old_kinds, strict=True))
        stays = {pair[0] for pair in zip(self._new.ids, new_kinds, strict=True) if pair in before_too}
        self._to = np.array([self._new.index[n] if n in stays else -1 for n in self._old.ids], dtype=np.int64)
        self.same = self._old.ids == self._new.ids and old_kinds == new_kinds
        """Whether the sensors are the same ones, wherever they stand now."""

    def tracker(self, state: TrackerState, fresh: TrackerState, section: str) -> tuple[TrackerState, list[Track]]:
        """A tracker's state under the new numbers, and the tracks that end by it; `fresh` is its state before all."""
        if self.same:
            return state, []
        rows, seen = rows_of(state.known), state.known.seen
        lost = self._lost(rows)
        told = lost & (rows["sent_ns"] != 0) & (rows["shadow"] == 0)
        ended = report.records(
            chosen(rows, told), seen[told], section, self._line, self._old, ended=(REASON,) * int(told.sum())
        )
        kept = chosen(rows, ~lost)
        self._renumber(kept)
        noise = self._noise(state.known.noise, fresh.known.noise)
        slow = tuple((int(self._to[n]), time_ns) for n, time_ns in state.known.slow if self._to[n] >= 0)
        known = Known(kept, self._masks(seen[~lost]), noise, state.known.movers, state.known.outages, slow)
        return TrackerState(known), ended

    def hand_overs(self, given: Sequence[HandOver]) -> tuple[list[HandOver], list[Track]]:
        """Hand-overs that are under way under the new numbers, and the tracks that end by it."""
        out: list[HandOver] = []
        ended: list[Track] = []
        for each in given:
            if self.same or each.line != self._line.id:
                out.append(each)
                continue
            row = np.frombuffer(each.state[: TRACK.itemsize], dtype=TRACK).copy()
            if not self._lost(row).any():
                seen = np.frombuffer(each.state[TRACK.itemsize :], dtype=np.uint64).reshape(1, -1)
                self._renumber(row)
                state = row.tobytes() + self._masks(seen).tobytes()
                out.append(msgspec.structs.replace(each, state=state))
            elif each.track.section == each.to_section:
                ended.append(msgspec.structs.replace(each.track, state="ended", ended_reason=REASON))
        return out, ended

    def _lost(self, rows: NDArray[Any]) -> NDArray[np.bool_]:
        lost: NDArray[np.bool_] = (self._to[rows["first_sensor"]] < 0) | (self._to[rows["last_sensor"]] < 0)
        return lost

    def _renumber(self, rows: NDArray[Any]) -> None:
        for field in ("first_sensor", "last_sensor"):
            rows[field] = self._to[rows[field]]

    def _masks(self, seen: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """(n, words) masks of the sensors that are still there."""
        bits = (seen[:, :, None] >> _BITS & np.uint64(1)).reshape(len(seen), 64 * self._old.words)[:, : len(self._to)]
        out = np.zeros((len(seen), self._new.words * 64), dtype=np.uint64)
        out[:, self._to[self._to >= 0]] = bits[:, self._to >= 0]
        masks: NDArray[np.uint64] = (out.reshape(len(seen), self._new.words, 64) << _BITS).sum(axis=2, dtype=np.uint64)
        return masks

    def _noise(self, learnt: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
        """The learnt noise of the kinds that were there before; what is usual of the others."""
        old, new = self._kinds
        noise = usual.copy()
        for number, kind in enumerate(new):
            if kind in old:
                noise[number] = learnt[old.index(kind)]
        noise[-1] = learnt[-1]
        return noise
