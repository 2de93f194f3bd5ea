"""Where the next sensors do most, and what it costs to take one away.

The worth of a set of sensors is the sum over metres of weight times min(Pd, target): expected watched metres, without
credit for being surer than asked. Pd is the probability of a union of events ("sensor i notices"), so it is monotone
and submodular in the set, whatever couples the events; capping and weighted sums keep that. Hence

- with equal costs, greedy choice reaches at least 1 - 1/e (63 %) of the best set of that size (Nemhauser, Wolsey and
  Fisher, Mathematical Programming 14 (1978) 265);
- with unequal costs, the better of greedy by gain and greedy by gain per cost reaches at least half of that, 31 %
  (Leskovec et al., KDD 2007);
- gains only fall as sensors are added, so a gain once computed bounds the later one, and few need computing again
  (lazy greedy: Minoux 1978). The same bounds say afterwards how far this very plan can be from the best: that number
  is reported, and is usually far better than the guarantees.
"""

import heapq
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import SensorKind
from linewatch.site.catalogue import CATALOGUE, Offer, candidates_of
from linewatch.site.condition import Condition
from linewatch.site.gaps import NOT_WATCHED_BELOW, metres_below, place_near
from linewatch.site.grid import Stretch
from linewatch.site.pd_field import PdField
from linewatch.site.performance import FAMILIES, WATCHED, Watched, family_of
from linewatch.site.reach import reach_of_sensors
from linewatch.site.sensing import Sensing
from linewatch.site.single_failure import Failure, single_failures

Floats = NDArray[np.float64]

GREEDY_BOUND: Final = 1.0 - float(np.exp(-1.0))
"""Share of the best possible worth that greedy choice reaches at equal costs."""
_LEAST_GAIN: Final = 1e-6  # weighted metres; less is rounding
_MOST: Final = 10_000


class Placement(msgspec.Struct, frozen=True):
    """One sensor of a plan, in the order in which they do most."""

    sensor: str
    """Id of the candidate: offer and chainage."""
    kind: SensorKind
    """What it is."""
    at_m: float
    """Where it goes."""
    place: str
    """Nearest place."""
    cost: float
    """Its cost."""
    gain_m: float
    """Expected watched metres (weighted) that it adds to what came before."""
    newly_watched_m: float
    """Metres whose Pd it lifts over the threshold of being watched."""
    total_cost: float
    """Cost up to here."""


class Plan(msgspec.Struct, frozen=True):
    """Where the next sensors do most."""

    line: str
    """The line."""
    mover: Watched
    """For whom."""
    target_pd: float
    """Pd above which more is worth nothing."""
    budget: float | None
    """What it could cost; None where it was to reach the target."""
    placements: tuple[Placement, ...]
    """The sensors, best first."""
    cost: float
    """What they cost together."""
    gain_m: float
    """Expected watched metres (weighted) that they add together."""
    not_watched_before_m: float
    """Metres not watched before."""
    not_watched_after_m: float
    """Metres not watched with them."""
    below_target_before_m: float
    """Metres under the target before."""
    below_target_after_m: float
    """Metres under the target with them."""
    guarantee_fraction: float
    """Share of the best possible gain at this cost that greedy choice is known to reach in the worst case."""
    proved_fraction: float
    """Share that this plan reaches for certain, from the gains left over at its end."""
    candidates: int
    """How many were tried."""


def plan(
    field: PdField,
    *,
    budget: float | None = None,
    target_pd: float = 0.9,
    offers: Sequence[Offer] = CATALOGUE,
    mover: Watched = "person_walking",
    weight: Floats | None = None,
    below: float = NOT_WATCHED_BELOW,
) -> Plan:
    """Choose sensors for a line under the condition that the field holds (plan for a storm by giving it one).

    With a budget, as much as it buys; without, until every metre that the offers can help has the target. `weight` is
    (steps,), for instance crossings per metre and day; without it every metre counts as 1. Raises `ValueError` on a
    budget or target that makes no sense, or a weight of another shape.
    """
    if not 0.0 < target_pd <= 1.0 or (budget is not None and budget <= 0.0):
        raise ValueError(f"target_pd is {target_pd:g} and budget {budget}; allowed: 0 < target <= 1, budget above 0")
    if weight is not None and weight.shape != (field.grid.steps,):
        raise ValueError(f"weight has shape {weight.shape}; allowed: ({field.grid.steps},), one for each step")
    candidates = _Candidates(field, offers)
    worth = field.widths_m if weight is None else weight * field.widths_m
    ledgers = [_Ledger(field, candidates, mover, target_pd, worth) for _ in _orders(offers)]
    first = [ledgers[0].gain(number) for number in range(len(candidates.cost))]
    for ledger, order in zip(ledgers, _orders(offers), strict=True):
        _choose(ledger, first, budget, order)
    best = max(ledgers, key=lambda ledger: ledger.gained)
    even = len({offer.cost for offer in offers}) <= 1
    return Plan(
        line=field.line.id,
        mover=mover,
        target_pd=target_pd,
        budget=budget,
        placements=tuple(best.placements(below)),
        cost=best.spent,
        gain_m=best.gained,
        not_watched_before_m=metres_below(field, best.pd_before, (0, field.grid.steps), below),
        not_watched_after_m=metres_below(field, best.pd(), (0, field.grid.steps), below),
        below_target_before_m=metres_below(field, best.pd_before, (0, field.grid.steps), target_pd),
        below_target_after_m=metres_below(field, best.pd(), (0, field.grid.steps), target_pd),
        guarantee_fraction=GREEDY_BOUND if even else GREEDY_BOUND / 2.0,
        proved_fraction=best.proved(budget if budget is not None else best.spent),
        candidates=len(candidates.sensing.ends),
    )


def plan_json(made: Plan) -> dict[str, Any]:
    """A plan as plain values, ready for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(made)
    return plain


def removal_costs(
    field: PdField, mover: Watched = "person_walking", below: float = NOT_WATCHED_BELOW
) -> tuple[Failure, ...]:
    """What it costs to take away each sensor, and all that hangs on each cabinet, feed or switch; dearest first."""
    every = single_failures(field, mover, below, sensors=True)
    return tuple(each for each in every if each.kind not in ("fibre_cut", "trench_cut"))


# ------------------------------------------------------------------------------------------------------------ choice


class _Candidates:
    """What could be placed, and what each would miss."""

    def __init__(self, field: PdField, offers: Sequence[Offer]) -> None:
        sensors, of = candidates_of(field.line, offers)
        cost = {sensor.id: offer.cost for sensor, offer in zip(sensors, of, strict=True)}
        reach = reach_of_sensors(sensors, field.line, field.grid)
        self.sensing = Sensing(field.line, field.grid, reach)
        held = field.condition
        self.sensing.settle(Condition(weather=held.weather, light_fraction=held.light_fraction))
        self.cost = [cost[sensor.id] for sensor in reach.sensors]
        self.family = [FAMILIES.index(family_of(sensor)) for sensor in reach.sensors]

    def miss(self, number: int, row: int) -> Floats:
        miss = self.sensing.miss_of(number, self.sensing.ends[number])
        assert miss is not None  # candidates have no outages
        own: Floats = miss[row].astype(np.float64)
        return own


class _Ledger:
    """A set of chosen candidates, what it is worth, and what each other one would add."""

    def __init__(
        self, field: PdField, candidates: _Candidates, mover: Watched, target_pd: float, worth: Floats
    ) -> None:
        self.candidates = candidates
        self._field, self._row, self._target = field, WATCHED.index(mover), target_pd
        self._worth = worth
        everywhere = (0, field.grid.steps)
        self._every, self._best = _parts_of(field, self._row)
        self._beta = np.array(
            [field.sensing.beta(family, everywhere) for family in range(len(FAMILIES))], dtype=np.float64
        )
        self._family = self._beta * self._best + (1.0 - self._beta) * self._every
        self.pd_before = field.pd(mover)
        # Where a walk test speaks, a new sensor takes its share of what the tested line still misses.
        self._scale = (1.0 - self.pd_before) / np.maximum(np.prod(self._family, axis=0), 1e-300)
        self.bounds: dict[int, float] = {}
        self.gained, self.spent = 0.0, 0.0
        self._chosen: list[tuple[int, float, Floats, Floats]] = []

    def pd(self) -> Floats:
        pd: Floats = 1.0 - self._scale * np.prod(self._family, axis=0)
        return pd

    def gain(self, number: int) -> float:
        """What a candidate would add now."""
        (low, high), now, then, _ = self._with(number)
        capped = np.minimum(then, self._target) - np.minimum(now, self._target)
        return float((capped * self._worth[low:high]).sum())

    def take(self, number: int, gain: float) -> None:
        (low, high), now, then, (family, every, best) = self._with(number)
        self._every[family, low:high], self._best[family, low:high] = every, best
        beta = self._beta[family, low:high]
        self._family[family, low:high] = beta * best + (1.0 - beta) * every
        self._chosen.append((number, gain, now, then))
        self.gained += gain
        self.spent += self.candidates.cost[number]

    def _with(self, number: int) -> tuple[Stretch, Floats, Floats, tuple[int, Floats, Floats]]:
        low, high = self.candidates.sensing.ends[number]
        family, miss = self.candidates.family[number], self.candidates.miss(number, self._row)
        every = self._every[family, low:high] * miss
        best = np.minimum(self._best[family, low:high], miss)
        beta = self._beta[family, low:high]
        others = self._scale[low:high].copy()
        for other in range(len(FAMILIES)):
            if other != family:
                others *= self._family[other, low:high]
        now = 1.0 - others * self._family[family, low:high]
        then = 1.0 - others * (beta * best + (1.0 - beta) * every)
        return (low, high), now, then, (family, every, best)

    def proved(self, budget: float) -> float:
        """Share of the best possible gain at a cost: the best set adds no more than what its members add one by one.

        So it gains at most this plan's gain and, filled up to the budget in order of gain per cost, the gains that are
        left (the online bound of Leskovec et al. 2007). A gain computed earlier bounds the one of now from above.
        """
        taken = {number for number, *_ in self._chosen}
        cost = self.candidates.cost
        left = [(gain / cost[n], cost[n]) for n, gain in self.bounds.items() if n not in taken and gain > 0.0]
        more, room = 0.0, budget
        for per_cost, each in sorted(left, reverse=True):
            part = min(each, room)
            more += per_cost * part
            room -= part
            if room <= 0.0:
                break
        return self.gained / (self.gained + more) if self.gained + more > 0.0 else 1.0

    def placements(self, below: float) -> list[Placement]:
        out, total = [], 0.0
        for number, gain, now, then in self._chosen:
            sensor = self.candidates.sensing.reach.sensors[number]
            low, high = self.candidates.sensing.ends[number]
            at_m = sensor.at_m if sensor.at_m is not None else 0.0
            total += self.candidates.cost[number]
            lifted = (now < below) & (then >= below)
            out.append(
                Placement(
                    sensor=sensor.id,
                    kind=sensor.kind,
                    at_m=at_m,
                    place=place_near(self._field, at_m),
                    cost=self.candidates.cost[number],
                    gain_m=gain,
                    newly_watched_m=float(self._field.widths_m[low:high][lifted].sum()),
                    total_cost=total,
                )
            )
        return out


def _parts_of(field: PdField, row: int) -> tuple[Floats, Floats]:
    """(families, steps) product and least of what the sensors of each family miss."""
    every = np.ones((len(FAMILIES), field.grid.steps))
    best = np.ones_like(every)
    for family in range(len(FAMILIES)):
        for number in field.sensing.reaching(family, (0, field.grid.steps)):
            ends = field.sensing.ends[number]
            miss = field.sensing.miss_of(number, ends)
            if miss is not None:
                here = slice(*ends)
                every[family, here] *= miss[row]
                np.minimum(best[family, here], miss[row], out=best[family, here])
    return every, best


Order = Callable[[float, float], float]
"""Rank of a candidate by its gain and cost."""


def _orders(offers: Sequence[Offer]) -> list[Order]:
    if len({offer.cost for offer in offers}) <= 1:
        return [lambda gain, _: gain]
    return [lambda gain, cost: gain / cost, lambda gain, _: gain]


def _choose(ledger: _Ledger, first: Sequence[float], budget: float | None, order: Order) -> None:
    """Lazy greedy: the gains in the heap are upper bounds; one that is fresh and still first is the largest.

    `first` are the gains of all candidates before any is chosen.
    """
    cost = ledger.candidates.cost
    ledger.bounds = dict(enumerate(first))
    heap = [(-order(gain, cost[number]), number, 0) for number, gain in enumerate(first) if gain > _LEAST_GAIN]
    heapq.heapify(heap)
    taken = 0
    while heap and taken < _MOST:
        _, number, fresh = heapq.heappop(heap)
        if budget is not None and ledger.spent + cost[number] > budget + 1e-9:
            continue
        if fresh == taken:
            ledger.take(number, ledger.bounds[number])
            taken += 1
            continue
        ledger.bounds[number] = gain = ledger.gain(number)
        if gain > _LEAST_GAIN:
            heapq.heappush(heap, (-order(gain, cost[number]), number, taken))
