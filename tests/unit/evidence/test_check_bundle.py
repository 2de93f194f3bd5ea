"""The checker that leaves with a bundle: its Ed25519 against RFC 8032 and a library, its MessagePack against ours."""

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from linewatch.evidence.check_bundle import ed25519_holds, pack, unpack

# RFC 8032, section 7.1: public key, message, signature of TEST 1, 2, 3 and TEST SHA(abc).
RFC_8032 = (
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
            "5141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
            "0d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
            "27beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a"
            "9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9"
            "bef1177331a704"
        ),
    ),
)
ORDER = 2**252 + 27742317777372353535851937790883648493


def library_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_signatures_of_the_standard_hold(key: str, message: str, signature: str) -> None:
    public_key, said, signed = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert ed25519_holds(public_key, signed, said)
    assert not ed25519_holds(public_key, signed, said + b"x")
    longer = signed[:32] + (int.from_bytes(signed[32:], "little") + ORDER).to_bytes(32, "little")
    assert not ed25519_holds(public_key, longer, said)  # another form of the same number


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=200), bit=st.integers(0, 767))
@settings(max_examples=25)
def test_it_says_what_the_library_says_of_good_and_of_changed_signatures(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    whole = bytearray(key.public_key().public_bytes_raw() + key.sign(message))
    assert ed25519_holds(bytes(whole[:32]), bytes(whole[32:]), message)
    whole[bit // 8] ^= 1 << bit % 8
    changed = bytes(whole[:32]), bytes(whole[32:])
    assert ed25519_holds(*changed, message) == library_holds(*changed, message)


def test_keys_and_signatures_of_another_length_do_not_hold() -> None:
    assert not ed25519_holds(b"short", bytes(64), b"")
    assert not ed25519_holds(bytes(32), b"short", b"")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=5), inner, max_size=20),
    max_leaves=20,
)


@given(PLAIN)
def test_it_reads_the_message_pack_that_we_write(value: object) -> None:
    raw = msgspec.msgpack.encode(value)
    assert unpack(raw) == (value, len(raw))


@given(st.lists(st.text(max_size=300) | st.binary(max_size=300) | st.integers(-32, 2**64 - 1), max_size=20))
def test_it_packs_headers_as_we_do(value: list[object]) -> None:
    assert pack(value) == msgspec.msgpack.encode(value)
