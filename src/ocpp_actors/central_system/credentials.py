"""Keys of charge points: hashed to be kept, compared in constant time (security whitepaper A01)."""

import hmac
import secrets
from contextlib import suppress
from hashlib import sha256

from ocpp_actors.ledger.port import KeyHash

SALT_SIZE = 16
"""Bytes."""


def new_salt() -> bytes:
    """Return a salt that was never used."""
    return secrets.token_bytes(SALT_SIZE)


def hash_key(key: bytes, salt: bytes) -> KeyHash:
    """Hash a generated AuthorizationKey of high entropy, so that it need not be kept (A01.FR.08)."""
    return KeyHash(salt, sha256(salt + key).digest())


def key_matches(password: bytes, key: KeyHash) -> bool:
    """Whether a password is the key, either of them raw or written in hexadecimal, compared in constant time."""
    candidates = [password, password.hex().encode(), password.hex().upper().encode()]
    with suppress(ValueError):
        candidates.append(bytes.fromhex(password.decode("ascii")))
    matches = [
        hmac.compare_digest(hash_key(candidate, key.salt).digest, key.digest) for candidate in candidates
    ]
    return any(matches)
