"""A scene as a source: it plays its scene again from any moment, byte for byte."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from linewatch.errors import InputError
from linewatch.plugins import Card
from linewatch.ports import Delivery, Item
from linewatch.records import Detections, Record, Truth, concatenate, order_of
from linewatch.simulate.columns import Ints
from linewatch.simulate.language import read_scene
from linewatch.simulate.scene import Scene
from linewatch.simulate.simulation import Simulation
from linewatch.simulate.truth import truth_of
from linewatch.site.model import Site

_SCHEMA: Final = "simulated-1"
"""Changes whenever the same scene and seed would give other records, so that a resumed replay notices."""


class _Waiting(msgspec.Struct):
    """Detections of one line that have been made and have not arrived yet."""

    batch: Detections
    """In order of arrival."""
    due_ns: Ints
    """When each arrives."""
    given: int
    """How many have been given."""


class SimulatedSource:
    """Gives what the sensors of a site would give while a scene plays. Satisfies `ports.Recording`."""

    def __init__(self, scene: Scene, site: Site, seed: int = 0, *, nuisance_factor: float = 1.0) -> None:
        self.simulation = Simulation(scene, site, seed, nuisance_factor)
        self.name = f"scene:{scene.name}"
        self.delivery: Delivery = "replayable"
        self.lateness_s = 0.0
        self.start_ns = scene.start_ns
        self.end_ns = scene.end_ns
        self._chunk_ns = round(self.simulation.chunk_s * 1e9)
        self._polled_ns = scene.start_ns
        self._next = 0
        self._waiting: dict[str, _Waiting] = {}
        self._records: list[Record] = []

    @property
    def fingerprint(self) -> str:
        """Hash of scene, site, seed and of the version of the rules that make records of them."""
        simulation = self.simulation
        parts = msgspec.json.encode(
            (_SCHEMA, simulation.scene, simulation.site, simulation.seed, simulation.nuisance_factor), order="sorted"
        )
        return hashlib.sha256(parts).hexdigest()

    def truth(self) -> tuple[Truth, ...]:
        """What really happens in the scene."""
        return truth_of(self.simulation)

    def poll(self, until_ns: int) -> Iterator[Item]:
        """All that arrives before `until_ns` and has not been given yet: other records first, then detections."""
        while self._next < self.simulation.chunks and self.start_ns + self._next * self._chunk_ns < until_ns:
            self._play(self._next)
            self._next += 1
        self._polled_ns = max(self._polled_ns, until_ns)
        due = [record for record in self._records if record.time_ns < until_ns]  # type: ignore[union-attr]
        self._records = self._records[len(due) :]
        return iter((*due, *self._arrived(until_ns)))

    def _arrived(self, until_ns: int) -> list[Detections]:
        out = []
        for waiting in self._waiting.values():
            begin, end = waiting.given, int(np.searchsorted(waiting.due_ns, until_ns))
            if end > begin:
                out.append(_in_order(waiting.batch.take(np.arange(begin, end))))
                waiting.given = end
        return out

    def _play(self, number: int) -> None:
        """Make one chunk and put it behind what still waits."""
        self._records += self.simulation.records(number)
        for cast, reports in self.simulation.reports(number):
            batch, due_ns = self.simulation.batch(cast, reports)
            waiting = self._waiting.get(cast.line)
            if waiting is not None and waiting.given < len(waiting.batch):
                left = np.arange(waiting.given, len(waiting.batch))
                batch, due_ns = _together(cast.line, waiting.batch.take(left), waiting.due_ns[left], batch, due_ns)
            order = np.argsort(due_ns, kind="stable")
            self._waiting[cast.line] = _Waiting(batch.take(order), due_ns[order], 0)

    def position(self) -> str:
        """The time up to which it has been asked."""
        return str(self._polled_ns)

    def seek(self, position: str) -> None:
        """Go on from a time. Raises `InputError` where that is no position of this scene."""
        if not position.isdigit():
            raise InputError(f"{self.name}: position: found {position!r}; allowed: a time in nanoseconds")
        until_ns = int(position)
        reached = (until_ns - 1 - self.start_ns) // self._chunk_ns if until_ns > self.start_ns else -1
        self._next = min(max(reached - self.simulation.lookback, 0), self.simulation.chunks)
        self._waiting, self._records = {}, []
        self._polled_ns = self.start_ns
        for _ in self.poll(until_ns):
            pass
        self._polled_ns = max(until_ns, self.start_ns)

    def committed(self, position: str) -> None:
        """Nothing waits for this: the scene can always be played again."""

    def close(self) -> None:
        """Let go of what was made ahead."""
        self._waiting, self._records = {}, []


def _in_order(batch: Detections) -> Detections:
    """The rows in order of time, sensor and place again, naming no sensor that is not among them."""
    order = order_of(batch.time_ns, batch.sensor_index, batch.chainage_m, batch.strength_db)
    used, index = np.unique(batch.sensor_index[order], return_inverse=True)
    received_ns = None if batch.received_ns is None else batch.received_ns[order]
    if received_ns is not None and (received_ns == np.iinfo(np.int64).min).all():
        received_ns = None
    return msgspec.structs.replace(
        batch.take(order),
        sensors=tuple(batch.sensors[int(number)] for number in used),
        sensor_index=index.astype(np.int32),
        received_ns=received_ns,
    )


def _together(
    line: str, first: Detections, first_due_ns: Ints, second: Detections, second_due_ns: Ints
) -> tuple[Detections, Ints]:
    """What waited and what was made, in one order; the due times take the same way as the rows."""
    order = _order_of(first, second)
    return concatenate(line, [first, second]), np.concatenate([first_due_ns, second_due_ns])[order]


def _order_of(first: Detections, second: Detections) -> Ints:
    names = np.array(first.sensors + second.sensors)
    index = np.concatenate([first.sensor_index, second.sensor_index + len(first.sensors)])
    rank = np.unique(names, return_inverse=True)[1]
    time_ns = np.concatenate([first.time_ns, second.time_ns])
    chainage_m = np.concatenate([first.chainage_m, second.chainage_m])
    strength_db = np.concatenate([first.strength_db, second.strength_db])
    return order_of(time_ns, rank[index] if len(index) else index, chainage_m, strength_db)


class SimulateSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of a simulated source."""

    scene: str
    """A scene file, or the name of a shipped scene."""
    seed: int = 0
    """Seed of all chance."""
    nuisance_factor: float = 1.0
    """Multiplies everything without a mover behind it, except the load that the scene states."""


card: Final = Card(
    title="Plays a scene: who moves, in what weather, seen by the sensors of the site",
    level="detection",
    licence="Apache-2.0",
    docs="docs/scenes.md",
    limits=("Physics by stated formulas; most levels are assumed round figures", "No terrain shadow, no snow cover"),
)
settings_type: Final = SimulateSettings


def build(site: Site, settings: SimulateSettings, folder: Path) -> SimulatedSource:
    """The source, ready to be polled. Raises `InputError` and `SiteError` as `read_scene` does."""
    scene = str(folder / settings.scene) if settings.scene.endswith(".toml") else settings.scene
    return SimulatedSource(read_scene(scene, site), site, settings.seed, nuisance_factor=settings.nuisance_factor)
