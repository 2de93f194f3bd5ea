"""A console over a watch that hears samples: a fence cable without a disturbance, and a contact that was opened."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from linewatch.app.played_watch import PlayedWatch
from linewatch.clock import WallClock
from linewatch.ports import Item  # noqa: TC001 - an annotation of a local
from linewatch.records import Block, Health
from tests.played import Played
from tests.sites import fence_site
from tests.strategies import T0_NS
from tests.unit.console.bench import Console, console_over, wait_for

S = 1_000_000_000
PERIOD_NS = S // 4
RATE_HZ = 100.0
SITE = fence_site(length_m=120.0, channels=120)


def played(seconds: int = 60) -> Played:
    """A fence of 100 samples a second, and the contact in its middle, opened and closed again."""
    samples = np.abs(np.random.default_rng(1).normal(0.0, 20.0, (round(seconds * RATE_HZ), 120))).astype(np.float32)
    whole = Block("main", "f1", T0_NS, 0, RATE_HZ, samples)
    rows = round(RATE_HZ * PERIOD_NS / S)
    items: list[tuple[int, Item]] = []
    for first in range(0, len(samples), rows):
        piece = whole.rows(first, first + rows)
        items.append((piece.end_ns - 1, piece))
    broken = Health("main", "c1", T0_NS + S, "tamper", "failed", "c1 was opened")
    closed = Health("main", "c1", T0_NS + 2 * S, "recovered", "ok", "c1 is closed")
    return Played([*items, (broken.time_ns, broken), (closed.time_ns, closed)], end_ns=T0_NS + seconds * S)


@contextlib.contextmanager
def console_that_hears(store: Path) -> Iterator[Console]:
    """A console over a watch at work in a thread of its own."""
    stop, begun = threading.Event(), threading.Event()

    def work() -> None:
        watch = PlayedWatch(SITE, played(), store, 1.0, WallClock())
        begun.set()
        watch.run(stop)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert begun.wait(30)
    with contextlib.ExitStack() as stack:
        stack.callback(thread.join, 30)
        stack.callback(stop.set)
        console = stack.enter_context(console_over(store, SITE))
        wait_for(lambda: console.services.live.picture.outages != {})
        yield console
