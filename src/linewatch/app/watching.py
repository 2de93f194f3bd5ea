"""Everything around a live watch: signals, its own port, the service manager, the heartbeat, settings told at start."""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from linewatch.app.acknowledging import acknowledgements_of
from linewatch.app.news import RESCUE, acknowledged_text
from linewatch.app.service import Heartbeat, Systemd
from linewatch.app.watch import LiveWatch, WatchStatus
from linewatch.app.watch_port import DEFAULT_PORT, ILL_AFTER_S, WatchPort
from linewatch.clock import Clock, WallClock
from linewatch.records import Record
from linewatch.site.model import Site


class Around(msgspec.Struct, frozen=True):
    """What a watch listens on, and whom it tells that it lives."""

    host: str = "127.0.0.1"
    """Address of its own port."""
    port: int | None = DEFAULT_PORT
    """Its port; 0 for any, None for none."""
    certificate: Path | None = None
    """TLS certificate and chain (PEM)."""
    key: Path | None = None
    """Its key."""
    heartbeat: str = ""
    """Address that is called while all is well; empty for none."""
    heartbeat_s: float = 60.0
    """How often."""


def watch(
    site: Site,
    store: Path,
    around: Around,
    say: Callable[[str], None],
    on_output: Callable[[Record], None] | None = None,
    stop: threading.Event | None = None,
    clock: Clock | None = None,
) -> None:
    """Watch until SIGTERM, SIGINT or `stop`. Raises `InputError`, `PluginError` and `StoreError` before it begins."""
    clock = clock or WallClock()
    stop = _until_told() if stop is None else stop
    live = LiveWatch(site, store, clock, on_output)
    systemd = Systemd()
    heartbeat = (
        Heartbeat(around.heartbeat, around.heartbeat_s, lambda: _well(live, clock)) if around.heartbeat else None
    )
    port = None
    if around.port is not None:
        port = WatchPort(
            live.status,
            clock,
            {s.name: app for s in live.sources if (app := getattr(s.source, "asgi", None)) is not None},
            acknowledgements_of(site, lambda incident, role: live.note(RESCUE, acknowledged_text(incident, role))),
            host=around.host,
            port=around.port,
            certificate=around.certificate,
            key=around.key,
        )
    try:
        if port is not None:
            say(f"watch: http://{port.start()}/healthz and /metrics")
        names = ", ".join(source.name for source in live.sources) or "nobody (no [[source]] in the site)"
        say(f"watch: {site.name}, {len(site.sensors)} sensors; listening to {names}; store {store}")
        systemd.ready()
        if heartbeat is not None:
            heartbeat.start()

        def after_tick(status: WatchStatus) -> None:
            del status
            systemd.alive()

        live.run(stop, after_tick)
    finally:
        systemd.stopping()
        if heartbeat is not None:
            heartbeat.stop()
        if port is not None:
            port.stop()


def _well(live: LiveWatch, clock: Clock) -> bool:
    return clock.now_ns() - live.status().tick_ns < ILL_AFTER_S * 1e9


def _until_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the tick under way is finished first."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not the main thread: whoever runs us stops us by the event
            signal.signal(name, lambda *_: stop.set())
    return stop
