"""Certificates of charge points: those that were signed for them, and what they asked to be signed."""

from typing import Any, Final

from attrs import evolve

from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    ListCertificates,
    ListSigningRequests,
    SetCertificateState,
)
from ocpp_actors.operator.http import examples
from ocpp_actors.operator.http import problems as p
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.http.models import CertificateModel, CertificatesModel, SigningRequestModel
from ocpp_actors.operator.http.operations import (
    Answer,
    Asked,
    Content,
    Nothing,
    Operation,
    Reply,
    operation,
)
from ocpp_actors.operator.http.paging import json_answer
from ocpp_actors.operator.http.routes.common import CHARGE_POINT, known, not_found
from ocpp_actors.operator.http.routes.keys import TAG


@operation(
    "GET",
    "/charge-points/{identity}/certificates",
    summary="List the certificates of a charge point",
    tag=TAG,
    replies=[Reply(200, "The latest hundred of each.", (Content(CertificatesModel, examples.CERTIFICATES),))],
    problems=CHARGE_POINT,
)
async def get_certificates(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """What it sent with SignCertificate, and what was signed for it.

    The root certificates that it trusts are a matter of calls: GetInstalledCertificateIds, InstallCertificate,
    DeleteCertificate.
    """
    record = await known(desk, asked.path["identity"])
    requests = await desk.ask(ListSigningRequests(record.identity))
    certificates = await desk.ask(ListCertificates(record.identity))
    return json_answer(
        CertificatesModel(
            signing_requests=[
                SigningRequestModel(request_id=each.request_id, csr=each.csr, received_at=each.received_at)
                for each in requests
            ],
            certificates=[_certificate(each) for each in certificates],
        )
    )


@operation(
    "POST",
    "/charge-points/{identity}/certificates/{id}/revocation",
    summary="Revoke a certificate of a charge point",
    tag=TAG,
    replies=[Reply(200, "The certificate.", (Content(CertificateModel, examples.CERTIFICATE),))],
    problems=(*CHARGE_POINT, p.NOT_FOUND),
    request_headers=("X-Operator",),
)
async def revoke_certificate(desk: Desk, asked: Asked[Nothing, Nothing]) -> Answer:
    """Nobody is let in with it again; a connection that was is closed. That cannot be undone."""
    record = await known(desk, asked.path["identity"])
    number: int = asked.path["id"]
    found = await desk.ask(ListCertificates(record.identity, limit=1, before=number + 1))
    if not found or found[0].certificate_id != number:
        raise not_found(f"certificate of {record.identity} with the number", number)
    now = desk.clock.now()
    await desk.change(SetCertificateState(number, CertificateState.REVOKED, now), asked.who)
    desk.fleet.end_with_certificate(found[0].fingerprint)
    if found[0].state is CertificateState.REVOKED:
        return json_answer(_certificate(found[0]))
    return json_answer(_certificate(evolve(found[0], state=CertificateState.REVOKED, changed_at=now)))


def _certificate(kept: Certificate) -> CertificateModel:
    return CertificateModel(
        id=kept.certificate_id,
        state=kept.state,
        subject=kept.subject,
        issuer=kept.issuer,
        serial_number=kept.serial_number,
        fingerprint=kept.fingerprint,
        not_before=kept.not_before,
        not_after=kept.not_after,
        changed_at=kept.changed_at,
    )


OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (get_certificates, revoke_certificate)
