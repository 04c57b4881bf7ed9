"""Certificate signing requests of charge points (security whitepaper A02, A03)."""

import structlog

from ocpp_actors.central_system.context import Context
from ocpp_actors.ledger.port import RecordSigningRequest
from ocpp_actors.protocol.messages import GenericStatus, SignCertificate, SignCertificateResponse

log = structlog.get_logger(__name__)


async def sign_certificate(request: SignCertificate, context: Context) -> SignCertificateResponse:
    """Keep a certificate signing request; Accepted promises that it will be signed (A02.FR.11, A02.FR.12).

    Rejected: there is no certificate authority, it has too much to do, the request is no good, or the charge point has
    not proved who it is.
    """
    await context.ask(RecordSigningRequest(context.identity, request.csr, context.received_at))
    reason = await context.central_system.signing.refusal(
        context.charge_point.record, request.csr, context.security_profile
    )
    if reason is None:
        return SignCertificateResponse(status=GenericStatus.ACCEPTED)
    log.warning("a certificate is not signed", reason=reason)
    return SignCertificateResponse(status=GenericStatus.REJECTED)


async def begin_signing(request: SignCertificate, context: Context) -> None:
    """Have signed what was promised, now that the charge point knows."""
    if context.answer == {"status": GenericStatus.ACCEPTED}:
        await context.central_system.signing.begin(context.charge_point.record, request.csr)
