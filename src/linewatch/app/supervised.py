"""A source under supervision: whatever happens inside it, the watch goes on, and what happened is told."""

from collections.abc import Callable
from typing import Final

from linewatch.app.leaving import Leaving
from linewatch.clock import monotonic_s
from linewatch.errors import InputError
from linewatch.ports import Delivery, Item, Source, SourceStatus
from linewatch.records import Health, quantise
from linewatch.records.health import Condition, Severity
from linewatch.site.model import Site

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
GAP_S: Final = 2.0
"""A change of hands that takes longer than this is a time in which nobody listened."""
_CLOSE_S: Final = 30.0


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
        self._before: Leaving | None = None
        self._begins_early = False
        self._former: Source | None = None
        self.started = False

    @property
    def source(self) -> Source | None:
        """What stands behind; None while it is waited for."""
        return self._source

    def start(self) -> None:
        """Begin to listen."""
        self.started = True
        self._start()

    def start_or_wait(self, now_ns: int) -> None:
        """Begin to listen; where that fails now, it is tried again later."""
        try:
            self.start()
        except Exception as error:  # noqa: BLE001 - a change of the site must not end the watch
            self._fail(error, now_ns)

    def take_over(self, former: "Supervised", now_ns: int) -> Leaving:
        """Begin where another one ends, which is closed beside the ticks: what it had taken is given here.

        Whoever waits for an answer to what it had taken still gets one. Where nothing has to be known of how far it
        came, this one begins as soon as the other has let go; else with the poll after that.
        """
        self.started = True
        self._position = former.position()
        self._begins_early = self.delivery == former.delivery == "ephemeral"
        self._before = Leaving(former, now_ns, self._start if self._begins_early else None)
        return self._before

    @property
    def waiting(self) -> int:
        """Messages that were not taken yet, those of the one before it included."""
        before = 0 if self._before is None else self._before.former.waiting
        status = getattr(self._source, "status", None)
        return before + (0 if status is None else int(status().waiting))

    def _is_heard(self) -> bool:
        """Whether this one has begun."""
        return self._before is None or (self._begins_early and self._before.closed)

    def rest(self, until_ns: int) -> list[Item]:
        """What one that is being closed still has to give; it is not made anew any more."""
        out = [] if self._before is None else self._go_on(until_ns, begins=False)
        if self._source is not None and self.delivery != "replayable":
            try:
                out += self._source.poll(until_ns)
                self._position = self._source.position()
            except Exception as error:  # noqa: BLE001 - as in `poll`
                self.note_trouble(error)
        out += self._findings
        self._findings = []
        return out

    def note_trouble(self, error: Exception) -> None:
        """An error of one that is being closed: kept as the reason why it is down."""
        self._reason = f"{type(error).__name__}: {(str(error) or 'no message').splitlines()[0][:200]}"

    def status(self) -> SourceStatus:
        """How it is doing."""
        if self._source is None:
            return SourceStatus(up=False, reason=self._reason)
        if not self._is_heard():
            return SourceStatus(up=False, reason="waits until the one before it has let go")
        status = getattr(self._source, "status", None)
        told: SourceStatus = SourceStatus(up=True) if status is None else status()
        return told

    def poll(self, until_ns: int) -> list[Item]:
        """What came; a source that raises has said its last."""
        out = [] if self._before is None else self._go_on(until_ns, begins=True)
        self._try_again(until_ns)
        if self._source is not None and self._is_heard():
            try:
                out += self._source.poll(until_ns)
                if self._before is None:
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
        if self._before is not None:
            self._before.former.committed(position)
            return
        for each in (former, self._source):
            if each is not None:
                each.committed(position)

    def close(self) -> None:
        """Let go of files and connections."""
        if self._before is not None:
            self._before.wait(_CLOSE_S)
        if self._source is not None:
            self._source.close()

    def _go_on(self, until_ns: int, *, begins: bool) -> list[Item]:
        """What the one before still gives; once it has given all, this one goes on where it ended."""
        assert self._before is not None
        before = self._before
        out, over = before.rest(until_ns)
        self._position = before.former.position()
        if over:
            self._before, self._former = None, before.former.source
            if begins:
                self._follow(before, until_ns)
        return out

    def _follow(self, before: Leaving, until_ns: int) -> None:
        """Go on where the one before ended."""
        failed = before.trouble()
        if failed is not None:
            self._fail(failed, until_ns)
        elif not self._begins_early:
            try:
                self.seek(self._position)
            except InputError:  # that of another kind of source
                self._position = "" if self._source is None else self._source.position()
            self.start_or_wait(until_ns)
        if self.delivery == "ephemeral" and before.took_s > GAP_S:
            text = f"{self.name}: nobody listened for {before.took_s:.1f} s, until the one before it had let go"
            gap_end_ns = min(before.since_ns + round(before.took_s * 1e9), until_ns - 1_000)
            self._about("gap", "failed", text, before.since_ns, until_ns=gap_end_ns)

    def _start(self) -> None:
        start = getattr(self._source, "start", None)
        if start is not None:
            start()

    def _fail(self, error: Exception, now_ns: int) -> None:
        self.failures += 1
        self.note_trouble(error)
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
        if failed:
            self._about("link_lost", "failed", f"{self.name}: {self._reason}", now_ns - 1_000)
        else:
            self._about("recovered", "ok", f"{self.name}: made anew", now_ns - 1_000, ends="link_lost")

    def _about(
        self,
        condition: Condition,
        severity: Severity,
        text: str,
        time_ns: int,
        *,
        ends: Condition | None = None,
        until_ns: int | None = None,
    ) -> None:
        """A finding about each of its sensors, given with the next poll."""
        for sensor in self.sensors or ("",):
            line = self._site.sensor(sensor).line if self._site.has_sensor(sensor) else self._site.lines[0].id
            about = Health(line, sensor, time_ns, condition, severity, text, until_ns=until_ns, ends=ends)
            self._findings.append(quantise(about))
