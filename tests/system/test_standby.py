"""A second machine follows the first and takes over; what it has is equal, erasures included."""

import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from linewatch.app.reporting import facts_of
from linewatch.app.standing_by import FolderLeader, WebLeader, follow_once, followed, leader_at, take_over
from linewatch.clock import HandClock
from linewatch.errors import InputError, StoreError
from linewatch.records import canonical_bytes
from linewatch.report.watching import Watching
from linewatch.site.local_time import LocalTime
from linewatch.store import Erasure, Signer, open_store, verify
from linewatch.store import following as store_following
from tests.sites import fence_site
from tests.system.bench import in_process, linewatch
from tests.unit.store.writing import opened, tick_at, write_store, write_tick

CLOCK = HandClock(1_900_000_000_000_000_000)
TOKEN = "shared by both " * 2
SIGNER = Signer(bytes(32))


def follow(first: Path, second: Path) -> None:
    follow_once(second, FolderLeader(first), str(first), CLOCK)


def assert_equal(first: Path, second: Path) -> None:
    with open_store(first) as one, open_store(second) as two:
        assert one.heads() == two.heads() and one.positions() == two.positions()
        assert one.incidents() == two.incidents() and one.outbox("x") == two.outbox("x")
        assert verify(second, one.heads()).status == "ok"


def test_a_follower_is_equal_after_every_part_of_the_way(tmp_path: Path) -> None:
    first, second = write_store(tmp_path / "first", 25, signer=SIGNER), tmp_path / "second"
    follow(first, second)
    assert_equal(first, second)
    for index in range(100, 130, 10):
        with opened(first, signer=SIGNER) as journal:
            for step in range(10):
                write_tick(journal, index + step)
            journal.delivered("radio", 20)
            follow(first, second)
        follow(first, second)
        assert_equal(first, second)


def test_a_long_way_comes_over_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write_store(tmp_path / "first", 40, signer=SIGNER), tmp_path / "second"
    real, parts = store_following.part_after, []

    def small(folder: Path, standing: store_following.Standing) -> store_following.Part:
        parts.append(real(folder, standing, 17))
        return parts[-1]

    monkeypatch.setattr("linewatch.store.following.part_after", small)
    follow(first, second)
    assert len(parts) > 3 and [part.last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert_equal(first, second)


def test_what_is_erased_over_there_is_erased_here(tmp_path: Path) -> None:
    first, second = write_store(tmp_path / "first", 40), tmp_path / "second"
    follow(first, second)
    name = "clips/" + min(p.name for p in (second / "clips").iterdir())
    with open_store(first) as reader:
        act = next(entry.seq for entry in reader.entries(kinds=("act",)))
        seen = [entry.seq for entry in reader.entries(kinds=("incident",))][-1]
    with opened(first) as journal:
        journal.erase(Erasure("record", ((act, act),), "reason", (), "90 days"))
        journal.erase(Erasure("record", ((seen, seen),), "", (name,), "30 days"))
    follow(first, second)
    assert not (second / name).exists()
    assert_equal(first, second)
    with open_store(second) as reader:
        assert next(reader.entries(kinds=("act",))).payload is None
    third = tmp_path / "third"
    follow(first, third)
    assert_equal(first, third)


def test_a_part_that_does_not_follow_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    first, second = write_store(tmp_path / "first", 10), tmp_path / "second"
    follow(first, second)
    with opened(first) as journal:
        write_tick(journal, 100)
    part = store_following.part_after(first, store_following.standing_of(second))
    forged = msgspec.structs.replace(part, states=[("decision", "incident", b"forged")])
    skipped = msgspec.structs.replace(part, entries={**part.entries, "record": part.entries["record"][1:]})
    before = store_following.standing_of(second)
    connection = sqlite3.connect(second / "linewatch.sqlite", isolation_level=None)
    for wrong in (forged, skipped):
        with pytest.raises(StoreError, match="does not follow on what is here"):
            store_following.take_in(connection, second, wrong)
        assert store_following.standing_of(second) == before
    connection.close()


def test_a_store_that_follows_cannot_be_written_and_one_of_its_own_is_not_followed_over(tmp_path: Path) -> None:
    first, second = write_store(tmp_path / "first", 10), tmp_path / "second"
    follow(first, second)
    with pytest.raises(StoreError, match="found a store that follows another"):
        opened(second)
    with pytest.raises(StoreError, match="found a store of its own"):
        follow(second, first)
    with pytest.raises(StoreError, match="follows no other"):
        take_over(first)
    with pytest.raises(InputError, match="--follow: found 'nowhere'"):
        leader_at("nowhere", "")
    with pytest.raises(InputError, match="--token-file"):
        leader_at("http://first:8423", "")


def test_a_takeover_verifies_stands_in_the_chain_and_its_gap_counts_as_unwatched(tmp_path: Path) -> None:
    first, second, site = tmp_path / "first", tmp_path / "second", fence_site()
    hour = 14_400  # ticks
    with opened(first) as journal:
        for index in range(hour, 2 * hour, 600):
            journal.append("tick", "", canonical_bytes(tick_at(index)))
            journal.commit(tick_at(index), {}, {})
    follow(first, second)
    assert take_over(second, CLOCK).records == followed_records(first)
    with opened(second) as journal:
        for index in range(4 * hour, 5 * hour + 1, 600):
            journal.append("tick", "", canonical_bytes(tick_at(index)))
            journal.commit(tick_at(index), {}, {})
    assert verify(second).status == "unanchored"
    with open_store(second) as reader:
        assert [a.entry.kind for a in reader.audits()].count("takeover") == 1
    facts = facts_of(second, site=site)
    (gap,) = facts.gaps
    assert (gap[1] - gap[0]) / 3.6e12 == pytest.approx(2.0, abs=0.1)
    (cell,) = Watching(facts).cells([], LocalTime("UTC")).values()
    assert cell.unwatched >= 600.0 * 2.0


def followed_records(first: Path) -> int:
    with open_store(first) as reader:
        return reader.heads().record_seq + 1


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    first = write_store(tmp_path / "first", 30, signer=SIGNER)
    (tmp_path / "token").write_text(TOKEN)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "linewatch", "standby", first, "--serve", f"127.0.0.1:{port}"]
    server = subprocess.Popen([*map(str, command), "--token-file", str(tmp_path / "token")])
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield first, f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


def test_a_machine_follows_another_over_the_net_and_takes_over_by_one_command(
    served: tuple[Path, str], tmp_path: Path
) -> None:
    first, address = served
    second = tmp_path / "second"
    done = linewatch("standby", second, "--follow", address, "--token-file", tmp_path / "token", "--once")
    assert done.returncode == 0 and f"following {address}" in done.stdout, done.stderr
    assert_equal(first, second)
    with pytest.raises(StoreError, match="401 token"):
        WebLeader(address, "another token, and a wrong one").part_after(store_following.standing_of(second))
    with pytest.raises(StoreError, match="404"):
        WebLeader(address, TOKEN).fetch("../token", tmp_path / "stolen")
    assert followed(second).address == address
    taken = linewatch("takeover", second)
    assert taken.returncode == 0 and "counts as unwatched" in taken.stdout, taken.stderr
    again = linewatch("standby", second, "--follow", address, "--token-file", tmp_path / "token", "--once")
    assert again.returncode == 2 and "found a store of its own" in again.stderr


def test_nothing_is_served_beyond_this_machine_without_tls_or_without_a_token(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", 3)
    (tmp_path / "token").write_text(TOKEN)
    open_door = in_process("standby", store, "--serve", "0.0.0.0:8423", "--token-file", tmp_path / "token")
    assert open_door.returncode == 2 and "without TLS" in open_door.stderr
    bare = in_process("standby", store, "--serve", "127.0.0.1:8423")
    assert bare.returncode == 2 and "--token-file" in bare.stderr
