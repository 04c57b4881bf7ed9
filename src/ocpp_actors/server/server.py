"""Accepts connections and runs each behind a barrier, until it is told to shut down."""

import resource
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, suppress

import structlog
import trio
from attrs import frozen
from trio_websocket import WebSocketRequest

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.central_system.router import Router
from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.charge_point.session import Doorbell, Session
from ocpp_actors.charge_point.stalling import Stall, StallingStream
from ocpp_actors.charge_point.supervisor import supervise
from ocpp_actors.pace import TokenBucket
from ocpp_actors.protocol.conversation import Conversation
from ocpp_actors.proxies import TrustedProxies
from ocpp_actors.server.admission import (
    RETRY_AFTER,
    Credentials,
    Handshake,
    Refused,
    Step,
    admit,
    browsers_step,
    identity_step,
    keeping_step,
    limits_step,
    path_step,
    subprotocol_step,
)
from ocpp_actors.server.fleet import FIGHT_PAUSE, Entry, Fleet
from ocpp_actors.server.handshakes import WAITING, Handshakes, Place
from ocpp_actors.server.listening import Accepted, Listener, address_of
from ocpp_actors.server.rare_log import RareLog
from ocpp_actors.server.tls import ClientCertificate, NoTls, OutOfDate, ServerTls, shake_hands
from ocpp_actors.server.transport import HandshakeFailed, Transport, open_transport
from ocpp_actors.server.turnstile import Turnstile
from ocpp_actors.server.wires import Hearing
from ocpp_actors.settings import Settings

log = structlog.get_logger(__name__)

ACCEPT_PAUSE = 0.5
"""Seconds before the next connection is accepted when one could not be."""

OVERTAKEN = Refused(503, "another device came later under this identity", [("Retry-After", RETRY_AFTER)])
"""What a newcomer is told that waited while two devices fought over its identity, when another came."""


class Server:
    """The WebSocket endpoint of the central system.

    ``new_message_id`` gives the ids of CALLs. The steps of admission decide who is let in: path, browsers, limits,
    identity, credentials, keeping, subprotocol. ``change_steps`` is given them in this order and returns those that are
    used: a user's own can be put between them. ``tls`` is what run() needs for secure listeners.
    """

    def __init__(
        self,
        central_system: CentralSystem,
        router: Router,
        fleet: Fleet,
        settings: Settings,
        new_message_id: Callable[[], str],
        *,
        change_steps: Callable[[list[Step]], list[Step]] = list,
        tls: ServerTls | None = None,
    ) -> None:
        self._central_system = central_system
        self._router = router
        self._fleet = fleet
        self._settings = settings
        self._new_message_id = new_message_id
        self._tls = tls
        self._proxies = TrustedProxies(settings.trusted_proxies)
        self._steps = change_steps(self._own_steps())
        self._refusals = RareLog(log)
        self._turnstile = Turnstile()
        self._handshakes = Handshakes(
            settings.max_handshakes,
            settings.handshake_timeout,
            self._proxies.trusts,
            central_system.chance,
            self._refusals,
            self._turnstile,
            waiting=min(WAITING, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4),
        )
        self._hearing: Hearing | None = None
        """Tells which open connections have something to read, while run() does."""
        self._accepting = trio.CancelScope()
        self.shutting_down = False
        """No charge point is let in any more."""
        self._serving = 0
        self._one_ended = Doorbell()

    def _own_steps(self) -> list[Step]:
        return [
            path_step(self._settings.path),
            browsers_step,
            limits_step(self._why_no_room),
            identity_step(self._central_system.ledger, unknown_admitted=self._settings.admission == "open"),
            Credentials(
                lowest=self._settings.security_profile,
                organization=self._settings.tls_client_organization,
                ledger=self._central_system.ledger,
                keys=self._central_system.keys,
                security_log=self._central_system.security_log,
            ).step,
            keeping_step(self._central_system.ledger),
            subprotocol_step,
        ]

    def shut_down(self) -> None:
        """Stop accepting, answer what is in hand and close every connection with 1001; run() returns then."""
        self.shutting_down = True
        self._accepting.cancel()

    async def run(
        self,
        listeners: Sequence[Listener],
        secure_listeners: Sequence[Listener] = (),
    ) -> None:
        """Serve until shut_down(); after it connections have ``SHUTDOWN_TIMEOUT`` seconds to end by themselves.

        Over ``secure_listeners`` TLS is spoken.
        """
        rate = self._settings.max_connection_rate
        pace = TokenBucket(rate, max(1.0, rate), trio.current_time())
        self._hearing = hearing = Hearing()
        try:
            async with trio.open_nursery() as connections:
                connections.start_soon(hearing.run)
                try:
                    with self._accepting:
                        async with trio.open_nursery() as acceptors:
                            acceptors.start_soon(self._handshakes.run)
                            for listener in listeners:
                                acceptors.start_soon(self._accept, listener, self.serve, pace, connections)
                            for listener in secure_listeners:
                                acceptors.start_soon(
                                    self._accept, listener, self._serve_secure, pace, connections
                                )
                finally:
                    for listener in (*listeners, *secure_listeners):
                        await trio.aclose_forcefully(listener)
                for session in self._fleet.sessions():
                    session.drain()
                with trio.move_on_after(self._settings.shutdown_timeout) as patience:
                    while self._serving:
                        await self._one_ended.wait()
                if patience.cancelled_caught:
                    log.warning(
                        "some connections did not end in time and are dropped", connections=self._serving
                    )
                self.drop_all()
                connections.cancel_scope.cancel()
        finally:
            self._hearing = None
            hearing.close()

    def drop_all(self) -> None:
        """Drop every connection at once."""
        for session in self._fleet.sessions():
            session.drop()

    async def _accept(
        self,
        listener: Listener,
        serve: Callable[[trio.SocketStream, str, Place], Awaitable[None]],
        pace: TokenBucket,
        connections: trio.Nursery,
    ) -> None:
        while True:
            try:
                accepted = await listener.accept()
            except OSError as error:
                # Mostly that the machine has no room for another connection: accept(2).
                self._refusals.warning("a connection could not be accepted", reason=error.strerror)
                await trio.sleep(ACCEPT_PAUSE)
                continue

            def begin(place: Place, accepted: Accepted = accepted) -> None:
                connections.start_soon(serve, accepted.stream(), accepted.remote, place)

            try:
                await self._handshakes.enter(accepted.remote, accepted.close, begin, accepted.socket)
            except BaseException:
                accepted.close()
                raise
            if pause := pace.take(trio.current_time()):
                await trio.sleep(pause)

    async def _serve_secure(self, stream: trio.SocketStream, remote: str, place: Place) -> None:
        assert self._tls is not None, "secure listeners need it"
        secured = trio.SSLStream(stream, self._tls.context(), server_side=True, https_compatible=True)
        await self.serve(secured, remote, place)

    async def serve(self, stream: trio.abc.Stream, remote: str, place: Place | None = None) -> None:
        """Serve one connection over any stream until it ends. Without a ``place`` its handshake counts nowhere.

        No Exception gets past here, whatever the peer sends and whatever bug it triggers.
        """
        self._serving += 1
        place = place or self._handshakes.apart(remote)
        with structlog.contextvars.bound_contextvars(remote=remote):
            try:
                with ExitStack() as stay:
                    deadline = trio.current_time() + place.patience
                    origin = await self._origin(stream, remote, place, deadline)
                    if origin is None:
                        return
                    stall = None
                    if self._settings.testing:
                        stall = Stall()
                        stream = StallingStream(stream, stall)
                    async with open_transport(
                        stream,
                        self._settings.max_message_size,
                        hot_path=self._settings.hot_path,
                        turnstile=self._turnstile,
                        hearing=self._hearing,
                        pace=TokenBucket(
                            self._settings.max_message_rate,
                            self._settings.max_message_burst,
                            trio.current_time(),
                        ),
                    ) as transport:
                        guest = await self._let_in(transport, origin, place, deadline, stay)
                        place.leave()
                        if guest is not None:
                            await self._run_session(transport, guest, origin, stall)
            except* Exception as group:
                log.error("a connection failed", exc_info=group)  # noqa: TRY400 — the group as it is
            finally:
                place.leave()
                self._serving -= 1
                self._one_ended.ring()

    def _ran_out(self, place: Place) -> None:
        place.ran_out()
        self._refusals.warning("the handshake took too long", seconds=self._settings.handshake_timeout)

    async def _origin(
        self, stream: trio.abc.Stream, remote: str, place: Place, deadline: float
    ) -> "_Origin | None":
        """Find out who comes, with the TLS handshake if there is one; None: it failed, and the stream is closed."""
        if not isinstance(stream, trio.SSLStream):
            return _Origin(remote, secure=False, certificate=None)
        try:
            certificate = await shake_hands(stream, deadline, self._central_system.clock)
        except NoTls as fault:
            if isinstance(fault, OutOfDate) and self._tls is not None:
                self._tls.forget_sessions()
            place.failed()
            self._refusals.warning("no TLS connection", reason=str(fault))
            if fault.event is not None:
                await self._central_system.security_log.record("", fault.event, f"{fault}, from {remote}")
            return None
        return _Origin(remote, secure=True, certificate=certificate)

    async def _let_in(
        self,
        transport: Transport,
        origin: "_Origin",
        place: Place,
        deadline: float,
        stay: ExitStack,
    ) -> "_Guest | None":
        """Take a peer through its handshake until ``deadline``; None: it was turned away.

        ``stay`` is closed when the connection has ended.
        """
        with trio.move_on_at(deadline) as patience:

            def before_pause() -> None:
                patience.deadline += FIGHT_PAUSE
                place.leave()

            try:
                request = await transport.request()
                place.asked()
                handshake = Handshake(
                    target=request.path,
                    headers=request.headers,
                    subprotocols=request.proposed_subprotocols,
                    remote=origin.remote,
                    at=self._central_system.clock.now(),
                    certificate=origin.certificate,
                    stay=stay,
                )
                handshake.address, handshake.secure = self._proxies.origin(
                    origin.address,
                    origin.secure,
                    handshake.joined(b"x-forwarded-for"),
                    handshake.joined(b"x-forwarded-proto"),
                )
                return await self._answer_handshake(transport, request, handshake, place, before_pause)
            except HandshakeFailed as error:
                place.failed()
                self._refusals.warning("no charge point", reason=str(error))
                return None
            except ConnectionEnded:
                place.failed()
                self._refusals.warning("no charge point", reason="the peer left during the handshake")
                return None
        self._ran_out(place)
        return None

    async def _answer_handshake(
        self,
        transport: Transport,
        request: WebSocketRequest,
        handshake: Handshake,
        place: Place,
        before_pause: Callable[[], None],
    ) -> "_Guest | None":
        try:
            await admit(handshake, self._steps)
        except Refused as refused:
            if refused.blamed:
                place.failed()
            await self._refuse(request, handshake, refused)
            return None
        handshake.stay.enter_context(self._fleet.place(handshake.known.identity))
        entry = self._fleet.entry(handshake.known)
        if self._fleet.fought_over(entry):
            async with transport.watching():
                fought_out = await self._fleet.wait_out_fight(entry, before_pause)
            if not fought_out:
                await self._refuse(request, handshake, OVERTAKEN)
                return None
        if transport.gone:
            return None
        await request.accept(subprotocol=None if handshake.unnamed else handshake.subprotocol)
        if handshake.subprotocol is None:
            # "it MUST complete the WebSocket handshake with a response without a Sec-WebSocket-Protocol header and
            # then immediately close the WebSocket connection" (OCPP-J 1.6 §3.2).
            log.warning(
                "no common subprotocol", identity=handshake.identity, offered=list(handshake.subprotocols)
            )
            place.failed()
            place.leave()  # from now on it is the peer that is waited for
            await transport.close(1002, "no common subprotocol")
            return None
        return _Guest(entry, handshake.security_profile)

    async def _refuse(self, request: WebSocketRequest, handshake: Handshake, refused: Refused) -> None:
        self._refusals.warning(
            "connection refused", identity=handshake.identity, status=refused.status, reason=refused.reason
        )
        headers = [(name.encode(), value.encode()) for name, value in refused.headers]
        headers.append((b"Content-Type", b"text/plain; charset=utf-8"))
        with suppress(ConnectionEnded):  # who does not wait for the answer was refused all the same
            await request.reject(refused.status, extra_headers=headers, body=f"{refused.reason}\n".encode())
        if refused.event is not None:
            await self._central_system.security_log.record(
                handshake.identity or "", refused.event, f"{refused.reason}, from {handshake.address}"
            )

    async def _run_session(
        self, transport: Transport, guest: "_Guest", origin: "_Origin", stall: Stall | None
    ) -> None:
        entry = guest.entry
        session = Session(
            charge_point=entry.charge_point,
            central_system=self._central_system,
            router=self._router,
            settings=self._settings,
            connection=transport,
            conversation=Conversation(self._new_message_id),
            mailbox=entry.mailbox,
            generation=self._fleet.next_generation(entry),
            remote=origin.remote,
            certificate=None if origin.certificate is None else origin.certificate.fingerprint,
            security_profile=guest.security_profile,
            misbehaviour=entry.misbehaviour,
            stall=stall,
        )
        with structlog.contextvars.bound_contextvars(identity=session.identity):
            with self._fleet.attached(entry, session):
                log.info(
                    "connected", generation=session.generation, security_profile=session.security_profile
                )
                if self.shutting_down:
                    session.drain()
                over = await supervise(session)
            if transport.fault:
                log.warning("the peer broke the WebSocket protocol", fault=transport.fault)
            log.info("disconnected", generation=session.generation, code=over.code, reason=over.reason)

    def _why_no_room(self, handshake: Handshake) -> str | None:
        """Take a place, or say why there is none."""
        if self.shutting_down:
            return "the central system is shutting down"
        assert handshake.identity is not None
        limit = self._settings.max_connections
        if not self._fleet.has_room(handshake.identity, limit):
            return f"{limit} charge points are connected or about to be, which is the limit (MAX_CONNECTIONS)"
        handshake.stay.enter_context(self._fleet.place(handshake.identity))
        return None


@frozen
class _Origin:
    """Who is at the other end of a connection. ``remote`` is the address with its port."""

    remote: str
    secure: bool
    certificate: ClientCertificate | None

    @property
    def address(self) -> str:
        return address_of(self.remote)


@frozen
class _Guest:
    """A charge point that was let in."""

    entry: Entry
    security_profile: int
