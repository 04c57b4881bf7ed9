"""Commands that wait in the ledger for an offline charger, and are never sent twice."""

from datetime import timedelta
from typing import Any

import pytest
import trio
from structlog.testing import capture_logs
from tests.support.central import START, Central, open_central
from tests.support.failing_ledger import FailingLedger, Fault
from tests.support.messages import hears_nothing, serve_command

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    CommandRecord,
    CommandState,
    EndCommand,
    FindChargePoint,
    FindCommand,
    Ledger,
    LedgerUnavailable,
    ListCommands,
    MarkCommandSent,
    QueueCommand,
)
from ocpp_actors.observer import CommandEnded, Restarted
from ocpp_actors.protocol import messages as m
from ocpp_actors.server.fleet import UnknownChargePoint

SOFT, HARD = m.Reset(type=m.ResetType.SOFT), m.Reset(type=m.ResetType.HARD)
ACCEPTED = {"status": "Accepted"}
HOUR = timedelta(hours=1)


async def introduce(ledger: Ledger, *identities: str) -> None:
    for identity in identities:
        await ledger.ask(AdmitChargePoint(identity, START))


async def record(central: Central, command_id: int) -> CommandRecord:
    found = await central.ledger.ask(FindCommand(command_id))
    assert found is not None
    return found


async def test_commands_wait_for_an_offline_charger_in_order(autojump_clock: Any) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "CP1")
        first = await central.fleet.queue("CP1", SOFT, HOUR, requested_by="operator")
        second = await central.fleet.queue("cp1", m.ClearCache(), HOUR)
        await trio.sleep(600)
        async with central.charger() as charger:
            await charger.boot()
            assert await serve_command(charger, ACCEPTED) == ("Reset", {"type": "Soft"})
            assert await serve_command(charger, {"status": "Rejected"}) == ("ClearCache", {})
            await trio.testing.wait_all_tasks_blocked()
        ended = await record(central, first)
        assert (ended.state, ended.message_id, ended.requested_by) == (
            CommandState.ANSWERED,
            "s1",
            "operator",
        )
        assert ended.sent_at == ended.ended_at == START + timedelta(seconds=600)
        assert ended.detail == {"response": ACCEPTED, "seconds": 0.0}
        assert (await record(central, second)).detail == {"response": {"status": "Rejected"}, "seconds": 0.0}
        assert [event.outcome for event in central.told(CommandEnded)] == ["answered", "answered"]


async def test_a_connected_charger_gets_them_at_once(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        await central.fleet.queue("CP1", SOFT, HOUR)
        await serve_command(charger, ACCEPTED)
        assert trio.current_time() == 0


async def test_a_command_expires_while_it_waits(autojump_clock: Any) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "CP1")
        command_id = await central.fleet.queue("CP1", SOFT, timedelta(seconds=60))
        await trio.sleep(59.5)
        assert (await record(central, command_id)).state is CommandState.WAITING
        await trio.sleep(2)
        assert (await record(central, command_id)).state is CommandState.EXPIRED
        assert [event.outcome for event in central.told(CommandEnded)] == ["expired"]
        async with central.charger() as charger:
            await charger.boot()
            assert await hears_nothing(charger, 60)


async def test_a_command_that_has_expired_when_its_turn_comes_is_not_sent(autojump_clock: Any) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "CP1")
        command_id = await central.fleet.queue("CP1", SOFT, timedelta(seconds=60.5))
        await trio.sleep(60.2)
        async with central.charger() as charger:
            await trio.sleep(0.5)
            # No look for expired commands happened since; the outbound queue sees it by itself.
            assert (await record(central, command_id)).state is CommandState.WAITING
            await charger.boot()
            await trio.testing.wait_all_tasks_blocked()
            assert (await record(central, command_id)).state is CommandState.EXPIRED
            assert await hears_nothing(charger, 60)
        assert [event.outcome for event in central.told(CommandEnded)] == ["expired"]


async def test_an_expiry_that_cannot_be_recorded_is_tried_again(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        await introduce(central.ledger, "CP1")
        command_id = await central.fleet.queue("CP1", SOFT, timedelta(seconds=1))
        ledger.unavailable(EndCommand, times=3)
        await trio.sleep(3.5)
        assert (await record(central, command_id)).state is CommandState.WAITING
        await trio.sleep(2)
        assert (await record(central, command_id)).state is CommandState.EXPIRED


async def test_a_command_does_not_expire_while_its_sending_is_recorded(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        ledger.is_slow(MarkCommandSent, seconds=5)
        command_id = await central.fleet.queue("CP1", SOFT, timedelta(seconds=1))
        await serve_command(charger, ACCEPTED)
        assert trio.current_time() == 5
        await trio.sleep(5)
        assert (await record(central, command_id)).state is CommandState.ANSWERED
        assert [event.outcome for event in central.told(CommandEnded)] == ["answered"]


async def test_after_a_restart_waiting_commands_are_sent_once_and_sent_ones_are_unknown(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        await introduce(ledger, "CP2")
        sent = await central.fleet.queue("CP1", SOFT, HOUR)
        waiting = await central.fleet.queue("CP1", HARD, HOUR)
        offline = await central.fleet.queue("CP2", m.ClearCache(), HOUR)
        assert (await charger.receive())[2] == "Reset"
        # The server dies: nothing is recorded any more.
        ledger.unavailable()
    ledger.recovers()

    async with open_central(ledger=ledger) as central:
        assert (await record(central, sent)).state is CommandState.SENT
        await central.fleet.restore_commands()
        assert (await record(central, sent)).state is CommandState.UNKNOWN
        async with central.charger() as charger, central.charger("CP2") as other:
            await charger.boot()
            await other.boot()
            assert await serve_command(charger, ACCEPTED) == ("Reset", {"type": "Hard"})
            assert await serve_command(other, ACCEPTED) == ("ClearCache", {})
            assert await hears_nothing(charger, 60)
        assert (await record(central, waiting)).state is CommandState.ANSWERED
        assert (await record(central, offline)).state is CommandState.ANSWERED


async def test_more_commands_than_fit_a_mailbox_or_a_page_are_restored_in_order(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    await introduce(ledger, "CP1")
    total = 1005
    for number in range(total):
        await ledger.ask(
            QueueCommand("CP1", "DataTransfer", {"vendorId": str(number)}, START, START + timedelta(days=1))
        )
    async with open_central(ledger=ledger, mailbox_size=1) as central:
        await central.fleet.restore_commands()
        async with central.charger() as charger:
            await charger.boot()
            for number in range(total):
                assert await serve_command(charger, ACCEPTED) == ("DataTransfer", {"vendorId": str(number)})
        assert await ledger.ask(ListCommands(state=CommandState.WAITING)) == []
    # One page too many shows the end.
    assert ledger.count(ListCommands) == 4


async def test_a_command_that_is_no_longer_waiting_in_the_ledger_is_not_sent(autojump_clock: Any) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "CP1")
        command_id = await central.fleet.queue("CP1", SOFT, HOUR)
        await central.ledger.ask(MarkCommandSent(command_id, "earlier", START))
        async with central.charger() as charger:
            await charger.boot()
            assert await hears_nothing(charger, 60)
        assert (await record(central, command_id)).state is CommandState.UNKNOWN
        assert [event.outcome for event in central.told(CommandEnded)] == ["unknown"]


async def test_a_command_whose_sending_the_ledger_refuses_to_record_is_not_sent(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        ledger.refuses(MarkCommandSent)
        refused = await central.fleet.queue("CP1", SOFT, HOUR)
        assert await hears_nothing(charger, 60)
        ledger.recovers()
        await central.fleet.queue("CP1", m.ClearCache(), HOUR)
        assert (await serve_command(charger, ACCEPTED))[0] == "ClearCache"
        assert (await record(central, refused)).state is CommandState.UNKNOWN


async def test_a_command_for_an_unknown_charger_is_not_queued(autojump_clock: Any) -> None:
    async with open_central() as central:
        with pytest.raises(UnknownChargePoint, match="CP9"):
            await central.fleet.queue("CP9", SOFT, HOUR)
        assert await central.ledger.ask(FindChargePoint("CP9")) is None
        assert await central.ledger.ask(ListCommands()) == []


async def test_a_command_whose_charger_is_gone_at_the_start_is_lost(autojump_clock: Any) -> None:
    async with open_central() as central:
        await introduce(central.ledger, "CP1")
        ask = central.ledger.ask
        gone = (await ask(QueueCommand("CP9", "ClearCache", {}, START, START + HOUR))).command_id
        stays = (await ask(QueueCommand("CP1", "ClearCache", {}, START, START + HOUR))).command_id
        await central.fleet.restore_commands()
        assert (await record(central, gone)).state is CommandState.LOST
        assert (await record(central, stays)).state is CommandState.WAITING


@pytest.mark.parametrize("how", ["hangs", "fails"])
async def test_a_command_whose_sending_cannot_be_recorded_waits(autojump_clock: Any, how: str) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        await introduce(ledger, "CP2")
        command_id = await central.fleet.queue("CP2", SOFT, HOUR)
        {"hangs": ledger.hangs, "fails": ledger.unavailable}[how](MarkCommandSent)
        async with central.charger("CP2") as other:
            await other.boot()
            assert await hears_nothing(other, 60)
            await other.result("Heartbeat", {})
            assert (await record(central, command_id)).state is CommandState.WAITING
            ledger.recovers()
            await serve_command(other, ACCEPTED)
            await trio.testing.wait_all_tasks_blocked()
            assert (await record(central, command_id)).state is CommandState.ANSWERED


async def test_a_sending_that_was_recorded_by_a_failed_attempt_is_not_repeated(autojump_clock: Any) -> None:
    """After such a failure nobody knows whether it was sent, so it is not."""
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        ledger.unavailable(MarkCommandSent, times=1, stored=True)
        command_id = await central.fleet.queue("CP1", SOFT, HOUR)
        assert await hears_nothing(charger, 60)
        assert (await record(central, command_id)).state is CommandState.UNKNOWN


async def test_a_late_reply_that_comes_while_the_timeout_is_recorded_never_answers_the_next_call(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, call_timeout=30.0) as central, central.charger() as charger:
        await charger.boot()
        command_id = await central.fleet.queue("CP1", SOFT, HOUR)
        following = central.fleet.submit("CP1", m.ClearCache())
        late = await charger.receive()
        ledger.is_slow(EndCommand, seconds=5)
        await trio.sleep(32)
        await charger.send([3, late[1], {"status": "Rejected"}])
        frame = await charger.receive()
        assert frame[2] == "ClearCache"
        await charger.send([3, frame[1], ACCEPTED])
        assert (await following.wait()).payload == ACCEPTED
        assert (await record(central, command_id)).state is CommandState.TIMEOUT


@pytest.mark.parametrize("how", ["hangs", "fails"])
async def test_an_outcome_that_cannot_be_recorded_holds_nothing_up_for_long(
    autojump_clock: Any, how: str
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, ledger_patience=10.0) as central, central.charger() as charger:
        await charger.boot()
        command_id = await central.fleet.queue("CP1", SOFT, HOUR)
        following = central.fleet.submit("CP1", m.ClearCache())
        ledger.hangs(EndCommand) if how == "hangs" else ledger.unavailable(EndCommand)
        await serve_command(charger, ACCEPTED)
        await serve_command(charger, ACCEPTED)
        assert (await following.wait()).state is CommandState.ANSWERED
        assert trio.current_time() <= 10
        assert (await record(central, command_id)).state is CommandState.SENT


async def test_a_command_in_flight_when_the_connection_ends_is_lost_and_not_sent_again(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        async with central.charger() as charger:
            await charger.boot()
            command_id = await central.fleet.queue("CP1", SOFT, HOUR)
            waiting = await central.fleet.queue("CP1", HARD, HOUR)
            await charger.receive()
        await trio.sleep(1)
        ended = await record(central, command_id)
        assert ended.state is CommandState.LOST
        assert ended.detail is not None
        assert "the connection ended" in ended.detail["errorDescription"]
        assert (await record(central, waiting)).state is CommandState.WAITING
        async with central.charger() as charger:
            await charger.boot()
            assert await serve_command(charger, ACCEPTED) == ("Reset", {"type": "Hard"})
            assert await hears_nothing(charger, 60)


async def test_the_end_of_a_connection_waits_only_so_long_for_a_ledger_that_hangs(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        async with central.charger() as charger:
            await charger.boot()
            await central.fleet.queue("CP1", SOFT, HOUR)
            await charger.receive()
            ledger.hangs(EndCommand)
        await trio.sleep(3)
        assert len(central.fleet) == 0


async def test_a_command_that_cannot_be_stored_is_not_queued(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, mailbox_size=1) as central:
        await introduce(ledger, "CP1", "CP2")
        await central.fleet.queue("CP1", SOFT, HOUR)
        with pytest.raises(MailboxFull):
            await central.fleet.queue("CP1", SOFT, HOUR)
        assert ledger.count(QueueCommand) == 1
        ledger.unavailable(QueueCommand)
        with pytest.raises(LedgerUnavailable):
            await central.fleet.queue("CP2", SOFT, HOUR)
        entry = central.fleet.find("CP2")
        assert entry is not None
        assert len(entry.mailbox) == 0


async def test_an_answer_that_came_is_not_lost_when_the_connection_ends_while_it_is_recorded(
    autojump_clock: Any,
) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        async with central.charger() as charger:
            await charger.boot()
            command_id = await central.fleet.queue("CP1", SOFT, HOUR)
            ledger.hangs(EndCommand)
            await serve_command(charger, ACCEPTED)
            await trio.sleep(1)
            ledger.recovers()
        await trio.sleep(3)
        ended = await record(central, command_id)
        assert ended.state is CommandState.ANSWERED
        assert ended.detail is not None
        assert ended.detail["response"] == ACCEPTED
        assert [event.outcome for event in central.told(CommandEnded)] == ["answered"]


async def test_an_answer_that_came_is_not_lost_when_the_tree_crashes_while_it_is_recorded(
    autojump_clock: Any,
) -> None:
    router = default_router()

    @router.on(m.DataTransfer)
    def crash_the_tree(request: m.DataTransfer, context: Context) -> m.DataTransferResponse:
        return m.DataTransferResponse(status=m.DataTransferStatus.ACCEPTED, data="half \ud800")

    ledger = FailingLedger()
    async with open_central(ledger=ledger, router=router) as central, central.charger() as charger:
        await charger.boot()
        command_id = await central.fleet.queue("CP1", SOFT, HOUR)
        following = central.fleet.submit("CP1", m.ClearCache())
        ledger.hangs(EndCommand)
        await serve_command(charger, ACCEPTED)
        await trio.sleep(1)
        ledger.recovers()
        assert (await charger.call("DataTransfer", {"vendorId": "V"}))[2] == "InternalError"
        assert len(central.told(Restarted)) == 1
        await serve_command(charger, ACCEPTED)
        assert (await following.wait()).state is CommandState.ANSWERED
        assert (await record(central, command_id)).state is CommandState.ANSWERED


async def test_a_caller_that_gives_up_leaves_no_command_stored_and_forgotten(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        await introduce(ledger, "CP1")
        ledger.is_slow(QueueCommand, seconds=3)
        with trio.move_on_after(1) as caller:
            await central.fleet.queue("CP1", SOFT, HOUR)
            await trio.lowlevel.checkpoint()
        assert caller.cancelled_caught
        assert trio.current_time() == 3
        async with central.charger() as charger:
            await charger.boot()
            await serve_command(charger, ACCEPTED)
            await trio.testing.wait_all_tasks_blocked()
        assert [record.state for record in await ledger.ask(ListCommands())] == [CommandState.ANSWERED]


async def test_a_ledger_that_hangs_holds_the_caller_up_for_so_long(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger, ledger_patience=7.0, mailbox_size=1) as central:
        await introduce(ledger, "CP1")
        ledger.hangs(QueueCommand)
        with pytest.raises(LedgerUnavailable, match="no answer within 7 s"):
            await central.fleet.queue("CP1", SOFT, HOUR)
        assert trio.current_time() == 7
        ledger.recovers()
        await central.fleet.queue("CP1", SOFT, HOUR)


async def test_callers_at_the_same_time_do_not_exceed_the_mailbox(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    outcomes = []
    async with open_central(ledger=ledger, mailbox_size=2) as central:
        await introduce(ledger, "CP1")
        ledger.is_slow(QueueCommand, seconds=1)

        async def queue() -> None:
            try:
                await central.fleet.queue("CP1", SOFT, HOUR)
            except MailboxFull:
                outcomes.append("full")
            else:
                outcomes.append("queued")

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(queue)
        assert sorted(outcomes) == ["full", "full", "queued", "queued"]
        assert len(await ledger.ask(ListCommands())) == 2


@pytest.mark.parametrize("slow", [1, 2])
async def test_a_command_that_two_find_expired_is_told_once(autojump_clock: Any, slow: int) -> None:
    """The sweep finds it first; where only the sweep is slow, it is the last to be done with it."""
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await central.fleet.queue("CP1", SOFT, timedelta(seconds=2.5))
        ledger.is_slow(EndCommand, seconds=5, times=slow)
        await trio.sleep(4)
        # The sweep is recording the expiry; the boot lets the outbound queue look at the command too.
        await charger.boot()
        await trio.sleep(20)
        assert [event.outcome for event in central.told(CommandEnded)] == ["expired"]


async def test_a_bug_while_commands_expire_is_logged_and_the_next_look_goes_on(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    async with open_central(ledger=ledger) as central:
        await introduce(ledger, "CP1")
        await central.fleet.queue("CP1", SOFT, timedelta(seconds=1))
        ledger._faults.append(Fault((EndCommand,), RuntimeError("a bug"), 0.0, False, 2))
        with capture_logs() as lines:
            await trio.sleep(10)
        assert [line["log_level"] for line in lines] == ["error", "error"]
        assert [record.state for record in await ledger.ask(ListCommands())] == [CommandState.EXPIRED]
