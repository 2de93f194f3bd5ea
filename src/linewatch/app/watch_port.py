"""The watch's own port: `/healthz`, `/metrics` for Prometheus, and HTTP ingest. Loopback unless TLS."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from linewatch.app.acknowledging import PATH
from linewatch.app.watch import WatchStatus
from linewatch.clock import Clock, monotonic_s
from linewatch.errors import InputError

DEFAULT_PORT: Final = 8421
ILL_AFTER_S: Final = 10.0
"""Without a tick for so long the watch is ill."""
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_START_S: Final = 10.0


class WatchPort:
    """Serves in a thread of its own, beside the ticks and never in their way."""

    def __init__(
        self,
        status: Callable[[], WatchStatus],
        clock: Clock,
        ingest: Mapping[str, Any],
        acknowledge: Any = None,
        *,
        host: str = "127.0.0.1",
        port: int = DEFAULT_PORT,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        if host not in _LOOPBACK and (certificate is None or key is None):
            raise InputError(
                f"--host: found {host!r} without TLS; allowed: 127.0.0.1, or with --tls-certificate and --tls-key"
            )
        self._status = status
        self._clock = clock
        self._app = Starlette()
        self.mount(ingest, acknowledge)
        config = uvicorn.Config(
            self._app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            ssl_certfile=None if certificate is None else str(certificate),
            ssl_keyfile=None if key is None else str(key),
            h11_max_incomplete_event_size=65_536,
            timeout_graceful_shutdown=2,
        )
        self._where = f"{host}:{port}"
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="port", daemon=True)

    def start(self) -> str:
        """Begin to serve; the address. Raises `InputError` where the port cannot be had."""
        self._thread.start()
        until_s = monotonic_s() + _START_S
        while not self._server.started:
            if not self._thread.is_alive() or monotonic_s() > until_s:
                raise InputError(f"--port: found {self._where}, which cannot be listened on; allowed: a free port")
            threading.Event().wait(0.02)
        sockets = [sock for server in self._server.servers for sock in server.sockets]
        host, port = sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def mount(self, ingest: Mapping[str, Any], acknowledge: Any = None) -> None:
        """Serve these from the next request on: sources that take requests, by name, and links of rescue messages."""
        routes: list[BaseRoute] = [Route("/healthz", self._healthz), Route("/metrics", self._metrics)]
        routes += [Mount(f"/ingest/{name}", app=app) for name, app in sorted(ingest.items())]
        routes += [] if acknowledge is None else [Mount(PATH, app=acknowledge)]
        self._app.router.routes = routes

    def stop(self) -> None:
        """Let go of the port."""
        self._server.should_exit = True
        self._thread.join(5.0)

    def _run(self) -> None:
        try:
            self._server.run()
        except SystemExit:
            return  # the address is taken: `start` says so

    async def _healthz(self, request: Request) -> Response:  # noqa: ARG002 - Starlette hands it over
        status = self._status()
        age_s = (self._clock.now_ns() - status.tick_ns) / 1e9
        well = status.ticks > 0 and age_s < ILL_AFTER_S
        body = {
            "ok": well,
            "tick_age_s": round(age_s, 3) if status.ticks else None,
            "lag_s": round(status.lag_s, 3),
            "sources": {name: {"up": each.up, "reason": each.reason} for name, each in status.sources.items()},
        }
        return Response(msgspec.json.encode(body), 200 if well else 503, media_type="application/json")

    async def _metrics(self, request: Request) -> Response:  # noqa: ARG002 - Starlette hands it over
        return PlainTextResponse(metrics_text(self._status()), media_type="text/plain; version=0.0.4")


def metrics_text(status: WatchStatus) -> str:
    """The figures of a watch in the text format of Prometheus."""
    whole = (
        ("linewatch_ticks_total", "counter", "Ticks since start.", status.ticks),
        ("linewatch_ticks_left_out_total", "counter", "Ticks left out to catch up.", status.left_out),
        ("linewatch_tick_timestamp_seconds", "gauge", "Time of the last committed tick.", status.tick_ns / 1e9),
        ("linewatch_lag_seconds", "gauge", "How far its commit was behind the clock.", status.lag_s),
        ("linewatch_tick_seconds", "gauge", "How long it took.", status.tick_s),
        ("linewatch_incidents_open", "gauge", "Incidents that are not closed.", status.incidents_open),
    )
    lines = [
        text
        for name, kind, about, value in whole
        for text in (f"# HELP {name} {about}", f"# TYPE {name} {kind}", f"{name} {value:.10g}")
    ]
    by_source = (
        ("linewatch_source_up", "gauge", "Whether the source hears the other side.", lambda s: s.up),
        (
            "linewatch_source_last_timestamp_seconds",
            "gauge",
            "When it last heard anything.",
            lambda s: (s.last_ns or 0) / 1e9,
        ),
        ("linewatch_source_messages_total", "counter", "Messages since start.", lambda s: s.received),
        ("linewatch_source_waiting", "gauge", "Messages that wait for a commit.", lambda s: s.waiting),
        ("linewatch_source_dropped_total", "counter", "Messages lost in a full buffer.", lambda s: s.dropped),
        ("linewatch_source_refused_total", "counter", "Messages that made no sense.", lambda s: s.refused),
        (
            "linewatch_source_unplaced",
            "gauge",
            "Devices heard that are no sensor of the site.",
            lambda s: len(s.unplaced),
        ),
    )
    for name, kind, about, value_of in by_source:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
        lines += [
            f'{name}{{source="{_escaped(source)}"}} {float(value_of(each)):.10g}'
            for source, each in status.sources.items()
        ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
