"""The central system in a thread of a program that does not run trio."""

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar

import trio

from ocpp_actors.app import ChangeSteps, Running, serve
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.charge_point.mailbox import Outcome
from ocpp_actors.ledger.port import Request
from ocpp_actors.settings import Settings

T = TypeVar("T")


class NotRunning(Exception):
    """The central system was not started, or has ended."""


class CentralSystemThread:
    """A central system that runs in a thread of its own, from start() to stop(), or as long as a ``with`` block.

    Its methods may be called from any thread but its own, so not from a handler. It is told nothing by signals: the
    program ends it. A thread that is not stopped keeps the program alive. It runs once; make another to start again.

    ``router`` has the handlers; without one, default_router() is used. ``change_steps`` may add to the steps of
    admission.
    """

    def __init__(
        self, settings: Settings, router: Router | None = None, change_steps: ChangeSteps = list
    ) -> None:
        self._serve = partial(serve, settings, router or default_router(), change_steps, self._attend)
        self._thread = threading.Thread(target=self._run, name="ocpp-actors")
        self._started: Future[Running] = Future()
        self._token: trio.lowlevel.TrioToken | None = None
        self._nursery: trio.Nursery | None = None
        self._failure: BaseException | None = None

    # --- from start to stop ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the central system and wait until charge points can connect.

        Raises CannotStart (of ``ocpp_actors.app``): a store cannot be opened, or the address cannot be listened on.
        Raises RuntimeError: it was started before.
        """
        self._thread.start()
        try:
            self._started.result()
        except KeyboardInterrupt:
            self._started.add_done_callback(self._shut_down)
            raise

    def stop(self, timeout: float | None = None) -> None:
        """Answer what is in hand, close the connections and wait for the end; nothing happens if it has ended before.

        That takes up to ``SHUTDOWN_TIMEOUT`` seconds, and some for the ledger.

        Raises TimeoutError: it takes longer than ``timeout`` seconds, and goes on.
        Raises what ended the central system, if that was not stop().
        """
        if self._thread.ident is None or self._started.exception() is not None:
            return
        self._shut_down(self._started)
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the central system has not ended within {timeout:g} s")
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> Self:
        """Start it; see start()."""
        self.start()
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it; see stop()."""
        self.stop()

    @property
    def urls(self) -> tuple[str, ...]:
        """Where charge points connect, without the identity: ``ws://127.0.0.1:9000/ocpp``.

        Raises NotRunning: it was not started.
        """
        return self._running().urls

    @property
    def api_urls(self) -> tuple[str, ...]:
        """Where the API and the dashboard are; none if ``API_PORT`` is empty.

        Raises NotRunning: it was not started.
        """
        return self._running().api_urls

    # --- commands and questions --------------------------------------------------------------------------------

    def submit(self, identity: str, request: Any) -> Future[Outcome]:
        """Send a request to a connected charge point; the future gets the outcome.

        The outcome comes when the charge point has answered, its time (``CALL_TIMEOUT``) is over or its connection
        ends; see Fleet.call(). Commands to several charge points go on at the same time. Cancelling the future
        withdraws a request, unless it was sent by then.

        The future raises NotConnected, NotAllowed (of ``server.fleet``): the charge point has no session, or OCPP
        forbids the request now; MailboxFull (of ``charge_point.mailbox``): too many commands are waiting; NotRunning:
        the central system has ended.
        """
        return self._soon(lambda running: running.fleet.call(identity, request))

    def call(self, identity: str, request: Any, timeout: float | None = None) -> Outcome:
        """Send a request to a connected charge point and wait for its outcome; see submit().

        Raises TimeoutError: there is none within ``timeout`` seconds, by default as many as it takes the server to
        give it up; a request that was not sent yet is withdrawn.
        Raises NotConnected, NotAllowed, MailboxFull, NotRunning: as submit() tells.
        """
        return _result(self.submit(identity, request), timeout)

    def connected(self) -> list[str]:
        """Return the identities of the connected charge points.

        Raises NotRunning: the central system has ended.
        """

        async def identities(running: Running) -> list[str]:
            return [session.identity for session in running.fleet.sessions()]

        return _result(self._soon(identities), None)

    def ask(self, request: Request[T], timeout: float | None = None) -> T:
        """Ask the ledger, such as ``ListTransactions(active=True)``.

        Raises TimeoutError: it does not answer within ``timeout`` seconds; a fact may be kept all the same.
        Raises LedgerUnavailable, RequestFailed (of ``ledger.port``): as the ledger does.
        Raises NotRunning: the central system has ended.
        """
        return _result(self._soon(lambda running: running.central_system.ledger.ask(request)), timeout)

    # --- between the threads -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:  # noqa: ASYNC103, BLE001 — whoever starts or stops it is told
            if self._started.done():
                self._failure = _sole(error)
            else:
                self._started.set_exception(_sole(error))

    async def _attend(self, running: Running, task_status: trio.TaskStatus[None]) -> None:
        try:
            async with trio.open_nursery() as self._nursery:
                self._token = trio.lowlevel.current_trio_token()
                task_status.started()
                self._started.set_result(running)
                await trio.sleep_forever()
        finally:
            self._nursery = None

    def _shut_down(self, started: Future[Running]) -> None:
        if started.exception() is None:
            with suppress(NotRunning):
                self._in_trio(started.result().server.shut_down)

    def _running(self) -> Running:
        if self._thread.ident is None:
            raise NotRunning("the central system was not started")
        return self._started.result()

    def _in_trio(self, function: Callable[[], object]) -> None:
        """Have a function called in the central system's thread."""
        self._running()
        assert self._token is not None
        try:
            self._token.run_sync_soon(function)
        except trio.RunFinishedError:
            raise NotRunning("the central system has ended") from None

    def _soon(self, work: Callable[[Running], Awaitable[T]]) -> Future[T]:
        future: Future[T] = Future()

        def begin() -> None:
            if self._nursery is None:
                _settle(future, NotRunning("the central system has ended"))
            elif not future.cancelled():
                self._nursery.start_soon(self._carry_out, work, future)

        try:
            self._in_trio(begin)
        except NotRunning as error:
            future.set_exception(error)
        return future

    async def _carry_out(self, work: Callable[[Running], Awaitable[T]], future: Future[T]) -> None:
        with trio.CancelScope() as scope:
            future.add_done_callback(partial(self._withdraw, scope))
            try:
                result = await work(self._started.result())
            except Exception as error:  # noqa: BLE001 — it is the future's
                _settle(future, error)
            else:
                with suppress(InvalidStateError):  # it was cancelled meanwhile
                    future.set_result(result)
            finally:
                _settle(future, NotRunning("the central system has ended"))

    def _withdraw(self, scope: trio.CancelScope, future: Future[T]) -> None:
        if future.cancelled():
            with suppress(NotRunning):
                self._in_trio(scope.cancel)


def _result(future: Future[T], timeout: float | None) -> T:
    try:
        return future.result(timeout)
    except TimeoutError:
        if future.done():
            raise
        raise TimeoutError(f"no answer within {timeout:g} s") from None
    finally:
        future.cancel()


def _settle(future: Future[T], error: Exception) -> None:
    """Let a future fail, unless it is settled."""
    with suppress(InvalidStateError):
        future.set_exception(error)


def _sole(error: BaseException) -> BaseException:
    """Take an error out of the nurseries' groups if it is alone in them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
