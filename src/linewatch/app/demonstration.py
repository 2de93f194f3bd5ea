"""The demonstration with its console: a scene played into a store, watched, and shown in a browser."""

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from linewatch.app.console_process import first_account, keep_console
from linewatch.app.played_watch import PlayedWatch
from linewatch.app.simulated import play, site_of
from linewatch.clock import WallClock
from linewatch.console.settings import ConsoleSettings
from linewatch.store.users import open_users

NAME = "demo"


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
        keeper = threading.Thread(
            target=lambda: statuses.append(keep_console(None, folder, settings, stop)), name="console"
        )
        keeper.start()
        try:
            watch.run(stop)
        finally:
            stop.set()
            keeper.join()
    return statuses[0] if statuses else 1


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
