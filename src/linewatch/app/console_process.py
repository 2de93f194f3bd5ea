"""The console's process: put together, served, and started beside a watch."""

import importlib
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from linewatch.app.acknowledging import acknowledgements_of
from linewatch.app.console_cluster import StoreRun
from linewatch.app.console_comparisons import StoredComparisons
from linewatch.app.console_repairs import SiteRepairs
from linewatch.app.features import features_of
from linewatch.app.news import RESCUE, acknowledged_text
from linewatch.app.watch_link import WatchLink
from linewatch.clock import Clock, WallClock, monotonic_s
from linewatch.console.server import serve
from linewatch.console.services import Needs
from linewatch.console.settings import ConsoleSettings, check_listening
from linewatch.console_ports import EvidenceRing, Exhibit, History, OfferedMove, Reports
from linewatch.errors import StoreError
from linewatch.incident.lifecycle import moves_allowed
from linewatch.notify.rescue_text import grid_reference
from linewatch.records import Incident
from linewatch.records.vocabulary import Role
from linewatch.site.model import Site
from linewatch.store.description import description_of
from linewatch.store.reader import open_store
from linewatch.store.users import UserStore, open_users

FIRST_NAME: Final = "admin"
LOOK_S: Final = 0.5
"""How often it is looked whether the console still lives."""
EARLY_S: Final = 10.0
"""A console that dies sooner did not really live."""


class Desk:
    """Which moves are allowed, by the table of the life cycle. Satisfies `console_ports.IncidentDesk`."""

    def allowed(self, incident: Incident, role: Role) -> Sequence[OfferedMove]:
        """The moves that this role may make now."""
        return [
            OfferedMove(each.move, each.label, each.needs_reason, each.undo_s, each.needs, each.takes)
            for each in moves_allowed(incident, role)
        ]


class LateReports:
    """Reports whose libraries are loaded when the first is asked for: they would double the time until sign-in."""

    def __init__(self, store: Path, site: Site) -> None:
        self._store = store
        self._site = site

    def report(self, by: Sequence[str], from_ns: int | None, to_ns: int | None, as_of_ns: int | None) -> dict[str, Any]:
        """As `StoredReports.report`."""
        module = importlib.import_module("linewatch.app.console_reports")
        reports: Reports = module.StoredReports(self._store, self._site)
        return reports.report(by, from_ns, to_ns, as_of_ns)


class LateEvidence:
    """Evidence whose libraries are loaded when the first incident that has some is opened."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._ring: EvidenceRing | None = None
        self._lock = threading.Lock()

    def exhibits(self, incident: str) -> Sequence[Exhibit]:
        """As `StoredEvidence.exhibits`; nothing while the store holds no clips at all."""
        if self._ring is None and not any((self._store / "clips").glob("*")):
            return ()
        with self._lock:
            return self._loaded().exhibits(incident)

    def read(self, incident: str, exhibit: str) -> bytes | None:
        """As `StoredEvidence.read`."""
        with self._lock:
            return self._loaded().read(incident, exhibit)

    def thumbnail(self, incident: str) -> bytes | None:
        """As `StoredEvidence.thumbnail`."""
        with self._lock:
            return self._loaded().thumbnail(incident)

    def _loaded(self) -> EvidenceRing:
        if self._ring is None:
            ring: EvidenceRing = importlib.import_module("linewatch.app.console_evidence").StoredEvidence(self._store)
            self._ring = ring
        return self._ring


def described_site(store: Path, within_s: float = 30.0) -> Site:
    """The site that a store describes; waits for a watch that has only begun it. Raises `StoreError`."""
    until_s = monotonic_s() + within_s
    while True:
        trouble: str | None = None
        try:
            with open_store(store) as reader:
                site = description_of(reader).site
        except (StoreError, KeyError) as error:
            site, trouble = None, str(error)
        if site is not None:
            return site
        if monotonic_s() > until_s:
            raise StoreError(trouble or f"{store}: found no description of its site; allowed: name the site")
        threading.Event().wait(0.1)


def needs_of(site: Site, store: Path, users: UserStore, clock: Clock) -> Needs:
    """What the console is given for a store."""
    link = WatchLink(store, users, clock)

    def history() -> History:
        return open_store(store)

    def acknowledged(incident: str, role: str) -> None:
        link.note(RESCUE, "", acknowledged_text(incident, role))

    features: Any = features_of(site, store)  # an ASGI part whose own types are narrower than the protocol's
    acknowledge: Any = acknowledgements_of(site, acknowledged)  # likewise
    return Needs(
        site,
        history,
        users,
        link,
        link,
        Desk(),
        clock,
        LateEvidence(store),
        LateReports(store, site),
        features,
        acknowledge,
        SiteRepairs(site),
        levels=link,
        comparisons=StoredComparisons(store),
        site_files=link,
        grid=grid_reference,
        cluster=StoreRun(store, clock),
    )


def random_password() -> str:
    """A password that nobody guesses and somebody can type."""
    return "-".join(secrets.token_hex(2) for _ in range(4))


def first_account(
    users: UserStore, role: Role, name: str, now_ns: int, *, must_change: bool, password: str | None = None
) -> tuple[str, str] | None:
    """Name and password of an account made because there is none yet; None where there is one."""
    if users.accounts():
        return None
    password = password or random_password()
    users.add(name, role, password, must_change=must_change, now_ns=now_ns)
    return name, password


def run_console(site: Site, store: Path, settings: ConsoleSettings, say: Callable[[str], None]) -> None:
    """Serve the console over a store until stopped. Raises `InputError` and `StoreError`."""
    clock = WallClock()
    users = open_users(store)
    try:
        first = first_account(users, "administrator", FIRST_NAME, clock.now_ns(), must_change=True)
        if first is not None:
            say(f"first sign-in: {first[0]}, password {first[1]} (said this once; it must be changed)")
        stands = any(account.must_change_password for account in users.accounts() if account.role == "administrator")
        check_listening(settings, first_password_stands=stands)
        serve(needs_of(site, store, users, clock), settings, lambda address: say(f"console: {address}"))
    finally:
        users.close()


def start_console(site: str | None, store: Path, settings: ConsoleSettings) -> "subprocess.Popen[bytes]":
    """The console as a process of its own, which can be stopped and started again while the watch goes on.

    Without `site` it shows the site that the store itself describes.
    """
    if not store.is_dir():
        raise StoreError(f"{store}: found no such folder; allowed: the folder of a store")
    words = [sys.executable, "-m", "linewatch", "console", *([site] if site else []), "--store", str(store)]
    words += ["--host", settings.host, "--port", str(settings.port)]
    if settings.tls_certificate is not None and settings.tls_key is not None:
        words += ["--tls-certificate", str(settings.tls_certificate), "--tls-key", str(settings.tls_key)]
    return subprocess.Popen(words)  # noqa: S603 - this package's own verb


def keep_console(
    site: str | None,
    store: Path,
    settings: ConsoleSettings,
    stop: threading.Event,
    again: threading.Event | None = None,
) -> int:
    """The console beside a watch until `stop` is set: started again when it dies, alone, while the watch goes on.

    `again` asks for a new one, which shows the site as it is described by then.

    Exit status: 0 when it was stopped; 2 where what it was asked to do cannot be done (it has said why), and 1 where it
    died three times before it could have been opened.
    """
    early = 0
    while not stop.is_set():
        began_s = monotonic_s()
        console = start_console(site, store, settings)
        while console.poll() is None and not stop.wait(LOOK_S) and not (again and again.is_set()):
            pass
        if stop.is_set() or (again and again.is_set()):
            console.terminate()
            console.wait(10)
        if stop.is_set():
            return 0
        if again and again.is_set():
            again.clear()
            continue
        if console.returncode == 2:
            return 2
        early = early + 1 if monotonic_s() - began_s < EARLY_S else 0
        if early == 3:
            return 1
    return 0


@contextmanager
def console_beside(
    site: str | None, store: Path, settings: ConsoleSettings, ended: Callable[[int], None]
) -> Iterator[Callable[[], None]]:
    """Keep a console up while the body runs; what is given starts it anew, on a changed site.

    `ended` is told the status of one that could not be kept up.
    """
    store.mkdir(parents=True, exist_ok=True)
    stop, again = threading.Event(), threading.Event()

    def keep() -> None:
        status = keep_console(site, store, settings, stop, again)
        if status:
            ended(status)

    keeper = threading.Thread(target=keep, name="console")
    keeper.start()
    try:
        yield again.set
    finally:
        stop.set()
        keeper.join()
