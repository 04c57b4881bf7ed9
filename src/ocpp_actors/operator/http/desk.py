"""What the HTTP API works with: the parts of the running server, and what the operator decided about the API."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import trio
from attrs import define, field

from ocpp_actors.central_system.keys import Keys
from ocpp_actors.clock import Clock
from ocpp_actors.ledger.message_entries import MessagePage, MessageQuery
from ocpp_actors.ledger.message_log import MessageLog
from ocpp_actors.ledger.port import (
    ByOperator,
    CommandRecord,
    Ledger,
    LedgerUnavailable,
    R,
    Request,
    Reservation,
)
from ocpp_actors.operator.http.guard import Guard
from ocpp_actors.operator.upgrade import Upgrades
from ocpp_actors.server.fleet import Fleet

DASHBOARD: Final = Path(__file__).parent.parent / "dashboard"


class Calls(Protocol):
    """What sends calls to charge points; see operator.calls."""

    async def call(
        self, identity: str, request: Any, *, requested_by: str, idempotency_key: str | None = None
    ) -> CommandRecord:
        """Send a request now and return how it ended."""
        ...

    async def queue(
        self,
        identity: str,
        request: Any,
        *,
        time_to_live: timedelta,
        requested_by: str,
        idempotency_key: str | None = None,
    ) -> CommandRecord:
        """Keep a request until it can be sent."""
        ...

    async def reserve(
        self,
        identity: str,
        *,
        connector_id: int,
        id_tag: str,
        parent_id_tag: str | None,
        expiry_date: datetime,
        requested_by: str,
    ) -> tuple[Reservation, CommandRecord]:
        """Give a reservation an id and request it."""
        ...


class Feed(Protocol):
    """What events are read from; see operator.events."""

    def stream(
        self, types: frozenset[str] | None, charge_point: str | None, last_event_id: str | None
    ) -> AsyncIterator[bytes]:
        """Yield events as they stand in a stream of Server-Sent Events."""
        ...


class Live(Protocol):
    """What was measured last; see operator.live."""

    def power_of(self, identity: str) -> float | None:
        """Return the power of a charge point's running transactions, in watts; None while it is offline."""
        ...

    def power_of_transaction(self, transaction_id: int) -> float | None:
        """Return the power of a running transaction, in watts; None while its charge point is offline."""
        ...

    def total_power(self) -> float:
        """Return the power of the running transactions of those that are online, in watts."""
        ...


class Metrics(Protocol):
    """What is measured of the server; see operator.metrics."""

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """Return the metrics and their media type."""
        ...


class Health(Protocol):
    """How the server is; see operator.health."""

    def live(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether it runs."""
        ...

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """Tell whether it can serve charge points."""
        ...


@define(kw_only=True)
class Desk:
    """The parts of the server that the API shows and changes.

    ``ending`` is set when the server is about to end: streams end then. ``ledger_patience`` is in seconds.
    ``charge_point_urls``: where charge points connect, without identity.
    """

    ledger: Ledger
    fleet: Fleet
    calls: Calls
    upgrades: Upgrades
    clock: Clock
    message_log: MessageLog
    feed: Feed
    live: Live
    metrics: Metrics
    health: Health
    started_at: datetime
    charge_point_urls: tuple[str, ...]
    keys: Keys = field(factory=Keys)
    """Where keys of charge points are made and hashed."""
    api_token: str | None = field(default=None, repr=False)
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks."""
    testing: bool = False
    ledger_patience: float = 10.0
    dashboard: Path = DASHBOARD
    ending: trio.Event = field(factory=trio.Event)
    guard: Guard = field(init=False)
    """Decides about requests by the token, the hosts and the proxies above."""

    @guard.default
    def _made_of_what_was_decided(self) -> Guard:
        return Guard(self.clock, self.api_token, self.allowed_hosts, self.trusted_proxies)

    async def ask(self, request: Request[R]) -> R:
        """Ask the ledger.

        Raises LedgerUnavailable: it failed, or did not answer in time.
        Raises RequestFailed: it refuses this request.
        """
        with trio.move_on_after(self.ledger_patience):
            return await self.ledger.ask(request)
        raise LedgerUnavailable(f"no answer within {self.ledger_patience:g} s")

    async def find_messages(self, query: MessageQuery) -> MessagePage:
        """Ask the message log. Raises as ask() does."""
        with trio.move_on_after(self.ledger_patience):
            return await self.message_log.find(query)
        raise LedgerUnavailable(f"the message log: no answer within {self.ledger_patience:g} s")

    async def change(self, request: Request[R], who: str) -> R:
        """Ask the ledger for a change, which is kept with who made it. Raises as ask() does."""
        return await self.ask(ByOperator(request, who, self.clock.now()))
