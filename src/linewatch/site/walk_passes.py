"""Passes of a walk test against what was felt: each is found, or not, by a rule of time and place."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Detections, Incident

_NS_PER_S: Final = 1_000_000_000


class Pass(msgspec.Struct, frozen=True):
    """Somebody crossed the line on purpose."""

    time_ns: int
    """When the line was crossed."""
    chainage_m: float
    """Where."""


class PassGates(msgspec.Struct, frozen=True):
    """How far a detection may be from a pass and still be of it."""

    before_s: float = 10.0
    """Longest time before the crossing: sensors feel people who come near."""
    after_s: float = 10.0
    """Longest time after it."""
    place_m: float = 25.0
    """Longest distance of a detection's place from the pass, beyond two of its own standard deviations."""
    least_probability: float = 0.5
    """Detections that are less sure of themselves do not count."""
    control_s: float = 60.0
    """Distance in time of the two moments beside each pass at which nobody crossed, to see what chance finds."""


class PassScore(msgspec.Struct, frozen=True):
    """How many of the passes were found, by whom, and how many chance would have found."""

    found: tuple[bool, ...]
    """For each pass whether a detection is of it."""
    incidents: tuple[str, ...]
    """Ids of the incidents that rose at the time and place of a pass, each once, sorted."""
    raised: tuple[bool, ...]
    """For each pass whether an incident rose, or was raised already, there and then."""
    controls: int
    """Moments at which nobody crossed that were asked the same."""
    controls_found: int
    """How many of them a detection would have been of."""


def score_passes(
    passes: Sequence[Pass],
    line: str,
    detections: Sequence[Detections],
    incidents: Sequence[Incident],
    gates: PassGates | None = None,
) -> PassScore:
    """Ask of each pass whether a detection, and whether an incident, is of it.

    Moments beside a pass that lie within the gates of another pass are no controls: somebody did cross.
    """
    gates = gates or PassGates()
    felt = [batch for batch in detections if batch.line == line and len(batch)]
    columns = _columns(felt)
    found = tuple(_felt(one, columns, gates) for one in passes)
    shift_ns = round(gates.control_s * _NS_PER_S)
    moments = [msgspec.structs.replace(p, time_ns=p.time_ns + sign * shift_ns) for p in passes for sign in (-1, 1)]
    controls = [m for m in moments if not any(_near(m, p, gates) for p in passes)]
    of = [[i for i in incidents if i.line == line and _is_of(i, one, gates)] for one in passes]
    return PassScore(
        found=found,
        incidents=tuple(sorted({incident.id for each in of for incident in each})),
        raised=tuple(bool(each) for each in of),
        controls=len(controls),
        controls_found=sum(_felt(moment, columns, gates) for moment in controls),
    )


_Columns = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _columns(felt: Sequence[Detections]) -> _Columns:
    """Time, place, its deviation and probability of all detections."""
    names = ("time_ns", "chainage_m", "chainage_sigma_m", "probability")
    if not felt:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0)
    time_ns, chainage_m, sigma_m, probability = (np.concatenate([getattr(b, name) for b in felt]) for name in names)
    return time_ns, chainage_m, sigma_m, probability


def _felt(one: Pass, columns: _Columns, gates: PassGates) -> bool:
    time_ns, chainage_m, sigma_m, probability = columns
    since_s = (time_ns - one.time_ns) / _NS_PER_S
    timely = (since_s >= -gates.before_s) & (since_s <= gates.after_s)
    near = np.abs(chainage_m - one.chainage_m) <= gates.place_m + 2.0 * sigma_m
    return bool((timely & near & (probability >= gates.least_probability)).any())


def _near(moment: Pass, other: Pass, gates: PassGates) -> bool:
    apart_s = abs(moment.time_ns - other.time_ns) / _NS_PER_S
    return apart_s <= gates.before_s + gates.after_s and abs(moment.chainage_m - other.chainage_m) <= 2 * gates.place_m


def _is_of(incident: Incident, one: Pass, gates: PassGates) -> bool:
    begin_ns = one.time_ns - round(gates.before_s * _NS_PER_S)
    end_ns = one.time_ns + round(gates.after_s * _NS_PER_S)
    stands = incident.raised_ns <= end_ns and (incident.updated_ns >= begin_ns)
    place_m = gates.place_m + 2.0 * incident.chainage_sigma_m
    here = incident.from_m - place_m <= one.chainage_m <= incident.to_m + place_m
    return stands and here and incident.concern not in ("outage", "seat", "tamper", "blinded")
