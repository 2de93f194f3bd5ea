"""What verification finds, and what it does not claim."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from linewatch.errors import ChainError, LinewatchError, StoreError
from linewatch.records import canonical_bytes
from linewatch.store import Erasure, Head, Signer, Verdict, open_store, read_anchor, verify
from linewatch.store import scan_parallel as scan_parallel_module
from tests.unit.store.tampering import KINDS_OF_EDIT, edit, rechain, reseal
from tests.unit.store.writing import WALL_NS, act, edited, incident, opened, rows_of, tick_at, write_store, write_tick

SIGNER = Signer(b"\x01" * 32)
OTHER = Signer(b"\x02" * 32)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with everything in it; a test that changes it takes a copy."""
    return write_store(tmp_path_factory.mktemp("kept") / "store", 20, signer=SIGNER)


@pytest.fixture
def copy(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept, tmp_path / "copy")


def head_of(folder: Path) -> Head:
    with open_store(folder) as store:
        return store.heads()


def first_break(folder: Path) -> str:
    verdict = verify(folder)
    assert verdict.status == "broken"
    assert verdict.text == f"broken: {verdict.breaks[0]}"
    return verdict.breaks[0]


# --- what it claims ------------------------------------------------------------------------------------------------


def test_without_an_outside_head_a_whole_store_is_unanchored_and_never_ok(kept: Path) -> None:
    verdict = verify(kept)
    assert verdict.status == "unanchored"
    assert verdict.text.startswith("unanchored since 2027-01-15T08:00:00Z: ")
    assert "ok" not in verdict.text.split(":")[0]
    assert verdict.records == rows_of(kept, "SELECT count(*) FROM record_entry")[0][0]
    assert (verdict.checkpoints, verdict.files, verdict.breaks) == (2, 3, ())


def test_with_the_head_of_its_end_a_store_is_ok(kept: Path) -> None:
    head = head_of(kept)
    for anchor in (head, read_anchor(head.code)):
        verdict = verify(kept, anchor)
        assert (verdict.status, verdict.unanchored_since) == ("ok", "")
        assert verdict.code == head.code


def test_what_came_after_the_head_is_said_to_be_unanchored(copy: Path) -> None:
    head = head_of(copy)
    with opened(copy, signer=SIGNER) as journal:
        write_tick(journal, 60)
    verdict = verify(copy, head)
    assert verdict.status == "ok"
    assert verdict.unanchored_since == "2027-01-15T08:00:00Z"
    assert "what came later is unanchored since 2027-01-15T08:00:00Z" in verdict.text
    assert f"unanchored since record entry {head.record_seq}" in verify(copy, read_anchor(head.code)).text


def test_a_store_that_is_being_written_is_verified_as_of_now(copy: Path) -> None:
    with opened(copy, signer=SIGNER) as journal:
        for index in (60, 61):
            write_tick(journal, index)
            assert verify(copy).status == "unanchored"


def test_a_killed_writer_leaves_a_store_that_verifies(copy: Path) -> None:
    journal = opened(copy, signer=SIGNER)
    write_tick(journal, 60)
    journal.append("tick", "", b"never committed")
    journal.abandon()
    assert verify(copy).status == "unanchored"


# --- edits ---------------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 1 << 32), kind=st.sampled_from(sorted(KINDS_OF_EDIT)))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_edit_of_anything_that_can_be_read_is_found(kept: Path, tmp_path: Path, seed: int, kind: str) -> None:
    copy = tmp_path / f"{kind}-{seed}"
    shutil.copytree(kept, copy, dirs_exist_ok=True)
    what = edit(copy, kind, random.Random(seed))
    verdict = verify(copy)
    shutil.rmtree(copy)
    assert verdict.status == "broken", what


@given(seed=st.integers(0, 1 << 32), kind=st.sampled_from(sorted(KINDS_OF_EDIT)))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_edited_store_is_read_or_refused_in_one_line(kept: Path, tmp_path: Path, seed: int, kind: str) -> None:
    copy = tmp_path / f"{kind}-{seed}"
    shutil.copytree(kept, copy, dirs_exist_ok=True)
    edit(copy, kind, random.Random(seed))

    def read() -> None:
        with open_store(copy) as store:
            store.incidents(), store.outbox("cot"), store.positions(), store.head(), list(store.audits())
            list(store.entries())

    for use in (read, lambda: opened(copy, signer=SIGNER).close()):
        try:
            use()
        except LinewatchError as error:
            assert "\n" not in str(error)  # noqa: PT017 - most edits may be read past
    shutil.rmtree(copy)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE record_entry SET header = zeroblob(9) WHERE seq = 9", "record entry 9: its columns are not what"),
        ("UPDATE record_entry SET key = 'x' WHERE seq = 9", "record entry 9: its columns are not what its header says"),
        ("UPDATE record_entry SET tick = 1 WHERE seq = 9", "record entry 9: its columns are not what its header says"),
        ("UPDATE record_entry SET hash = zeroblob(32) WHERE seq = 9", "record entry 9: its header, commitment or hash"),
        ("UPDATE record_entry SET commitment = zeroblob(32) WHERE seq = 9", "record entry 9: its header, commitment"),
        ("DELETE FROM record_entry WHERE seq = 9", "record entry 9: it is missing"),
        ("DELETE FROM record_entry WHERE seq BETWEEN 9 AND 11", "record entry 9: it is missing"),
        ("INSERT INTO record_entry VALUES (-1, 0, 'a', '', x'', x'', x'')", "record entry 0: found position -1"),
        ("UPDATE record_payload SET body = x'00' WHERE seq = 9", "record entry 9: its payload is not the one that was"),
        ("DELETE FROM record_payload WHERE seq = 9", "record entry 9: its payload is missing, and no erasure says why"),
        ("UPDATE record_payload SET location = 'segments/1' WHERE seq = 9", "record entry 9: location: found"),
        ("UPDATE record_payload SET form = 9 WHERE seq = 9", "record entry 9: form: found 9; allowed: 0 to 3"),
        ("UPDATE record_payload SET crc32 = 9 WHERE seq = 9", "record entry 9: crc32: found 9"),
        ("INSERT INTO record_payload VALUES (999, 0, NULL, NULL, x'')", "record entry 999: there is a payload and no"),
        ("UPDATE audit_entry SET wall_ns = 0 WHERE seq = 1", "audit entry 1: its columns are not what its header says"),
        ("UPDATE audit_entry SET record_seq = 0 WHERE seq = 3", "audit entry 3: its columns are not what its header"),
        ("DELETE FROM audit_payload WHERE seq = 1", "audit entry 1: its payload is missing, and no erasure says why"),
        ("UPDATE incident SET outcome = 'turned_back' WHERE id = 'incident-0'", "incident: row incident-0 is not"),
        ("DELETE FROM incident WHERE id = 'incident-0'", "incident: row incident-0 is not what follows from the chain"),
        ("DELETE FROM outbox WHERE seq = 2", "outbox: row 2 is not what follows"),
        ("UPDATE file SET size = 7", "file: row clips/000000000000.bin is not what follows"),
        ("UPDATE meta SET value = 'other' WHERE name = 'site'", "meta: row site is not what follows"),
        ("UPDATE meta SET value = '1' WHERE name = 'created_ns'", "meta: row created_ns is not what follows"),
        ("INSERT INTO meta VALUES ('zzz', '')", "meta: row zzz is not what follows"),
        ("UPDATE state SET body = x'00' WHERE key = 'incident'", "tables: the last entries or the states were changed"),
        ("UPDATE state SET body = x'00' WHERE space = 'outbox'", "tables: the last entries or the states were changed"),
        ("UPDATE progress SET tick = 41", "tables: the last entries or the states were changed"),
        ("DELETE FROM progress", "progress: its row is missing"),
        ("DROP INDEX incident_raised", "schema: the tables and indexes are not those of a store"),
        ("CREATE TABLE more (x)", "schema: the tables and indexes are not those of a store"),
    ],
)  # fmt: skip
def test_an_edit_is_named_by_what_differs(copy: Path, statement: str, found: str) -> None:
    with edited(copy) as connection:
        connection.execute(statement)
    assert first_break(copy).startswith(found)


def test_two_entries_that_changed_places_are_found_at_the_first(copy: Path) -> None:
    with edited(copy) as connection:
        for old, new in ((9, -9), (10, 9), (-9, 10)):
            connection.execute("UPDATE record_entry SET seq = ? WHERE seq = ?", (new, old))
            connection.execute("UPDATE record_payload SET seq = ? WHERE seq = ?", (new, old))
    assert first_break(copy).startswith("record entry 9: ")


def test_two_payloads_that_changed_places_are_found_at_the_first(copy: Path) -> None:
    with edited(copy) as connection:
        for old, new in ((9, -9), (10, 9), (-9, 10)):
            connection.execute("UPDATE record_payload SET seq = ? WHERE seq = ?", (new, old))
    assert first_break(copy).startswith("record entry 9: its payload is not the one that was committed to")


def test_a_deflated_payload_with_one_bit_changed_is_found(copy: Path) -> None:
    seq, body = rows_of(copy, "SELECT seq, body FROM record_payload WHERE form = 2 ORDER BY seq LIMIT 1")[0]
    assert isinstance(body, bytes)
    for at in range(len(body) * 8):
        changed = bytearray(body)
        changed[at // 8] ^= 1 << at % 8
        with edited(copy) as connection:
            connection.execute("UPDATE record_payload SET body = ? WHERE seq = ?", (bytes(changed), seq))
        assert first_break(copy).startswith(f"record entry {seq}: its stored bytes")
        break  # one whole verification is enough here; the benchmark makes thousands


def test_a_clip_that_was_changed_cut_or_taken_away_is_found(copy: Path) -> None:
    clip = copy / "clips" / "000000000001.bin"
    raw = clip.read_bytes()
    clip.write_bytes(raw[:-1] + b"x")
    assert "000000000001.bin, cited by record entry" in first_break(copy)
    assert first_break(copy).endswith("its bytes were changed")
    clip.write_bytes(raw[:-1])
    assert first_break(copy).endswith("found 99 bytes; allowed: 100")
    clip.unlink()
    assert first_break(copy).endswith("cannot be read (No such file or directory)")


def test_a_file_that_no_entry_cites_is_remarked_on(copy: Path) -> None:
    (copy / "segments" / "000000000000.parquet").write_bytes(b"")
    verdict = verify(copy)
    assert verdict.status == "unanchored"
    assert verdict.remarks == ("files that no entry cites: segments/000000000000.parquet",)


def test_a_text_that_is_no_text_is_told_where_it_stands(copy: Path) -> None:
    with edited(copy) as connection:
        connection.execute("UPDATE record_entry SET key = CAST(x'ff' AS TEXT) WHERE seq = 9")
    assert first_break(copy).startswith("record entry 9: cannot be read")


# --- cut tails -----------------------------------------------------------------------------------------------------


def cut_tail(folder: Path, *, keep_records: int, keep_audits: int | None = None) -> None:
    """Drop the ends of both chains, and make the rest look as if it had never been longer, but for the signatures."""
    with edited(folder) as connection:
        last = connection.execute("SELECT tick FROM record_entry WHERE seq = ?", (keep_records - 1,)).fetchone()[0]
        connection.execute("UPDATE progress SET tick = ?, signal_tick = ?", (last, last))
        for table in ("record_entry", "record_payload", "outbox", "file", "incident"):
            connection.execute(f"DELETE FROM {table} WHERE seq >= ?", (keep_records,))  # noqa: S608
        if keep_audits is not None:
            for table in ("audit_entry", "audit_payload"):
                connection.execute(f"DELETE FROM {table} WHERE seq >= ?", (keep_audits,))  # noqa: S608
        reseal(connection)


def test_a_record_tail_that_the_audit_chain_cites_cannot_be_cut_alone(copy: Path) -> None:
    end = head_of(copy).record_seq
    cut_tail(copy, keep_records=end)
    assert first_break(copy) == f"record entry {end}: it is missing; the audit chain cites entries up to {end}"


def test_a_cut_tail_of_both_chains_is_found_by_a_head_lodged_outside_and_by_nothing_else(tmp_path: Path) -> None:
    with opened(tmp_path, signer=SIGNER) as journal:
        journal.commit(tick_at(1), {}, {})
        journal.append("tick", "", b"kept")
        journal.commit(tick_at(2), {}, {})
        journal.audit("login", WALL_NS, "seat 1")
        keep_records, keep_audits = journal.heads().record_seq + 1, journal.heads().audit_seq + 1
        lodged_before = journal.heads()
        journal.append("tick", "", b"an hour that somebody wants to be rid of")
        journal.commit(tick_at(3), {}, {})
    lodged_after = head_of(tmp_path)
    cut_tail(tmp_path, keep_records=keep_records, keep_audits=keep_audits)
    assert verify(tmp_path).status == "unanchored"
    assert verify(tmp_path, lodged_before).status == "ok"
    verdict = verify(tmp_path, lodged_after)
    assert verdict.breaks[0] == (
        f"record entry {lodged_after.record_seq}: it is missing, and the head lodged outside has it "
        f"(here entry {lodged_before.record_seq} is last)"
    )
    assert verify(tmp_path, read_anchor(lodged_after.code)).status == "broken"


# --- the owner of the key ------------------------------------------------------------------------------------------


def rewritten(folder: Path, target: Path) -> Path:
    """What somebody with every key can do: write the whole store anew, with one act left out of history."""
    with opened(target, signer=SIGNER) as forged:
        for index in range(40, 60):
            for kind, key, record in [("tick", "", tick_at(index))] + (
                [("incident", "incident-0", incident("incident-0", index))] if index % 4 == 0 else []
            ):
                forged.append(kind, key, canonical_bytes(record))  # type: ignore[arg-type]
            forged.commit(tick_at(index), {"fence": f"row {index * 250}"}, {})
    return target


def test_an_owner_of_the_key_who_rewrites_everything_is_unanchored_and_never_ok(kept: Path, tmp_path: Path) -> None:
    verdict = verify(rewritten(kept, tmp_path / "forged"))
    assert verdict.status == "unanchored"
    assert verdict.checkpoints == 2


def test_an_owner_of_the_key_who_rewrites_everything_is_found_by_a_head_lodged_outside(
    kept: Path, tmp_path: Path
) -> None:
    lodged = head_of(kept)
    early = Head(5, *_hash_at(kept, "record", 5), 1, *_hash_at(kept, "audit", 1), WALL_NS)
    forged = rewritten(kept, tmp_path / "forged")
    assert verify(forged, early).breaks[0] == "record entry 5: it has another hash than in the head lodged outside"
    assert verify(forged, lodged).status == "broken"
    short = verify(forged, read_anchor(early.code))
    assert short.breaks[0].startswith("record entry 5: its code is 5-1-")


def _hash_at(folder: Path, chain: str, seq: int) -> tuple[str]:
    return (rows_of(folder, f"SELECT lower(hex(hash)) FROM {chain}_entry WHERE seq = {seq}")[0][0],)  # type: ignore[return-value]  # noqa: S608


@pytest.fixture
def unsigned(tmp_path: Path) -> Path:
    """A store without a key, as a replay leaves it: whoever knows the format can make a history of their own."""
    return write_store(tmp_path / "unsigned", 10)


def test_without_the_key_a_history_made_anew_fails_at_the_first_checkpoint_after_it(copy: Path) -> None:
    with edited(copy) as connection:
        connection.execute("UPDATE record_payload SET body = x'c0' WHERE seq = 1")
        rechain(connection)
    assert first_break(copy) == "audit entry 3: its signature does not hold"


def test_without_any_key_a_history_made_anew_is_unanchored_and_fails_against_a_head(unsigned: Path) -> None:
    lodged = head_of(unsigned)
    with edited(unsigned) as connection:
        connection.execute("UPDATE record_payload SET body = x'c0' WHERE seq = 1")
        rechain(connection)
    assert verify(unsigned).status == "unanchored"
    assert verify(unsigned, lodged).status == "broken"


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE record_entry SET tick = 39 WHERE seq = 5", "record entry 5: it is of tick 39, before tick 4"),
        ("UPDATE audit_entry SET record_seq = 1 WHERE seq = 2", "audit entry 2: it cites what is older than what"),
        ("UPDATE audit_entry SET tick = -1 WHERE seq = 2", "audit entry 2: it cites what is older than what"),
        ("UPDATE audit_entry SET kind = 'key' WHERE seq = 1", "audit entry 1: its payload is no key ("),
        ("UPDATE audit_entry SET kind = 'erase' WHERE seq = 0", "audit entry 0: its payload is no erase ("),
        ("UPDATE record_entry SET kind = 'open' WHERE seq = 1", "record entry 1: its payload is no open ("),
        ("UPDATE record_entry SET kind = 'file' WHERE seq = 1", "record entry 1: its payload is no file ("),
        ("UPDATE record_entry SET kind = 'incident' WHERE seq = 1", "tables: its payload is no incident ("),
        ("UPDATE record_entry SET key = 'x' WHERE kind = 'incident'", "incident: row incident-"),
    ],
)
def test_a_history_made_anew_has_to_make_sense_too(unsigned: Path, statement: str, found: str) -> None:
    with edited(unsigned) as connection:
        connection.execute(statement)
        rechain(connection)
    assert first_break(unsigned).startswith(found)


def test_what_the_store_itself_wrote_is_never_missing_whatever_an_erasure_says(unsigned: Path) -> None:
    with opened(unsigned) as journal:
        journal.erase(Erasure("record", ((1, 1),), "", (), "x"))
    with edited(unsigned) as connection:
        connection.execute("UPDATE record_entry SET kind = 'open' WHERE seq = 1")
        rechain(connection)
    assert first_break(unsigned) == ("record entry 1: a payload of kind open is never erased, and this one is missing")


# --- keys ----------------------------------------------------------------------------------------------------------


def test_a_key_is_changed_on_the_word_of_the_old_one(copy: Path) -> None:
    with opened(copy, signer=SIGNER) as journal:
        journal.rotate(OTHER)
        write_tick(journal, 60)
    verdict = verify(copy)
    assert (verdict.status, verdict.remarks) == ("unanchored", ())
    assert head_of(copy).public_key == OTHER.public_key.hex()


def test_a_lost_key_is_replaced_and_that_is_remarked_on(copy: Path) -> None:
    with opened(copy, signer=OTHER) as journal:
        write_tick(journal, 60)
    verdict = verify(copy)
    assert verdict.status == "unanchored"
    assert len(verdict.remarks) == 1
    assert verdict.remarks[0].endswith("on another key signs, without the word of the one before")


def test_a_checkpoint_that_another_key_signed_is_found(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forger = Signer(SIGNER.public_key)  # any other seed
    monkeypatch.setattr(forger, "public_key", SIGNER.public_key)
    with opened(copy, signer=forger) as journal:
        write_tick(journal, 60)
    assert first_break(copy).endswith("its signature does not hold")
    monkeypatch.setattr(forger, "public_key", OTHER.public_key)
    shutil.rmtree(copy)
    with opened(copy, signer=SIGNER) as journal:
        write_tick(journal, 60)
        journal._signer = OTHER
    assert first_break(copy).endswith("it is signed with a key that is not in force")


def test_a_rotation_that_the_old_key_did_not_sign_is_found(copy: Path) -> None:
    with opened(copy, signer=SIGNER) as journal:
        journal._signer = Signer(b"\x03" * 32)
        journal.rotate(OTHER)
    assert first_break(copy).endswith("the old key's signature under the new key does not hold")


def test_states_that_the_last_checkpoint_did_not_sign_are_found_even_under_a_new_seal(copy: Path) -> None:
    with edited(copy) as connection:
        connection.execute("UPDATE state SET body = x'00' WHERE key = 'incident'")
        reseal(connection)
    assert first_break(copy) == "state: the states are not those that the last checkpoint signed"


def test_a_clock_that_went_back_is_remarked_on(copy: Path) -> None:
    with opened(copy, signer=SIGNER) as journal:
        journal.audit("login", WALL_NS - 2_500_000_000, "seat 1")
    verdict = verify(copy)
    assert verdict.status == "unanchored"
    assert [remark.partition(" at ")[0] for remark in verdict.remarks] == ["the clock went back by 2.500000 s"]


# --- erasure -------------------------------------------------------------------------------------------------------


def seqs_of(folder: Path, kind: str, table: str = "record_entry") -> list[int]:
    rows = rows_of(folder, f"SELECT seq FROM {table} WHERE kind = '{kind}' ORDER BY seq")  # noqa: S608
    return [int(str(seq)) for (seq,) in rows]


def erase(
    folder: Path, *, seqs: list[int], piece: str = "", chain: str = "record", files: tuple[str, ...] = ()
) -> None:
    with opened(folder, signer=SIGNER) as journal:
        ranges = tuple((seq, seq) for seq in seqs)
        journal.erase(Erasure(chain, ranges, piece, files, "positions of staff: 7 days"))  # type: ignore[arg-type]


def test_payloads_erased_on_the_record_are_gone_and_the_chain_verifies(copy: Path) -> None:
    head = head_of(copy)
    seqs = seqs_of(copy, "arrival")
    erase(copy, seqs=seqs)
    verdict = verify(copy, head)
    assert (verdict.status, verdict.erased_payloads) == ("ok", len(seqs))
    with open_store(copy) as store:
        assert {entry.payload for entry in store.entries(kinds=("arrival",))} == {None}


def test_what_is_erased_is_in_no_byte_of_the_file_any_more(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.append("act", "operator", canonical_bytes(act("i", 1, reason="a name that should not be here")))
        journal.commit(tick_at(1), {}, {})
        journal.erase(Erasure("record", ((1, 1),), "reason", (), "request of 2 March"))
        for path in tmp_path.glob("linewatch.sqlite*"):
            assert b"a name that" not in path.read_bytes()
            assert path.name.endswith("-shm") or b"seat-2" in path.read_bytes() or path.stat().st_size == 0


def test_one_piece_can_be_erased_and_the_rest_of_the_payload_still_verifies(copy: Path) -> None:
    head = head_of(copy)
    erase(copy, seqs=seqs_of(copy, "act"), piece="reason")
    erase(copy, seqs=seqs_of(copy, "incident"), piece="assessment_cause")
    erase(copy, seqs=seqs_of(copy, "act", "audit_entry"), piece="who", chain="audit")
    assert verify(copy, head).status == "ok"
    with open_store(copy) as store:
        assert {i.assessment_cause for i in store.incidents()} == {"[erased]"}
        assert {i.reason for i in store.incidents()} == {"one mover towards the line"}
    with edited(copy) as connection:
        seq = seqs_of(copy, "act")[0]
        connection.execute(
            "UPDATE record_payload SET body = CAST(replace(body, 'seat-2', 'seat-3') AS BLOB) WHERE seq = ?", (seq,)
        )
    assert first_break(copy).startswith(f"record entry {seq}: ")


def test_an_incident_whose_last_version_is_erased_is_shown_no_more(copy: Path) -> None:
    erase(copy, seqs=seqs_of(copy, "incident")[-2:])
    assert verify(copy).status == "unanchored"
    with open_store(copy) as store:
        assert store.incidents() == []


def test_a_file_erased_on_the_record_is_gone_and_the_chain_verifies(copy: Path) -> None:
    erase(copy, seqs=[], files=("clips/000000000001.bin",))
    verdict = verify(copy)
    assert (verdict.status, verdict.files) == ("unanchored", 2)
    (copy / "clips" / "000000000001.bin").write_bytes(b"back again")
    assert first_break(copy) == "file: clips/000000000001.bin was erased on the record, and is here"
    with opened(copy, signer=SIGNER) as journal:
        assert not (copy / "clips" / "000000000001.bin").exists()
        assert journal.add_file("clips", ".bin", lambda path: path.write_bytes(b"")).name == "clips/000000000003.bin"


@pytest.mark.parametrize(
    ("undo", "found"),
    [
        ("DELETE FROM record_payload WHERE seq = 1", "record entry 1: its payload is missing, and no erasure says why"),
        ("INSERT INTO record_payload VALUES (2, 0, NULL, NULL, x'00')", "record entry 2: its payload was erased on"),
    ],
)
def test_an_erasure_licenses_what_it_names_and_nothing_else(copy: Path, undo: str, found: str) -> None:
    assert seqs_of(copy, "tick")[0] == 1
    erase(copy, seqs=[2])
    with edited(copy) as connection:
        connection.execute(undo)
    assert first_break(copy).startswith(found)


def test_an_erasure_that_is_taken_out_of_the_audit_chain_licenses_nothing(copy: Path) -> None:
    erase(copy, seqs=[2])
    with edited(copy) as connection:
        connection.execute(
            "UPDATE audit_payload SET body = x'c0' WHERE seq IN (SELECT seq FROM audit_entry WHERE kind = 'erase')"
        )
    assert first_break(copy).startswith("record entry 2: its payload is missing, and no erasure says why")


@pytest.mark.parametrize(
    ("erasure", "why"),
    [
        (Erasure("record", ((0, 0),), "", (), "x"), "record entry 0 is of kind 'open'; allowed: any but file, open"),
        (Erasure("record", ((5, 999),), "", (), "x"), "record entries 5 to 999 are not all there"),
        (Erasure("record", ((5, 4),), "", (), "x"), "record entries 5 to 4 are not all there"),
        (Erasure("audit", ((1, 1),), "", (), "x"), "audit entry 1 is of kind 'key'; allowed: any but"),
        (Erasure("record", (), "", ("clips/none.bin",), "x"), "file 'clips/none.bin' is not there"),
    ],
)
def test_what_is_not_there_or_has_to_stay_is_not_erased(copy: Path, erasure: Erasure, why: str) -> None:
    with opened(copy, signer=SIGNER) as journal:
        before = journal.heads()
        with pytest.raises(ValueError, match=why):
            journal.erase(erasure)
        assert journal.heads() == before
    assert verify(copy).status == "unanchored"


# --- more than one process -----------------------------------------------------------------------------------------


def several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan_parallel_module, "PROCESS_FROM_ENTRIES", 10)
    monkeypatch.setattr(scan_parallel_module.os, "cpu_count", lambda: 3)


def test_several_processes_find_what_one_finds(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_all(change: Callable[[], None]) -> None:
        change()
        with monkeypatch.context() as patch:
            alone = verify(copy, head)
            several(patch)
            together = verify(copy, head)
        assert together == alone
        answers.append(together)

    def run(statement: str) -> None:
        with edited(copy) as connection:
            connection.execute(statement)

    head, answers = head_of(copy), list[Verdict]()
    third = head.record_seq // 3
    on_all(lambda: None)
    on_all(lambda: erase(copy, seqs=[2, third]))
    on_all(lambda: run(f"UPDATE record_entry SET kind = 'x' WHERE seq = {third * 2 + 1}"))  # noqa: S608
    on_all(lambda: run(f"DELETE FROM record_entry WHERE seq = {third - 1}"))  # noqa: S608
    on_all(lambda: run("UPDATE record_entry SET kind = 'x' WHERE seq = 3"))
    assert [answer.status for answer in answers] == ["ok", "ok", "broken", "broken", "broken"]
    assert answers[-1].breaks[0].startswith("record entry 3: ")


def test_a_process_that_cannot_answer_costs_time_and_nothing_else(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = verify(kept)
    several(monkeypatch)
    monkeypatch.setattr(scan_parallel_module, "_PROGRAM", "raise SystemExit(3)")
    assert verify(kept) == alone


def test_a_store_that_moved_on_is_told_by_the_process_that_sees_it(kept: Path) -> None:
    job = scan_parallel_module._Job(str(kept / "linewatch.sqlite"), 0, 9, None, {}, ())
    assert scan_parallel_module._work(job) is not None
    erasure = Erasure("record", ((2, 2),), "", (), "")
    assert scan_parallel_module._work(scan_parallel_module._Job(job.path, 0, 9, None, {}, (erasure,))) is None
    assert scan_parallel_module._work(scan_parallel_module._Job("none", 0, 9, None, {}, ())) is None


# --- nothing to verify ---------------------------------------------------------------------------------------------


def test_where_there_is_no_store_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="found no such file; allowed: a store written by Linewatch"):
        verify(tmp_path)


def test_a_chain_error_is_also_a_value_error() -> None:
    assert issubclass(ChainError, ValueError)
