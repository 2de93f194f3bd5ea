"""What sources share that have a thread of their own: it hears, fills the buffer, and tells whether it is heard."""

from collections.abc import Sequence

from linewatch.clock import Clock, WallClock
from linewatch.ports import SourceStatus
from linewatch.site.model import Site
from linewatch.sources.arrivals import MOST_WAITING, Arrivals
from linewatch.sources.ephemeral import EphemeralSource
from linewatch.sources.link_state import LinkState, LinkWords
from linewatch.sources.worker import Worker


class WorkedSource(EphemeralSource):
    """The part of `ports.LiveSource` that is the same for all of them; each makes its own worker."""

    _worker: Worker

    def __init__(
        self,
        site: Site,
        name: str,
        sensors: Sequence[str],
        words: LinkWords,
        *,
        lateness_s: float = 0.0,
        most: int = MOST_WAITING,
        clock: Clock | None = None,
    ) -> None:
        """`most` messages wait for a tick."""
        self.name = name
        self.sensors = tuple(sensors)
        self.lateness_s = lateness_s
        self._site = site
        self._clock = clock or WallClock()
        self._arrivals = Arrivals(name, site, most)
        self._link = LinkState(site, name, self.sensors, self._arrivals, self._clock, words)

    def start(self) -> None:
        """Begin to hear, and go on whatever happens."""
        self._worker.start()

    def status(self) -> SourceStatus:
        """How it is doing."""
        return self._link.status()

    def close(self) -> None:
        """Let go of the other side."""
        self._worker.close()
