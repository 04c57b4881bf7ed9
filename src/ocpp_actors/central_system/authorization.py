"""Who may charge: the status of an idTag (OCPP 1.6 §4.1, §7.2, §7.15)."""

from datetime import datetime

import structlog

from ocpp_actors.central_system.context import Context, Unconfirmable
from ocpp_actors.ledger.port import FindIdTag, IdTag, RequestFailed
from ocpp_actors.protocol.messages import AuthorizationStatus, Authorize, AuthorizeResponse, IdTagInfo

log = structlog.get_logger(__name__)


def id_tag_info(known: IdTag | None, now: datetime, *, unknown_accepted: bool) -> IdTagInfo:
    """Decide on an idTag by itself, regardless of running transactions.

    An unknown one is Accepted or Invalid as ``unknown_accepted`` says. A known one has its stored status, or Expired
    where that is Accepted and its expiry date has passed.
    """
    if known is None:
        return IdTagInfo(
            status=AuthorizationStatus.ACCEPTED if unknown_accepted else AuthorizationStatus.INVALID
        )
    status = known.status
    if status is AuthorizationStatus.ACCEPTED and known.expiry_date is not None and known.expiry_date <= now:
        status = AuthorizationStatus.EXPIRED
    return IdTagInfo(status=status, expiry_date=known.expiry_date, parent_id_tag=known.parent_id_tag)


def limited(info: IdTagInfo, known: IdTag | None, others_active: int) -> IdTagInfo:
    """Turn Accepted into ConcurrentTx where the idTag has as many running transactions as it may have.

    ConcurrentTx is "only relevant for a StartTransaction.req" (§7.2).
    """
    limit = known.max_active_transactions if known else None
    if info.status is not AuthorizationStatus.ACCEPTED or limit is None or others_active < limit:
        return info
    return IdTagInfo(
        status=AuthorizationStatus.CONCURRENT_TX,
        expiry_date=info.expiry_date,
        parent_id_tag=info.parent_id_tag,
    )


async def authorize(request: Authorize, context: Context) -> AuthorizeResponse:
    """Tell whether an idTag may start or stop a charge (OCPP 1.6 §4.1).

    Where that cannot be decided it is Invalid: after a CALLERROR some charge points do not let go of the connector.
    """
    try:
        known = await context.ask_patiently(FindIdTag(request.id_tag))
    except (Unconfirmable, RequestFailed) as error:
        log.warning("an idTag could not be looked up and is Invalid for now", reason=str(error))
        return AuthorizeResponse(id_tag_info=IdTagInfo(status=AuthorizationStatus.INVALID))
    return AuthorizeResponse(
        id_tag_info=id_tag_info(known, context.now(), unknown_accepted=context.policy.open_authorization)
    )
