"""What a handler is given beside the request: the charge point, the ledger, the time, and ways to tell."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
import trio
from attrs import define, field

from ocpp_actors.central_system.charge_point import ChargePoint
from ocpp_actors.central_system.keys import Keys
from ocpp_actors.central_system.security_log import SecurityLog
from ocpp_actors.central_system.signing import Signing
from ocpp_actors.certificates.signers import Signer
from ocpp_actors.clock import Clock
from ocpp_actors.ledger.port import Ledger, LedgerUnavailable, Note, R, Request
from ocpp_actors.observer import Event, Flagged, Observer
from ocpp_actors.protocol.messages import RegistrationStatus

log = structlog.get_logger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Unconfirmable(Exception):
    """A fact could not be stored in time, so its message must not be answered at all.

    A charge point sends an unanswered transaction message again after a reconnection; one that got a CALLERROR it may
    drop for ever. So the connection is closed instead.
    """


@define
class Policy:
    """What the operator decided about charge points and idTags; see the settings of the same names."""

    first_boot: RegistrationStatus = RegistrationStatus.ACCEPTED
    open_authorization: bool = True
    heartbeat_interval: int = 300
    ledger_patience: float = 10.0
    organization: str | None = None
    """The operator's name, which certificates of charge points have to bear (``TLS_CLIENT_ORGANIZATION``)."""
    signing_timeout: float = 30.0
    """Seconds for the certificate authority."""


@define
class CentralSystem:
    """What all charge points share."""

    ledger: Ledger
    clock: Clock
    observer: Observer = field(factory=Observer)
    policy: Policy = field(factory=Policy)
    chance: random.Random = field(factory=random.Random)
    keys: Keys = field(factory=Keys)
    signer: Signer | None = None
    """Who signs certificates of charge points; None: nobody."""
    security_log: SecurityLog = field(init=False)
    signing: Signing = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.security_log = SecurityLog(self.ledger, self.clock, self.observer)
        self.signing = Signing(
            self.ledger,
            self.clock,
            self.security_log,
            self.signer,
            self.policy.organization,
            self.policy.signing_timeout,
        )


@define
class Context:
    """One CALL of one charge point, on its way through a handler."""

    central_system: CentralSystem
    charge_point: ChargePoint
    message_id: str
    action: str
    payload: Mapping[str, Any]
    """The payload as it was sent; the request that the handler is given was made from it."""
    size: int
    """Characters of the frame that it came in."""
    received_at: datetime
    command: Callable[[str, Mapping[str, object]], bool]
    """Queue a CALL (action, payload) to this charge point without waiting for its outcome; False: there is no room."""
    security_profile: int = 0
    """The security profile that the charge point uses on its connection."""
    answer: Mapping[str, Any] | None = field(default=None, init=False)
    """The payload that it was answered with, for what follows the answer."""
    _deadline: float | None = field(default=None, init=False)

    @property
    def identity(self) -> str:
        """The charge point's identity."""
        return self.charge_point.identity

    @property
    def policy(self) -> Policy:
        """What the operator decided."""
        return self.central_system.policy

    def now(self) -> datetime:
        """Return the time of day in UTC."""
        return self.central_system.clock.now()

    async def ask(self, request: Request[R]) -> R:
        """Ask the ledger once, within ``LEDGER_PATIENCE`` seconds after the first question of this message.

        Raises LedgerUnavailable: it failed, or did not answer in time.
        Raises RequestFailed: it refuses this request.
        """
        return await self.central_system.ledger.ask(request, self._patience_ends())

    async def ask_patiently(self, request: Request[R]) -> R:
        """Ask the ledger until it answers, within ``LEDGER_PATIENCE`` seconds after the first question of this message.

        Asking again is harmless: the ledger's constraints make each of these requests happen once.

        Raises Unconfirmable: it could not be stored in that time.
        Raises RequestFailed: the ledger refuses this request.
        """
        by = self._patience_ends()
        pause = FIRST_PAUSE
        while True:
            try:
                return await self.central_system.ledger.ask(request, by)
            except LedgerUnavailable as error:
                if trio.current_time() >= by:
                    break
                log.warning("the ledger is unavailable, trying again", reason=str(error), pause=pause)
            await trio.sleep_until(min(trio.current_time() + pause, by))
            pause = min(pause * 2, LONGEST_PAUSE)
        raise Unconfirmable(f"{self.action} could not be stored within {self.policy.ledger_patience:g} s")

    def _patience_ends(self) -> float:
        if self._deadline is None:
            self._deadline = trio.current_time() + self.policy.ledger_patience
        return self._deadline

    def note(self, note: Note) -> None:
        """Have a fact written behind; see Ledger.note."""
        self.central_system.ledger.note(note)

    def tell(self, event: Event) -> None:
        """Tell the observer."""
        self.central_system.observer.tell(event)

    def flag(self, quirk: str, detail: str) -> None:
        """Tell that the charge point did something odd that was put up with; ``quirk`` is a short stable name."""
        log.warning("put up with", quirk=quirk, detail=detail)
        self.tell(Flagged(self.identity, self.now(), quirk, detail))
