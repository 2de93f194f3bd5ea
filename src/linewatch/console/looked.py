"""Looks that a page takes by itself, again and again: told at most once a minute for each person."""

from collections import OrderedDict
from typing import Final

AGAIN_NS: Final = 60_000_000_000
_MOST: Final = 20_000


class Looked:
    """Who has seen what of late. Bounded: the oldest are forgotten first, and then told of anew."""

    def __init__(self) -> None:
        self._last_ns: OrderedDict[tuple[str, str], int] = OrderedDict()

    def is_new(self, who: str, what: str, now_ns: int) -> bool:
        """Whether this look is to be told: this person has not seen it within the last minute. It counts from now."""
        key = (who, what)
        last_ns = self._last_ns.get(key)
        if last_ns is not None and 0 <= now_ns - last_ns < AGAIN_NS:
            return False
        self._last_ns[key] = now_ns
        self._last_ns.move_to_end(key)
        while len(self._last_ns) > _MOST:
            self._last_ns.popitem(last=False)
        return True
