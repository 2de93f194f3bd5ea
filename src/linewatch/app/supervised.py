"""A source under supervision: whatever happens inside it, the watch goes on, and what happened is told."""

from collections.abc import Callable
from typing import Final

from linewatch.clock import monotonic_s
from linewatch.ports import Delivery, Item, Source, SourceStatus
from linewatch.records import Health, quantise
from linewatch.site.model import Site

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0


class Supervised:
    """Stands before one live source. One that fails is closed, made anew and started again, later and later."""

    def __init__(self, site: Site, build: Callable[[], Source]) -> None:
        self._site = site
        self._build = build
        self._source: Source | None = build()
        self.name = self._source.name
        self.delivery: Delivery = self._source.delivery
        self.lateness_s = self._source.lateness_s
        self.sensors: tuple[str, ...] = tuple(getattr(self._source, "sensors", ()))
        self.failures = 0
        self._position = self._source.position()
        self._reason = ""
        self._wait_s = FIRST_RETRY_S
        self._again_s = 0.0
        self._findings: list[Health] = []

    @property
    def source(self) -> Source | None:
        """What stands behind; None while it is waited for."""
        return self._source

    def start(self) -> None:
        """Begin to listen."""
        start = getattr(self._source, "start", None)
        if start is not None:
            start()

    def status(self) -> SourceStatus:
        """How it is doing."""
        if self._source is None:
            return SourceStatus(up=False, reason=self._reason)
        status = getattr(self._source, "status", None)
        told: SourceStatus = SourceStatus(up=True) if status is None else status()
        return told

    def poll(self, until_ns: int) -> list[Item]:
        """What came; a source that raises has said its last."""
        self._try_again(until_ns)
        out: list[Item] = []
        if self._source is not None:
            try:
                out += self._source.poll(until_ns)
                self._position = self._source.position()
            except Exception as error:  # noqa: BLE001 - one source must not end the watch; it is told and made anew
                self._fail(error, until_ns)
        out += self._findings
        self._findings = []
        return out

    def position(self) -> str:
        """Where the next poll goes on; where it went on last while the source is waited for."""
        return self._position

    def seek(self, position: str) -> None:
        """Go on from a position that was committed."""
        if self._source is not None:
            self._source.seek(position)
        self._position = position

    def committed(self, position: str) -> None:
        """What came before is safe on disk."""
        if self._source is not None:
            self._source.committed(position)

    def close(self) -> None:
        """Let go of files and connections."""
        if self._source is not None:
            self._source.close()

    def _fail(self, error: Exception, now_ns: int) -> None:
        self.failures += 1
        self._reason = f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0][:200]}"
        source, self._source = self._source, None
        try:
            if source is not None:
                source.close()
        except Exception as closing:  # noqa: BLE001 - it is being thrown away already
            self._reason += f"; closing it: {type(closing).__name__}"
        self._again_s = monotonic_s() + self._wait_s
        self._wait_s = min(2.0 * self._wait_s, LONGEST_RETRY_S)
        self._tell(now_ns, failed=True)

    def _try_again(self, now_ns: int) -> None:
        if self._source is not None or monotonic_s() < self._again_s:
            return
        try:
            self._source = self._build()
            self._source.seek(self._position)
            self.start()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(error, now_ns)
            return
        self._tell(now_ns, failed=False)

    def _tell(self, now_ns: int, *, failed: bool) -> None:
        text = f"{self.name}: {self._reason}" if failed else f"{self.name}: made anew"
        for sensor in self.sensors or ("",):
            line = self._site.sensor(sensor).line if self._site.has_sensor(sensor) else self._site.lines[0].id
            about = Health(
                line,
                sensor,
                now_ns - 1_000,
                "link_lost" if failed else "recovered",
                "failed" if failed else "ok",
                text,
                ends=None if failed else "link_lost",
            )
            self._findings.append(quantise(about))
