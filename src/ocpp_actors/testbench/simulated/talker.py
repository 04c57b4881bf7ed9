"""What a charge point says: its requests one at a time and in order, and what becomes of them (OCPP-J 1.6 §4.1.1)."""

from collections import deque
from collections.abc import Awaitable, Callable
from enum import IntEnum
from math import inf
from typing import Any, Final

import trio
from attrs import AttrsInstance, define, evolve, field, frozen

from ocpp_actors.protocol.catalogue import ACTION_OF, ACTIONS
from ocpp_actors.protocol.codec import encode
from ocpp_actors.protocol.frames import CALL, CallError, CallResult
from ocpp_actors.protocol.messages import MeterValues, StartTransaction, StopTransaction
from ocpp_actors.protocol.validation import Invalid, decode
from ocpp_actors.testbench.simulated.memory import MAX_QUEUED, Memory, Message, Transaction
from ocpp_actors.testbench.simulated.personality import Personality

CALL_TIMEOUT: Final = 30.0
"""Seconds for the answer to a request, where nothing else is given."""

MAX_REQUESTS: Final = 200
"""Requests that wait, beside the transaction-related ones; beyond it the oldest is dropped."""

Reply = Any
"""The response as a message, a CallError, or None: there was no answer, or none that could be read."""

Then = Callable[[Reply], None]
Write = Callable[[list[Any]], Awaitable[None]]


class Gate(IntEnum):
    """What may be said (OCPP 1.6 §4.2)."""

    BOOTING = 0
    """Only BootNotification."""
    PENDING = 1
    """Besides, what TriggerMessage asked for."""
    OPEN = 2


def _nothing(_reply: Reply) -> None:
    pass


@frozen(eq=False)
class Request:
    """A request and what to do with its answer."""

    order: int
    action: str
    payload: dict[str, Any]
    then: Then = _nothing
    needs: Gate = Gate.OPEN
    perishable: bool = False
    """It is forgotten when the connection is lost."""
    message: Message | None = None
    repeated: bool = False


@frozen
class _Outstanding:
    request: Request
    deadline: float


@define(eq=False)
class Talker:
    """Says what is asked of it while there is a connection, and remembers what has to be said while there is none."""

    memory: Memory
    personality: Personality
    on_transaction: Callable[[Message, Reply], None]
    """Told of the answer to a transaction-related message, and with None that it was given up."""
    timeout: float = CALL_TIMEOUT
    gate: Gate = Gate.BOOTING
    online: bool = field(init=False, default=False)
    last_exchange: float = field(init=False, default=-inf)
    _requests: deque[Request] = field(init=False, factory=deque)
    _outstanding: dict[str, _Outstanding] = field(init=False, factory=dict)
    _changed: trio.Event = field(init=False, factory=trio.Event)

    # --- asking ------------------------------------------------------------------------------------------------

    def tell(
        self,
        request: AttrsInstance,
        then: Then = _nothing,
        *,
        urgent: bool = False,
        perishable: bool = False,
        needs: Gate = Gate.OPEN,
    ) -> None:
        """Send a request in its turn, before all others if it is urgent."""
        action = ACTION_OF[type(request)].name
        self.tell_raw(action, encode(request), then, urgent=urgent, perishable=perishable, needs=needs)

    def tell_raw(
        self,
        action: str,
        payload: dict[str, Any],
        then: Then = _nothing,
        *,
        urgent: bool = False,
        perishable: bool = False,
        needs: Gate = Gate.OPEN,
    ) -> None:
        """Send a request that may be no message of OCPP at all."""
        new = Request(self.memory.next_number(), action, payload, then, needs, perishable)
        (self._requests.appendleft if urgent else self._requests.append)(new)
        if len(self._requests) > MAX_REQUESTS:
            self._requests.popleft().then(None)
        self._changed.set()

    async def ask(self, request: AttrsInstance) -> Reply:
        """Send a request before all others, and wait for its answer; None too where there is no connection."""
        if not self.online or self.gate is not Gate.OPEN:
            return None
        answered, replies = trio.Event(), list[Reply]()

        def keep(reply: Reply) -> None:
            replies.append(reply)
            answered.set()

        self.tell(request, keep, urgent=True, perishable=True)
        await answered.wait()
        return replies[0]

    def report(self, request: AttrsInstance, transaction: Transaction | None) -> None:
        """Send a transaction-related message, now or when it can be, in their order and at its time (§3.7)."""
        if isinstance(request, MeterValues) and len(self.memory.queue) >= MAX_QUEUED:
            return
        self.memory.queue.append(Message(self.memory.next_number(), request, transaction))
        self._changed.set()

    def open(self, gate: Gate) -> None:
        """Change what may be said."""
        self.gate = gate
        self._changed.set()

    async def quiet(self) -> None:
        """Wait until there is nothing left to say. The caller brings the deadline."""
        while self._requests or self._outstanding or self.memory.queue:
            self._finished = trio.Event()
            await self._finished.wait()

    _finished: trio.Event = field(init=False, factory=trio.Event)

    # --- a connection ------------------------------------------------------------------------------------------

    async def run(self, write: Write) -> None:
        """Speak on a connection until cancelled."""
        self.online = True
        try:
            while True:
                self._changed = trio.Event()
                now = trio.current_time()
                for message_id in [key for key, each in self._outstanding.items() if each.deadline <= now]:
                    self._finish(self._outstanding.pop(message_id).request, None)
                if len(self._outstanding) < self.personality.window and (request := self._next(now)):
                    message_id = str(self.memory.next_number())
                    self._outstanding[message_id] = _Outstanding(request, now + self.timeout)
                    await write([CALL, message_id, request.action, request.payload])
                    continue
                with trio.move_on_at(self._next_look(now)):
                    await self._changed.wait()
        finally:
            self._lost()

    def answered(self, frame: CallResult | CallError) -> None:
        """Take an answer; one that nobody waits for is dropped (OCPP-J 1.6 §4.1.1)."""
        outstanding = self._outstanding.pop(frame.message_id, None)
        if outstanding is None:
            return
        self.last_exchange = trio.current_time()
        reply: Reply = frame
        if isinstance(frame, CallResult):
            try:
                reply = decode(ACTIONS[outstanding.request.action].response, frame.payload)
            except (Invalid, KeyError):
                reply = None
        self._finish(outstanding.request, reply)
        self._changed.set()

    def _next(self, now: float) -> Request | None:
        request = next((each for each in self._requests if self._allowed(each.needs)), None)
        message = self._next_message(now)
        if message is not None and (request is None or request.order > message.order > 0):
            return self._of_message(message)
        if request is not None:
            self._requests.remove(request)
        return request

    def _allowed(self, needs: Gate) -> bool:
        return needs <= self.gate or not self.personality.waits_for_boot

    def _next_message(self, now: float) -> Message | None:
        if not self.memory.queue or not self._allowed(Gate.OPEN):
            return None
        message = self.memory.queue[0]
        if message.not_before > now or any(each.request.message for each in self._outstanding.values()):
            return None
        return message

    def _of_message(self, message: Message) -> Request:
        request, transaction = message.request, message.transaction
        if transaction is not None and isinstance(request, StopTransaction | MeterValues):
            assert transaction.transaction_id is not None
            request = evolve(request, transaction_id=transaction.transaction_id)
        return Request(message.order, ACTION_OF[type(request)].name, encode(request), message=message)

    def _next_look(self, now: float) -> float:
        """When something is due that nobody will tell of: a deadline, or the next attempt."""
        times = [each.deadline for each in self._outstanding.values()]
        if self.memory.queue and self.memory.queue[0].not_before > now:
            times.append(self.memory.queue[0].not_before)
        return min(times, default=inf)

    # --- what became of it -------------------------------------------------------------------------------------

    def _finish(self, request: Request, reply: Reply) -> None:
        if request.message is not None:
            self._finish_message(request.message, reply)
        request.then(reply)
        if request.action in self.personality.repeats and not request.repeated and reply is not None:
            self._requests.appendleft(evolve(request, then=_nothing, message=None, repeated=True))
        self._finished.set()

    def _finish_message(self, message: Message, reply: Reply) -> None:
        failed = reply is None or isinstance(reply, CallError)
        if failed:
            message.attempts += 1
            configuration = self.memory.configuration
            if message.attempts < configuration.number("TransactionMessageAttempts"):
                pause = configuration.number("TransactionMessageRetryInterval") * message.attempts
                message.not_before = trio.current_time() + pause
                return
        self.memory.queue.remove(message)
        if failed and isinstance(message.request, StartTransaction) and message.transaction is not None:
            self._give_up(message.transaction)
        self.on_transaction(message, reply)

    def _give_up(self, transaction: Transaction) -> None:
        """Drop what cannot be said of a transaction that has no id."""
        transaction.refused = True
        kept = [each for each in self.memory.queue if each.transaction is not transaction]
        self.memory.queue.clear()
        self.memory.queue.extend(kept)

    def _lost(self) -> None:
        """The connection is gone: what was in flight is said again on the next, unless it has lost its sense."""
        self.online = False
        unfinished = [each.request for each in self._outstanding.values() if each.request.message is None]
        self._outstanding.clear()
        waiting = [*unfinished, *self._requests]
        self._requests = deque(each for each in waiting if not each.perishable)
        for each in waiting:
            if each.perishable:
                each.then(None)
        for message in self.memory.queue:
            message.not_before = 0.0
