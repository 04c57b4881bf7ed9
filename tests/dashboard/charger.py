"""A simulated charge point over TCP, driven by a test that is not async."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from queue import Queue
from threading import Thread
from typing import Any

from attrs import define, field, frozen
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

PATIENCE = 30.0
"""Seconds after which a test gives up: far more than is needed, on any machine."""


@frozen
class CallError:
    """An answer that is a CALLERROR."""

    code: str
    description: str


@define
class Charger:
    """It answers CALLs as ``answers`` says, by action; what is not in there is Accepted. ``asked`` has them all."""

    identity: str
    connection: ClientConnection
    answers: dict[str, Mapping[str, Any] | CallError] = field(factory=dict)
    asked: "Queue[tuple[str, Any]]" = field(factory=Queue)
    _results: "Queue[list[Any]]" = field(factory=Queue)
    _sent: int = 0

    def call(self, action: str, payload: Mapping[str, Any]) -> Any:
        """Send a CALL and return the payload of its result."""
        self._sent += 1
        message_id = str(self._sent)
        self.connection.send(json.dumps([2, message_id, action, payload]))
        kind, answered, *rest = self._results.get(timeout=PATIENCE)
        assert (kind, answered) == (3, message_id), rest
        return rest[0]

    def boot(self) -> None:
        boot = {"chargePointVendor": "Acme", "chargePointModel": "Twin 22", "firmwareVersion": "1.2.3"}
        assert self.call("BootNotification", boot)["status"] == "Accepted"
        self.status(1, "Available")

    def status(self, connector: int, status: str, error: str = "NoError") -> None:
        report = {"connectorId": connector, "status": status, "errorCode": error, "timestamp": now()}
        self.call("StatusNotification", report)

    def start(self, id_tag: str, meter: int) -> int:
        """Start a transaction on connector 1 and return its id."""
        start = {"connectorId": 1, "idTag": id_tag, "meterStart": meter, "timestamp": now()}
        transaction = self.call("StartTransaction", start)["transactionId"]
        assert isinstance(transaction, int)
        self.status(1, "Charging")
        return transaction

    def meter(self, transaction: int, energy: int, power: int) -> None:
        """Send meter values: watt-hours and watts."""
        samples = [
            {"value": str(energy)},
            {"value": str(power), "measurand": "Power.Active.Import", "unit": "W"},
        ]
        values = [{"timestamp": now(), "sampledValue": samples}]
        self.call("MeterValues", {"connectorId": 1, "transactionId": transaction, "meterValue": values})

    def next_call(self) -> tuple[str, Any]:
        """Wait for the next CALL of the server, which was answered already."""
        return self.asked.get(timeout=PATIENCE)

    def listen(self) -> None:
        try:
            for text in self.connection:
                message = json.loads(text)
                if message[0] == 2:
                    self._answer(*message[1:])
                else:
                    self._results.put(message)
        except ConnectionClosed:
            pass

    def _answer(self, message_id: str, action: str, payload: Any) -> None:
        match self.answers.get(action, {"status": "Accepted"}):
            case CallError(code, description):
                answer: list[Any] = [4, message_id, code, description, {}]
            case response:
                answer = [3, message_id, response]
        self.connection.send(json.dumps(answer))
        self.asked.put((action, payload))


def now() -> str:
    return datetime.now(UTC).isoformat()


@contextmanager
def charger(url: str, identity: str, key: str | None = None) -> Iterator[Charger]:
    """Connect a charge point for the length of the block; it has not booted yet."""
    login = (
        {} if key is None else {"Authorization": "Basic " + b64encode(f"{identity}:{key}".encode()).decode()}
    )
    with connect(
        f"{url}/{identity}", subprotocols=[Subprotocol("ocpp1.6")], additional_headers=login
    ) as connection:
        made = Charger(identity, connection)
        listening = Thread(target=made.listen)
        listening.start()
        try:
            yield made
        finally:
            connection.close()
            listening.join()
