"""How the run of a store is, for the console; nothing of it is loaded for a store that no cluster decides."""

import importlib
import threading
from pathlib import Path
from typing import Final

from linewatch.clock import Clock
from linewatch.console.cluster_shapes import ClusterShape
from linewatch.console.services import Cluster

RUN_FILE: Final = "cluster.json"
"""Beside a store: which run decides it."""


class StoreRun:
    """Asked often, and never waits: what has to be loaded is loaded beside."""

    def __init__(self, store: Path, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._health: Cluster | None = None
        self._loading: threading.Thread | None = None

    def __call__(self) -> ClusterShape | None:
        """What was found lately; None where the store is of no run, or nothing was found yet."""
        if self._health is not None:
            return self._health()
        if self._loading is None and (self._store / RUN_FILE).exists():
            self._loading = threading.Thread(target=self._load, name="cluster", daemon=True)
            self._loading.start()
        return None

    def _load(self) -> None:
        self._health = _health_of(self._store, self._clock)


def _health_of(store: Path, clock: Clock) -> Cluster:
    health: Cluster = importlib.import_module("linewatch.app.cluster.run_health").RunHealth(store, clock)
    return health
