"""From a CALL to its answer: which handler, whether it may come now, whether it is valid."""

import inspect
from collections.abc import Awaitable, Callable
from reprlib import repr as shortened
from types import CoroutineType
from typing import Any, NoReturn, TypeVar

import structlog
from attrs import define, frozen

from ocpp_actors.central_system.context import Context, Unconfirmable
from ocpp_actors.central_system.judging import judge_again
from ocpp_actors.central_system.registration import check_registration
from ocpp_actors.ledger.port import LedgerUnavailable, RequestFailed
from ocpp_actors.protocol.catalogue import ACTIONS, Action, Role
from ocpp_actors.protocol.codec import encoder
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import Call
from ocpp_actors.protocol.validation import Invalid, decoder

log = structlog.get_logger(__name__)

Handler = Callable[[Any, Context], Any]
"""Takes a request and its context, returns the response or a coroutine of it."""

H = TypeVar("H", bound=Callable[..., Any])


class Router:
    """The handlers of the central system, one for each action that a charge point may send.

    A handler is a function or coroutine function of the request and a Context; what it returns is the response. It may
    raise ProtocolFault for a CALLERROR of its choice; any other exception is answered with InternalError and logged.
    """

    def __init__(self) -> None:
        self._handlers: dict[str, Handler] = {}
        self._after: dict[str, list[Handler]] = {}
        self._routes: dict[str, _Route] = {}
        """Those of the actions that came since a handler was registered last."""

    def on(self, request_class: type) -> Callable[[H], H]:
        """Register the decorated function as the handler of this request, in place of an earlier one.

        Raises ValueError: no charge point sends this request.
        """
        action = _action_of(request_class)

        def register(handler: H) -> H:
            self._handlers[action.name] = handler
            self._routes.clear()
            return handler

        return register

    def around(self, request_class: type) -> Callable[[H], H]:
        """Register the decorated function around the present handler.

        It is called with the request, the context and the handler that it surrounds, and decides whether and when
        to call it: ``await proceed(request, context)``.

        Raises ValueError: no charge point sends this request, or it has no handler yet.
        """
        action = _action_of(request_class)
        inner = self._handlers.get(action.name)
        if inner is None:
            raise ValueError(f"{action.name} has no handler to put something around")

        async def proceed(request: Any, context: Context) -> Any:
            return await result_of(inner(request, context))

        def register(outer: H) -> H:
            async def handler(request: Any, context: Context) -> Any:
                return await result_of(outer(request, context, proceed))

            self._handlers[action.name] = handler
            self._routes.clear()
            return outer

        return register

    def after(self, request_class: type) -> Callable[[H], H]:
        """Have the decorated function called with request and context after the answer was written; the context has it.

        It may take its time, and call the charge point; what it raises is logged and has no other effect.

        Raises ValueError: no charge point sends this request.
        """
        action = _action_of(request_class)

        def register(handler: H) -> H:
            self._after.setdefault(action.name, []).append(handler)
            self._routes.clear()
            return handler

        return register

    def without(self, *request_classes: type) -> None:
        """Switch handlers off; their actions are answered with NotSupported."""
        for request_class in request_classes:
            self._handlers.pop(_action_of(request_class).name, None)
        self._routes.clear()

    async def dispatch(self, call: Call, context: Context) -> "Handled":
        """Carry out one CALL and return what it is answered with.

        The checks come in this order: action known, direction, registration, payload.

        Raises ProtocolFault: the CALL is answered with this CALLERROR.
        Raises Unconfirmable: it must not be answered; the connection is to be closed.
        """
        route = self._routes.get(call.action) or self._find_route(call.action)
        action = route.action
        check_registration(action.name, context)
        try:
            request = route.decode(call.payload)
        except Invalid as invalid:
            request = await _decode_anyway(action, call.payload, context, invalid)
        try:
            response = route.handler(request, context)
            if isinstance(response, CoroutineType):
                response = await response
            if not isinstance(response, action.response):
                _complain(action, response)
            payload = route.encode(response)
        except (ProtocolFault, Unconfirmable):
            raise
        except (LedgerUnavailable, RequestFailed) as error:
            log.error("the ledger failed", reason=str(error))  # noqa: TRY400 — its reason says enough
            raise ProtocolFault(ErrorCode.INTERNAL_ERROR, "this cannot be stored or looked up now") from None
        except Exception:
            log.exception("a handler failed")
            raise ProtocolFault(
                ErrorCode.INTERNAL_ERROR, "the central system failed to handle this message"
            ) from None
        context.answer = payload
        return Handled(payload, request, route.after)

    def _find_route(self, action_name: str) -> "_Route":
        action = ACTIONS.get(action_name)
        if action is None:
            raise ProtocolFault(
                ErrorCode.NOT_IMPLEMENTED,
                f"{shortened(action_name)} is no action of OCPP 1.6 or its security extension",
            )
        handler = self._handlers.get(action.name)
        if handler is None:
            raise ProtocolFault(
                ErrorCode.NOT_SUPPORTED, f"{action.name} is not handled by this central system"
            )
        route = self._routes[action.name] = _Route(
            action,
            decoder(action.request),
            handler,
            encoder(action.response),
            tuple(self._after.get(action.name, ())),
        )
        return route


@frozen
class _Route:
    """What a CALL of an action goes through."""

    action: Action
    decode: Callable[[object], Any]
    handler: Handler
    encode: Callable[[Any], dict[str, Any]]
    after: tuple[Handler, ...]


@define
class Handled:
    """The answer to a CALL, and what is to be done after it was written."""

    payload: dict[str, Any]
    request: Any
    after: tuple[Handler, ...]

    async def follow(self, context: Context) -> None:
        """Do what is to be done after the answer; failures are logged."""
        for handler in self.after:
            try:
                await result_of(handler(self.request, context))
            except Exception:
                log.exception("what follows an answer failed")


async def _decode_anyway(action: Action, payload: Any, context: Context, invalid: Invalid) -> Any:
    """Put up with an invalid payload where that is allowed.

    Raises ProtocolFault: it is not.
    """
    try:
        return await judge_again(
            action.request,
            payload,
            invalid,
            size=context.size,
            lenient=context.charge_point.lenient,
            flag=context.flag,
        )
    except Invalid as refusal:
        first = refusal.first
        raise ProtocolFault(first.code, first.description, {"path": first.path, "rule": first.rule}) from None
    finally:
        invalid.__traceback__ = None  # its frames have it, and with it the payload: a cycle


def _complain(action: Action, response: Any) -> NoReturn:
    raise TypeError(f"the handler of {action.name} returned {response!r}")


def _action_of(request_class: type) -> Action:
    action = ACTIONS.get(request_class.__name__)
    if action is None or action.request is not request_class or Role.CHARGE_POINT not in action.senders:
        raise ValueError(f"{request_class.__name__} is no request of a charge point")
    return action


async def result_of(value: Any | Awaitable[Any]) -> Any:
    """Return the value, or what it comes to if it is a coroutine."""
    return await value if inspect.iscoroutine(value) else value
