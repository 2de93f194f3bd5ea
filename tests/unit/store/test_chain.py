"""What is hashed, and how."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linewatch.records import canonical_bytes
from linewatch.store.chain import (
    GENESIS,
    PAYLOAD_TAG,
    START,
    Link,
    audit_header,
    cut,
    encode,
    entry_hash,
    erased,
    extend,
    joined,
    pieces_commitment,
    record_header,
    redactable_fields,
    salt_of,
    whole_commitment,
)
from linewatch.store.payloads import DEFLATED, PIECES, unwrap, wrap
from tests.unit.store.writing import SALT_KEY, act, incident, patrol, tick_at

REDACTABLE = [act("i-1", 7), patrol(7), incident("i-1", 7, assessment_cause="a dog", withdrawn="seen twice")]


def test_the_header_of_a_record_entry_is_this_message_pack_array() -> None:
    expected = b"\x95\xa6record\x00\x07\xa4tick\xa0"
    assert record_header(0, 7, "tick", "") == expected


def test_the_header_of_an_audit_entry_cites_the_last_record_entry() -> None:
    header = audit_header(2, 7, "login", "seat-1", 99, Link(5, b"h" * 32))
    assert msgspec.msgpack.decode(header) == ["audit", 2, 7, "login", "seat-1", 99, 4, b"h" * 32]


def test_an_entry_hash_covers_the_hash_before_the_header_and_the_commitment() -> None:
    commitment = hashlib.sha256(PAYLOAD_TAG + b"payload").digest()
    assert whole_commitment(b"payload") == commitment
    assert entry_hash(GENESIS, b"header", commitment) == hashlib.sha256(bytes(32) + b"header" + commitment).digest()


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.binary(max_size=32)), max_size=12), st.data())
def test_a_chain_is_the_same_however_its_entries_are_grouped(
    entries: list[tuple[str, str, bytes]], data: st.DataObject
) -> None:
    whole = extend(START, 5, entries)
    at = data.draw(st.integers(0, len(entries)))
    end, first = extend(START, 5, entries[:at])
    end, second = extend(end, 5, entries[at:])
    assert (end, first + second) == whole


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=2, max_size=8), st.data())
def test_changing_any_entry_changes_every_hash_from_there_on_and_none_before(
    commitments: list[bytes], data: st.DataObject
) -> None:
    entries = [("tick", "", each) for each in commitments]
    at = data.draw(st.integers(0, len(entries) - 1))
    changed = [*entries[:at], ("tick", "x", entries[at][2]), *entries[at + 1 :]]
    before, after = (extend(START, 0, each)[1] for each in (entries, changed))
    assert [a[-1] == b[-1] for a, b in zip(before, after, strict=True)] == [index < at for index in range(len(entries))]


@pytest.mark.parametrize("record", REDACTABLE, ids=lambda record: type(record).__name__)
def test_a_payload_in_pieces_is_the_same_payload(record: msgspec.Struct) -> None:
    payload = canonical_bytes(record)  # type: ignore[arg-type]
    pieces = cut(payload, redactable_fields(payload), SALT_KEY, "record", 3)
    assert pieces is not None
    assert joined(pieces) == payload
    assert {piece.name for piece in pieces.pieces if piece.name} == redactable_fields(payload)


@pytest.mark.parametrize("record", REDACTABLE, ids=lambda record: type(record).__name__)
def test_erasing_any_pieces_leaves_the_commitment_and_takes_the_text(record: msgspec.Struct) -> None:
    payload = canonical_bytes(record)  # type: ignore[arg-type]
    names = redactable_fields(payload)
    pieces = cut(payload, names, SALT_KEY, "record", 3)
    assert pieces is not None
    for gone in [frozenset({name}) for name in sorted(names)] + [names]:
        less = erased(pieces, gone)
        assert pieces_commitment(less) == pieces_commitment(pieces)
        assert joined(less) is None
        left = b"".join(piece.raw or b"" for piece in less.pieces)
        assert all(encode(name) not in left for name in gone)
        assert erased(less, gone) == less


def test_a_plain_record_is_kept_whole() -> None:
    for payload in (canonical_bytes(tick_at(3)), b"", b"LWD1...", b"\x81", b"\x81\xa4type", b"\x81\xa4typeX", b"\xc0"):
        assert redactable_fields(payload) == frozenset()


def test_bytes_that_only_look_like_a_redactable_record_are_kept_whole() -> None:
    payload = canonical_bytes(act("i", 1))
    for odd in (payload[:-1], payload + b"\x00", payload[:14], b"\x82" + encode("type") + encode("audit")):
        commitment, row = wrap(odd, "record", 0, SALT_KEY)
        assert commitment == whole_commitment(odd)
        assert unwrap(row).payload == odd


@given(st.binary(max_size=3000))
def test_any_payload_comes_back_as_it_was(payload: bytes) -> None:
    commitment, row = wrap(payload, "record", 4, SALT_KEY)
    content = unwrap(row)
    assert (content.payload, content.commitment) == (payload, commitment)


def test_a_long_payload_is_deflated_and_still_committed_to_as_it_is() -> None:
    payload = bytes(5000)
    commitment, row = wrap(payload, "record", 4, SALT_KEY)
    assert row[1] == DEFLATED
    assert len(row[4]) < 100
    assert commitment == whole_commitment(payload)
    assert unwrap(row).payload == payload


def test_a_long_text_in_pieces_is_deflated_too() -> None:
    payload = canonical_bytes(act("i", 1, reason="word " * 500))
    _, row = wrap(payload, "record", 4, SALT_KEY)
    assert row[1] == DEFLATED | PIECES
    assert unwrap(row).payload == payload


def test_every_piece_has_a_salt_of_its_own() -> None:
    keys = (SALT_KEY, bytes(32))
    places = [
        (key, chain, seq, index)
        for key in keys
        for chain in ("record", "audit")
        for seq in (0, 256)
        for index in (0, 1)
    ]
    assert len({salt_of(*place) for place in places}) == len(places)  # type: ignore[arg-type]


def test_without_its_salt_a_commitment_does_not_tell_a_guess() -> None:
    payload = canonical_bytes(act("i", 1))
    names = redactable_fields(payload)
    with_one, with_other = (cut(payload, names, key, "record", 3) for key in (SALT_KEY, bytes(32)))
    assert with_one is not None
    assert with_other is not None
    assert pieces_commitment(with_one) != pieces_commitment(with_other)
