"""A central system in this process: no socket, no thread, no file, so that it runs in virtual time."""

import itertools
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx2
import trio
import trio.testing
from attrs import frozen

from ocpp_actors import __version__
from ocpp_actors.app import policy_of, signer_from
from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.keys import Keys
from ocpp_actors.central_system.reservations import expire_reservations
from ocpp_actors.central_system.router import Router
from ocpp_actors.clock import Clock, TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.message_log import NoMessageLog
from ocpp_actors.ledger.port import Ledger
from ocpp_actors.observer import Observer, Subscriber
from ocpp_actors.operator.http.application import create_application
from ocpp_actors.operator.metrics import Metrics
from ocpp_actors.operator.side import operators_side
from ocpp_actors.server.certificates import see_to_certificates
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.server.server import Server
from ocpp_actors.server.tls import ServerTls
from ocpp_actors.settings import Settings
from ocpp_actors.testbench.operators import Operator, open_operator
from ocpp_actors.testbench.secured import Secured, TlsFiles
from ocpp_actors.testbench.target import SecureTarget, Target

START: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""The time of day at which trio's clock, if it is a virtual one, shows 0."""

URL: Final = "ws://central.test/ocpp"
SECURE_URL: Final = "wss://localhost/ocpp"
TLS_PORT: Final = 443


@frozen
class InProcess:
    """A central system that runs in this process, and the ways to it."""

    target: Target
    operator: Operator
    clock: Clock
    central_system: CentralSystem
    fleet: Fleet
    server: Server
    secured: Secured | None = None
    """The same over TLS; None: it was not asked for."""


@asynccontextmanager
async def open_in_process(
    *,
    ledger: Ledger | None = None,
    router: Router | None = None,
    subscribers: tuple[Subscriber, ...] = (),
    change_steps: Any = list,
    tls: TlsFiles | None = None,
    **settings: Any,
) -> AsyncIterator[InProcess]:
    """Run a central system for the length of the block; settings are given by their names.

    It keeps everything in memory, does not ping, and takes its time from trio's clock. With ``tls`` it speaks TLS, too,
    and begins with the last full hour of ``tls.clock``: certificates are judged by the time of the machine.
    """
    over_tls = tls.settings(TLS_PORT) if tls else {}
    chosen = Settings(**{"ping_interval": 0.0, "message_log": "off", **over_tls, **settings})
    ids = itertools.count(1)
    clock = TrioClock(tls.clock.now().replace(minute=0, second=0, microsecond=0) if tls else START)
    system = CentralSystem(
        ledger=ledger or MemoryLedger(),
        clock=clock,
        observer=Observer(*subscribers),
        policy=policy_of(chosen),
        keys=Keys(in_thread=not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)),
        signer=signer_from(chosen, clock),
        chance=random.Random(1),  # noqa: S311 — jitter
    )
    fleet = Fleet(system, chosen.mailbox_size, testing=chosen.testing)
    server_tls = ServerTls(chosen.tls_certificate, chosen.tls_key, chosen.tls_client_ca) if tls else None
    server = Server(
        system, router or default_router(), fleet, chosen, lambda: f"s{next(ids)}", change_steps=change_steps
    )
    async with trio.open_nursery() as nursery:

        async def dial() -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve, theirs, "in this process:1")
            return ours

        async def dial_below_tls() -> trio.abc.Stream:
            assert server_tls is not None
            ours, theirs = trio.testing.memory_stream_pair()
            secure = trio.SSLStream(theirs, server_tls.context(), server_side=True, https_compatible=True)
            nursery.start_soon(server.serve, secure, "in this process:2")
            return ours

        nursery.start_soon(fleet.run)
        nursery.start_soon(expire_reservations, system)
        nursery.start_soon(see_to_certificates, system, fleet, timedelta(days=chosen.certificate_renewal))
        async with operators_side(
            chosen,
            system,
            fleet,
            NoMessageLog(),
            Metrics(__version__),
            lambda: not server.shutting_down,
            (URL, SECURE_URL) if tls else (URL,),
            (),
            tls.authority.root_pem if tls else None,
        ) as desk:
            application: Any = create_application(desk)  # typed as ASGI is in Litestar
            transport = httpx2.ASGITransport(app=application, client=("127.0.0.1", 4711))
            async with open_operator("http://localhost", transport=transport) as operator:
                secured = Secured(SecureTarget(SECURE_URL, dial_below_tls), tls) if tls else None
                yield InProcess(Target(URL, dial), operator, clock, system, fleet, server, secured)
        nursery.cancel_scope.cancel()
