"""The verdict on a recorded frame, found when it is looked at: recording costs a charge point nothing for it."""

from typing import Final

from ocpp_actors.ledger.message_entries import MessageEntry
from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.frames import Call, CallError, CallResult, FrameFault, parse
from ocpp_actors.protocol.judgement import call_faults, error_faults, result_faults
from ocpp_actors.protocol.validation import Fault

_SENDERS: Final = {"in": Role.CHARGE_POINT, "out": Role.CENTRAL_SYSTEM}


def verdict_on(entry: MessageEntry) -> str | None:
    """Return what is wrong with a frame: error code, path and words of each fault; None if nothing is.

    An answer whose CALL is not known cannot be judged, and has none.
    """
    return "; ".join(_told(fault) for fault in _faults(entry)) or None


def _faults(entry: MessageEntry) -> tuple[Fault, ...]:
    try:
        frame = parse(entry.text)
    except FrameFault as fault:
        return (Fault(fault.code, "", "frame", fault.description),)
    match frame:
        case Call():
            return call_faults(frame, _SENDERS[entry.direction])
        case CallError():
            return error_faults(frame)
        case CallResult():
            action = ACTIONS.get(entry.action) if entry.action else None
            return result_faults(frame, action) if action else ()


def _told(fault: Fault) -> str:
    where = f"{fault.code} at {fault.path}" if fault.path else fault.code
    return f"{where}: {fault.description.rstrip('.')}"
