"""The steps in which a charge point moves to a higher security profile (security whitepaper A05)."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import structlog
import trio
from attrs import define, evolve, field, frozen

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.signing import FAILED as SIGNING_FAILED
from ocpp_actors.charge_point.session import Session
from ocpp_actors.ledger.port import (
    ByOperator,
    Certificate,
    CertificateState,
    ChargePointRecord,
    CommandState,
    FindChargePoint,
    LedgerUnavailable,
    ListCertificates,
    ListSecurityEvents,
    PutChargePoint,
    R,
    Request,
    VersionConflict,
)
from ocpp_actors.operator.calls import Calls
from ocpp_actors.protocol.messages import (
    CertificateUse,
    ChangeConfiguration,
    ExtendedMessageTrigger,
    ExtendedTriggerMessage,
    InstallCertificate,
)
from ocpp_actors.server.fleet import Fleet, NotConnected, UnknownChargePoint

log = structlog.get_logger(__name__)

SETTLING: Final = 10.0
"""Seconds for a charge point to disconnect after it took a new key (A01); some stay."""

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for a certificate that was taken."""

FRESH: Final = timedelta(days=1)
"""A certificate that ends sooner is not built upon."""

RETRIES: Final = 5


class Step(StrEnum):
    """What an upgrade consists of."""

    PREREQUISITES = "prerequisites"
    KEY = "key"
    ROOT = "rootCertificate"
    CERTIFICATE = "certificate"
    PROFILE = "profile"
    RECONNECTION = "reconnection"
    MINIMUM = "minimum"


@frozen
class Done:
    """A step that is done, or was not needed, and what came of it."""

    step: Step
    detail: str


class UpgradeFailed(Exception):
    """A step failed; the message says why, and what to do. ``done`` are the steps before it."""

    def __init__(self, step: Step, reason: str, done: tuple[Done, ...]) -> None:
        super().__init__(reason)
        self.step = step
        self.done = done


@define(eq=False)
class Upgrade:
    """One upgrade of one charge point."""

    _fleet: Fleet
    _calls: Calls
    _central_system: CentralSystem
    identity: str = field(kw_only=True)
    profile: int = field(kw_only=True)
    _requested_by: str = field(kw_only=True)
    _patience: float = field(kw_only=True)
    done: list[Done] = field(init=False, factory=list)
    _began: datetime = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._began = self._central_system.clock.now()

    def note(self, step: Step, detail: str) -> None:
        """Note a step that is done."""
        log.info("security profile", identity=self.identity, step=step.value, detail=detail)
        self.done.append(Done(step, detail))

    def failure(self, step: Step, reason: str) -> UpgradeFailed:
        """Return what ends the upgrade with this step."""
        log.warning("security profile", identity=self.identity, step=step.value, failed=reason)
        return UpgradeFailed(step, reason, tuple(self.done))

    async def session(self) -> Session:
        """Return the session of the charge point.

        Raises NotConnected, UnknownChargePoint.
        """
        entry = self._fleet.find(self.identity)
        if entry is not None and entry.session is not None:
            return entry.session
        await self._record()
        raise NotConnected(f"{self.identity} is not connected")

    # --- the steps ---------------------------------------------------------------------------------------------

    async def have_key(self) -> None:
        """See to it that the charge point has a key (A05.FR.02). It needs one to get a certificate, too.

        One that was set here alone is of no use: the charge point has to show that it has it.
        """
        session = await self.session()
        if session.security_profile:
            self.note(Step.KEY, "it has one")
            return
        key = self._central_system.keys.generate()
        status = await self._ask(Step.KEY, ChangeConfiguration(key="AuthorizationKey", value=key))
        if status == "RebootRequired":
            raise self.failure(
                Step.KEY, "it takes the new key when it is restarted: send it a Reset, then upgrade it again"
            )
        self._expect_accepted(
            Step.KEY, status, "give it one on site, and here with ocpp-actors charge-points set-key"
        )
        self.note(Step.KEY, "it was given a new one")
        with trio.move_on_after(SETTLING):
            await self._fleet.newer_session(self.identity, session.generation)

    async def have_root(self, root: str | None) -> None:
        """Install the root certificate of the server's (A05.FR.03)."""
        if root is None:
            self.note(Step.ROOT, "none was given: it has to trust the server's certificate already")
            return
        request = InstallCertificate(
            certificate_type=CertificateUse.CENTRAL_SYSTEM_ROOT_CERTIFICATE, certificate=root
        )
        self._expect_accepted(
            Step.ROOT,
            await self._ask(Step.ROOT, request),
            "look at what it has with GetInstalledCertificateIds; it may have no room for another",
        )
        self.note(Step.ROOT, "it was installed")

    async def have_certificate(self) -> None:
        """See to it that the charge point has a certificate of its own (A05.FR.04)."""
        own = await self._certificates(CertificateState.ACCEPTED)
        if own and own[0].not_after > self._began + FRESH:
            self.note(Step.CERTIFICATE, f"it has one until {own[0].not_after:%Y-%m-%d}")
            return
        if not self._central_system.signing.possible:
            raise self.failure(
                Step.CERTIFICATE, "there is no certificate authority to sign one: set CERTIFICATE_AUTHORITY"
            )
        before = await self._certificates(None)
        trigger = ExtendedTriggerMessage(
            requested_message=ExtendedMessageTrigger.SIGN_CHARGE_POINT_CERTIFICATE
        )
        self._expect_accepted(
            Step.CERTIFICATE,
            await self._ask(Step.CERTIFICATE, trigger),
            "it does not ask for certificates: see whether its firmware knows security profile 3",
        )
        with trio.move_on_after(self._patience):
            await self._certified(before[0].certificate_id if before else 0)
            return
        raise self.failure(
            Step.CERTIFICATE,
            f"it has taken no certificate within {self._patience:g} s: look at its security events and its calls",
        )

    async def _certified(self, last: int) -> None:
        """Wait until a certificate that is newer than the ``last`` one was taken."""
        while True:
            newest = await self._certificates(None)
            if newest and newest[0].certificate_id > last:
                if newest[0].state is CertificateState.ACCEPTED:
                    self.note(Step.CERTIFICATE, f"it took one until {newest[0].not_after:%Y-%m-%d}")
                    return
                if newest[0].state is CertificateState.REJECTED:
                    raise self.failure(
                        Step.CERTIFICATE,
                        "it rejected the certificate that was signed for it: it has to know the root of "
                        "CERTIFICATE_AUTHORITY, which it is given with --root (of a builtin one: root.pem in its "
                        "directory), and have the right time",
                    )
            failure = await self._event_since(SIGNING_FAILED)
            if failure is not None:
                raise self.failure(Step.CERTIFICATE, f"no certificate could be signed: {failure}")
            await trio.sleep(LOOK_EVERY)

    async def change_profile(self) -> None:
        """Set the profile, and wait until the charge point is back with it (A05.FR.05 to A05.FR.07)."""
        generation = (await self._connected()).generation
        request = ChangeConfiguration(key="SecurityProfile", value=str(self.profile))
        status = await self._ask(Step.PROFILE, request, lost_is_fine=True)
        if status not in (None, "Accepted", "RebootRequired"):
            raise self.failure(Step.PROFILE, f"it answered {status}: {_WHY_NOT_PROFILE[self.profile]}")
        self.note(
            Step.PROFILE,
            {
                None: "its connection ended before it answered",
                "RebootRequired": "it was set, and counts when the charge point is restarted",
            }.get(status, "it was set"),
        )
        with trio.move_on_after(self._patience):
            session = await self._fleet.newer_session(self.identity, generation)
            if session.security_profile < self.profile:
                raise self.failure(
                    Step.RECONNECTION,
                    f"it came back with profile {session.security_profile}, so it could not connect with "
                    f"{self.profile} (A05.FR.08); nothing more is required of it. {await self._what_happened()}",
                )
            self.note(Step.RECONNECTION, f"it came back with profile {session.security_profile}")
            return
        restart = "restart it (Reset), then upgrade it again. " if status == "RebootRequired" else ""
        raise self.failure(
            Step.RECONNECTION,
            f"it did not come back within {self._patience:g} s; nothing more is required of it. {restart}"
            f"{await self._what_happened()}",
        )

    async def raise_minimum(self) -> None:
        """Let the charge point use no lower profile any more (A05.FR.09)."""
        for attempt in range(RETRIES):
            record = await self._record()
            if record.settings.security_profile >= self.profile:
                self.note(Step.MINIMUM, f"it is profile {record.settings.security_profile} already")
                return
            settings = evolve(record.settings, security_profile=self.profile)
            now = self._central_system.clock.now()
            change = PutChargePoint(record.identity, None, settings, now, record.version)
            try:
                changed = await self._ledger(ByOperator(change, self._requested_by, now))
            except VersionConflict:
                if attempt == RETRIES - 1:
                    raise
                continue
            if self._fleet.find(self.identity) is not None:
                self._fleet.entry(changed)
            self.note(Step.MINIMUM, f"from now on it needs profile {self.profile}")
            return

    # --- what they are made of ---------------------------------------------------------------------------------

    async def _ask(self, step: Step, request: Any, *, lost_is_fine: bool = False) -> str | None:
        """Send a request and return the status that it is answered with.

        None: the connection ended before the answer, and that is fine.
        """
        await self._connected()
        try:
            record = await self._calls.call(self.identity, request, requested_by=self._requested_by)
        except NotConnected:  # it left in this very moment
            await self._connected()
            record = await self._calls.call(self.identity, request, requested_by=self._requested_by)
        detail = record.detail or {}
        if record.state is CommandState.ANSWERED:
            return str(detail["response"].get("status"))
        if record.state is CommandState.LOST and record.message_id is not None and lost_is_fine:
            return None
        said = detail.get("errorCode"), detail.get("reason") or detail.get("errorDescription")
        raise self.failure(
            step,
            f"{record.action} was not answered as it should be ({record.state}: {' '.join(filter(None, said))}); "
            "upgrade it again when the cause is found",
        )

    def _expect_accepted(self, step: Step, status: str | None, what_to_do: str) -> None:
        if status != "Accepted":
            raise self.failure(step, f"it answered {status}: {what_to_do}")

    async def _connected(self) -> Session:
        """Return the session of the charge point, which may be about to come back.

        Raises NotConnected: it does not.
        """
        with trio.move_on_after(self._patience):
            return await self._fleet.newer_session(self.identity, 0)
        raise NotConnected(f"{self.identity} did not come back within {self._patience:g} s")

    async def _what_happened(self) -> str:
        event = await self._event_since(None)
        where = "Look at the security events of the server"
        return f"{where}: {event}" if event is not None else f"{where}, and of the charge point."

    async def _event_since(self, type_: str | None) -> str | None:
        """Return what the last security event of the charge point says, if there was one since the beginning."""
        for event in await self._ledger(ListSecurityEvents(identity=self.identity, limit=10)):
            if event.received_at >= self._began and type_ in (None, event.type):
                return f"{event.type}, {event.tech_info}" if type_ is None else str(event.tech_info)
        return None

    async def _certificates(self, state: CertificateState | None) -> list[Certificate]:
        return await self._ledger(ListCertificates(identity=self.identity, state=state, limit=1))

    async def _record(self) -> ChargePointRecord:
        record = await self._ledger(FindChargePoint(self.identity))
        if record is None:
            raise UnknownChargePoint(f"there is no charge point {self.identity}")
        return record

    async def _ledger(self, request: Request[R]) -> R:
        patience = self._central_system.policy.ledger_patience
        with trio.move_on_after(patience):
            return await self._central_system.ledger.ask(request)
        raise LedgerUnavailable(f"no answer within {patience:g} s")


_WHY_NOT_PROFILE: Final = {
    1: "it takes a profile only where it has an AuthorizationKey (A05.FR.02)",
    2: "it takes a profile only where it has an AuthorizationKey and the root certificate of the server "
    "(A05.FR.02, A05.FR.03): give the root with the upgrade",
    3: "it takes a profile only where it has a certificate of its own and the root certificate of the server "
    "(A05.FR.03, A05.FR.04): give the root with the upgrade",
}
