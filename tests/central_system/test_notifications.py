"""Statuses, progress, security events and signing requests (OCPP 1.6 §4.4, §4.5, §4.9; security whitepaper)."""

from typing import Any

import pytest
from tests.support.central import START, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.messages import AT, status

from ocpp_actors.central_system.availability import MAX_CONNECTORS
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import FindChargePoint, ListSecurityEvents, Origin, RecordSigningRequest
from ocpp_actors.observer import ConnectorStatusChanged, SecurityEventRaised


async def test_the_status_of_each_connector_is_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await charger.result("StatusNotification", status(0))
        await charger.result("StatusNotification", status(2))
        faulted = status(
            2,
            status="Faulted",
            errorCode="GroundFailure",
            info="phase 2",
            vendorId="V",
            vendorErrorCode="17",
            timestamp=AT,
        )
        assert await charger.result("StatusNotification", faulted) == {}
        record = await central.ledger.ask(FindChargePoint("CP1"))
        entry = central.fleet.find("CP1")
        told = [
            (event.connector_id, event.status, event.error_code)
            for event in central.told(ConnectorStatusChanged)
        ]
    assert record is not None
    assert entry is not None
    assert told == [(0, "Available", "NoError"), (2, "Available", "NoError"), (2, "Faulted", "GroundFailure")]
    assert record.connectors == entry.charge_point.record.connectors
    assert set(record.connectors) == {0, 2}
    connector = record.connectors[2]
    assert (connector.status, connector.info, connector.vendor_id, connector.vendor_error_code) == (
        "Faulted",
        "phase 2",
        "V",
        "17",
    )
    assert connector.timestamp == connector.received_at == START


@pytest.mark.parametrize(
    ("action", "payload", "kind"),
    [
        ("DiagnosticsStatusNotification", {"status": "Uploading"}, "diagnostics"),
        ("FirmwareStatusNotification", {"status": "Downloading"}, "firmware"),
        (
            "SignedFirmwareStatusNotification",
            {"status": "InvalidSignature", "requestId": 3},
            "signedFirmware",
        ),
        ("LogStatusNotification", {"status": "Uploaded", "requestId": 4}, "log"),
    ],
)
async def test_progress_is_kept(autojump_clock: Any, action: str, payload: dict[str, Any], kind: str) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result(action, payload) == {}
        record = await central.ledger.ask(FindChargePoint("CP1"))
        entry = central.fleet.find("CP1")
    assert record is not None
    assert entry is not None
    assert record.progress == entry.charge_point.record.progress == {kind: payload["status"]}


@pytest.mark.parametrize("tech_info", [None, "door"])
async def test_a_security_event_is_stored_and_told(autojump_clock: Any, tech_info: str | None) -> None:
    payload = {"type": "TamperDetectionActivated", "timestamp": AT} | (
        {"techInfo": tech_info} if tech_info else {}
    )
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("SecurityEventNotification", payload) == {}
        [event] = await central.ledger.ask(ListSecurityEvents())
        [told] = central.told(SecurityEventRaised)
    assert (event.identity, event.type, event.tech_info) == ("CP1", "TamperDetectionActivated", tech_info)
    assert event.origin is Origin.CHARGE_POINT
    assert (told.type, told.detail) == ("TamperDetectionActivated", tech_info or "")


async def test_a_signing_request_is_stored_and_rejected_without_a_certificate_authority(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger(MemoryLedger())
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        assert await charger.result("SignCertificate", {"csr": "PEM"}) == {"status": "Rejected"}
    [request] = [request for request in ledger.asked if isinstance(request, RecordSigningRequest)]
    assert (request.identity, request.csr) == ("CP1", "PEM")


async def test_so_many_connectors_are_kept_and_no_more(autojump_clock: Any) -> None:
    async with open_central(max_message_rate=0.0) as central, central.charger() as charger:
        await charger.boot()
        for connector_id in range(MAX_CONNECTORS):
            await charger.result("StatusNotification", status(connector_id))
        refusal = await charger.call("StatusNotification", status(1_000_000))
        assert (refusal[2], refusal[3]) == ("PropertyConstraintViolation", "connectorId out of range")
        await charger.result("StatusNotification", status(5, status="Charging"))
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert set(record.connectors) == set(range(MAX_CONNECTORS))
    assert record.connectors[5].status == "Charging"


SECRET = "0123456789abcdef0123"


@pytest.mark.parametrize(
    ("type_", "tech_info", "kept"),
    [
        ("SettingSystemTime", f"AuthorizationKey set to {SECRET}", "***"),
        ("AuthorizationKey", SECRET, "***"),
        ("SettingSystemTime", f"sent to ftp://user:{SECRET}@host/", "sent to ftp://user:***@host/"),
    ],
)
async def test_a_secret_in_a_security_event_is_neither_kept_nor_told(
    autojump_clock: Any, type_: str, tech_info: str, kept: str
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        payload = {"type": type_, "timestamp": AT, "techInfo": tech_info}
        assert await charger.result("SecurityEventNotification", payload) == {}
        [event] = await central.ledger.ask(ListSecurityEvents())
        [told] = central.told(SecurityEventRaised)
    assert (event.type, event.tech_info) == (told.type, told.detail) == (type_, kept)


@pytest.mark.parametrize(
    ("info", "code", "kept"),
    [
        ("AuthorizationKey", SECRET, ("AuthorizationKey", "***")),
        (f"AuthorizationKey={SECRET}", None, ("***", None)),
        (None, f"http://user:{SECRET}@host/", (None, "http://user:***@host/")),
    ],
)
async def test_a_secret_in_a_status_is_not_kept(
    autojump_clock: Any, info: str | None, code: str | None, kept: tuple[str | None, str | None]
) -> None:
    said = {"info": info, "vendorErrorCode": code}
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        payload = status(1, **{name: text for name, text in said.items() if text is not None})
        assert await charger.result("StatusNotification", payload) == {}
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert (record.connectors[1].info, record.connectors[1].vendor_error_code) == kept


async def test_a_secret_in_a_boot_is_not_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot(firmwareVersion=f"http://user:{SECRET}@host/1")
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.boot is not None
    assert record.boot["firmwareVersion"] == "http://user:***@host/1"
