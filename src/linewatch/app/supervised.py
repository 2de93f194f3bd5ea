"""A source under supervision: whatever happens inside it, the watch goes on, and what happened is told."""

from collections.abc import Callable
from typing import Final

from linewatch.clock import monotonic_s
from linewatch.errors import InputError
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
        self._taken: list[Item] = []
        self._former: Source | None = None
        self.started = False

    @property
    def source(self) -> Source | None:
        """What stands behind; None while it is waited for."""
        return self._source

    def start(self) -> None:
        """Begin to listen."""
        self.started = True
        start = getattr(self._source, "start", None)
        if start is not None:
            start()

    def start_or_wait(self, now_ns: int) -> None:
        """Begin to listen; where that fails now, it is tried again later."""
        try:
            self.start()
        except Exception as error:  # noqa: BLE001 - a change of the site must not end the watch
            self._fail(error, now_ns)

    def take_over(self, former: "Supervised", until_ns: int) -> None:
        """Begin where another one ends, which is closed: what it had taken and not given yet is given here.

        Whoever waits for an answer to what it had taken still gets one.
        """
        if former.delivery != "replayable":
            self._taken = former.poll(until_ns)
        position = former.position()
        former.close()
        self._former = former.source
        try:
            self.seek(position)
        except InputError:  # that of another kind of source
            self._position = "" if self._source is None else self._source.position()
        self.start_or_wait(until_ns)

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
        out, self._taken = self._taken, []
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
        former, self._former = self._former, None
        for each in (former, self._source):
            if each is not None:
                each.committed(position)

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
