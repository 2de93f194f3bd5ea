"""Whoever has which section, in which order and however often killed: the store is the one that one machine leaves."""

from pathlib import Path

import pytest

from linewatch.app.cluster.site_run import Done, replay_on_cluster
from linewatch.app.replay import Replayed, replay
from linewatch.clock import HandClock
from linewatch.records import HandOver, from_bytes
from linewatch.store.reader import open_store
from tests.unit.app.cluster.by_hand import ByHand
from tests.unit.app.cluster.walks import three_sections, walks


def chain(store: Path) -> tuple[str, list[tuple[str, str, bytes | None]]]:
    with open_store(store) as reader:
        return reader.head(), [(entry.kind, entry.key, entry.payload) for entry in reader.entries()]


class Turns(HandClock):
    """While the site waits, the cluster works; every so often it is killed and set up from its last checkpoint."""

    def __init__(self, cluster: ByHand, kill_every: int | None) -> None:
        super().__init__()
        self.cluster, self.kill_every = cluster, kill_every
        self.turns = self.kills = 0
        self.kept: bytes | None = None

    def wait_until_ns(self, time_ns: int) -> None:
        super().wait_until_ns(time_ns)
        self.cluster.turn()
        self.turns += 1
        if self.kill_every is None:
            return
        if self.turns % 5 == 0:
            self.kept = self.cluster.snapshot()
        if self.turns % self.kill_every == 0:
            self.cluster.restore(self.kept)
            self.kills += 1


class Away(Turns):
    """A cluster that is away for seven seconds once."""

    def wait_until_ns(self, time_ns: int) -> None:
        super().wait_until_ns(time_ns + (7_000_000_000 if self.turns == 20 else 0))


def alone(folder: Path, seed: int) -> Replayed:
    site, settings, _ = three_sections(folder / "alone")
    return replay(site, [walks(seed)], out=folder / "alone" / "store", settings=settings)


def on_cluster(folder: Path, seed: int, kill_every: int | None = None, kind: type[Turns] = Turns) -> tuple[Done, Turns]:
    site, settings, plan = three_sections(folder / "cluster")
    run = folder / "cluster" / "run"
    turns = kind(ByHand(run, plan, site, settings, seed), kill_every)
    out = folder / "cluster" / "store"
    try:
        done = replay_on_cluster(run, plan, site, settings, lambda: [walks(seed)], out=out, clock=turns)
    finally:
        turns.cluster.close()
    return done, turns


def test_the_walk_crosses_borders_and_raises_incidents(tmp_path: Path) -> None:
    assert len(alone(tmp_path, 1).incidents) >= 2
    with open_store(tmp_path / "alone" / "store") as reader:
        given = [from_bytes(e.payload) for e in reader.entries(kinds=("hand_over",)) if e.payload is not None]
    passed = {(h.from_section, h.to_section) for h in given if isinstance(h, HandOver)}
    assert passed >= {("S01", "S02"), ("S02", "S03"), ("S03", "S02")}


@pytest.mark.parametrize("seed", [1, 2])
def test_sections_that_have_their_turn_in_any_order_leave_the_store_of_one_machine(tmp_path: Path, seed: int) -> None:
    replayed = alone(tmp_path, seed)
    done, _ = on_cluster(tmp_path, seed)
    assert done.incidents == replayed.incidents
    assert chain(tmp_path / "cluster" / "store") == chain(tmp_path / "alone" / "store")


def test_a_long_wait_for_decisions_stands_in_the_audit_chain_and_changes_no_record(tmp_path: Path) -> None:
    alone(tmp_path, 1)
    on_cluster(tmp_path, 1, kind=Away)
    assert chain(tmp_path / "cluster" / "store") == chain(tmp_path / "alone" / "store")
    with open_store(tmp_path / "cluster" / "store") as reader:
        (told,) = [each.entry.payload for each in reader.audits() if each.entry.kind == "cluster"]
    assert told is not None and b"no decision for 7.0 s before tick" in told


@pytest.mark.parametrize("kill_every", [3, 13])
def test_a_cluster_killed_again_and_again_leaves_the_store_of_one_machine(tmp_path: Path, kill_every: int) -> None:
    replayed = alone(tmp_path, 3)
    done, turns = on_cluster(tmp_path, 3, kill_every)
    assert turns.kills >= 3 and done.repeats > 0
    assert done.incidents == replayed.incidents
    assert chain(tmp_path / "cluster" / "store") == chain(tmp_path / "alone" / "store")
