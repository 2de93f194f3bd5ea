"""How each kind of sensor reports what it feels: how often, how exactly, and how well it tells movers and acts apart.

All of it is *assumed*, in the order of what makers claim and field tests found (docs/scenes.md has the table beside
its sources); a walk test or a recording can replace any of it.
"""

import math
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records.vocabulary import ACTS, MOVERS, SensorKind

Floats = NDArray[np.float64]


class Manner(msgspec.Struct, frozen=True):
    """One kind of sensor."""

    period_s: float
    """Time between two reports of one thing that goes on."""
    duration_s: float
    """Length of signal that a report rests on."""
    reach_m: float
    """How far it reaches where the site does not say."""
    resolution_m: float
    """Movers nearer than this to each other are one to it; infinite where it cannot count at all."""
    parts_max: int
    """Most parts into which it takes a group apart."""
    pd_walk: float
    """Share of people that it can notice at all (the rest walks in its dead ground)."""
    spread_db: float
    """Spread of strength from one report to the next."""
    false_per_day: float
    """False reports a day by a sensor of this kind, or by each kilometre of a span, in calm air."""
    sees_movers: bool
    """Whether it tells movers apart."""
    sees_acts: bool = False
    """Whether it tells acts apart."""


MANNERS: Final[dict[SensorKind, Manner]] = {
    "fibre_das": Manner(0.5, 0.5, 0.0, 10.0, 10_000, 0.97, 3.5, 6.0, sees_movers=True),
    "fibre_vibration": Manner(0.5, 0.5, 0.0, 3.0, 10_000, 0.98, 3.0, 4.0, sees_movers=True, sees_acts=True),
    "geophone": Manner(0.5, 0.5, 45.0, math.inf, 1, 0.97, 3.5, 2.0, sees_movers=True),
    "pir": Manner(3.0, 0.0, 20.0, math.inf, 1, 0.92, 3.0, 1.0, sees_movers=False),
    "microwave": Manner(1.0, 0.0, 60.0, math.inf, 1, 0.95, 3.0, 0.5, sees_movers=False),
    "radio_link": Manner(1.0, 1.0, 30.0, math.inf, 1, 0.93, 4.0, 2.0, sees_movers=False),
    "radar": Manner(1.0, 0.0, 1_500.0, 6.0, 60, 0.95, 3.0, 20.0, sees_movers=True),
    "camera": Manner(1.0, 0.2, 150.0, 3.0, 16, 0.95, 2.5, 2.0, sees_movers=True),
    "contact": Manner(2.0, 0.0, 2.0, math.inf, 1, 0.995, 1.0, 0.02, sees_movers=False),
}

# Rows: what it is; columns: what it is taken for; both in the order person, group, vehicle, animal, train, weather,
# unknown.
_GROUND: Final = (
    (0.76, 0.08, 0.01, 0.11, 0.00, 0.02, 0.02),
    (0.18, 0.70, 0.03, 0.04, 0.00, 0.02, 0.03),
    (0.01, 0.03, 0.88, 0.01, 0.04, 0.01, 0.02),
    (0.22, 0.04, 0.01, 0.66, 0.00, 0.04, 0.03),
    (0.00, 0.01, 0.08, 0.00, 0.90, 0.00, 0.01),
    (0.05, 0.03, 0.02, 0.05, 0.01, 0.76, 0.08),
    (0.12, 0.04, 0.02, 0.12, 0.01, 0.29, 0.40),
)
_FENCE: Final = (
    (0.84, 0.08, 0.00, 0.02, 0.00, 0.04, 0.02),
    (0.28, 0.64, 0.00, 0.01, 0.00, 0.04, 0.03),
    (0.10, 0.05, 0.70, 0.02, 0.02, 0.06, 0.05),
    (0.20, 0.02, 0.00, 0.66, 0.00, 0.08, 0.04),
    (0.02, 0.02, 0.10, 0.02, 0.70, 0.09, 0.05),
    (0.03, 0.02, 0.00, 0.02, 0.00, 0.88, 0.05),
    (0.12, 0.03, 0.01, 0.08, 0.01, 0.35, 0.40),
)
_RADAR: Final = (
    (0.80, 0.05, 0.01, 0.11, 0.00, 0.01, 0.02),
    (0.15, 0.78, 0.02, 0.03, 0.00, 0.00, 0.02),
    (0.01, 0.01, 0.95, 0.01, 0.01, 0.00, 0.01),
    (0.18, 0.04, 0.01, 0.72, 0.00, 0.02, 0.03),
    (0.00, 0.00, 0.06, 0.00, 0.93, 0.00, 0.01),
    (0.06, 0.02, 0.01, 0.08, 0.00, 0.75, 0.08),
    (0.10, 0.02, 0.02, 0.12, 0.00, 0.34, 0.40),
)
_CAMERA: Final = (
    (0.93, 0.03, 0.00, 0.03, 0.00, 0.00, 0.01),
    (0.10, 0.88, 0.00, 0.01, 0.00, 0.00, 0.01),
    (0.01, 0.00, 0.97, 0.00, 0.01, 0.00, 0.01),
    (0.06, 0.02, 0.00, 0.89, 0.00, 0.01, 0.02),
    (0.00, 0.00, 0.02, 0.00, 0.97, 0.00, 0.01),
    (0.04, 0.01, 0.02, 0.06, 0.00, 0.78, 0.09),
    (0.08, 0.01, 0.03, 0.10, 0.00, 0.38, 0.40),
)
# Rows and columns: none, climb, cut, saw, drill, shake, knock, dig.
_ACTS: Final = (
    (0.88, 0.02, 0.01, 0.01, 0.01, 0.04, 0.02, 0.01),
    (0.03, 0.80, 0.02, 0.01, 0.00, 0.10, 0.04, 0.00),
    (0.02, 0.04, 0.78, 0.05, 0.01, 0.03, 0.07, 0.00),
    (0.01, 0.02, 0.07, 0.75, 0.12, 0.02, 0.01, 0.00),
    (0.01, 0.00, 0.02, 0.10, 0.85, 0.01, 0.01, 0.00),
    (0.03, 0.10, 0.02, 0.01, 0.00, 0.80, 0.04, 0.00),
    (0.02, 0.05, 0.07, 0.01, 0.00, 0.05, 0.80, 0.00),
    (0.20, 0.02, 0.01, 0.01, 0.03, 0.02, 0.05, 0.66),
)


class Confusion(msgspec.Struct, frozen=True):
    """How one kind of sensor takes one thing for another."""

    cumulative: Floats
    """(true, taken for) cumulative shares of each row."""
    posterior: Floats
    """(taken for, true) probabilities that the sensor states, on the grain of the archive."""

    def taken_for(self, true: NDArray[np.int64], chance: Floats) -> NDArray[np.int64]:
        """(n,) what each is taken for, given a uniform chance of each."""
        taken: NDArray[np.int64] = (chance[:, None] > self.cumulative[true, :-1]).sum(axis=1)
        return taken


def _confusion(shares: tuple[tuple[float, ...], ...]) -> Confusion:
    """The shares made to add up to 1, and what Bayes' rule makes of them where all are equally common beforehand."""
    table = np.array(shares)
    table /= table.sum(axis=1, keepdims=True)
    posterior = table.T / table.T.sum(axis=1, keepdims=True)
    return Confusion(cumulative=table.cumsum(axis=1), posterior=np.rint(posterior * 255.0) / 255.0)


ACT_CONFUSION: Final = _confusion(_ACTS)
MOVER_CONFUSION: Final[dict[SensorKind, Confusion]] = {
    "fibre_das": _confusion(_GROUND),
    "fibre_vibration": _confusion(_FENCE),
    "geophone": _confusion(_GROUND),
    "radar": _confusion(_RADAR),
    "camera": _confusion(_CAMERA),
}
assert len(_GROUND) == len(MOVERS)
assert len(_ACTS) == len(ACTS)


def probability_of(strength_db: Floats) -> Floats:
    """How sure a sensor is that something was there, from the strength alone: it does not know what it was."""
    return 1.0 / (1.0 + np.exp(-(strength_db - 11.0) / 1.5))
