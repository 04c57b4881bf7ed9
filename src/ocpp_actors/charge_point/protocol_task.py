"""Frames in, conversation, router, answers out, strictly in order.

Reading and answering are two loops of one task: while a handler waits, for the ledger or for an answer of the charge
point itself, replies to the central system's CALLs are still read.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog
import trio

from ocpp_actors.call_in_hand import brief
from ocpp_actors.central_system.context import Context, Unconfirmable
from ocpp_actors.central_system.router import Handled
from ocpp_actors.charge_point.mailbox import Command, MailboxFull
from ocpp_actors.charge_point.misbehaving import Misbehaving
from ocpp_actors.charge_point.session import Reply, Session, SessionOver
from ocpp_actors.observer import CallHandled, FrameReceived
from ocpp_actors.protocol.conversation import CallArrived, CallRefused, MessageIgnored, ReplyArrived, Turn
from ocpp_actors.protocol.errors import ProtocolFault
from ocpp_actors.protocol.frames import Call

log = structlog.get_logger(__name__)

MAX_FOLLOWING = 16
"""Tasks that do what follows an answer, at once; further answers wait for one of them."""


_Dispatch = Callable[[Call, Context], Awaitable[Handled]]
_Write = Callable[[str], Awaitable[None]]


async def run_protocol_task(session: Session) -> None:
    """Read and answer until the connection ends.

    Raises ConnectionEnded: the connection is over.
    Raises SessionOver: a message could not be confirmed (1011), or all is answered after a drain (1001).
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read, session)
        nursery.start_soon(_answer, session, nursery)


# --- reading ---------------------------------------------------------------------------------------------------


async def _read(session: Session) -> None:
    with trio.CancelScope() as session.reading:
        while not session.draining:
            while session.conversation.full:
                await session.room.wait()
            message = await session.connection.receive()
            _receive(session, message)
            pause = session.bucket.take(trio.current_time())
            if pause:
                await trio.sleep(pause)


def _receive(session: Session, message: str | bytes) -> None:
    _tell_received(session, message)
    event = session.conversation.receive(message, trio.current_time())
    match event:
        case ReplyArrived(reply):
            session.replies_in.send_nowait(Reply(reply, len(message)))
        case MessageIgnored(reason, description):
            log.warning("message ignored", reason=str(reason), detail=brief(description))
            session.flag(str(reason), brief(description))
        case CallRefused(message_id, fault):
            log.warning(
                "CALL refused", message_id=brief(message_id), error_code=fault.code, fault=fault.description
            )
            session.turns.ring()
        case CallArrived(call, reused_id):
            if reused_id:
                session.flag("message id reused", f"{brief(call.action)} under the id of another message")
            session.turns.ring()
        case _:
            session.turns.ring()


def _tell_received(session: Session, message: str | bytes) -> None:
    if isinstance(message, bytes):
        session.flag("binary message", f"{len(message)} bytes in a binary instead of a text message")
        message = message.decode("utf-8", "backslashreplace")
    session.central_system.observer.tell(FrameReceived(session.identity, session.now(), message))


# --- answering -------------------------------------------------------------------------------------------------


async def _answer(session: Session, nursery: trio.Nursery) -> None:
    following = trio.Semaphore(MAX_FOLLOWING)
    dispatch, write = session.router.dispatch, session.writer.write
    if session.misbehaviour is not None:
        misbehaving = Misbehaving(session, session.misbehaviour)
        dispatch, write = misbehaving.dispatch, misbehaving.write
    while True:
        turn = session.conversation.next_turn()
        if turn is None:
            if session.draining:
                abort = session.charge_point.record.settings.abort_on_shutdown
                raise SessionOver(1001, "the central system is shutting down", abort=abort)
            await session.turns.wait()
            continue
        session.room.ring()
        if isinstance(turn.what, str):
            await write(turn.what)
            continue
        context = _context(session, turn.what, turn)
        with structlog.contextvars.bound_contextvars(
            action=brief(turn.what.action), message_id=turn.what.message_id
        ):
            handled = await _answer_call(session, turn.what, context, turn.received_at, dispatch, write)
            if handled is not None and handled.followed:
                await following.acquire()
                nursery.start_soon(_follow, handled, context, following)


async def _answer_call(
    session: Session, call: Call, context: Context, received_at: float, dispatch: _Dispatch, write: _Write
) -> Handled | None:
    handled = None
    outcome = "CALLRESULT"
    try:
        handled = await dispatch(call, context)
    except ProtocolFault as fault:
        log.warning("CALL refused", error_code=fault.code, fault=fault.description)
        outcome = fault.code
        text = session.conversation.refuse(fault)
    except Unconfirmable as error:
        log.warning("closing without an answer, so that the message is sent again", reason=str(error))
        _tell_handled(session, call, "unanswered", received_at)
        raise SessionOver(1011, "the message could not be stored") from None
    else:
        text = session.conversation.answer(handled.payload)
    await write(text)
    _tell_handled(session, call, outcome, received_at)
    if handled is not None and call.action == "BootNotification":
        session.boot_answered = True
        session.boots.ring()
    return handled


async def _follow(handled: Handled, context: Context, following: trio.Semaphore) -> None:
    try:
        await handled.follow(context)
    finally:
        following.release()


def _context(session: Session, call: Call, turn: Turn) -> Context:
    def command(action: str, payload: Mapping[str, object]) -> bool:
        try:
            session.mailbox.put(Command(action, payload))
        except MailboxFull as error:
            log.warning("command not queued", command=action, reason=str(error))
            return False
        return True

    return Context(
        central_system=session.central_system,
        charge_point=session.charge_point,
        message_id=call.message_id,
        action=call.action,
        payload=call.payload,
        size=turn.size,
        received_at=session.time_of(turn.received_at),
        command=command,
        security_profile=session.security_profile,
    )


def _tell_handled(session: Session, call: Call, outcome: str, received_at: float) -> None:
    session.central_system.observer.tell(
        CallHandled(
            session.identity,
            session.now(),
            call.action,
            call.message_id,
            outcome,
            trio.current_time() - received_at,
        )
    )
