"""A central system of one's own: the server's handlers, some of them extended, one more step of admission, and a task
that commands the fleet.

It takes the same settings as ``ocpp-actors serve``, from the environment.
"""

import os
import sys
from typing import Any

import structlog
import trio

from ocpp_actors import app, logs
from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.data_transfer import Vendors
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.protocol.messages import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    BootNotification,
    ChargingProfile,
    ChargingProfileKindType,
    ChargingProfilePurposeType,
    ChargingRateUnitType,
    ChargingSchedule,
    ChargingSchedulePeriod,
    DataTransfer,
    DataTransferResponse,
    DataTransferStatus,
    IdTagInfo,
    SetChargingProfile,
)
from ocpp_actors.server.admission import Handshake, Refused, Step
from ocpp_actors.server.fleet import Fleet, NotAllowed, NotConnected
from ocpp_actors.settings import SettingsError, load_settings

SITE = 63.0
"""Amperes per phase that the charge points of the site may take together."""

log = structlog.get_logger(__name__)
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


async def share_power(fleet: Fleet) -> None:
    """Give every connected charge point an equal share of the site's power, again whenever their number has changed."""
    sharers = 0
    while True:
        if len(fleet) != sharers:
            sharers = len(fleet)
            async with trio.open_nursery() as nursery:
                for session in fleet.sessions():
                    nursery.start_soon(limit, fleet, session.identity, 10 * SITE // sharers / 10)
        await trio.sleep(10)


async def limit(fleet: Fleet, identity: str, amperes: float) -> None:
    """Limit a whole charge point (OCPP 1.6 §3.13.1, ChargePointMaxProfile)."""
    profile = ChargingProfile(
        charging_profile_id=1,
        stack_level=0,
        charging_profile_purpose=ChargingProfilePurposeType.CHARGE_POINT_MAX_PROFILE,
        charging_profile_kind=ChargingProfileKindType.ABSOLUTE,
        charging_schedule=ChargingSchedule(
            charging_rate_unit=ChargingRateUnitType.A,
            charging_schedule_period=[ChargingSchedulePeriod(start_period=0, limit=amperes)],
        ),
    )
    request = SetChargingProfile(connector_id=0, cs_charging_profiles=profile)
    try:
        outcome = await fleet.call(identity, request)
    except (NotConnected, NotAllowed, MailboxFull) as error:
        log.warning("not limited", identity=identity, reason=str(error))
    else:
        log.info("limited", identity=identity, amperes=amperes, outcome=outcome.state)


async def attend(running: app.Running, task_status: trio.TaskStatus[None]) -> None:
    """Run beside the server, whose end is up to the terminal as usual."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(share_power, running.fleet)
        await nursery.start(app.attend_terminal, running)
        task_status.started()


def main() -> int:
    try:
        settings = load_settings({}, os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(settings.log_format, settings.log_level, sys.stderr)
    return app.run(settings, router, with_ours, attend)


if __name__ == "__main__":
    sys.exit(main())
