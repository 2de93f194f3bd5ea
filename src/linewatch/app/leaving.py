"""A source that a change of the site ends: closed beside the ticks, while what it had heard is still taken.

Closing may wait long for the other side, so the thread that does the ticks never does it. Whoever comes after it, under
the same name, begins when it has let go of its address; until then, and once more afterwards, it is polled.
"""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from linewatch.clock import monotonic_s

if TYPE_CHECKING:
    from linewatch.app.supervised import Supervised
    from linewatch.ports import Item

_LAST_POLLS: Final = 3
"""So many polls after its end a source is asked for; what it holds back then is stamped ahead of all that is due."""
_AHEAD_NS: Final = 60_000_000_000


class Leaving:
    """One source on its way out."""

    def __init__(self, former: "Supervised", since_ns: int, then: Callable[[], None] | None = None) -> None:
        """`then` is called in the thread that closes it, as soon as it is closed."""
        self.former = former
        self.since_ns = since_ns
        """When it was told to end."""
        self._then = then
        self._polls = 0
        self.took_s = 0.0
        """How long it took to end, once it is closed."""
        self._begun_s = monotonic_s()
        self._closed = threading.Event()
        self._failed: list[Exception] = []
        self._thread = threading.Thread(target=self._close, name=f"close {former.name}", daemon=True)
        self._thread.start()

    @property
    def closed(self) -> bool:
        """Whether it has let go of all that it held."""
        return self._closed.is_set()

    def wait(self, within_s: float) -> bool:
        """Wait until it is closed, and what follows is begun; whether it is."""
        return self._closed.wait(within_s)

    def rest(self, until_ns: int) -> tuple[list["Item"], bool]:
        """What it still has to give, and whether that was all."""
        closed = self.closed
        self._polls += closed
        last = self._polls > _LAST_POLLS
        items = self.former.rest(until_ns + _AHEAD_NS if last else until_ns)
        return items, closed and (last or not self.former.waiting)

    def trouble(self) -> Exception | None:
        """What `then` raised."""
        return self._failed[0] if self._failed else None

    def _close(self) -> None:
        try:
            self.former.close()
        except Exception as error:  # noqa: BLE001 - it is being let go of; what is held on to shows in what follows
            self.former.note_trouble(error)
        try:
            if self._then is not None:
                self._then()
        except Exception as error:  # noqa: BLE001 - handed to the thread of the ticks, which tells it
            self._failed.append(error)
        finally:
            self.took_s = monotonic_s() - self._begun_s
            self._closed.set()


class Departures:
    """Sources that were taken out of the site, until they are closed and what is lost with them was told."""

    def __init__(self) -> None:
        self._left: list[tuple[Leaving, int]] = []

    def add(self, former: "Supervised", held: int, since_ns: int) -> None:
        """Let one go; so many of its records were held at the door for their order."""
        self._left.append((Leaving(former, since_ns), held))

    def wait(self, within_s: float, others: Sequence[Leaving] = ()) -> None:
        """Wait until these and others are closed. Most are at once; for those that are not, nobody waits for long."""
        until_s = monotonic_s() + within_s
        for leaving in (*others, *(each for each, _ in self._left)):
            leaving.wait(max(until_s - monotonic_s(), 0.0))

    def lost(self) -> list[tuple[str, int]]:
        """Of those that are closed by now: what nobody will take, in words and as a number. Told once."""
        lost, waiting = list[tuple[str, int]](), list[tuple[Leaving, int]]()
        for leaving, held in self._left:
            if not leaving.closed:
                waiting.append((leaving, held))
                continue
            former = leaving.former
            # What others have not given yet is still with their sender, or can be read again.
            untaken = former.waiting if former.delivery == "ephemeral" else 0
            if held or untaken:
                text = f"{former.name} was taken out of the site: {held} records held for order and {untaken} messages "
                lost.append((f"{text}not taken yet are lost", held + untaken))
        self._left = waiting
        return lost
