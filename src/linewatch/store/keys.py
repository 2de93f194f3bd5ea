"""Secrets of a store, each in a file of its own that only its owner may read; none ever enters the database.

The salt key gives the salts of redactable pieces. The signing key (Ed25519) signs checkpoints: whoever has neither it
nor an outside head cannot rewrite history unseen, and whoever has it can, which is why heads are lodged outside.
"""

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from linewatch.errors import StoreError
from linewatch.store.schema import errors_told

_CHECKPOINT_TAG: Final = b"linewatch/checkpoint/1\x00"
_ROTATION_TAG: Final = b"linewatch/rotation/1\x00"
_REPLAY_SALT_TAG: Final = b"linewatch/replay-salt/1\x00"
_KEY_BYTES: Final = 32


class Signer:
    """Holds a signing key and signs what a checkpoint or a rotation states."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()
        """32 bytes that let anybody check the signatures."""

    @classmethod
    def at(cls, path: Path) -> "Signer":
        """The signing key in this file (PEM, PKCS 8, mode 0600), made where there is none."""
        raw = _kept(path, _fresh_pem)
        try:
            key = serialization.load_pem_private_key(raw, password=None)
        except ValueError as error:
            raise StoreError(f"{path}: found no usable key ({error}); allowed: an Ed25519 key in PEM") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise StoreError(f"{path}: found a {type(key).__name__}; allowed: an Ed25519 key in PEM")
        return cls(key.private_bytes_raw())

    def sign_checkpoint(self, header: bytes, prev: bytes, state_digest: bytes) -> bytes:
        """Signature over an audit entry's header (which cites the record head), the audit head and the states."""
        return self._key.sign(_CHECKPOINT_TAG + header + prev + state_digest)

    def sign_rotation(self, header: bytes, prev: bytes, public_key: bytes) -> bytes:
        """The word of this key for the one that follows it."""
        return self._key.sign(_ROTATION_TAG + header + prev + public_key)


def checkpoint_holds(public_key: bytes, signature: bytes, header: bytes, prev: bytes, state_digest: bytes) -> bool:
    """Whether this key signed this checkpoint."""
    return _holds(public_key, signature, _CHECKPOINT_TAG + header + prev + state_digest)


def rotation_holds(public_key: bytes, signature: bytes, header: bytes, prev: bytes, new_key: bytes) -> bool:
    """Whether this key named `new_key` as the one that follows it."""
    return _holds(public_key, signature, _ROTATION_TAG + header + prev + new_key)


def salt_key_at(path: Path) -> bytes:
    """The salt key of a live store (32 bytes as hex, mode 0600), made where there is none."""
    raw = _kept(path, lambda: secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    try:
        key = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StoreError(f"{path}: found {len(raw)} bytes that are no key; allowed: {_KEY_BYTES} bytes as hex")
    return key


def replay_salt_key(site_id: str, settings_id: str) -> bytes:
    """The salt key of a replay: the same every time, so that its chain is, too; it keeps nothing secret."""
    return hashlib.sha256(_REPLAY_SALT_TAG + f"{site_id}\x00{settings_id}".encode()).digest()


def _holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _fresh_pem() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """What stands in a secret file; made where it is absent, whole or not at all, with the right mode from birth."""
    with errors_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            fresh = path.with_name(f"{path.name}.new")
            fresh.unlink(missing_ok=True)
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            fresh.rename(path)
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            raise StoreError(f"{path}: found mode {mode:04o}; allowed: 0600 (others can read this key)")
        return path.read_bytes()
