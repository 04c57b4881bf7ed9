"""The living charge point keeps what has to be kept: over losses of the link, refusals, restarts and power cuts."""

import random
from itertools import pairwise
from typing import Any

import pytest
import trio
from tests.support.simulated import Street, open_street, valid
from trio.testing import MockClock

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.central_system.router import Router
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.messages import (
    StartTransaction,
    StopTransaction,
)


def stubborn(failures: int, *actions: type) -> Router:
    """A router that answers each of these with so many CALLERRORs first."""
    router, left = default_router(), dict.fromkeys(actions, failures)

    def refuse(action: type) -> None:
        @router.around(action)
        async def unwilling(request: Any, context: Context, proceed: Any) -> Any:
            if left[action]:
                left[action] -= 1
                raise ProtocolFault(ErrorCode.INTERNAL_ERROR, "the database is down")
            return await proceed(request, context)

    for action in actions:
        refuse(action)
    return router


async def test_a_transaction_message_that_fails_is_tried_again_after_longer_pauses(
    autojump_clock: MockClock,
) -> None:
    async with open_street(router=stubborn(2, StartTransaction, StopTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(50)
        await street.station.tap("TAG")
        await trio.sleep(100)
        for action in ("StartTransaction", "StopTransaction"):
            times = [each.asked.at for each in street.station.wire.answered(action)]
            assert [later - sooner for sooner, later in pairwise(times)] == [10, 20]
        (transaction,) = await street.central.operator.transactions("CP1")
        assert transaction["stopReason"] == "Local"


async def test_other_requests_do_not_wait_for_it(autojump_clock: MockClock) -> None:
    async with open_street(router=stubborn(2, StartTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        charging = await street.status("Charging")
        assert charging.asked.at < street.station.wire.answered("StartTransaction")[0].asked.at + 1


async def test_after_all_attempts_it_is_dropped(autojump_clock: MockClock) -> None:
    async with open_street(router=stubborn(3, StartTransaction)) as street:
        await street.boot()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(200)
        await street.station.tap("TAG")
        await trio.sleep(50)
        assert len(street.station.wire.answered("StartTransaction")) == 3
        assert street.station.wire.calls("StopTransaction") == []
        assert street.station.wire.calls("MeterValues") == []
        await street.station.unplug()
        assert await street.charge() == 1


async def offline_charges(street: Street, charges: int) -> None:
    """Charge so often without a connection, each time with another card."""
    await street.station.link_down()
    for number in range(charges):
        await street.station.plug_in()
        await street.station.tap(f"TAG{number}")
        await trio.sleep(200)
        await street.station.tap(f"TAG{number}")
        await trio.sleep(10)
        await street.station.unplug()
        await trio.sleep(10)


OFFLINE = {"configuration": {"AllowOfflineTxForUnknownId": "true"}}


async def test_what_happened_offline_is_told_in_order_with_its_times(autojump_clock: MockClock) -> None:
    async with open_street(how=OFFLINE) as street:
        await street.boot()
        await offline_charges(street, 4)
        since = street.station.wire.mark()
        await street.station.link_up()
        await street.said("StopTransaction", since, idTag="TAG3")
        told = [
            (each.action, each.payload.get("timestamp") or each.payload["meterValue"][0]["timestamp"])
            for each in street.station.wire.answered(since=since)
            if each.action != "StatusNotification"
        ]
        assert [action for action, _ in told] == [
            "StartTransaction",
            "MeterValues",
            "MeterValues",
            "MeterValues",
            "StopTransaction",
        ] * 4
        times = [at for _, at in told]
        assert times == sorted(times)
        assert times[0] == "2026-03-01T12:00:00Z"
        transactions = await street.central.operator.transactions("CP1")
        assert sorted(each["idTag"] for each in transactions) == ["TAG0", "TAG1", "TAG2", "TAG3"]
        assert all(each["energyWh"] == pytest.approx(611, abs=1) for each in transactions)
        assert valid(street)


async def test_nothing_is_lost_or_doubled_on_a_bad_link(autojump_clock: MockClock) -> None:
    """The connection breaks again and again while the backlog is told, with answers lost on the way."""
    async with open_street(how=OFFLINE) as street:
        await street.boot()
        await offline_charges(street, 6)
        chance = random.Random(7)
        await street.station.link_up()
        for _ in range(60):
            await trio.sleep(chance.uniform(0, 3))
            for _ in range(chance.randrange(12)):
                await trio.lowlevel.checkpoint()
            await street.station.link_down()
            await street.station.link_up()
        await trio.sleep(300)
        transactions = await street.central.operator.transactions("CP1")
        assert sorted(each["idTag"] for each in transactions) == [f"TAG{number}" for number in range(6)]
        assert all(each["stopReason"] == "Local" for each in transactions)
        assert not street.station.memory.queue


async def test_offline_an_unknown_card_is_refused_and_one_of_the_cache_is_not(
    autojump_clock: MockClock,
) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge("KNOWN")
        await street.station.tap("KNOWN")
        await street.said("StopTransaction")
        await street.station.unplug()
        await street.station.link_down()
        await street.station.plug_in()
        await street.station.tap("STRANGER")
        await trio.sleep(1)
        assert street.station.memory.running == {}
        await street.station.tap("KNOWN")
        await trio.sleep(1)
        assert set(street.station.memory.running) == {1}


async def test_before_it_was_ever_accepted_nobody_charges(autojump_clock: MockClock) -> None:
    async with open_street(how=OFFLINE) as street:
        await street.station.link_down()
        await street.station.power_on()
        await street.station.plug_in()
        await street.station.tap("TAG")
        await trio.sleep(10)
        assert street.station.memory.running == {}


@pytest.mark.parametrize(
    ("kind", "reason"), [("power", "PowerLoss"), ("Hard", "HardReset"), ("Soft", "SoftReset")]
)
async def test_a_transaction_ends_with_a_restart(autojump_clock: MockClock, kind: str, reason: str) -> None:
    async with open_street() as street:
        await street.boot()
        await street.charge()
        await trio.sleep(100)
        since = street.station.wire.mark()
        if kind == "power":
            await street.station.power_off()
            await trio.sleep(500)
            await street.station.power_on()
        else:
            assert await street.ask("Reset", type=kind) == {"status": "Accepted"}
        stopped = await street.said("StopTransaction", since)
        boot = await street.said("BootNotification", since)
        assert stopped.payload["reason"] == reason
        assert (stopped.asked.number < boot.asked.number) is (kind == "Soft")
        assert stopped.payload["timestamp"] == "2026-03-01T12:01:40Z"
        await street.status("Finishing", since=boot.answered.number)
        (transaction,) = await street.central.operator.transactions("CP1")
        assert transaction["stopReason"] == reason
        assert street.station.outlets[1].meter.wh == pytest.approx(305, abs=1)


async def test_memory_outlives_a_power_cut(autojump_clock: MockClock) -> None:
    async with open_street(how={"connector_count": 2}) as street:
        await street.boot()
        await street.ask("ChangeAvailability", connectorId=2, type="Inoperative")
        await street.status("Unavailable", 2)
        await street.ask("ChangeConfiguration", key="ConnectionTimeOut", value="7")
        await street.ask("ChangeConfiguration", key="DisplayLanguage", value="nl")
        entry = {"idTag": "L", "idTagInfo": {"status": "Accepted"}}
        await street.ask("SendLocalList", listVersion=5, updateType="Full", localAuthorizationList=[entry])
        await street.ask(
            "ReserveNow", connectorId=1, expiryDate="2026-03-02T00:00:00Z", idTag="R", reservationId=9
        )
        await street.station.power_off()
        assert not street.station.wire.connected
        since = street.station.wire.mark()
        await street.station.power_on()
        await street.status("Unavailable", 2, since=since)
        await street.status("Reserved", 1, since=since)
        answer = await street.ask("GetConfiguration", key=["ConnectionTimeOut", "DisplayLanguage"])
        assert [key["value"] for key in answer["configurationKey"]] == ["7", "nl"]
        assert await street.ask("GetLocalListVersion") == {"listVersion": 5}


async def test_hands_on_it_while_it_is_off(autojump_clock: MockClock) -> None:
    async with open_street() as street:
        await street.station.power_off()
        await street.station.plug_in()
        await street.station.fault(1, "OverVoltage")
        await street.station.tap("TAG")
        await street.station.report("Heartbeat", {})
        await street.boot()
        assert street.statuses() == ["Faulted"]
        await street.station.power_off()
        await street.station.clear_fault(1)
        since = street.station.wire.mark()
        await street.station.power_on()
        await street.status("Preparing", since=since)
        await street.station.power_off()
        await street.station.unplug()
        await street.station.power_on()
        await street.status("Available", since=since)
