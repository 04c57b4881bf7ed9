"""Charge points are asked to renew certificates that are about to end (security whitepaper A02)."""

from datetime import datetime, timedelta
from typing import Final

import structlog
import trio
from attrs import define, field

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.ledger.port import (
    Certificate,
    CertificateState,
    LedgerUnavailable,
    ListCertificates,
    ListSigningRequests,
    R,
    Request,
    RequestFailed,
)
from ocpp_actors.protocol.messages import ExtendedMessageTrigger, ExtendedTriggerMessage
from ocpp_actors.server.fleet import Fleet, NotAllowed, NotConnected

log = structlog.get_logger(__name__)

LOOK_EVERY: Final = 3600.0
"""Seconds between two looks for certificates that are about to end."""

ASKED_AT_ONCE: Final = 200
"""Charge points that are asked at one look: their requests all go to one certificate authority."""

ASK_AGAIN: Final = timedelta(days=1)
"""How long a charge point that was asked is left in peace."""

PATIENCE: Final = timedelta(minutes=10)
"""How long the question waits behind other commands."""

PAGE: Final = 1000
REQUESTED_BY: Final = "certificate renewal"
"""Who is said to have asked for these calls."""

TRIGGER: Final = ExtendedTriggerMessage(
    requested_message=ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE
)


@define(eq=False)
class Renewal:
    """Asks connected charge points whose certificate ends within ``before`` to have a new one signed."""

    _central_system: CentralSystem
    _fleet: Fleet
    _before: timedelta
    _asked: dict[str, datetime] = field(init=False, factory=dict)

    async def run(self) -> None:
        """Look for certificates that are about to end, again and again, until cancelled."""
        while True:
            try:
                await self._look()
            except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
                log.warning("certificates could not be looked through", reason=str(error))
            except Exception:
                log.exception("certificates could not be looked through")
            await trio.sleep(LOOK_EVERY)

    async def _look(self) -> None:
        now = self._central_system.clock.now()
        self._asked = {key: at for key, at in self._asked.items() if at > now - ASK_AGAIN}
        left, last = ASKED_AT_ONCE, None
        while page := await self._ask(
            ListCertificates(
                expire_before=now + self._before, state=CertificateState.ACCEPTED, limit=PAGE, before=last
            )
        ):
            for certificate in page:
                if await self._is_due(certificate, now):
                    await self._trigger(certificate, now)
                    left -= 1
                if not left:
                    return
            last = page[-1].certificate_id

    async def _is_due(self, certificate: Certificate, now: datetime) -> bool:
        """Whether the charge point is connected, has no newer certificate, and did not have its chance today."""
        identity = certificate.identity
        entry = self._fleet.find(identity)
        if entry is None or entry.session is None or identity.casefold() in self._asked:
            return False
        [newest] = await self._ask(
            ListCertificates(identity=identity, state=CertificateState.ACCEPTED, limit=1)
        )
        requests = await self._ask(ListSigningRequests(identity, limit=1))
        return newest.certificate_id == certificate.certificate_id and not (
            requests and requests[0].received_at > now - ASK_AGAIN
        )

    async def _trigger(self, certificate: Certificate, now: datetime) -> None:
        identity = certificate.identity
        self._asked[identity.casefold()] = now
        try:
            await self._fleet.submit_recorded(identity, TRIGGER, patience=PATIENCE, requested_by=REQUESTED_BY)
        except (NotConnected, NotAllowed, MailboxFull) as error:
            log.warning("a charge point cannot be asked now to renew its certificate", reason=str(error))
        else:
            log.info(
                "asked to renew its certificate", identity=identity, ends=certificate.not_after.isoformat()
            )

    async def _ask(self, request: Request[R]) -> R:
        with trio.fail_after(self._central_system.policy.ledger_patience):
            return await self._central_system.ledger.ask(request)
