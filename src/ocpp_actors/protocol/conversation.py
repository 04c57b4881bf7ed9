"""The RPC rules of one OCPP-J connection as a state machine without I/O (OCPP-J 1.6 §4.1, §4.2).

Text goes in, events come out; what is to be written is returned as text. An illegal step of our own raises
LocalMistake and changes nothing; whatever the peer does is an event.

The two directions are independent: a CALL of the charge point and a CALL of the central system may cross (§4.1.1).
"""

from collections.abc import Callable
from enum import StrEnum
from reprlib import repr as shortened
from typing import Any, Final

from attrs import define, frozen

from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import (
    MAX_MESSAGE_ID,
    Call,
    CallError,
    CallResult,
    FrameFault,
    encode_call,
    encode_call_error,
    encode_call_result,
    parse,
)

MAX_TURNS: Final = 16
"""Frames read ahead of the one being answered. A charge point SHOULD have one CALL outstanding (§4.1.1); some send a
handful at once after a connection."""

MAX_REMEMBERED: Final = 8
"""Answers kept for a CALL that comes again, and ids of ended CALLs of our own that tell a late reply from a foreign
one. A charge point repeats its last message, not one of long ago."""

ANSWERED_ANEW: Final = frozenset({"Heartbeat", "BootNotification"})
"""Their answers carry the current time, so a repetition is answered anew."""


class LocalMistake(Exception):
    """A step that this end must not take now, such as a second CALL while one is outstanding."""


class Ignored(StrEnum):
    """Why a message had no effect."""

    EMPTY = "empty message"
    UNREADABLE = "not a frame"
    REPEATED = "CALL repeated while in progress"
    LATE_REPLY = "late reply"
    UNKNOWN_REPLY = "reply to no CALL"


@define
class CallArrived:
    """A CALL takes its turn. ``reused_id``: the id of an earlier CALL, in a message that differs from it."""

    call: Call
    reused_id: bool = False


@frozen
class AnswerRepeated:
    """A CALL that was answered came again; the same answer takes its turn."""

    call: Call


@frozen
class CallRefused:
    """A message that is no proper CALL, but can be answered: a CALLERROR takes its turn."""

    message_id: str
    fault: ProtocolFault
    action: str | None = None


@frozen
class ReplyArrived:
    """The outstanding CALL of this end was answered. ``action`` is that of the CALL."""

    reply: CallResult | CallError
    action: str


@frozen
class MessageIgnored:
    """A message that has no effect and gets no answer; its message id and its action are told where they are known."""

    reason: Ignored
    description: str
    message_id: str | None = None
    action: str | None = None


ConversationEvent = CallArrived | AnswerRepeated | CallRefused | ReplyArrived | MessageIgnored


@define
class Answer:
    """A text that answers a message, as it is to be written.

    Of the message id no more is kept than one may have. ``action`` is None where it is not known.
    """

    text: str
    message_id: str
    action: str | None


@define
class Turn:
    """What is to be done next for the peer: answer ``what`` if it is a CALL, write it if it is an answer.

    ``message`` is what the peer said, ``received_at`` what was handed in with it.
    """

    what: Call | Answer
    received_at: Any
    message: str | bytes


@define
class _Given:
    """An answer that was given to a message of this hash: whoever repeats a CALL repeats it letter by letter."""

    message_hash: int
    text: str


class Conversation:
    """What was said on one connection, as far as it matters for what may be said next.

    ``new_message_id`` gives a fresh id for each CALL of this end, at most 36 characters (§4.1.4).
    """

    __slots__ = (
        "_answers",
        "_ended_calls",
        "_hash_in_hand",
        "_outstanding_action",
        "_turns",
        "in_hand",
        "new_message_id",
        "outstanding",
    )

    def __init__(self, new_message_id: Callable[[], str]) -> None:
        self.new_message_id = new_message_id
        self.in_hand: Call | None = None
        """The CALL whose turn it is, until it is answered."""
        self._hash_in_hand = 0
        self.outstanding: str | None = None
        """The id of this end's CALL that waits for its answer."""
        self._outstanding_action = ""
        self._turns: tuple[Turn, ...] = ()
        """Mostly there is none; and a tuple of none takes up nothing, nor does one of one for long."""
        self._answers: dict[str, _Given] = {}
        self._ended_calls: dict[str, str] = {}
        """Their actions by their ids."""

    @property
    def full(self) -> bool:
        """Whether no further message may be received before a turn was taken."""
        return len(self._turns) >= MAX_TURNS

    @property
    def idle(self) -> bool:
        """Whether nothing of the peer waits for an answer."""
        return self.in_hand is None and not self._turns

    # --- what the peer says ------------------------------------------------------------------------------------

    def receive(self, message: str | bytes, received_at: Any = None) -> ConversationEvent:
        """Take in one message. ``received_at`` comes back with the turn that it leads to.

        Raises LocalMistake: the conversation is full.
        """
        if len(self._turns) >= MAX_TURNS:
            raise LocalMistake("receive: take a turn first")
        if not message:
            return MessageIgnored(Ignored.EMPTY, "a message without content")
        try:
            frame = parse(message)
        except FrameFault as fault:
            return self._receive_fault(fault, received_at, message)
        if isinstance(frame, Call):
            return self._receive_call(frame, received_at, message)
        return self._receive_reply(frame)

    def _receive_fault(
        self, fault: FrameFault, at: Any, message: str | bytes
    ) -> CallRefused | MessageIgnored:
        if fault.message_id is None:
            return MessageIgnored(Ignored.UNREADABLE, fault.description)
        return self._refuse_at_once(
            fault.message_id, ProtocolFault(fault.code, fault.description), at, message
        )

    def _receive_call(self, call: Call, at: Any, message: str | bytes) -> ConversationEvent:
        # "A message ID for a CALL message MUST be different from all message IDs previously used by the same sender
        # for CALL messages on the same WebSocket connection" (§4.1.4). Chargers repeat themselves all the same.
        for earlier in self._calls_in_progress() if self.in_hand is not None or self._turns else ():
            if earlier.message_id == call.message_id:
                if earlier == call:
                    description = f"{call.action} is being answered"
                    return MessageIgnored(Ignored.REPEATED, description, call.message_id, call.action)
                return self._refuse_at_once(
                    call.message_id,
                    ProtocolFault(ErrorCode.PROTOCOL_ERROR, "a CALL with this message id is in progress"),
                    at,
                    message,
                    call.action,
                )
        answer = self._answers.get(call.message_id)
        reused_id = answer is not None and call.action not in ANSWERED_ANEW
        if answer is not None and reused_id and answer.message_hash == hash(message):
            self._turns += (Turn(Answer(answer.text, call.message_id, call.action), at, message),)
            return AnswerRepeated(call)
        self._turns += (Turn(call, at, message),)
        return CallArrived(call, reused_id)

    def _receive_reply(self, reply: CallResult | CallError) -> ReplyArrived | MessageIgnored:
        # "A message ID for a CALLRESULT or CALLERROR message MUST be equal to that of the CALL message that [it] is a
        # response to" (§4.1.4): matched by nothing else, so that a late reply never answers the next CALL.
        message_id = reply.message_id
        if self.outstanding is not None and message_id == self.outstanding:
            self.end_call(message_id)
            return ReplyArrived(reply, self._outstanding_action)
        action = self._ended_calls.get(message_id)
        if action is not None:
            description = f"the CALL {message_id!r} had ended"
            return MessageIgnored(Ignored.LATE_REPLY, description, message_id, action)
        return MessageIgnored(
            Ignored.UNKNOWN_REPLY, f"no CALL {shortened(message_id)} is outstanding", message_id
        )

    def _calls_in_progress(self) -> list[Call]:
        waiting = [turn.what for turn in self._turns if isinstance(turn.what, Call)]
        return waiting if self.in_hand is None else [self.in_hand, *waiting]

    def _refuse_at_once(
        self, message_id: str, fault: ProtocolFault, at: Any, message: str | bytes, action: str | None = None
    ) -> CallRefused:
        text = encode_call_error(message_id, fault.code, fault.description, fault.details)
        self._turns += (Turn(Answer(text, message_id[:MAX_MESSAGE_ID], action), at, message),)
        return CallRefused(message_id, fault, action)

    # --- answers to the peer -----------------------------------------------------------------------------------

    def next_turn(self) -> Turn | None:
        """Take the next turn in the order of arrival; None where nothing waits.

        Raises LocalMistake: the CALL in hand has no answer yet.
        """
        if self.in_hand is not None:
            raise LocalMistake("next_turn: answer the CALL in hand first")
        if not self._turns:
            return None
        turn, self._turns = self._turns[0], self._turns[1:]
        if isinstance(turn.what, Call):
            self.in_hand, self._hash_in_hand = turn.what, hash(turn.message)
        return turn

    def answer(self, payload: Any) -> str:
        """Return the CALLRESULT for the CALL in hand, which is then answered (§4.2.2).

        Raises LocalMistake: no CALL is in hand.
        Raises TypeError: the payload cannot be written as JSON; the CALL stays in hand.
        """
        call = self._call_in_hand()
        text = encode_call_result(call.message_id, payload)
        self.in_hand = None
        if call.action not in ANSWERED_ANEW:
            self._remember(call, text)
        return text

    def refuse(self, fault: ProtocolFault) -> str:
        """Return the CALLERROR for the CALL in hand, which is then answered (§4.2.3).

        Raises LocalMistake: no CALL is in hand.
        Raises TypeError: the details cannot be written as JSON; the CALL stays in hand.
        """
        call = self._call_in_hand()
        text = encode_call_error(call.message_id, fault.code, fault.description, fault.details)
        self.in_hand = None
        return text

    def _call_in_hand(self) -> Call:
        if self.in_hand is None:
            raise LocalMistake("no CALL is in hand")
        return self.in_hand

    def _remember(self, call: Call, text: str) -> None:
        answers = self._answers
        answers.pop(call.message_id, None)
        answers[call.message_id] = _Given(self._hash_in_hand, text)
        if len(answers) > MAX_REMEMBERED:
            del answers[next(iter(answers))]

    def forget(self, message_id: str) -> None:
        """Forget what was answered under this id: repeated, the CALL is carried out again."""
        self._answers.pop(message_id, None)

    # --- calls of this end -------------------------------------------------------------------------------------

    def call(self, message_id: str, action: str, payload: Any) -> str:
        """Return the CALL as text; it is outstanding until its answer arrives or it is ended (§4.1.1).

        Raises LocalMistake: another CALL is outstanding.
        """
        if self.outstanding is not None:
            raise LocalMistake(f"the CALL {self.outstanding!r} is outstanding")
        text = encode_call(message_id, action, payload)
        self.outstanding, self._outstanding_action = message_id, action
        return text

    def end_call(self, message_id: str) -> None:
        """Wait no longer for the answer to this CALL; if it comes, it is late.

        Raises LocalMistake: it is not outstanding.
        """
        if self.outstanding != message_id:
            raise LocalMistake(f"the CALL {message_id!r} is not outstanding")
        self.outstanding = None
        self._ended_calls[message_id] = self._outstanding_action
        if len(self._ended_calls) > MAX_REMEMBERED:
            del self._ended_calls[next(iter(self._ended_calls))]
