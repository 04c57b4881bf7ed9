"""The only place that puts the parts of the server together, and takes them apart again."""

import ipaddress
import os
import resource
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import structlog
import trio
from attrs import frozen

from ocpp_actors import __version__, garbage
from ocpp_actors.central_system.context import CentralSystem, Policy
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.reservations import expire_reservations
from ocpp_actors.central_system.router import Router
from ocpp_actors.certificates.chains import UnusableChain, read_chain
from ocpp_actors.certificates.signers import Signer, UnusableSigner, signer_of
from ocpp_actors.clock import Clock, SystemClock
from ocpp_actors.ledger.bridge import BatchHook, open_ledger
from ocpp_actors.ledger.database import LedgerUrlError
from ocpp_actors.ledger.lock import locked
from ocpp_actors.ledger.message_log import MessageLog, NoMessageLog, open_message_log
from ocpp_actors.ledger.port import CountAll, Ledger, LedgerUnavailable
from ocpp_actors.observer import FrameReceived, FrameSent, Observer
from ocpp_actors.operator.metrics import Metrics
from ocpp_actors.operator.side import operators_side
from ocpp_actors.operator.webhooks import UnusableWebhook
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.server.admission import Step
from ocpp_actors.server.certificates import see_to_certificates
from ocpp_actors.server.fleet import Fleet
from ocpp_actors.server.listening import EagerListener
from ocpp_actors.server.server import Server
from ocpp_actors.server.tls import ServerTls, UnusableCertificate, warn_if_readable
from ocpp_actors.settings import Settings, without_password

log = structlog.get_logger(__name__)

BACKLOG = 4096
"""Connections that the kernel keeps until they are accepted; it may allow fewer."""

SWITCH_INTERVAL = 0.0005
"""Seconds after which the thread of the ledger has to let the loop go on, which wants the interpreter back after each
system call of its own: whoever waits for an answer waits for that."""

MAX_ROOT = 5500
"""Characters of InstallCertificate.req's certificate (security whitepaper §5.11)."""


class CannotStart(Exception):
    """The server cannot start; the message says what is wrong and what to do."""


ChangeSteps = Callable[[list[Step]], list[Step]]
"""Takes the server's steps of admission, in order, and returns those that are used."""


@frozen
class Running:
    """A central system that serves, for who attends to it.

    ``urls``: where charge points connect, without identity; ``api_urls``: where the API and the dashboard are.
    """

    settings: Settings
    server: Server
    fleet: Fleet
    central_system: CentralSystem
    urls: tuple[str, ...]
    api_urls: tuple[str, ...]


class Attend(Protocol):
    """Runs beside a server, started once it listens, cancelled when it has ended."""

    async def __call__(self, running: Running, task_status: trio.TaskStatus[None]) -> None:
        """Attend to the server; call ``task_status.started()`` when all is ready for the first charge point."""
        ...


class _Cut(Exception):
    """A second signal came."""


async def attend_terminal(running: Running, task_status: trio.TaskStatus[None]) -> None:
    """Tell the terminal where the server is; end it at the first SIGINT or SIGTERM, and cut it short at the second.

    Only the main thread gets signals.
    """
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        _greet(running)
        task_status.started()
        first = await anext(signals)
        log.info("ending: answering what is in hand", signal=signal.Signals(first).name)
        running.server.shut_down()
        await anext(signals)
        running.server.drop_all()
        raise _Cut


def run(
    settings: Settings,
    router: Router | None = None,
    change_steps: ChangeSteps = list,
    attend: Attend = attend_terminal,
) -> int:
    """Run the server until SIGINT or SIGTERM and return the exit status.

    ``router`` has the handlers; without one, default_router() is used. ``change_steps`` may add to the steps of
    admission. ``attend`` runs beside the server; one of your own calls attend_terminal(), or sees to the end itself.

    0 after it was told to end; 1 after a second signal cut it short; 2 if it could not start, with one line to
    stderr.
    """
    try:
        with garbage.settled(), _switching(SWITCH_INTERVAL):
            return trio.run(serve, settings, router or default_router(), change_steps, attend)
    except* CannotStart as group:
        print(f"ocpp-actors: {_only(group)}", file=sys.stderr)
        status = 2
    except* KeyboardInterrupt:  # a signal that came when the one before it had nearly ended all
        status = 1
    return status


@contextmanager
def _switching(interval: float) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(interval)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def serve(
    settings: Settings, router: Router, change_steps: ChangeSteps = list, attend: Attend = attend_terminal
) -> int:
    """Run the server inside trio; see run().

    ``attend`` runs beside it, and what it raises ends it.

    Raises CannotStart: a store cannot be opened, or the address cannot be listened on.
    """
    _raise_open_files(settings.max_connections)
    for file in settings.secret_files:
        warn_if_readable(file)
    clock = SystemClock()
    signer = signer_from(settings, clock)  # before TLS: it may make the file that TLS_CLIENT_CA names
    tls = _tls(settings)
    root = _root(settings)
    listeners: list[EagerListener] = []
    secure_listeners: list[EagerListener] = []
    api_listeners: list[trio.SocketListener] = []
    try:
        listeners += map(EagerListener, await _listen("PORT", settings.host, settings.port))
        secure_listeners += map(EagerListener, await _listen("TLS_PORT", settings.host, settings.tls_port))
        if not listeners and not secure_listeners:
            raise CannotStart(
                "PORT and TLS_PORT are empty, so there is nothing to listen on: give one of them"
            )
        api_listeners += await _listen("API_PORT", settings.api_host, settings.api_port)
        metrics = Metrics(__version__)
        async with (
            _open_alone(settings.database, metrics.on_batch) as ledger,
            open_message_log(
                settings.message_log,
                days=settings.message_log_days,
                max_size=settings.message_log_size,
                clock=clock,
            ) as message_log,
        ):
            observer = _observer(message_log)
            system = CentralSystem(ledger, clock, observer, policy_of(settings), signer=signer)
            fleet = Fleet(system, settings.mailbox_size, testing=settings.testing)
            totals = await ledger.ask(CountAll())
            metrics.set_active_transactions(sum(totals.active_transactions.values()))
            await fleet.restore_commands()
            server = Server(
                system,
                router,
                fleet,
                settings,
                lambda: str(uuid.uuid4()),
                change_steps=change_steps,
                tls=tls,
            )
            running = Running(
                settings=settings,
                server=server,
                fleet=fleet,
                central_system=system,
                urls=_urls("wss", secure_listeners, settings.path) + _urls("ws", listeners, settings.path),
                api_urls=_urls("http", api_listeners, "/", settings.allowed_hosts),
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fleet.run)
                nursery.start_soon(garbage.collect_new_garbage, fleet.__len__)
                nursery.start_soon(garbage.collect_garbage, fleet.__len__)
                nursery.start_soon(expire_reservations, system)
                nursery.start_soon(
                    see_to_certificates, system, fleet, timedelta(days=settings.certificate_renewal)
                )
                async with operators_side(
                    settings,
                    system,
                    fleet,
                    message_log,
                    metrics,
                    lambda: not server.shutting_down,
                    running.urls,
                    api_listeners,
                    root,
                ):
                    await nursery.start(attend, running)
                    await server.run(listeners, secure_listeners)
                nursery.cancel_scope.cancel()
    except* (LedgerUnavailable, LedgerUrlError, UnusableWebhook) as group:
        raise CannotStart(str(_only(group))) from None
    except* _Cut:
        log.warning("cut short by a second signal")
        status = 1
    else:
        log.info("ended")
        status = 0
    finally:
        for listener in (*listeners, *secure_listeners):
            listener.close()
        for api_listener in api_listeners:
            api_listener.socket.close()
    return status


@asynccontextmanager
async def _open_alone(database: str, on_batch: BatchHook) -> AsyncIterator[Ledger]:
    """Open the ledger, and keep other servers from it: what two promise does not fit together."""
    with locked(database):
        async with open_ledger(database, on_batch=on_batch) as ledger:
            yield ledger


def _observer(message_log: MessageLog) -> Observer:
    """Return an observer that has all frames recorded; where none is wanted, that takes no time."""
    observer = Observer()
    if not isinstance(message_log, NoMessageLog):
        observer.subscribe(message_log.record, FrameReceived, FrameSent)
    return observer


async def _listen(name: str, host: str, port: int | None) -> list[trio.SocketListener]:
    """Listen on the port of the setting of this name, if it has one."""
    if port is None:
        return []
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
    except OSError as error:
        names = "API_HOST, API_PORT" if name == "API_PORT" else f"HOST, {name}"
        raise CannotStart(f"cannot listen on {host}:{port} ({names}): {error.strerror or error}") from None


def _tls(settings: Settings) -> ServerTls | None:
    if settings.tls_port is None:
        return None
    try:
        return ServerTls(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)
    except UnusableCertificate as error:
        raise CannotStart(f"TLS_CERTIFICATE, TLS_KEY, TLS_CLIENT_CA: {error}") from None


def _root(settings: Settings) -> str | None:
    """Return the root certificate that charge points are given before they use TLS, if there is one."""
    if settings.tls_root is None:
        return None
    try:
        root = read_chain(Path(settings.tls_root).read_text("ascii")).pem
    except OSError as error:
        raise CannotStart(f"TLS_ROOT: {settings.tls_root} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, UnusableChain):
        raise CannotStart(f"TLS_ROOT: there is no certificate in PEM in {settings.tls_root}") from None
    if len(root) > MAX_ROOT:
        raise CannotStart(
            f"TLS_ROOT: {settings.tls_root} has more than {MAX_ROOT} characters: give one certificate"
        )
    return root


def _raise_open_files(max_connections: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if max_connections > hard:
        log.warning(
            "MAX_CONNECTIONS is above the limit on open files of this machine; raise it (ulimit -Hn, LimitNOFILE=)",
            max_connections=max_connections,
            open_files=hard,
        )


def policy_of(settings: Settings) -> Policy:
    """Return what the settings say about how charge points are treated."""
    return Policy(
        first_boot=RegistrationStatus(settings.first_boot),
        open_authorization=settings.authorization == "open",
        heartbeat_interval=settings.heartbeat_interval,
        ledger_patience=settings.ledger_patience,
        organization=settings.tls_client_organization,
        signing_timeout=settings.certificate_authority_timeout,
    )


def signer_from(settings: Settings, clock: Clock) -> Signer | None:
    """Return who signs certificates of charge points, if anybody does.

    Raises CannotStart: the certificate authority cannot be used.
    """
    if settings.certificate_authority is None:
        return None
    try:
        return signer_of(settings.certificate_authority, clock, os.environ)
    except UnusableSigner as error:
        raise CannotStart(f"CERTIFICATE_AUTHORITY: {error}") from None


def _urls(
    scheme: str,
    listeners: Iterable[EagerListener | trio.SocketListener],
    path: str,
    names: Sequence[str] = (),
) -> tuple[str, ...]:
    """Return where the listeners are; one on every interface is at the first of the names, if there are some."""
    urls = []
    for listener in listeners:
        host, port, *_ = listener.socket.getsockname()
        if names and ipaddress.ip_address(host).is_unspecified:
            host = names[0]
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        urls.append(f"{scheme}://{address}{path}")
    return tuple(urls)


def _greet(running: Running) -> None:
    settings = running.settings
    for url in running.urls:
        print(f"Charge points connect to   {url}/IDENTITY   (subprotocol ocpp1.6)")
    for url in running.api_urls:
        print(f"API and dashboard are at   {url} ")
    print(f"Data is kept in            {without_password(settings.database)}")
    print(f"Messages are logged in     {without_password(settings.message_log)}", flush=True)
    if settings.testing:
        log.warning("TESTING is on: the server can be told to misbehave towards charge points")


def _only(group: BaseExceptionGroup[Exception]) -> Exception:
    first = group.exceptions[0]
    return _only(first) if isinstance(first, BaseExceptionGroup) else first
