"""Reservations end by themselves."""

from datetime import timedelta
from typing import Any

import trio
from tests.support.central import START, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.messages import start

from ocpp_actors.central_system.reservations import LOOK_EVERY, expire_reservations
from ocpp_actors.ledger.port import AddReservation, FindReservation, ReservationState
from ocpp_actors.observer import ReservationChanged

HOUR = timedelta(hours=1)


async def test_a_reservation_expires_and_that_is_told_once(autojump_clock: Any) -> None:
    async with open_central() as central:
        central.nursery.start_soon(expire_reservations, central.system)
        state = ReservationState.ACCEPTED
        kept = await central.ledger.ask(
            AddReservation("CP1", 2, "TAG", None, START + HOUR, START, None, state)
        )
        await trio.sleep(3600 - LOOK_EVERY)
        assert central.told(ReservationChanged) == []
        await trio.sleep(5 * LOOK_EVERY)
        (told,) = central.told(ReservationChanged)
        assert (told.identity, told.reservation_id, told.connector_id) == ("CP1", kept.reservation_id, 2)
        assert told.state == "Expired"


async def test_a_failing_ledger_does_not_end_the_looking(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        kept = await ledger.ask(AddReservation("CP1", 1, "TAG", None, START, START))
        ledger.unavailable()
        central.nursery.start_soon(expire_reservations, central.system)
        await trio.sleep(3 * LOOK_EVERY)
        ledger.recovers()
        await trio.sleep(2 * LOOK_EVERY)
        expired = await ledger.ask(FindReservation(kept.reservation_id))
        assert expired is not None
        assert expired.state is ReservationState.EXPIRED


async def test_a_transaction_uses_the_reservation_that_it_names(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        state = ReservationState.ACCEPTED
        kept = await central.ledger.ask(
            AddReservation("CP1", 1, "TAG", None, START + HOUR, START, None, state)
        )
        await charger.result("StartTransaction", start(reservationId=kept.reservation_id))
        used = await central.ledger.ask(FindReservation(kept.reservation_id))
        assert used is not None
        assert (used.state, used.transaction_id) == (ReservationState.USED, 1)
        await charger.result("StartTransaction", start(reservationId=kept.reservation_id))
        (told,) = central.told(ReservationChanged)
        assert (told.reservation_id, told.state) == (kept.reservation_id, "Used")
