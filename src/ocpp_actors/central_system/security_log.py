"""Security events that the central system itself notices (security whitepaper A00.FR.323, A00.FR.408)."""

from typing import Final

import structlog
import trio
from attrs import define, field

from ocpp_actors.clock import Clock
from ocpp_actors.ledger.port import (
    Ledger,
    LedgerUnavailable,
    Origin,
    RecordSecurityEvent,
    RequestFailed,
    SecurityEvent,
)
from ocpp_actors.observer import Observer, SecurityEventRaised
from ocpp_actors.pace import TokenBucket

log = structlog.get_logger(__name__)

EVENTS_AT_ONCE: Final = 100.0
EVENT_RATE: Final = 5.0
"""Events that are kept at once, and then a second: strangers cause them, and the ledger is for charge points."""

PATIENCE: Final = 10.0
"""Seconds for the ledger to keep one."""

MAX_INFO: Final = 255
"""Characters of techInfo (SecurityEventNotification.req)."""


@define(eq=False)
class SecurityLog:
    """Keeps and tells what was noticed; more than EVENT_RATE are only counted, in the log."""

    _ledger: Ledger
    _clock: Clock
    _observer: Observer
    _bucket: TokenBucket | None = field(init=False, default=None)
    _unsaid: int = field(init=False, default=0)

    async def record(self, identity: str, type_: str, info: str) -> None:
        """Keep a security event; ``identity`` is empty where it is not known whose it is."""
        self._bucket = self._bucket or TokenBucket(EVENT_RATE, EVENTS_AT_ONCE, trio.current_time())
        if not self._bucket.allows(trio.current_time()):
            self._unsaid += 1
            return
        if self._unsaid:
            log.warning("security events were too many to be kept", left_out=self._unsaid)
            self._unsaid = 0
        now, info = self._clock.now(), info[:MAX_INFO]
        self._observer.tell(SecurityEventRaised(identity, now, type_, info, Origin.CENTRAL_SYSTEM))
        event = SecurityEvent(
            identity=identity,
            type=type_,
            timestamp=now,
            tech_info=info,
            origin=Origin.CENTRAL_SYSTEM,
            received_at=now,
        )
        try:
            with trio.fail_after(PATIENCE):
                await self._ledger.ask(RecordSecurityEvent(event))
        except (LedgerUnavailable, RequestFailed, trio.TooSlowError) as error:
            log.warning("a security event is not recorded", reason=str(error))
