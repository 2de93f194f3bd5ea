"""Secrets in files of their own; heads that leave the machine; what a store says it is of."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from hypothesis import given
from hypothesis import strategies as st

from linewatch.errors import InputError, StoreError
from linewatch.store import Head, Signer, identity_of, read_anchor, replay_salt_key, salt_key_at
from linewatch.store.identity import cpu_level, library_lock, lock_hash
from linewatch.store.keys import checkpoint_holds

HEADS = st.builds(
    Head,
    record_seq=st.integers(0, 1 << 40),
    record_hash=st.binary(min_size=32, max_size=32).map(bytes.hex),
    audit_seq=st.integers(0, 1 << 40),
    audit_hash=st.binary(min_size=32, max_size=32).map(bytes.hex),
    wall_ns=st.integers(0, 1 << 62),
)


@pytest.mark.parametrize("make", [Signer.at, salt_key_at])
def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path, make: object) -> None:
    path = tmp_path / "keys" / "secret"
    first = make(path)  # type: ignore[operator]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]
    again = make(path)  # type: ignore[operator]
    assert getattr(first, "public_key", first) == getattr(again, "public_key", again)


@pytest.mark.parametrize("make", [Signer.at, salt_key_at])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "secret"
    make(path)  # type: ignore[operator]
    path.chmod(0o640)
    with pytest.raises(StoreError, match="secret: found mode 0640; allowed: 0600"):
        make(path)  # type: ignore[operator]


@pytest.mark.parametrize("make", [Signer.at, salt_key_at])
def test_a_key_file_with_something_else_in_it_is_refused(tmp_path: Path, make: object) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"not a key\xff")
    path.chmod(0o600)
    with pytest.raises(StoreError, match=r"secret: found .* allowed: "):
        make(path)  # type: ignore[operator]


def test_a_signing_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    key = generate_private_key(SECP256R1())
    plain = serialization.NoEncryption()
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    path.chmod(0o600)
    with pytest.raises(StoreError, match="allowed: an Ed25519 key in PEM"):
        Signer.at(path)


def test_a_signature_holds_for_exactly_what_was_signed() -> None:
    signer = Signer(bytes(32))
    signature = signer.sign_checkpoint(b"header", b"p" * 32, b"s" * 32)
    assert checkpoint_holds(signer.public_key, signature, b"header", b"p" * 32, b"s" * 32)
    assert not checkpoint_holds(signer.public_key, signature, b"heades", b"p" * 32, b"s" * 32)
    assert not checkpoint_holds(Signer(b"x" * 32).public_key, signature, b"header", b"p" * 32, b"s" * 32)
    assert not checkpoint_holds(b"short", signature, b"header", b"p" * 32, b"s" * 32)


def test_replays_of_one_site_and_settings_share_their_salts() -> None:
    assert replay_salt_key("a", "b") == replay_salt_key("a", "b")
    assert len({replay_salt_key("a", "b"), replay_salt_key("ab", ""), replay_salt_key("a", "c")}) == 3


@given(HEADS)
def test_a_head_comes_back_from_its_file_and_from_its_code(head: Head) -> None:
    assert read_anchor(head.to_json()) == head
    short = read_anchor(head.code)
    assert (short.record_seq, short.audit_seq) == (head.record_seq, head.audit_seq)
    assert read_anchor(f" {head.code.lower()}\n") == short
    assert re.fullmatch(r"\d+-\d+(-[A-Z2-7]{4}){4}", head.code)


@given(HEADS, HEADS)
def test_heads_that_differ_have_codes_that_differ(one: Head, other: Head) -> None:
    same = (one.record_hash, one.audit_hash) == (other.record_hash, other.audit_hash)
    assert (one.code.split("-")[2:] == other.code.split("-")[2:]) == same


def test_a_head_is_read_from_a_file(tmp_path: Path) -> None:
    head = Head(4, "ab" * 32, 2, "cd" * 32, 9)
    (tmp_path / "head.json").write_text(head.to_json())
    assert read_anchor(str(tmp_path / "head.json")) == head
    assert json.loads(head.to_json())["code"] == head.code


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "linewatch-head/9"}, "format: found 'linewatch-head/9'; allowed: 'linewatch-head/1'"),
        ({"record_hash": "ab"}, "found another length; allowed: 64 hex digits"),
        ({"record_hash": "zz" * 32}, "found no head"),
        ({"record_seq": "four"}, "found no head"),
        ({"record_seq": None}, "found no head"),
    ],
)
def test_a_head_file_that_is_none_is_refused_in_one_line(change: dict[str, object], why: str) -> None:
    fields = json.loads(Head(4, "ab" * 32, 2, "cd" * 32, 9).to_json()) | change
    with pytest.raises(InputError, match=why) as caught:
        read_anchor(json.dumps(fields))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["no-such-file.json", "12-3-ABCD", "\x00", "{", "{}", ""])
def test_what_is_no_head_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="allowed: "):
        read_anchor(text)


def test_a_store_knows_versions_and_processor(tmp_path: Path) -> None:
    identity = identity_of(site="s", site_id="i", settings_id="t", inputs_id="u", package_version="1")
    assert identity.lock_sha256 == library_lock()
    assert identity.cpu_level == cpu_level()
    assert re.fullmatch(r"[0-9a-f]{64}", identity.lock_sha256)


def test_another_version_of_any_library_is_another_lock() -> None:
    versions = {"numpy": "2.1.0", "scipy": "1.14.0"}
    assert lock_hash(versions) == lock_hash(dict(reversed(versions.items())))
    assert lock_hash(versions) != lock_hash(versions | {"scipy": "1.14.1"})
