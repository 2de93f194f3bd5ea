"""Everything around a live watch: signals, its own port, the service manager, the heartbeat, settings told at start."""

import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from linewatch.app.acknowledging import Acknowledgements, acknowledgements_of
from linewatch.app.news import RESCUE, acknowledged_text
from linewatch.app.placing import Placing
from linewatch.app.reloading import Reloader
from linewatch.app.service import Heartbeat, Systemd
from linewatch.app.watch import LiveWatch, WatchStatus
from linewatch.app.watch_port import DEFAULT_PORT, ILL_AFTER_S, WatchPort
from linewatch.clock import Clock, WallClock
from linewatch.records import Record
from linewatch.site.load import load_site
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
    again: Callable[[], Site] | None = None,
    after_change: Callable[[Site], None] | None = None,
    file: Path | None = None,
) -> None:
    """Watch until SIGTERM, SIGINT or `stop`. Raises `InputError`, `PluginError` and `StoreError` before it begins.

    `again` reads the site anew, on SIGHUP or when `linewatch reload` asks for it (by default: the folder of the site);
    `after_change` is told of one that was taken up. `file` is that of the site, where people may change it.
    """
    clock = clock or WallClock()
    stop = _until_told() if stop is None else stop
    live = LiveWatch(site, store, clock, on_output)
    reloader = Reloader(live, again or (lambda: load_site(site.folder)), say)
    live.on_reload(reloader.ask)
    if file is not None:
        live.on_placing(Placing(live, file, reloader.ask))
    _when_hung_up(reloader)
    systemd = Systemd()
    heartbeat = (
        Heartbeat(around.heartbeat, around.heartbeat_s, lambda: _well(live, clock)) if around.heartbeat else None
    )
    port = None
    if around.port is not None:
        port = WatchPort(
            live.status,
            clock,
            *_served(live),
            host=around.host,
            port=around.port,
            certificate=around.certificate,
            key=around.key,
        )
        reloader.after.append(partial(_remount, port, live))
    if after_change is not None:
        reloader.after.append(after_change)
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
            reloader.after_tick()

        live.run(stop, after_tick)
    finally:
        systemd.stopping()
        if heartbeat is not None:
            heartbeat.stop()
        if port is not None:
            port.stop()


def _served(live: LiveWatch) -> tuple[dict[str, Any], Acknowledgements | None]:
    """What the watch's own port serves besides its figures: sources that take requests, links of rescue messages."""
    ingest = {s.name: app for s in live.sources if (app := getattr(s.source, "asgi", None)) is not None}

    def acknowledged(incident: str, role: str) -> None:
        live.note(RESCUE, acknowledged_text(incident, role))

    return ingest, acknowledgements_of(live.site, acknowledged)


def _remount(port: WatchPort, live: LiveWatch, site: Site) -> None:
    del site
    port.mount(*_served(live))


def _when_hung_up(reloader: Reloader) -> None:
    """Read the site again on SIGHUP; the tick under way is not disturbed."""
    with suppress(ValueError):  # not the main thread: whoever runs us asks the watch itself
        signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=reloader.ask, name="reload").start())


def _well(live: LiveWatch, clock: Clock) -> bool:
    return clock.now_ns() - live.status().tick_ns < ILL_AFTER_S * 1e9


def _until_told() -> threading.Event:
    """An event that SIGTERM and SIGINT set; the tick under way is finished first."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        with suppress(ValueError):  # not the main thread: whoever runs us stops us by the event
            signal.signal(name, lambda *_: stop.set())
    return stop
