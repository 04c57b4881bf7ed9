"""Chargers that run already join a session."""

from contextlib import suppress
from typing import Final

import trio

from ocpp_actors.testbench.failures import Failed
from ocpp_actors.testbench.operators import Operator
from ocpp_actors.testbench.station import Station

BOOTS: Final = 5.0
"""Seconds in which a charger that boots when it connects has done so."""


async def introduce(station: Station, operator: Operator | None) -> None:
    """Have a charger that is connected boot and report its connectors, if it did not do so by itself.

    One that only changed its central system says nothing until something happens. It need not do what it is asked.
    """
    with trio.move_on_after(BOOTS):
        await station.wire.exchange("BootNotification")
        return
    if operator is None:
        return
    wanted = [{"requestedMessage": "BootNotification"}] + [
        {"requestedMessage": "StatusNotification", "connectorId": number}
        for number in range(1, station.connector_count + 1)
    ]
    for each in wanted:
        with suppress(Failed):
            await operator.result(station.identity, "TriggerMessage", each)
