"""A central system in this process, with the in-memory ledger and chargers over memory streams."""

import itertools
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from attrs import define, field
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from ocpp_actors.central_system.context import CentralSystem, Policy
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.keys import Keys
from ocpp_actors.central_system.router import Router
from ocpp_actors.certificates.signers import Signer
from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import Ledger
from ocpp_actors.observer import Event, Observer
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.server.certificates import see_to_certificates
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.server.server import Server
from ocpp_actors.server.tls import ServerTls
from ocpp_actors.settings import Settings

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
BOOT = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}


@define
class Central:
    """The parts of a running central system, for tests to look at."""

    ledger: Ledger
    events: list[Event]
    system: CentralSystem
    router: Router
    fleet: Fleet
    server: Server
    nursery: trio.Nursery

    def told(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def pipe(self) -> tuple[Any, Any]:
        """A pair of streams that take everything at once, like a socket with room in its buffers."""
        return trio.testing.memory_stream_pair()

    def accept(self, stream: trio.abc.Stream, remote: str = "test:1") -> None:
        self.nursery.start_soon(self.server.serve, stream, remote)

    @asynccontextmanager
    async def charger(
        self,
        identity: str = "CP1",
        *,
        path: str | None = None,
        subprotocols: tuple[str, ...] = ("ocpp1.6",),
        headers: list[tuple[bytes, bytes]] | None = None,
        tls: tuple[ServerTls, ssl.SSLContext] | None = None,
        remote: str = "test:1",
    ) -> AsyncIterator["Charger"]:
        """Connect a charger for the length of the block; it drops its connection after it.

        ``tls``: what the server and what the charger speaks TLS with.
        """
        ours, theirs = self.pipe()
        if tls is not None:
            theirs = trio.SSLStream(theirs, tls[0].context(), server_side=True, https_compatible=True)
            ours = trio.SSLStream(ours, tls[1], server_hostname="central.test", https_compatible=True)
        self.accept(theirs, remote)
        async with trio.open_nursery() as nursery:
            connection = await wrap_client_stream(
                nursery,
                ours,
                "central.test",
                path or f"/ocpp/{identity}",
                subprotocols=list(subprotocols),
                extra_headers=headers or [],
            )
            yield Charger(connection, ours)
            nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(ours)

    async def refused(self, **how: Any) -> ConnectionRejected:
        """Connect in vain and return the refusal."""
        try:
            async with self.charger(**how):
                raise AssertionError("the charger was let in")
        except* ConnectionRejected as group:
            refusal = group.exceptions[0]
        assert isinstance(refusal, ConnectionRejected)
        return refusal


@define
class Charger:
    """The other end of a WebSocket: says what the test says, and nothing by itself."""

    connection: WebSocketConnection
    stream: trio.abc.Stream
    _ids: "itertools.count[int]" = field(factory=lambda: itertools.count(1))

    async def send(self, frame: Any) -> None:
        await self.connection.send_message(
            frame if isinstance(frame, str | bytes) else orjson.dumps(frame).decode()
        )

    async def receive(self) -> Any:
        return orjson.loads(await self.connection.get_message())

    async def call(self, action: str, payload: Any, message_id: str | None = None) -> Any:
        """Send a CALL and return the frame that answers it; other frames in between fail the test."""
        message_id = message_id or f"m{next(self._ids)}"
        await self.send([2, message_id, action, payload])
        frame = await self.receive()
        assert frame[1] == message_id, frame
        return frame

    async def result(self, action: str, payload: Any) -> dict[str, Any]:
        """Send a CALL and return the payload of its CALLRESULT."""
        frame = await self.call(action, payload)
        assert frame[0] == 3, frame
        payload = frame[2]
        assert isinstance(payload, dict)
        return payload

    async def boot(self, **more: Any) -> dict[str, Any]:
        return await self.result("BootNotification", BOOT | more)

    async def closed(self) -> tuple[int, str]:
        """Wait until the connection is closed; anything that still comes fails the test."""
        with pytest.raises(ConnectionClosed) as closed:
            await self.connection.get_message()
        reason = closed.value.reason
        assert reason is not None
        return reason.code, reason.reason or ""


@asynccontextmanager
async def open_central(
    *,
    ledger: Ledger | None = None,
    router: Router | None = None,
    change_steps: Any = list,
    signer: Signer | None = None,
    tls: ServerTls | None = None,
    **settings: Any,
) -> AsyncIterator[Central]:
    """Run a central system for the length of the block; settings are given by their names."""
    chosen = Settings(**{"ping_interval": 0.0, **settings})
    events: list[Event] = []
    ids = itertools.count(1)
    system = CentralSystem(
        ledger=ledger or MemoryLedger(),
        clock=TrioClock(START),
        observer=Observer(events.append),
        policy=Policy(
            first_boot=RegistrationStatus(chosen.first_boot),
            open_authorization=chosen.authorization == "open",
            heartbeat_interval=chosen.heartbeat_interval,
            ledger_patience=chosen.ledger_patience,
            organization=chosen.tls_client_organization,
            signing_timeout=chosen.certificate_authority_timeout,
        ),
        signer=signer,
        keys=Keys(in_thread=not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)),
        chance=random.Random(1),
    )
    router = router or default_router()
    fleet = Fleet(system, chosen.mailbox_size, testing=chosen.testing)
    server = Server(
        system, router, fleet, chosen, lambda: f"s{next(ids)}", change_steps=change_steps, tls=tls
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fleet.run)
        nursery.start_soon(see_to_certificates, system, fleet, timedelta(days=chosen.certificate_renewal))
        yield Central(system.ledger, events, system, router, fleet, server, nursery)
        nursery.cancel_scope.cancel()
