"""The journal: ticks go in whole, come out in order, and go on where they stopped."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.errors import ChainError, InputError, StoreError
from linewatch.ports import JournalReader, JournalWriter, Positions
from linewatch.records import canonical_bytes, from_bytes
from linewatch.store import AuditEntry, Signer, open_store
from linewatch.store import journal as journal_module
from linewatch.store.notes import decode_note
from linewatch.store.schema import DATABASE
from tests.unit.store.writing import (
    IDENTITY,
    WALL_NS,
    edited,
    incident,
    opened,
    records_of,
    rows_of,
    tick_at,
    write_store,
    write_tick,
)

RECORD_CHAIN = "SELECT e.*, p.* FROM record_entry e JOIN record_payload p ON p.seq = e.seq ORDER BY e.seq"


def written(writer: JournalWriter) -> Positions | None:
    return writer.positions()


def head_read(reader: JournalReader) -> str:
    return reader.head()


def test_a_journal_is_the_writer_and_the_reader_that_the_ports_ask_for(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        assert written(journal) is None
        assert len(head_read(journal)) == 64


def test_entries_come_back_in_order_with_their_canonical_bytes(tmp_path: Path) -> None:
    write_store(tmp_path, 12, first=40)
    expected = [(index, kind, key, record) for index in range(40, 52) for kind, key, record in records_of(index)]
    with open_store(tmp_path) as store:
        found = [e for e in store.entries() if e.kind not in ("open", "file", "detections")]
    assert [(e.tick, e.kind, e.key, from_bytes(e.payload or b"")) for e in found] == expected


def test_entries_can_be_asked_for_by_kind_and_position(tmp_path: Path) -> None:
    write_store(tmp_path, 12)
    with open_store(tmp_path) as store:
        everything = list(store.entries())
        assert [e.seq for e in everything] == list(range(len(everything)))
        some = list(store.entries(kinds=("act", "arrival"), from_seq=9))
    assert some == [e for e in everything if e.kind in ("act", "arrival") and e.seq >= 9]
    assert some


def test_a_resumed_run_finds_positions_and_states_of_its_last_tick(tmp_path: Path) -> None:
    write_store(tmp_path, 15, first=40)
    with opened(tmp_path) as journal:
        found = journal.positions()
    assert found is not None
    assert (found.tick, found.signal_tick) == (54, 50)
    assert found.sources == {"fence": "row 13500"}
    assert found.signal_sources == {"fence": "row 12500"}
    assert found.states == {"track/main/S01": bytes([54]) * 20, "incident": b"i54"}
    assert found.signal_states == {"fence-1": bytes([50]) * 50}


def test_a_state_that_is_not_given_stays_and_signal_states_are_replaced_as_a_whole(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.commit(tick_at(1), {"a": "1", "b": "1"}, {"x": b"1", "y": b"1"}, {"s": b"1", "t": b"1"})
        journal.commit(tick_at(2), {"a": "2"}, {"x": b"2"}, {"s": b"2"})
        found = journal.positions()
    assert found is not None
    assert found.sources == {"a": "2"}
    assert found.states == {"x": b"2", "y": b"1"}
    assert found.signal_states == {"s": b"2"}


def test_before_the_first_commit_there_is_nowhere_to_go_on_from(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with opened(tmp_path) as journal:
        assert journal.positions() is None
        assert [entry.kind for entry in journal.entries()] == ["open"]


@given(stops=st.lists(st.integers(1, 6), min_size=1, max_size=4), orderly=st.booleans())
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_run_that_is_stopped_anywhere_leaves_the_same_record_chain(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], *, orderly: bool
) -> None:
    whole = write_store(tmp_path_factory.mktemp("whole"), sum(stops))
    cut = tmp_path_factory.mktemp("cut")
    index = 40
    for ticks in stops:
        journal = opened(cut)
        for _ in range(ticks):
            write_tick(journal, index)
            index += 1
        journal.append("tick", "", b"of a tick that never ends")
        journal.close() if orderly else journal.abandon()
    assert rows_of(cut, RECORD_CHAIN) == rows_of(whole, RECORD_CHAIN)
    for table in ("incident", "file"):
        assert rows_of(cut, f"SELECT * FROM {table}") == rows_of(whole, f"SELECT * FROM {table}")  # noqa: S608


def test_entries_of_a_tick_that_was_not_committed_are_not_there(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_tick(journal, 41)
        head = journal.head()
        journal.append("tick", "", canonical_bytes(tick_at(42)))
        assert journal.head() == head
    with open_store(tmp_path) as store:
        assert max(entry.tick for entry in store.entries()) == 41
        last = list(store.audits())[-1]
        assert "1 entries of an unfinished tick left out" in decode_note(last.entry.payload or b"").text


def test_a_tick_is_committed_once_and_in_order(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_tick(journal, 41)
        for index in (41, 40):
            with pytest.raises(ValueError, match="later than the last committed, 41"):
                journal.commit(tick_at(index), {}, {})


def test_the_store_keeps_its_own_kinds_for_itself(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for kind in ("open", "file"):
            with pytest.raises(ValueError, match="only the store itself"):
                journal.append(kind, "", b"")
        for kind in ("key", "checkpoint", "erase"):
            with pytest.raises(ValueError, match="only the store itself"):
                journal.audit(kind, 1, "")


def test_an_incident_is_entered_under_its_own_id(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("incident", "another", canonical_bytes(incident("one", 41)))
        with pytest.raises(ValueError, match="allowed: the incident's id, 'one'"):
            journal.commit(tick_at(41), {}, {})


def test_the_last_version_of_every_incident_is_kept_by_raising_time(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for index, name, priority, raised_ns in ((1, "b", 3, 5), (2, "a", 2, 9), (3, "b", 1, 5), (3, "c", 4, 5)):
            record = incident(name, index, priority=priority, raised_ns=raised_ns)
            journal.append("incident", name, canonical_bytes(record))
            if (index, name) != (3, "b"):
                journal.commit(tick_at(index), {}, {})
        assert [(i.id, i.priority) for i in journal.incidents()] == [("b", 1), ("c", 4), ("a", 2)]


def test_two_versions_in_one_tick_are_both_entered_and_the_later_one_is_shown(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for priority in (3, 2):
            journal.append("incident", "a", canonical_bytes(incident("a", 1, priority=priority)))
        journal.commit(tick_at(1), {}, {})
        assert [i.priority for i in journal.incidents()] == [2]
        assert [change.priority for _, change in journal.outbox("cot")] == [3, 2]


def test_every_channel_gets_every_incident_change_once(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for index in (1, 2, 3):
            journal.append("incident", "a", canonical_bytes(incident("a", index)))
            journal.commit(tick_at(index), {}, {})
        assert [seq for seq, _ in journal.outbox("cot")] == [1, 2, 3]
        journal.delivered("cot", 2)
        assert [seq for seq, _ in journal.outbox("cot")] == [3]
        assert [seq for seq, _ in journal.outbox("mqtt", limit=2)] == [1, 2]
    with opened(tmp_path) as journal:
        assert [seq for seq, _ in journal.outbox("cot")] == [3]


def test_an_act_and_the_person_behind_it_become_durable_together(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.audit("act", 5, "assessed", key="operator", who="login-4", about=journal.next_seq, in_commit=True)
        journal.append("act", "operator", b"act")
        assert [audit.entry.kind for audit in _audits(tmp_path)] == ["created"]
        journal.commit(tick_at(1), {}, {})
        audit = _audits(tmp_path)[-1]
        note = decode_note(audit.entry.payload or b"")
        assert (note.who, note.about, audit.record_seq, audit.wall_ns) == ("login-4", 1, 1, 5)


def test_an_audit_entry_is_durable_at_once_and_cites_the_record_head(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_tick(journal, 41)
        journal.append("tick", "", b"pending")
        journal.audit("login", 7, "seat 1 taken", who="login-4")
        last = _audits(tmp_path)[-1]
        entries = list(journal.entries())
    assert (last.entry.kind, last.record_seq, last.wall_ns) == ("login", entries[-1].seq, 7)


def test_restarts_stand_in_the_audit_chain_only(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    opened(tmp_path).abandon()
    opened(tmp_path).close()
    texts = [decode_note(audit.entry.payload or b"").text for audit in _audits(tmp_path) if audit.entry.key == ""]
    assert texts[0] == "created"
    assert texts[-4:] == ["closed", "opened", "opened after a stop that was not orderly", "closed"]
    assert [row for row in rows_of(tmp_path, "SELECT kind FROM record_entry") if row == ("open",)] == [("open",)]


def test_a_replay_refuses_the_store_of_another_run(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    other = msgspec.structs.replace(IDENTITY, inputs_id="other")
    before = rows_of(tmp_path, "SELECT count(*) FROM audit_entry")
    with pytest.raises(InputError, match="inputs_id: found '1n'; allowed: 'other'"):
        opened(tmp_path, identity=other)
    assert rows_of(tmp_path, "SELECT count(*) FROM audit_entry") == before


def test_a_live_watch_notes_new_settings_in_the_record_chain(tmp_path: Path) -> None:
    write_store(tmp_path, 2, first=40)
    other = msgspec.structs.replace(IDENTITY, settings_id="5e78")
    with opened(tmp_path, identity=other, changed="note") as journal:
        last = list(journal.entries())[-1]
    assert (last.kind, last.tick) == ("open", 41)
    with open_store(tmp_path) as store:
        assert store.meta()["settings_id"] == "5e78"


def test_a_file_is_cited_by_the_commit_and_an_orphan_is_swept(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    cited = journal.add_file("segments", ".parquet", lambda path: path.write_bytes(b"kept"))
    journal.commit(tick_at(1), {}, {})
    orphan = journal.add_file("segments", ".parquet", lambda path: path.write_bytes(b"lost"))
    (tmp_path / "clips" / "half.part").write_bytes(b"x")
    journal.abandon()
    assert (cited.name, orphan.name) == ("segments/000000000000.parquet", "segments/000000000001.parquet")
    with opened(tmp_path) as journal:
        assert [path.name for path in sorted((tmp_path / "segments").iterdir())] == ["000000000000.parquet"]
        assert not list((tmp_path / "clips").iterdir())
        again = journal.add_file("segments", ".parquet", lambda path: path.write_bytes(b"again"))
        assert again.name == orphan.name
    text = [decode_note(audit.entry.payload or b"").text for audit in _audits(tmp_path)][1]
    assert text.endswith(f"removed files that no entry cites: clips/half.part, {orphan.name}")


def test_a_file_has_a_room_and_a_plain_suffix(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        with pytest.raises(ValueError, match="allowed: segments, clips"):
            journal.add_file("../up", ".bin", lambda path: path.write_bytes(b""))
        with pytest.raises(ValueError, match="small letters and digits"):
            journal.add_file("clips", "/../x", lambda path: path.write_bytes(b""))


def test_a_full_disk_keeps_nothing_of_the_tick_and_forgets_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        write_tick(journal, 41)
        pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
        journal._connection.execute(f"PRAGMA max_page_count = {pages}")
        head = journal.head()
        for _ in range(50):
            journal.append("detections", "fence-1", bytes(range(256)) * 3)
        for _ in range(2):
            with pytest.raises(StoreError, match="the disk is full; nothing of the unfinished tick was kept"):
                journal.commit(tick_at(42), {"fence": "x"}, {"incident": b"new"})
            assert journal.head() == head
            found = journal.positions()
            assert found is not None
            assert (found.tick, found.states["incident"]) == (41, b"i41")
        journal._connection.execute("PRAGMA max_page_count = 1000000")
        journal.commit(tick_at(42), {"fence": "x"}, {"incident": b"new"})
        assert len(list(journal.entries(kinds=("detections",)))) == 50


def test_states_that_somebody_changed_are_not_gone_on_from(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    with edited(tmp_path) as connection:
        connection.execute("UPDATE state SET body = x'00' WHERE key = 'incident'")
    with pytest.raises(StoreError, match=r"changed outside Linewatch.*linewatch verify"):
        opened(tmp_path)


def test_a_payload_that_somebody_changed_is_not_read_as_if_nothing_were(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    with edited(tmp_path) as connection:
        connection.execute("UPDATE record_payload SET body = x'c0' WHERE seq = 1")
    with open_store(tmp_path) as store, pytest.raises(ChainError, match="record entry 1: its payload is not the one"):
        list(store.entries())


def test_a_reader_sees_what_is_committed_while_the_writer_goes_on(tmp_path: Path) -> None:
    with opened(tmp_path) as journal, open_store(tmp_path) as store:
        write_tick(journal, 41)
        seen = len(list(store.entries()))
        write_tick(journal, 42)
        assert len(list(store.entries())) > seen
        assert store.head() == journal.head()
        assert store.heads() == journal.heads()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(StoreError, match=r"process \d+ is writing this store; allowed: one writer"):
        opened(tmp_path)
    opened(tmp_path).close()


def test_a_checkpoint_is_due_after_so_many_ticks(tmp_path: Path) -> None:
    with opened(tmp_path, signer=Signer(bytes(32)), checkpoint_ticks=10) as journal:
        for index in range(40, 75):
            write_tick(journal, index)
    kinds = [(audit.entry.kind, audit.entry.tick) for audit in _audits(tmp_path)]
    assert [tick for kind, tick in kinds if kind == "checkpoint"] == [40, 50, 60, 70, 74]


def test_a_checkpoint_can_be_asked_for_and_says_nothing_without_a_key(tmp_path: Path) -> None:
    with opened(tmp_path / "keyed", signer=Signer(bytes(32))) as journal:
        journal.checkpoint()
        assert _audits(tmp_path / "keyed")[-1].entry.kind == "checkpoint"
    with opened(tmp_path / "keyless") as journal:
        before = journal.heads()
        journal.checkpoint()
        assert journal.heads() == before


def test_the_wall_clock_of_every_entry_is_the_one_that_was_handed_in(tmp_path: Path) -> None:
    write_store(tmp_path, 2)
    assert {audit.wall_ns // 1000 for audit in _audits(tmp_path)} == {WALL_NS // 1000}


def test_a_journal_that_could_not_be_opened_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ChainError("the seal does not fit")

    with monkeypatch.context() as patch:
        patch.setattr(journal_module, "load_ends", broken)
        with pytest.raises(StoreError, match=f"{DATABASE}: the seal does not fit"):
            opened(tmp_path)
    opened(tmp_path).close()


def _audits(folder: Path) -> list[AuditEntry]:
    with open_store(folder) as store:
        return list(store.audits())
