"""Server-sent events: incidents, acts, sensors, coverage and the state of the watch, each with an id to go on from.

An id is `<run>-<seq>`: the store, and the position in its record chain. The run is new with every new store.
"""

import re
from typing import Any, Final

import msgspec

from linewatch.console.frames import Frame
from linewatch.console.incident_view import incident_shape
from linewatch.console.picture import NS_PER_MS, Changes, Picture

_encode: Final = msgspec.json.Encoder().encode
_ID: Final = re.compile(r"([0-9a-f]{8})-(\d{1,18})")


def event(run: str, seq: int, name: str, data: Any) -> Frame:
    """One event as bytes."""
    return Frame(seq, b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (run.encode(), seq, name.encode(), _encode(data)))


def position_in(text: str, run: str) -> int | None:
    """Position named by an id of this run; None for an id of another run, or none at all."""
    found = _ID.fullmatch(text)
    return int(found[2]) if found and found[1] == run else None


def events_of(run: str, picture: Picture, changes: Changes) -> list[Frame]:
    """What changed, in the order of the record."""
    out = [
        event(
            run,
            seq,
            "act",
            {
                "seq": seq,
                "incident": act.incident,
                "move": act.move,
                "role": act.role,
                "seat": act.seat,
                "reason": act.reason,
                "time_ms": act.time_ns // NS_PER_MS,
            },
        )
        for seq, act in changes.acts
        if act.move != "present"
    ]
    out += [
        event(run, kept.seq, "incident", incident_shape(kept, picture.pictured))
        for kept in sorted(changes.incidents.values(), key=lambda kept: kept.seq)
    ]
    for line, seq in sorted(changes.outage_lines.items()):
        out.append(event(run, seq, "coverage", {"line": line, "version": seq}))
    if changes.sensors:
        for sensor in sorted(changes.sensors):
            state, outage = picture.sensor_state(sensor)
            why = outage.reason if outage else ""
            out.append(event(run, picture.seq, "sensor", {"id": sensor, "state": state, "why": why}))
    return sorted(out, key=lambda frame: frame.seq)
