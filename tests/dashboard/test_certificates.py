"""Certificates of a charge point: shown, and revoked."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from playwright.sync_api import Page, expect
from tests.dashboard.running import Running, running_server

from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    Certificate,
    CertificateState,
    RecordCertificate,
    RecordSigningRequest,
)

pytestmark = pytest.mark.heavy

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOWN = Certificate(
    identity="SIGNED",
    fingerprint="60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    serial_number="0a1b",
    issuer="CN=Authority",
    subject="CN=SN-1,O=Operator",
    chain="-----BEGIN CERTIFICATE-----",
    not_before=AT,
    not_after=datetime(2027, 3, 1, 12, tzinfo=UTC),
    state=CertificateState.ACCEPTED,
    changed_at=AT,
)


async def record(database: str) -> None:
    async with open_ledger(database) as ledger:
        await ledger.ask(AdmitChargePoint("SIGNED", AT))
        await ledger.ask(RecordSigningRequest("SIGNED", "-----BEGIN CERTIFICATE REQUEST-----", AT))
        await ledger.ask(RecordCertificate(SHOWN))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    directory: Path = tmp_path_factory.mktemp("server")
    trio.run(record, f"sqlite:///{directory / 'ledger.db'}")
    with running_server(directory) as running:
        yield running


def test_a_certificate_is_shown_and_revoked(server: Running, page: Page) -> None:
    page.goto(f"{server.dashboard}/#/charge-points/SIGNED/settings")
    row = page.get_by_role("row").filter(has_text="CN=SN-1,O=Operator")
    expect(row).to_contain_text("Accepted")
    expect(row).to_contain_text(SHOWN.fingerprint)
    expect(page.get_by_text("Signing request of")).to_be_visible()
    page.get_by_role("button", name="Revoke certificate 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("Revoked")
    expect(row.get_by_role("button")).to_have_count(0)
    found = page.request.get(f"{server.dashboard}/api/v1/charge-points/SIGNED/certificates").json()
    assert [each["state"] for each in found["certificates"]] == ["Revoked"]
