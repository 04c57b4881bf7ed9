"""Keys of charge points: hashed to be kept, compared in constant time (security whitepaper A01).

A key that was generated has so much entropy that a fast hash keeps it; one that somebody chose needs a slow one. Either
may be sent raw or in hexadecimal digits, whatever it was set as: what is hashed are the bytes that it stands for.
"""

import base64
import hmac
import re
import secrets
from contextlib import suppress
from hashlib import sha256
from typing import Final

from argon2.exceptions import VerifyMismatchError
from argon2.low_level import Type, hash_secret, verify_secret

from ocpp_actors.ledger.port import KeyHash

SALT_SIZE: Final = 16
"""Bytes."""

KEY_SIZE: Final = 20
"""Bytes of a key that is generated: 40 hexadecimal digits, as long as an AuthorizationKey may be (A00.FR.205)."""

MIN_KEY: Final = 16
"""Bytes that a key has at least (A00.FR.205)."""

TIME_COST: Final = 2
MEMORY_COST: Final = 19 * 1024
"""KiB; with TIME_COST the least that OWASP recommends of Argon2id: some 20 ms, and slow enough for an attacker."""

_HEXADECIMAL: Final = re.compile(rb"(?:[0-9a-fA-F]{2})+")


def new_salt() -> bytes:
    """Return a salt that was never used."""
    return secrets.token_bytes(SALT_SIZE)


def new_key() -> str:
    """Return a new key, in hexadecimal digits."""
    return secrets.token_hex(KEY_SIZE)


def hash_generated(key: bytes, salt: bytes) -> KeyHash:
    """Hash a key that was generated: SHA-256."""
    return KeyHash(f"$sha256${_text(salt)}${_text(sha256(salt + _meant(key)).digest())}")


def hash_chosen(key: bytes, salt: bytes) -> KeyHash:
    """Hash a key that somebody chose: Argon2id. It takes some 20 ms and 19 MiB, without the interpreter's lock."""
    encoded = hash_secret(
        _meant(key),
        salt,
        time_cost=TIME_COST,
        memory_cost=MEMORY_COST,
        parallelism=1,
        hash_len=32,
        type=Type.ID,
    )
    return KeyHash(encoded.decode())


def is_slow(key: KeyHash) -> bool:
    """Whether it takes long to compare something with this hash."""
    return not key.encoded.startswith("$sha256$")


def key_matches(password: bytes, key: KeyHash) -> bool:
    """Whether a password is the key, each reading of it compared in constant time. Where is_slow(), it is.

    The usual reading comes first, so that the right charge point costs one hash. Some charge points write the key that
    they were given in hexadecimal digits, even if it was given in them.
    """
    meant = _meant(password)
    return any(_is(reading, key) for reading in dict.fromkeys((meant, password, _meant(meant))))


def _is(candidate: bytes, key: KeyHash) -> bool:
    if is_slow(key):
        with suppress(VerifyMismatchError):
            return verify_secret(key.encoded.encode(), candidate, Type.ID)
        return False
    _, _, salt_text, digest_text = key.encoded.split("$")
    salt, digest = _bytes(salt_text), _bytes(digest_text)
    return hmac.compare_digest(sha256(salt + candidate).digest(), digest)


def _meant(key: bytes) -> bytes:
    """Return the bytes that a key stands for: A00.FR.205 has it in hexadecimal digits."""
    return bytes.fromhex(key.decode()) if _HEXADECIMAL.fullmatch(key) else key


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
