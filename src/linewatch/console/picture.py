"""What is going on, as far as the record says: incidents, tracks, sensors and outages up to one position of it.

The same picture is drawn of now and, from the same entries, of any past moment.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np

from linewatch.console_ports import History
from linewatch.errors import InputError
from linewatch.ports import Entry
from linewatch.records import (
    BlockHeader,
    Clip,
    ClipRequest,
    Detections,
    Health,
    Incident,
    KnownMover,
    OperatorAct,
    Outage,
    Record,
    Tick,
    Track,
    Weather,
    from_bytes,
)
from linewatch.records.incident import interrupts, standing
from linewatch.site.model import Site

SensorState = Literal["ok", "degraded", "out", "unknown"]
KINDS: Final = ("tick", "arrival", "detections", "health", "outage", "track", "incident", "act", "clip_request", "clip")
"""Kinds of entries that a picture is drawn from."""
_CLOSED_KEPT: Final = 500
"""Closed incidents that stay at hand, so that pages that still show them find them."""
_NOTES_KEPT: Final = 200
_HEARD_BACK_NS: Final = 600_000_000_000
"""How far back a picture looks for what each sensor last said."""
_TRACK_BACK_NS: Final = 60_000_000_000
"""How far back it looks for tracks that were not told of anew."""
_TICK_BACK: Final = 20_000
NS_PER_MS: Final = 1_000_000


class Read(NamedTuple):
    """One entry, decoded."""

    entry: Entry
    """As the journal has it."""
    record: Record
    """What it holds."""


class Kept(NamedTuple):
    """The last version of an incident."""

    seq: int
    """Position of that version."""
    incident: Incident
    """The incident."""


class Counters(msgspec.Struct, frozen=True):
    """How many incidents are open, and where they are: raised = shown + grouped + shelved."""

    raised: int
    """All that are open."""
    shown: int
    """In the queue."""
    grouped: int
    """Behind the lead of their group."""
    shelved: int
    """Hidden by a person, for a time, on record."""


class Changes(msgspec.Struct):
    """What entries changed in a picture."""

    incidents: dict[str, Kept]
    """Last version of each incident that changed."""
    acts: list[tuple[int, OperatorAct]]
    """Acts, in order."""
    sensors: set[str]
    """Sensors whose state may have changed."""
    outage_lines: dict[str, int]
    """Lines whose coverage changed, with the position of the last change."""


class Picture:
    """The state of everything at one position of the record."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.seq = -1
        self.tick: Tick | None = None
        self.open: dict[str, Kept] = {}
        self.closed: dict[str, Kept] = {}
        self.tracks: dict[str, Track] = {}
        self.outages: dict[str, Outage] = {}
        self.weather: dict[str, Weather] = {}
        self.known: dict[str, KnownMover] = {}
        self.acts: dict[str, list[tuple[int, OperatorAct]]] = {}
        self.site_acts: deque[tuple[int, OperatorAct]] = deque(maxlen=_NOTES_KEPT)
        self.beats: dict[str, tuple[int, OperatorAct]] = {}
        self.heard_ns: dict[str, int] = {}
        self.findings: dict[str, Health] = {}
        self.masks: dict[str, Health] = {}
        self.corrections: dict[str, Health] = {}
        self.repair_acts: dict[str, OperatorAct] = {}
        self.pictured: set[str] = set()
        """Incidents that have a picture as evidence."""
        self._clips_asked: dict[str, str] = {}
        self.interrupted_at: deque[tuple[int, str, str]] = deque(maxlen=5000)
        self._by_sensor: dict[str, set[str]] = {}

    # --- asking ---------------------------------------------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """Time of the last tick; 0 before the first."""
        return 0 if self.tick is None else self.tick.time_ns

    def incident(self, key: str) -> Kept | None:
        """The last version of an incident that is at hand."""
        return self.open.get(key) or self.closed.get(key)

    def counters(self) -> Counters:
        """How many incidents are where."""
        where = Counter(standing(kept.incident) for kept in self.open.values())
        return Counters(len(self.open), where["shown"], where["grouped"], where["shelved"])

    def sensor_state(self, sensor: str) -> tuple[SensorState, Outage | None]:
        """How a sensor is, and the outage that says so."""
        outages = [self.outages[key] for key in sorted(self._by_sensor.get(sensor, ())) if key in self.outages]
        if outages:
            worst = min(outages, key=lambda o: (o.first_channel is not None, o.remaining_fraction))
            whole = worst.first_channel is None and worst.remaining_fraction <= 0.0
            return ("out" if whole else "degraded"), worst
        if self.site.has_sensor(sensor) and self.site.sensor(sensor).state == "out_of_service":
            return "out", None
        return ("ok" if sensor in self.heard_ns else "unknown"), None

    def mutes(self) -> list[tuple[Outage, int]]:
        """Mutes in force, each with its end in nanoseconds, by line and place."""
        out = []
        for outage in sorted(self.outages.values(), key=lambda o: (o.line, o.from_m, o.id)):
            for mask in self.masks.values():
                same = (mask.time_ns, mask.first_channel, mask.last_channel)
                mine = outage.cause == "masked" and outage.sensors == (mask.sensor,)
                if mine and same == (outage.start_ns, outage.first_channel, outage.last_channel) and mask.until_ns:
                    out.append((outage, mask.until_ns))
        return out

    def corrections_of(self, sensor: str = "") -> list[Health]:
        """Corrections of thresholds in force, of one sensor or of all, by sensor and channel."""
        found = [each for each in self.corrections.values() if sensor in ("", each.sensor)]
        return sorted(found, key=lambda each: (each.sensor, each.first_channel or 0, each.last_channel or 0))

    # --- drawing --------------------------------------------------------------------------------------------------

    def apply(self, reads: Iterable[Read]) -> Changes:
        """Go on by these entries, in order."""
        changes = Changes({}, [], set(), {})
        for read in reads:
            self.seq = read.entry.seq
            self.take(read.entry.seq, read.record, changes)
        return changes

    def take(self, seq: int, record: Record, changes: Changes) -> None:
        """Go on by one record."""
        match record:
            case Tick():
                self.tick = record
                for key in [key for key, track in self.tracks.items() if track.state == "ended"]:
                    del self.tracks[key]
            case Track():
                self.tracks[record.id] = record
            case Incident():
                self._incident(Kept(seq, record), changes)
            case Outage():
                self._outage(seq, record, changes)
            case OperatorAct():
                self._act(seq, record, changes)
            case Weather():
                self.weather[f"{record.line}/{record.from_m}-{record.to_m}"] = record
            case KnownMover():
                self.known[record.id] = record
            case ClipRequest():
                self._clips_asked[record.id] = record.incident
            case Clip():
                self._clip(seq, record, changes)
            case _:
                self._sign_of_life(record, changes)

    def _sign_of_life(self, record: Record, changes: Changes) -> None:
        match record:
            case Detections() if len(record):
                last_ns = int(record.time_ns[-1])
                for index in np.unique(record.sensor_index):
                    self._heard(record.sensors[int(index)], last_ns, changes)
            case BlockHeader():
                self._heard(record.sensor, self.time_ns, changes)
            case Health() if not record.sensor and record.condition == "refused":
                self._forget_refused(record.text, changes)
            case Health() if record.condition == "masked" and record.until_ns is not None:
                # What a person said of a sensor: no sign of life of it.
                self.masks[f"{record.sensor}/{record.first_channel}-{record.last_channel}"] = record
            case Health() if "corrected_threshold" in (record.condition, record.ends):
                about = f"{record.sensor}/{record.first_channel}-{record.last_channel}"
                if record.ends is None:
                    self.corrections[about] = record
                else:
                    self.corrections.pop(about, None)
            case Health() if record.sensor:
                self.findings[record.sensor] = record
                self._heard(record.sensor, record.time_ns, changes)
            case _:
                pass

    def follow(self, track: Track, last: Tick) -> None:
        """Take a track from before the picture began: one that had ended by its last tick is gone."""
        if track.state == "ended" and track.time_ns < last.time_ns - last.period_ns:
            self.tracks.pop(track.id, None)
        else:
            self.tracks[track.id] = track

    def _incident(self, kept: Kept, changes: Changes) -> None:
        incident = kept.incident
        changes.incidents[incident.id] = kept
        before = self.incident(incident.id)
        if interrupts(incident) and not (before is not None and interrupts(before.incident)):
            self.interrupted_at.append((incident.updated_ns, incident.section, incident.id))
        if standing(incident) == "closed":
            self.open.pop(incident.id, None)
            self.closed.pop(incident.id, None)
            self.closed[incident.id] = kept
            while len(self.closed) > _CLOSED_KEPT:
                gone = next(iter(self.closed))
                del self.closed[gone]
                self.acts.pop(gone, None)
                self.pictured.discard(gone)
        else:
            self.closed.pop(incident.id, None)
            self.open[incident.id] = kept

    def _clip(self, seq: int, clip: Clip, changes: Changes) -> None:
        incident = self._clips_asked.pop(clip.request, "")
        if clip.file and incident and incident not in self.pictured:
            self.pictured.add(incident)
            kept = self.incident(incident)
            if kept is not None:
                changes.incidents[incident] = Kept(seq, kept.incident)  # told anew: it has a picture now

    def forget_clips(self) -> None:
        """Let go of clips of incidents that are no longer at hand."""
        held = self.open.keys() | self.closed.keys()
        self.pictured &= held
        self._clips_asked = {key: incident for key, incident in self._clips_asked.items() if incident in held}

    def _forget_refused(self, text: str, changes: Changes) -> None:
        """An act that the watch refused stands in the record, and did nothing."""
        for seq, act in reversed(changes.acts):
            if text.startswith(f"act {act.move} by {act.role} at {act.seat}: "):
                changes.acts.remove((seq, act))
                if act.incident:
                    self.acts[act.incident].remove((seq, act))
                elif act.move == "present":
                    self.beats.pop(act.seat, None)
                else:
                    self.site_acts.remove((seq, act))
                return

    def _heard(self, sensor: str, time_ns: int, changes: Changes) -> None:
        if sensor not in self.heard_ns:
            changes.sensors.add(sensor)
        self.heard_ns[sensor] = max(time_ns, self.heard_ns.get(sensor, 0))

    def _outage(self, seq: int, outage: Outage, changes: Changes) -> None:
        changes.outage_lines[outage.line] = seq
        changes.sensors.update(outage.sensors)
        if outage.end_ns is None:
            self.outages[outage.id] = outage
            for sensor in outage.sensors:
                self._by_sensor.setdefault(sensor, set()).add(outage.id)
            return
        self.outages.pop(outage.id, None)
        for sensor in outage.sensors:
            held = self._by_sensor.get(sensor)
            if held is not None:
                held.discard(outage.id)
                if not held:
                    del self._by_sensor[sensor]

    def _act(self, seq: int, act: OperatorAct, changes: Changes) -> None:
        changes.acts.append((seq, act))
        if act.incident:
            self.acts.setdefault(act.incident, []).append((seq, act))
        elif act.move == "present":
            self.beats[act.seat] = (seq, act)
        elif act.move == "assign_repair":
            self.repair_acts[dict(act.values).get("outage", "")] = act
            self.site_acts.append((seq, act))
        else:
            self.site_acts.append((seq, act))


def decoded(entries: Iterable[Entry]) -> Iterator[Read]:
    """Entries with their records. What retention has erased, and what is no record, is left out."""
    for entry in entries:
        if entry.payload is None:
            continue
        try:
            yield Read(entry, from_bytes(entry.payload))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"journal entry {entry.seq} ({entry.kind}): found no record ({error})") from error


def picture_at(site: Site, history: History, seq: int) -> Picture:
    """The picture as of a position of the record: what was known then."""
    picture = Picture(site)
    nothing = Changes({}, [], set(), {})
    tick = _tick_before(history, seq)
    recent = 0
    if tick is not None:
        recent = history.seq_of_tick((tick.time_ns - _HEARD_BACK_NS) // tick.period_ns)
    for read in decoded(_until(history.entries(kinds=("outage", "act", "health", "clip_request", "clip")), seq)):
        picture.take(read.entry.seq, read.record, nothing)
    for read in decoded(_until(history.entries(kinds=("arrival", "detections"), from_seq=recent), seq)):
        picture.take(read.entry.seq, read.record, nothing)
    for at_seq, incident in history.incident_versions(seq):
        picture.take(at_seq, incident, nothing)
    picture.forget_clips()
    if tick is not None:
        picture.tick = tick
        lately = history.seq_of_tick((tick.time_ns - _TRACK_BACK_NS) // tick.period_ns)
        for read in decoded(_until(history.entries(kinds=("track",), from_seq=lately), seq)):
            if isinstance(read.record, Track):
                picture.follow(read.record, tick)
    picture.seq = seq
    return picture


def _until(entries: Iterable[Entry], seq: int) -> Iterator[Entry]:
    for entry in entries:
        if entry.seq > seq:
            return
        yield entry


def _tick_before(history: History, seq: int) -> Tick | None:
    """The last tick at or before a position."""
    back = _TICK_BACK
    while True:
        last = None
        for read in decoded(_until(history.entries(kinds=("tick",), from_seq=max(seq - back, 0)), seq)):
            last = read.record
        if isinstance(last, Tick) or back > seq:
            return last if isinstance(last, Tick) else None
        back *= 10
