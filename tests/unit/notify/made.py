"""Sites, stores and other sides made up for tests of notifiers."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from linewatch.app.delivery import Delivery, DeliverySettings
from linewatch.notify.build import build_notifiers
from linewatch.notify_ports import Call, Notifier
from linewatch.records import Incident, Outage, Record, canonical_bytes
from linewatch.site.model import Line, NotifierSpec, Place, Section, Site
from linewatch.store.notes import decode_note
from linewatch.store.reader import open_store
from tests.unit.store.writing import incident, opened, tick_at

HASTY = DeliverySettings(first_retry_s=0.05, longest_retry_s=0.2, poll_s=0.05, flush_s=0.0, most_s=10.0)
COURSE = ((23.50, 52.70), (23.53, 52.71), (23.56, 52.70))


def site(*notifiers: dict[str, object], geography: bool = True) -> Site:
    """A line of some 4.6 km with two sections, and these notifiers."""
    line = Line(
        id="main",
        length_m=4600.0,
        coordinates_deg=COURSE if geography else (),
        sections=(Section("S01", "main", 0.0, 2000.0), Section("S02", "main", 2000.0, 4600.0)),
        places=(Place("gate 3", "gate", 100.0), Place("road 7", "road", 3000.0)),
    )
    specs = tuple(
        NotifierSpec(str(table["plugin"]), {key: value for key, value in table.items() if key != "plugin"})
        for table in notifiers
    )
    return Site(name="bench", timezone="Europe/Warsaw", lines=(line,), notifiers=specs)


def outage(name: str = "outage-1", **fields: object) -> Outage:
    """A stretch that nobody watches."""
    values: dict[str, object] = {
        "id": name,
        "line": "main",
        "sensors": ("f1",),
        "cause": "silent",
        "from_m": 500.0,
        "to_m": 900.0,
        "start_ns": 10,
        "noticed_ns": 20,
        "end_ns": None,
        "remaining_fraction": 0.0,
        "reason": "no data since 04:00",
        **fields,
    }
    return Outage(**values)  # type: ignore[arg-type]


class Writer:
    """A store that grows by one tick for each record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = opened(folder)
        self._index = 40

    def write(self, *records: Record) -> None:
        """One tick with these records."""
        self._index += 1
        for record in records:
            kind = {Incident: "incident", Outage: "outage"}.get(type(record), type(record).__name__.lower())
            key = record.id if isinstance(record, Incident) else "x"
            kind = "arrival" if kind in ("weather", "knownmover") else kind
            self.journal.append(kind, key, canonical_bytes(record))
        self.journal.commit(tick_at(self._index), {}, {})

    def audits(self, kind: str) -> list[str]:
        """Texts of the audit entries of this kind."""

        with open_store(self.folder) as reader:
            return [
                decode_note(audit.entry.payload).text
                for audit in reader.audits()
                if audit.entry.kind == kind and audit.entry.payload is not None
            ]


@contextmanager
def writer(folder: Path) -> Iterator[Writer]:
    """A store to write to."""
    made = Writer(folder)
    try:
        yield made
    finally:
        made.journal.close()


@contextmanager
def delivering(
    store: Writer,
    told_site: Site,
    notifiers: tuple[Notifier, ...] | None = None,
    environment: dict[str, str] | None = None,
) -> Iterator[Delivery]:
    """Delivery at work over this store."""
    built = build_notifiers(told_site, environment) if notifiers is None else notifiers
    delivery = Delivery(store.folder, built, settings=HASTY)
    delivery.start()
    try:
        yield delivery
    finally:
        delivery.stop()
        delivery.flush(store.journal, now=True)
    assert delivery.broken is None, repr(delivery.broken)


def until(holds: Callable[[], bool], within_s: float = 10.0, what: str = "it") -> None:
    """Wait until something holds; fail after so long."""
    end_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end_s, f"{what} did not come to hold within {within_s} s"
        time.sleep(0.01)


def settled(delivery: Delivery, store: Writer, within_s: float = 10.0) -> None:
    """Wait until all that stands in the store is told, and say so in the store."""
    delivery.wake()
    until(lambda: delivery.idle() or delivery.broken is not None, within_s, "all that was to tell")
    delivery.flush(store.journal, now=True)


class WebServer:
    """A real HTTP server that keeps what it was sent. `stop` and `start` it again on the same port."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        """What to answer next; 200 where empty."""
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._port}/in"

    def start(self) -> None:
        """Listen."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = outer.answers.pop(0) if outer.answers else 200
                if status < 300:
                    outer.posts.append(({key.lower(): value for key, value in self.headers.items()}, body))
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A server that listens."""
    server = WebServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Kept:
    """Receipts of a notifier that is tried without a store."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.refusals: list[tuple[int, str]] = []
        self.calls: list[Call] = []

    def delivered(self, seq: int) -> None:
        self.done.append(seq)

    def refused(self, seq: int, why: str) -> None:
        self.refusals.append((seq, why))

    def note(self, call: Call) -> None:
        self.calls.append(call)


__all__ = ["Kept", "Writer", "delivering", "incident", "outage", "settled", "site", "until", "web_server"]
