"""Keys that take long to compare: who gives many at once has to wait, and it counts as a failure."""

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
import trio.testing

from ocpp_actors.central_system.credentials import hash_chosen, hash_generated
from ocpp_actors.central_system.keys import Keys
from ocpp_actors.central_system.security_log import SecurityLog
from ocpp_actors.clock import SystemClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import AdmitChargePoint, ChargePointRecord, KeyHash
from ocpp_actors.observer import Observer
from ocpp_actors.server.admission import HASHED_AT_ONCE, Credentials, Handshake, Refused


class HeldKeys(Keys):
    """Compares no key before it is told to; none is right."""

    def __init__(self) -> None:
        super().__init__()
        self.go = trio.Event()

    def known(self, password: bytes, key: KeyHash) -> bool | None:
        return None

    async def matches(self, password: bytes, key: KeyHash) -> bool:
        await self.go.wait()
        return False


class HangingKeys(Keys):
    """Has no answer about a slow key."""

    async def matches(self, password: bytes, key: KeyHash) -> bool:
        known = self.known(password, key)
        assert known is not None, "it would have to wait"
        return known


def comes(address: str) -> Handshake:
    basic = base64.b64encode(b"CP1:a guess").decode()
    return Handshake(
        target="/ocpp/CP1",
        headers=[(b"authorization", f"Basic {basic}".encode())],
        subprotocols=[],
        remote=f"{address}:1",
        at=datetime(2026, 1, 1, tzinfo=UTC),
        address=address,
        identity="CP1",
        record=ChargePointRecord(identity="CP1", key=hash_chosen(b"a chosen key", b"0" * 16)),
    )


async def test_only_a_few_keys_of_one_address_are_compared_at_the_same_time(autojump_clock: Any) -> None:
    ledger, keys = MemoryLedger(), HeldKeys()
    log = SecurityLog(ledger, SystemClock(), Observer())
    credentials = Credentials(lowest=1, organization=None, ledger=ledger, keys=keys, security_log=log)
    statuses: list[int] = []

    async def guess(address: str) -> None:
        with pytest.raises(Refused) as refused:
            await credentials.step(comes(address))
        statuses.append(refused.value.status)

    async with trio.open_nursery() as nursery:
        for address in ("192.0.2.1",) * HASHED_AT_ONCE + ("192.0.2.2",):
            nursery.start_soon(guess, address)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused) as refused:
            await credentials.step(comes("192.0.2.1"))
        assert (refused.value.status, refused.value.blamed) == (503, True)
        keys.go.set()
    assert statuses == [401] * (HASHED_AT_ONCE + 1)
    assert not credentials.hashing


async def test_a_key_that_is_compared_at_once_does_not_wait_for_slow_ones(autojump_clock: Any) -> None:
    ledger, keys = MemoryLedger(), HangingKeys()
    log = SecurityLog(ledger, SystemClock(), Observer())
    credentials = Credentials(lowest=1, organization=None, ledger=ledger, keys=keys, security_log=log)
    handshake = comes("192.0.2.1")
    await ledger.ask(AdmitChargePoint("CP1", handshake.at))
    generated = hash_generated(b"a guess", b"1" * 16)
    handshake.known.next_keys = (hash_chosen(b"another one", b"2" * 16), generated)
    await credentials.step(handshake)
    assert handshake.known.key == generated
    assert not handshake.known.next_keys
