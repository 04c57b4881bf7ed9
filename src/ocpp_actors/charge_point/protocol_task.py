"""Frames in, conversation, router, answers out, strictly in order.

While a handler waits, for the ledger or for an answer of the charge point itself, replies to the central system's
CALLs are still read.
"""

import math
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import Any, Final, NoReturn

import structlog
import trio

from ocpp_actors.call_in_hand import Hand, brief, call_in_hand
from ocpp_actors.central_system.context import Context, Unconfirmable
from ocpp_actors.central_system.router import Handled, Router
from ocpp_actors.charge_point.frame_writer import FrameWriter
from ocpp_actors.charge_point.misbehaving import Misbehaving
from ocpp_actors.charge_point.session import Reply, Session, SessionOver
from ocpp_actors.observer import CallHandled, FrameReceived
from ocpp_actors.protocol.conversation import (
    AnswerRepeated,
    CallArrived,
    CallRefused,
    ConversationEvent,
    MessageIgnored,
    ReplyArrived,
    Turn,
)
from ocpp_actors.protocol.errors import ProtocolFault
from ocpp_actors.protocol.frames import MAX_MESSAGE_ID, Call

log = structlog.get_logger(__name__)

LONG_AGO: Final = -math.inf
"""One for all, so that none has to be fetched from memory."""

MAX_FOLLOWING = 16
"""Tasks that do what follows an answer, at once; further answers wait for one of them."""

SIZE_OF_ONE = 4096
"""Characters of a message that counts as one for ``MAX_MESSAGE_RATE``; longer ones count as several."""


def run_protocol_task(session: Session, nursery: trio.Nursery) -> Coroutine[Any, Any, NoReturn]:
    """Read and answer until the connection ends. ``nursery``, of the tree, takes what has to go on beside.

    Raises ConnectionEnded: the connection is over.
    Raises SessionOver: a message could not be confirmed (1011), or all is answered after a drain (1001).
    """
    return _Pair(session, nursery).work()


class _Pair:
    """One or two workers that share the reading and the answering.

    One of them reads, and answers what it has read. When something comes while an answer has to wait for anything, the
    other goes on reading, which is begun when it is needed first; mostly nothing comes, and one does it all.
    """

    __slots__ = (
        "_answer_waits",
        "_answering",
        "_are_two",
        "_clock",
        "_context",
        "_conversation",
        "_following",
        "_idle",
        "_may_read_at",
        "_nursery",
        "_observer",
        "_reader",
        "_room",
        "_router",
        "_session",
        "_writer",
    )

    def __init__(self, session: Session, nursery: trio.Nursery) -> None:
        self._session = session
        self._conversation = session.conversation
        self._clock = session.central_system.clock
        self._observer = session.central_system.observer
        self._nursery = nursery
        self._following = trio.Semaphore(MAX_FOLLOWING)
        self._router: Router | Misbehaving = session.router
        self._writer: FrameWriter | Misbehaving = session.writer
        if session.misbehaviour is not None:
            self._router = self._writer = Misbehaving(session, session.misbehaviour)
        self._reader: Hand | None = None
        self._idle = trio.lowlevel.ParkingLot()
        self._are_two = False
        self._context = copy_context()
        """Of the charge point, for the other worker: it is begun by whoever notices that it is needed."""
        self._room: trio.Event | None = None
        """Is set when a turn was taken, if reading waits for that."""
        self._answering = False
        self._answer_waits = False
        """Whether the answer of whoever reads waits, so that the other one may be needed to read."""
        self._may_read_at = LONG_AGO
        """When the next message may be read, or might have been."""

    async def work(self) -> NoReturn:
        """Read and answer, in turn with the other worker if there is one."""
        session, me = self._session, Hand()
        call_in_hand.set(me)
        while True:
            while self._reader is not None:
                await self._idle.park()
            if session.draining:
                await self._end_drain(me)
            self._reader = me
            with trio.CancelScope() as session.reading:
                while self._reader is me and not session.draining:
                    if self._answering or self._conversation.idle:
                        # In no coroutine of its own: a charge point spends its time here, and where they are many, each
                        # coroutine in which it does has to be fetched from memory anew.
                        session.may_stop_reading = True
                        if self._conversation.full or self._may_read_at > session.connection.last_received:
                            await self._wait_until_it_may_read()
                        message = await session.connection.receive()
                        session.may_stop_reading = False
                        self._take_in(message)
                    else:
                        try:
                            await _noticing(self._answer(me), self._let_the_other_read_if_need_be)
                        finally:
                            self._answer_waits = False
            if self._reader is me:
                self._read_no_more()

    def _let_the_other_read_if_need_be(self) -> None:
        self._answer_waits = True
        if not self._session.connection.when_something_comes(self._something_came):
            self._something_came()

    def _something_came(self) -> None:
        if self._answer_waits:
            self._answer_waits = False
            self._let_the_other_read()

    def _let_the_other_read(self) -> None:
        if not self._are_two:
            self._are_two = True
            self._context.run(self._nursery.start_soon, self.work)
        self._read_no_more()

    def _read_no_more(self) -> None:
        self._reader = None
        self._idle.unpark()

    async def _end_drain(self, me: Hand) -> NoReturn:
        if self._answering:
            await trio.sleep_forever()  # whoever answers ends it
        await self._answer(me)
        abort = self._session.charge_point.record.settings.abort_on_shutdown
        raise SessionOver(1001, "the central system is shutting down", abort=abort)

    # --- reading -----------------------------------------------------------------------------------------------

    async def _wait_until_it_may_read(self) -> None:
        while self._conversation.full:
            self._room = trio.Event()
            await self._room.wait()
        await trio.sleep_until(self._may_read_at)

    def _take_in(self, message: str | bytes) -> None:
        session = self._session
        # What was there before it was to be read counts as received when it was.
        at, moment = self._clock.now(), max(session.connection.last_received, self._may_read_at)
        text = message if isinstance(message, str) else _text_of(session, message)
        event = self._conversation.receive(message, (at, moment))
        if isinstance(event, CallArrived):
            call = event.call
            self._observer.tell(FrameReceived(session.identity, at, text, call.message_id, call.action))
            if event.reused_id:
                session.flag("message id reused", f"{brief(call.action)} under the id of another message")
        else:
            self._observer.tell(FrameReceived(session.identity, at, text, *_names(event)))
            _act_on(session, event, len(message))
        pause = session.bucket.take(moment, 1 + len(message) // SIZE_OF_ONE)
        if pause:
            self._may_read_at = moment + pause

    # --- answering ---------------------------------------------------------------------------------------------

    async def _answer(self, me: Hand) -> None:
        """Answer what waits, one after the other."""
        self._answering = True
        while (turn := self._conversation.next_turn()) is not None:
            if self._room is not None:
                self._room.set()
                self._room = None
            what = turn.what
            if isinstance(what, Call):
                me.call = what
                await self._answer_call(what, turn)
                me.call = None
            else:
                await self._writer.write(what.text, what.message_id, what.action)
        self._answering = False

    async def _answer_call(self, call: Call, turn: Turn) -> None:
        session = self._session
        received_at, moment = turn.received_at
        context = Context(
            session.central_system,
            session.charge_point,
            call.message_id,
            call.action,
            call.payload,
            len(turn.message),
            received_at,
            session.queue_command,
            session.security_profile,
        )
        handled = None
        outcome = "CALLRESULT"
        try:
            handled = await self._router.dispatch(call, context)
        except ProtocolFault as fault:
            log.warning("CALL refused", error_code=str(fault.code), fault=fault.description)
            outcome = fault.code
            text = self._conversation.refuse(fault)
        except Unconfirmable as error:
            log.warning("closing without an answer, so that the message is sent again", reason=str(error))
            self._tell_handled(call, session.now(), "unanswered", moment)
            raise SessionOver(1011, "the message could not be stored") from None
        else:
            text = self._conversation.answer(handled.payload)
        sent_at = await self._writer.write(text, call.message_id, call.action)
        self._tell_handled(call, sent_at, outcome, moment)
        if handled is not None:
            if call.action == "BootNotification":
                session.boot_answered = True
                session.boots.ring()
            if handled.after:
                await self._following.acquire()
                self._nursery.start_soon(_follow, handled, call, context, self._following)

    def _tell_handled(self, call: Call, at: datetime, outcome: str, received_at: float) -> None:
        seconds = trio.current_time() - received_at
        self._observer.tell(
            CallHandled(self._session.identity, at, call.action, call.message_id, outcome, seconds)
        )


@types.coroutine
def _noticing(
    coroutine: Coroutine[Any, Any, None], before_waiting: Callable[[], None]
) -> Generator[Any, Any, None]:
    """Do as ``await coroutine`` does, and call ``before_waiting`` if it comes to wait for anything, before it does."""
    try:
        trap = coroutine.send(None)
    except StopIteration:
        return
    before_waiting()
    while True:
        try:
            value = yield trap
        except BaseException as error:  # noqa: ASYNC103, BLE001, it goes on into the coroutine
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, value)
        try:
            trap = step()
        except StopIteration:
            return


async def _follow(handled: Handled, call: Call, context: Context, following: trio.Semaphore) -> None:
    call_in_hand.set(Hand(call))
    try:
        await handled.follow(context)
    finally:
        following.release()


def _text_of(session: Session, message: bytes) -> str:
    session.flag("binary message", f"{len(message)} bytes in a binary instead of a text message")
    return message.decode("utf-8", "backslashreplace")


def _names(event: ConversationEvent) -> tuple[str | None, str | None]:
    """Return the message id, no more of it than one may have, and the action, as far as they are known."""
    match event:
        case ReplyArrived(reply, action):
            return reply.message_id, action
        case AnswerRepeated(call) | CallArrived(call):
            return call.message_id, call.action
        case CallRefused() | MessageIgnored():
            return event.message_id and event.message_id[:MAX_MESSAGE_ID], event.action


def _act_on(session: Session, event: ConversationEvent, size: int) -> None:
    """Do what is to be done about a message beside answering it."""
    match event:
        case ReplyArrived(reply, _):
            session.replies_in.send_nowait(Reply(reply, size))
        case MessageIgnored():
            log.warning("message ignored", reason=str(event.reason), detail=brief(event.description))
            session.flag(str(event.reason), brief(event.description))
        case CallRefused():
            fault = event.fault
            log.warning(
                "CALL refused",
                message_id=brief(event.message_id),
                error_code=str(fault.code),
                fault=fault.description,
            )
