"""From recorded lines to what one charge point said, and what it was answered."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
from attrs import define, field, frozen

from ocpp_actors.protocol.catalogue import ACTIONS, Role
from ocpp_actors.protocol.frames import Call, CallError, CallResult, Frame, FrameFault, parse
from ocpp_actors.recorded import Record, read_record

Reply = CallResult | CallError


class NotReplayable(Exception):
    """There is nothing to be played, or more than one charge point; the message says what to do."""


@define(eq=False)
class Step:
    """One text that the charge point sent, which was no answer.

    ``line`` counts from 1, ``at`` is in seconds since the first step. ``call`` is None where the text is no CALL;
    ``message_id`` is the one under which it can be answered, None where it cannot. ``answer`` is what was recorded.
    A ``fresh`` one begins a new connection.
    """

    line: int
    at: float
    text: str
    call: Call | None
    message_id: str | None
    answer: Reply | None = None
    fresh: bool = False

    @property
    def action(self) -> str | None:
        """The action of the CALL."""
        return None if self.call is None else self.call.action


@frozen
class Plan:
    """What is to be played. ``replies`` are the answers of the charge point, in order, by the action of the CALL."""

    charge_point: str | None
    steps: tuple[Step, ...]
    replies: Mapping[str, tuple[Reply, ...]]

    @property
    def answers(self) -> Iterator[tuple[str, Any]]:
        """The payloads that the charge point was answered, with their actions."""
        for step in self.steps:
            if step.action is not None and isinstance(step.answer, CallResult):
                yield step.action, step.answer.payload


def plan(lines: Iterable[bytes], charge_point: str | None = None) -> Plan:
    """Read a recording of one charge point; ``charge_point`` chooses among several, without regard to case.

    Raises NotReplayable: a line cannot be read, or there is not exactly one charge point that says anything.
    """
    recording = _Recording()
    others: dict[str, str] = {}
    name: str | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = _read(line.strip())
        except ValueError as error:
            raise NotReplayable(f"line {number}: {error}") from None
        of = record.charge_point
        if of is not None:
            if charge_point is not None and of.casefold() != charge_point.casefold():
                continue
            name = name or of
            if of.casefold() != name.casefold():
                others.setdefault(of.casefold(), of)
                continue
        recording.take(number, record)
    if others:
        names = ", ".join(sorted([str(name), *others.values()]))
        raise NotReplayable(f"there are several charge points in it; choose one with --charge-point: {names}")
    if not recording.steps:
        who = "a charge point" if charge_point is None else charge_point
        raise NotReplayable(f"{who} says nothing in it")
    return Plan(name, tuple(recording.steps), {a: tuple(each) for a, each in recording.replies.items()})


def _read(line: bytes) -> Record:
    """Read one line. Raises ValueError: it is neither an array of JSON nor a record of the message log."""
    record = read_record(line)
    if record.text is line:
        try:
            is_array = isinstance(orjson.loads(line), list)
        except orjson.JSONDecodeError:
            is_array = False
        if not is_array:
            raise ValueError("neither a frame nor a record of the message log")
    return record


@define(eq=False)
class _Recording:
    steps: list[Step] = field(factory=list)
    replies: dict[str, list[Reply]] = field(factory=lambda: defaultdict(list))
    _unanswered: dict[str, deque[Step]] = field(factory=lambda: defaultdict(deque))
    _asked: dict[str, deque[Call]] = field(factory=lambda: defaultdict(deque))
    """CALLs of the central system without an answer, by message id."""
    _began: datetime | None = None
    _accepted: bool = False

    def take(self, line: int, record: Record) -> None:
        frame, message_id = _parsed(record.text)
        by_charge_point = self._is_in(record, frame)
        if isinstance(frame, CallResult | CallError):
            if by_charge_point:
                self._answered_by_charge_point(frame)
            else:
                self._answered_by_central_system(frame)
        elif by_charge_point:
            self._said(line, record, frame, message_id)
        elif frame is not None:
            self._asked[frame.message_id].append(frame)

    def _is_in(self, record: Record, frame: Frame | None) -> bool:
        """Whether it came from the charge point; where that is not recorded, the frame tells."""
        if record.direction is not None:
            return record.direction == "in"
        if isinstance(frame, CallResult | CallError):
            return not self._unanswered[frame.message_id] and bool(self._asked[frame.message_id])
        action = None if frame is None else ACTIONS.get(frame.action)
        return action is None or Role.CHARGE_POINT in action.senders

    def _said(self, line: int, record: Record, call: Call | None, message_id: str | None) -> None:
        self._began = self._began or record.at
        at = (record.at - self._began).total_seconds() if record.at and self._began else 0.0
        step = Step(line, at, record.text.decode("utf-8", "replace"), call, message_id)
        if call is not None and call.action == "BootNotification":
            step.fresh, self._accepted = self._accepted, False
        self.steps.append(step)
        if message_id is not None:
            self._unanswered[message_id].append(step)

    def _answered_by_central_system(self, reply: Reply) -> None:
        waiting = self._unanswered[reply.message_id]
        if not waiting:
            return
        step = waiting.popleft()
        step.answer = reply
        if step.action == "BootNotification" and isinstance(reply, CallResult):
            payload = reply.payload if isinstance(reply.payload, dict) else {}
            self._accepted = payload.get("status") == "Accepted"

    def _answered_by_charge_point(self, reply: Reply) -> None:
        waiting = self._asked[reply.message_id]
        if waiting:
            self.replies[waiting.popleft().action].append(reply)


def _parsed(text: bytes) -> tuple[Frame | None, str | None]:
    """Return the frame, None where it is none, and the message id under which it can be answered."""
    try:
        frame = parse(text)
    except FrameFault as fault:
        return None, fault.message_id
    return frame, frame.message_id
