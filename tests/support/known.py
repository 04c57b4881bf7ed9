"""Charge points that the ledger knows before they connect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from ocpp_actors.central_system.credentials import hash_generated
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointRecord,
    ChargePointSettings,
    FindChargePoint,
    Ledger,
    SetChargePointSettings,
    SetKey,
    SetRegistration,
)
from ocpp_actors.observer import Flagged
from ocpp_actors.protocol.messages import RegistrationStatus
from tests.support.central import START, Central, open_central


async def introduce(
    ledger: Ledger,
    identity: str = "CP1",
    *,
    key: bytes | None = None,
    registration: RegistrationStatus | None = None,
    **settings: Any,
) -> None:
    """Make a charge point known, with its settings, its key and its registration."""
    await ledger.ask(AdmitChargePoint(identity, START))
    await ledger.ask(SetChargePointSettings(identity, ChargePointSettings(**settings)))
    if key is not None:
        await ledger.ask(SetKey(identity, hash_generated(key, b"salt")))
    if registration is not None:
        await ledger.ask(SetRegistration(identity, registration))


async def record_of(central: Central, identity: str = "CP1") -> ChargePointRecord:
    """The charge point as the ledger knows it."""
    record = await central.ledger.ask(FindChargePoint(identity))
    assert record is not None
    return record


@asynccontextmanager
async def central_with(lenient: bool, **settings: Any) -> AsyncIterator[Central]:
    """Run a central system that knows the accepted charge point CP1, lenient or not."""
    async with open_central(**settings) as central:
        await introduce(central.ledger, lenient=lenient, registration=RegistrationStatus.ACCEPTED)
        yield central


def flagged(central: Central, identity: str = "CP1") -> list[str]:
    """The names of what was put up with of a charge point, in order."""
    return [event.quirk for event in central.told(Flagged) if event.identity == identity]
