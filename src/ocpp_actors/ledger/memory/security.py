"""What the security extension tells (OCPP 1.6 security whitepaper)."""

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, of, some


@carry_out.register
def _record_event(request: port.RecordSecurityEvent, facts: Facts) -> None:
    facts.security_events.append(evolve(request.event, event_id=len(facts.security_events) + 1))


@carry_out.register
def _list_events(request: port.ListSecurityEvents, facts: Facts) -> list[port.SecurityEvent]:
    return some(
        reversed(facts.security_events),
        request.limit,
        lambda event: (
            of(request.identity, event.identity)
            and (request.before is None or event.event_id < request.before)
        ),
    )


@carry_out.register
def _record_signing_request(request: port.RecordSigningRequest, facts: Facts) -> int:
    kept = port.SigningRequest(
        request_id=len(facts.signing_requests) + 1,
        identity=request.identity,
        csr=request.csr,
        received_at=request.received_at,
    )
    facts.signing_requests.append(kept)
    return kept.request_id


@carry_out.register
def _list_signing_requests(request: port.ListSigningRequests, facts: Facts) -> list[port.SigningRequest]:
    return some(
        reversed(facts.signing_requests), request.limit, lambda kept: of(request.identity, kept.identity)
    )
