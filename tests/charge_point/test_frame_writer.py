"""The frame writer: whole frames, in time, or the connection is over."""

from datetime import timedelta
from typing import Any

import pytest
import trio
from tests.support.central import BOOT, START, open_central
from tests.support.connection import FakeConnection, session_on
from tests.support.listening import charger_on

from ocpp_actors.central_system.context import CentralSystem
from ocpp_actors.charge_point.connection import ConnectionEnded
from ocpp_actors.charge_point.frame_writer import FrameWriter
from ocpp_actors.charge_point.mailbox import Command
from ocpp_actors.charge_point.session import Session
from ocpp_actors.charge_point.supervisor import supervise
from ocpp_actors.clock import TrioClock
from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.observer import Event, FrameSent, Observer, Restarted
from ocpp_actors.protocol import messages


def writer_on(connection: FakeConnection, send_timeout: float) -> tuple[FrameWriter, list[FrameSent]]:
    told: list[FrameSent] = []
    central_system = CentralSystem(MemoryLedger(), TrioClock(START), Observer(told.append))
    return FrameWriter("CP1", central_system, connection, send_timeout), told


async def test_what_was_written_is_told(autojump_clock: Any) -> None:
    connection = FakeConnection()
    writer, told = writer_on(connection, 10.0)
    await trio.sleep(5)
    written_at = await writer.write("[1]", "1", "Reset")
    await trio.sleep(1)
    await writer.ping()
    assert connection.sent == ["[1]"]
    assert told == [FrameSent("CP1", START + timedelta(seconds=5), "[1]", "1", "Reset")]
    assert written_at == told[0].at
    assert connection.pings == [6.0]


@pytest.mark.parametrize(
    "write", [lambda writer: writer.write("[1]", "1", None), lambda writer: writer.ping()]
)
async def test_a_write_that_takes_too_long_ends_the_connection(autojump_clock: Any, write: Any) -> None:
    connection = FakeConnection(blocked=trio.Event())
    writer, told = writer_on(connection, 3.0)
    with pytest.raises(ConnectionEnded, match="1006 a frame could not be written within 3 s"):
        await write(writer)
    assert trio.current_time() == 3
    assert connection.aborted
    assert told == []
    with pytest.raises(ConnectionEnded):
        await write(writer)


async def test_a_write_is_not_cut_short_by_a_cancellation(autojump_clock: Any) -> None:
    connection = FakeConnection(blocked=trio.Event())
    writer, told = writer_on(connection, 10.0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.write, "[1]", "1", None)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        assert connection.blocked is not None
        connection.blocked.set()
    assert connection.halves == 0
    assert connection.sent == [event.text for event in told] == ["[1]"]


async def test_a_session_that_is_dropped_does_not_wait_for_a_write(autojump_clock: Any) -> None:
    connection = FakeConnection(blocked=trio.Event())
    session = session_on(connection, send_timeout=10.0)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, session)
            connection.say([2, "m1", "Heartbeat", {}])
            await trio.sleep(1)
            session.drop()
    assert trio.current_time() == 1
    assert connection.aborted
    assert connection.halves == 1


async def write_blocked(session: Session, connection: FakeConnection, nursery: trio.Nursery) -> trio.Event:
    """Run the session to the point in which the answer to a Heartbeat is being written; the event lets it go on."""
    nursery.start_soon(supervise, session)
    connection.say([2, "boot", "BootNotification", BOOT])
    await trio.testing.wait_all_tasks_blocked()
    connection.sent.clear()
    connection.blocked = trio.Event()
    connection.say([2, "beat", "Heartbeat", {}])
    await trio.testing.wait_all_tasks_blocked()
    assert session.conversation.idle
    return connection.blocked


async def test_an_answer_that_is_being_written_when_the_session_ends_is_written_whole(
    autojump_clock: Any,
) -> None:
    connection = FakeConnection()
    session = session_on(connection)
    async with trio.open_nursery() as nursery:
        go_on = await write_blocked(session, connection, nursery)
        session.end(1008, "replaced")
        await trio.testing.wait_all_tasks_blocked()
        assert connection.closed is None
        go_on.set()
    assert [frame[:9] for frame in connection.sent] == ['[3,"beat"']
    assert connection.halves == 0
    assert connection.closed == (1008, "replaced")


async def test_an_answer_that_is_being_written_when_the_tree_crashes_is_written_once_and_whole(
    autojump_clock: Any,
) -> None:
    connection = FakeConnection()
    session = session_on(connection)
    restarts: list[Event] = []
    session.central_system.observer.subscribe(
        lambda event: restarts.append(event) if isinstance(event, Restarted) else None
    )
    async with trio.open_nursery() as nursery:
        go_on = await write_blocked(session, connection, nursery)
        head = session.mailbox.head

        async def crash_once() -> Command:
            session.mailbox.head = head  # type: ignore[method-assign]
            session.mailbox.take_fleeting()
            raise RuntimeError

        session.mailbox.head = crash_once  # type: ignore[method-assign]
        session.mailbox.put(Command("ClearCache", {}))
        await trio.testing.wait_all_tasks_blocked()
        go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert len(restarts) == 1
        connection.say([2, "next", "Heartbeat", {}])
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert [frame[:9] for frame in connection.sent] == ['[3,"beat"', '[3,"next"']
    assert connection.halves == 0


async def test_a_peer_that_does_not_read_is_dropped_and_nobody_else_waits(autojump_clock: Any) -> None:
    async with open_central(send_timeout=5.0) as central, central.charger("CP2") as other:
        await other.boot()
        ours, theirs = central.pipe()
        central.accept(theirs)
        async with charger_on(ours) as deaf:
            await deaf.boot()
            theirs.send_stream.send_all_hook = trio.sleep_forever
            call = central.fleet.submit("CP1", messages.ClearCache())
            await trio.sleep(4.9)
            await other.result("Heartbeat", {})
            assert len(central.fleet) == 2
            outcome = await call.wait()
            assert trio.current_time() == 5
            assert outcome.state == "lost"
            assert "could not be written" in outcome.description
        assert len(central.fleet) == 1
