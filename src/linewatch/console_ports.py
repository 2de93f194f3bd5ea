"""Narrow shapes through which the console meets store, watch, evidence and reports; `app` fills them."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from linewatch.ports import JournalReader
from linewatch.records import Incident, OperatorAct
from linewatch.records.vocabulary import Role


class History(JournalReader, Protocol):
    """A store as the console reads it: from any position, as of any moment, beside the writer."""

    def last_seq(self) -> int:
        """Position of the last committed entry of the record chain; -1 where there is none."""
        ...

    def seq_of_tick(self, tick: int) -> int:
        """Position of the first entry of the first tick at or after this one; the next position where none is."""
        ...

    def incident_versions(self, at_seq: int | None = None) -> Iterator[tuple[int, Incident]]:
        """The last version of every incident up to a position of the record chain, with its own position."""
        ...

    def incident_history(self, incident: str) -> Sequence[tuple[int, Incident]]:
        """Every version of one incident that still stands, oldest first, each with its position."""
        ...

    def incident_page(self, before_ns: int | None, limit: int) -> Sequence[tuple[int, Incident]]:
        """The last version of at most `limit` incidents raised before a time, latest raised first."""
        ...

    def meta(self) -> dict[str, str]:
        """What the store is of: site, settings, versions, machine."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


Scope = Literal["read", "act"]


class Account(msgspec.Struct, frozen=True):
    """Somebody who may come in. Never holds a password."""

    name: str
    """Log-in name."""
    role: Role
    """What this person may do."""
    disabled: bool
    """Whether the door is closed to them."""
    must_change_password: bool
    """Whether the password was given by somebody else."""
    created_ns: int
    """When the account was made."""


class Session(msgspec.Struct, frozen=True):
    """Somebody who has come in, by password or by token."""

    name: str
    """Log-in name."""
    role: Role
    """What this person may do."""
    scopes: tuple[Scope, ...]
    """What this way of coming in allows."""
    csrf: str
    """What a changing request must repeat; empty for a token, which no browser sends by itself."""
    seat: str
    """Seat that is kept; empty for none."""
    must_change_password: bool
    """Whether the password was given by somebody else."""


class AccessToken(msgspec.Struct, frozen=True):
    """A way in for a program; what opens the door is shown once and never kept."""

    id: str
    """Names it."""
    name: str
    """Account it speaks for."""
    label: str
    """What it is for."""
    scopes: tuple[Scope, ...]
    """What it allows."""
    created_ns: int
    """When it was made."""
    expires_ns: int | None
    """When it ends; None for never."""


class Users(Protocol):
    """Accounts, sessions and tokens. Wrong passwords and unknown names take the same time."""

    def accounts(self) -> Sequence[Account]:
        """Everybody, by name."""
        ...

    def add(self, name: str, role: Role, password: str, *, must_change: bool, now_ns: int) -> None:
        """A new account. Raises `InputError` on a name that is taken or not allowed, or a weak password."""
        ...

    def change(self, name: str, *, role: Role | None = None, disabled: bool | None = None) -> bool:
        """Change an account, ending its sessions; False where there is none."""
        ...

    def set_password(self, name: str, password: str, *, must_change: bool) -> bool:
        """Set a password, ending all sessions of that account; False where there is none. Raises `InputError`."""
        ...

    def holds(self, name: str, password: str) -> bool:
        """Whether this is the password of an account that is not disabled."""
        ...

    def begin(self, name: str, now_ns: int) -> str:
        """A new session of this account; the secret that opens it."""
        ...

    def session(self, secret: str, now_ns: int) -> Session | None:
        """Who this secret lets in, seen now."""
        ...

    def take_seat(self, secret: str, seat: str) -> None:
        """Note the seat that this session keeps; empty for none."""
        ...

    def end(self, secret: str) -> None:
        """End a session."""
        ...

    def tokens(self) -> Sequence[AccessToken]:
        """All tokens that were not taken back, by id."""
        ...

    def add_token(
        self, name: str, label: str, scopes: Sequence[Scope], *, now_ns: int, expires_ns: int | None
    ) -> tuple[str, AccessToken]:
        """A new token and the secret that opens it. Raises `InputError`."""
        ...

    def take_back(self, token: str) -> bool:
        """End a token; False where there is none."""
        ...

    def by_token(self, secret: str, now_ns: int) -> Session | None:
        """Who this token lets in."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What the watch says to an act."""

    seq: int | None
    """Position in the record chain at which the act stands; None where it was refused."""
    reason: str = ""
    """Why it was refused."""


class Acts(Protocol):
    """Hands people's moves to the watch."""

    def offer(self, act: OperatorAct, person: str) -> Answer:
        """Offer an act and wait until it is committed or refused. Never raises for a watch that is down."""
        ...


class Pulse(msgspec.Struct, frozen=True):
    """What a watch says of itself."""

    up: bool
    """Whether it answers."""
    reason: str = ""
    """Why not."""
    lag_s: float | None = None
    """How far it is behind the clock; None where it plays something that is not happening now."""
    sources: tuple[dict[str, Any], ...] = ()
    """Its sources, each with name and the time at which it was last heard."""


class SeenFrame(msgspec.Struct, frozen=True):
    """What a detector saw of one channel in one frame; levels in dB over one squared sample unit."""

    time_ns: int
    """End of the frame."""
    level_db: float | None
    """Energy of the frame; None where the channel gave nothing that means something."""
    floor_db: float | None
    """The noise floor that it was compared with, where there is one."""
    threshold_db: float | None
    """The level from which on it counted as disturbed."""
    suppressed: bool
    """Whether it was over that and raised nothing."""


class Seen(msgspec.Struct, frozen=True):
    """What was seen of a channel."""

    basis: Literal["frames", "samples", "none"]
    """A detector's frames, with floor and threshold; the level of the samples alone; or no levels are known."""
    frames: tuple[SeenFrame, ...]
    """Oldest first."""
    why: str = ""
    """Why there are none, where the watch said so."""


class Levels(Protocol):
    """Looks at one channel while the watch works; ends by itself when it is not asked again."""

    def look(self, sensor: str, channel: int, after_ns: int) -> Seen:
        """What was seen of a channel after a time. Never raises for a watch that is down."""
        ...


class Audit(Protocol):
    """The audit chain as the console reaches it; kept and handed over later while the watch is down."""

    def note(self, kind: str, who: str, text: str) -> None:
        """Say what happened: a login, a look at evidence."""
        ...

    def pulse(self) -> Pulse:
        """How the watch is."""
        ...


class SiteVersion(msgspec.Struct, frozen=True):
    """One change of the site's files."""

    number: int
    """From 1 on."""
    time_ns: int
    """When it was asked for."""
    role: str
    """By which role."""
    seat: str
    """At which seat."""
    reason: str
    """Why."""
    what: tuple[str, ...]
    """In words."""
    undoes: int | None = None
    """Number of the version that it took back."""


class Unplaced(msgspec.Struct, frozen=True):
    """A device that a source hears and that is no sensor of the site."""

    source: str
    """Name of the source."""
    plugin: str
    """What kind of source it is."""
    address: str
    """What the source calls it."""
    heard: int
    """How often it was heard since the source began."""
    id: str = ""
    """The only id that it may have as a sensor; empty where it may have any."""


class SiteStanding(msgspec.Struct, frozen=True):
    """What can be changed of the site's files now."""

    base: str = ""
    """Fingerprint of the site that the watch uses."""
    why_not: str = ""
    """Why nothing can be changed; empty where it can."""
    undo: int | None = None
    """Number of the version that can be undone."""
    versions: tuple[SiteVersion, ...] = ()
    """The last changes, the last one last."""
    unplaced: tuple[Unplaced, ...] = ()
    """Devices that wait for a place."""


class SiteFiles(Protocol):
    """The files of the site, as the watch keeps them."""

    def standing(self) -> SiteStanding:
        """What can be changed now. Never raises for a watch that is down."""
        ...


class OfferedMove(msgspec.Struct, frozen=True):
    """A move that a role may make now."""

    move: str
    """Its name."""
    label: str
    """What people read on the button."""
    needs_reason: bool
    """Whether it needs a reason in words."""
    undo_s: float
    """How long it can be taken back; 0 for not at all."""
    needs: tuple[str, ...] = ()
    """Names of the values that it needs."""
    takes: tuple[str, ...] = ()
    """Names of the values that it may bring besides."""


class IncidentDesk(Protocol):
    """What people may do with an incident."""

    def allowed(self, incident: Incident, role: Role) -> Sequence[OfferedMove]:
        """The moves that this role may make now."""
        ...


class Exhibit(msgspec.Struct, frozen=True):
    """One piece of evidence."""

    id: str
    """Names it within its incident: letters, digits, dots, dashes and underscores."""
    kind: str
    """What it is: waterfall, spectrogram, frame, clip."""
    title: str
    """In words."""
    media_type: str
    """How it is read."""


class EvidenceRing(Protocol):
    """What was kept of the samples and pictures of an incident."""

    def exhibits(self, incident: str) -> Sequence[Exhibit]:
        """What there is of an incident, in the order in which people look at it."""
        ...

    def read(self, incident: str, exhibit: str) -> bytes | None:
        """The bytes of one piece; None where there is none."""
        ...

    def thumbnail(self, incident: str) -> bytes | None:
        """A small PNG of its first picture, camera frames before others; None where it has no picture."""
        ...


class Reports(Protocol):
    """Counts and rates with their intervals."""

    def report(self, by: Sequence[str], from_ns: int | None, to_ns: int | None, as_of_ns: int | None) -> dict[str, Any]:
        """A report as plain values. Raises `InputError` on what cannot be asked."""
        ...
