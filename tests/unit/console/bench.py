"""A console over a real store, and over a real watch that plays a scene: what the tests of the console start from."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import argon2
import httpx
import msgspec

from linewatch.app.console_process import needs_of
from linewatch.app.played_watch import PlayedWatch
from linewatch.app.replay import replay
from linewatch.app.simulated import play, site_of
from linewatch.clock import WallClock
from linewatch.console.server import listen, make_app, server_of
from linewatch.console.services import Services
from linewatch.console.settings import ConsoleSettings
from linewatch.records.vocabulary import Role
from linewatch.simulate import SimulatedSource
from linewatch.site.model import Site
from linewatch.store.users import UserStore, open_users

SCENE = "walker-and-wind"
WRITTEN_S = 180.0
"""How much of it a store for reading holds."""
PASSWORD = "wicket-marten-07"  # noqa: S105 - of people who are made up
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PEOPLE: dict[str, Role] = {
    "look1": "viewer",
    "watch1": "operator",
    "watch2": "operator",
    "lead1": "supervisor",
    "mend1": "maintainer",
    "audit1": "auditor",
    "boss1": "administrator",
}


class Cut(SimulatedSource):
    """The first part of a scene."""

    def cut(self, seconds: float) -> "Cut":
        self.end_ns = self.start_ns + round(seconds * 1e9)
        return self


def scene_part(seconds: float) -> Cut:
    site = site_of(SCENE)
    whole = play(SCENE, site, 1)
    return Cut(whole.simulation.scene, site, 1).cut(seconds)


def write_store(folder: Path, seconds: float) -> None:
    replay(site_of(SCENE), [scene_part(seconds)], out=folder)


def people_of(folder: Path) -> UserStore:
    users = open_users(folder, QUICK)
    for name, role in PEOPLE.items():
        users.add(name, role, PASSWORD, must_change=False, now_ns=0)
    return users


class Console(NamedTuple):
    client: httpx.Client
    address: str
    services: Services
    users: UserStore

    def sign_in(self, name: str) -> dict[str, str]:
        """Sign in; the headers of a changing request."""
        self.client.cookies.clear()
        answer = self.client.post("/api/login", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 204, answer.text
        return {"x-csrf": self.client.get("/api/me").json()["csrf"]}


@contextlib.contextmanager
def console_over(folder: Path, site: Site | None = None) -> Iterator[Console]:
    users = people_of(folder)
    settings = ConsoleSettings(port=0)
    sock = listen(settings)
    settings = msgspec.structs.replace(settings, port=sock.getsockname()[1])
    app, services = make_app(needs_of(site or site_of(SCENE), folder, users, WallClock()), settings)
    ready = threading.Event()
    server = server_of(app, settings, ready.set)
    thread = threading.Thread(target=lambda: server.run(sockets=[sock]), daemon=True)
    thread.start()
    assert ready.wait(20)
    wait_for(lambda: bool(services.live.run) or services.live.trouble.startswith("/"))
    try:
        with httpx.Client(base_url=settings.address, timeout=20.0) as client:
            yield Console(client, settings.address, services, users)
    finally:
        server.should_exit = True
        thread.join(20)
        sock.close()
        users.close()


@contextlib.contextmanager
def watch_playing(folder: Path, speed: float, seconds: float) -> Iterator[threading.Event]:
    """A watch at work in a thread of its own, stopped at the end or by the event."""
    stop = threading.Event()
    begun = threading.Event()

    def work() -> None:
        watch = PlayedWatch(site_of(SCENE), scene_part(seconds), folder, speed, WallClock())
        begun.set()
        watch.run(stop)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert begun.wait(30)
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)


def wait_for(what: Callable[[], bool], within_s: float = 20.0) -> None:
    waited = threading.Event()
    for _ in range(round(within_s / 0.02)):
        if what():
            return
        waited.wait(0.02)
    raise AssertionError(f"waited {within_s} s in vain")
