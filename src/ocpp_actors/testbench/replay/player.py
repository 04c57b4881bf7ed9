"""Plays what a charge point said against a central system, and compares the answers."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import orjson
import trio
from attrs import define, evolve, field, frozen

from ocpp_actors.protocol.errors import ErrorCode
from ocpp_actors.protocol.frames import Call, CallError, CallResult
from ocpp_actors.testbench.client import Client, Closed, Refused, Unreachable, open_client
from ocpp_actors.testbench.replay.comparison import Difference, differences, summary
from ocpp_actors.testbench.replay.plan import Plan, Reply, Step
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import WireFrame


@frozen
class Played:
    """What came of one step; ``unjudged``: there is no recorded answer to compare with."""

    step: Step
    verdict: Literal["same", "different", "unjudged"]
    found: Reply | None
    differences: tuple[Difference, ...]
    seconds: float


@frozen
class Asked:
    """The central system sent a CALL; it was answered with the recorded ``reply``, or refused where there is none."""

    call: Call
    reply: Reply | None


@frozen
class Stray:
    """The central system sent what is neither a CALL nor an answer to one that waits for it."""

    text: str


@frozen
class Lost:
    """The central system ended the connection while nothing waited for an answer; another is made."""

    reason: str


@frozen
class Ended:
    """The connection was lost and could not be made again; so many steps were not played."""

    reason: str
    left: int


Happening = Played | Asked | Stray | Lost | Ended


@frozen(kw_only=True)
class How:
    """How a plan is played: ``speed`` 1 is the recorded pace, 2 twice as fast, 0 as fast as answers come.

    ``timeout`` seconds is the longest wait, for a connection or an answer.
    """

    speed: float = 0.0
    timeout: float = 30.0
    headers: Sequence[tuple[bytes, bytes]] = ()
    ignored: frozenset[str] = frozenset()


async def play(
    plan: Plan, target: Target, identity: str, how: How, tell: Callable[[Happening], None]
) -> None:
    """Play a plan; ``tell`` is called with all that happens, as it happens.

    CALLs are sent one after the other. Where a transaction got another id than the recorded one, that is put into the
    messages that name it. A connection that the central system closes is made again for the next step.

    Raises Refused, Unreachable: there was no connection at all.
    """
    player = _Player(plan, how, tell)
    await _connect(player, target, identity, how)
    while player.steps:
        try:
            await _connect(player, target, identity, how)
        except (Refused, Unreachable) as error:
            tell(Ended(str(error), len(player.steps)))
            return


async def _connect(player: "_Player", target: Target, identity: str, how: How) -> None:
    """Play on over one connection. Raises Refused, Unreachable: it was not made."""
    with trio.CancelScope(deadline=trio.current_time() + how.timeout) as connecting:
        async with open_client(target, identity, headers=how.headers) as client:
            connecting.deadline = math.inf
            await player.play_on(client)
    if connecting.cancelled_caught:
        raise Unreachable(f"{target.url} did not complete the handshake within {how.timeout:g} s")


@define(eq=False)
class _Waiting:
    message_id: str
    answer: Reply | None = None
    over: trio.Event = field(factory=trio.Event)


@define(eq=False)
class _Player:
    plan: Plan
    how: How
    tell: Callable[[Happening], None]
    steps: deque[Step] = field(init=False)
    _replies: dict[str, deque[Reply]] = field(init=False)
    _began: float = field(init=False, factory=trio.current_time)
    _transactions: dict[int, int] = field(init=False, factory=dict)
    """The ids of transactions: recorded to given."""
    _waiting: _Waiting | None = field(init=False, default=None)
    _over: Closed | None = field(init=False, default=None)
    """How the present connection ended."""

    def __attrs_post_init__(self) -> None:
        self.steps = deque(self.plan.steps)
        self._replies = {action: deque(replies) for action, replies in self.plan.replies.items()}

    async def play_on(self, client: Client) -> None:
        """Play steps until one wants a connection of its own, or the central system closes this one."""
        self._over = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, client)
            going_on = await self._play_next(client)
            while going_on and self.steps and not self.steps[0].fresh:
                going_on = await self._play_next(client)
            nursery.cancel_scope.cancel()

    async def _play_next(self, client: Client) -> bool:
        """Play the next step in its time; False: the connection is over."""
        if self.how.speed:
            await trio.sleep_until(self._began + self.steps[0].at / self.how.speed)
        if self._over is not None:
            self.tell(Lost(str(self._over)))
            return False
        return await self._play(client, self.steps.popleft())

    async def _play(self, client: Client, step: Step) -> bool:
        """Play one step; False: the connection is over."""
        began = trio.current_time()
        closed: Closed | None = None
        self._waiting = waiting = None if step.message_id is None else _Waiting(step.message_id)
        try:
            with trio.move_on_after(self.how.timeout):
                await client.send(self._text(step))
                if waiting is not None:
                    await self._until_answered(client, waiting)
        except Closed as error:
            closed = error
        self._waiting = None
        found = None if waiting is None else waiting.answer
        self._learn(step, found)
        self._judge(step, found, closed, trio.current_time() - began)
        return closed is None

    async def _until_answered(self, client: Client, waiting: _Waiting) -> None:
        await waiting.over.wait()
        if waiting.answer is None:
            raise await client.closed()

    def _judge(self, step: Step, found: Reply | None, closed: Closed | None, seconds: float) -> None:
        if step.answer is None:
            self.tell(Played(step, "unjudged", found, (), seconds))
            return
        different = differences(step.action, step.answer, found, self.how.ignored)
        if found is None:
            why = f"no answer within {self.how.timeout:g} s" if closed is None else str(closed)
            different = (Difference("", summary(step.answer), why),)
        self.tell(Played(step, "different" if different else "same", found, different, seconds))

    # --- ids of transactions -----------------------------------------------------------------------------------

    def _text(self, step: Step) -> str:
        """Return what is sent: as it was recorded, but for the id of a transaction that has another one here."""
        payload = step.call.payload if step.call is not None else None
        recorded = payload.get("transactionId") if isinstance(payload, dict) else None
        given = self._transactions.get(recorded) if type(recorded) is int else None
        if step.call is None or given is None or given == recorded:
            return step.text
        call = evolve(step.call, payload={**step.call.payload, "transactionId": given})
        return orjson.dumps([2, call.message_id, call.action, call.payload]).decode()

    def _learn(self, step: Step, found: Reply | None) -> None:
        if step.action == "StartTransaction":
            recorded, given = _transaction_id(step.answer), _transaction_id(found)
            if recorded is not None and given is not None:
                self._transactions[recorded] = given

    # --- what the central system says --------------------------------------------------------------------------

    async def _listen(self, client: Client) -> None:
        try:
            while True:
                await self._heard(client, await client.receive())
        except Closed as closed:
            self._over = closed
            if self._waiting is not None:
                self._waiting.over.set()

    async def _heard(self, client: Client, heard: WireFrame) -> None:
        waiting, frame = self._waiting, heard.frame
        if isinstance(frame, Call):
            await self._answer(client, frame)
        elif (
            isinstance(frame, CallResult | CallError)
            and waiting is not None
            and frame.message_id == waiting.message_id
        ):
            self._waiting = None
            waiting.answer = frame
            waiting.over.set()
        else:
            self.tell(Stray(heard.text))

    async def _answer(self, client: Client, call: Call) -> None:
        """Answer as the charge point did to the same action; its last answer stands for all after it."""
        replies = self._replies.get(call.action)
        reply = None if not replies else replies[0] if len(replies) == 1 else replies.popleft()
        self.tell(Asked(call, reply))
        with trio.move_on_after(self.how.timeout):
            if reply is None:
                await client.refuse(call, ErrorCode.NOT_SUPPORTED, "no answer to it was recorded")
            elif isinstance(reply, CallResult):
                await client.answer(call, reply.payload)
            else:
                await client.refuse(call, reply.code, reply.description)


def _transaction_id(reply: Reply | None) -> int | None:
    payload: Any = reply.payload if isinstance(reply, CallResult) else None
    found = payload.get("transactionId") if isinstance(payload, dict) else None
    return found if type(found) is int else None
