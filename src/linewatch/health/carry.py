"""Carry over: what is known of sensors, taken along when some of them are added, moved or taken out."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.health.skew import Lags
from linewatch.health.state import HealthState, closed
from linewatch.health.unexplained import HINT
from linewatch.records import Record
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor


def carried(
    state: HealthState, fresh: HealthState, before: Site, after: Site, time_ns: int
) -> tuple[HealthState, list[Record]]:
    """The state under the new order of sensors, and the outages that end with the places that they spoke of.

    What is still the matter with a sensor that only stands elsewhere now is found again, at its new place. `fresh` is
    the state of the new step before any input.
    """
    numbers = {sensor.id: number for number, sensor in enumerate(before.sensors)}
    pairs = [(numbers[s.id], new) for new, s in enumerate(after.sensors) if s.id in numbers]
    old, new = (
        (np.array(column, dtype=np.int64) for column in zip(*pairs, strict=True)) if pairs else (_none(), _none())
    )

    def along(was: NDArray[Any], now: NDArray[Any]) -> NDArray[Any]:
        out = now.copy()
        out[new] = was[old]
        return out

    lags = Lags(*(along(getattr(state.lags, n), getattr(fresh.lags, n)) for n in Lags.__struct_fields__))
    out = msgspec.structs.replace(
        state,
        last_life_ns=along(state.last_life_ns, fresh.last_life_ns),
        streams=along(state.streams, fresh.streams),
        lags=lags,
        open=dict(state.open),
        back_ns=dict(state.back_ns),
        repaired_ns=dict(state.repaired_ns),
        assigned=dict(state.assigned),
        hushed=dict(state.hushed),
        corrections={name: each for name, each in state.corrections.items() if not _is_elsewhere(before, after, name)},
        sights={name: sight for name, sight in state.sights.items() if after.has_sensor(name)},
    )
    records: list[Record] = []
    for about, outage in state.open.items():
        # A hint hangs on noise, not on a sensor, and ends with that.
        if HINT not in about and any(_is_elsewhere(before, after, name) for name in outage.sensors):
            records += closed(out, about, time_ns)
    return out, records


def _none() -> NDArray[np.int64]:
    return np.zeros(0, dtype=np.int64)


def _is_elsewhere(before: Site, after: Site, name: str) -> bool:
    """Whether a sensor is gone, another one, or in another place."""
    if not (before.has_sensor(name) and after.has_sensor(name)):
        return True
    return _place(before.sensor(name)) != _place(after.sensor(name))


def _place(sensor: Sensor) -> tuple[object, ...]:
    return (sensor.kind, sensor.line, sensor.channels, sensor.extent_m(), sensor.calibration, sensor.offset_m)
