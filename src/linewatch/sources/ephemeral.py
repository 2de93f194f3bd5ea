"""What sources share whose senders do not say anything twice: nothing to acknowledge, no position to go back to."""

from collections.abc import Callable

from linewatch.ports import Delivery, Heard, Item
from linewatch.sources.arrivals import Arrivals, items_of


class EphemeralSource:
    """The part of `ports.LiveSource` that is the same for all of them; `start`, `status` and `close` are their own."""

    delivery: Delivery = "ephemeral"
    _arrivals: Arrivals

    def poll(self, until_ns: int) -> list[Item]:
        """What came before this time: one batch of detections a line, the rest, and what went wrong."""
        return [*items_of(self._arrivals.take(until_ns)), *self._arrivals.findings(until_ns)]

    def position(self) -> str:
        """There is none."""
        return ""

    def seek(self, position: str) -> None:
        """What was sent while we were away is gone."""

    def committed(self, position: str) -> None:
        """Nobody waits to hear of it."""

    def listen(self, listener: Callable[[Heard], None]) -> None:
        """Show every message to somebody, in the thread that takes it."""
        self._arrivals.listener = listener
