"""Quirk 30: the server never reconfigures a charger on its own. And: no quirk is without a test."""

import re
from pathlib import Path
from typing import Any

import orjson
import trio
from tests.support.central import Central, Charger, open_central
from tests.support.known import introduce

from ocpp_actors.observer import FrameSent

AT = "2026-03-01T12:00:00Z"


def calls_of_the_server(central: Central) -> list[Any]:
    frames = [orjson.loads(event.text) for event in central.told(FrameSent)]
    return [frame[2:] for frame in frames if frame[0] == 2]


async def charge(charger: Charger) -> None:
    """Statuses, a transaction with meter values, the progress of this and that, an hour of heartbeats."""
    for connector, status in enumerate(("Available", "Preparing", "Faulted")):
        await charger.result(
            "StatusNotification", {"connectorId": connector, "errorCode": "NoError", "status": status}
        )
    await charger.result("Authorize", {"idTag": "A"})
    started = await charger.result(
        "StartTransaction", {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
    )
    values = {"timestamp": AT, "sampledValue": [{"value": "1", "unit": "kWh"}]}
    of_transaction = {"transactionId": started["transactionId"]}
    await charger.result("MeterValues", {"connectorId": 1, "meterValue": [values]} | of_transaction)
    await charger.result("StopTransaction", {"meterStop": 1000, "timestamp": AT} | of_transaction)
    await charger.result("FirmwareStatusNotification", {"status": "Installed"})
    await charger.result("DiagnosticsStatusNotification", {"status": "Idle"})
    await charger.result("SecurityEventNotification", {"type": "StartupOfTheDevice", "timestamp": AT})
    await charger.result("DataTransfer", {"vendorId": "nobody"})
    for _ in range(12):
        await trio.sleep(300)
        await charger.result("Heartbeat", {})


async def test_quirk_30_a_charger_that_boots_is_never_called(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with open_central(ping_interval=30) as central:
        await introduce(central.ledger, lenient=lenient)
        for _ in range(2):
            async with central.charger() as charger:
                await charger.boot(firmwareVersion="1.0")
                await charge(charger)
        assert calls_of_the_server(central) == []


async def test_quirk_30_a_charger_that_never_boots_is_asked_for_that_once(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with open_central(ping_interval=30) as central:
        await introduce(central.ledger, lenient=lenient)
        async with central.charger() as charger:
            await charger.result("Heartbeat", {})
            asked = await charger.receive()
            assert asked[2:] == ["TriggerMessage", {"requestedMessage": "BootNotification"}]
            await charger.send([4, asked[1], "NotImplemented", "", {}])
            await charge(charger)
        async with central.charger() as charger:
            await charge(charger)
        assert len(calls_of_the_server(central)) == 1


def test_every_quirk_has_a_test() -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    tested = {int(number) for text in texts for number in re.findall(r"def test_quirk_(\d\d)_", text)}
    assert tested == set(range(1, 31))
