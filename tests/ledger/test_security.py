from attrs import evolve
from tests.ledger.facts import NOON, later, security_event

from ocpp_actors.ledger.port import (
    Ledger,
    ListSecurityEvents,
    ListSigningRequests,
    Origin,
    RecordSigningRequest,
    SecurityEvent,
    SigningRequest,
)


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


async def test_signing_requests_get_rising_ids_and_are_listed_newest_first(ledger: Ledger) -> None:
    ids = [await ledger.ask(RecordSigningRequest("CP-1", f"csr {number}", NOON)) for number in range(3)]
    assert ids == sorted(set(ids))
    other = await ledger.ask(RecordSigningRequest("CP-2", "csr", later(5)))
    assert await ledger.ask(ListSigningRequests("cp-1", limit=2)) == [
        SigningRequest(ids[2], "CP-1", "csr 2", NOON),
        SigningRequest(ids[1], "CP-1", "csr 1", NOON),
    ]
    assert await ledger.ask(ListSigningRequests("CP-2")) == [SigningRequest(other, "CP-2", "csr", later(5))]
