"""The tracker of one section: a step from detections to tracks that reads like the algorithm."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from linewatch.ports import Batch
from linewatch.records import Detections, HandOver, Health, KnownMover, Outage, Record, Tick, Track, concatenate
from linewatch.records.block import BlockHeader
from linewatch.records.masking import masked_rows
from linewatch.site.model import Site
from linewatch.track import crowd, delete, fuse, handover, recall, report
from linewatch.track.admit import GOOD, LATE_BUT_GOOD, SLOW, health_of, measurements, on_arrival, only_of, verdicts
from linewatch.track.associate import associate, gate
from linewatch.track.group import count, gather
from linewatch.track.initiate import begin, descend, newcomers
from linewatch.track.intend import REASON_FIELDS, intend, reason_of
from linewatch.track.know import know, number_of
from linewatch.track.noise import NoiseFloor
from linewatch.track.performance import Watch, silence_evidence
from linewatch.track.predict import predict
from linewatch.track.reach import brought_up, reports_of, told_until, worth_keeping
from linewatch.track.settings import TrackSettings
from linewatch.track.state import (
    MEASUREMENT,
    NS_PER_S,
    TRACK,
    Corroboration,
    Items,
    Known,
    Moment,
    Reports,
    TrackerState,
    chosen,
    joined,
    no_tracks,
    rows_of,
)
from linewatch.track.update import update


class Work(msgspec.Struct, eq=False):
    """What one tick works on: copies of the state's arrays, and what follows from them."""

    tracks: NDArray[Any]
    seen: NDArray[np.uint64]
    heard: NDArray[np.uint64]
    """(n, words) which sensors have detected each in this tick."""
    out: list[Record]
    passed: list[HandOver]


class TrackStep:
    """Follows the movers of one section of a line; satisfies `ports.Step`.

    Detections may be those of the whole line or what `route` gives for the section. Out come `Track`, `HandOver`
    and `Health` records. Settings of the section itself (`Section.settings["track"]`) are the caller's to resolve.
    """

    def __init__(self, site: Site, line_id: str, section: str, settings: TrackSettings | None = None) -> None:
        self._settings = TrackSettings() if settings is None else settings
        self._line = site.line(line_id)
        self._section = next(s for s in self._line.sections if s.name == section)
        self._origin = self._line.sections.index(self._section)
        self._watch = Watch(site, line_id)
        self._facts = self._watch.facts_for(self._settings.touch_speed_mps, self._settings.top_speed_mps)
        self._zone_m = handover.zone_m(self._line, self._section, self._settings.overlap_m)
        kinds = [site.sensor(sensor).kind for sensor in self._watch.ids]
        self._noise = NoiseFloor(self._watch, kinds, self._zone_m)
        self._owned_m = handover.owned_m(self._line, self._section)
        here = (self._watch.to_m >= self._zone_m[0]) & (self._watch.from_m < self._zone_m[1])
        self._near = frozenset(np.array(self._watch.ids)[here].tolist())

    @property
    def key(self) -> str:
        """Line and section."""
        return f"{self._line.id}/{self._section.name}"

    @property
    def state_type(self) -> type[TrackerState]:
        """Type of the state."""
        return TrackerState

    def initial(self) -> TrackerState:
        """Nothing known."""
        return TrackerState(no_tracks(self._watch.words, self._noise.initial()))

    def step(self, state: TrackerState, batch: Batch, tick: Tick) -> tuple[TrackerState, tuple[Record, ...]]:
        """Follow the movers through one tick; late detections of the window are first put where they belong."""
        items, late, out = self._admit(state, batch, tick)
        known, past = state.known, state.past
        if late is not None:
            known, past, more = self._live_again(known, past, late)
            out += more
        before = known
        known, work = self._advance(known, items, tick)
        passed = tuple(h.track.id for h in work.passed)
        past = recall.remember(past, Moment(tick, items, before, passed), self._settings.window_s)
        return TrackerState(known, past), (*out, *work.out)

    def _advance(self, known: Known, items: Items, tick: Tick, *, quiet: bool = False) -> tuple[Known, Work]:
        """One tick. With `quiet`, nothing is reported: it has been before."""
        work, movers, outages = self._open(known, items)
        scans = [self._noise.among_noise(gather(scan), known.noise) for scan in self._scans(items)]
        heard: list[tuple[NDArray[Any], NDArray[np.float64]]] = []
        for scan in scans:
            predict(work.tracks, int(scan["time_ns"].max()), self._settings.acceleration_m2ps3, self._settings.life_s)
            before = report.stretches(work.tracks)
            scan = self._give_to_crowds(work, scan)  # noqa: PLW2901 - what is left of it
            if not len(scan):
                continue
            free = self._associate_and_update(work, scan)
            doubted = self._noise.doubted(scan, known.noise)
            self._initiate(work, doubted, free, before)
            heard.append((doubted, free))
        predict(work.tracks, tick.time_ns, self._settings.acceleration_m2ps3, self._settings.life_s)
        slow = brought_up(known.slow, next((i for i in items if isinstance(i, Reports)), None))
        self._weigh_silence(work, outages, slow, self._noise.silence_share(known.noise), tick)
        self._fuse(work)
        self._end(work, slow, tick, quiet=quiet)
        count(work.tracks, self._settings.group_width)
        crowd.mark(work.tracks)
        intend(work.tracks, self._watch.touch, tick.time_ns)
        know(work.tracks, movers, tick.time_ns)
        report.name(work.tracks, self._line, self._watch)
        self._hand_over(work, tick)
        if not quiet:
            self._report(work, movers, tick)
        noise = self._noise.learn(known.noise, heard, tick.period_ns / NS_PER_S)
        still_slow = tuple((number, reached_ns) for number, _, reached_ns in slow.tolist())
        return Known(work.tracks, work.seen, noise, movers, outages, still_slow), work

    # What comes in ------------------------------------------------------------------------------------------

    def _admit(self, state: TrackerState, batch: Batch, tick: Tick) -> tuple[Items, Detections | None, list[Record]]:
        """Good items of this tick, late detections of the window, and Health for what is refused."""
        out: list[Record] = []
        line = self._line
        shared = [i for i in batch if isinstance(i, HandOver | KnownMover | Outage) and i.line == line.id]
        shared.sort(key=lambda i: (type(i).__name__, _id_of(i)))
        others: Items = tuple(shared)
        if (reports := self._reports(batch, state.known, tick)) is not None:
            others = (*others, reports)
        whole = only_of([i for i in batch if isinstance(i, Detections)], line.id, *self._zone_m)
        if whole is not None:
            # What ends in this tick still hides what was felt before its end.
            outages = {o.id: o for o in (*state.known.outages, *(i for i in shared if isinstance(i, Outage)))}
            hidden = masked_rows(whole, outages.values())
            whole = None if hidden.all() else whole.take(~hidden) if hidden.any() else whole
        if whole is None:
            return others, None, out
        oldest_ns = recall.oldest_ns(state.past, tick)
        words = verdicts(whole, self._watch, self._settings, tick, line.length_m, oldest_ns)
        good = words == GOOD
        if good.all():
            return (*others, whole), None, out
        x = whole.chainage_m
        counted = (x >= self._owned_m[0]) & (x < self._owned_m[1]) | ~np.isfinite(x) & (self._origin == 0)
        out += health_of(whole, words, tick, counted)
        late, slow = words == LATE_BUT_GOOD, words == SLOW
        kept: Items = (whole.take(good),) if good.any() else ()
        if slow.any():
            kept = (*kept, Corroboration(on_arrival(whole.take(slow), tick, self._settings)))
        return (*others, *kept), whole.take(late) if late.any() else None, out

    def _reports(self, batch: Batch, known: Known, tick: Tick) -> Reports | None:
        """How far the sensors that this section hears have reported, where that is late or was."""
        line = self._line.id
        near = only_of([i for i in batch if isinstance(i, Detections)], line, *self._zone_m)
        headers = [i for i in batch if isinstance(i, BlockHeader) and i.line == line and i.sensor in self._near]
        newest = reports_of(headers, near, self._watch, tick.time_ns, self._settings.window_s)
        return worth_keeping(newest, known.slow)

    def _live_again(
        self, known: Known, past: tuple[Moment, ...], late: Detections
    ) -> tuple[Known, tuple[Moment, ...], list[Record]]:
        """The window once more, with the late detections in their moments."""
        past, first = recall.with_late(past, late)
        again = past[first].before
        assert again is not None
        out: list[Record] = []
        already = {name for moment in past for name in moment.passed}
        lived = list(past)
        for i in range(first, len(past)):
            moment = past[i]
            if moment.before is not None:
                lived[i] = msgspec.structs.replace(moment, before=again)
            again, work = self._advance(again, moment.items, moment.tick, quiet=True)
            out += [h for h in work.passed if h.track.id not in already]
        again, lost = recall.keep_names(again, known)
        if lost.any():
            rows = rows_of(known)[lost]
            reason = "a late detection shows that it was never there, or was part of another track"
            out += self._records(rows, known.seen[lost], ended=(reason,) * len(rows))
        return again, tuple(lived), out

    def _open(self, known: Known, items: Items) -> tuple[Work, tuple[KnownMover, ...], tuple[Outage, ...]]:
        """Copies of the state's arrays with the tracks that neighbours gave or show; context brought up to date."""
        given = [item for item in items if isinstance(item, HandOver)]
        tracks, seen = rows_of(known).copy(), known.seen.copy()
        if given:
            rows, masks, bad = handover.adopt(given, self._section.name, self._watch)
            fresh = ~np.isin(rows["id"], tracks["id"][tracks["id"] != 0])
            tracks = joined(tracks, chosen(rows, fresh))
            seen = np.concatenate([seen, masks[fresh]])
        out: list[Record] = [_unreadable(h) for h in bad] if given else []
        movers = {m.id: m for m in known.movers} | {m.id: m for m in items if isinstance(m, KnownMover)}
        outages = {o.id: o for o in known.outages} | {o.id: o for o in items if isinstance(o, Outage)}
        still = tuple(o for _, o in sorted(outages.items()) if o.end_ns is None)
        work = Work(tracks, seen, np.zeros_like(seen), out, [])
        return work, tuple(m for _, m in sorted(movers.items())), still

    def _scans(self, items: Items) -> list[NDArray[Any]]:
        """What came, cut into scans in the order of time; what came late speaks last."""
        scans = self._cut([item for item in items if isinstance(item, Detections)])
        late = self._cut([item.batch for item in items if isinstance(item, Corroboration)])
        for scan in late:
            scan["late"] = 1
        return [*scans, *late]

    def _cut(self, batches: list[Detections]) -> list[NDArray[Any]]:
        if not batches:
            return []
        rows = measurements(concatenate(self._line.id, batches), self._watch, self._facts, self._settings)
        if rows["scan"][-1] == 0:
            return [rows]
        return np.split(rows, np.flatnonzero(np.diff(rows["scan"])) + 1)

    # One scan -----------------------------------------------------------------------------------------------

    def _give_to_crowds(self, work: Work, scan: NDArray[Any]) -> NDArray[Any]:
        """Let crowds take all that is theirs; returns what is left."""
        crowds = np.flatnonzero(work.tracks["crowd"])
        if not len(crowds):
            return scan
        parts = np.zeros(len(crowds), dtype=MEASUREMENT)
        most = self._settings.most_probability
        left = crowd.take_parts(work.tracks, work.seen, work.heard, crowds, scan, parts, most)
        return scan if left.all() else scan[left]

    def _associate_and_update(self, work: Work, scan: NDArray[Any]) -> NDArray[np.float64]:
        """Share the detections out and use them; returns how free of claims each one is."""
        s = self._settings
        start, detection, weight = gate(
            work.tracks, scan, s.gate_sigma, s.birth_per_km / 1000.0, 1.0 / s.offset_span_m, 0.5 / s.top_speed_mps
        )
        share = associate(start, detection, weight, len(scan), s)
        return np.asarray(update(work.tracks, work.seen, work.heard, scan, start, detection, share, s.most_probability))

    def _initiate(self, work: Work, scan: NDArray[Any], free: NDArray[np.float64], before: NDArray[np.float64]) -> None:
        """Begin tracks from what nobody claims."""
        rows = newcomers(work.tracks, scan, free, *self._owned_m)
        if not len(rows):
            return
        s = self._settings
        fresh = np.zeros(len(rows), dtype=TRACK)
        seen = np.zeros((len(rows), self._watch.words), dtype=np.uint64)
        begin(fresh, seen, scan, rows, free, self._origin, s.birth_per_km / 1000.0, s.most_probability)
        descend(fresh, work.tracks, before)
        work.tracks = joined(work.tracks, fresh)
        work.seen = np.concatenate([work.seen, seen])
        work.heard = np.concatenate([work.heard, seen])

    # The end of a tick --------------------------------------------------------------------------------------

    def _weigh_silence(
        self, work: Work, outages: tuple[Outage, ...], slow: NDArray[np.int64], alike: float, tick: Tick
    ) -> None:
        """What sensors say that should have seen and did not."""
        if not len(work.tracks):
            return
        watch = self._watch
        sensors = (watch.from_m, watch.to_m, watch.silence_per_s, watch.blind(outages))
        period_s = tick.period_ns / NS_PER_S
        evidence = silence_evidence(work.tracks, work.heard, *sensors, slow, tick.time_ns, period_s, alike)
        delete.weigh_silence(work.tracks, evidence)

    def _fuse(self, work: Work) -> None:
        """Take tracks that are one and the same into one, and let the shadows go: they have done their work."""
        if work.tracks["crowd"].any():
            into = fuse.into_crowds(work.tracks)
            self._tell_taken_in(work, into)
            fuse.take_into_crowds(work.tracks, work.seen, into)
            self._keep(work, into < 0)
        if len(work.tracks) > 1:
            order = np.argsort(work.tracks["chainage_m"], kind="stable")
            into = fuse.into(work.tracks, order, self._settings.same_sigma)
            self._tell_taken_in(work, into)
            fuse.take_in(work.tracks, work.seen, into)
            self._keep(work, (into < 0) & (work.tracks["shadow"] == 0))
        elif len(work.tracks):
            self._keep(work, work.tracks["shadow"] == 0)

    def _tell_taken_in(self, work: Work, into: NDArray[np.int64]) -> None:
        """A track that was reported does not vanish without a word."""
        rows = np.flatnonzero((into >= 0) & (work.tracks["sent_ns"] != 0))
        if not len(rows):
            return
        report.name(work.tracks, self._line, self._watch)
        names = work.tracks["id"][into[rows]].tolist()
        reasons = tuple(f"taken into track {name:016x}: both followed the same mover" for name in names)
        work.out += self._records(work.tracks[rows], work.seen[rows], ended=reasons)

    def _end(self, work: Work, slow: NDArray[np.int64], tick: Tick, *, quiet: bool) -> None:
        """Confirm, let coast, delete."""
        told_ns = told_until(work.tracks, slow, tick.time_ns)
        verdict = delete.judge(work.tracks, tick.time_ns, told_ns, self._settings)
        gone = verdict != delete.ALIVE
        if not gone.any():
            return
        told = gone & (work.tracks["sent_ns"] != 0)
        if told.any() and not quiet:
            unseen_s = (tick.time_ns - work.tracks["last_ns"][told]) / NS_PER_S
            reasons = tuple(map(delete.reason_of, verdict[told].tolist(), unseen_s.tolist()))
            work.out += self._records(work.tracks[told], work.seen[told], ended=reasons)
        self._keep(work, ~gone)

    def _hand_over(self, work: Work, tick: Tick) -> None:
        """Pass on what has left the section, show what is near its border."""
        s = self._settings
        gone, targets = handover.leaving(work.tracks, self._line, self._section, s.overlap_m)
        if not targets:
            return
        where = np.array([row for row, _ in targets])
        owners = [to if gone[row] else self._section.name for row, to in targets]
        records = self._records(work.tracks[where], work.seen[where])
        records = [msgspec.structs.replace(r, section=o) for r, o in zip(records, owners, strict=True)]
        made = handover.hand_overs(work.tracks, work.seen, records, targets, self._section, tick)
        work.out += made
        work.passed = [h for h in made if h.track.section == h.to_section]
        # Whoever gives a track away still sees it for one tick, until the new owner shows it.
        work.tracks["shadow"][gone] = 1

    def _report(self, work: Work, movers: tuple[KnownMover, ...], tick: Tick) -> None:
        """Say what is new."""
        rows = report.which(work.tracks, tick.time_ns, self._settings)
        told = work.tracks[rows]
        names = {number_of(mover): mover.id for mover in movers}
        known = tuple(names.get(number) for number in told["known"].tolist()) if told["known"].any() else ()
        work.out += self._records(told, work.seen[rows], known=known)

    def _records(
        self,
        tracks: NDArray[Any],
        seen: NDArray[np.uint64],
        *,
        known: tuple[str | None, ...] = (),
        ended: tuple[str, ...] = (),
    ) -> list[Track]:
        columns = zip(*(tracks[field].tolist() for field in REASON_FIELDS), strict=True)
        reasons = tuple(reason_of(*row) for row in columns)
        return report.records(
            tracks, seen, self._section.name, self._line, self._watch, known=known, reasons=reasons, ended=ended
        )

    @staticmethod
    def _keep(work: Work, rows: NDArray[np.bool_]) -> None:
        if not rows.all():
            work.tracks = chosen(work.tracks, rows)
            work.seen, work.heard = work.seen[rows], work.heard[rows]


def _id_of(item: HandOver | KnownMover | Outage) -> tuple[str, str, int]:
    if isinstance(item, HandOver):
        return (item.track.id, item.from_section, item.tick)
    return (item.id, "", item.time_ns if isinstance(item, KnownMover) else item.noticed_ns)


def _unreadable(hand_over: HandOver) -> Health:
    return Health(
        line=hand_over.line,
        sensor="",
        time_ns=hand_over.track.time_ns,
        condition="refused",
        severity="degraded",
        text=(
            f"hand-over of track {hand_over.track.id} from section {hand_over.from_section} has a state of "
            f"{len(hand_over.state)} bytes that this version cannot read"
        ),
    )
