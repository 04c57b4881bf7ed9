"""Keys of charge points: how they are hashed, which encodings of them are right (A00.FR.205, A01.FR.08)."""

from typing import Any

import pytest
from argon2.low_level import verify_secret
from hypothesis import given
from hypothesis import strategies as st

from ocpp_actors.central_system import credentials
from ocpp_actors.central_system.credentials import (
    KEY_SIZE,
    hash_chosen,
    hash_generated,
    is_slow,
    key_matches,
    new_key,
)

SALT = b"0123456789abcdef"
BINARY = bytes(range(20))
TEXT = b"correct horse: battery"


@pytest.mark.parametrize("hashed", [hash_generated, hash_chosen])
@pytest.mark.parametrize(
    ("key", "password"),
    [
        (BINARY, BINARY),
        (BINARY, BINARY.hex().encode()),
        (BINARY, BINARY.hex().upper().encode()),
        (BINARY.hex().encode(), BINARY),
        (BINARY.hex().encode(), BINARY.hex().encode()),
        (BINARY.hex().upper().encode(), BINARY.hex().encode()),
        (BINARY.hex().encode(), BINARY.hex().encode().hex().encode()),
        (TEXT, TEXT),
        (TEXT, TEXT.hex().encode()),
        (b"\xff\x00" * 8, b"\xff\x00" * 8),
    ],
)
def test_a_key_is_right_raw_and_in_hexadecimal(hashed: object, key: bytes, password: bytes) -> None:
    assert callable(hashed)
    assert key_matches(password, hashed(key, SALT))


@pytest.mark.parametrize("hashed", [hash_generated, hash_chosen])
@pytest.mark.parametrize(
    "password", [b"", b"0" * 40, BINARY[:-1], BINARY + b"\0", BINARY.hex().encode()[:-1]]
)
def test_another_key_is_wrong(hashed: object, password: bytes) -> None:
    assert callable(hashed)
    assert not key_matches(password, hashed(BINARY, SALT))


@given(st.binary(min_size=1, max_size=40), st.binary(max_size=40))
def test_only_what_stands_for_the_same_bytes_is_right(key: bytes, password: bytes) -> None:
    def stands_for(text: bytes) -> bytes:
        try:
            return (
                bytes.fromhex(text.decode("ascii"))
                if not set(text) - set(b"0123456789abcdefABCDEF")
                else text
            )
        except ValueError:
            return text

    right = stands_for(key) in {password, stands_for(password), stands_for(stands_for(password))}
    assert key_matches(password, hash_generated(key, SALT)) is right


def test_a_hash_tells_its_kind_and_nothing_of_the_key() -> None:
    generated, chosen = hash_generated(TEXT, SALT), hash_chosen(TEXT, SALT)
    assert generated.encoded.startswith("$sha256$")
    assert chosen.encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert (is_slow(generated), is_slow(chosen)) == (False, True)
    for each in (generated, chosen):
        assert TEXT.decode() not in each.encoded
        assert TEXT.hex() not in each.encoded
    assert hash_generated(TEXT, b"another") != generated


def test_a_new_key_is_as_long_as_a_key_may_be_and_new() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(bytes.fromhex(key)) for key in keys} == {KEY_SIZE}


@pytest.mark.parametrize(
    ("password", "hashes"),
    [
        (BINARY.hex().encode(), 1),
        (BINARY, 1),
        (BINARY.hex().encode().hex().encode(), 3),
        (b"wrong", 1),
        (b"ab" * 10, 2),
    ],
)
def test_what_is_usual_costs_one_slow_hash(
    monkeypatch: pytest.MonkeyPatch, password: bytes, hashes: int
) -> None:
    key, seen = hash_chosen(BINARY.hex().encode(), SALT), []

    def count(*of: Any) -> bool:
        seen.append(of)
        return verify_secret(*of)

    monkeypatch.setattr(credentials, "verify_secret", count)
    assert key_matches(password, key) is (password not in (b"wrong", b"ab" * 10))
    assert len(seen) == hashes
