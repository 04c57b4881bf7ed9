"""What the security extension tells (OCPP 1.6 security whitepaper)."""

from collections import deque
from itertools import islice

from attrs import evolve

from ocpp_actors.ledger import port
from ocpp_actors.ledger.memory.dispatch import carry_out
from ocpp_actors.ledger.memory.facts import Facts, of, some
from ocpp_actors.ledger.port.security import SECURITY_EVENTS_KEPT, SIGNING_REQUESTS_KEPT


@carry_out.register
def _record_event(request: port.RecordSecurityEvent, facts: Facts) -> None:
    facts.last_security_event_id += 1
    facts.security_events.append(evolve(request.event, event_id=facts.last_security_event_id))
    if len(facts.security_events) > SECURITY_EVENTS_KEPT:
        facts.security_events.popleft()


@carry_out.register
def _list_events(request: port.ListSecurityEvents, facts: Facts) -> list[port.SecurityEvent]:
    return some(
        reversed(facts.security_events),
        request.limit,
        lambda event: (
            of(request.identity, event.identity)
            and (request.before is None or event.event_id < request.before)
            and request.type in (None, event.type)
            and request.origin in (None, event.origin)
        ),
    )


@carry_out.register
def _record_signing_request(request: port.RecordSigningRequest, facts: Facts) -> int:
    facts.last_signing_request_id = number = facts.last_signing_request_id + 1
    its_own = facts.signing_requests.setdefault(request.identity.casefold(), deque())
    its_own.append(port.SigningRequest(number, request.identity, request.csr, request.received_at))
    if len(its_own) > SIGNING_REQUESTS_KEPT:
        its_own.popleft()
    return number


@carry_out.register
def _list_signing_requests(request: port.ListSigningRequests, facts: Facts) -> list[port.SigningRequest]:
    its_own = facts.signing_requests.get(request.identity.casefold(), ())
    return list(islice(reversed(its_own), request.limit))


@carry_out.register
def _record_certificate(request: port.RecordCertificate, facts: Facts) -> int:
    certificate = request.certificate
    known = _find_certificate(port.FindCertificate(certificate.fingerprint), facts)
    if known is not None:
        return known.certificate_id
    number = len(facts.certificates) + 1
    facts.certificates.append(evolve(certificate, certificate_id=number))
    return number


@carry_out.register
def _set_certificate_state(request: port.SetCertificateState, facts: Facts) -> bool:
    if not 0 < request.certificate_id <= len(facts.certificates):
        return False
    known = facts.certificates[request.certificate_id - 1]
    if known.state is not port.CertificateState.REVOKED:
        facts.certificates[request.certificate_id - 1] = evolve(
            known, state=request.state, changed_at=request.at
        )
    return True


@carry_out.register
def _record_answer(request: port.RecordCertificateAnswer, facts: Facts) -> bool:
    known = _find_certificate(port.FindCertificate(request.fingerprint), facts)
    if known is None or not of(request.identity, known.identity):
        return False
    state = port.CertificateState.ACCEPTED if request.accepted else port.CertificateState.REJECTED
    return _set_certificate_state(port.SetCertificateState(known.certificate_id, state, request.at), facts)


@carry_out.register
def _find_certificate(request: port.FindCertificate, facts: Facts) -> port.Certificate | None:
    return next((each for each in facts.certificates if each.fingerprint == request.fingerprint), None)


@carry_out.register
def _list_certificates(request: port.ListCertificates, facts: Facts) -> list[port.Certificate]:
    return some(
        reversed(facts.certificates),
        request.limit,
        lambda kept: (
            of(request.identity, kept.identity)
            and (request.expire_before is None or kept.not_after < request.expire_before)
            and request.state in (None, kept.state)
            and (request.before is None or kept.certificate_id < request.before)
        ),
    )
