"""A desk for the API, over a central system in this process, and a client that speaks to it without a socket."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import trio
from attrs import define, field

from ocpp_actors.ledger.message_log import NoMessageLog
from ocpp_actors.operator.calls import Calls
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.http.desk import Desk
from ocpp_actors.operator.upgrade import Upgrades
from tests.support.central import START, Central, open_central

BASE = "http://localhost"


@define
class StillFeed:
    """A feed that says hello and then nothing; it remembers what it was asked for."""

    asked: list[tuple[Any, ...]] = field(factory=list)
    open: int = 0

    async def stream(
        self, types: frozenset[str] | None, charge_point: str | None, last_event_id: str | None
    ) -> AsyncIterator[bytes]:
        self.asked.append((types, charge_point, last_event_id))
        self.open += 1
        try:
            yield b": hello\n\n"
            await trio.sleep_forever()
        finally:
            self.open -= 1


@define
class FixedLive:
    """Power as the test says."""

    powers: dict[str, float] = field(factory=dict)
    transactions: dict[int, float] = field(factory=dict)

    def power_of(self, identity: str) -> float | None:
        return self.powers.get(identity)

    def power_of_transaction(self, transaction_id: int) -> float | None:
        return self.transactions.get(transaction_id)

    def total_power(self) -> float:
        return sum(self.powers.values())


class FixedMetrics:
    def render(self, accept: str = "") -> tuple[bytes, str]:
        return b"up 1\n", "text/plain; version=0.0.4; charset=utf-8"


@define
class FixedHealth:
    healthy: bool = True

    def live(self) -> tuple[bool, dict[str, Any]]:
        return self.healthy, {"status": "ok" if self.healthy else "failing"}

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        return self.live()


def make_desk(central: Central, **given: Any) -> Desk:
    calls = Calls(central.fleet, central.system, 30.0)
    return Desk(
        **{
            "ledger": central.ledger,
            "keys": central.system.keys,
            "fleet": central.fleet,
            "calls": calls,
            "upgrades": Upgrades(central.fleet, calls, central.system, tls=True, client_certificates=True),
            "clock": central.system.clock,
            "message_log": NoMessageLog(),
            "feed": StillFeed(),
            "live": FixedLive(),
            "metrics": FixedMetrics(),
            "health": FixedHealth(),
            "started_at": START,
            "charge_point_urls": ("ws://127.0.0.1:9000/ocpp",),
            **given,
        }
    )


@define
class Api:
    """The API of a central system in this process."""

    central: Central
    desk: Desk
    client: httpx2.AsyncClient

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)


def client_of(application: Any, **how: Any) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=application, client=("127.0.0.1", 4711))
    return httpx2.AsyncClient(**{"transport": transport, "base_url": BASE, **how})


@asynccontextmanager
async def open_api(*, desk: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Api]:
    """Run a central system with its API for the length of the block."""
    async with open_central(**settings) as central:
        made = make_desk(central, **(desk or {}))
        async with client_of(create_application(made)) as client:
            yield Api(central, made, client)
