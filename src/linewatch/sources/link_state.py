"""Whether the other side of a source is heard: a change is told once, about each sensor that it speaks for."""

from collections.abc import Sequence
from typing import NamedTuple

from linewatch.clock import Clock
from linewatch.ports import SourceStatus
from linewatch.records.health import Condition
from linewatch.site.model import Site
from linewatch.sources.arrivals import Arrivals, health_of


class LinkWords(NamedTuple):
    """How a source tells of its link."""

    lost: str = ""
    """What stands before the reason."""
    back: str = "the link stands again"
    """What is told once it is over."""
    at_first: str = "not connected yet"
    """The reason before anything was heard."""


class LinkState:
    """Set in the source's thread, read from any. A source without sensors tells of itself."""

    def __init__(
        self, site: Site, name: str, sensors: Sequence[str], arrivals: Arrivals, clock: Clock, words: LinkWords
    ) -> None:
        self.up = False
        """Whether the other side is heard."""
        self.reason = words.at_first
        """Why not."""
        self._site = site
        self._name = name
        self._sensors = tuple(sensors) or ("",)
        self._arrivals = arrivals
        self._clock = clock
        self._words = words
        self._told_lost = False

    def status(self) -> SourceStatus:
        """How the source is doing."""
        return self._arrivals.status(up=self.up, reason=self.reason)

    def back(self, text: str = "") -> None:
        """The other side is heard."""
        self.up, self.reason = True, ""
        if self._told_lost:
            self._told_lost = False
            self._tell("recovered", text or self._words.back)

    def lost(self, reason: str, condition: Condition = "link_lost") -> None:
        """It is not heard any more, or could not be reached."""
        self.up, self.reason = False, reason
        if not self._told_lost:
            self._told_lost = True
            self._tell(condition, f"{self._words.lost}{reason}")

    def _tell(self, condition: Condition, text: str) -> None:
        now_ns = self._clock.now_ns()
        well = condition == "recovered"
        self._arrivals.say(
            now_ns,
            tuple(
                health_of(
                    self._site,
                    sensor,
                    now_ns,
                    condition,
                    "ok" if well else "failed" if sensor else "degraded",
                    f"{self._name}: {text}",
                    ends="link_lost" if well else None,
                )
                for sensor in self._sensors
            ),
        )
