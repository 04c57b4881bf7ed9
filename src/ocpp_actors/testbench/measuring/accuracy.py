"""Whether the central system judged a charge point's message right: valid ones taken, invalid ones refused."""

from typing import Final

from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import CallError
from ocpp_actors.protocol.validation import Invalid, decode
from ocpp_actors.testbench.wire import Exchange

VERDICTS: Final = frozenset(
    {
        ErrorCode.NOT_IMPLEMENTED,
        ErrorCode.NOT_SUPPORTED,
        ErrorCode.FORMATION_VIOLATION,
        ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ErrorCode.OCCURENCE_CONSTRAINT_VIOLATION,
        ErrorCode.TYPE_CONSTRAINT_VIOLATION,
    }
)
"""Codes with which a central system says that the message itself is wrong (OCPP-J 1.6 §4.2.3)."""


def judged_right(exchange: Exchange) -> bool | None:
    """Tell whether a CALL of a charge point was judged right; None where its answer is no judgement of it.

    A valid CALL may be refused for other reasons: InternalError, GenericError, SecurityError judge nothing, and
    ProtocolError may be about its message id.
    """
    fault = fault_of(exchange)
    if not isinstance(exchange.reply, CallError):
        return fault is None
    if exchange.reply.code in VERDICTS:
        return fault is not None
    return None if fault is None else exchange.reply.code != ErrorCode.INTERNAL_ERROR


def fault_of(exchange: Exchange) -> str | None:
    """Return what is wrong with a CALL of a charge point by the specification, or None."""
    action = ACTIONS.get(exchange.action)
    if action is None:
        return f"{exchange.action} is no action"
    if Role.CHARGE_POINT not in action.senders:
        return f"a charge point does not send {exchange.action}"
    try:
        decode(action.request, exchange.payload)
    except Invalid as invalid:
        return str(invalid)
    return None


def told(identity: str, exchange: Exchange) -> str:
    """Write an exchange that was judged wrong."""
    fault, reply = fault_of(exchange), exchange.reply
    what = f"refused with {reply.code}" if isinstance(reply, CallError) else f"accepted ({fault})"
    return f"{identity}: a{' valid' if fault is None else 'n invalid'} {exchange.action} was {what}"
