"""Charge points renew certificates that are about to end, in virtual time (security whitepaper A02)."""

import base64
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import trio
from tests.support.central import START, Central, Charger, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce
from tests.support.messages import hears_nothing, serve_command
from tests.support.requests import csr

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.certificates.signers import BuiltIn
from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    ListCertificates,
    ListCommands,
    RecordCertificate,
    RecordSigningRequest,
)
from ocpp_actors.server import fleet, renewal

DAY = 86_400.0
AUTHORITY = Authority.new(START)
SIGNER = BuiltIn(AUTHORITY, TrioClock(START))
TRIGGER = ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
SETTINGS: dict[str, Any] = {"signer": SIGNER, "silence_limit": 0.0}


@pytest.fixture(autouse=True)
def _fewer_sweeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests last for weeks; the fleet has nothing to sweep in them."""
    monkeypatch.setattr(fleet, "SWEEP_EVERY", DAY)


async def certify(
    central: Central,
    identity: str,
    days: float,
    state: CertificateState = CertificateState.ACCEPTED,
    fingerprint: str = "",
) -> None:
    """Have the ledger know a certificate that ends in so many days."""
    certificate = Certificate(
        identity=identity,
        fingerprint=fingerprint or f"{identity} {days} {state}",
        serial_number="1",
        issuer="CN=root",
        subject=f"CN={identity}",
        chain="PEM",
        not_before=START - timedelta(days=300),
        not_after=START + timedelta(days=days),
        state=state,
        changed_at=START,
    )
    await central.ledger.ask(RecordCertificate(certificate))


async def asked(charger: Charger, within: float, answer: str = "Accepted") -> bool:
    """Whether the charge point is asked within that time; it answers."""
    with trio.move_on_after(within):
        assert await serve_command(charger, {"status": answer}) == TRIGGER
        return True
    return False


async def test_a_certificate_is_renewed_a_month_before_it_ends(autojump_clock: Any) -> None:
    async with open_central(**SETTINGS) as central:
        await introduce(central.ledger, key=b"0123456789abcdef")
        proof = [(b"Authorization", b"Basic " + base64.b64encode(b"CP1:0123456789abcdef"))]
        async with central.charger(headers=proof) as charger:
            await _is_renewed(central, charger)


async def _is_renewed(central: Central, charger: Charger) -> None:
    await charger.boot()
    await certify(central, "CP1", 33)
    assert not await asked(charger, 3 * DAY)
    assert await asked(charger, 2 * renewal.LOOK_EVERY)
    assert await charger.result("SignCertificate", {"csr": csr()}) == {"status": "Accepted"}
    assert (await serve_command(charger, {"status": "Accepted"}))[0] == "CertificateSigned"
    assert await hears_nothing(charger, 60 * DAY)
    states = [each.state for each in await central.ledger.ask(ListCertificates())]
    [command] = [each for each in await central.ledger.ask(ListCommands()) if each.action == TRIGGER[0]]
    assert states == [CertificateState.ACCEPTED] * 2
    assert command.requested_by == "certificate renewal"


@pytest.mark.parametrize("answer", ["Accepted", "Rejected", "NotImplemented"])
async def test_a_charge_point_that_does_nothing_is_asked_once_a_day(autojump_clock: Any, answer: str) -> None:
    async with open_central(**SETTINGS) as central, central.charger() as charger:
        await charger.boot()
        await certify(central, "CP1", 5)
        assert await asked(charger, 2 * renewal.LOOK_EVERY, answer)
        assert await hears_nothing(charger, DAY - renewal.LOOK_EVERY)
        assert await asked(charger, 2 * renewal.LOOK_EVERY, answer)
        assert await hears_nothing(charger, DAY - renewal.LOOK_EVERY)


async def newer(central: Central) -> None:
    await certify(central, "CP1", 5)
    await certify(central, "CP1", 300)


async def with_request(central: Central) -> None:
    await certify(central, "CP1", 5)
    await central.ledger.ask(RecordSigningRequest("CP1", "CSR", START))


@pytest.mark.parametrize(
    "have",
    [
        lambda central: certify(central, "CP1", 32),
        lambda central: certify(central, "CP1", 5, CertificateState.SIGNED),
        lambda central: certify(central, "CP1", 5, CertificateState.REJECTED),
        lambda central: certify(central, "CP1", 5, CertificateState.REVOKED),
        lambda central: certify(central, "CP2", 5),
        newer,
        with_request,
    ],
)
async def test_others_are_left_in_peace(autojump_clock: Any, have: Callable[[Central], Any]) -> None:
    async with open_central(**SETTINGS) as central, central.charger() as charger:
        await have(central)
        await charger.boot()
        assert await hears_nothing(charger, DAY - renewal.LOOK_EVERY)


@pytest.mark.parametrize("settings", [{"certificate_renewal": 0}, {"signer": None}])
async def test_without_authority_or_time_nothing_is_renewed(
    autojump_clock: Any, settings: dict[str, Any]
) -> None:
    async with open_central(**SETTINGS | settings) as central, central.charger() as charger:
        await certify(central, "CP1", 5)
        await charger.boot()
        assert await hears_nothing(charger, 2 * DAY)


async def test_many_are_asked_little_by_little(autojump_clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renewal, "ASKED_AT_ONCE", 2)
    monkeypatch.setattr(renewal, "PAGE", 1)
    async with open_central(**SETTINGS) as central, AsyncExitStack() as stack:
        chargers = [await stack.enter_async_context(central.charger(f"CP{number}")) for number in range(5)]
        for number, charger in enumerate(chargers):
            await charger.boot()
            await certify(central, f"CP{number}", 5)
        heard = []

        async def listen(charger: Charger) -> None:
            await serve_command(charger, {"status": "Accepted"})
            heard.append(trio.current_time() // renewal.LOOK_EVERY)

        async with trio.open_nursery() as nursery:
            for charger in chargers:
                nursery.start_soon(listen, charger)
    assert sorted(heard) == [1, 1, 2, 2, 3]


async def test_a_ledger_that_fails_does_not_end_it(autojump_clock: Any) -> None:
    ledger = FailingLedger(MemoryLedger())
    async with open_central(ledger=ledger, **SETTINGS) as central, central.charger() as charger:
        await certify(central, "CP1", 5)
        await charger.boot()
        ledger.unavailable(ListCertificates)
        assert not await asked(charger, 3 * renewal.LOOK_EVERY)
        ledger.recovers()
        assert await asked(charger, 2 * renewal.LOOK_EVERY)


async def test_one_that_was_away_is_asked_when_it_is_back(autojump_clock: Any) -> None:
    async with open_central(**SETTINGS) as central:
        await certify(central, "CP1", 5)
        await trio.sleep(DAY)
        async with central.charger("cp1") as charger:
            await charger.boot()
            assert await asked(charger, 2 * renewal.LOOK_EVERY)
