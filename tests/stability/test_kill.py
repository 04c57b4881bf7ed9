"""Kill -9 at any moment: what was confirmed is there afterwards."""

import random
import sqlite3
from collections import Counter
from pathlib import Path

import pytest
import trio
from attrs import define, field
from tests.support.client import open_charger
from tests.support.process import open_server
from trio_websocket import ConnectionClosed, HandshakeError

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import FindTransaction, ListMeterValues

pytestmark = [pytest.mark.heavy, pytest.mark.unmeasured]

ROUNDS = 20
CLIENTS = 20
TIME = "2026-03-01T12:00:00Z"


@define
class Confirmed:
    """What the server has confirmed to one client, by transaction id."""

    starts: dict[int, int] = field(factory=dict)
    stops: dict[int, int] = field(factory=dict)
    values: Counter[int] = field(factory=Counter)

    def __len__(self) -> int:
        return len(self.starts) + len(self.stops) + self.values.total()


@define
class Tally:
    """Counts what the server has confirmed in one round, and tells when it is enough."""

    enough: int
    reached: trio.Event = field(factory=trio.Event)

    def one_more(self) -> None:
        self.enough -= 1
        if self.enough <= 0:
            self.reached.set()


async def charge_for_ever(
    url: str, identity: str, confirmed: Confirmed, serial: list[int], tally: Tally
) -> None:
    """Run transactions as fast as they are answered, until the server is gone."""
    try:
        async with open_charger(url, identity) as charger:
            await charger.boot()
            while True:
                serial[0] += 1
                meter = serial[0]
                start = await charger.result(
                    "StartTransaction",
                    {"connectorId": 1, "idTag": "TAG", "meterStart": meter, "timestamp": TIME},
                )
                transaction = start["transactionId"]
                confirmed.starts[transaction] = meter
                tally.one_more()
                for offset in range(3):
                    values = [{"timestamp": TIME, "sampledValue": [{"value": str(meter + offset)}]}]
                    await charger.result(
                        "MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": values}
                    )
                    confirmed.values[transaction] += 1
                    tally.one_more()
                await charger.result(
                    "StopTransaction",
                    {"transactionId": transaction, "meterStop": meter + 9, "timestamp": TIME},
                )
                confirmed.stops[transaction] = meter + 9
                tally.one_more()
    except* (ConnectionClosed, HandshakeError, OSError):
        pass


async def test_whatever_was_confirmed_survives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(20)
    all_confirmed: list[Confirmed] = []
    serial = [0]
    for _ in range(ROUNDS):
        clients = [Confirmed() for _ in range(CLIENTS)]
        tally = Tally(chance.randrange(CLIENTS, 400))
        async with (
            open_server(tmp_path, api_port="", message_log="off") as server,
            trio.open_nursery() as nursery,
        ):
            for number, each in enumerate(clients):
                nursery.start_soon(charge_for_ever, server.url, f"CP{number}", each, serial, tally)
            with trio.fail_after(60):
                await tally.reached.wait()
            await server.kill()
        all_confirmed += clients

    connection = sqlite3.connect(tmp_path / "ledger.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert sum(map(len, all_confirmed)) >= ROUNDS * CLIENTS
    async with open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        for confirmed in all_confirmed:
            for transaction, meter_start in confirmed.starts.items():
                kept = await ledger.ask(FindTransaction(transaction))
                assert kept is not None
                assert kept.meter_start == meter_start
                if transaction in confirmed.stops:
                    assert kept.meter_stop == confirmed.stops[transaction]
                values = await ledger.ask(ListMeterValues(transaction_id=transaction))
                assert len(values) >= confirmed.values[transaction]
