import pytest
from attrs import evolve
from tests.ledger.facts import NOON, later, security_event

from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    FindCertificate,
    Ledger,
    ListCertificates,
    ListSecurityEvents,
    ListSigningRequests,
    Origin,
    RecordCertificate,
    RecordCertificateAnswer,
    RecordSigningRequest,
    SecurityEvent,
    SetCertificateState,
    SigningRequest,
)
from ocpp_actors.ledger.port.security import SIGNING_REQUESTS_KEPT


async def test_security_events_are_listed_newest_first_in_pages(ledger: Ledger) -> None:
    requests = [security_event("B"), security_event("A"), security_event("b", "TamperDetectionActivated")]
    for request in requests:
        await ledger.ask(request)
    events = [request.event for request in reversed(requests)]

    async def listed(request: ListSecurityEvents) -> list[SecurityEvent]:
        return [evolve(event, event_id=0) for event in await ledger.ask(request)]

    assert await listed(ListSecurityEvents()) == events
    assert await listed(ListSecurityEvents(identity="B")) == [events[0], events[2]]
    assert await listed(ListSecurityEvents(limit=2)) == events[:2]
    (newest,) = await ledger.ask(ListSecurityEvents(limit=1))
    assert await listed(ListSecurityEvents(before=newest.event_id)) == events[1:]
    assert await listed(ListSecurityEvents(identity="b", before=newest.event_id)) == events[2:]
    assert await listed(ListSecurityEvents(type="TamperDetectionActivated")) == events[:1]
    assert await listed(ListSecurityEvents(origin=Origin.CHARGE_POINT)) == events
    assert await listed(ListSecurityEvents(origin=Origin.CENTRAL_SYSTEM)) == []


async def test_the_newest_security_events_stay_and_the_older_ones_go(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("memory", "sql"):
        monkeypatch.setattr(f"ocpp_actors.ledger.{kind}.security.SECURITY_EVENTS_KEPT", 3)
    for number in range(5):
        await ledger.ask(security_event(f"CP-{number}"))
    kept = await ledger.ask(ListSecurityEvents())
    assert [event.identity for event in kept] == ["CP-4", "CP-3", "CP-2"]
    ids = [event.event_id for event in kept]
    assert ids == sorted(set(ids), reverse=True)


async def test_the_newest_signing_requests_of_each_charge_point_stay(ledger: Ledger) -> None:
    first = await ledger.ask(RecordSigningRequest("CP-2", "csr", NOON))
    asked = SIGNING_REQUESTS_KEPT + 3
    ids = [await ledger.ask(RecordSigningRequest("CP-1", f"csr {number}", NOON)) for number in range(asked)]
    kept = await ledger.ask(ListSigningRequests("cp-1", limit=1000))
    assert [each.request_id for each in kept] == ids[:-101:-1]
    assert kept[-1].csr == "csr 3"
    assert [each.request_id for each in await ledger.ask(ListSigningRequests("CP-2"))] == [first]


async def test_signing_requests_get_rising_ids_and_are_listed_newest_first(ledger: Ledger) -> None:
    ids = [await ledger.ask(RecordSigningRequest("CP-1", f"csr {number}", NOON)) for number in range(3)]
    assert ids == sorted(set(ids))
    other = await ledger.ask(RecordSigningRequest("CP-2", "csr", later(5)))
    assert await ledger.ask(ListSigningRequests("cp-1", limit=2)) == [
        SigningRequest(ids[2], "CP-1", "csr 2", NOON),
        SigningRequest(ids[1], "CP-1", "csr 1", NOON),
    ]
    assert await ledger.ask(ListSigningRequests("CP-2")) == [SigningRequest(other, "CP-2", "csr", later(5))]


def certificate(fingerprint: str, identity: str = "CP-1", ends: int = 100) -> Certificate:
    return Certificate(
        identity=identity,
        fingerprint=fingerprint,
        serial_number="ab12",
        issuer="CN=root",
        subject=f"CN={identity}",
        chain="PEM",
        not_before=NOON,
        not_after=later(ends),
        state=CertificateState.SIGNED,
        changed_at=NOON,
    )


async def test_certificates_are_kept_once_and_listed_newest_first_in_pages(ledger: Ledger) -> None:
    kept = [certificate("a"), certificate("b", "CP-2", ends=50), certificate("c", "cp-1", ends=200)]
    ids = [await ledger.ask(RecordCertificate(each)) for each in kept]
    assert ids == sorted(set(ids))
    assert await ledger.ask(RecordCertificate(certificate("a", "CP-9"))) == ids[0]
    a, b, c = (evolve(each, certificate_id=number) for each, number in zip(kept, ids, strict=True))
    assert await ledger.ask(ListCertificates()) == [c, b, a]
    assert await ledger.ask(ListCertificates(identity="CP-1")) == [c, a]
    assert await ledger.ask(ListCertificates(expire_before=later(101))) == [b, a]
    assert await ledger.ask(ListCertificates(state=CertificateState.ACCEPTED)) == []
    assert await ledger.ask(ListCertificates(limit=1, before=c.certificate_id)) == [b]
    assert await ledger.ask(FindCertificate("b")) == b
    assert await ledger.ask(FindCertificate("x")) is None


async def test_what_a_charge_point_says_of_a_certificate_is_kept(ledger: Ledger) -> None:
    for fingerprint in "ab":
        await ledger.ask(RecordCertificate(certificate(fingerprint)))

    async def said(fingerprint: str, accepted: bool, identity: str = "cp-1") -> bool:
        return await ledger.ask(RecordCertificateAnswer(identity, fingerprint, accepted, later(1)))

    assert await said("a", accepted=True)
    assert await said("b", accepted=False)
    assert not await said("x", accepted=True)
    assert not await said("b", accepted=True, identity="CP-2")
    b, a = await ledger.ask(ListCertificates())
    assert (a.state, a.changed_at) == (CertificateState.ACCEPTED, later(1))
    assert b.state is CertificateState.REJECTED


async def test_a_revoked_certificate_stays_revoked(ledger: Ledger) -> None:
    number = await ledger.ask(RecordCertificate(certificate("a")))
    assert await ledger.ask(SetCertificateState(number, CertificateState.REVOKED, later(1)))
    assert not await ledger.ask(SetCertificateState(number + 1, CertificateState.REVOKED, later(1)))
    assert await ledger.ask(RecordCertificateAnswer("CP-1", "a", accepted=True, at=later(2)))
    [kept] = await ledger.ask(ListCertificates())
    assert (kept.state, kept.changed_at) == (CertificateState.REVOKED, later(1))
