"""Accounts, sessions and tokens, in a file of their own beside the journal that only its owner may read.

Passwords are kept as Argon2id hashes, sessions and tokens as SHA-256 of secrets of 256 bits: who reads the file can
come in by none of them. Entries for the audit chain wait here while the watch is down.
"""

import hashlib
import os
import re
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, get_args

import argon2
import msgspec

from linewatch.console_ports import AccessToken, Account, Scope, Session
from linewatch.errors import InputError, StoreError
from linewatch.records.vocabulary import Role
from linewatch.store.schema import errors_told

FILE: Final = "users.sqlite"
APPLICATION_ID: Final = 0x4C575531
"""`LWU1`: tells this file from any other SQLite file."""
SCHEMA_VERSION: Final = 1
IDLE_NS: Final = 12 * 3_600_000_000_000
"""A session that was not seen for so long is over. An open page is seen all the time, so a seat never falls asleep."""
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 256
_ROLES: Final[tuple[Role, ...]] = get_args(Role)
_SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_TOKEN_SIGN: Final = "lw_"  # noqa: S105 - a sign that tells people what the secret opens
_SEEN_GRAIN_NS: Final = 60_000_000_000
_ACCOUNT: Final = """
    name TEXT PRIMARY KEY, role TEXT NOT NULL, hash TEXT NOT NULL, must_change INTEGER NOT NULL,
    disabled INTEGER NOT NULL, created_ns INTEGER NOT NULL"""
_SESSION: Final = """
    digest BLOB PRIMARY KEY, name TEXT NOT NULL, csrf TEXT NOT NULL, seat TEXT NOT NULL, seen_ns INTEGER NOT NULL"""
_WAY_IN: Final = """
    id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, name TEXT NOT NULL, label TEXT NOT NULL, scopes TEXT NOT NULL,
    created_ns INTEGER NOT NULL, expires_ns INTEGER"""
_WAITING: Final = """
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, who TEXT NOT NULL, text TEXT NOT NULL, wall_ns INTEGER NOT NULL"""
_DDL: Final = (
    f"CREATE TABLE account ({_ACCOUNT}) STRICT, WITHOUT ROWID",
    f"CREATE TABLE session ({_SESSION}) STRICT, WITHOUT ROWID",
    f"CREATE TABLE token ({_WAY_IN}) STRICT, WITHOUT ROWID",
    f"CREATE TABLE waiting_audit ({_WAITING}) STRICT",
)


class WaitingAudit(msgspec.Struct, frozen=True):
    """An entry that the watch has not taken yet."""

    number: int
    """Its place in the queue."""
    kind: str
    """What happened."""
    who: str
    """Log-in name."""
    text: str
    """In words."""
    wall_ns: int
    """When it happened."""


class UserStore:
    """Satisfies `ports.Users`. May be used from several threads and processes."""

    def __init__(self, path: Path, connection: sqlite3.Connection, hasher: argon2.PasswordHasher) -> None:
        self._path = path
        self._connection = connection
        self._hasher = hasher
        self._lock = threading.Lock()
        self._nobody = hasher.hash(secrets.token_urlsafe())

    # --- accounts -----------------------------------------------------------------------------------------------

    def accounts(self) -> Sequence[Account]:
        """Everybody, by name."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT name, role, disabled, must_change, created_ns FROM account ORDER BY name"
            ).fetchall()
        return [Account(name, role, bool(disabled), bool(change), made) for name, role, disabled, change, made in rows]

    def add(self, name: str, role: Role, password: str, *, must_change: bool, now_ns: int) -> None:
        """A new account. Raises `InputError` on a name that is taken or not allowed, or a weak password."""
        if not _NAME.fullmatch(name):
            raise InputError(f"name: found {name[:80]!r}; allowed: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
        if role not in _ROLES:
            raise InputError(f"role: found {role!r}; allowed: {', '.join(_ROLES)}")
        hashed = self._hashed(name, password)
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise InputError(f"name: found {name!r}, which is taken; allowed: another one")
            connection.execute(
                "INSERT INTO account VALUES (?, ?, ?, ?, 0, ?)", (name, role, hashed, int(must_change), now_ns)
            )

    def change(self, name: str, *, role: Role | None = None, disabled: bool | None = None) -> bool:
        """Change an account, ending its sessions; False where there is none."""
        if role is not None and role not in _ROLES:
            raise InputError(f"role: found {role!r}; allowed: {', '.join(_ROLES)}")
        with self._writing() as connection:
            found = connection.execute(
                "UPDATE account SET role = coalesce(?, role), disabled = coalesce(?, disabled) WHERE name = ?",
                (role, None if disabled is None else int(disabled), name),
            ).rowcount
            connection.execute("DELETE FROM session WHERE name = ?", (name,))
        return found > 0

    def set_password(self, name: str, password: str, *, must_change: bool) -> bool:
        """Set a password, ending all sessions of that account; False where there is none. Raises `InputError`."""
        hashed = self._hashed(name, password)
        with self._writing() as connection:
            found = connection.execute(
                "UPDATE account SET hash = ?, must_change = ? WHERE name = ?", (hashed, int(must_change), name)
            ).rowcount
            connection.execute("DELETE FROM session WHERE name = ?", (name,))
        return found > 0

    def holds(self, name: str, password: str) -> bool:
        """Whether this is the password of an account that is not disabled."""
        with self._reading() as connection:
            row = connection.execute("SELECT hash, disabled FROM account WHERE name = ?", (name,)).fetchone()
        hashed, disabled = row or (self._nobody, 1)
        try:
            self._hasher.verify(hashed, password[: LONGEST_PASSWORD + 1])
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return not disabled

    # --- sessions -----------------------------------------------------------------------------------------------

    def begin(self, name: str, now_ns: int) -> str:
        """A new session of this account; the secret that opens it."""
        secret = secrets.token_urlsafe(32)
        with self._writing() as connection:
            connection.execute("DELETE FROM session WHERE seen_ns < ?", (now_ns - IDLE_NS,))
            connection.execute(
                "INSERT INTO session VALUES (?, ?, ?, '', ?)",
                (_digest(secret), name, secrets.token_urlsafe(24), now_ns),
            )
        return secret

    def session(self, secret: str, now_ns: int) -> Session | None:
        """Who this secret lets in, seen now."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT a.name, a.role, s.csrf, s.seat, a.must_change, s.seen_ns FROM session s "
                "JOIN account a ON a.name = s.name WHERE s.digest = ? AND a.disabled = 0",
                (_digest(secret),),
            ).fetchone()
        if row is None or now_ns - row[5] > IDLE_NS:
            return None
        if now_ns - row[5] > _SEEN_GRAIN_NS:
            with self._writing() as connection:
                connection.execute("UPDATE session SET seen_ns = ? WHERE digest = ?", (now_ns, _digest(secret)))
        return Session(row[0], row[1], _SCOPES, row[2], row[3], bool(row[4]))

    def take_seat(self, secret: str, seat: str) -> None:
        """Note the seat that this session keeps; empty for none."""
        with self._writing() as connection:
            connection.execute("UPDATE session SET seat = ? WHERE digest = ?", (seat, _digest(secret)))

    def end(self, secret: str) -> None:
        """End a session."""
        with self._writing() as connection:
            connection.execute("DELETE FROM session WHERE digest = ?", (_digest(secret),))

    # --- tokens -------------------------------------------------------------------------------------------------

    def tokens(self) -> Sequence[AccessToken]:
        """All tokens that were not taken back, by id."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT id, name, label, scopes, created_ns, expires_ns FROM token ORDER BY id"
            ).fetchall()
        return [AccessToken(key, name, label, _scopes(text), made, ends) for key, name, label, text, made, ends in rows]

    def add_token(
        self, name: str, label: str, scopes: Sequence[Scope], *, now_ns: int, expires_ns: int | None
    ) -> tuple[str, AccessToken]:
        """A new token and the secret that opens it. Raises `InputError`."""
        if not scopes or not set(scopes) <= set(_SCOPES):
            raise InputError(f"scopes: found {', '.join(scopes) or 'none'}; allowed: {', '.join(_SCOPES)}")
        secret = _TOKEN_SIGN + secrets.token_urlsafe(32)
        token = AccessToken(
            secrets.token_hex(6), name, label, tuple(s for s in _SCOPES if s in scopes), now_ns, expires_ns
        )
        with self._writing() as connection:
            if not connection.execute("SELECT 1 FROM account WHERE name = ?", (name,)).fetchone():
                raise InputError(f"name: found {name[:80]!r}; allowed: an account that is there")
            connection.execute(
                "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?, ?)",
                (token.id, _digest(secret), name, label, " ".join(token.scopes), now_ns, expires_ns),
            )
        return secret, token

    def take_back(self, token: str) -> bool:
        """End a token; False where there is none."""
        with self._writing() as connection:
            return connection.execute("DELETE FROM token WHERE id = ?", (token,)).rowcount > 0

    def by_token(self, secret: str, now_ns: int) -> Session | None:
        """Who this token lets in."""
        with self._reading() as connection:
            row = connection.execute(
                "SELECT a.name, a.role, t.scopes, t.expires_ns FROM token t JOIN account a ON a.name = t.name "
                "WHERE t.digest = ? AND a.disabled = 0",
                (_digest(secret),),
            ).fetchone()
        if row is None or (row[3] is not None and now_ns >= row[3]):
            return None
        return Session(row[0], row[1], _scopes(row[2]), "", "", must_change_password=False)

    # --- what waits for the audit chain ---------------------------------------------------------------------------

    def keep_audit(self, kind: str, who: str, text: str, wall_ns: int) -> None:
        """Keep an entry until the watch takes it."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO waiting_audit (kind, who, text, wall_ns) VALUES (?, ?, ?, ?)", (kind, who, text, wall_ns)
            )

    def waiting_audits(self, limit: int = 100) -> list[WaitingAudit]:
        """Entries that wait, oldest first."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT number, kind, who, text, wall_ns FROM waiting_audit ORDER BY number LIMIT ?", (limit,)
            ).fetchall()
        return [WaitingAudit(*row) for row in rows]

    def drop_audit(self, number: int) -> None:
        """Forget an entry that the watch has taken."""
        with self._writing() as connection:
            connection.execute("DELETE FROM waiting_audit WHERE number = ?", (number,))

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # --- inside -------------------------------------------------------------------------------------------------

    def _hashed(self, name: str, password: str) -> str:
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InputError(
                f"password: found {len(password)} characters; allowed: {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}"
            )
        if name in password.lower() or len(set(password)) < 5:
            raise InputError("password: found one that is easily guessed; allowed: no name in it, 5 different signs")
        return self._hasher.hash(password)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock, errors_told(self._path):
            yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._reading() as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection


def open_users(folder: Path, hasher: argon2.PasswordHasher | None = None) -> UserStore:
    """The users of the store in this folder, made where there are none. Raises `StoreError` in one line."""
    path = folder / FILE
    with errors_told(path):
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise StoreError(f"{path}: found mode {mode:04o}; allowed: 0600 (others can read who comes in)")
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            _prepare(connection, path)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
    return UserStore(path, connection, hasher or argon2.PasswordHasher())


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if not application and not version and not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        for statement in _DDL:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        return
    if application != APPLICATION_ID or version != SCHEMA_VERSION:
        raise StoreError(
            f"{path}: found application {application:#x}, schema {version}; "
            f"allowed: users of Linewatch ({APPLICATION_ID:#x}), schema {SCHEMA_VERSION}"
        )


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _scopes(text: str) -> tuple[Scope, ...]:
    return tuple(scope for scope in _SCOPES if scope in text.split())
