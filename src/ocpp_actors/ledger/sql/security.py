"""What the security extension tells (OCPP 1.6 security whitepaper)."""

from sqlalchemy import Connection, insert, select

from ocpp_actors.ledger.port import (
    ListSecurityEvents,
    ListSigningRequests,
    Origin,
    RecordSecurityEvent,
    RecordSigningRequest,
    SecurityEvent,
    SigningRequest,
)
from ocpp_actors.ledger.sql.dispatch import carry_out
from ocpp_actors.ledger.tables import security_events, signing_requests


@carry_out.register
def _record_event(request: RecordSecurityEvent, connection: Connection) -> None:
    event = request.event
    connection.execute(
        insert(security_events).values(
            charge_point=event.identity.casefold(),
            identity=event.identity,
            type=event.type,
            timestamp=event.timestamp,
            tech_info=event.tech_info,
            origin=str(event.origin),
            received_at=event.received_at,
        )
    )


@carry_out.register
def _list_events(request: ListSecurityEvents, connection: Connection) -> list[SecurityEvent]:
    query = select(security_events)
    if request.identity is not None:
        query = query.where(security_events.c.charge_point == request.identity.casefold())
    if request.before is not None:
        query = query.where(security_events.c.id < request.before)
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
    kept = connection.execute(
        insert(signing_requests)
        .values(
            charge_point=request.identity.casefold(),
            identity=request.identity,
            csr=request.csr,
            received_at=request.received_at,
        )
        .returning(signing_requests.c.id)
    )
    return int(kept.scalar_one())


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
