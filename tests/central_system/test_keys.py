"""Slow hashes are paid once, one at a time, and not by the event loop."""

import threading

import pytest
import trio

from ocpp_actors.central_system import credentials, keys
from ocpp_actors.central_system.credentials import hash_chosen, hash_generated, is_slow
from ocpp_actors.central_system.keys import Keys, TooManyKeys

KEY = b"correct horse battery"
SALT = b"0123456789abcdef"


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each slow comparison ran in another thread."""
    own, seen = threading.get_ident(), list[bool]()
    matches = credentials.key_matches

    def key_matches(password: bytes, key: object) -> bool:
        if is_slow(key):  # type: ignore[arg-type]
            seen.append(threading.get_ident() != own)
        return matches(password, key)  # type: ignore[arg-type]

    monkeypatch.setattr(credentials, "key_matches", key_matches)
    return seen


async def test_a_chosen_key_is_compared_once_in_a_thread(compared: list[bool]) -> None:
    ours, key = Keys(), hash_chosen(KEY, SALT)
    assert ours.known(KEY, key) is None
    assert await ours.matches(KEY, key)
    assert ours.known(KEY, key) is True
    assert await ours.matches(KEY, key)
    assert compared == [True]


async def test_a_wrong_key_is_not_remembered(compared: list[bool]) -> None:
    ours, key = Keys(), hash_chosen(KEY, SALT)
    assert not await ours.matches(b"wrong", key)
    assert ours.known(b"wrong", key) is None
    assert not await ours.matches(b"wrong", key)
    assert compared == [True, True]


async def test_what_was_right_for_one_hash_says_nothing_of_another() -> None:
    ours = Keys()
    assert await ours.matches(KEY, hash_chosen(KEY, SALT))
    assert ours.known(KEY, hash_chosen(b"another key of it", SALT)) is None


async def test_a_generated_key_needs_no_thread(compared: list[bool]) -> None:
    ours = Keys()
    key = ours.generate().encode()
    hashed = await ours.hash(key)
    assert not is_slow(hashed)
    assert ours.known(key, hashed) is True
    assert ours.known(b"wrong", hashed) is False
    assert ours.known(key, hash_generated(b"another", SALT)) is False
    assert compared == []


async def test_a_key_that_was_not_generated_here_counts_as_chosen() -> None:
    assert is_slow(await Keys().hash(Keys().generate().encode()))


async def test_a_key_that_was_hashed_here_is_known_at_once() -> None:
    ours = Keys()
    assert ours.known(KEY, await ours.hash(KEY)) is True


async def test_no_more_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "WAITING", 2)
    go_on = threading.Event()
    monkeypatch.setattr(credentials, "key_matches", lambda *_: go_on.wait(10))
    ours, key = Keys(), hash_chosen(KEY, SALT)
    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(ours.matches, b"%d" % number, key)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(TooManyKeys):
            await ours.matches(b"one too many", key)
        go_on.set()


async def test_who_would_wait_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(credentials, "key_matches", lambda *_: go_on.wait(10))
    ours, key = Keys(), hash_chosen(KEY, SALT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ours.matches, KEY, key)
        await trio.testing.wait_all_tasks_blocked()
        monkeypatch.setattr(keys, "PATIENCE", 0.0)
        with pytest.raises(TooManyKeys):
            await ours.matches(b"another", key)
        monkeypatch.undo()
        go_on.set()
    assert await ours.matches(KEY, key)


async def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "REMEMBERED", 1)
    ours = Keys()
    first, second = await ours.hash(b"the first key of all"), await ours.hash(b"the second key of all")
    assert ours.known(b"the first key of all", first) is None
    assert ours.known(b"the second key of all", second) is True
