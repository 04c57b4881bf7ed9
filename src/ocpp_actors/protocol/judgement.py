"""What is wrong with a frame: its action, who sent it, and its payload under the schema, strictly."""

from attrs import AttrsInstance

from ocpp_actors.protocol.catalogue import ACTIONS, Action, Role
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import Call, CallError, CallResult
from ocpp_actors.protocol.validation import Fault, Invalid, decode


def call_faults(call: Call, sender: Role | None) -> tuple[Fault, ...]:
    """Return what is wrong with a CALL; without a sender it is not asked who may send it."""
    action = ACTIONS.get(call.action)
    if action is None:
        words = f"{call.action} is no action of OCPP 1.6 or its security extension"
        return (Fault(ErrorCode.NOT_IMPLEMENTED, "", "action", words),)
    if sender is not None and sender not in action.senders:
        words = f"a {sender} does not send {action.name}"
        return (Fault(ErrorCode.NOT_SUPPORTED, "", "direction", words),)
    return _faults(action.request, call.payload)


def result_faults(result: CallResult, action: Action) -> tuple[Fault, ...]:
    """Return what is wrong with the answer to a CALL of this action."""
    return _faults(action.response, result.payload)


def error_faults(error: CallError) -> tuple[Fault, ...]:
    """Return what is wrong with a CALLERROR: a code that is none of OCPP-J's."""
    if error.code in set(ErrorCode):
        return ()
    words = f"{error.code} is no error code of OCPP-J 1.6"
    return (Fault(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "errorCode", "enum", words),)


def _faults(cls: type[AttrsInstance], payload: object) -> tuple[Fault, ...]:
    try:
        decode(cls, payload)
    except Invalid as invalid:
        return invalid.faults
    return ()
