"""From a person's `look_at`, once it stands in the record, to the source that can turn the camera, and back.

Each goes to its source in a thread of its own: a camera that does not answer holds up no tick. Who asked is answered by
what came of it, and that stands in the record too: a finding where it was refused, an entry of the audit chain anyway.
"""

import contextlib
import queue
import threading
from collections.abc import Iterable
from typing import Final, NamedTuple

from linewatch.app.act_inbox import Waiting
from linewatch.app.supervised import Supervised
from linewatch.errors import InputError
from linewatch.ports import Look, SteeredSource

MOVE: Final = "look_at"
"""The move, and the kind of its entries in the audit chain."""
MOST_AT_ONCE: Final = 8
"""Looks that may wait for their cameras at the same time."""


class Looked(NamedTuple):
    """What came of one."""

    sensor: str
    """Whose camera or node."""
    text: str
    """What it does, or why it does nothing."""
    done: bool
    """Whether it was taken."""


class Looks:
    """Hands them on, and keeps what came of them for the next tick."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._came: queue.SimpleQueue[Looked] = queue.SimpleQueue()

    def hand_on(self, waiting: Waiting, seq: int, sources: Iterable[Supervised]) -> bool:
        """Hand an act that was committed to its source; whether it is one for that, and will be answered here."""
        act = waiting.offered.act
        if act.move != MOVE or act.incident:
            return False
        values = dict(act.values)
        at_m = float(values["at_m"]) if "at_m" in values else None
        look = Look(values["sensor"], values.get("preset", ""), at_m)
        behind: list[object] = [each.source for each in sources if look.sensor in each.sensors]
        source = next((each for each in behind if isinstance(each, SteeredSource)), None)
        if source is None:
            text = f"found {look.sensor!r}, whose source steers nothing now; allowed: a camera or node that can be told"
            self._end(waiting, None, Looked(look.sensor, text, done=False))
        elif not self._room.acquire(blocking=False):
            text = f"{MOST_AT_ONCE} wait for their cameras already"
            self._end(waiting, None, Looked(look.sensor, text, done=False))
        else:
            threading.Thread(target=self._look, args=(source, look, waiting, seq), name=MOVE, daemon=True).start()
        return True

    def came(self) -> list[Looked]:
        """What came of them since it was asked last."""
        out: list[Looked] = []
        with contextlib.suppress(queue.Empty):
            while True:
                out.append(self._came.get_nowait())
        return out

    def _look(self, source: SteeredSource, look: Look, waiting: Waiting, seq: int) -> None:
        try:
            looked = Looked(look.sensor, source.steer(look), done=True)
        except InputError as error:
            looked = Looked(look.sensor, str(error), done=False)
        except Exception as error:  # noqa: BLE001 - whatever a plug-in does, the person is answered and the watch goes on
            looked = Looked(look.sensor, f"{type(error).__name__}: {str(error)[:200]}", done=False)
        finally:
            self._room.release()
        self._end(waiting, seq if looked.done else None, looked)

    def _end(self, waiting: Waiting, seq: int | None, looked: Looked) -> None:
        self._came.put(looked)
        waiting.answer(seq, "" if looked.done else f"{MOVE}: {looked.text}")
