"""Reservations end by themselves when their expiry date has passed (OCPP 1.6 §5.13)."""

from typing import Final

import structlog
import trio

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.ledger.port import ExpireReservations, LedgerUnavailable, RequestFailed
from ocpp_actors.observer import ReservationChanged

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 10.0
"""Seconds between two looks for reservations that have expired."""


async def expire_reservations(central_system: CentralSystem) -> None:
    """Record reservations as Expired, until cancelled; the charge point ends them by itself."""
    while True:
        try:
            with trio.fail_after(central_system.policy.ledger_patience):
                expired = await central_system.ledger.ask(ExpireReservations(central_system.clock.now()))
        except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
            log.warning("reservations could not be looked through", reason=str(error))
            expired = []
        for each in expired:
            central_system.observer.tell(
                ReservationChanged(
                    each.identity,
                    central_system.clock.now(),
                    each.reservation_id,
                    each.connector_id,
                    each.state,
                )
            )
        await trio.sleep(LOOK_EVERY)
