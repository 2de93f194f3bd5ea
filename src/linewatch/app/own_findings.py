"""What the watch finds about itself, as a source like any other: it goes through a door and into the journal."""

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

from linewatch.ports import Delivery, Item
from linewatch.records import Health, quantise
from linewatch.records.health import Condition, Severity
from linewatch.site.model import Site

NAME: Final = "watch"


class OwnFindings:
    """Findings about sensors, or with an empty sensor about the watch. Satisfies `ports.Source`."""

    name: Final = NAME
    delivery: Final[Delivery] = "ephemeral"
    lateness_s: Final = 0.0

    def __init__(self, site: Site) -> None:
        self._site = site
        self._waiting: deque[Health] = deque()

    def move_to(self, site: Site) -> None:
        """Speak of this site from now on."""
        self._site = site

    def say(
        self,
        time_ns: int,
        condition: Condition,
        severity: Severity,
        text: str,
        *,
        sensors: Sequence[str] = ("",),
        until_ns: int | None = None,
        count: int = 1,
    ) -> None:
        """Enter one finding, about each of these sensors, with the next tick."""
        for sensor in sensors:
            line = self._site.sensor(sensor).line if self._site.has_sensor(sensor) else self._site.lines[0].id
            self._waiting.append(
                quantise(Health(line, sensor, time_ns, condition, severity, text, until_ns=until_ns, count=count))
            )

    def poll(self, until_ns: int) -> Iterable[Item]:
        """What was said of times before this one."""
        due = [each for each in self._waiting if each.time_ns < until_ns]
        self._waiting = deque(each for each in self._waiting if each.time_ns >= until_ns)
        return due

    def position(self) -> str:
        """Nothing can be read again."""
        return ""

    def seek(self, position: str) -> None:
        """Nothing can be read again."""

    def committed(self, position: str) -> None:
        """Nobody waits for this."""

    def close(self) -> None:
        """Nothing is held."""
