"""A source for tests: plays what it is given, in the pieces and at the times that the test chooses."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np

from linewatch.ports import Delivery, Item
from linewatch.records import Block, Detection
from tests.strategies import T0_NS


class Played:
    """Items with the time at which they become available; a recording in the sense of the ports."""

    delivery: Delivery = "replayable"

    def __init__(
        self, items: Sequence[tuple[int, Item]], *, name: str = "played", lateness_s: float = 0.0, end_ns: int = 0
    ) -> None:
        self.name = name
        self.lateness_s = lateness_s
        # Stable: items that become available together keep the order in which the test gave them.
        self._items = sorted(items, key=lambda item: item[0])
        self._next = 0
        times = [available_ns for available_ns, _ in self._items]
        self.start_ns = min(times, default=T0_NS)
        self.end_ns = max([*times, end_ns])
        self.fingerprint = name

    def poll(self, until_ns: int) -> Iterable[Item]:
        """Items that became available before `until_ns` and were not given yet."""
        out: list[Item] = []
        while self._next < len(self._items) and self._items[self._next][0] < until_ns:
            out.append(self._items[self._next][1])
            self._next += 1
        return out

    def position(self) -> str:
        """How many items were given."""
        return str(self._next)

    def seek(self, position: str) -> None:
        """Go on after so many items."""
        self._next = int(position)

    def committed(self, position: str) -> None:
        """Nothing to say to anybody."""

    def close(self) -> None:
        """Nothing is open."""


def detections_played(detections: Sequence[Detection], *, lateness_s: float = 0.0, name: str = "played") -> Played:
    """Detections that arrive at the very time they are stamped."""
    return Played([(d.time_ns, d) for d in detections], lateness_s=lateness_s, name=name)


def stream(samples: np.ndarray, cuts: Iterable[int] = (), *, rate_hz: float = 1000.0, shift_ns: int = 0) -> Played:
    """Samples of `f1` from `T0_NS`, cut before these rows; each piece is there once its last row is."""
    edges = [0, *sorted({c for c in cuts if 0 < c < len(samples)}), len(samples)]
    whole = Block("main", "f1", T0_NS + shift_ns, 0, rate_hz, samples)
    pieces: list[tuple[int, Item]] = []
    for start, stop in itertools.pairwise(edges):
        piece = whole.rows(start, stop)
        # Pieces never cross a tick here: what a source gives at a tick is stamped before it.
        pieces += [(part.end_ns - 1, part) for part in _at_ticks(piece)]
    return Played(pieces, end_ns=whole.end_ns)


def _at_ticks(block: Block, period_ns: int = 250_000_000) -> Iterable[Block]:
    rest: Block | None = block
    while rest is not None:
        edge_ns = (rest.start_ns // period_ns + 1) * period_ns
        part, rest = rest.split_at(edge_ns)
        if part is not None:
            yield part
