"""Requests of a charge point with nothing wrong about them."""

from typing import Any

from ocpp_actors.protocol.catalogue import ACTIONS, FeatureProfile
from ocpp_actors.protocol.timestamps import write
from ocpp_actors.testbench.bench import Bench

OPTIONAL = frozenset(action.name for action in ACTIONS.values() if action.profile is not FeatureProfile.CORE)
"""Actions that a central system may leave out: those beside the Core profile."""


def now(bench: Bench) -> str:
    """Return the present time as a charge point writes it."""
    return write(bench.clock.now())


def start_request(bench: Bench, id_tag: str, **more: Any) -> dict[str, Any]:
    """Return a StartTransaction."""
    return {"connectorId": 1, "idTag": id_tag, "meterStart": 0, "timestamp": now(bench), **more}


def stop_request(bench: Bench, transaction_id: int, **more: Any) -> dict[str, Any]:
    """Return a StopTransaction."""
    return {"transactionId": transaction_id, "meterStop": 1000, "timestamp": now(bench), **more}


def meter_values(bench: Bench, energy: str = "500", **more: Any) -> dict[str, Any]:
    """Return MeterValues of a register in Wh."""
    return {"connectorId": 1, "meterValue": [meter_value(bench, energy)], **more}


def meter_value(bench: Bench, energy: str = "500", **more: Any) -> dict[str, Any]:
    """Return one meter value of a register in Wh."""
    return {"timestamp": now(bench), "sampledValue": [{"value": energy, "unit": "Wh", **more}]}


def status(connector_id: int = 1, status: str = "Available", **more: Any) -> dict[str, Any]:
    """Return a StatusNotification."""
    return {"connectorId": connector_id, "status": status, "errorCode": "NoError", **more}


def least(bench: Bench, id_tag: str) -> dict[str, dict[str, Any]]:
    """Return a request of each action that a charge point may send, with its required fields alone.

    The transaction of StopTransaction is none that there is.
    """
    return {
        "Authorize": {"idTag": id_tag},
        "BootNotification": {"chargePointVendor": "ocpp-actors", "chargePointModel": "test bench"},
        "DataTransfer": {"vendorId": "org.example"},
        "DiagnosticsStatusNotification": {"status": "Idle"},
        "FirmwareStatusNotification": {"status": "Idle"},
        "Heartbeat": {},
        "MeterValues": meter_values(bench),
        "StartTransaction": start_request(bench, id_tag),
        "StatusNotification": status(),
        "StopTransaction": stop_request(bench, 2_000_000_000),
        "LogStatusNotification": {"status": "Idle"},
        "SecurityEventNotification": {"type": "SettingSystemTime", "timestamp": now(bench)},
        "SignCertificate": {"csr": "-----BEGIN CERTIFICATE REQUEST-----"},
        "SignedFirmwareStatusNotification": {"status": "Idle"},
    }


def fullest(bench: Bench, id_tag: str) -> dict[str, dict[str, Any]]:
    """Return a request of each action that has optional fields, with all of them, as long as they may be."""
    sample = {
        "value": "230.4",
        "context": "Sample.Periodic",
        "format": "Raw",
        "measurand": "Voltage",
        "phase": "L1-N",
        "location": "Outlet",
        "unit": "V",
    }
    values = [{"timestamp": now(bench), "sampledValue": [sample, {"value": "1000"}]}]
    return {
        "BootNotification": {
            "chargePointVendor": "V" * 20,
            "chargePointModel": "M" * 20,
            "chargePointSerialNumber": "S" * 25,
            "chargeBoxSerialNumber": "B" * 25,
            "firmwareVersion": "F" * 50,
            "iccid": "8" * 20,
            "imsi": "2" * 20,
            "meterType": "T" * 25,
            "meterSerialNumber": "N" * 25,
        },
        "DataTransfer": {"vendorId": "v" * 255, "messageId": "m" * 50, "data": "d" * 5000},
        "MeterValues": {"connectorId": 1, "transactionId": 2_000_000_000, "meterValue": values * 3},
        "StartTransaction": start_request(bench, id_tag, reservationId=2_000_000_000),
        "StatusNotification": status(
            info="i" * 50, timestamp=now(bench), vendorId="v" * 255, vendorErrorCode="e" * 50
        ),
        "StopTransaction": stop_request(
            bench, 2_000_000_000, idTag=id_tag, reason="Other", transactionData=values
        ),
        "LogStatusNotification": {"status": "Uploading", "requestId": 1},
        "SecurityEventNotification": {
            "type": "t" * 50,
            "timestamp": now(bench),
            "techInfo": "i" * 255,
        },
        "SignedFirmwareStatusNotification": {"status": "Downloading", "requestId": 1},
    }
