"""The demonstration with its console: a scene played into a store, watched, and shown in a browser."""

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linewatch.app.console_process import first_account, start_console
from linewatch.app.played_watch import PlayedWatch
from linewatch.app.simulated import play, site_of
from linewatch.clock import WallClock
from linewatch.console.settings import ConsoleSettings
from linewatch.store.users import open_users

NAME = "demo"
_LOOK_S = 0.5


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
    site = site_of(scene)
    with _folder(store) as folder:
        users = open_users(folder)
        first = first_account(users, "supervisor", NAME, clock.now_ns(), must_change=False)
        users.close()
        if first is not None:
            say(f"Sign in as {first[0]} with the password {first[1]}")
        watch = PlayedWatch(site, play(scene, site, seed), folder, speed, clock)
        statuses: list[int] = []
        keeper = threading.Thread(target=lambda: statuses.append(_keep_console(folder, settings, stop)), name="console")
        keeper.start()
        try:
            watch.run(stop)
        finally:
            stop.set()
            keeper.join()
    return statuses[0] if statuses else 1


def _keep_console(store: Path, settings: ConsoleSettings, stop: threading.Event) -> int:
    """The console, started again when it dies; given up when it dies three times before it could have been opened."""
    early = 0
    while not stop.is_set():
        began = WallClock().now_ns()
        console = start_console(None, store, settings)
        while console.poll() is None and not stop.wait(_LOOK_S):
            pass
        if console.poll() is None:
            console.terminate()
            console.wait(10)
            return 0
        if console.returncode == 2:  # what it was asked to do cannot be done: it has said why
            stop.set()
            return 2
        early = early + 1 if WallClock().now_ns() - began < 10_000_000_000 else 0
        if early == 3:
            stop.set()
            return 1
    return 0


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
