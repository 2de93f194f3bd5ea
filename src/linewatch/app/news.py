"""What a store has to tell: the changes that one channel has not delivered yet, and what stands now."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar, get_args

import msgspec

from linewatch.notify_ports import Call, CallWhat, News, Notifier, Situation, Told
from linewatch.records import Incident, KnownMover, Outage, Track, Weather, from_bytes
from linewatch.store.notes import decode_note
from linewatch.store.reader import StoreReader

KeyT = TypeVar("KeyT", str, tuple[str, float, float])
ValueT = TypeVar("ValueT")
_TOLD: Final = ("incident", "outage")
_STANDING: Final = ("incident", "outage", "track", "arrival")
RESCUE: Final = "rescue"
"""Kind of the audit entries that speak of calls for rescue."""
_CALLS: Final[dict[str, CallWhat]] = {word: word for word in get_args(CallWhat)}
_LONGEST_WEATHER: Final = 4096
"""A report of the weather is far shorter; nothing longer is decoded only to see what it is."""


class Feed:
    """The news of one channel, in order. Keeps what was taken until it is settled."""

    def __init__(self, reader: StoreReader, notifier: Notifier) -> None:
        self._reader = reader
        self._notifier = notifier
        self._waiting: deque[News] = deque()
        self.erased = 0
        """Changes that could not be told because retention has erased them."""
        delivered = reader.delivered_to(notifier.name)
        self.settled: int | None = delivered
        """All up to this position has been told, refused or is of no interest; None before a new channel has begun."""
        if delivered is None and not notifier.from_start:
            self._read_to = reader.last_seq()
            versions = reader.incident_versions(self._read_to)
            self._before: dict[str, Told] = {i.id: i for _, i in versions if i.closed_ns is None}
            # The picture as it stands is the first news; a stop before all of it was told begins anew.
            versions = reader.incident_versions(self._read_to)
            self._waiting += [News(seq, i) for seq, i in versions if i.closed_ns is None and notifier.cares(i)]
        else:
            self._read_to = -1 if delivered is None else delivered
            versions = reader.incident_versions(self._read_to)
            self._before = {incident.id: incident for _, incident in versions if incident.closed_ns is None}
        self._opening = len(self._waiting) if delivered is None else 0

    def take(self, limit: int) -> Sequence[News]:
        """The oldest news that is not settled, at most so much."""
        if len(self._waiting) < limit:
            self._read(limit)
        return [self._waiting[number] for number in range(min(limit, len(self._waiting)))]

    def settle(self, seq: int) -> None:
        """The news at the front, which is at this position, is done with. Raises `ValueError` for any other."""
        if not self._waiting or self._waiting[0].seq != seq:
            expected = self._waiting[0].seq if self._waiting else "none"
            raise ValueError(f"receipt for position {seq}; allowed: {expected} (in order, each once)")
        self._waiting.popleft()
        if self._opening:
            self._opening -= 1
        if not self._waiting:
            self.settled = self._read_to
        elif not self._opening:
            self.settled = self._waiting[0].seq - 1

    def waiting(self) -> int:
        """How much is read and not settled."""
        return len(self._waiting)

    def _read(self, limit: int) -> None:
        last = self._reader.last_seq()
        if last <= self._read_to and not (self.settled is None and not self._waiting):
            return
        entries = self._reader.entries(kinds=_TOLD, from_seq=self._read_to + 1)
        for entry in entries:
            if len(self._waiting) >= limit:
                entries.close()  # type: ignore[attr-defined]  # a generator, behind the port
                return
            self._read_to = entry.seq
            if entry.payload is None:
                self.erased += 1
                continue
            record = from_bytes(entry.payload)
            assert isinstance(record, Incident | Outage)
            self._offer(entry.seq, record)
        self._read_to = max(self._read_to, last)
        if not self._waiting:
            self.settled = self._read_to

    def _offer(self, seq: int, record: Told) -> None:
        before = self._before.get(record.id)
        over = record.closed_ns is not None if isinstance(record, Incident) else record.end_ns is not None
        if over:
            self._before.pop(record.id, None)
        else:
            self._before[record.id] = record
        # Who was told of something is told how it ends, though it is less urgent by then.
        if self._notifier.cares(record) or (before is not None and self._notifier.cares(before)):
            self._waiting.append(News(seq, record, before))


class Standing:
    """What stands now, followed along the chains."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._read_to = -1
        self._audited_to = -1
        self._incidents: dict[str, Incident] = {}
        self._outages: dict[str, Outage] = {}
        self._tracks: dict[str, Track] = {}
        self._weather: dict[tuple[str, float, float], Weather] = {}
        self._calls: dict[Call, None] = {}
        self._proved: dict[str, bool] = {}

    def note(self, call: Call) -> None:
        """A call that is on its way into the audit chain."""
        self._calls[call] = None

    def at(self, now_ns: int) -> Situation:
        """Read on, and tell what stands."""
        for entry in self._reader.entries(kinds=_STANDING, from_seq=self._read_to + 1):
            self._read_to = entry.seq
            raw = entry.payload
            if raw is None or (entry.kind == "arrival" and not _is_wanted(raw)):
                continue
            self._take(from_bytes(raw))
        self._read_audits()
        return Situation(
            now_ns,
            _by_key(self._incidents),
            _by_key(self._outages),
            tuple(self._told(track) for track in _by_key(self._tracks)),
            _by_key(self._weather),
            tuple(sorted(self._calls, key=lambda call: call.wall_ns)),
        )

    def _take(self, record: object) -> None:
        match record:
            case Incident():
                self._incidents[record.id] = record
                if record.closed_ns is not None:
                    del self._incidents[record.id]
            case Outage():
                self._outages[record.id] = record
                if record.end_ns is not None:
                    del self._outages[record.id]
            case Track():
                self._tracks[record.id] = record
                if record.state == "ended":
                    del self._tracks[record.id]
            case KnownMover():
                self._proved[record.id] = record.authenticated
            case Weather():
                self._weather[record.line, record.from_m, record.to_m] = record
            case _:
                pass

    def _told(self, track: Track) -> Track:
        """Nobody outside takes a track for one of our own on the word of somebody who has not proved who it is."""
        borrowed = track.known is not None and not self._proved.get(track.known, False)
        return msgspec.structs.replace(track, known=None) if borrowed else track

    def _read_audits(self) -> None:
        for audit in self._reader.audits(from_seq=self._audited_to + 1):
            self._audited_to = audit.entry.seq
            if audit.entry.kind == RESCUE and (call := call_of(audit.entry.payload, audit.wall_ns)):
                self._calls[call] = None


def _is_wanted(raw: bytes) -> bool:
    """Whether an arrival is weather or where own people are, by its tag."""
    return len(raw) <= _LONGEST_WEATHER and (b"weather" in raw[:24] or b"known_mover" in raw[:24])


def _by_key(values: Mapping[KeyT, ValueT]) -> tuple[ValueT, ...]:
    return tuple(values[key] for key in sorted(values))


def text_of(call: Call) -> str:
    """How the audit chain says it."""
    return f"{call.what} {call.incident} {call.role}".rstrip()


def acknowledged_text(incident: str, role: str) -> str:
    """How it says that this role has taken the call."""
    return f"acknowledged {incident} {role}"


def call_of(payload: bytes | None, wall_ns: int) -> Call | None:
    """The call that an audit entry speaks of, None where it speaks of none or was erased."""
    words = ("" if payload is None else decode_note(payload).text).split(" ", 2)
    if len(words) < 2 or words[0] not in _CALLS:
        return None
    return Call(_CALLS[words[0]], words[1], "".join(words[2:]), wall_ns)
