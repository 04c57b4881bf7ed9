"""An operator's calls: kept with who asked, waited for, and each brought to one end."""

from datetime import timedelta
from typing import Any

import pytest
import trio
from tests.support.central import START, Central, Charger, open_central
from tests.support.messages import hears_nothing, serve_command
from tests.support.waiting import eventually

from ocpp_actors.charge_point.mailbox import MailboxFull
from ocpp_actors.ledger.port import (
    AdmitChargePoint,
    CommandRecord,
    CommandState,
    FindCommand,
    FindReservation,
    ListCommands,
    ListConfiguration,
    ReservationState,
    SetRegistration,
)
from ocpp_actors.operator.calls import Calls, IdempotencyKeyReused, RuleBroken
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.messages import RegistrationStatus
from ocpp_actors.server.fleet import NotAllowed, NotConnected, UnknownChargePoint

RESET = m.Reset(type=m.ResetType.SOFT)
ACCEPTED = {"status": "Accepted"}


def calls_of(central: Central) -> Calls:
    return Calls(central.fleet, central.system, call_timeout=30)


class Asked:
    """A call that goes on in a task of its own."""

    record: CommandRecord | None = None
    error: Exception | None = None


def ask(central: Central, calls: Calls, request: Any, identity: str = "CP1", **how: Any) -> Asked:
    asked = Asked()

    async def run() -> None:
        try:
            asked.record = await calls.call(identity, request, requested_by="alice", **how)
        except Exception as error:  # noqa: BLE001 — the test looks at it
            asked.error = error

    central.nursery.start_soon(run)
    return asked


async def kept(central: Central, asked: Asked) -> CommandRecord:
    assert asked.record is not None, asked.error
    record = await central.ledger.ask(FindCommand(asked.record.command_id))
    assert record is not None
    return record


async def test_an_answered_call_is_kept_with_who_asked_and_what_came(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        asked = ask(central, calls_of(central), RESET)
        assert await serve_command(charger, ACCEPTED) == ("Reset", {"type": "Soft"})
        await eventually(lambda: asked.record)
        record = await kept(central, asked)
        assert asked.record is not None
        assert (record.state, record.requested_by, record.durable) == (CommandState.ANSWERED, "alice", False)
        assert record.detail is not None
        assert record.detail["response"] == ACCEPTED
        assert (asked.record.state, asked.record.message_id) == (record.state, record.message_id)


async def reply_late(charger: Charger) -> None:
    frame = await charger.receive()
    await trio.sleep(31)
    await charger.send([3, frame[1], ACCEPTED])


async def reply_nothing(charger: Charger) -> None:
    await charger.receive()


async def reply_call_error(charger: Charger) -> None:
    frame = await charger.receive()
    await charger.send([4, frame[1], "NotSupported", "no", {"a": 1}])


async def reply_under_another_id(charger: Charger) -> None:
    await charger.receive()
    await charger.send([3, "another", ACCEPTED])


async def reply_nonsense(charger: Charger) -> None:
    frame = await charger.receive()
    await charger.send([3, frame[1], {"status": "Perhaps"}])


async def leave(charger: Charger) -> None:
    await charger.receive()
    await charger.stream.aclose()


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (reply_late, CommandState.TIMEOUT),
        (reply_nothing, CommandState.TIMEOUT),
        (reply_call_error, CommandState.CALL_ERROR),
        (reply_under_another_id, CommandState.TIMEOUT),
        (reply_nonsense, CommandState.INVALID),
        (leave, CommandState.LOST),
    ],
)
async def test_a_call_ends_whatever_the_charge_point_does(
    autojump_clock: Any, reply: Any, state: CommandState
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        asked = ask(central, calls_of(central), RESET)
        await reply(charger)
        await eventually(lambda: asked.record)
        record = await kept(central, asked)
        assert asked.record is not None
        assert asked.record.state is record.state is state
        assert asked.record.message_id is not None


async def test_a_call_that_cannot_be_sent_in_time_expires(autojump_clock: Any) -> None:
    async with open_central(call_timeout=30) as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", m.ClearCache())
        first = await charger.receive()
        asked = ask(central, Calls(central.fleet, central.system, call_timeout=5), RESET)
        await eventually(lambda: asked.record)
        assert asked.record is not None
        assert (asked.record.state, asked.record.message_id) == (CommandState.EXPIRED, None)
        await charger.send([3, first[1], ACCEPTED])
        assert await hears_nothing(charger, 60)


async def test_a_call_ends_with_the_connection_before_it_was_sent(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", m.ClearCache())
        await charger.receive()
        asked = ask(central, calls_of(central), RESET)
        await trio.testing.wait_all_tasks_blocked()
        await charger.stream.aclose()
        await eventually(lambda: asked.record)
        assert asked.record is not None
        assert (asked.record.state, asked.record.message_id) == (CommandState.LOST, None)
        await trio.sleep(2)
        assert (await kept(central, asked)).state is CommandState.LOST


async def test_who_is_not_there_is_not_called(autojump_clock: Any) -> None:
    async with open_central() as central:
        calls = calls_of(central)
        with pytest.raises(UnknownChargePoint):
            await calls.call("CP1", RESET, requested_by="alice")
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        with pytest.raises(NotConnected):
            await calls.call("CP1", RESET, requested_by="alice")
        assert await central.ledger.ask(ListCommands()) == []


async def test_what_is_not_allowed_now_is_not_kept(autojump_clock: Any) -> None:
    async with open_central(first_boot="Pending") as central, central.charger() as charger:
        await charger.boot()
        with pytest.raises(NotAllowed):
            await calls_of(central).call("CP1", m.RemoteStartTransaction(id_tag="TAG"), requested_by="alice")
        assert await central.ledger.ask(ListCommands()) == []


async def test_a_call_that_breaks_a_rule_is_not_kept(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        with pytest.raises(RuleBroken) as broken:
            await calls_of(central).call("CP1", m.UnlockConnector(connector_id=0), requested_by="alice")
        assert broken.value.path == "/connectorId"
        with pytest.raises(RuleBroken):
            await calls_of(central).queue(
                "CP1",
                m.UnlockConnector(connector_id=0),
                time_to_live=timedelta(hours=1),
                requested_by="alice",
            )
        assert await central.ledger.ask(ListCommands()) == []


async def test_a_full_mailbox_refuses(autojump_clock: Any) -> None:
    async with open_central(mailbox_size=1) as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", RESET)
        await charger.receive()
        central.fleet.submit("CP1", RESET)
        with pytest.raises(MailboxFull):
            await calls_of(central).call("CP1", RESET, requested_by="alice")


async def test_the_same_idempotency_key_sends_once(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        calls = calls_of(central)
        first = ask(central, calls, RESET, idempotency_key="k")
        await trio.testing.wait_all_tasks_blocked()
        second = ask(central, calls, RESET, idempotency_key="k")
        await serve_command(charger, ACCEPTED)
        await eventually(lambda: first.record and second.record)
        third = ask(central, calls, RESET, idempotency_key="k")
        after_a_restart = ask(central, calls_of(central), RESET, idempotency_key="k")
        await eventually(lambda: third.record and after_a_restart.record)
        ids = {each.record and each.record.command_id for each in (first, second, third, after_a_restart)}
        assert len(ids) == 1
        assert after_a_restart.record is not None
        assert after_a_restart.record.state is CommandState.ANSWERED
        assert await hears_nothing(charger, 10)


async def test_whoever_asks_again_gets_the_answer_although_the_charge_point_has_left(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        calls = calls_of(central)
        async with central.charger() as charger:
            await charger.boot()
            first = ask(central, calls, RESET, idempotency_key="k")
            await serve_command(charger, ACCEPTED)
            await eventually(lambda: first.record)
        await eventually(lambda: not len(central.fleet))
        for each in (calls, calls_of(central)):
            again = await each.call("cp1", RESET, requested_by="alice", idempotency_key="k")
            assert first.record is not None
            assert (again.command_id, again.state) == (first.record.command_id, CommandState.ANSWERED)
            assert again.detail == first.record.detail
        with pytest.raises(NotConnected):
            await calls.call("CP1", RESET, requested_by="alice", idempotency_key="another")


async def test_whoever_queues_again_is_told_of_the_first_although_the_mailbox_is_full(
    autojump_clock: Any,
) -> None:
    async with open_central(mailbox_size=1) as central:
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        first, again = [
            await calls_of(central).queue(
                "CP1", RESET, time_to_live=timedelta(hours=1), requested_by="a", idempotency_key="k"
            )
            for _ in range(2)
        ]
        assert first == again


async def test_an_idempotency_key_belongs_to_one_request(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        calls = calls_of(central)
        asked = ask(central, calls, RESET, idempotency_key="k")
        await serve_command(charger, ACCEPTED)
        await eventually(lambda: asked.record)
        for other in (m.Reset(type=m.ResetType.HARD), m.ClearCache()):
            with pytest.raises(IdempotencyKeyReused):
                await calls.call("CP1", other, requested_by="alice", idempotency_key="k")
        with pytest.raises(IdempotencyKeyReused):
            await calls.queue(
                "CP1", RESET, time_to_live=timedelta(hours=1), requested_by="a", idempotency_key="k"
            )
        assert await hears_nothing(charger, 10)


async def test_a_queued_call_waits_for_the_charge_point(autojump_clock: Any) -> None:
    async with open_central() as central:
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        calls = calls_of(central)
        hour = timedelta(hours=1)
        record, again = [
            await calls.queue("CP1", RESET, time_to_live=hour, requested_by="alice", idempotency_key="k")
            for _ in range(2)
        ]
        assert record == again
        assert (record.state, record.durable) == (CommandState.WAITING, True)
        async with central.charger() as charger:
            await charger.boot()
            assert await serve_command(charger, ACCEPTED) == ("Reset", {"type": "Soft"})
            assert await hears_nothing(charger, 10)
        ended = await central.ledger.ask(FindCommand(record.command_id))
        assert ended is not None
        assert ended.state is CommandState.ANSWERED


async def test_a_caller_that_goes_away_leaves_the_call_to_its_end(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        with trio.move_on_after(1):
            await calls_of(central).call("CP1", RESET, requested_by="alice")
        await serve_command(charger, ACCEPTED)
        await trio.testing.wait_all_tasks_blocked()
        (record,) = await central.ledger.ask(ListCommands())
        assert record.state is CommandState.ANSWERED


async def test_what_an_answer_tells_is_recorded_before_the_call_ends(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        asked = ask(central, calls_of(central), m.GetConfiguration())
        answer = {"configurationKey": [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]}
        await serve_command(charger, answer)
        await eventually(lambda: asked.record)
        (key,) = await central.ledger.ask(ListConfiguration("CP1"))
        assert (key.key, key.value) == ("HeartbeatInterval", "60")


async def reserve(central: Central, charger: Charger, answer: Any) -> Any:
    result: list[Any] = []

    async def run() -> None:
        result.extend(
            await calls_of(central).reserve(
                "CP1",
                connector_id=1,
                id_tag="TAG",
                parent_id_tag=None,
                expiry_date=START + timedelta(hours=1),
                requested_by="alice",
            )
        )

    central.nursery.start_soon(run)
    if answer is not None:
        action, payload = await serve_command(charger, answer)
        assert action == "ReserveNow"
        assert payload["reservationId"] > 0
    await eventually(lambda: result)
    return result[0]


@pytest.mark.parametrize("status", ["Accepted", "Occupied", "Rejected"])
async def test_a_reservation_gets_an_id_and_what_the_charge_point_says(
    autojump_clock: Any, status: str
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        reservation = await reserve(central, charger, {"status": status})
        assert reservation.state == status
        another = await reserve(central, charger, ACCEPTED)
        assert another.reservation_id != reservation.reservation_id


async def test_a_reservation_that_was_never_requested_is_cancelled(autojump_clock: Any) -> None:
    async with open_central() as central:
        await central.ledger.ask(AdmitChargePoint("CP1", START))
        with pytest.raises(NotConnected):
            await calls_of(central).reserve(
                "CP1",
                connector_id=1,
                id_tag="TAG",
                parent_id_tag=None,
                expiry_date=START,
                requested_by="alice",
            )
        async with central.charger() as charger:
            await charger.boot()
            await central.ledger.ask(SetRegistration("CP1", RegistrationStatus.REJECTED))
            entry = central.fleet.find("CP1")
            assert entry is not None
            entry.charge_point.record.registration = RegistrationStatus.REJECTED
            with pytest.raises(NotAllowed):
                await reserve_directly(central)
            kept = await central.ledger.ask(FindReservation(1))
            assert kept is not None
            assert kept.state is ReservationState.CANCELLED


async def reserve_directly(central: Central) -> None:
    await calls_of(central).reserve(
        "CP1", connector_id=1, id_tag="TAG", parent_id_tag=None, expiry_date=START, requested_by="alice"
    )


async def test_a_reservation_id_of_another_charge_point_is_refused(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger, central.charger("CP2") as other:
        await charger.boot()
        await other.boot()
        reservation = await reserve(central, charger, ACCEPTED)
        request = m.ReserveNow(
            connector_id=1, expiry_date=START, id_tag="TAG", reservation_id=reservation.reservation_id
        )
        with pytest.raises(RuleBroken) as broken:
            await calls_of(central).call("CP2", request, requested_by="alice")
        assert broken.value.path == "/reservationId"
