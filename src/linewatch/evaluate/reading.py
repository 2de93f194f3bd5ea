"""Reads `truth.jsonl`: one event a line."""

from pathlib import Path

import msgspec

from linewatch.errors import InputError, Problem, SiteError
from linewatch.records import Truth

_DECODER = msgspec.json.Decoder(Truth)


def read_truth(path: Path) -> tuple[Truth, ...]:
    """The events of a truth file, in its order.

    Raises `InputError` where it cannot be read, and `SiteError`, with every wrong line, where a line is no event.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        raise InputError(f"{path}: the truth cannot be read: {cause}") from cause
    events: list[Truth] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = _DECODER.decode(line)
        except msgspec.DecodeError as cause:
            problems.append(Problem(str(path), f"line {number}", str(cause), "one event as in docs/score.md"))
            continue
        if event.end_ns < event.start_ns or not event.path:
            problems.append(
                Problem(str(path), f"line {number}", f"event {event.event!r}", "an end after its start, a path")
            )
        events.append(event)
    if problems:
        raise SiteError(problems)
    return tuple(events)
