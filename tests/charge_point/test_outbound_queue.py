"""Commands out: one CALL in flight, in order, each to its outcome (OCPP-J 1.6 §4.1.1)."""

from typing import Any

import pytest
import trio
from tests.support.central import START, open_central
from tests.support.connection import FakeConnection, session_on
from tests.support.messages import hears_nothing, serve_command
from trio.testing import MockClock

from ocpp_actors.central_system.judging import LARGE
from ocpp_actors.charge_point.mailbox import Command, MailboxFull, Outcome
from ocpp_actors.charge_point.outbound_queue import run_outbound_queue
from ocpp_actors.charge_point.session import Reply, Session
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    ChargePointSettings,
    CommandState,
    SetChargePointSettings,
    SetRegistration,
)
from ocpp_actors.observer import CommandEnded, Flagged, Restarted
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.conversation import ReplyArrived
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.server.fleet import NotAllowed, NotConnected

SOFT, HARD = m.Reset(type=m.ResetType.SOFT), m.Reset(type=m.ResetType.HARD)
ACCEPTED = {"status": "Accepted"}


async def test_one_call_is_in_flight_and_the_order_is_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        submitted = [central.fleet.submit("CP1", request) for request in (SOFT, m.ClearCache(), HARD)]
        for action, payload in (("Reset", {"type": "Soft"}), ("ClearCache", {}), ("Reset", {"type": "Hard"})):
            frame = await charger.receive()
            assert frame[2:] == [action, payload]
            assert await hears_nothing(charger, 10)
            await charger.send([3, frame[1], ACCEPTED])
        outcomes = [await command.wait() for command in submitted]
        assert [outcome.state for outcome in outcomes] == [CommandState.ANSWERED] * 3
        assert [outcome.seconds for outcome in outcomes] == [10, 10, 10]
        assert outcomes[0].response == m.ResetResponse(status=m.ResetStatus.ACCEPTED)
        assert outcomes[0].payload == ACCEPTED
        assert outcomes[0].message_id == "s1"
        assert [event.outcome for event in central.told(CommandEnded)] == ["answered"] * 3


async def test_each_call_has_an_id_of_its_own(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        ids = set()
        for _ in range(5):
            central.fleet.submit("CP1", SOFT)
            frame = await charger.receive()
            ids.add(frame[1])
            await charger.send([3, frame[1], ACCEPTED])
        assert len(ids) == 5


async def test_after_a_timeout_the_next_is_sent_and_the_late_reply_answers_nothing(
    autojump_clock: Any,
) -> None:
    async with open_central(call_timeout=30.0) as central, central.charger() as charger:
        await charger.boot()
        first, second = central.fleet.submit("CP1", SOFT), central.fleet.submit("CP1", m.ClearCache())
        late = await charger.receive()
        outcome = await first.wait()
        assert (outcome.state, trio.current_time()) == (CommandState.TIMEOUT, 30)
        assert "no answer within 30 s" in outcome.description
        following = await charger.receive()
        await charger.send([3, late[1], {"status": "Rejected"}])
        await charger.result("Heartbeat", {})
        assert second.outcome is None
        assert [event.quirk for event in central.told(Flagged)] == ["late reply"]
        await charger.send([3, following[1], ACCEPTED])
        assert (await second.wait()).response.status == "Accepted"


async def test_a_reply_in_the_very_moment_of_the_timeout_never_answers_the_next_call(
    mock_clock: MockClock,
) -> None:
    """Which of the two comes first is chance, so it is tried often enough for both."""
    mock_clock.autojump_threshold = 0
    seen = set()
    for _ in range(40):
        session = session_on(FakeConnection(), call_timeout=30.0, boot_grace=0.0)
        first, second = Command("Reset", {"type": "Soft"}), Command("ClearCache", {})
        session.mailbox.put(first)
        session.mailbox.put(second)

        async def reply_at(moment: float, text: str, session: Session = session) -> None:
            await trio.sleep_until(moment)
            event = session.conversation.receive(text)
            if isinstance(event, ReplyArrived):
                session.replies_in.send_nowait(Reply(event.reply, len(text)))

        async with trio.open_nursery() as nursery:
            began = trio.current_time()
            nursery.start_soon(reply_at, began + 30, '[3,"a",{"status":"Rejected"}]')
            nursery.start_soon(reply_at, began + 40, '[3,"b",{"status":"Accepted"}]')
            nursery.start_soon(run_outbound_queue, session)
            outcome = await first.wait()
            seen.add(outcome.state)
            assert outcome.state is CommandState.TIMEOUT or outcome.payload == {"status": "Rejected"}
            assert (await second.wait()).payload == {"status": "Accepted"}
            nursery.cancel_scope.cancel()
    assert seen == {CommandState.TIMEOUT, CommandState.ANSWERED}


@pytest.mark.parametrize(
    ("rest", "description", "details"),
    [
        (["NotSupported"], "", {}),
        (["NotSupported", "no"], "no", {}),
        (["NotSupported", "no", {"why": 1}], "no", {"why": 1}),
    ],
)
async def test_a_call_error_is_an_outcome_whatever_is_left_out(
    autojump_clock: Any, rest: list[Any], description: str, details: Any
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", SOFT)
        frame = await charger.receive()
        await charger.send([4, frame[1], *rest])
        outcome = await command.wait()
        assert outcome.state is CommandState.CALL_ERROR
        assert (outcome.error_code, outcome.description, outcome.payload) == (
            "NotSupported",
            description,
            details,
        )
        assert outcome.response is None


async def test_an_answer_that_breaks_its_schema_is_invalid_and_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", SOFT)
        await serve_command(charger, {"status": "Perhaps"})
        outcome = await command.wait()
        assert outcome.state is CommandState.INVALID
        assert outcome.payload == {"status": "Perhaps"}
        assert outcome.response is None
        assert outcome.error_code == "PropertyConstraintViolation"


async def test_a_lenient_chargers_odd_answer_is_put_up_with(autojump_clock: Any) -> None:
    async with open_central() as central:
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        await central.ledger.ask(SetChargePointSettings("CP1", ChargePointSettings(lenient=True)))
        async with central.charger() as charger:
            await charger.boot()
            command = central.fleet.submit("CP1", SOFT)
            await serve_command(charger, {"status": "Perhaps"})
            outcome = await command.wait()
            assert outcome.state is CommandState.ANSWERED
            assert outcome.response.status == "Perhaps"
            assert [event.quirk for event in central.told(Flagged)] == ["invalid payload"]


async def test_an_answer_under_another_id_answers_nothing(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", SOFT)
        frame = await charger.receive()
        for wrong in ("", "other", frame[1] + "x"):
            await charger.send([3, wrong, ACCEPTED])
            await charger.send([4, wrong, "GenericError", "", {}])
        await charger.result("Heartbeat", {})
        assert command.outcome is None
        assert {event.quirk for event in central.told(Flagged)} == {"reply to no CALL"}
        await charger.send([3, frame[1], ACCEPTED])
        assert (await command.wait()).state is CommandState.ANSWERED


async def test_a_mailbox_has_room_for_so_many_waiting_commands(autojump_clock: Any) -> None:
    async with open_central(mailbox_size=2) as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", SOFT)
        await charger.receive()
        central.fleet.submit("CP1", SOFT)
        central.fleet.submit("CP1", SOFT)
        with pytest.raises(MailboxFull, match="2 commands are waiting"):
            central.fleet.submit("CP1", SOFT)
        with pytest.raises(MailboxFull):
            await central.fleet.call("CP1", SOFT)


async def test_a_command_whose_caller_gave_up_before_it_was_sent_is_never_sent(autojump_clock: Any) -> None:
    async with open_central(call_timeout=30.0) as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", SOFT)
        with trio.move_on_after(5):
            await central.fleet.call("CP1", HARD)
        kept = central.fleet.submit("CP1", m.ClearCache())
        await serve_command(charger, ACCEPTED)
        assert await serve_command(charger, ACCEPTED) == ("ClearCache", {})
        assert (await kept.wait()).state is CommandState.ANSWERED


async def test_a_command_whose_caller_gave_up_before_the_grace_was_over_is_never_sent(
    autojump_clock: Any,
) -> None:
    async with open_central(boot_grace=10.0) as central, central.charger() as charger:
        with trio.move_on_after(5):
            await central.fleet.call("CP1", SOFT)
        assert await hears_nothing(charger, 10)
        kept = central.fleet.submit("CP1", m.ClearCache())
        assert await serve_command(charger, ACCEPTED) == ("ClearCache", {})
        assert (await kept.wait()).state is CommandState.ANSWERED


async def test_a_command_that_was_overtaken_while_the_grace_lasted_leaves_its_place_to_the_next(
    autojump_clock: Any,
) -> None:
    async with open_central(boot_grace=10.0) as central, central.charger() as charger:
        with trio.move_on_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(central.fleet.call, "CP1", SOFT)
                await trio.testing.wait_all_tasks_blocked()
                kept = central.fleet.submit("CP1", m.ClearCache())
        assert await serve_command(charger, ACCEPTED) == ("ClearCache", {})
        assert trio.current_time() == 10
        assert (await kept.wait()).state is CommandState.ANSWERED


async def test_a_command_whose_caller_gave_up_after_it_was_sent_runs_to_its_end(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        with trio.move_on_after(5):
            await central.fleet.call("CP1", SOFT)
        await serve_command(charger, ACCEPTED)
        await trio.testing.wait_all_tasks_blocked()
        assert [event.outcome for event in central.told(CommandEnded)] == ["answered"]


async def test_everything_is_lost_when_the_connection_ends(autojump_clock: Any) -> None:
    outcomes: list[Outcome] = []
    async with open_central() as central:
        async with trio.open_nursery() as nursery, central.charger() as charger:
            await charger.boot()

            async def call() -> None:
                outcomes.append(await central.fleet.call("CP1", SOFT))

            for _ in range(3):
                nursery.start_soon(call)
            await charger.receive()
        assert [outcome.state for outcome in outcomes] == [CommandState.LOST] * 3
        assert all("the connection ended" in outcome.description for outcome in outcomes)
        assert [event.outcome for event in central.told(CommandEnded)] == ["lost"] * 3
        with pytest.raises(NotConnected, match="CP1 is not connected"):
            central.fleet.submit("CP1", SOFT)
        async with central.charger() as charger:
            await charger.boot()
            assert await hears_nothing(charger, 60)


async def test_waiting_commands_survive_a_takeover_and_the_one_in_flight_does_not(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as old:
        await old.boot()
        in_flight, waiting = central.fleet.submit("CP1", SOFT), central.fleet.submit("CP1", HARD)
        await old.receive()
        async with central.charger() as new:
            assert (await in_flight.wait()).state is CommandState.LOST
            assert await old.closed() == (1008, "replaced")
            await new.boot()
            assert await serve_command(new, ACCEPTED) == ("Reset", {"type": "Hard"})
            assert (await waiting.wait()).state is CommandState.ANSWERED


async def test_a_session_that_was_replaced_sends_nothing_more(autojump_clock: Any) -> None:
    """The reply and the newcomer come in the same moment: the next command is the new session's."""
    async with open_central() as central, central.charger() as old:
        await old.boot()
        central.fleet.submit("CP1", SOFT)
        waiting = central.fleet.submit("CP1", HARD)
        frame = await old.receive()
        entry = central.fleet.find("CP1")
        assert entry is not None
        session = entry.session
        assert session is not None
        event = session.conversation.receive(f'[3,"{frame[1]}",{{"status":"Accepted"}}]')
        session.replies_in.send_nowait(Reply(event.reply, 40))  # type: ignore[union-attr]
        session.end(1008, "replaced")
        assert await old.closed() == (1008, "replaced")
        assert (await waiting.wait()).description == "the connection ended before it was sent"


async def test_a_large_answer_that_came_in_the_moment_of_the_end_still_counts(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", SOFT)
        frame = await charger.receive()
        [session] = central.fleet.sessions()
        event = session.conversation.receive(f'[3,"{frame[1]}",{{"status":"nonsense"}}]')
        session.replies_in.send_nowait(Reply(event.reply, LARGE + 1))  # type: ignore[union-attr]
        session.end(1008, "replaced")
        assert (await command.wait()).state is CommandState.INVALID


async def test_what_may_not_be_asked_is_refused_at_once(autojump_clock: Any) -> None:
    start = m.RemoteStartTransaction(id_tag="TAG")
    trigger = m.TriggerMessage(requested_message=m.MessageTrigger.BOOT_NOTIFICATION)
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        with pytest.raises(NotConnected):
            central.fleet.submit("CP2", SOFT)
        await charger.boot()
        with pytest.raises(NotAllowed, match="not allowed while the charge point is Pending"):
            central.fleet.submit("CP1", start)
        with pytest.raises(NotAllowed, match="no request of a central system"):
            central.fleet.submit("CP1", m.Heartbeat())
        central.fleet.submit("CP1", SOFT)
        await serve_command(charger, ACCEPTED)
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.REJECTED))
        await charger.boot()
        with pytest.raises(NotAllowed, match="Rejected"):
            central.fleet.submit("CP1", SOFT)
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.ACCEPTED))
        await charger.boot()
        with pytest.raises(NotAllowed, match=r"errata 3\.40"):
            central.fleet.submit("CP1", trigger)
        central.fleet.submit("CP1", start)
        assert await serve_command(charger, ACCEPTED) == ("RemoteStartTransaction", {"idTag": "TAG"})


@pytest.mark.parametrize("first_boot", ["Pending", "Rejected"])
async def test_before_its_first_boot_a_charger_is_asked_only_what_that_would_allow(
    autojump_clock: Any, first_boot: str
) -> None:
    async with open_central(first_boot=first_boot) as central, central.charger() as charger:
        with pytest.raises(NotAllowed, match=first_boot):
            central.fleet.submit("CP1", m.RemoteStartTransaction(id_tag="TAG"))
        if first_boot == "Pending":
            central.fleet.submit("CP1", SOFT)
            await serve_command(charger, ACCEPTED)
        else:
            with pytest.raises(NotAllowed):
                central.fleet.submit("CP1", SOFT)


async def test_what_may_no_longer_be_asked_when_its_turn_comes_is_lost(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        command = central.fleet.submit("CP1", m.RemoteStartTransaction(id_tag="TAG"))
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.PENDING))
        await charger.boot()
        outcome = await command.wait()
        assert outcome.state is CommandState.LOST
        assert "Pending" in outcome.description
        assert await hears_nothing(charger, 60)


async def test_commands_wait_while_the_charger_is_rejected(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        command = central.fleet.submit("CP1", SOFT)
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.REJECTED))
        await charger.boot()
        await charger.boot()
        assert await hears_nothing(charger, 800)
        await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.ACCEPTED))
        await charger.boot()
        await serve_command(charger, ACCEPTED)
        assert (await command.wait()).state is CommandState.ANSWERED


@pytest.mark.parametrize("grace", [10.0, 0.0])
async def test_without_a_boot_commands_wait_for_the_grace(autojump_clock: Any, grace: float) -> None:
    async with open_central(boot_grace=grace) as central, central.charger() as charger:
        central.fleet.submit("CP1", SOFT)
        await serve_command(charger, ACCEPTED)
        assert trio.current_time() == grace


async def test_after_a_boot_commands_do_not_wait(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        central.fleet.submit("CP1", SOFT)
        await trio.sleep(3)
        # The answer to the boot comes first.
        assert (await charger.boot())["status"] == "Accepted"
        await serve_command(charger, ACCEPTED)
        assert trio.current_time() == 3


async def test_a_boot_that_was_refused_does_not_end_the_grace(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        central.fleet.submit("CP1", SOFT)
        assert (await charger.call("BootNotification", {}))[0] == 4
        await serve_command(charger, ACCEPTED)
        assert trio.current_time() == 10


async def test_crossing_calls_of_both_sides_do_not_wait_for_each_other(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", SOFT)
        frame = await charger.receive()
        for _ in range(3):
            await charger.result("Heartbeat", {})
        await charger.send([3, frame[1], ACCEPTED])
        assert (await command.wait()).state is CommandState.ANSWERED


async def test_a_command_that_cannot_be_written_as_json_ends_and_disturbs_nothing(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        command = central.fleet.submit("CP1", m.DataTransfer(vendor_id="half \ud800"))
        outcome = await command.wait()
        assert outcome.state is CommandState.INVALID
        assert "JSON" in outcome.description
        central.fleet.submit("CP1", SOFT)
        await serve_command(charger, ACCEPTED)
        assert central.told(Restarted) == []
