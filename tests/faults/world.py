"""A central system with one charger that lives through faults and one that must not notice them."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import orjson
import trio
import trio.testing
from attrs import define, field
from tests.faults.injection import CONNECTION, Injector, watched
from tests.support.central import BOOT, Central
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from ocpp_actors.charge_point.mailbox import Command
from ocpp_actors.charge_point.session import Session
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.ledger.port import AdmitChargePoint, CommandState, FindCommand, R, Request
from ocpp_actors.observer import Connected, Disconnected, FrameReceived, Restarted
from ocpp_actors.protocol.messages import ClearCache
from ocpp_actors.server.fleet import NotConnected
from ocpp_actors.server.handshakes import Place

IDENTITY, NEIGHBOUR = "CP1", "CP2"
SILENCE_LIMIT = 20.0
HEARTBEAT_EVERY = 4.0
ATTEMPTS = 6
PATIENCE = 30.0
"""Virtual seconds after which a CALL without an answer, or a command without an outcome, is a failure."""

Reply = Callable[["Line", str], Awaitable[None]]
"""What the charger does about a CALL: connection, message id."""


class WaitingLedger(MemoryLedger):
    """Lets time pass before and after it carries out a request, as a database does."""

    async def ask(self, request: Request[R], by: float | None = None) -> R:
        await trio.sleep(0.01)
        answer: R = self.carry_out(request)
        await trio.sleep(0.01)
        return answer


class PipeEnd(trio.abc.Stream):
    """One end of a pipe: ``stalled``, nobody reads what it sends; ``mute``, what it sends is lost."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._closed = trio.Event()
        self.stalled = False
        self.mute = False

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if self.stalled:
            await self._closed.wait()
            raise trio.ClosedResourceError
        if self.mute:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self._stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self._closed.set()
        await self._stream.aclose()


@define(eq=False)
class Line:
    """One connection of the charger, and all that was said on it."""

    world: "World"
    theirs: PipeEnd
    ours: PipeEnd
    remote: str
    connection: WebSocketConnection | None = None
    calls: set[str] = field(factory=set)
    answers: dict[str, list[Any]] = field(factory=dict)
    closed: tuple[int, str] | None = None
    closed_at: float = 0.0
    dropped: bool = False
    handshakes_ended: int = 0
    _news: trio.Event = field(factory=trio.Event)

    async def send(self, frame: Any) -> None:
        assert self.connection is not None
        if isinstance(frame, list) and frame[0] == 2:
            self.calls.add(frame[1])
        try:
            await self.connection.send_message(
                frame if isinstance(frame, str | bytes) else orjson.dumps(frame).decode()
            )
        except ConnectionClosed:
            await self.until(lambda: False)

    async def call(self, action: str, payload: Any) -> Any:
        """Send a CALL and return its answer, or None where the connection ended instead."""
        message_id = self.world.new_id()
        await self.send([2, message_id, action, payload])
        return await self.answer(message_id)

    async def answer(self, message_id: str, number: int = 1) -> Any:
        """Return that answer to a CALL, or None where the connection ended instead."""
        # Well before the silence limit: a CALL that is swallowed must not end as a connection that was closed anyway.
        with trio.fail_after(SILENCE_LIMIT / 2):
            await self.until(lambda: len(self.answers.get(message_id, ())) >= number)
        answers = self.answers.get(message_id, [])
        return answers[number - 1] if len(answers) >= number else None

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something happened on this connection, or it is closed."""
        with trio.fail_after(PATIENCE):
            while self.closed is None and not happened():
                await self._news.wait()

    async def listen(self) -> None:
        assert self.connection is not None
        try:
            while True:
                frame = orjson.loads(await self.connection.get_message())
                if frame[0] == 2:
                    self.world.nursery.start_soon(self.world.reply, self, frame[1], frame[2])
                else:
                    self.answers.setdefault(frame[1], []).append(frame)
                self.ring()
        except ConnectionClosed as closed:
            reason = closed.reason
            self.end((1006, "") if reason is None else (reason.code, reason.reason or ""))
        await trio.aclose_forcefully(self.ours)

    def end(self, reason: tuple[int, str]) -> None:
        self.closed, self.closed_at = reason, trio.current_time()
        self.ring()

    def ring(self) -> None:
        self._news.set()
        self._news = trio.Event()

    @property
    def fine(self) -> bool:
        """Whether nothing ends this connection or is about to."""
        hurt = self.closed is not None or self.dropped or self.ours.mute
        return not hurt and not self.theirs.stalled and not self.theirs.closed

    async def drop(self) -> None:
        self.dropped = True
        await trio.aclose_forcefully(self.ours)
        await self.until(lambda: False)


@define(eq=False)
class World:
    """The central system, the charger under test and its neighbour."""

    central: Central
    nursery: trio.Nursery
    injector: Injector
    lines: list[Line] = field(factory=list)
    commands: list[Command] = field(factory=list)
    replies: dict[str, Reply] = field(factory=dict)
    heartbeats: int = 0
    undisturbed: bool = False
    """Whether the fault was injected while nothing else was about to end the session."""
    struck: Line | None = None
    """The connection that was open when the fault was injected."""
    happened: trio.Event = field(factory=trio.Event)
    tasks_before: int = 0
    _ids: int = 0

    def __attrs_post_init__(self) -> None:
        self.injector.on_act = self._on_act

    def _on_act(self) -> None:
        session = self.session
        self.struck = self.lines[-1]
        self.undisturbed = (
            session is not None
            and session.remote == self.struck.remote
            and session.over is None
            and not session.draining
            and self.struck.fine
            and not self.injector.cancelled_before
        )
        self.happened.set()

    def new_id(self) -> str:
        self._ids += 1
        return f"m{self._ids}"

    @property
    def restarts(self) -> int:
        return sum(event.identity == IDENTITY for event in self.central.told(Restarted))

    @property
    def session(self) -> Session | None:
        entry = self.central.fleet.find(IDENTITY)
        return entry.session if entry is not None else None

    # --- the charger under test ---

    async def connect(self) -> Line:
        """Connect, as often as it takes."""
        for _ in range(ATTEMPTS):
            ours, theirs = trio.testing.memory_stream_pair()
            line = Line(self, PipeEnd(theirs), PipeEnd(ours), f"test:{len(self.lines) + 1}")
            self.lines.append(line)
            self.central.nursery.start_soon(self._serve, line)
            self.nursery.start_soon(self._dial, line)
            await line.until(lambda line=line: line.connection is not None)  # type: ignore[misc]
            if line.connection is not None:
                return line
        raise AssertionError("the charger is not let in")

    async def _dial(self, line: Line) -> None:
        try:
            async with trio.open_nursery() as nursery:
                with trio.move_on_after(3):
                    line.connection = await wrap_client_stream(
                        nursery,
                        line.ours,  # type: ignore[arg-type]  # any stream will do
                        "central.test",
                        f"/ocpp/{IDENTITY}",
                        subprotocols=["ocpp1.6"],
                    )
                    nursery.start_soon(line.listen)
                    line.ring()
                if line.connection is None:
                    nursery.cancel_scope.cancel()
        except* ConnectionRejected:
            pass
        if line.connection is None:
            await trio.aclose_forcefully(line.ours)
            line.end((1006, "no handshake"))

    async def _serve(self, line: Line) -> None:
        class CountedPlace(Place):
            def leave(self) -> None:
                line.handshakes_ended += not self.over
                super().leave()

        handshakes = self.central.server._handshakes
        place = CountedPlace(handshakes, line.remote, lambda: None, patience=handshakes.apart("").patience)
        watched.set(True)
        await self.injector.run(CONNECTION, self.central.server.serve(line.theirs, line.remote, place))

    async def online(self) -> Line:
        """Return the open connection, a new one if the last was lost."""
        for line in reversed(self.lines):
            if line.connection is not None and line.closed is None:
                return line
        return await self.connect()

    async def say(self, action: str, payload: Any) -> dict[str, Any]:
        """Send a CALL, again and over a new connection if need be, until it has a CALLRESULT; return that."""
        for _ in range(ATTEMPTS):
            answer = await (await self.online()).call(action, payload)
            if answer is not None and answer[0] == 3:
                payload = answer[2]
                assert isinstance(payload, dict)
                return payload
        raise AssertionError(f"{action} gets no CALLRESULT")

    async def boot(self) -> None:
        await self.say("BootNotification", BOOT)

    async def come_online(self) -> Line:
        """Connect and boot, which is not part of the scenario."""
        self.injector.counting = False
        await self.boot()
        await trio.sleep(0.1)
        self.injector.counting = True
        return await self.online()

    async def reply(self, line: Line, message_id: str, action: str) -> None:
        answer = self.replies.get(action)
        if answer is not None:
            await answer(line, message_id)
        else:
            await line.send([3, message_id, {} if action == "GetConfiguration" else {"status": "Accepted"}])

    # --- the operator ---

    async def submit(self, request: Any) -> Command:
        """Submit a command as soon as the charger is connected."""
        for _ in range(ATTEMPTS):
            await self.online()
            try:
                command = self.central.fleet.submit(IDENTITY, request)
            except NotConnected:
                await trio.sleep(1)
            else:
                self.commands.append(command)
                return command
        raise AssertionError("the charger is never connected")

    async def queue(self, request: Any, seconds: float = 600) -> Command:
        """Queue a command durably."""
        await self.central.ledger.ask(AdmitChargePoint(IDENTITY, self.central.system.clock.now()))
        await self.central.fleet.queue(IDENTITY, request, timedelta(seconds=seconds))
        entry = self.central.fleet.find(IDENTITY)
        assert entry is not None
        command = entry.mailbox._commands[-1]
        self.commands.append(command)
        return command

    async def outcome(self, command: Command) -> CommandState:
        """Wait until a command ended, with a charger that is there."""
        for _ in range(ATTEMPTS):
            await self.online()
            with trio.move_on_after(PATIENCE / 2):
                return (await command.wait()).state
        raise AssertionError(f"{command.action} never ends")

    # --- the neighbour ---

    async def run_neighbour(self, task_status: trio.TaskStatus[None]) -> None:
        """Send heartbeats, also when the fault happens; each must be answered in the very moment."""
        async with self.central.charger(NEIGHBOUR) as charger:
            await charger.boot()
            task_status.started()
            happened = self.happened
            while True:
                asked_at = trio.current_time()
                with trio.fail_after(1):
                    await charger.result("Heartbeat", {})
                assert trio.current_time() == asked_at, "the neighbour had to wait"
                self.heartbeats += 1
                with trio.move_on_after(HEARTBEAT_EVERY):
                    await happened.wait()
                    happened = trio.Event()

    # --- what must hold ---

    async def find_tree_whole(self) -> None:
        """Show that each task of the tree does its work: answers, commands, watch over silence."""
        await self.say("Heartbeat", {})
        for _ in range(ATTEMPTS):
            if await self.outcome(await self.submit(ClearCache())) is CommandState.ANSWERED:
                break
        else:
            raise AssertionError("no command is answered")
        line = await self.online()
        line.ours.mute = True
        silent_since = trio.current_time()
        await line.until(lambda: False)
        assert line.closed_at - silent_since < SILENCE_LIMIT + 0.1

    async def settle(self) -> None:
        """Check what was answered, then leave the charger disconnected and give the server time to notice."""
        await trio.sleep(0.5)
        self._check_answers()
        for line in self.lines:
            if line.closed is None:
                await line.drop()
        await trio.sleep(3)

    def _check_answers(self) -> None:
        read: Counter[str] = Counter()
        for event in self.central.told(FrameReceived):
            if event.identity == IDENTITY:
                frame = _parsed(event.text)
                if frame is not None and frame[0] == 2:
                    read[frame[1]] += 1
        for message_id, times in read.items():
            lines = [line for line in self.lines if message_id in line.calls]
            answers = sum(len(line.answers.get(message_id, ())) for line in lines)
            assert answers <= times, f"{message_id} was answered too often"
            assert answers or any(line.closed for line in lines), f"{message_id} was never answered"

    def check(self) -> None:
        """Check what must hold at the end of every scenario, whatever the fault."""
        entry = self.central.fleet.find(IDENTITY)
        waiting = list(entry.mailbox._commands) if entry is not None else []
        for command in self.commands:
            self._check_command(command, waiting=command in waiting)
        assert all(command in self.commands or command.durable for command in waiting)
        assert self.session is None
        assert len(self.central.fleet) == 1, "only the neighbour is connected"
        assert all(line.theirs.closed for line in self.lines), "a stream was left open"
        assert all(line.handshakes_ended == 1 for line in self.lines)
        assert trio.lowlevel.current_statistics().tasks_living == self.tasks_before, "a task was left behind"
        connected, disconnected = self.central.told(Connected), self.central.told(Disconnected)
        assert len(connected) == len(disconnected) + 1
        assert all(event.identity == IDENTITY for event in disconnected), "the neighbour was disconnected"
        assert self.heartbeats >= int(trio.current_time() / HEARTBEAT_EVERY)

    def _check_command(self, command: Command, *, waiting: bool) -> None:
        if command.record_id is None:
            assert command.outcome is not None, f"{command.action} has no outcome"
            assert not waiting
            return
        assert (command.outcome is None) == waiting, f"{command.action}: {command.outcome}, {waiting=}"
        assert isinstance(self.central.ledger, MemoryLedger)
        record = self.central.ledger.carry_out(FindCommand(command.record_id))
        if command.outcome is None or record.state == command.outcome.state:
            return
        # Where even recording the loss failed, the ledger makes it unknown at the next start.
        assert record.state is CommandState.SENT
        assert command.outcome.state is CommandState.LOST
        assert self.injector.within("_leave_nothing_behind")


def _parsed(text: str) -> list[Any] | None:
    try:
        frame = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return frame if isinstance(frame, list) and len(frame) == 4 else None
