"""CALLERRORs as the charge point sees them, and payloads with nothing wrong about them."""

from typing import Any

from tests.support.central import Charger

AT = "2026-03-01T12:00:00Z"
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": AT}
STOP = {"transactionId": 1, "meterStop": 0, "timestamp": AT}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
EVENT = {"type": "Tampering", "timestamp": AT}


def metering(*values: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": list(values)}


def sampled(**sample: Any) -> dict[str, Any]:
    return {"timestamp": AT, "sampledValue": [sample]}


VALID: dict[str, Any] = {
    "Authorize": {"idTag": "A"},
    "DataTransfer": {"vendorId": "V"},
    "DiagnosticsStatusNotification": {"status": "Idle"},
    "FirmwareStatusNotification": {"status": "Idle"},
    "Heartbeat": {},
    "LogStatusNotification": {"status": "Idle"},
    "MeterValues": metering(sampled(value="1")),
    "SecurityEventNotification": EVENT,
    "SignCertificate": {"csr": "x"},
    "SignedFirmwareStatusNotification": {"status": "Idle"},
    "StartTransaction": START,
    "StatusNotification": STATUS,
    "StopTransaction": STOP,
}


def refusal(frame: Any, message_id: str) -> tuple[str, str, dict[str, Any]]:
    """Check the form of a CALLERROR (§4.2.3, table 6); return code, description and details."""
    kind, answered, code, description, details = frame
    assert (kind, answered) == (4, message_id)
    assert isinstance(description, str)
    assert 0 < len(description) <= 255
    assert isinstance(details, dict)
    return code, description, details


async def code_for(charger: Charger, action: str, payload: object) -> str:
    return refusal(await charger.call(action, payload, "the call"), "the call")[0]
