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
from ocpp_actors.settings import Settings
from ocpp_actors.testbench.operators import Operator, open_operator
from ocpp_actors.testbench.target import Target

START: Final = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
"""The time of day at which trio's clock, if it is a virtual one, shows 0."""

URL: Final = "ws://central.test/ocpp"


@frozen
class InProcess:
    """A central system that runs in this process, and the ways to it."""

    target: Target
    operator: Operator
    clock: Clock
    central_system: CentralSystem
    fleet: Fleet
    server: Server


@asynccontextmanager
async def open_in_process(
    *,
    ledger: Ledger | None = None,
    router: Router | None = None,
    subscribers: tuple[Subscriber, ...] = (),
    change_steps: Any = list,
    **settings: Any,
) -> AsyncIterator[InProcess]:
    """Run a central system for the length of the block; settings are given by their names.

    It keeps everything in memory, does not ping, and takes its time from trio's clock.
    """
    chosen = Settings(**{"ping_interval": 0.0, "message_log": "off", **settings})
    ids = itertools.count(1)
    clock = TrioClock(START)
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
    server = Server(
        system, router or default_router(), fleet, chosen, lambda: f"s{next(ids)}", change_steps=change_steps
    )
    async with trio.open_nursery() as nursery:

        async def dial() -> trio.abc.Stream:
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve, theirs, "in this process:1")
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
            (URL,),
            (),
        ) as desk:
            application: Any = create_application(desk)  # typed as ASGI is in Litestar
            transport = httpx2.ASGITransport(app=application, client=("127.0.0.1", 4711))
            async with open_operator("http://localhost", transport=transport) as operator:
                yield InProcess(Target(URL, dial), operator, clock, system, fleet, server)
        nursery.cancel_scope.cancel()
