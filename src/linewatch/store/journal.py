"""The journal: the only way in. Entries are added in order, and one commit ends a tick.

What belongs to a tick becomes durable together, or not at all: entries, positions of the sources, decision states,
incidents and the outbox. A process killed at any point leaves a whole number of ticks.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self, TextIO

import msgspec

from linewatch.clock import Clock, WallClock
from linewatch.errors import ChainError, InputError, StoreError
from linewatch.ports import Entry, Positions
from linewatch.records import Incident, Tick
from linewatch.store.audit import CLOSED, CREATED, OPENED, add_checkpoint, add_erasure, add_key, add_note
from linewatch.store.batch import Batch, load_ends
from linewatch.store.erase import erase_statements
from linewatch.store.files import FileCited, make_folder, make_rooms, next_numbers, sweep, sync_folder, write_file
from linewatch.store.head import Head
from linewatch.store.identity import Identity
from linewatch.store.keys import Signer
from linewatch.store.lock import hold_lock, refuse_follower
from linewatch.store.notes import AUDIT_KINDS, CHECKPOINT, FILE, OPEN, RECORD_KINDS, Erasure, Note, encode
from linewatch.store.reader import StoreReader
from linewatch.store.schema import DATABASE, FORMAT, connect_writer, errors_told, transaction
from linewatch.store.state import Progress, Space

CHECKPOINT_TICKS: Final = 14_400
"""Ticks between two checkpoints: an hour of ticks of 0.25 s."""

Synchronous = Literal["FULL", "NORMAL"]
"""`FULL`: a commit survives a power cut (live). `NORMAL`: it survives the death of the process (replays)."""
Changed = Literal["refuse", "note"]
"""What to do when the store is of other settings, inputs or versions: a replay refuses, a live watch notes it."""


class _Draft(NamedTuple):
    kind: str
    key: str
    wall_ns: int
    note: Note


class Journal:
    """A store that is written. Made by `open_journal`; one process at a time."""

    def __init__(
        self,
        folder: Path,
        connection: sqlite3.Connection,
        lock: TextIO,
        *,
        salt_key: bytes,
        clock: Clock,
        signer: Signer | None,
        checkpoint_ticks: int,
    ) -> None:
        self.folder = folder
        self._path = folder / DATABASE
        self._connection = connection
        self._lock = lock
        self._salt_key = salt_key
        self._clock = clock
        self._signer = signer
        self._checkpoint_ticks = checkpoint_ticks
        self._pending: list[tuple[str, str, bytes]] = []
        self._drafts: list[_Draft] = []
        self._reader = StoreReader(folder, connection)
        with errors_told(self._path):
            self._ends = load_ends(connection)
            self._numbers = next_numbers(name for (name,) in connection.execute("SELECT name FROM file"))
        self._checkpointed = self._ends.progress.tick

    # --- writing ----------------------------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        """Position that the next entry gets in the record chain."""
        return self._ends.record.seq + len(self._pending)

    def append(self, kind: str, key: str, payload: bytes) -> None:
        """Add one entry to the record chain of the open tick. `payload` are canonical bytes and are kept as they are.

        `kind` and `key` stay in the chain when the payload is erased: they must not speak of a person.
        """
        if kind in RECORD_KINDS:
            raise ValueError(f"kind is {kind!r}, which only the store itself writes")
        self._pending.append((kind, key, payload))

    def commit(
        self,
        tick: Tick,
        sources: dict[str, str],
        states: dict[str, bytes],
        signal_states: dict[str, bytes] | None = None,
    ) -> None:
        """End the tick: entries, positions, states and outputs become durable together, or not at all.

        `states` are those that changed; `signal_states`, where given, are all of them. After a `StoreError` (a full
        disk, say) nothing was kept and nothing forgotten: the same commit may be tried again.
        """
        before = self._ends.progress
        if before.tick is not None and tick.index <= before.tick:
            raise ValueError(f"tick is {tick.index}; allowed: later than the last committed, {before.tick}")
        batch = self._batch()
        batch.records(tick.index, self._pending)
        positions = {name: position.encode() for name, position in sources.items()}
        new: dict[Space, dict[str, bytes]] = {"decision": states, "source": positions}
        signal_tick = before.signal_tick
        if signal_states is not None:
            new |= {"signal": signal_states, "signal_source": positions}
            signal_tick = tick.index
        batch.states(new, replaced=new.keys() - {"decision"})
        batch.progress(Progress(tick.index, signal_tick))
        for draft in self._drafts:
            add_note(batch, draft.kind, draft.wall_ns, draft.note, draft.key)
        due = self._checkpointed is None or tick.index - self._checkpointed >= self._checkpoint_ticks
        if due:
            add_checkpoint(batch, self._clock.now_ns(), self._signer)
        self._write(batch)
        self._pending.clear()
        self._drafts.clear()
        if due:
            self._checkpointed = tick.index

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
        """Add one entry to the audit chain; it cites the head of the record chain, and is durable at once.

        `key` (a role, a seat) stays; `who` (a login) and `text` can be erased. `about` is the position of a record
        entry that this speaks of. With `in_commit` it waits for the next commit and becomes durable with it: so does
        the person behind an act (`about=journal.next_seq`, then `append`).
        """
        if kind in AUDIT_KINDS:
            raise ValueError(f"kind is {kind!r}, which only the store itself writes")
        note = Note(who, text, about)
        if in_commit:
            self._drafts.append(_Draft(kind, key, wall_ns, note))
            return
        batch = self._batch()
        add_note(batch, kind, wall_ns, note, key)
        self._write(batch)

    def add_file(self, room: str, suffix: str, write: Callable[[Path], object]) -> FileCited:
        """A new file in `segments` or `clips`, filled by `write(path)`, safe on disk, and cited by the next commit.

        A crash before that commit leaves an orphan, which the next opening sweeps.
        """
        cited = write_file(self.folder, room, self._numbers.get(room, 0), suffix, write)
        self._numbers[room] += 1
        self._pending.append((FILE, cited.name, encode(cited)))
        return cited

    def delivered(self, channel: str, seq: int) -> None:
        """All incident changes up to this record position have reached this channel."""
        batch = self._batch()
        batch.states({"outbox": {channel: str(seq).encode()}})
        self._write(batch)

    def erase(self, erasure: Erasure) -> None:
        """Erase payloads, pieces or files, for good, and say so in the audit chain. The chains still verify.

        Raises `ValueError` for entries that are not there or may not be erased.
        """
        with errors_told(self._path):
            batch = self._batch()
            batch.also(erase_statements(self._connection, erasure))
            add_erasure(batch, self._clock.now_ns(), erasure)
            # What is erased must not stay readable in free pages or in the write-ahead log.
            self._connection.execute("PRAGMA secure_delete = ON")
            self._write(batch)
            self._connection.execute("PRAGMA secure_delete = OFF")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for name in erasure.files:
            path = self.folder / name
            with errors_told(path):
                path.unlink(missing_ok=True)
                sync_folder(path.parent)

    def checkpoint(self) -> None:
        """Sign both heads and the states, where the store has a signing key."""
        batch = self._batch()
        add_checkpoint(batch, self._clock.now_ns(), self._signer)
        self._write(batch)
        self._checkpointed = self._ends.progress.tick

    def rotate(self, signer: Signer) -> None:
        """Go over to another signing key, on the word of the one in use."""
        batch = self._batch()
        add_key(batch, self._clock.now_ns(), signer, self._signer)
        self._write(batch)
        self._signer = signer

    # --- reading ------------------------------------------------------------------------------------------------

    def positions(self) -> Positions | None:
        """Where to go on; None for a new store."""
        return self._reader.positions()

    def entries(self, *, kinds: Sequence[str] = (), from_seq: int = 0) -> Iterator[Entry]:
        """Committed entries of the record chain in order, of these kinds (all where empty)."""
        return self._reader.entries(kinds=kinds, from_seq=from_seq)

    def incidents(self) -> Sequence[Incident]:
        """The last committed version of every incident, by raising time, then id."""
        return self._reader.incidents()

    def outbox(self, channel: str, limit: int = 1000) -> list[tuple[int, Incident]]:
        """Incident changes that this channel has not delivered yet, oldest first: record position and incident."""
        return self._reader.outbox(channel, limit)

    def head(self) -> str:
        """Hex hash of the last committed entry of the record chain."""
        return self._reader.head()

    def heads(self) -> Head:
        """Where both chains stand: what to lodge outside."""
        return self._reader.heads()

    # --- opening and closing ------------------------------------------------------------------------------------

    def begin(self, identity: Identity, changed: Changed) -> None:
        """First entries of a new store, or the mark of a new start in an old one. `open_journal` calls this."""
        batch = self._batch()
        wall_ns = self._clock.now_ns()
        found = self._reader.meta()
        if found:
            self._resume(batch, identity, changed, found)
            removed = sweep(self.folder, self._standing_files())
            add_note(batch, OPENED, wall_ns, Note("", self._how_it_opened(removed)))
        else:
            batch.records(0, [(OPEN, "", encode(identity))])
            batch.meta({"format": FORMAT, "created_ns": str(wall_ns), "open_seq": "0", "public_key": ""})
            batch.meta(msgspec.structs.asdict(identity))
            add_note(batch, CREATED, wall_ns, Note("", "created"))
        if self._signer is not None and found.get("public_key") != self._signer.public_key.hex():
            add_key(batch, wall_ns, self._signer, None)
        if found:
            add_checkpoint(batch, wall_ns, self._signer)
        self._write(batch)

    def renew(self, identity: Identity) -> None:
        """Go on under another site or other settings: a mark in the record chain, as a new start would leave it."""
        batch = self._batch()
        self._resume(batch, identity, "note", self._reader.meta())
        self._write(batch)

    def close(self) -> None:
        """Mark an orderly end, sign a last checkpoint, let go of the files. An unfinished tick is left out."""
        try:
            left = len(self._pending) + len(self._drafts)
            text = f"closed; {left} entries of an unfinished tick left out" if left else "closed"
            batch = self._batch()
            add_note(batch, CLOSED, self._clock.now_ns(), Note("", text))
            add_checkpoint(batch, self._clock.now_ns(), self._signer)
            self._write(batch)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the files without a word, as a killed process would."""
        self._connection.close()
        self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _resume(self, batch: Batch, identity: Identity, changed: Changed, found: dict[str, str]) -> None:
        fields: dict[str, str] = msgspec.structs.asdict(identity)
        differing = [name for name, value in fields.items() if found.get(name) != value]
        if not differing:
            return
        if changed == "refuse":
            name = differing[0]
            raise InputError(
                f"{self._path}: {name}: found {found.get(name)!r}; allowed: {fields[name]!r} "
                "(this store is of another run: choose another folder)"
            )
        batch.meta({"open_seq": str(batch.ends.record.seq), **fields})
        batch.records(self._ends.progress.tick or 0, [(OPEN, "", encode(identity))])

    def _standing_files(self) -> list[str]:
        with errors_told(self._path):
            return [name for (name,) in self._connection.execute("SELECT name FROM file WHERE erased = 0")]

    def _how_it_opened(self, removed: Sequence[str]) -> str:
        rows = self._connection.execute("SELECT kind FROM audit_entry ORDER BY seq DESC LIMIT 2")
        last = [kind for (kind,) in rows]
        orderly = last[:1] == [CLOSED] or last == [CHECKPOINT, CLOSED]
        text = "opened" if orderly else "opened after a stop that was not orderly"
        return text + (f"; removed files that no entry cites: {', '.join(removed)}" if removed else "")

    def _batch(self) -> Batch:
        return Batch(self._ends, self._salt_key)

    def _write(self, batch: Batch) -> None:
        with transaction(self._connection, self._path) as connection:
            batch.apply(connection)
        self._ends = batch.ends


def open_journal(
    folder: Path,
    identity: Identity,
    *,
    salt_key: bytes,
    clock: Clock | None = None,
    signer: Signer | None = None,
    synchronous: Synchronous = "FULL",
    checkpoint_ticks: int = CHECKPOINT_TICKS,
    changed: Changed = "refuse",
) -> Journal:
    """Open the store in this folder to write: a new one, or the one that is there, to go on after its last tick.

    `salt_key` comes from `salt_key_at` for a live store and from `replay_salt_key` for a replay. Raises `StoreError` in
    one line where the folder holds something else, something newer or something damaged, where another process writes
    there or nobody may; `InputError` where it is of another run and `changed` is `refuse`.
    """
    make_folder(folder)
    refuse_follower(folder)
    lock = hold_lock(folder)
    path = folder / DATABASE
    try:
        connection = connect_writer(path, synchronous)
        try:
            make_rooms(folder)
            journal = Journal(
                folder,
                connection,
                lock,
                salt_key=salt_key,
                clock=clock or WallClock(),
                signer=signer,
                checkpoint_ticks=checkpoint_ticks,
            )
            journal.begin(identity, changed)
        except BaseException:
            connection.close()
            raise
    except ChainError as error:
        lock.close()
        raise StoreError(f"{path}: {error}; see `linewatch verify {folder}`") from error
    except BaseException:
        lock.close()
        raise
    return journal
