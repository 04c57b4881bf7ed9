"""StartTransaction and StopTransaction: recorded exactly once, confirmed always (OCPP 1.6 §4.8, §4.10)."""

from ocpp_actors.central_system.authorization import id_tag_info, limited
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.metering import as_sent
from ocpp_actors.ledger.port import FindIdTag, RecordStart, RecordStop, ReservationState, StopMatch
from ocpp_actors.observer import ReservationChanged, TransactionStarted, TransactionStopped
from ocpp_actors.protocol.messages import (
    Reason,
    StartTransaction,
    StartTransactionResponse,
    StopTransaction,
    StopTransactionResponse,
)


async def start_transaction(request: StartTransaction, context: Context) -> StartTransactionResponse:
    """Record a transaction and give it its id.

    Whatever is odd about it, it has begun, so it gets its answer (§4.8); the status tells the charge point whether to
    go on with it.
    """
    known = await context.ask_patiently(FindIdTag(request.id_tag))
    started = await context.ask_patiently(
        RecordStart(
            identity=context.identity,
            connector_id=request.connector_id,
            id_tag=request.id_tag,
            meter_start=request.meter_start,
            timestamp=request.timestamp,
            reservation_id=request.reservation_id,
            received_at=context.received_at,
        )
    )
    info = id_tag_info(known, context.now(), unknown_accepted=context.policy.open_authorization)
    if not started.repeated:
        context.tell(
            TransactionStarted(
                context.identity, context.now(), started.transaction_id, request.connector_id, request.id_tag
            )
        )
    if started.reservation_used and request.reservation_id is not None:
        context.tell(
            ReservationChanged(
                context.identity,
                context.now(),
                request.reservation_id,
                request.connector_id,
                ReservationState.USED,
            )
        )
    return StartTransactionResponse(
        id_tag_info=limited(info, known, started.others_active), transaction_id=started.transaction_id
    )


async def stop_transaction(request: StopTransaction, context: Context) -> StopTransactionResponse:
    """Record the end of a transaction.

    "The Central System cannot prevent a transaction from stopping" (§4.10): it is confirmed whatever it says, and one
    that belongs to no known transaction, or to one that has another end, is kept by itself and flagged. Without a
    reason it is Local.
    """
    reason = request.reason or Reason.LOCAL
    stopped = await context.ask_patiently(
        RecordStop(
            identity=context.identity,
            transaction_id=request.transaction_id,
            id_tag=request.id_tag,
            meter_stop=request.meter_stop,
            timestamp=request.timestamp,
            reason=reason,
            transaction_data=None
            if request.transaction_data is None
            else as_sent(context.payload["transactionData"]),
            received_at=context.received_at,
        )
    )
    if stopped.match is StopMatch.GUESSED:
        context.flag(
            "unknown transaction",
            f"stop of {request.transaction_id}, which can only be transaction {stopped.transaction_id}",
        )
    elif stopped.match is StopMatch.ORPHAN:
        context.flag("unknown transaction", f"stop of {request.transaction_id}, kept by itself")
    elif stopped.conflicting:
        context.flag(
            "second stop", f"transaction {stopped.transaction_id} has another end, this is kept by itself"
        )
    if stopped.transaction_id is not None and not stopped.repeated and not stopped.conflicting:
        context.tell(TransactionStopped(context.identity, context.now(), stopped.transaction_id, reason))
    if request.id_tag is None:
        return StopTransactionResponse()
    known = await context.ask_patiently(FindIdTag(request.id_tag))
    info = id_tag_info(known, context.now(), unknown_accepted=context.policy.open_authorization)
    return StopTransactionResponse(id_tag_info=info)
