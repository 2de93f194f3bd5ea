"""Which metres of a line are watched right now, how well, on what basis, and why.

`pd_field` holds the model and its numbers; what is asked of them in words stands here.
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.site.condition import Condition, Mask, RaisedFloor, in_force
from linewatch.site.explain import MetreView, basis_of, explain
from linewatch.site.gaps import (
    JOIN_FRACTION,
    NOT_WATCHED_BELOW,
    WEAK_BELOW,
    Cluster,
    Gap,
    Thresholds,
    WeakestKilometre,
    clusters_of,
    gaps_of,
    longest_first,
    metres_below,
    weakest_kilometre,
)
from linewatch.site.pd_field import PdField
from linewatch.site.performance import FAMILIES, WATCHED, Watched, family_of

__all__ = [
    "NOT_WATCHED_BELOW",
    "WATCHED",
    "WEAK_BELOW",
    "Cluster",
    "Condition",
    "Coverage",
    "CoverageSnapshot",
    "Gap",
    "Mask",
    "RaisedFloor",
    "Thresholds",
    "Watched",
    "WeakestKilometre",
    "in_force",
]

Floats = NDArray[np.float64]

PROFILE_STEP_M: Final = 100.0
"""Step of the profile in the JSON: the least Pd within each."""
_MOST_CLUSTERS: Final = 20
ASSUMPTIONS: Final = (
    "Pd is the probability that at least one sensor notices one crossing, square to the line, by one mover",
    "where no walk test is named, Pd rests on assumed performance models",
    "given the weather, families of sensors miss independently; within a family a common-cause share misses as one",
    "around each sensor the line is taken to be straight; terrain shadow is only in the losses of the terrain class",
)


class CoverageSnapshot(msgspec.Struct, frozen=True, tag="coverage_snapshot"):
    """The coverage of one line at one time, small enough to travel: what a tracker may expect to be seen where."""

    line: str
    """Line concerned."""
    time_ns: int
    """When it held."""
    step_m: float
    """Length of a step; step i covers chainages from i to i + 1 times this."""
    pd: dict[Watched, bytes]
    """One byte for each step, by mover: Pd in 255ths, rounded down, so that it never claims more than is known."""

    def pd_of(self, mover: Watched) -> Floats:
        """(steps,) Pd along the line. Raises `KeyError` on a mover that it does not hold."""
        return np.frombuffer(self.pd[mover], dtype=np.uint8) / 255.0

    def at(self, chainage_m: Floats, mover: Watched) -> Floats:
        """Pd at these chainages, in the same shape; points beyond the ends have that of the end."""
        pd = self.pd_of(mover)
        step = np.clip(np.floor_divide(chainage_m, self.step_m), 0, len(pd) - 1).astype(np.int64)
        return pd[step]


class Coverage(PdField):
    """The coverage of one line, with answers to what people ask of it."""

    def at(self, chainage_m: float) -> MetreView:
        """Why the metre at a chainage is watched as it is: every sensor that reaches it, and the basis of its Pd."""
        return explain(self, chainage_m)

    def gaps(self, mover: Watched = "person_walking", thresholds: Thresholds | None = None) -> tuple[Gap, ...]:
        """Stretches that are not watched, or weak, by chainage; the 100 longest say why."""
        return gaps_of(self, mover, thresholds or Thresholds())

    def clusters(
        self, mover: Watched = "person_walking", thresholds: Thresholds | None = None, *, most: int = 20
    ) -> tuple[Cluster, ...]:
        """The worst clusters of gaps: those not watched before the weak, by the metres they sum to."""
        return clusters_of(self, self.gaps(mover, thresholds), JOIN_FRACTION * self.line.length_m, most)

    def weakest_kilometre(
        self, mover: Watched = "person_walking", thresholds: Thresholds | None = None
    ) -> WeakestKilometre:
        """The kilometre with the least mean Pd."""
        return weakest_kilometre(self, mover, thresholds or Thresholds())

    def not_watched_m(self, mover: Watched = "person_walking", below: float = NOT_WATCHED_BELOW) -> float:
        """Metres of the line whose Pd is lower than a threshold."""
        return metres_below(self, self.pd(mover), (0, self.grid.steps), below)

    def snapshot(self, time_ns: int, step_m: float | None = None) -> CoverageSnapshot:
        """The coverage as a record. A longer step (a whole multiple of the coverage's) holds the least Pd within it.

        Raises `ValueError` on a step that is no multiple.
        """
        starts, length_m = self._coarse(self.grid.step_m if step_m is None else step_m)
        pd = {
            mover: np.floor(np.minimum.reduceat(self.pd(mover), starts) * 255.0).astype(np.uint8).tobytes()
            for mover in WATCHED
        }
        return CoverageSnapshot(self.line.id, time_ns, length_m, pd)

    def to_json(self, thresholds: Thresholds | None = None) -> dict[str, Any]:
        """Everything above as plain values, ready for JSON; Pd as the least within each 100 m."""
        limits = thresholds or Thresholds()
        starts, profile_m = self._coarse(max(self.grid.step_m, PROFILE_STEP_M))
        return {
            "site": self.site.name,
            "line": self.line.id,
            "length_m": self.line.length_m,
            "step_m": self.grid.step_m,
            "thresholds": msgspec.to_builtins(limits),
            "profile_step_m": profile_m,
            "movers": {mover: self._mover_json(mover, limits, starts) for mover in WATCHED},
            "sections": self._sections_json(limits),
            "sensors": self._sensors_json(),
            "walk_tests": [
                {
                    **msgspec.to_builtins(basis_of(self, each)),
                    "mover": each.mover,
                    "from_m": each.test.from_m,
                    "to_m": each.test.to_m,
                    "pd": each.pd_fraction,
                }
                for each in self.measured
            ],
            "unused_walk_tests": [msgspec.to_builtins(each) for each in self.unused_walk_tests],
            "condition": self._condition_json(),
            "assumptions": list(ASSUMPTIONS),
        }

    # ------------------------------------------------------------------------------------------------- in parts

    def _coarse(self, step_m: float) -> tuple[NDArray[np.int64], float]:
        """First steps of coarser ones, and the length of these."""
        many = round(step_m / self.grid.step_m)
        if many < 1 or abs(many * self.grid.step_m - step_m) > 1e-9:
            raise ValueError(f"step_m is {step_m:g}; allowed are whole multiples of {self.grid.step_m:g}")
        return np.arange(0, self.grid.steps, many), many * self.grid.step_m

    def _mover_json(self, mover: Watched, thresholds: Thresholds, starts: NDArray[np.int64]) -> dict[str, Any]:
        pd, everywhere = self.pd(mover), (0, self.grid.steps)
        gaps = gaps_of(self, mover, thresholds)
        not_watched_m = metres_below(self, pd, everywhere, thresholds.not_watched_below)
        weak_m = metres_below(self, pd, everywhere, thresholds.weak_below) - not_watched_m
        return {
            "mean_pd": float(np.average(pd, weights=self.widths_m)),
            "watched_m": self.line.length_m - not_watched_m - weak_m,
            "weak_m": weak_m,
            "not_watched_m": not_watched_m,
            "walk_tested_m": self._tested_m(mover),
            "weakest_kilometre": msgspec.to_builtins(weakest_kilometre(self, mover, thresholds)),
            "gaps": [msgspec.to_builtins(gap) for gap in longest_first(gaps) if gap.state == "not_watched"],
            "clusters": [
                msgspec.to_builtins(each)
                for each in clusters_of(self, gaps, JOIN_FRACTION * self.line.length_m, _MOST_CLUSTERS)
            ],
            "weak_stretches": sum(gap.state == "weak" for gap in gaps),
            "longest_weak": [msgspec.to_builtins(gap) for gap in longest_first(gaps) if gap.state == "weak"][:20],
            "profile_pd": np.round(np.minimum.reduceat(pd, starts), 4).tolist(),
        }

    def _tested_m(self, mover: Watched) -> float:
        tested = np.zeros(self.grid.steps, dtype=bool)
        for each in self.measured:
            if each.mover == mover:
                tested[slice(*each.stretch)] = True
        return float(self.widths_m[tested].sum())

    def _sections_json(self, thresholds: Thresholds) -> list[dict[str, Any]]:
        out = []
        for section in self.line.sections:
            part = self.grid.between(section.from_m, section.to_m)
            by_mover = {mover: self.pd_between(part, mover) for mover in WATCHED}
            out.append(
                {
                    "name": section.name,
                    "from_m": section.from_m,
                    "to_m": section.to_m,
                    "terrain": section.terrain,
                    "mean_pd": {mover: float(pd.mean()) if len(pd) else None for mover, pd in by_mover.items()},
                    "not_watched_m": {
                        mover: metres_below(self, pd, part, thresholds.not_watched_below)
                        for mover, pd in by_mover.items()
                    },
                }
            )
        return out

    def _sensors_json(self) -> dict[str, Any]:
        reach = self.sensing.reach
        in_service = [sensor for sensor in reach.sensors if sensor.state == "in_service"]
        return {
            "counted": {family: sum(family_of(sensor) == family for sensor in in_service) for family in FAMILIES},
            "not_in_service": sorted(sensor.id for sensor in reach.sensors if sensor.state != "in_service"),
            "reach_nothing": sorted(sensor.id for sensor in reach.idle),
        }

    def _condition_json(self) -> dict[str, Any]:
        held: dict[str, tuple[msgspec.Struct, ...]] = {
            "outages": self.condition.outages,
            "weather": self.condition.weather,
            "raised_floors": self.condition.floors,
            "masks": self.condition.masks,
        }
        return {
            **{name: [msgspec.to_builtins(each) for each in matters] for name, matters in held.items()},
            "light_fraction": self.condition.light_fraction,
            "unknown_sensors": list(self.sensing.unknown),
        }
