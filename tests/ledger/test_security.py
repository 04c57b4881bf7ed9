from tests.ledger.facts import NOON, security_event

from ocpp_actors.ledger.port import Ledger, ListSecurityEvents, RecordSigningRequest


async def test_security_events_are_listed_in_the_order_of_their_receipt(ledger: Ledger) -> None:
    requests = [security_event("B"), security_event("A"), security_event("b", "TamperDetectionActivated")]
    for request in requests:
        await ledger.ask(request)
    events = [request.event for request in requests]
    assert await ledger.ask(ListSecurityEvents()) == events
    assert await ledger.ask(ListSecurityEvents(identity="B")) == [events[0], events[2]]
    assert await ledger.ask(ListSecurityEvents(limit=2)) == events[:2]


async def test_signing_requests_get_rising_ids(ledger: Ledger) -> None:
    ids = [await ledger.ask(RecordSigningRequest("CP-1", f"csr {number}", NOON)) for number in range(3)]
    assert ids == sorted(set(ids))
