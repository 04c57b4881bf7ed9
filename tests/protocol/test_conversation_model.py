"""Any exchange, compared with a simple model: every CALL gets exactly one answer, in the order of arrival."""

import itertools
from collections import deque
from typing import Any

import orjson
import pytest
from attrs import define
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ocpp_actors.protocol.conversation import (
    ANSWERED_ANEW,
    MAX_REMEMBERED,
    MAX_TURNS,
    Answer,
    AnswerRepeated,
    CallArrived,
    CallRefused,
    Conversation,
    Ignored,
    MessageIgnored,
    ReplyArrived,
)
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import Call

pytestmark = pytest.mark.unmeasured

IDS = st.sampled_from([str(number) for number in range(4)])
ACTIONS = st.sampled_from(["Authorize", "DataTransfer", "Heartbeat"])
PAYLOADS = st.sampled_from([{}, {"a": 1}, {"a": "1", "b": [None]}])


@define
class Owed:
    """An answer that the model expects: of this call if it is to be handled, or this very text."""

    message_id: str
    call: Call | None = None
    text: str | None = None


class Exchange(RuleBasedStateMachine):
    """A peer that says whatever comes to its mind, and our end, which keeps to the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.ids = itertools.count()
        self.times = itertools.count()
        self.numbers = itertools.count()
        self.conversation = Conversation(lambda: f"s{next(self.ids)}")
        self.owed: deque[Owed] = deque()
        self.in_hand: Owed | None = None
        self.outstanding: str | None = None
        self.ended: deque[str] = deque(maxlen=MAX_REMEMBERED)
        self.answers: dict[str, tuple[Call, str]] = {}

    def hear(self, *frame: Any) -> Any:
        return self.conversation.receive(orjson.dumps(frame).decode(), float(next(self.times)))

    # --- the peer calls ---

    @precondition(lambda self: len(self.owed) < MAX_TURNS)
    @rule(message_id=IDS, action=ACTIONS, payload=PAYLOADS)
    def a_call_comes(self, message_id: str, action: str, payload: Any) -> None:
        call = Call(message_id, action, payload)
        present = [owed.call for owed in [self.in_hand, *self.owed] if owed is not None]
        same_id = next(
            (other for other in present if other is not None and other.message_id == message_id), None
        )
        earlier = self.answers.get(message_id)
        event = self.hear(2, message_id, action, payload)
        if same_id == call:
            assert isinstance(event, MessageIgnored)
            assert event.reason is Ignored.REPEATED
        elif same_id is not None:
            assert isinstance(event, CallRefused)
            self.owed.append(Owed(message_id))
        elif earlier is not None and earlier[0] == call:
            assert event == AnswerRepeated(call)
            self.owed.append(Owed(message_id, text=earlier[1]))
        else:
            reused = earlier is not None and action not in ANSWERED_ANEW
            assert event == CallArrived(call, reused_id=reused)
            self.owed.append(Owed(message_id, call))

    @precondition(lambda self: len(self.owed) < MAX_TURNS)
    @rule(message_id=IDS)
    def a_faulty_call_comes(self, message_id: str) -> None:
        assert isinstance(self.hear(2, message_id), CallRefused)
        self.owed.append(Owed(message_id))

    # --- our end answers ---

    @precondition(lambda self: self.in_hand is None)
    @rule()
    def a_turn_is_taken(self) -> None:
        turn = self.conversation.next_turn()
        if not self.owed:
            assert turn is None
            return
        owed = self.owed.popleft()
        assert turn is not None
        if owed.call is not None:
            assert turn.what == owed.call
            self.in_hand = owed
        elif owed.text is not None:
            assert isinstance(turn.what, Answer)
            assert (turn.what.text, turn.what.message_id) == (owed.text, owed.message_id)
        else:
            assert isinstance(turn.what, Answer)
            assert orjson.loads(turn.what.text)[:3] == [4, owed.message_id, "ProtocolError"]

    @precondition(lambda self: self.in_hand is not None)
    @rule(well=st.booleans())
    def the_call_in_hand_is_answered(self, well: bool) -> None:
        assert self.in_hand is not None
        call = self.in_hand.call
        assert call is not None
        if well:
            text = self.conversation.answer({"n": next(self.numbers)})
            if call.action not in ANSWERED_ANEW:
                self.answers.pop(call.message_id, None)
                self.answers[call.message_id] = (call, text)
        else:
            text = self.conversation.refuse(ProtocolFault(ErrorCode.GENERIC_ERROR, "no"))
        assert orjson.loads(text)[:2] == [3 if well else 4, call.message_id]
        self.in_hand = None

    # --- our end calls ---

    @precondition(lambda self: self.outstanding is None)
    @rule()
    def we_call(self) -> None:
        self.outstanding = self.conversation.new_message_id()
        self.conversation.call(self.outstanding, "ClearCache", {})

    @precondition(lambda self: self.outstanding is not None)
    @rule()
    def we_wait_no_longer(self) -> None:
        assert self.outstanding is not None
        self.conversation.end_call(self.outstanding)
        self.ended.append(self.outstanding)
        self.outstanding = None

    @precondition(lambda self: len(self.owed) < MAX_TURNS)
    @rule(number=st.integers(0, 5), well=st.booleans())
    def a_reply_comes(self, number: int, well: bool) -> None:
        message_id = f"s{number}"
        event = self.hear(3, message_id, {}) if well else self.hear(4, message_id, "GenericError", "", {})
        if message_id == self.outstanding:
            assert isinstance(event, ReplyArrived)
            assert event.reply.message_id == message_id
            self.ended.append(message_id)
            self.outstanding = None
        else:
            assert isinstance(event, MessageIgnored)
            late = message_id in self.ended
            assert event.reason is (Ignored.LATE_REPLY if late else Ignored.UNKNOWN_REPLY)

    # --- always ---

    @invariant()
    def both_agree(self) -> None:
        conversation = self.conversation
        assert conversation.in_hand == (self.in_hand and self.in_hand.call)
        assert conversation.outstanding == self.outstanding
        assert conversation.idle == (self.in_hand is None and not self.owed)
        assert conversation.full == (len(self.owed) >= MAX_TURNS)

    def teardown(self) -> None:
        """In the end everything that is owed is answered, in order, and nothing else."""
        if self.in_hand is not None:
            self.the_call_in_hand_is_answered(well=True)
        while self.owed:
            self.a_turn_is_taken()
            if self.in_hand is not None:
                self.the_call_in_hand_is_answered(well=True)
        self.a_turn_is_taken()
        assert self.conversation.idle


TestExchange = Exchange.TestCase
TestExchange.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
