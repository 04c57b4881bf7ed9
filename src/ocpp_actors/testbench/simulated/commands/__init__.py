"""How a charge point answers what the central system asks of it, a function per action."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import AttrsInstance

from ocpp_actors.protocol.catalogue import ACTION_OF, ACTIONS, Role
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import Call, CallError
from ocpp_actors.protocol.validation import Invalid, decode
from ocpp_actors.testbench.simulated.commands import core, maintenance, planning
from ocpp_actors.testbench.simulated.controller import Controller
from ocpp_actors.testbench.simulated.link import Answer

Handler = Callable[[Controller, Any], AttrsInstance]

HANDLERS: Final[Mapping[str, Handler]] = {
    ACTION_OF[request].name: handler
    for module in (core, planning, maintenance)
    for request, handler in module.HANDLERS.items()
}


def answer(controller: Controller, call: Call) -> Answer:
    """Return the answer to a command: the payload of the CALLRESULT, or a CALLERROR with the code that fits."""
    action = ACTIONS.get(call.action)
    if action is None:
        return CallError(call.message_id, ErrorCode.NOT_IMPLEMENTED, f"the action {call.action} is unknown")
    if Role.CENTRAL_SYSTEM not in action.senders:
        return CallError(
            call.message_id, ErrorCode.NOT_SUPPORTED, f"a central system does not send {call.action}"
        )
    try:
        request = decode(action.request, call.payload)
    except Invalid as invalid:
        return CallError(call.message_id, invalid.first.code, invalid.first.description)
    return encode(HANDLERS[call.action](controller, request))
