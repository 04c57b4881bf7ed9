"""Runs the task tree of one charge point, starts it again when it crashes, and closes the connection at the end."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

import structlog
import trio

from ocpp_actors.call_in_hand import brief
from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.charge_point.heartbeat_monitor import run_heartbeat_monitor
from ocpp_actors.charge_point.outbound_queue import end_in_flight, last_outcome, lost, run_outbound_queue
from ocpp_actors.charge_point.protocol_task import run_protocol_task
from ocpp_actors.charge_point.session import Session, SessionOver
from ocpp_actors.observer import Restarted
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault

E = TypeVar("E", bound=Exception)

log = structlog.get_logger(__name__)

CLOSE_TIMEOUT = 2.0
"""Seconds for the exchange of close frames; the peer may be gone."""

CLEANUP_TIMEOUT = 2.0
"""Seconds to give the command in flight its outcome when everything is being cancelled."""

FAILURE = ProtocolFault(ErrorCode.INTERNAL_ERROR, "the central system failed to handle this message")


class TaskReturned(Exception):
    """A task of the tree came to an end of its own accord, which none may: the others would go on without it."""


async def supervise(session: Session) -> SessionOver:
    """Run the session to its end and return how it ended; the connection is closed then.

    A crash of any task takes the whole tree of this charge point with it, and it is started again: a CALL that was
    being handled is answered InternalError, the command in flight keeps its deadline. After ``RESTART_LIMIT`` restarts
    within ``RESTART_WINDOW`` seconds the connection is closed with 1011.
    """
    over = SessionOver(1006, "cancelled", abort=True)
    try:
        with session.scope:
            over = await _run_until_over(session)
        over = session.over or over
        await _close(session, over)
    finally:
        session.over = over
        with trio.CancelScope(shield=True, deadline=trio.current_time() + CLEANUP_TIMEOUT):
            await _leave_nothing_behind(session, over)
    return over


async def _run_until_over(session: Session) -> SessionOver:
    restarts: list[float] = []
    while True:
        over, crash = await _run_tree(session)
        if over is not None:
            return over
        now = trio.current_time()
        restarts.append(now)
        while restarts[0] <= now - session.settings.restart_window:
            restarts.pop(0)
        if len(restarts) > session.settings.restart_limit:
            log.error("crashed too often, closing the connection", restarts=len(restarts) - 1)
            return SessionOver(1011, "internal error")
        session.central_system.observer.tell(
            Restarted(session.identity, session.now(), session.generation, type(crash).__name__)
        )
        try:
            await _answer_call_in_hand(session)
        except ConnectionEnded as ended:
            return SessionOver(ended.code, ended.reason, abort=True)


async def _run_tree(session: Session) -> tuple[SessionOver | None, Exception | None]:
    """Run the three tasks until one of them ends; return why the session is over, or what crashed."""
    over: SessionOver | None = None
    crash: Exception | None = None
    try:
        async with trio.open_nursery() as nursery:
            for name, task in (
                ("protocol", partial(run_protocol_task, nursery=nursery)),
                ("heartbeat monitor", run_heartbeat_monitor),
                ("outbound queue", run_outbound_queue),
            ):
                nursery.start_soon(_run_task, task, session, name=f"{name} {session.identity}")
    except* SessionOver as group:
        over = _first(group).with_traceback(None)  # which is kept, and would keep all that it went through
    except* ConnectionEnded as group:
        ended = max(_leaves(group), key=lambda each: each.reason != "")  # whoever made it end says why
        over = over or SessionOver(ended.code, ended.reason, abort=True)
    except* Exception as group:
        crash = _first(group)
        log.error("the task tree crashed", exc_info=group)  # noqa: TRY400 — the group as it is
    return over, crash


async def _run_task(task: Callable[[Session], Awaitable[None]], session: Session) -> None:
    await task(session)
    raise TaskReturned


async def _answer_call_in_hand(session: Session) -> None:
    call = session.conversation.in_hand
    if call is not None:
        log.warning("answering for the crash", action=brief(call.action), message_id=call.message_id)
        text = session.conversation.refuse(FAILURE)
        await session.writer.write(text, call.message_id, call.action)


async def _close(session: Session, over: SessionOver) -> None:
    if not over.abort and not session.connection.gone:
        with trio.move_on_after(CLOSE_TIMEOUT):
            await session.connection.close(over.code, over.reason)
            return
    await session.connection.abort()


async def _leave_nothing_behind(session: Session, over: SessionOver) -> None:
    if session.in_flight is None:
        return
    command = session.in_flight.command
    outcome = lost(session.in_flight, f"the connection ended: {over.reason or over.code}")
    try:
        outcome = await last_outcome(session, outcome)
        await end_in_flight(session, outcome)
    finally:
        command.end(outcome)


def _first(group: BaseExceptionGroup[E]) -> E:
    """Return the first exception of a group, however deep."""
    return next(_leaves(group))


def _leaves(group: BaseExceptionGroup[E]) -> Iterator[E]:
    """Yield the exceptions of a group, however deep."""
    for exception in group.exceptions:
        if isinstance(exception, BaseExceptionGroup):
            yield from _leaves(exception)
        else:
            yield exception
