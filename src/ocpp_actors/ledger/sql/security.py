"""What the security extension tells (OCPP 1.6 security whitepaper)."""

from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    FindCertificate,
    ListCertificates,
    ListSecurityEvents,
    ListSigningRequests,
    Origin,
    RecordCertificate,
    RecordCertificateAnswer,
    RecordSecurityEvent,
    RecordSigningRequest,
    SecurityEvent,
    SetCertificateState,
    SigningRequest,
)
from ocpp_actors.ledger.port.security import SECURITY_EVENTS_KEPT, SIGNING_REQUESTS_KEPT
from ocpp_actors.ledger.sql.dispatch import carry_out, insert_into
from ocpp_actors.ledger.tables import certificates, security_events, signing_requests


@carry_out.register
def _record_event(request: RecordSecurityEvent, connection: Connection) -> None:
    event = request.event
    number = connection.execute(
        insert(security_events)
        .values(
            charge_point=event.identity.casefold(),
            identity=event.identity,
            type=event.type,
            timestamp=event.timestamp,
            tech_info=event.tech_info,
            origin=str(event.origin),
            received_at=event.received_at,
        )
        .returning(security_events.c.id)
    ).scalar_one()
    connection.execute(delete(security_events).where(security_events.c.id <= number - SECURITY_EVENTS_KEPT))


@carry_out.register
def _list_events(request: ListSecurityEvents, connection: Connection) -> list[SecurityEvent]:
    query = select(security_events)
    if request.identity is not None:
        query = query.where(security_events.c.charge_point == request.identity.casefold())
    if request.before is not None:
        query = query.where(security_events.c.id < request.before)
    if request.type is not None:
        query = query.where(security_events.c.type == request.type)
    if request.origin is not None:
        query = query.where(security_events.c.origin == request.origin.value)
    return [
        SecurityEvent(
            identity=row.identity,
            type=row.type,
            timestamp=row.timestamp,
            tech_info=row.tech_info,
            origin=Origin(row.origin),
            received_at=row.received_at,
            event_id=row.id,
        )
        for row in connection.execute(query.order_by(security_events.c.id.desc()).limit(request.limit))
    ]


@carry_out.register
def _record_signing_request(request: RecordSigningRequest, connection: Connection) -> int:
    charge_point = request.identity.casefold()
    number = connection.execute(
        insert(signing_requests)
        .values(
            charge_point=charge_point,
            identity=request.identity,
            csr=request.csr,
            received_at=request.received_at,
        )
        .returning(signing_requests.c.id)
    ).scalar_one()
    its_own = signing_requests.c.charge_point == charge_point
    newest_to_go = (
        select(signing_requests.c.id)
        .where(its_own)
        .order_by(signing_requests.c.id.desc())
        .offset(SIGNING_REQUESTS_KEPT)
        .limit(1)
        .scalar_subquery()
    )
    connection.execute(delete(signing_requests).where(its_own, signing_requests.c.id <= newest_to_go))
    return int(number)


@carry_out.register
def _list_signing_requests(request: ListSigningRequests, connection: Connection) -> list[SigningRequest]:
    query = (
        select(signing_requests)
        .where(signing_requests.c.charge_point == request.identity.casefold())
        .order_by(signing_requests.c.id.desc())
        .limit(request.limit)
    )
    return [
        SigningRequest(row.id, row.identity, row.csr, row.received_at) for row in connection.execute(query)
    ]


@carry_out.register
def _record_certificate(request: RecordCertificate, connection: Connection) -> int:
    certificate = request.certificate
    connection.execute(
        insert_into(certificates, connection.dialect.name)
        .values(
            charge_point=certificate.identity.casefold(),
            identity=certificate.identity,
            fingerprint=certificate.fingerprint,
            serial_number=certificate.serial_number,
            issuer=certificate.issuer,
            subject=certificate.subject,
            chain=certificate.chain,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            state=certificate.state.value,
            changed_at=certificate.changed_at,
        )
        .on_conflict_do_nothing(index_elements=[certificates.c.fingerprint])
    )
    kept = _find_certificate(FindCertificate(certificate.fingerprint), connection)
    assert kept is not None
    return kept.certificate_id


@carry_out.register
def _set_certificate_state(request: SetCertificateState, connection: Connection) -> bool:
    known = certificates.c.id == request.certificate_id
    connection.execute(
        update(certificates)
        .where(known, certificates.c.state != CertificateState.REVOKED.value)
        .values(state=request.state.value, changed_at=request.at)
    )
    return connection.execute(select(certificates.c.id).where(known)).first() is not None


@carry_out.register
def _record_answer(request: RecordCertificateAnswer, connection: Connection) -> bool:
    known = _find_certificate(FindCertificate(request.fingerprint), connection)
    if known is None or known.identity.casefold() != request.identity.casefold():
        return False
    state = CertificateState.ACCEPTED if request.accepted else CertificateState.REJECTED
    return _set_certificate_state(SetCertificateState(known.certificate_id, state, request.at), connection)


@carry_out.register
def _find_certificate(request: FindCertificate, connection: Connection) -> Certificate | None:
    query = select(certificates).where(certificates.c.fingerprint == request.fingerprint)
    row = connection.execute(query).first()
    return None if row is None else _certificate(row)


@carry_out.register
def _list_certificates(request: ListCertificates, connection: Connection) -> list[Certificate]:
    query = select(certificates).order_by(certificates.c.id.desc()).limit(request.limit)
    if request.identity is not None:
        query = query.where(certificates.c.charge_point == request.identity.casefold())
    if request.expire_before is not None:
        query = query.where(certificates.c.not_after < request.expire_before)
    if request.state is not None:
        query = query.where(certificates.c.state == request.state.value)
    if request.before is not None:
        query = query.where(certificates.c.id < request.before)
    return [_certificate(row) for row in connection.execute(query)]


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        identity=row.identity,
        fingerprint=row.fingerprint,
        serial_number=row.serial_number,
        issuer=row.issuer,
        subject=row.subject,
        chain=row.chain,
        not_before=row.not_before,
        not_after=row.not_after,
        state=CertificateState(row.state),
        changed_at=row.changed_at,
        certificate_id=row.id,
    )
