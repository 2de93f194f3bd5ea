"""The demonstration with its console: a scene played into a store, watched, and shown in a browser."""

import importlib
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linewatch.app.console_process import console_beside, first_account
from linewatch.clock import Clock, WallClock
from linewatch.console.settings import ConsoleSettings
from linewatch.errors import InputError
from linewatch.store.users import open_users

NAME = "demo"
REFERENCE = "reference"
ON_REFERENCE = "the-night"
"""A scene of which it is known, before anything is loaded, that it plays on the reference line."""


def demonstrate(
    scene: str, seed: int, speed: float, store: Path | None, settings: ConsoleSettings, say: Callable[[str], None]
) -> int:
    """Play a scene until stopped, with a console of its own process that is started again when it dies.

    Without `store` all is written into a folder that is removed at the end. Exit status: 0 when it was stopped, 1
    when the console could not be kept up.
    """
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    clock = WallClock()
    with _folder(store) as folder:
        users = open_users(folder)
        first = first_account(users, "supervisor", NAME, clock.now_ns(), must_change=False)
        users.close()
        if first is not None:
            say(f"Sign in as {first[0]} with the password {first[1]}")
        statuses: list[int] = []

        def ended(status: int) -> None:
            statuses.append(status)
            stop.set()

        with console_beside(REFERENCE if scene == ON_REFERENCE else None, folder, settings, ended):
            _watch(scene, seed, speed, folder, clock, stop)
    return statuses[0] if statuses else 0


def _watch(scene: str, seed: int, speed: float, store: Path, clock: Clock, stop: threading.Event) -> None:
    """Play until stopped. Its libraries are loaded here, while the console starts by itself."""
    simulated = importlib.import_module("linewatch.app.simulated")
    played = importlib.import_module("linewatch.app.played_watch")
    if scene not in simulated.shipped():
        raise InputError(f"--scene: found {scene!r}; allowed: {', '.join(simulated.shipped())}")
    site = simulated.site_of(scene)
    played.PlayedWatch(site, simulated.play(scene, site, seed), store, speed, clock).run(stop)


@contextmanager
def _folder(store: Path | None) -> Iterator[Path]:
    if store is not None:
        store.mkdir(parents=True, exist_ok=True)
        yield store
        return
    folder = Path(tempfile.mkdtemp(prefix="linewatch-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
