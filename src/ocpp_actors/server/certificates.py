"""Certificates of charge points, as the server sees to them: what is signed is sent, what ends is renewed."""

from datetime import timedelta
from typing import Final

import trio

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.certificates.outside import SigningFailed
from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.protocol.messages import CertificateSigned
from ocpp_actors.server.fleet import Fleet, UnknownChargePoint
from ocpp_actors.server.renewal import Renewal

DELIVERY_TIME: Final = timedelta(days=1)
"""How long a certificate waits for a charge point that is not connected."""

REQUESTED_BY: Final = "certificate authority"
"""Who is said to have asked for the calls that bring certificates."""


async def see_to_certificates(central_system: CentralSystem, fleet: Fleet, renew_before: timedelta) -> None:
    """Have certificates signed and sent, and renewed before they end, until cancelled.

    Without a certificate authority nothing is done. ``renew_before`` zero: none is renewed.
    """
    if not central_system.signing.possible:
        return

    async def deliver(identity: str, request: CertificateSigned) -> None:
        try:
            await fleet.queue(identity, request, DELIVERY_TIME, REQUESTED_BY)
        except (UnknownChargePoint, MailboxFull) as error:
            raise SigningFailed(f"the certificate cannot be sent: {error}") from None

    async with trio.open_nursery() as nursery:
        nursery.start_soon(central_system.signing.run, deliver)
        if renew_before:
            nursery.start_soon(Renewal(central_system, fleet, renew_before).run)
