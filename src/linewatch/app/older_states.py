"""What of a store's states this version can go on with, where another version wrote them.

Fields that came later have their usual values. What people deal with must fit, or the store is refused; what a tracker
or a detector has learnt, and cannot be read any more, begins anew, and that is said.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from linewatch.app.door import DoorState
from linewatch.app.pipeline import Pipeline
from linewatch.errors import InputError
from linewatch.ports import Positions
from linewatch.records.state import thaw


class Fitting(NamedTuple):
    """What to go on from."""

    found: Positions
    """Positions, with the states that fit."""
    lost: tuple[str, ...]
    """Of whom nothing is known any more, by key."""


def fitting(pipeline: Pipeline, found: Positions) -> Fitting:
    """Leave out what does not fit. Raises `InputError` where the incidents are among it."""
    kept = f"{pipeline.site.name}/incident"
    whole = {key: found.states[key] for key in ("pending", kept) if key in found.states}
    pipeline.thaw(whole)

    def decides(key: str, raw: bytes) -> None:
        if key.startswith("door/"):
            thaw(raw, DoorState)
        elif key not in whole:
            pipeline.thaw({"pending": whole["pending"], key: raw})

    def feels(key: str, raw: bytes) -> None:
        pipeline.thaw_signals({key: raw})

    states, lost = _those(found.states, decides)
    signals, more = _those(found.signal_states, feels)
    return Fitting(msgspec.structs.replace(found, states=states, signal_states=signals), (*lost, *more))


def _those(states: Mapping[str, bytes], check: Callable[[str, bytes], None]) -> tuple[dict[str, bytes], list[str]]:
    kept, lost = dict[str, bytes](), list[str]()
    for key, raw in states.items():
        try:
            check(key, raw)
        except (InputError, ValueError, LookupError):  # the last: of a sensor that has other detectors now
            lost.append(key)
        else:
            kept[key] = raw
    return kept, lost
