"""Certificates of charge points through the API: listed, and revoked while one is connected with it."""

import hashlib
import ssl
from datetime import timedelta
from typing import Any

import pytest
import trio
import trustme
from attrs import frozen
from tests.operator.http.test_guard import slug
from tests.support.central import START
from tests.support.desk import Api, open_api
from tests.support.known import introduce
from trio.testing import MockClock

from ocpp_actors.ledger.port import Certificate, CertificateState, RecordCertificate, RecordSigningRequest
from ocpp_actors.server.tls import ServerTls

CP1 = "/api/v1/charge-points/CP1"


@frozen
class Issued:
    """A certificate of CP1, and how both sides speak TLS with it."""

    fingerprint: str
    tls: tuple[ServerTls, ssl.SSLContext]


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    directory = tmp_path_factory.mktemp("certificates")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    server = authority.issue_cert("central.test")
    server.private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
    certificate = authority.issue_cert("charger.test", common_name="CP1")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    certificate.configure_cert(context)
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    tls = ServerTls([str(directory / "server.pem")], [], str(directory / "ca.pem"))
    return Issued(hashlib.sha256(der).hexdigest(), (tls, context))


async def record(api: Api, identity: str, fingerprint: str, **changes: Any) -> int:
    kept = {
        "identity": identity,
        "fingerprint": fingerprint,
        "serial_number": "0a1b",
        "issuer": "CN=Authority",
        "subject": f"CN={identity}",
        "chain": "-----BEGIN CERTIFICATE-----",
        "not_before": START,
        "not_after": START + timedelta(days=365),
        "state": CertificateState.ACCEPTED,
        "changed_at": START,
    }
    return await api.central.ledger.ask(RecordCertificate(Certificate(**{**kept, **changes})))


async def test_certificates_and_signing_requests_are_listed_newest_first(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        await api.central.ledger.ask(RecordSigningRequest("CP1", "PEM", START))
        await record(api, "CP1", "aa")
        await record(api, "CP2", "bb")
        newest = await record(api, "cp1", "cc", state=CertificateState.SIGNED)
        found = (await api.get(f"{CP1}/certificates")).json()
        assert [each["csr"] for each in found["signingRequests"]] == ["PEM"]
        assert [each["fingerprint"] for each in found["certificates"]] == ["cc", "aa"]
        assert found["certificates"][0] == {
            "id": newest,
            "state": "Signed",
            "subject": "CN=cp1",
            "issuer": "CN=Authority",
            "serialNumber": "0a1b",
            "fingerprint": "cc",
            "notBefore": "2026-03-01T12:00:00.000Z",
            "notAfter": "2027-03-01T12:00:00.000Z",
            "changedAt": "2026-03-01T12:00:00.000Z",
        }


async def test_a_revoked_certificate_ends_its_connection_and_lets_nobody_in(
    autojump_clock: MockClock, issued: Issued
) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger, security_profile=3)
        other = await record(api, "CP1", "aa")
        number = await record(api, "CP1", issued.fingerprint)
        async with api.central.charger(tls=issued.tls) as charger:
            await charger.boot()
            assert (await api.post(f"{CP1}/certificates/{other}/revocation")).json()["state"] == "Revoked"
            await charger.result("Heartbeat", {})
            await trio.sleep(5)
            revoked = (await api.post(f"{CP1}/certificates/{number}/revocation")).json()
            assert (revoked["state"], revoked["changedAt"]) == ("Revoked", "2026-03-01T12:00:05.000Z")
            assert await charger.closed() == (1008, "certificate revoked")
        assert (await api.central.refused(tls=issued.tls)).status_code == 401
        await trio.sleep(5)
        again = (await api.post(f"{CP1}/certificates/{number}/revocation")).json()
        assert again == revoked
        changes = (await api.get("/api/v1/changes")).json()["items"]
        assert changes[-1]["what"] == "SetCertificateState"


async def test_a_certificate_of_another_charge_point_is_not_found(autojump_clock: MockClock) -> None:
    async with open_api() as api:
        await introduce(api.central.ledger)
        number = await record(api, "CP2", "aa")
        await record(api, "CP1", "bb")
        for wrong in (number, 99):
            answer = await api.post(f"{CP1}/certificates/{wrong}/revocation")
            assert (answer.status_code, slug(answer)) == (404, "not-found")


async def test_a_refused_tls_handshake_is_listed_as_of_nobody_known(
    autojump_clock: MockClock, issued: Issued
) -> None:
    weak = ssl.create_default_context()
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA")
    async with open_api() as api:
        ours, theirs = api.central.pipe()
        secured = trio.SSLStream(theirs, issued.tls[0].context(), server_side=True, https_compatible=True)
        api.central.accept(secured, "192.0.2.7:4711")
        client = trio.SSLStream(ours, weak, server_hostname="central.test", https_compatible=True)
        with pytest.raises(trio.BrokenResourceError):
            await client.do_handshake()
        await trio.testing.wait_all_tasks_blocked()
        (event,) = (await api.get("/api/v1/security-events")).json()["items"]
        assert (event["chargePoint"], event["type"]) == (None, "InvalidTLSCipherSuite")
        assert event["techInfo"].endswith(", from 192.0.2.7:4711")
