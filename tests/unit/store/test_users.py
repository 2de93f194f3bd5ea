"""Accounts, sessions and tokens: who may come in, by what, and until when."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import argon2
import pytest

from linewatch.errors import InputError, StoreError
from linewatch.store.users import FILE, IDLE_NS, UserStore, open_users

GOOD = "wicket-marten-07"
QUICK = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def users(tmp_path: Path) -> Iterator[UserStore]:
    store = open_users(tmp_path, QUICK)
    store.add("watch1", "operator", GOOD, must_change=False, now_ns=0)
    yield store
    store.close()


def test_the_right_password_opens_and_no_other(users: UserStore) -> None:
    assert users.holds("watch1", GOOD)
    assert not users.holds("watch1", GOOD + "x")
    assert not users.holds("nobody", GOOD)


def test_no_secret_stands_in_the_file(users: UserStore, tmp_path: Path) -> None:
    session = users.begin("watch1", 0)
    token, _ = users.add_token("watch1", "wall", ("read",), now_ns=0, expires_ns=None)
    users.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (GOOD, session, token):
        assert secret.encode() not in raw


def test_only_the_owner_may_read_the_file(users: UserStore, tmp_path: Path) -> None:
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(StoreError, match="0644"):
        open_users(tmp_path, QUICK)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "watch2-is-my-name", "x" * 257])
def test_a_weak_password_is_refused(users: UserStore, password: str) -> None:
    with pytest.raises(InputError, match="password"):
        users.add("watch2", "viewer", password, must_change=False, now_ns=0)


@pytest.mark.parametrize("name", ["", "Watch", "a/b", "-x", "a" * 65, "watch1"])
def test_a_name_that_is_taken_or_strange_is_refused(users: UserStore, name: str) -> None:
    with pytest.raises(InputError, match="name"):
        users.add(name, "viewer", "larch-anvil-2231", must_change=False, now_ns=0)


def test_a_session_lives_as_long_as_it_is_seen(users: UserStore) -> None:
    secret = users.begin("watch1", 0)
    for hours in range(0, 96, 6):
        found = users.session(secret, hours * 3_600_000_000_000)
        assert found is not None
        assert found.role == "operator"
    assert users.session(secret, 90 * 3_600_000_000_000 + IDLE_NS + 60_000_000_001) is None


@pytest.mark.parametrize("change", ["disable", "role", "password", "end"])
def test_a_change_of_the_account_ends_its_sessions(users: UserStore, change: str) -> None:
    secret = users.begin("watch1", 0)
    {
        "disable": lambda: users.change("watch1", disabled=True),
        "role": lambda: users.change("watch1", role="viewer"),
        "password": lambda: users.set_password("watch1", "larch-anvil-2231", must_change=True),
        "end": lambda: users.end(secret),
    }[change]()
    assert users.session(secret, 1) is None


def test_a_disabled_account_opens_by_nothing(users: UserStore) -> None:
    token, _ = users.add_token("watch1", "wall", ("read",), now_ns=0, expires_ns=None)
    users.change("watch1", disabled=True)
    assert not users.holds("watch1", GOOD)
    assert users.by_token(token, 1) is None


def test_a_token_ends_at_its_time_and_when_taken_back(users: UserStore) -> None:
    secret, token = users.add_token("watch1", "wall", ("read",), now_ns=0, expires_ns=10)
    found = users.by_token(secret, 9)
    assert found is not None
    assert found.scopes == ("read",)
    assert users.by_token(secret, 10) is None
    assert users.take_back(token.id)
    assert not users.take_back(token.id)
    assert users.by_token(secret, 5) is None


def test_a_seat_is_kept_with_the_session(users: UserStore) -> None:
    secret = users.begin("watch1", 0)
    users.take_seat(secret, "north")
    found = users.session(secret, 1)
    assert found is not None
    assert found.seat == "north"


def test_entries_for_the_audit_chain_wait_in_order(users: UserStore) -> None:
    users.keep_audit("login", "watch1", "signed in", 5)
    users.keep_audit("look", "watch1", "looked at a picture", 6)
    first, second = users.waiting_audits()
    assert (first.kind, second.kind, second.wall_ns) == ("login", "look", 6)
    users.drop_audit(first.number)
    assert users.waiting_audits() == [second]


def test_a_file_of_another_program_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as other:
        other.execute("CREATE TABLE thing (x)")
    other.close()
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(StoreError, match="users of Linewatch"):
        open_users(tmp_path, QUICK)
