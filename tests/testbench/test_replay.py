"""Replay: what is planned from a recording, what counts as a difference, and what is played."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import define, field
from tests.support.messages import meter_values, start, status, stop
from trio.testing import MockClock

from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.misbehaviour import Kind, Rule
from ocpp_actors.ledger.port import ListTransactions
from ocpp_actors.protocol import messages as m
from ocpp_actors.protocol.errors import ErrorCode, ProtocolFault
from ocpp_actors.protocol.frames import CallError, CallResult
from ocpp_actors.testbench.bench import BOOT
from ocpp_actors.testbench.client import Client, Refused, Unreachable, open_client
from ocpp_actors.testbench.replay.comparison import NOTHING, Difference, differences
from ocpp_actors.testbench.replay.plan import NotReplayable, plan
from ocpp_actors.testbench.replay.player import Asked, Ended, Happening, How, Lost, Played, Stray, play
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire
from ocpp_actors.testing.in_process import START, InProcess, open_in_process

SERVER = "ws://central.test/ocpp"


def line(direction: str, frame: Any, charge_point: str = "CP1", seconds: float = 0.0) -> bytes:
    at = (START + timedelta(seconds=seconds)).isoformat()
    record = {"at": at, "chargePoint": charge_point, "direction": direction, "frame": json.dumps(frame)}
    return json.dumps(record).encode()


def lines_of(wire: Wire) -> list[bytes]:
    """What a message log would have of it."""
    return [
        json.dumps(
            {
                "at": (START + timedelta(seconds=each.at)).isoformat(),
                "chargePoint": wire.identity,
                "direction": each.direction,
                "frame": each.text,
            }
        ).encode()
        for each in wire.frames
    ]


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


# --- the plan --------------------------------------------------------------------------------------------------


def test_a_plan_has_what_the_charge_point_said_and_what_it_was_answered() -> None:
    planned = plan(
        [
            line("in", [2, "1", "Heartbeat", {}]),
            b"",
            line("out", [2, "s1", "Reset", {"type": "Soft"}], seconds=1),
            line("in", [3, "s1", {"status": "Accepted"}], seconds=2),
            line("out", [3, "1", {"currentTime": "T"}], seconds=2),
            line("in", [2, "1", "Heartbeat", {}], seconds=5.5),
            line("out", [4, "1", "InternalError", "", {}], seconds=6),
            line("in", [2, "2", "Heartbeat", {}], seconds=7),
            line("in", "no frame", seconds=8),
        ]
    )
    assert planned.charge_point == "CP1"
    assert [(step.line, step.at, step.message_id) for step in planned.steps] == [
        (1, 0, "1"),
        (6, 5.5, "1"),
        (8, 7, "2"),
        (9, 8, None),
    ]
    assert [step.answer for step in planned.steps] == [
        CallResult("1", {"currentTime": "T"}),
        CallError("1", "InternalError", "", {}),
        None,
        None,
    ]
    assert planned.replies == {"Reset": (CallResult("s1", {"status": "Accepted"}),)}


def test_a_boot_after_one_that_was_accepted_begins_a_new_connection() -> None:
    def boot(number: int, verdict: str) -> list[bytes]:
        return [
            line("in", [2, str(number), "BootNotification", BOOT]),
            line("out", [3, str(number), {"status": verdict}]),
        ]

    planned = plan([*boot(1, "Pending"), *boot(2, "Accepted"), *boot(1, "Accepted")])
    assert [step.fresh for step in planned.steps] == [False, False, True]


def test_frames_without_a_direction_are_told_apart_by_themselves() -> None:
    planned = plan(
        [
            b'[2,"1","Heartbeat",{}]',
            b'[2,"1","Reset",{"type":"Soft"}]',
            b'[3,"1",{"currentTime":"T"}]',
            b'[3,"1",{"status":"Rejected"}]',
        ]
    )
    assert planned.charge_point is None
    assert [step.answer for step in planned.steps] == [CallResult("1", {"currentTime": "T"})]
    assert planned.replies == {"Reset": (CallResult("1", {"status": "Rejected"}),)}


def test_one_of_several_charge_points_is_chosen() -> None:
    recording = [line("in", [2, "1", "Heartbeat", {}], name) for name in ("CP1", "CP2", "cp1")]
    with pytest.raises(NotReplayable, match="choose one with --charge-point: CP1, CP2"):
        plan(recording)
    assert [step.line for step in plan(recording, "cp1").steps] == [1, 3]
    with pytest.raises(NotReplayable, match="CP3 says nothing in it"):
        plan(recording, "CP3")
    with pytest.raises(NotReplayable, match="a charge point says nothing in it"):
        plan([line("out", [2, "1", "Reset", {}])])
    with pytest.raises(NotReplayable, match="line 2: neither a frame nor a record"):
        plan([recording[0], b"{"])


# --- the comparison --------------------------------------------------------------------------------------------


def result(**payload: Any) -> CallResult:
    return CallResult("1", payload)


@pytest.mark.parametrize(
    ("action", "recorded", "found"),
    [
        ("Heartbeat", result(currentTime="2026-01-01T00:00:00Z"), result(currentTime="2027-01-01T00:00:00Z")),
        ("StartTransaction", result(transactionId=1), result(transactionId=77)),
        (
            "Authorize",
            result(idTagInfo={"status": "Accepted", "expiryDate": "2026-01-01T00:00:00Z"}),
            result(idTagInfo={"expiryDate": "2026-01-01T01:00:00.000+01:00", "status": "Accepted"}),
        ),
        ("X", result(a=1), result(a=1.0)),
        ("X", CallError("1", "GenericError", "a"), CallError("1", "GenericError", "b", {"c": 1})),
    ],
)
def test_answers_that_mean_the_same(action: str, recorded: Any, found: Any) -> None:
    assert differences(action, recorded, found) == ()


@pytest.mark.parametrize(
    ("action", "recorded", "found", "expected"),
    [
        ("Heartbeat", result(currentTime="T"), result(), ("currentTime", "T", NOTHING)),
        ("Heartbeat", result(currentTime="T"), result(currentTime=1), ("currentTime", "T", 1)),
        ("StopTransaction", result(transactionId=1), result(transactionId=2), ("transactionId", 1, 2)),
        ("X", result(), result(a=None), ("a", NOTHING, None)),
        ("X", result(a=1), result(a=True), ("a", 1, True)),
        ("X", result(a="1"), result(a=1), ("a", "1", 1)),
        ("X", result(a={"b": [{"c": 1}]}), result(a={"b": [{"c": 2}]}), ("a.b[0].c", 1, 2)),
        ("X", result(a=[1]), result(a=[1, 2]), ("a[1]", NOTHING, 2)),
        ("X", result(a=[1, 2]), result(a=[1]), ("a[1]", 2, NOTHING)),
        ("X", result(a={}), result(a=[]), ("a", {}, [])),
        ("X", CallError("1", "A"), CallError("1", "B"), ("errorCode", "A", "B")),
        ("X", result(a=1), CallError("1", "B", "no"), ("", 'CALLRESULT {"a":1}', "CALLERROR B (no)")),
        ("X", CallError("1", "B"), result(), ("", "CALLERROR B", "CALLRESULT {}")),
        ("X", result(), None, ("", "CALLRESULT {}", NOTHING)),
    ],
)
def test_each_difference_is_named_by_its_path(
    action: str, recorded: Any, found: Any, expected: tuple[str, Any, Any]
) -> None:
    assert differences(action, recorded, found) == (Difference(*expected),)


def test_what_is_ignored_may_differ() -> None:
    recorded, found = result(interval=1, a=[{"b": 1}, {"b": 2}]), result(a=[{"b": 3}, {"b": 4}])
    assert len(differences("X", recorded, found)) == 3
    assert differences("X", recorded, found, frozenset({"X.interval", "X.a.b"})) == ()
    assert len(differences("Y", recorded, found, frozenset({"X.interval", "X.a.b"}))) == 3


# --- playing ---------------------------------------------------------------------------------------------------


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
