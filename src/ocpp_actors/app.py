"""The only place that puts the parts of the server together, and takes them apart again."""

import resource
import signal
import sys
import uuid
from collections.abc import Callable, Sequence

import structlog
import trio

from ocpp_actors.central_system.context import CentralSystem, Policy
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.clock import SystemClock
from ocpp_actors.ledger.bridge import open_ledger
from ocpp_actors.ledger.database import LedgerUrlError
from ocpp_actors.ledger.message_log import open_message_log
from ocpp_actors.ledger.port import LedgerUnavailable
from ocpp_actors.observer import Observer
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.recorder import recorder
from ocpp_actors.server.admission import Step
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.server.server import Server
from ocpp_actors.settings import Settings, without_password

log = structlog.get_logger(__name__)

BACKLOG = 4096
"""Connections that the kernel keeps until they are accepted; it may allow fewer."""


class CannotStart(Exception):
    """The server cannot start; the message says what is wrong and what to do."""


ChangeSteps = Callable[[list[Step]], list[Step]]
"""Takes the server's steps of admission, in order, and returns those that are used."""


def run(settings: Settings, router: Router | None = None, change_steps: ChangeSteps = list) -> int:
    """Run the server until SIGINT or SIGTERM and return the exit status.

    ``router`` has the handlers; without one, default_router() is used. ``change_steps`` may add to the steps of
    admission.

    0 after it was told to end; 1 after a second signal cut it short; 2 if it could not start, with one line to
    stderr.
    """
    try:
        return trio.run(serve, settings, router or default_router(), change_steps)
    except* CannotStart as group:
        print(f"ocpp-actors: {_only(group)}", file=sys.stderr)
    return 2


async def serve(settings: Settings, router: Router, change_steps: ChangeSteps = list) -> int:
    """Run the server inside trio; see run().

    Raises CannotStart: a store cannot be opened, or the address cannot be listened on.
    """
    _raise_open_files(settings.max_connections)
    clock = SystemClock()
    listeners = await _listen(settings)
    try:
        async with (
            open_ledger(settings.database) as ledger,
            open_message_log(
                settings.message_log,
                days=settings.message_log_days,
                max_size=settings.message_log_size,
                clock=clock,
            ) as message_log,
        ):
            system = CentralSystem(ledger, clock, Observer(recorder(message_log)), _policy(settings))
            fleet = Fleet(system, settings.mailbox_size)
            await fleet.restore_commands()
            server = Server(
                system, router, fleet, settings, lambda: str(uuid.uuid4()), change_steps=change_steps
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fleet.run)
                await nursery.start(_end_on_signals, server)
                _greet(settings, listeners)
                await server.run(listeners)
                nursery.cancel_scope.cancel()
    except* (LedgerUnavailable, LedgerUrlError) as group:
        raise CannotStart(str(_only(group))) from None
    except* _Cut:
        log.warning("cut short by a second signal")
        status = 1
    else:
        log.info("ended")
        status = 0
    return status


class _Cut(Exception):
    """A second signal came."""


async def _end_on_signals(server: Server, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        first = await anext(signals)
        log.info("ending: answering what is in hand", signal=signal.Signals(first).name)
        server.shut_down()
        await anext(signals)
        server.drop_all()
        raise _Cut


async def _listen(settings: Settings) -> list[trio.SocketListener]:
    if settings.port is None:
        raise CannotStart("PORT is empty, so there is nothing to listen on: give it a number")
    try:
        return await trio.open_tcp_listeners(settings.port, host=settings.host, backlog=BACKLOG)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {settings.host}:{settings.port} (HOST, PORT): {error.strerror or error}"
        ) from None


def _raise_open_files(max_connections: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if max_connections > hard:
        log.warning(
            "MAX_CONNECTIONS is above the limit on open files of this machine; raise it (ulimit -Hn, LimitNOFILE=)",
            max_connections=max_connections,
            open_files=hard,
        )


def _policy(settings: Settings) -> Policy:
    return Policy(
        first_boot=RegistrationStatus(settings.first_boot),
        open_authorization=settings.authorization == "open",
        heartbeat_interval=settings.heartbeat_interval,
        ledger_patience=settings.ledger_patience,
    )


def _greet(settings: Settings, listeners: Sequence[trio.SocketListener]) -> None:
    for listener in listeners:
        host, port, *_ = listener.socket.getsockname()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(f"Charge points connect to   ws://{address}{settings.path}/IDENTITY   (subprotocol ocpp1.6)")
    print(f"Data is kept in            {without_password(settings.database)}")
    print(f"Messages are logged in     {without_password(settings.message_log)}", flush=True)


def _only(group: BaseExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first
