"""What is kept for how long, and the erasing of the rest: on the record, and so that the chains still verify.

What speaks of people goes first, and what is only counted stays: rollups, and entries without their payloads.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from linewatch.errors import InputError, StoreError
from linewatch.records import Clip, ClipRequest, Emergency, KnownMover, Tick, from_bytes
from linewatch.store.archive.writer import covered
from linewatch.store.journal import Journal
from linewatch.store.notes import AUDIT_KINDS, Erasure
from linewatch.store.reader import StoreReader, open_store

_DAY_NS: Final = 24 * 3_600_000_000_000
_PICTURES: Final = (".jpg", ".jpeg", ".png", ".webp", ".mp4")
MOST_RANGES: Final = 5_000
"""Ranges in one erasure, so that a watch is never held up for long."""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many days each kind is kept; 0 means for ever."""

    staff_positions_days: int = 7
    """Positions of patrols and work parties."""
    pictures_days: int = 30
    """Pictures that belong to no incident; those of an incident are kept as long as the incident."""
    clips_days: int = 90
    """Other clips that belong to no incident."""
    inputs_days: int = 35
    """Detections as the journal holds them, from which all can be derived again; the archive holds them longer."""
    tracks_days: int = 90
    """Tracks and hand-overs."""
    acts_days: int = 180
    """Seat, reason and values of operators' acts."""
    audit_days: int = 365
    """Who and what in the audit chain; that something was done, and when, stays."""
    detections_days: int = 400
    """Detections in the archive."""
    health_days: int = 400
    """Findings of health in the archive."""
    incidents_days: int = 1096
    """Closed incidents, all versions."""


def read_rules(path: Path) -> Rules:
    """Rules in a TOML file; what it does not name is as by default. Raises `InputError`."""
    try:
        rules = msgspec.toml.decode(path.read_bytes(), type=Rules)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"--rules: {path}: {error}; allowed: {', '.join(Rules.__struct_fields__)}") from error
    for name in Rules.__struct_fields__:
        if getattr(rules, name) < 0:
            raise InputError(f"--rules: {path}: {name}: found {getattr(rules, name)}; allowed: 0 (for ever) or more")
    limit = rules.incidents_days or 1 << 30
    for name in ("staff_positions_days", "acts_days"):
        if not 0 < getattr(rules, name) <= limit:
            raise InputError(
                f"--rules: {path}: {name}: found {getattr(rules, name)}; allowed: 1 to incidents_days ({limit}): "
                "what speaks of staff is not kept longer than what it was for"
            )
    return rules


def plan(folder: Path, now_ns: int, rules: Rules | None = None) -> list[Erasure]:
    """Everything that is due to be erased at a time. Reads only. Raises `StoreError`."""
    rules = rules or Rules()
    with open_store(folder) as reader:
        return [each for each in _due(reader, folder, now_ns, rules) if each.ranges or each.files]


def retain(journal: Journal, now_ns: int, rules: Rules | None = None) -> list[Erasure]:
    """Erase what is due, each rule by itself; what was erased. A live watch does this once a day between two ticks."""
    done = plan(journal.folder, now_ns, rules)
    for erasure in done:
        journal.erase(erasure)
    return done


def _due(reader: StoreReader, folder: Path, now_ns: int, rules: Rules) -> Iterator[Erasure]:
    period_ns = _period_ns(reader, folder)

    def until(days: int) -> int:
        """Last entry that is older than so many days; -1 where nothing is, or for ever."""
        return reader.seq_at((now_ns - days * _DAY_NS) // period_ns) if days else -1

    positions = _of_type(reader, (KnownMover, Emergency), until(rules.staff_positions_days))
    yield from _payloads(positions, f"staff positions: {rules.staff_positions_days} days")
    inputs = min(until(rules.inputs_days), covered(reader.segments(erased=True)) - 1)
    yield from _payloads(reader.kept(("detections",), inputs), f"inputs: {rules.inputs_days} days")
    tracks = reader.kept(("track", "hand_over"), until(rules.tracks_days))
    yield from _payloads(tracks, f"tracks: {rules.tracks_days} days")
    acts = list(reader.kept(("act",), until(rules.acts_days), whole=True))
    for piece in ("seat", "reason", "values"):
        yield from _payloads(acts, f"acts: {rules.acts_days} days", piece)
    if rules.audit_days:
        notes = _notes(reader, now_ns - rules.audit_days * _DAY_NS)
        for piece in ("who", "text"):
            yield from _payloads(notes, f"audit: {rules.audit_days} days", piece, "audit")
    if rules.incidents_days:
        closed = reader.closed_incidents(now_ns - rules.incidents_days * _DAY_NS)
        yield from _payloads(closed, f"incidents: {rules.incidents_days} days")
    for what, days in (("detections", rules.detections_days), ("health", rules.health_days)):
        limit_ns = now_ns - days * _DAY_NS if days else 0
        old = tuple(each.name for each in reader.segments() if each.what == what and each.last_ns < limit_ns)
        yield Erasure("record", (), "", old, f"archive of {what}: {days} days")
    yield from _clips(reader, until, rules)


def _clips(reader: StoreReader, until: Any, rules: Rules) -> Iterator[Erasure]:
    """Files of clips that belong to no incident that is still known."""
    incident_of: dict[str, str] = {}
    request_of: dict[str, str] = {}
    for entry in reader.entries(kinds=("clip_request", "clip")):
        record = None if entry.payload is None else from_bytes(entry.payload)
        if isinstance(record, ClipRequest):
            incident_of[record.id] = record.incident
        elif isinstance(record, Clip) and record.file:
            request_of[record.file] = record.request
    standing = {incident.id for incident in reader.incidents()}
    for pictures, days in ((True, rules.pictures_days), (False, rules.clips_days)):
        old = tuple(
            name
            for name, seq in reader.files("clips")
            if name.endswith(_PICTURES) == pictures
            and seq <= until(days)
            and incident_of.get(request_of.get(name, ""), "") not in standing
        )
        yield Erasure("record", (), "", old, f"{'pictures' if pictures else 'clips'}: {days} days")


def _of_type(reader: StoreReader, kind: tuple[type, ...], last: int) -> Iterator[int]:
    for entry in reader.entries(kinds=("arrival",)):
        if entry.seq > last:
            return
        if entry.payload is not None and isinstance(from_bytes(entry.payload), kind):
            yield entry.seq


def _notes(reader: StoreReader, before_ns: int) -> list[int]:
    """Notes of the audit chain, written before a time, that still say who or what."""
    return [
        audit.entry.seq
        for audit in reader.audits()
        if audit.wall_ns < before_ns and audit.entry.kind not in AUDIT_KINDS and audit.entry.payload is not None
    ]


def _payloads(seqs: Iterable[int], reason: str, piece: str = "", chain: Any = "record") -> Iterator[Erasure]:
    """Erasures of these entries, as ranges, so many at a time."""
    ranges: list[tuple[int, int]] = []
    for seq in seqs:
        if ranges and ranges[-1][1] == seq - 1:
            ranges[-1] = (ranges[-1][0], seq)
        else:
            ranges.append((seq, seq))
    for at in range(0, len(ranges), MOST_RANGES):
        yield Erasure(chain, tuple(ranges[at : at + MOST_RANGES]), piece, (), reason)


def _period_ns(reader: StoreReader, folder: Path) -> int:
    entry = next(reader.entries(kinds=("tick",)), None)
    tick = None if entry is None or entry.payload is None else from_bytes(entry.payload)
    if not isinstance(tick, Tick):
        raise StoreError(f"{folder}: found no tick; allowed: a store in which something was watched")
    return tick.period_ns
