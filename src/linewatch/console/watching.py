"""Which metres are watched now, kept up to date by outages and weather, one line at a time."""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from linewatch.console.live import Live
from linewatch.console.shapes import CoverageShape, GapShape, WeakestKm
from linewatch.records import Outage, Weather
from linewatch.site.coverage import Coverage
from linewatch.site.coverage_report import coverage_at, light_on
from linewatch.site.difference import Difference, differences
from linewatch.site.explain import MetreView
from linewatch.site.gaps import NOT_WATCHED_BELOW, longest_first
from linewatch.site.model import Site
from linewatch.site.performance import Watched
from linewatch.site.placing import Placement

MOST_GAPS: Final = 200
"""Gaps that are told of one by one, the longest first; their number is told beside them."""
_LIGHT_NS: Final = 300_000_000_000
"""Daylight is looked at anew so often."""
_Matters = tuple[tuple[Outage, ...], tuple[Weather, ...], int]


class Watching:
    """Coverage of each line. Computed in one thread at a time; asked from the event loop."""

    def __init__(self, site: Site, live: Live) -> None:
        self._site = site
        self._live = live
        self._coverage: dict[str, Coverage] = {}
        self._holds: dict[str, tuple[object, ...]] = {}
        self._lock = asyncio.Lock()

    async def coverage(
        self, line: str, mover: Watched, bins: int, stretch_m: tuple[float, float] | None = None
    ) -> CoverageShape:
        """How well each of `bins` equal parts of a stretch is watched; of the whole line where none is named."""
        async with self._lock:
            matters = self._matters()
            return await asyncio.to_thread(self._told, line, mover, bins, stretch_m, matters)

    async def metre(self, line: str, chainage_m: float) -> MetreView:
        """What reaches one metre."""
        async with self._lock:
            matters = self._matters()
            return await asyncio.to_thread(lambda: self._now(line, matters).at(chainage_m))

    async def difference(self, placements: Sequence[Placement]) -> tuple[Difference, ...]:
        """What another placing of sensors would change. Raises `InputError` on what cannot be."""
        async with self._lock:
            return await asyncio.to_thread(differences, self._site, placements)

    def _matters(self) -> _Matters:
        picture = self._live.picture
        return tuple(picture.outages.values()), tuple(picture.weather.values()), self._live.now_ns()

    def _now(self, line: str, matters: _Matters) -> Coverage:
        outages, weather, now_ns = matters
        holds = (outages, weather, now_ns // _LIGHT_NS)
        coverage = self._coverage.get(line)
        if coverage is None:
            coverage = coverage_at(self._site, line, outages=outages, weather=weather)
            self._coverage[line] = coverage
        if self._holds.get(line) != holds:
            coverage.update(outages=outages, weather=weather, light_fraction=light_on(coverage.line, now_ns))
            self._holds[line] = holds
        return coverage

    def _told(
        self, line: str, mover: Watched, bins: int, stretch_m: tuple[float, float] | None, matters: _Matters
    ) -> CoverageShape:
        coverage = self._now(line, matters)
        from_m, to_m = stretch_m or (0.0, coverage.line.length_m)
        low, high = coverage.grid.between(from_m, to_m)
        pd = coverage.pd_between((low, high), mover)
        starts = np.unique(np.linspace(0, len(pd), min(bins, len(pd)), endpoint=False).astype(np.int64))
        least = np.minimum.reduceat(pd, starts)
        gaps = longest_first([gap for gap in coverage.gaps(mover) if gap.state == "not_watched"])
        weakest = coverage.weakest_kilometre(mover)
        tested = any(each.mover == mover for each in coverage.measured)
        return CoverageShape(
            line=line,
            from_m=from_m,
            to_m=to_m,
            mover=mover,
            pd=np.round(least, 3).tolist(),
            watched=(least >= NOT_WATCHED_BELOW).tolist(),
            basis="walk tests where there are any, else assumed performance" if tested else "assumed performance",
            gaps=[GapShape(gap.from_m, gap.to_m, gap.why, gap.state) for gap in gaps[:MOST_GAPS]],
            gaps_total=len(gaps),
            weakest_km=WeakestKm(weakest.from_m, weakest.to_m, weakest.mean_pd, weakest.place),
            unwatched_m=coverage.not_watched_m(mover),
            version=self._live.coverage_version.get(line, 0),
        )
