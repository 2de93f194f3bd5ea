"""Narrow shapes through which the rooms meet. `app` puts real things into them; nobody else knows who is behind.

A **step** is a stage between source and store: settings fixed when it is made, state handed in and out, time handed in
as a tick. It reads no file, no clock and no unseeded random number, and it does not change the state that it is given:
the same state, batch and tick give the same answer, always (a step may reuse the arrays of the state it is given
only where its class says so; callers must not use an old state after a step).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

import msgspec

from linewatch.plugins import Card
from linewatch.records import Block, Incident, Record, Tick
from linewatch.site.model import Site

StateT = TypeVar("StateT")
Item = Record | Block
Batch = Sequence[Item]
Delivery = Literal["replayable", "acknowledged", "ephemeral"]


class Step(Protocol[StateT]):
    """A pure stage with declared state."""

    @property
    def key(self) -> str:
        """What this instance works on: a sensor, a line and section, or the site."""
        ...

    @property
    def state_type(self) -> type[StateT]:
        """Type of the state, for `records.state.thaw`."""
        ...

    def initial(self) -> StateT:
        """The state before any input."""
        ...

    def step(self, state: StateT, batch: Batch, tick: Tick) -> tuple[StateT, tuple[Record, ...]]:
        """Take what came for this tick, give the new state and what follows from it. An empty batch is silence."""
        ...


AnyStep = Step[Any]


class Glimpse(msgspec.Struct, frozen=True):
    """What a detector saw of one channel in one frame; levels in dB over one squared sample unit."""

    channel: int
    """Which channel of the sensor."""
    time_ns: int
    """End of the frame."""
    level_db: float | None
    """Energy of the frame; None where the channel gave nothing that means something."""
    floor_db: float | None = None
    """The noise floor that it was compared with; None while there is none, or where the detector has no such thing."""
    threshold_db: float | None = None
    """The level from which on it counted as disturbed; None like the floor."""
    suppressed: bool = False
    """Whether it was over that and raised nothing."""


@runtime_checkable
class SeenInto(Protocol):
    """A detector that can be looked into while it works. Looking changes neither its state nor what it says."""

    @property
    def has_floor(self) -> bool:
        """Whether it compares levels with a noise floor; otherwise only levels are seen."""
        ...

    def look_into(self, channels: frozenset[int]) -> None:
        """From now on keep a glimpse of every frame of these channels; of none where empty."""
        ...

    def glimpses(self) -> list[Glimpse]:
        """What was kept since it was asked last; forgotten then."""
        ...


class Source(Protocol):
    """Something outside that gives records. It owns its position and is told how far time has come; it never blocks."""

    @property
    def name(self) -> str:
        """Unique within a site."""
        ...

    @property
    def delivery(self) -> Delivery:
        """`replayable`: can be read again from a position; `acknowledged`: repeats until committed; or `ephemeral`."""
        ...

    @property
    def lateness_s(self) -> float:
        """How long its records may wait for order, 0 to 0.5 for a fast source; later ones enter the late lane."""
        ...

    def poll(self, until_ns: int) -> Iterable[Item]:
        """All that has arrived since the last poll and is stamped, or was received, before `until_ns`."""
        ...

    def position(self) -> str:
        """Where the next poll goes on: kept with the commit, given to `seek` after a restart."""
        ...

    def seek(self, position: str) -> None:
        """Go on from a position that was committed. Raises `InputError` where that is no longer possible."""
        ...

    def committed(self, position: str) -> None:
        """What came before this position is safe on disk: an `acknowledged` source may now say so to its sender."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class SourceStatus(msgspec.Struct, frozen=True):
    """How a source with a connection is doing."""

    up: bool
    """Whether it hears the other side."""
    reason: str = ""
    """Why not."""
    last_ns: int | None = None
    """When something last came, on the wall clock."""
    received: int = 0
    """Messages since start."""
    waiting: int = 0
    """Messages that wait for a tick or for its commit."""
    dropped: int = 0
    """Messages lost in a full buffer since start."""
    refused: int = 0
    """Messages that made no sense since start."""
    unplaced: Mapping[str, int] = {}
    """Addresses of devices that are no sensor of the site, with the number of their messages: offered for placement."""
    presets: Mapping[str, tuple[str, ...]] = {}
    """Presets that its cameras can be sent to, as each camera lists them, by sensor."""


class Heard(msgspec.Struct, frozen=True):
    """One message of a source, as it is shown to somebody who listens."""

    time_ns: int
    """When it came, on the wall clock."""
    where: str
    """Topic, address or request that it came by."""
    message: str
    """What it said, as text, cut short."""
    became: tuple[Item, ...]
    """What it became."""
    why_not: str = ""
    """Why it became nothing, or less than it might have."""


class LiveSource(Source, Protocol):
    """A source with a connection: it hears by itself from `start` on, and fills a bounded buffer until it is polled."""

    @property
    def sensors(self) -> Sequence[str]:
        """Sensors for which it speaks: those that are not watched while it is not heard."""
        ...

    def start(self) -> None:
        """Begin to listen. Called once, after `seek`; never waits for the other side."""
        ...

    def status(self) -> SourceStatus:
        """How it is doing. Called from any thread."""
        ...


class Look(msgspec.Struct, frozen=True):
    """Where a person wants a camera or a node to look: at a preset, or at a place."""

    sensor: str
    """The sensor that is asked."""
    preset: str = ""
    """Name or token of a preset; empty where a place is asked for."""
    at_m: float | None = None
    """The place, as chainage on the sensor's line."""


@runtime_checkable
class SteeredSource(Protocol):
    """A source whose cameras or nodes can be told where to look."""

    def steer(self, look: Look) -> str:
        """Tell it, on a person's word only, and say what it does now. Called from any thread; waits for the answer.

        Raises `InputError` where it cannot, or where the other side refuses.
        """
        ...


class Recording(Source, Protocol):
    """A source that has a beginning and an end, known before it is read."""

    @property
    def start_ns(self) -> int:
        """Time of the first record."""
        ...

    @property
    def end_ns(self) -> int:
        """Time after the last record."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of what is recorded: a resumed replay must find the same."""
        ...


class SourcePlugin(Protocol):
    """What an entry point of the group `linewatch.sources` names: a module or an object with these three things."""

    @property
    def card(self) -> Card:
        """What it says of itself."""
        ...

    @property
    def settings_type(self) -> type[msgspec.Struct]:
        """Type of its settings: the keys beside `plugin` in a `[[source]]` table, read by `msgspec.convert`."""
        ...

    def build(self, site: Site, settings: Any, folder: Path) -> Source:
        """The source, ready to be polled. Relative paths in `settings` start from `folder`.

        Raises `InputError` on settings that this site or this machine cannot fulfil, before anything is read.
        """
        ...


class Entry(msgspec.Struct, frozen=True):
    """One entry of a chain: what the journal adds to a record."""

    seq: int
    """Position in its chain, from 0 without gaps."""
    tick: int
    """Index of the tick in which it was written."""
    kind: str
    """What it is: open, tick, arrival, detections, health, outage, track, hand_over, incident, act, ..."""
    key: str
    """Whose it is: a source, sensor, section, seat."""
    payload: bytes | None
    """Canonical bytes; None where retention has deleted them."""


class Positions(msgspec.Struct, frozen=True):
    """What a resumed run starts from."""

    tick: int
    """Last committed tick."""
    sources: dict[str, str]
    """Position of every source as of that tick."""
    states: dict[str, bytes]
    """State of every decision step as of that tick, and of the pipeline itself, by key."""
    signal_tick: int
    """Last tick at which the signal states were written."""
    signal_sources: dict[str, str]
    """Position of every source as of `signal_tick`."""
    signal_states: dict[str, bytes]
    """State of every detector as of `signal_tick`, by key."""


class JournalWriter(Protocol):
    """The only way in: entries are added in order, and one commit ends a tick."""

    @property
    def next_seq(self) -> int:
        """Position that the next entry gets in the record chain."""
        ...

    def append(self, kind: str, key: str, payload: bytes) -> None:
        """Add one entry to the record chain of the open tick."""
        ...

    def commit(
        self,
        tick: Tick,
        sources: dict[str, str],
        states: dict[str, bytes],
        signal_states: dict[str, bytes] | None = None,
    ) -> None:
        """End the tick: entries, positions, states and outputs become durable together, or not at all."""
        ...

    def audit(
        self,
        kind: str,
        wall_ns: int,
        text: str,
        *,
        key: str = "",
        who: str = "",
        about: int | None = None,
        in_commit: bool = False,
    ) -> None:
        """Add one entry to the audit chain; it cites the head of the record chain.

        `key` (a role, a seat) stays; `who` (a login) and `text` can be erased. `about` is the position of a record
        entry that this speaks of. With `in_commit` it becomes durable with the next commit.
        """
        ...

    def positions(self) -> Positions | None:
        """Where to go on; None for a new store."""
        ...


class Archive(Protocol):
    """Gathers what is kept as columns. Cuts its files between ticks, through the journal."""

    def begin(self, tick: Tick) -> None:
        """Cut what is due before anything of this tick is journalled."""
        ...

    def take(self, seq: int, record: Record) -> None:
        """Gather a record that the journal holds as its entry `seq`."""
        ...


class Evidence(Protocol):
    """Keeps raw samples for a while and makes clips of them where an incident needs them."""

    def resume(self, found: Positions) -> None:
        """Go on after the last committed tick."""
        ...

    def begin(self, tick: Tick) -> None:
        """A tick begins: make room."""
        ...

    def take(self, blocks: Sequence[Block], tick: Tick) -> None:
        """Keep the samples of one source and tick."""
        ...

    def follow(self, records: Sequence[Record], tick: Tick) -> tuple[Record, ...]:
        """What this tick's inputs and outputs bring about: requests, clips and findings, to be journalled in order."""
        ...

    def keep_states(self, states: Mapping[str, bytes], tick: Tick) -> None:
        """Keep the detectors' states after this tick."""
        ...

    def states(self) -> dict[str, bytes]:
        """Its own state, to be kept with the commit."""
        ...


class JournalReader(Protocol):
    """Reads what was committed."""

    def entries(self, *, kinds: Sequence[str] = (), from_seq: int = 0) -> Iterator[Entry]:
        """Entries of the record chain in order, of these kinds (all where empty)."""
        ...

    def incidents(self) -> Sequence[Incident]:
        """The last version of every incident, by raising time, then id."""
        ...

    def head(self) -> str:
        """Hex hash of the last entry of the record chain."""
        ...
