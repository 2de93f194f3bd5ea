"""Walk tests of a site: scored against a store at once, kept beside the site, reported to a running watch."""

import csv
import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from linewatch.errors import InputError
from linewatch.records import Detections, Incident, OperatorAct, WalkTest, from_bytes, line_of_json
from linewatch.records.vocabulary import Role
from linewatch.site.model import Site
from linewatch.site.walk_passes import Pass, PassScore, score_passes
from linewatch.store.reader import open_store

FILE: Final = "walk_tests.jsonl"
"""Beside site.toml: one walk test a line, added to and never rewritten."""
SEAT: Final = "walktest"


def walk_tests_of(site: Site) -> tuple[WalkTest, ...]:
    """The walk tests that are kept beside a site. Raises `InputError` naming file and line of what is no walk test."""
    path = Path(site.folder) / FILE
    if not path.is_file():
        return ()
    out: list[WalkTest] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not text.strip():
            continue
        try:
            out.append(msgspec.json.decode(text, type=WalkTest))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise InputError(f"{path}:{number}: {error}; allowed: one walk test as JSON a line") from None
    return tuple(out)


def keep(site: Site, test: WalkTest) -> Path:
    """Add a walk test to those of the site. Raises `InputError` where that cannot be written."""
    path = Path(site.folder) / FILE
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line_of_json(test) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; allowed: a folder that can be written, or --no-keep") from None
    return path


def read_passes(path: Path, line_length_m: float, time_of: "TimeOf") -> tuple[Pass, ...]:
    """Passes out of a CSV file with the columns time and chainage_m, in order of time.

    Raises `InputError` naming file, row and column of what is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read ({error}); allowed: a CSV file of time,chainage_m") from None
    rows = csv.DictReader(text.splitlines())
    if not {"time", "chainage_m"} <= set(rows.fieldnames or ()):
        raise InputError(f"{path}: found columns {rows.fieldnames}; allowed: time and chainage_m, others are not read")
    out: list[Pass] = []
    for number, row in enumerate(rows, start=2):
        try:
            chainage_m = float(row["chainage_m"] or "")
        except ValueError:
            chainage_m = -1.0
        if not 0.0 <= chainage_m <= line_length_m:
            allowed = f"allowed: 0 to {line_length_m:g}"
            raise InputError(f"{path}:{number}: chainage_m: found {row['chainage_m']!r}; {allowed}")
        out.append(Pass(time_of(row["time"] or "", f"{path}:{number}: time"), chainage_m))
    if not out:
        raise InputError(f"{path}: found no pass; allowed: at least one row")
    return tuple(sorted(out, key=lambda one: (one.time_ns, one.chainage_m)))


class TimeOf(Protocol):
    """Reads a time as people write it."""

    def __call__(self, text: str, where: str, /) -> int:
        """UTC nanoseconds. Raises `InputError` that begins with `where`."""
        ...


def score_store(store: Path, line: str, passes: Sequence[Pass]) -> PassScore:
    """The passes against everything that a store holds. Raises `StoreError`."""
    felt: list[Detections] = []
    incidents: dict[str, Incident] = {}
    with open_store(store) as reader:
        for entry in reader.entries(kinds=("arrival", "detections", "incident")):
            record = None if entry.payload is None else from_bytes(entry.payload)
            if isinstance(record, Detections):
                felt.append(record)
            elif isinstance(record, Incident):
                incidents[record.id] = record
    return score_passes(passes, line, felt, list(incidents.values()))


def acts_of(test: WalkTest, score: PassScore, role: Role, now_ns: int) -> tuple[OperatorAct, ...]:
    """What a running watch is told: the test itself, and that what it raised was an exercise."""
    values = tuple(sorted((key, str(value)) for key, value in msgspec.to_builtins(test).items() if value is not None))
    reason = f"walk test: {test.how}" if test.how else "walk test"
    report = OperatorAct("", "walk_test", role, SEAT, now_ns, reason, tuple(kv for kv in values if kv[0] != "type"))
    assessed = (("assessment", "exercise"),)
    marks = [
        act
        for incident in score.incidents
        for act in (
            OperatorAct(incident, "acknowledge", role, SEAT, now_ns, reason),
            OperatorAct(incident, "assess", role, SEAT, now_ns, reason, assessed),
        )
    ]
    return (report, *marks)


def person() -> str:
    """Who does it, for the audit chain."""
    return getpass.getuser()
