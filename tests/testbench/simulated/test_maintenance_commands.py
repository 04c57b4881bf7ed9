"""Firmware, logs and certificates are dealt with as the specification says."""

import ssl
from typing import Any

import pytest
import trio
from tests.support.simulated import Street, open_street
from trio.testing import MockClock

from ocpp_actors.certificates.authority import Authority
from ocpp_actors.testing.in_process import START

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def progress(street: Street, action: str) -> list[str]:
    return [each.payload["status"] for each in street.station.wire.answered(action)]


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("2.0.bin", {}, ["Downloading", "Downloaded", "Installing", "Installed"]),
        ("DownloadFailed.bin", {}, ["Downloading", "DownloadFailed"]),
        ("DownloadFailed.bin", {"retries": 1}, ["Downloading", "DownloadFailed"] * 2),
        ("InstallationFailed.bin", {}, ["Downloading", "Downloaded", "Installing", "InstallationFailed"]),
    ],
)
async def test_update_firmware(
    name: str, more: dict[str, Any], expected: list[str], autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        await street.ask(
            "UpdateFirmware", location=f"ftp://files.test/{name}", retrieveDate="2026-03-01T12:01:00Z", **more
        )
        await trio.sleep(100)
        assert progress(street, "FirmwareStatusNotification") == expected
        first = street.station.wire.answered("FirmwareStatusNotification")[0]
        assert first.asked.at == pytest.approx(60)
        boots = street.station.wire.answered("BootNotification")
        installed = expected[-1] == "Installed"
        assert [boot.payload["firmwareVersion"] for boot in boots] == ["1.0.0", "2.0.bin"][: 1 + installed]
        await street.ask("TriggerMessage", requestedMessage="FirmwareStatusNotification")
        await trio.sleep(1)
        assert progress(street, "FirmwareStatusNotification")[-1] == "Idle"


async def test_firmware_waits_for_transactions_to_finish(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        await street.ask("UpdateFirmware", location="ftp://files.test/2", retrieveDate="2026-03-01T12:00:00Z")
        await trio.sleep(100)
        assert progress(street, "FirmwareStatusNotification") == ["Downloading", "Downloaded"]
        await street.station.tap("TAG")
        await trio.sleep(20)
        assert progress(street, "FirmwareStatusNotification")[-1] == "Installed"


def signed(name: str, certificate: str, **more: Any) -> dict[str, Any]:
    firmware = {
        "location": f"https://files.test/{name}",
        "retrieveDateTime": "2026-03-01T12:00:30Z",
        "signingCertificate": certificate,
        "signature": "c2lnbmF0dXJl",
    }
    return {"requestId": 6, "firmware": firmware, **more}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2.0.bin", ["SignatureVerified", "Installing", "InstallRebooting", "Installed"]),
        ("InvalidSignature.bin", ["InvalidSignature"]),
        ("InstallationFailed.bin", ["SignatureVerified", "Installing", "InstallationFailed"]),
    ],
)
async def test_signed_update_firmware(
    name: str, expected: list[str], certificate: str, autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("SignedUpdateFirmware", **signed(name, certificate)) == ACCEPTED
        await trio.sleep(100)
        assert progress(street, "SignedFirmwareStatusNotification") == [
            "DownloadScheduled",
            "Downloading",
            "Downloaded",
            *expected,
        ]
        events = [each.payload["type"] for each in street.station.wire.answered("SecurityEventNotification")]
        assert events == {
            "2.0.bin": ["FirmwareUpdated"],
            "InvalidSignature.bin": ["InvalidFirmwareSignature"],
        }.get(name, [])


async def test_a_signed_update_replaces_another_and_needs_a_certificate(
    certificate: str, autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        assert await street.ask("SignedUpdateFirmware", **signed("a", "none")) == {
            "status": "InvalidCertificate"
        }
        await street.said("SecurityEventNotification", type="InvalidFirmwareSigningCertificate")
        assert await street.ask("SignedUpdateFirmware", **signed("a", certificate)) == ACCEPTED
        assert await street.ask("SignedUpdateFirmware", **signed("b", certificate, requestId=7)) == {
            "status": "AcceptedCanceled"
        }
        await trio.sleep(100)
        assert street.station.memory.firmware == "b"


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("logs", {}, ["Uploading", "Uploaded"]),
        ("UploadFailed", {}, ["Uploading", "UploadFailed"]),
        ("UploadFailed", {"retries": 1, "retryInterval": 3}, ["Uploading", "UploadFailed"] * 2),
    ],
)
async def test_get_diagnostics(
    name: str, more: dict[str, Any], expected: list[str], autojump_clock: MockClock
) -> None:
    async with open_street() as street:
        await street.boot()
        answer = await street.ask("GetDiagnostics", location=f"ftp://files.test/{name}", **more)
        assert answer == {"fileName": "CP1-diagnostics.log"}
        await trio.sleep(60)
        assert progress(street, "DiagnosticsStatusNotification") == expected
        await street.ask("TriggerMessage", requestedMessage="DiagnosticsStatusNotification")
        await trio.sleep(1)
        assert progress(street, "DiagnosticsStatusNotification")[-1] == "Idle"


@pytest.mark.parametrize(("name", "last"), [("logs", "Uploaded"), ("UploadFailed", "UploadFailure")])
async def test_get_log(name: str, last: str, autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.boot()

        async def ask(number: int) -> dict[str, Any]:
            log = {"remoteLocation": f"https://files.test/{name}"}
            return await street.ask("GetLog", log=log, logType="SecurityLog", requestId=number)

        assert (await ask(1))["status"] == "Accepted"
        assert (await ask(2))["status"] == "AcceptedCanceled"
        await trio.sleep(60)
        said = [each.payload for each in street.station.wire.answered("LogStatusNotification")]
        assert said[-1] == {"status": last, "requestId": 2}
        assert [each["status"] for each in said] == ["Uploading", "Uploading", last]


async def test_certificates(autojump_clock: MockClock) -> None:
    certificate = Authority.new(START).root_pem
    async with open_street() as street:
        await street.boot()
        use = "CentralSystemRootCertificate"
        assert await street.ask("GetInstalledCertificateIds", certificateType=use) == {"status": "NotFound"}
        install = {"certificateType": use, "certificate": "nothing"}
        assert await street.ask("InstallCertificate", **install) == REJECTED
        await street.said("SecurityEventNotification", type="InvalidCentralSystemCertificate")
        for _ in range(2):
            answer = await street.ask("InstallCertificate", **install | {"certificate": certificate})
            assert answer == ACCEPTED
        found = await street.ask("GetInstalledCertificateIds", certificateType=use)
        (hashes,) = found["certificateHashData"]
        other = await street.ask("GetInstalledCertificateIds", certificateType="ManufacturerRootCertificate")
        assert other == {"status": "NotFound"}
        assert await street.ask("DeleteCertificate", certificateHashData=hashes) == ACCEPTED
        assert await street.ask("DeleteCertificate", certificateHashData=hashes) == {"status": "NotFound"}


def test_the_certificate_of_the_tests_is_one(certificate: str) -> None:
    assert ssl.PEM_cert_to_DER_cert(certificate)
