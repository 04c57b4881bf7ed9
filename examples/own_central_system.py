"""A central system of one's own: the server's handlers, some of them extended, and one more step of admission.

It takes the same settings as ``ocpp-actors serve``, from the environment.
"""

import os
import sys
from typing import Any

from ocpp_actors import app
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.data_transfer import Vendors
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.protocol.messages import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    BootNotification,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
    IdTagInfo,
)
from ocpp_actors.server.admission import Handshake, Refused, Step
from ocpp_actors.settings import load_settings

vendors = Vendors()
router = default_router(vendors)


@vendors.on("com.example", "price")
def price(request: DataTransfer, context: Context) -> DataTransferResponse:
    """Answer a DataTransfer of a vendor."""
    return DataTransferResponse(status=DataTransferStatus.ACCEPTED, data="0.39 EUR/kWh")


@router.around(Authorize)
async def closed_at_night(request: Authorize, context: Context, proceed: Any) -> AuthorizeResponse:
    """Decide before the server's own handler does, or let it decide."""
    if context.now().hour < 6 and request.id_tag.startswith("DAY"):
        return AuthorizeResponse(id_tag_info=IdTagInfo(status=AuthorizationStatus.BLOCKED))
    response: AuthorizeResponse = await proceed(request, context)
    return response


@router.after(BootNotification)
def read_configuration(request: BootNotification, context: Context) -> None:
    """Do something once the answer was sent: here, ask the charge point for its configuration."""
    context.command("GetConfiguration", {})


async def only_our_chargers(handshake: Handshake) -> None:
    """Turn away whatever does not carry our prefix."""
    if handshake.identity is None or not handshake.identity.startswith("OUR-"):
        raise Refused(404, "not one of ours")


def with_ours(steps: list[Step]) -> list[Step]:
    """Put our step behind the first, which finds the identity."""
    return [steps[0], only_our_chargers, *steps[1:]]


if __name__ == "__main__":
    sys.exit(app.run(load_settings({}, os.environ), router, with_ours))
