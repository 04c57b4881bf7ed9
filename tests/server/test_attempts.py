"""Whoever guesses keys is slowed down, and nobody else."""

from trio.testing import MockClock

from ocpp_actors.server import attempts as module
from ocpp_actors.server.attempts import AT_ONCE, RATE, Attempts


def guess(attempts: Attempts, address: str = "192.0.2.1", identity: str = "CP1") -> None:
    for _ in range(int(AT_ONCE)):
        assert attempts.allowed(address, identity)
        attempts.failed(address, identity)


async def test_after_some_wrong_keys_it_has_to_wait(autojump_clock: MockClock) -> None:
    attempts = Attempts()
    guess(attempts)
    assert not attempts.allowed("192.0.2.1", "cp1")
    autojump_clock.jump(1 / RATE)
    assert attempts.allowed("192.0.2.1", "CP1")
    attempts.failed("192.0.2.1", "CP1")
    assert not attempts.allowed("192.0.2.1", "CP1")


async def test_another_address_and_another_identity_are_not_locked_out(autojump_clock: MockClock) -> None:
    attempts = Attempts()
    guess(attempts)
    assert attempts.allowed("192.0.2.2", "CP1")
    assert attempts.allowed("192.0.2.1", "CP2")


async def test_the_pair_that_was_wrong_longest_ago_is_forgotten(autojump_clock: MockClock) -> None:
    attempts = Attempts()
    guess(attempts)
    for number in range(module.REMEMBERED):
        attempts.failed("192.0.2.3", f"X{number}")
    assert attempts.allowed("192.0.2.1", "CP1")
