"""What goes wrong: reports that are lost, shifted or late, and what sensors say of their own health."""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.records import Health
from linewatch.simulate.columns import Reports
from linewatch.simulate.instruments import Instruments
from linewatch.simulate.scene import Fault, Scene
from linewatch.simulate.streams import stream
from linewatch.site.model import Site

Floats = NDArray[np.float64]
_SILENCING: Final = ("dead", "dazzle", "cut")
_NOTICED_AFTER_S: Final = 0.5


def silenced(fault: Fault, sensor: NDArray[np.bool_], chainage_m: Floats, time_s: Floats) -> NDArray[np.bool_]:
    """Which reports (of sensors that the fault concerns) cannot be: their sensor is dead, blinded, or beyond a cut.

    A fibre is lit from its lower end: what lies beyond a cut is dark.
    """
    if fault.kind not in _SILENCING:
        return np.zeros(len(time_s), dtype=bool)
    gone = sensor & (time_s >= fault.from_s) & (time_s < fault.to_s)
    return gone & (chainage_m >= fault.stretch_m[0]) if fault.kind == "cut" else gone


def suffer(reports: Reports, faults: tuple[Fault, ...], instruments: Instruments, seed: int, chunk: int) -> Reports:
    """What is left of the reports of a chunk, each with the time that its sensor states and the time it arrives."""
    for fault in faults:
        if not len(reports):
            break
        numbers = instruments.numbers(fault.sensors)
        concerned = np.isin(reports.sensor, numbers)
        during = concerned & (reports.time_s >= fault.from_s) & (reports.time_s < fault.to_s)
        if not during.any():
            continue
        if fault.kind == "loss":
            lost = stream(seed, "loss", fault.name, chunk).random(len(reports)) < fault.amount
            reports = reports.take(~(during & lost))
        elif fault.kind == "skew":
            reports = msgspec.structs.replace(reports, time_s=reports.time_s + during * fault.amount)
        elif fault.kind == "late":
            wait_s = stream(seed, "late", fault.name, chunk).uniform(0.3, 1.0, len(reports)) * fault.amount
            reports = msgspec.structs.replace(reports, due_s=reports.due_s + during * wait_s)
        else:
            reports = reports.take(~silenced(fault, concerned, reports.chainage_m, reports.time_s))
    return reports


def own_words(scene: Scene, site: Site, line: str, from_s: float, to_s: float) -> list[Health]:
    """What sensors say of themselves within an interval: blinded, a fibre that ends, and when it is over."""
    out = []
    for fault in scene.faults:
        if fault.line != line or fault.kind not in ("dazzle", "cut"):
            continue
        for sensor in fault.sensors:
            begin_s, end_s = fault.from_s + _NOTICED_AFTER_S, fault.to_s + _NOTICED_AFTER_S
            if from_s <= begin_s < to_s:
                out.append(_finding(scene, site, fault, sensor, begin_s))
            if from_s <= end_s < to_s and fault.to_s < scene.duration_s:
                text = "sees again" if fault.kind == "dazzle" else "the whole fibre answers again"
                out.append(Health(line, sensor, _ns(scene, end_s), "recovered", "ok", text))
    return out


def _finding(scene: Scene, site: Site, fault: Fault, sensor_id: str, time_s: float) -> Health:
    time_ns = _ns(scene, time_s)
    if fault.kind == "dazzle":
        text = "a bright source shines into the lens; nothing can be seen"
        return Health(fault.line, sensor_id, time_ns, "dazzled", "failed", text)
    sensor = site.sensor(sensor_id)
    centres_m = sensor.channel_centres_m() if sensor.is_span else np.zeros(1)
    dark = np.flatnonzero(centres_m >= fault.stretch_m[0])
    text = f"no light comes back from beyond {fault.stretch_m[0]:.0f} m"
    return Health(
        fault.line,
        sensor_id,
        time_ns,
        "fibre_cut",
        "failed",
        text,
        first_channel=int(dark.min()) if len(dark) else None,
        last_channel=int(dark.max()) if len(dark) else None,
    )


def heartbeats(scene: Scene, site: Site, line: str, from_s: float, to_s: float) -> list[Health]:
    """A sign of life twice in every interval that a sensor may be silent for, unless a fault holds it."""
    dead = {
        sensor: [(f.from_s, f.to_s) for f in scene.faults if f.kind == "dead" and sensor in f.sensors]
        for fault in scene.faults
        if fault.kind == "dead"
        for sensor in fault.sensors
    }
    out = []
    for number, sensor in enumerate(site.sensors):
        if sensor.line != line or sensor.heartbeat_s is None or sensor.state != "in_service":
            continue
        period_s = sensor.heartbeat_s / 2.0
        phase_s = (number * 0.618034 % 1.0) * period_s
        first = int(np.ceil((from_s - phase_s) / period_s - 1e-9))
        last = int(np.ceil((to_s - phase_s) / period_s - 1e-9))
        for beat in range(first, last):
            time_s = phase_s + beat * period_s
            if time_s >= 0.0 and not any(a <= time_s < b for a, b in dead.get(sensor.id, ())):
                out.append(Health(line, sensor.id, _ns(scene, time_s), "heartbeat", "ok", "alive"))
    return out


def _ns(scene: Scene, time_s: float) -> int:
    return scene.start_ns + round(time_s * 1e6) * 1_000
