"""Replay: what is played, and what is told of it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import define, field
from tests.support.messages import meter_values, start, status, stop
from tests.support.recording import line, lines_of
from trio.testing import MockClock

from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.misbehaviour import Kind, Rule
from ocpp_actors.ledger.port import ListTransactions
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.client import Client, Refused, Unreachable, open_client
from ocpp_actors.testbench.replay.plan import plan
from ocpp_actors.testbench.replay.player import Asked, Ended, Happening, How, Lost, Played, Stray, play
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import InProcess, open_in_process

SERVER = "ws://central.test/ocpp"


@define
class Told:
    happened: list[Happening] = field(factory=list)

    def of(self, kind: type) -> list[Any]:
        return [each for each in self.happened if isinstance(each, kind)]

    @property
    def verdicts(self) -> list[str]:
        return [each.verdict for each in self.of(Played)]

    @property
    def different(self) -> list[tuple[str | None, str, Any, Any]]:
        return [
            (played.step.action, each.path, each.recorded, each.found)
            for played in self.of(Played)
            for each in played.differences
        ]


async def replayed(recording: list[bytes], target: Target, identity: str = "CP1", **how: Any) -> Told:
    told = Told()
    with trio.fail_after(3600):
        await play(plan(recording), target, identity, How(**how), told.happened.append)
    return told


async def charge(client: Client) -> None:
    """Do a little of everything that a charge point does."""
    await client.call("BootNotification", BOOT)
    await client.call("StatusNotification", status())
    await client.call("Authorize", {"idTag": "TAG"})
    transaction = (await client.call("StartTransaction", start())).result["transactionId"]
    await client.call("MeterValues", meter_values(transactionId=transaction))
    await client.call("Heartbeat", {})
    await client.call("StopTransaction", stop(transaction))
    await client.call("Authorize", {})
    await client.call("NoSuchAction", {})


@asynccontextmanager
async def recorded_session(**settings: Any) -> AsyncIterator[list[bytes]]:
    wire = Wire("CP1")
    async with open_in_process(**settings) as central:
        async with open_client(central.target, "CP1", wire=wire) as client:
            await charge(client)
        yield lines_of(wire)


async def test_a_recording_of_the_server_against_the_server_shows_no_difference(
    autojump_clock: MockClock,
) -> None:
    async with recorded_session() as recording, open_in_process() as central:
        for identity in ("CP1", "CP2"):  # the second time its transaction has another id
            told = await replayed(recording, central.target, identity)
            assert told.verdicts == ["same"] * 9, told.different
        transactions = await central.central_system.ledger.ask(ListTransactions())
    assert [(each.identity, each.energy_wh) for each in transactions] == [("CP2", 250.0), ("CP1", 250.0)]


def _refuse_tags() -> Any:
    router = default_router()

    @router.on(m.Authorize)
    def authorize(request: m.Authorize, context: Any) -> m.AuthorizeResponse:
        return m.AuthorizeResponse(id_tag_info=m.IdTagInfo(status=m.AuthorizationStatus.BLOCKED))

    @router.on(m.StopTransaction)
    def stop_transaction(request: m.StopTransaction, context: Any) -> m.StopTransactionResponse:
        raise ProtocolFault(ErrorCode.GENERIC_ERROR, "not today")

    return router


async def test_what_another_server_answers_otherwise_is_named(autojump_clock: MockClock) -> None:
    async with (
        recorded_session() as recording,
        open_in_process(router=_refuse_tags(), heartbeat_interval=60) as central,
    ):
        told = await replayed(recording, central.target)
        assert told.different == [
            ("BootNotification", "interval", 300, 60),
            ("Authorize", "idTagInfo.status", "Accepted", "Blocked"),
            ("StopTransaction", "", "CALLRESULT {}", "CALLERROR GenericError (not today)"),
        ]
        assert told.verdicts.count("different") == 3
        told = await replayed(
            recording, central.target, "CP2", ignored=frozenset({"BootNotification.interval"})
        )
        assert told.verdicts.count("different") == 2


async def misbehaving(central: InProcess, *rules: Rule) -> None:
    async with open_client(central.target, "CP1"):
        entry = central.fleet.find("CP1")
    assert entry is not None
    assert entry.misbehaviour is not None
    entry.misbehaviour.decide(rules)


BROKEN: list[tuple[Kind, list[str], Callable[[Told], Any], Any]] = [
    (Kind.DROP, ["same", "different"], lambda told: told.different[0][3], "no answer within 30 s"),
    (
        Kind.CLOSE,
        ["same", "different"],
        lambda told: told.different[0][3][:34],
        "the connection was closed with 101",
    ),
    (
        Kind.CUT,
        ["same", "different"],
        lambda told: told.different[0][3],
        "the connection was closed with 1006",
    ),
    (Kind.DELAY, ["same", "same"], lambda told: told.of(Played)[2].seconds, 5),
    (Kind.WRONG_ID, ["same", "different"], lambda told: len(told.of(Stray)), 1),
    (Kind.DUPLICATE, ["same", "same"], lambda told: len(told.of(Stray)), 1),
    (Kind.MALFORMED, ["same", "different"], lambda told: len(told.of(Stray)), 1),
    (
        Kind.INVALID,
        ["same", "different"],
        lambda told: [each[1] for each in told.different],
        ["idTagInfo", "deliberately"],
    ),
]


@pytest.mark.parametrize(("kind", "verdicts", "look", "expected"), BROKEN, ids=[each[0] for each in BROKEN])
async def test_a_broken_answer_is_found_and_the_rest_is_played(
    autojump_clock: MockClock, kind: Kind, verdicts: list[str], look: Callable[[Told], Any], expected: Any
) -> None:
    async with recorded_session() as recording, open_in_process(testing=True) as central:
        await misbehaving(central, Rule(kind=kind, action="Authorize", times=1))
        told = await replayed(recording, central.target)
    assert told.verdicts[1:3] == verdicts
    assert look(told) == expected
    assert told.verdicts[3:] == ["same"] * 6


async def test_reboots_are_connections_of_their_own(autojump_clock: MockClock) -> None:
    wire = Wire("CP1")
    async with open_in_process() as central:
        for _ in range(2):
            async with open_client(central.target, "CP1", wire=wire) as client:
                await client.call("BootNotification", BOOT)
                await client.call("Heartbeat", {})
    events: list[Any] = []
    async with open_in_process(subscribers=(events.append,)) as central:
        told = await replayed(lines_of(wire), central.target)
    assert told.verdicts == ["same"] * 4
    assert [type(each).__name__ for each in events].count("Connected") == 2


async def test_what_the_server_asks_is_answered_as_the_charge_point_did(autojump_clock: MockClock) -> None:
    recording = [
        line("in", [2, "1", "BootNotification", BOOT]),
        line("out", [2, "s", "ClearCache", {}]),
        line("in", [3, "s", {"status": "Rejected"}]),
        line("out", [2, "t", "ClearCache", {}]),
        line("in", [4, "t", "GenericError", "tired", {}]),
        line("in", [2, "2", "Heartbeat", {}], seconds=100),
    ]
    async with open_in_process() as central, trio.open_nursery() as nursery:
        outcomes = []

        async def ask(request: Any) -> None:
            await trio.sleep(30)
            outcomes.append(await central.fleet.call("CP1", request))

        for request in (m.ClearCache(), m.ClearCache(), m.ClearCache(), m.GetLocalListVersion()):
            nursery.start_soon(ask, request)
        told = await replayed(recording, central.target, speed=1.0)
        assert sorted(str(each.payload or each.error_code) for each in outcomes) == sorted(
            ["{'status': 'Rejected'}", "GenericError", "GenericError", "NotSupported"]
        )
    asked = told.of(Asked)
    assert [each.call.action for each in asked].count("ClearCache") == 3
    assert [each.call.action for each in asked if each.reply is None] == ["GetLocalListVersion"]
    assert told.verdicts == ["unjudged", "unjudged"]


@pytest.mark.parametrize(("speed", "seconds"), [(0.0, 0.0), (1.0, 90.0), (3.0, 30.0)])
async def test_it_goes_as_fast_as_is_wanted(autojump_clock: MockClock, speed: float, seconds: float) -> None:
    recording = [line("in", [2, str(at), "Heartbeat", {}], seconds=at) for at in (0, 60, 90)]
    async with open_in_process() as central:
        began = trio.current_time()
        await replayed(recording, central.target, speed=speed)
        assert trio.current_time() - began == seconds


async def test_texts_that_are_no_calls_are_sent_as_they_are(autojump_clock: MockClock) -> None:
    wire = Wire("CP1")
    async with open_in_process() as central:
        async with open_client(central.target, "CP1", wire=wire) as client:
            for text in ('[2,"a"]', "nonsense", '[2, "b" ,"Authorize",{"idTag":"TAG"}]'):
                await client.send(text)
                await trio.sleep(1)
        recording = lines_of(wire)
        events: list[Any] = []
    async with open_in_process(subscribers=(events.append,)) as central:
        told = await replayed(recording, central.target)
    assert told.verdicts == ["same", "unjudged", "same"]
    received = [each.text for each in events if type(each).__name__ == "FrameReceived"]
    assert received == ['[2,"a"]', "nonsense", '[2, "b" ,"Authorize",{"idTag":"TAG"}]']


async def test_a_connection_that_ends_between_two_messages_is_made_again(autojump_clock: MockClock) -> None:
    recording = [line("in", [2, str(at), "Heartbeat", {}], seconds=at) for at in (0, 60)]
    async with open_in_process() as central, trio.open_nursery() as nursery:

        async def end_it() -> None:
            await trio.sleep(30)
            [session] = central.fleet.sessions()
            session.end(1008, "enough")

        nursery.start_soon(end_it)
        told = await replayed(recording, central.target, speed=1.0)
    assert [each.reason for each in told.of(Lost)] == ["the connection was closed with 1008 enough"]
    assert len(told.of(Played)) == 2


async def test_a_connection_that_cannot_be_made_is_told(autojump_clock: MockClock) -> None:
    async with recorded_session() as recording:
        async with open_in_process(admission="known") as central:
            with pytest.raises(Refused, match="404"):
                await replayed(recording, central.target)

        async def silent() -> trio.abc.Stream:
            ours, _theirs = trio.testing.memory_stream_pair()
            return ours

        began = trio.current_time()
        with pytest.raises(Unreachable, match="did not complete the handshake within 7 s"):
            await replayed(recording, Target(SERVER, silent), timeout=7.0)
        assert trio.current_time() - began == 7


async def test_a_connection_that_cannot_be_made_again_ends_the_replay(autojump_clock: MockClock) -> None:
    async with recorded_session() as recording, open_in_process(testing=True) as central:
        await misbehaving(central, Rule(kind=Kind.CUT, action="Authorize"))
        dialled = 0

        async def once() -> trio.abc.Stream:
            nonlocal dialled
            dialled += 1
            if dialled > 1:
                raise OSError("no route")
            return await central.target.dial()

        told = await replayed(recording, Target(SERVER, once))
    [ended] = told.of(Ended)
    assert ended == Ended(f"{SERVER} cannot be reached: no route", 6)
    assert told.verdicts == ["same", "same", "different"]
