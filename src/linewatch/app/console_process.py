"""The console's process: put together, served, and started beside a watch."""

import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from linewatch.app.watch_link import WatchLink
from linewatch.clock import Clock, WallClock
from linewatch.console.server import serve
from linewatch.console.services import Needs
from linewatch.console.settings import ConsoleSettings, check_listening
from linewatch.console_ports import History, OfferedMove
from linewatch.errors import StoreError
from linewatch.incident.lifecycle import TABLE
from linewatch.records import Incident
from linewatch.records.vocabulary import Role
from linewatch.site.model import Site
from linewatch.store.reader import open_store
from linewatch.store.users import UserStore, open_users

FIRST_NAME: Final = "admin"
_LABELS: Final = {
    "acknowledge": "Acknowledge",
    "assess": "Assess",
    "respond": "Send a patrol",
    "close": "Close",
    "shelve": "Shelve",
    "unshelve": "Unshelve",
    "note": "Add a note",
}


class Desk:
    """Which moves are allowed, by the table of the life cycle. Satisfies `console_ports.IncidentDesk`."""

    def allowed(self, incident: Incident, role: Role) -> Sequence[OfferedMove]:
        """The moves that this role may make now."""
        return [
            OfferedMove(move, _LABELS.get(move, move.capitalize()), rule.needs_reason, 0.0)
            for move, rule in TABLE.items()
            if role in rule.roles
            and incident.state in rule.allowed
            and not (move == "shelve" and incident.concern == "distress")
        ]


def needs_of(site: Site, store: Path, users: UserStore, clock: Clock) -> Needs:
    """What the console is given for a store."""
    link = WatchLink(store, users, clock)

    def history() -> History:
        return open_store(store)

    return Needs(site, history, users, link, link, Desk(), clock)


def first_account(users: UserStore, role: Role, name: str, now_ns: int, *, must_change: bool) -> tuple[str, str] | None:
    """Name and password of an account made because there is none yet; None where there is one."""
    if users.accounts():
        return None
    password = "-".join(secrets.token_hex(2) for _ in range(4))
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


def start_console(site: str, store: Path, settings: ConsoleSettings) -> "subprocess.Popen[bytes]":
    """The console as a process of its own, which can be stopped and started again while the watch goes on."""
    if not store.is_dir():
        raise StoreError(f"{store}: found no such folder; allowed: the folder of a store")
    words = [sys.executable, "-m", "linewatch", "console", site, "--store", str(store)]
    words += ["--host", settings.host, "--port", str(settings.port)]
    if settings.tls_certificate is not None and settings.tls_key is not None:
        words += ["--tls-certificate", str(settings.tls_certificate), "--tls-key", str(settings.tls_key)]
    return subprocess.Popen(words)  # noqa: S603 - this package's own verb
