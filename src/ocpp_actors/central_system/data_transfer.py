"""DataTransfer: what vendors agreed on among themselves (OCPP 1.6 §4.3)."""

from collections.abc import Callable
from typing import Any, TypeVar

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.router import result_of
from ocpp_actors.protocol.messages import DataTransfer, DataTransferResponse, DataTransferStatus

H = TypeVar("H", bound=Callable[..., Any])


class Vendors:
    """The handlers of DataTransfer, by vendorId and messageId, both regardless of case (CiString, OCPP 1.6 §6.17)."""

    def __init__(self) -> None:
        self._handlers: dict[str, dict[str | None, Callable[..., Any]]] = {}

    def on(self, vendor_id: str, message_id: str | None = None) -> Callable[[H], H]:
        """Register the decorated function, of request and context, for this vendor and message.

        Without ``message_id`` it takes every message of the vendor that has no handler of its own. It returns, or is
        a coroutine of, a DataTransferResponse.
        """

        def register(handler: H) -> H:
            self._handlers.setdefault(vendor_id.casefold(), {})[_folded(message_id)] = handler
            return handler

        return register

    async def data_transfer(self, request: DataTransfer, context: Context) -> DataTransferResponse:
        """Pass the request on to its handler, or answer UnknownVendorId or UnknownMessageId (§4.3)."""
        messages = self._handlers.get(request.vendor_id.casefold())
        if messages is None:
            return DataTransferResponse(status=DataTransferStatus.UNKNOWN_VENDOR_ID)
        handler = messages.get(_folded(request.message_id)) or messages.get(None)
        if handler is None:
            return DataTransferResponse(status=DataTransferStatus.UNKNOWN_MESSAGE_ID)
        response: DataTransferResponse = await result_of(handler(request, context))
        return response


def _folded(message_id: str | None) -> str | None:
    return None if message_id is None else message_id.casefold()
