"""Evidence beside a run: samples go into the ring as they come, what the clip step asks for becomes files of the store.

The order of a tick: prune the ring, keep the samples, decide, ask, answer what is due, commit. A clip is on disk, with
its hash, before the commit that cites it.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from linewatch.app.settings import Settings
from linewatch.errors import StoreError
from linewatch.evidence.ask import ClipState, ClipStep, answered, due
from linewatch.evidence.clip_file import ClipData, of_channels, write_clip
from linewatch.evidence.ring import Frame, SampleRing, by_sensor, states_by_sensor
from linewatch.ports import Positions
from linewatch.records import Block, Clip, ClipRequest, Health, Record, Tick
from linewatch.records.state import freeze, thaw
from linewatch.site.model import Site
from linewatch.store.journal import Journal

RING: Final = "ring"
"""Folder of a store that holds the ring; nothing in it is cited, and no backup takes it along."""
CLIP_SUFFIX: Final = ".h5"


class EvidenceKeeper:
    """Satisfies `ports.Evidence`. One for each run that writes a store."""

    def __init__(self, journal: Journal, site: Site, settings: Settings, period_ns: int, last_tick: int | None) -> None:
        # Whatever is still owed at the last tick of a recording is answered with what is there.
        self._last_tick = last_tick
        self._journal = journal
        self._site = site
        self._step = ClipStep(site, settings.evidence)
        self._settings = settings.evidence
        self._period_ns = period_ns
        self._state: ClipState = self._step.initial()
        self._trouble = ""
        self._new_trouble: str | None = None
        self._ring: SampleRing | None = None
        found = journal.positions()
        self._open(None if found is None else found.tick)

    def _open(self, committed_tick: int | None) -> None:
        folder = self._journal.folder / RING
        try:
            if committed_tick is None and folder.exists():
                shutil.rmtree(folder)
            self._ring = SampleRing(folder, self._settings, self._period_ns, committed_tick)
        except OSError as error:
            self._in_trouble(error)

    # --- what a run tells -------------------------------------------------------------------------------------

    def resume(self, found: Positions) -> None:
        """Go on after the last committed tick; what was owed then is still owed."""
        if (raw := found.states.get(self._step.key)) is not None:
            self._state = thaw(raw, ClipState)

    def begin(self, tick: Tick) -> None:
        """Make room."""
        if self._ring is not None:
            self._guarded(lambda ring: ring.prune(tick.index))

    def take(self, blocks: Sequence[Block], tick: Tick) -> None:
        """Keep the samples of one source and tick. Those that are there already are left as they are."""
        for sensor, mine in by_sensor(blocks).items():
            if self._ring is None or self._ring.last_tick(sensor) >= tick.index:
                continue
            if sensor not in self._state.heard and self._ring.last_tick(sensor) < 0:
                fresh = Frame(tick.index - 1, [], {})
                self._guarded(lambda ring, name=sensor, frame=fresh: ring.append(name, frame))  # type: ignore[misc]
            frame = Frame(tick.index, mine)
            self._guarded(lambda ring, name=sensor, frame=frame: ring.append(name, frame))  # type: ignore[misc]

    def keep_states(self, states: Mapping[str, bytes], tick: Tick) -> None:
        """Keep the detectors' states after this tick, so that a clip can be detected again to the same bytes.

        They are noted one tick later than the samples that they hold, as a frame without samples.
        """
        for sensor, mine in states_by_sensor(states, (s.id for s in self._site.sensors)).items():
            if self._ring is not None and self._ring.last_tick(sensor) <= tick.index:
                frame = Frame(tick.index, [], mine)
                self._guarded(lambda ring, name=sensor, frame=frame: ring.append(name, frame))  # type: ignore[misc]

    def follow(self, records: Sequence[Record], tick: Tick) -> tuple[Record, ...]:
        """Ask for what is wanted and answer what is due; the records to be journalled, in order."""
        self._state, requests = self._step.step(self._state, records, tick)
        last = self._last_tick is not None and tick.index >= self._last_tick
        ready = due(self._state, tick, last=last)
        clips = tuple(self._answer(request, tick) for request in ready)
        self._state = answered(self._state, ready)
        return (*requests, *clips, *self._findings(tick))

    def states(self) -> dict[str, bytes]:
        """What must be kept with the commit."""
        return {self._step.key: freeze(self._state)}

    # --- clips ------------------------------------------------------------------------------------------------

    def _answer(self, request: ClipRequest, tick: Tick) -> Clip:
        try:
            clip = self._cut(request, tick)
            if clip is None:
                return Clip(request.id, request.sensor, "", "", self._why_nothing(request))
            sensor = self._site.sensor(request.sensor)
            cited = self._journal.add_file("clips", CLIP_SUFFIX, lambda path: write_clip(path, request, sensor, clip))
        except (OSError, StoreError) as error:
            return Clip(request.id, request.sensor, "", "", f"the clip could not be written: {_words(error)}")
        return Clip(request.id, request.sensor, cited.name, cited.sha256.hex())

    def _cut(self, request: ClipRequest, tick: Tick) -> ClipData | None:
        """What the ring has of it: from the last kept state before the wanted beginning on."""
        if self._ring is None:
            return None
        wanted = request.from_ns // self._period_ns
        from_state = self._ring.last_state_before(request.sensor, wanted)
        if from_state is None:
            from_state = self._first_state(request.sensor, tick)
        start = wanted if from_state is None else from_state
        blocks: list[tuple[int, Block]] = []
        states: dict[str, bytes] | None = None
        end = min(tick.index, -(-request.to_ns // self._period_ns))
        for frame in self._ring.frames(request.sensor, start, end):
            if frame.states is not None and frame.tick == from_state:
                states = frame.states
            elif frame.blocks and (from_state is None or frame.tick > from_state):
                cut = (of_channels(block, request.first_channel, request.n_channels) for block in frame.blocks)
                blocks += [(frame.tick, block) for block in cut if block is not None]
        if not blocks:
            return None
        sensor = self._site.sensor(request.sensor)
        centres = None
        if sensor.channels is not None and sensor.is_span:
            first = request.first_channel
            centres = sensor.channel_centres_m()[first : first + (request.n_channels or sensor.channels)]
        return ClipData(
            sensor=sensor.id,
            kind=sensor.kind,
            blocks=tuple(blocks),
            all_channels=not request.n_channels,
            state_tick=from_state if states is not None and not request.n_channels else None,
            states=states or {} if not request.n_channels else {},
            chainage_m=centres,
        )

    def _first_state(self, sensor: str, tick: Tick) -> int | None:
        """The first state that is kept, where the wanted beginning lies before the sensor's first samples."""
        assert self._ring is not None
        for frame in self._ring.frames(sensor, 0, tick.index):
            if frame.states is not None:
                return frame.tick
            if frame.blocks:
                return None
        return None

    def _why_nothing(self, request: ClipRequest) -> str:
        if self._trouble:
            return f"no samples were kept: {self._trouble}"
        return f"the ring holds no samples of {request.sensor} from this time"

    # --- trouble ----------------------------------------------------------------------------------------------

    def _guarded(self, work: Callable[[SampleRing], None]) -> None:
        assert self._ring is not None
        try:
            work(self._ring)
        except OSError as error:
            self._in_trouble(error)
        else:
            if self._trouble:
                self._trouble, self._new_trouble = "", ""

    def _in_trouble(self, error: OSError) -> None:
        words = _words(error)
        if not self._trouble:
            self._new_trouble = words
        self._trouble = words

    def _findings(self, tick: Tick) -> tuple[Health, ...]:
        """What people must know of the ring, once when it begins and once when it is over."""
        if self._new_trouble is None:
            return ()
        words, self._new_trouble = self._new_trouble, None
        line = self._site.lines[0].id
        if words:
            text = f"evidence: the ring of raw samples takes nothing in: {words}"
            return (Health(line, "", tick.time_ns, "dropped", "degraded", text),)
        return (Health(line, "", tick.time_ns, "recovered", "ok", "evidence: the ring takes samples in again"),)


def begin_evidence(
    journal: Journal, site: Site, settings: Settings, period_ns: int, *, last_tick: int | None = None
) -> EvidenceKeeper:
    """The evidence of a run that writes this store: give it to the `Runner`; nothing has to be closed.

    `last_tick` is where a recording ends, and a live watch has none.
    """
    return EvidenceKeeper(journal, site, settings, period_ns, last_tick)


def ring_size(store: Path) -> int:
    """Bytes that the ring of a store takes."""
    return sum(path.stat().st_size for path in (store / RING).rglob("*") if path.is_file())


def _words(error: OSError) -> str:
    return error.strerror or str(error)
