"""The rules of one connection, step by step (OCPP-J 1.6 §4.1, §4.2)."""

import itertools
from typing import Any

import orjson
import pytest

from ocpp_actors.protocol.conversation import (
    MAX_REMEMBERED,
    MAX_TURNS,
    Answer,
    AnswerRepeated,
    CallArrived,
    CallRefused,
    Conversation,
    Ignored,
    LocalMistake,
    MessageIgnored,
    ReplyArrived,
    Turn,
)
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import Call, CallError, CallResult

AUTHORIZE: dict[str, Any] = {"idTag": "A"}
FAULT = ProtocolFault(ErrorCode.NOT_SUPPORTED, "not here", {"why": "because"})


def text(*frame: Any) -> str:
    return orjson.dumps(frame).decode()


def authorize(message_id: str, id_tag: str = "A") -> str:
    return text(2, message_id, "Authorize", {"idTag": id_tag})


@pytest.fixture
def conversation() -> Conversation:
    ids = itertools.count(1)
    return Conversation(lambda: f"s{next(ids)}")


def in_hand(conversation: Conversation) -> Call | None:
    return conversation.in_hand


def state_of(conversation: Conversation) -> object:
    return (
        conversation.in_hand,
        conversation.outstanding,
        list(conversation._turns),
        dict(conversation._answers),
        list(conversation._ended_calls),
    )


def answered(conversation: Conversation, message: str, payload: Any = None) -> str:
    """Have the conversation take a CALL through its turn to its answer."""
    assert isinstance(conversation.receive(message), CallArrived)
    assert conversation.next_turn() is not None
    return conversation.answer(payload or {})


# --- a CALL of the peer ------------------------------------------------------------------------------------------


def test_a_new_conversation_is_idle(conversation: Conversation) -> None:
    assert conversation.idle
    assert not conversation.full
    assert conversation.next_turn() is None


def test_a_call_arrives_takes_its_turn_and_is_answered(conversation: Conversation) -> None:
    call = Call("1", "Authorize", AUTHORIZE)
    assert conversation.receive(authorize("1"), 17.5) == CallArrived(call)
    assert not conversation.idle
    assert in_hand(conversation) is None
    assert conversation.next_turn() == Turn(call, 17.5, authorize("1"))
    assert in_hand(conversation) == call
    assert not conversation.idle
    assert conversation.answer({"a": 1}) == text(3, "1", {"a": 1})
    assert conversation.in_hand is None
    assert conversation.idle


def test_a_call_is_refused_with_the_form_of_table_6(conversation: Conversation) -> None:
    conversation.receive(authorize("1"))
    conversation.next_turn()
    assert conversation.refuse(FAULT) == text(4, "1", "NotSupported", "not here", {"why": "because"})
    assert conversation.idle


def test_a_call_may_be_bytes(conversation: Conversation) -> None:
    assert conversation.receive(authorize("1").encode()) == CallArrived(Call("1", "Authorize", AUTHORIZE))


def test_calls_take_their_turns_in_the_order_of_arrival(conversation: Conversation) -> None:
    for number in range(5):
        conversation.receive(authorize(str(number)), float(number))
    taken = []
    while (turn := conversation.next_turn()) is not None:
        assert isinstance(turn.what, Call)
        taken.append((turn.what.message_id, turn.received_at))
        conversation.answer({})
    assert taken == [(str(number), float(number)) for number in range(5)]


def test_what_cannot_be_handled_is_refused_in_its_turn(conversation: Conversation) -> None:
    conversation.receive(authorize("1"))
    event = conversation.receive(text(2, "2", "Authorize"), 3.0)
    assert isinstance(event, CallRefused)
    assert (event.message_id, event.fault.code) == ("2", ErrorCode.PROTOCOL_ERROR)
    conversation.next_turn()
    conversation.answer({})
    turn = conversation.next_turn()
    assert turn is not None
    assert isinstance(turn.what, Answer)
    assert (turn.what.message_id, turn.what.action) == ("2", None)
    assert orjson.loads(turn.what.text)[:3] == [4, "2", "ProtocolError"]
    assert turn.received_at == 3.0
    assert conversation.in_hand is None


# --- what is ignored ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", Ignored.EMPTY),
        (b"", Ignored.EMPTY),
        ("hello", Ignored.UNREADABLE),
        (b"\xff", Ignored.UNREADABLE),
        ("[]", Ignored.UNREADABLE),
        ('[5,"1","Heartbeat",{}]', Ignored.UNREADABLE),
        ("[3]", Ignored.UNREADABLE),
        ('[4,"1"]', Ignored.UNREADABLE),
        ('[3,"1",{}]', Ignored.UNKNOWN_REPLY),
        ('[3,"",{}]', Ignored.UNKNOWN_REPLY),
        ('[4,"1","InternalError","",{}]', Ignored.UNKNOWN_REPLY),
    ],
)
def test_what_has_no_effect_is_ignored_with_its_reason(
    conversation: Conversation, message: str | bytes, reason: Ignored
) -> None:
    before = state_of(conversation)
    event = conversation.receive(message)
    assert isinstance(event, MessageIgnored)
    assert event.reason is reason
    assert event.description
    assert state_of(conversation) == before
    assert conversation.idle


# --- duplicates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [False, True], ids=["waiting", "in hand"])
def test_in_progress_same_payload_one_answer_serves_both(conversation: Conversation, taken: bool) -> None:
    conversation.receive(text(2, "1", "Authorize", {"idTag": "A"}))
    if taken:
        conversation.next_turn()
    event = conversation.receive('[2, "1", "Authorize", {"idTag": "A"}]')
    assert isinstance(event, MessageIgnored)
    assert event.reason is Ignored.REPEATED
    if not taken:
        conversation.next_turn()
    conversation.answer({})
    assert conversation.next_turn() is None


@pytest.mark.parametrize("taken", [False, True], ids=["waiting", "in hand"])
@pytest.mark.parametrize("other", [authorize("1", "B"), text(2, "1", "Heartbeat", {})])
def test_in_progress_another_payload_is_a_protocol_error(
    conversation: Conversation, taken: bool, other: str
) -> None:
    conversation.receive(authorize("1"))
    if taken:
        conversation.next_turn()
    event = conversation.receive(other)
    assert isinstance(event, CallRefused)
    assert event.fault.code is ErrorCode.PROTOCOL_ERROR
    if not taken:
        conversation.next_turn()
    assert conversation.answer({}) == text(3, "1", {})
    turn = conversation.next_turn()
    assert turn is not None
    assert isinstance(turn.what, Answer)
    assert (turn.what.message_id, turn.what.action) == ("1", orjson.loads(other)[2])
    assert orjson.loads(turn.what.text)[:3] == [4, "1", "ProtocolError"]


def test_answered_the_same_message_gets_the_same_answer(conversation: Conversation) -> None:
    message = text(2, "1", "DataTransfer", {"vendorId": "V", "data": "x"})
    answer = answered(conversation, message, {"n": 1})
    again = conversation.receive(message, 9.0)
    assert again == AnswerRepeated(Call("1", "DataTransfer", {"vendorId": "V", "data": "x"}))
    assert conversation.next_turn() == Turn(Answer(answer, "1", "DataTransfer"), 9.0, message)
    assert conversation.in_hand is None


def test_answered_the_same_payload_in_other_words_is_a_new_call_that_is_marked(
    conversation: Conversation,
) -> None:
    answered(conversation, text(2, "1", "DataTransfer", {"vendorId": "V", "data": "x"}))
    other = {"data": "x", "vendorId": "V"}
    event = conversation.receive(text(2, "1", "DataTransfer", other))
    assert event == CallArrived(Call("1", "DataTransfer", other), reused_id=True)


def test_answered_another_payload_is_a_new_call_that_is_marked(conversation: Conversation) -> None:
    answered(conversation, authorize("1"))
    for other in (Call("1", "Authorize", {"idTag": "B"}), Call("1", "DataTransfer", {"vendorId": "V"})):
        event = conversation.receive(text(2, "1", other.action, other.payload))
        assert event == CallArrived(other, reused_id=True)
        conversation.next_turn()
        conversation.answer({})


def test_the_newest_answer_under_an_id_is_the_one_that_is_repeated(conversation: Conversation) -> None:
    answered(conversation, authorize("1", "A"), {"n": 1})
    conversation.receive(authorize("1", "B"))
    conversation.next_turn()
    newest = conversation.answer({"n": 2})
    assert isinstance(conversation.receive(authorize("1", "B")), AnswerRepeated)
    turn = conversation.next_turn()
    assert turn is not None
    assert turn.what == Answer(newest, "1", "Authorize")


@pytest.mark.parametrize("action", ["Heartbeat", "BootNotification"])
def test_heartbeat_and_boot_are_answered_anew(conversation: Conversation, action: str) -> None:
    for _ in range(3):
        assert conversation.receive(text(2, "1", action, {})) == CallArrived(Call("1", action, {}))
        conversation.next_turn()
        conversation.answer({})


def test_a_call_that_was_refused_is_handled_anew(conversation: Conversation) -> None:
    """What was wrong with the world may have passed."""
    conversation.receive(authorize("1"))
    conversation.next_turn()
    conversation.refuse(FAULT)
    assert conversation.receive(authorize("1")) == CallArrived(Call("1", "Authorize", AUTHORIZE))


def test_only_the_last_answers_are_remembered(conversation: Conversation) -> None:
    for number in range(MAX_REMEMBERED + 1):
        answered(conversation, authorize(str(number)))
    assert len(conversation._answers) == MAX_REMEMBERED
    assert isinstance(conversation.receive(authorize("0")), CallArrived)
    for number in range(1, MAX_REMEMBERED + 1):
        assert isinstance(conversation.receive(authorize(str(number))), AnswerRepeated)


def test_an_id_that_is_used_again_counts_as_one_and_as_the_newest(conversation: Conversation) -> None:
    answered(conversation, authorize("0", "old"))
    for number in range(1, MAX_REMEMBERED):
        answered(conversation, authorize(str(number)))
    answered(conversation, authorize("0", "new"))
    answered(conversation, authorize("one more"))
    assert isinstance(conversation.receive(authorize("0", "new")), AnswerRepeated)
    assert isinstance(conversation.receive(authorize("1")), CallArrived)


@pytest.mark.parametrize("depth", [40, 90])
def test_nesting_as_deep_as_a_frame_may_be_is_no_obstacle(conversation: Conversation, depth: int) -> None:
    deep = '[2,"1","DataTransfer",{"data":' + "[" * depth + "]" * depth + "}]"
    answered(conversation, deep)
    assert isinstance(conversation.receive(deep), AnswerRepeated)


@pytest.mark.parametrize("depth", [110, 254, 300, 1000, 100_000])
def test_nesting_that_breaks_libraries_is_refused_however_often_it_comes(
    conversation: Conversation, depth: int
) -> None:
    for _ in range(2):
        event = conversation.receive('[2,"1","DataTransfer",' + "[" * depth + "]" * depth + "]")
        assert isinstance(event, CallRefused)
        assert (event.message_id, event.fault.code) == ("1", ErrorCode.FORMATION_VIOLATION)


# --- bounds ------------------------------------------------------------------------------------------------------


def test_a_conversation_is_full_after_so_many_messages_and_takes_no_more(conversation: Conversation) -> None:
    for number in range(MAX_TURNS):
        assert not conversation.full
        conversation.receive(authorize(str(number)) if number % 2 else text(2, str(number), "Authorize"))
    assert conversation.full
    before = state_of(conversation)
    for message in (authorize("more"), text(3, "1", {}), ""):
        with pytest.raises(LocalMistake, match="turn"):
            conversation.receive(message)
    assert state_of(conversation) == before
    conversation.next_turn()
    assert not conversation.full


def test_what_needs_no_answer_does_not_fill_it(conversation: Conversation) -> None:
    conversation.receive(authorize("1"))
    for _ in range(MAX_TURNS * 2):
        conversation.receive(authorize("1"))
        conversation.receive("")
        conversation.receive(text(3, "nobody's", {}))
    assert not conversation.full


# --- a CALL of our own -------------------------------------------------------------------------------------------


def test_ids_of_our_own_are_handed_in(conversation: Conversation) -> None:
    assert [conversation.new_message_id() for _ in range(2)] == ["s1", "s2"]


@pytest.mark.parametrize(
    "reply", [CallResult("s1", {"status": "Accepted"}), CallError("s1", "NotSupported", "no", {"a": 1})]
)
def test_the_answer_to_our_call_is_matched_by_its_id(
    conversation: Conversation, reply: CallResult | CallError
) -> None:
    assert conversation.call("s1", "ClearCache", {}) == text(2, "s1", "ClearCache", {})
    assert conversation.outstanding == "s1"
    frame = (
        (3, "s1", reply.payload)
        if isinstance(reply, CallResult)
        else (4, "s1", reply.code, reply.description, reply.details)
    )
    assert conversation.receive(text(*frame)) == ReplyArrived(reply, "ClearCache")
    assert conversation.outstanding is None


def test_both_directions_are_independent(conversation: Conversation) -> None:
    """CALLs that cross are normal (§4.1.1), also under the same id."""
    conversation.call("1", "ClearCache", {})
    conversation.receive(authorize("1"))
    conversation.next_turn()
    assert conversation.receive(text(3, "1", {"status": "Accepted"})) == ReplyArrived(
        CallResult("1", {"status": "Accepted"}), "ClearCache"
    )
    assert conversation.answer({}) == text(3, "1", {})


def test_a_second_reply_is_late(conversation: Conversation) -> None:
    conversation.call("s1", "ClearCache", {})
    conversation.receive(text(3, "s1", {}))
    event = conversation.receive(text(3, "s1", {}))
    assert isinstance(event, MessageIgnored)
    assert event.reason is Ignored.LATE_REPLY


def test_a_late_reply_never_answers_the_next_call(conversation: Conversation) -> None:
    conversation.call("s1", "ClearCache", {})
    conversation.end_call("s1")
    conversation.call("s2", "Reset", {"type": "Soft"})
    for late in (text(3, "s1", {}), text(4, "s1", "InternalError", "", {})):
        event = conversation.receive(late)
        assert isinstance(event, MessageIgnored)
        assert event.reason is Ignored.LATE_REPLY
    assert conversation.outstanding == "s2"


def test_only_the_last_ended_calls_are_remembered(conversation: Conversation) -> None:
    for number in range(MAX_REMEMBERED + 1):
        conversation.call(str(number), "ClearCache", {})
        conversation.end_call(str(number))
    reasons = []
    for number in range(MAX_REMEMBERED + 1):
        event = conversation.receive(text(3, str(number), {}))
        assert isinstance(event, MessageIgnored)
        reasons.append(event.reason)
    assert reasons == [Ignored.UNKNOWN_REPLY] + [Ignored.LATE_REPLY] * MAX_REMEMBERED


# --- mistakes of our own -----------------------------------------------------------------------------------------


def test_an_illegal_step_raises_and_changes_nothing(conversation: Conversation) -> None:
    for illegal in (
        lambda: conversation.answer({}),
        lambda: conversation.refuse(FAULT),
        lambda: conversation.end_call("s1"),
    ):
        before = state_of(conversation)
        with pytest.raises(LocalMistake):
            illegal()
        assert state_of(conversation) == before


def test_no_turn_is_taken_while_a_call_is_in_hand(conversation: Conversation) -> None:
    conversation.receive(authorize("1"))
    conversation.receive(authorize("2"))
    conversation.next_turn()
    before = state_of(conversation)
    with pytest.raises(LocalMistake, match="in hand"):
        conversation.next_turn()
    assert state_of(conversation) == before


def test_a_call_is_answered_once(conversation: Conversation) -> None:
    answered(conversation, authorize("1"))
    before = state_of(conversation)
    with pytest.raises(LocalMistake):
        conversation.answer({})
    with pytest.raises(LocalMistake):
        conversation.refuse(FAULT)
    assert state_of(conversation) == before


def test_a_second_call_of_our_own_waits_for_the_first(conversation: Conversation) -> None:
    """§4.1.1: one outstanding CALL."""
    conversation.call("s1", "ClearCache", {})
    before = state_of(conversation)
    with pytest.raises(LocalMistake, match="outstanding"):
        conversation.call("s2", "ClearCache", {})
    with pytest.raises(LocalMistake, match="not outstanding"):
        conversation.end_call("s2")
    assert state_of(conversation) == before


@pytest.mark.parametrize("unwritable", [{"a": object()}, {"a": {1, 2}}])
def test_what_cannot_be_written_changes_nothing(conversation: Conversation, unwritable: Any) -> None:
    """The caller gets orjson's error and can still take another step: the CALL in hand can be refused."""
    before = state_of(conversation)
    with pytest.raises(orjson.JSONEncodeError):
        conversation.call("s1", "DataTransfer", unwritable)
    assert state_of(conversation) == before
    conversation.receive(authorize("1"))
    conversation.next_turn()
    before = state_of(conversation)
    with pytest.raises(orjson.JSONEncodeError):
        conversation.answer(unwritable)
    assert state_of(conversation) == before
    assert conversation.refuse(FAULT)
