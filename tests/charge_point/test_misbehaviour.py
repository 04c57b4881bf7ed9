"""Answers that are broken on purpose: which rule applies, and what then happens on the wire."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
import trio
from structlog.testing import capture_logs
from tests.support.central import Central, Charger, open_central
from tests.support.messages import hears_nothing, serve_command, start, stop
from trio_websocket import ConnectionClosed

from ocpp_actors.charge_point.misbehaviour import Kind, Misbehaviour, Rule
from ocpp_actors.ledger.port import ListTransactions
from ocpp_actors.observer import FrameReceived, Restarted
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.errors import ErrorCode


def misbehave(central: Central, *rules: Rule, identity: str = "CP1") -> Misbehaviour:
    entry = central.fleet.find(identity)
    assert entry is not None
    assert entry.misbehaviour is not None
    entry.misbehaviour.decide(rules)
    return entry.misbehaviour


@asynccontextmanager
async def booted(**settings: Any) -> AsyncIterator[tuple[Central, Charger]]:
    async with open_central(testing=True, **settings) as central, central.charger() as charger:
        await charger.boot()
        yield central, charger


async def beats(charger: Charger) -> bool:
    """Whether a Heartbeat is answered as it should be."""
    return "currentTime" in await charger.result("Heartbeat", {})


async def transactions(central: Central) -> int:
    return len(await central.ledger.ask(ListTransactions()))


# --- which rule ------------------------------------------------------------------------------------------------


def chosen(misbehaviour: Misbehaviour, *actions: str) -> list[Kind | None]:
    chance = random.Random(7)
    rules = [misbehaviour.choose(action, chance) for action in actions]
    return [None if rule is None else rule.kind for rule in rules]


def test_the_first_rule_that_is_for_the_action_and_not_used_up_applies() -> None:
    misbehaviour = Misbehaviour()
    assert chosen(misbehaviour, "Heartbeat") == [None]
    misbehaviour.decide(
        (
            Rule(kind=Kind.DROP, action="Heartbeat", times=2),
            Rule(kind=Kind.CUT, action="Authorize"),
            Rule(kind=Kind.DELAY),
        )
    )
    asked = ("Heartbeat", "Heartbeat", "Heartbeat", "Authorize", "MeterValues")
    assert chosen(misbehaviour, *asked) == ["drop", "drop", "delay", "cut", "delay"]
    assert misbehaviour.applied == [2, 1, 2]
    misbehaviour.decide((Rule(kind=Kind.DROP, action="Heartbeat", times=2),))
    assert misbehaviour.applied == [0]


def test_a_rule_applies_as_often_as_its_probability_says() -> None:
    misbehaviour = Misbehaviour()
    misbehaviour.decide((Rule(kind=Kind.DROP, probability=0.25), Rule(kind=Kind.CUT, probability=0.0)))
    assert set(chosen(misbehaviour, *["Heartbeat"] * 1000)) == {"drop", None}
    assert misbehaviour.applied[0] == pytest.approx(250, abs=50)
    assert misbehaviour.applied[1] == 0


# --- what is answered ------------------------------------------------------------------------------------------


async def test_a_delayed_answer_comes_late_and_those_after_it_wait(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.DELAY, action="Authorize", seconds=7.0))
        began = trio.current_time()
        await charger.send([2, "slow", "Authorize", {"idTag": "TAG"}])
        await charger.send([2, "next", "Heartbeat", {}])
        await charger.send([2, "slow", "Authorize", {"idTag": "TAG"}])  # being answered: it shares the answer
        assert [(await charger.receive())[1] for _ in range(2)] == ["slow", "next"]
        assert trio.current_time() - began == 7
        assert await hears_nothing(charger, 60)


async def test_a_refusal_is_broken_as_any_answer_is(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.DELAY, seconds=7.0, times=1), Rule(kind=Kind.DUPLICATE))
        began = trio.current_time()
        refused = await charger.call("Authorize", {})
        assert (refused[2], trio.current_time() - began) == ("OccurenceConstraintViolation", 7)
        assert (await charger.call("Nonsense", {}, "n"))[2] == "NotImplemented"
        assert (await charger.receive())[:3] == [4, "n", "NotImplemented"]


async def test_a_dropped_answer_never_comes_although_the_message_was_recorded(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        rules = misbehave(central, Rule(kind=Kind.DROP, action="StartTransaction", times=2))
        for _ in range(2):  # repeated under the same id, it is not answered from memory either
            await charger.send([2, "lost", "StartTransaction", start()])
            assert await hears_nothing(charger, 60)
        assert rules.applied == [2]
        assert await transactions(central) == 1
        await charger.send([2, "broken"])  # what is no CALL has no rule
        assert (await charger.receive())[:3] == [4, "broken", "ProtocolError"]
        answer = await charger.call("StartTransaction", start(), "again")
        assert answer[2]["transactionId"] == 1
        assert await transactions(central) == 1


async def test_a_call_error_comes_in_place_of_the_answer(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.CALL_ERROR, error_code=ErrorCode.GENERIC_ERROR, times=1))
        answer = await charger.call("StartTransaction", start(), "a")
        assert answer == [4, "a", "GenericError", "refused on purpose", {}]
        assert await transactions(central) == 1
        assert await beats(charger)


async def test_an_answer_has_the_wrong_id(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.WRONG_ID, times=1))
        await charger.send([2, "mine", "Heartbeat", {}])
        kind, message_id, payload = await charger.receive()
        assert (kind, list(payload)) == (3, ["currentTime"])
        assert message_id != "mine"
        assert await hears_nothing(charger, 60)


async def test_an_answer_comes_twice(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.DUPLICATE, times=1))
        first = await charger.call("Heartbeat", {}, "twice")
        assert await charger.receive() == first
        assert await beats(charger)


async def test_an_answer_breaks_its_schema(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.INVALID, times=1))
        assert await charger.call("Heartbeat", {}, "i") == [3, "i", {"deliberately": "invalid"}]
        assert await beats(charger)


async def test_an_answer_is_half_a_json(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.MALFORMED, times=1))
        await charger.send([2, "half", "Heartbeat", {}])
        text = await charger.connection.get_message()
        assert str(text).startswith('[3,"half"')
        with pytest.raises(orjson.JSONDecodeError):
            orjson.loads(text)
        assert await beats(charger)


# --- what becomes of the connection ----------------------------------------------------------------------------


async def test_a_crash_restarts_the_tree_and_nothing_is_recorded(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.CRASH, action="StartTransaction", times=1))
        with capture_logs():  # writing the traceback to a console takes seconds
            crashed = await charger.call("StartTransaction", start())
        assert crashed[2] == "InternalError"
        assert [event.cause for event in central.told(Restarted)] == ["DeliberateCrash"]
        assert await transactions(central) == 0
        assert await beats(charger)


async def test_crashes_without_end_close_the_connection(autojump_clock: Any) -> None:
    async with booted(restart_limit=2) as (central, charger):
        misbehave(central, Rule(kind=Kind.CRASH))
        with capture_logs():
            for _ in range(2):
                assert (await charger.call("Heartbeat", {}))[2] == "InternalError"
            await charger.send([2, "last", "Heartbeat", {}])
            assert await charger.closed() == (1011, "internal error")


async def test_a_connection_is_closed_with_the_code(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.CLOSE, action="StartTransaction", close_code=1012))
        await charger.send([2, "a", "StartTransaction", start()])
        assert await charger.closed() == (1012, "closed on purpose")
        assert await transactions(central) == 1


async def test_a_connection_is_cut_without_a_close_frame_and_the_rules_outlive_it(
    autojump_clock: Any,
) -> None:
    async with open_central(testing=True) as central:
        async with central.charger() as charger:
            await charger.boot()
            misbehave(central, Rule(kind=Kind.CUT, times=2))
            await charger.send([2, "a", "Heartbeat", {}])
            assert await charger.closed() == (1006, "")
        async with central.charger("cp1") as charger:
            await charger.send([2, "a", "Heartbeat", {}])
            with pytest.raises(ConnectionClosed):
                await charger.connection.get_message()
        async with central.charger() as charger:
            assert await beats(charger)


async def test_a_stalled_connection_neither_reads_nor_writes_and_then_goes_on(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.STALL, action="Heartbeat", seconds=40.0, times=1))
        began = trio.current_time()
        await charger.send([2, "a", "Heartbeat", {}])
        ponged_at = []

        async def ping() -> None:
            await charger.connection.ping()
            ponged_at.append(trio.current_time() - began)

        await trio.testing.wait_all_tasks_blocked()
        read = len(central.told(FrameReceived))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(central.fleet.call, "CP1", m.ClearCache())
            nursery.start_soon(ping)
            await charger.send([2, "b", "Authorize", {"idTag": "TAG"}])
            assert await hears_nothing(charger, 39)
            assert len(central.told(FrameReceived)) == read
            # The command was held back for longer than a write may take, and is sent all the same.
            frames = [await charger.receive() for _ in range(3)]
            assert trio.current_time() - began == 40
            assert sorted(frame[1] for frame in frames) == ["a", "b", "s1"]
            await charger.send([3, "s1", {"status": "Accepted"}])
        assert ponged_at == [40]
        assert await beats(charger)


@pytest.mark.parametrize("kind", [Kind.DELAY, Kind.STALL])
async def test_whoever_waits_on_purpose_delays_neither_others_nor_the_end(
    autojump_clock: Any, kind: Kind
) -> None:
    async with booted(shutdown_timeout=3.0) as (central, charger), central.charger("CP2") as other:
        misbehave(central, Rule(kind=kind, seconds=3600.0))
        await charger.send([2, "a", "Heartbeat", {}])
        await trio.testing.wait_all_tasks_blocked()
        began = trio.current_time()
        await other.boot()
        assert trio.current_time() == began
        async with trio.open_nursery() as nursery:
            nursery.start_soon(central.server.run, [])
            await trio.testing.wait_all_tasks_blocked()
            central.server.shut_down()
        assert trio.current_time() - began == 3


async def test_a_newer_connection_replaces_a_stalled_one(autojump_clock: Any) -> None:
    async with booted() as (central, charger):
        misbehave(central, Rule(kind=Kind.STALL, seconds=3600.0, times=1))
        await charger.send([2, "a", "Heartbeat", {}])
        await trio.testing.wait_all_tasks_blocked()
        async with central.charger() as newer:
            assert await beats(newer)


# --- whom it concerns ------------------------------------------------------------------------------------------


async def test_only_this_charge_point_and_only_its_answers_are_concerned(autojump_clock: Any) -> None:
    async with booted() as (central, charger), central.charger("CP2") as other:
        misbehave(central, Rule(kind=Kind.DROP))
        await other.boot()
        assert await beats(other)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(central.fleet.call, "CP1", m.ClearCache())
            assert (await serve_command(charger, {"status": "Accepted"}))[0] == "ClearCache"


async def test_the_rules_keep_a_charge_point_that_never_registered(autojump_clock: Any) -> None:
    async with open_central(testing=True) as central:
        async with central.charger() as charger:
            misbehave(central, Rule(kind=Kind.CALL_ERROR))
            assert (await charger.call("BootNotification", {}))[0] == 4
        await trio.sleep(300)
        assert central.fleet.find("CP1") is not None
        misbehave(central)
        await trio.sleep(300)
        assert central.fleet.find("CP1") is None


async def test_without_testing_there_is_nothing_to_misbehave_with(autojump_clock: Any) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        entry = central.fleet.find("CP1")
        assert entry is not None
        assert entry.session is not None
        assert (entry.misbehaviour, entry.session.misbehaviour, entry.session.stall) == (None, None, None)
        await charger.result("StopTransaction", stop(1))
