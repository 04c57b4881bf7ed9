"""What the central system does about each fault on the link of one charge point, and that others do not notice.

Each test is named after the fault and what is done about it; it fails where that is taken out of the server.
"""

from collections import Counter
from typing import Any

import pytest
import trio
import trio.testing
from tests.support.central import BOOT
from tests.support.linked import (
    ended,
    fault,
    open_linked,
    others_undisturbed,
    sessions_ended,
    transactions,
)
from tests.support.raw import RawPeer, upgrade
from trio.testing import MockClock, wait_all_tasks_blocked

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.ledger.port import CommandState
from ocpp_actors.observer import Disconnected, Flagged, Restarted
from ocpp_actors.protocol.messages import Reset, ResetType, StartTransaction
from ocpp_actors.server.transport import LINGER
from ocpp_actors.testbench.client import Client, Closed, Refused, Unreachable
from ocpp_actors.testbench.links.conditions import LinkConditions, conditions_from

pytestmark = pytest.mark.unmeasured

START = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": "2026-03-01T11:00:00Z"}
STOP = {"idTag": "TAG", "meterStop": 500, "timestamp": "2026-03-01T11:30:00Z"}


# --- stall -----------------------------------------------------------------------------------------------------


async def test_server_stall_ends_the_session_by_the_ping_timeout(autojump_clock: MockClock) -> None:
    async with (
        open_linked(ping_interval=30, ping_timeout=20) as linked,
        others_undisturbed(linked),
        linked.client() as client,
    ):
        await client.call("BootNotification", BOOT)
        await trio.sleep(31)
        with fault(linked, "stall"):
            assert (await ended(linked, within=30 + 20)).reason == "a ping was not answered within 20 s"


async def test_server_stall_ends_the_session_by_the_silence_limit(autojump_clock: MockClock) -> None:
    async with (
        open_linked(silence_limit=600) as linked,
        linked.client() as client,
        linked.client("CP2") as other,
    ):
        await client.call("BootNotification", BOOT)
        with fault(linked, "stall"):
            for _ in range(3):
                await trio.sleep(200)
                await other.call("Heartbeat", {})
            assert (await ended(linked)).reason == "nothing received for 600 s"
            assert len(linked.central.told(Disconnected)) == 1


async def test_server_stall_shorter_than_its_patience_changes_nothing(autojump_clock: MockClock) -> None:
    async with open_linked(ping_interval=30, ping_timeout=20) as linked, linked.client() as client:
        await client.call("BootNotification", BOOT)
        await trio.sleep(31)
        async with trio.open_nursery() as nursery:
            with fault(linked, "stall"):
                nursery.start_soon(client.call, "Heartbeat", {})
                await trio.sleep(40)
                assert client.wire.answered("Heartbeat") == []
        assert client.wire.answered("Heartbeat")[0].seconds == pytest.approx(40)
        assert sessions_ended(linked) == 0


# --- half-open -------------------------------------------------------------------------------------------------


async def test_server_half_open_newcomer_wins_at_once(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, others_undisturbed(linked), linked.client() as gone:
        await gone.call("BootNotification", BOOT)
        linked.network.half_open("CP1")
        await trio.sleep(60)
        assert sessions_ended(linked) == 0
        before = trio.current_time()
        async with linked.client() as newcomer:
            assert (await newcomer.call("BootNotification", BOOT)).result["status"] == "Accepted"
            assert trio.current_time() == before
            await trio.sleep(60)
            first = await ended(linked)
            assert (first.generation, first.code) == (1, 1008)
            entry = linked.central.fleet.find("CP1")
            assert entry is not None
            assert entry.session is not None
            assert entry.session.generation == 2
            await newcomer.call("Heartbeat", {})


async def test_server_half_open_connection_that_is_not_replaced_is_given_up(
    autojump_clock: MockClock,
) -> None:
    async with open_linked(silence_limit=600) as linked, linked.client() as gone:
        await gone.call("BootNotification", BOOT)
        linked.network.half_open("CP1")
        await trio.sleep(601)
        assert (await ended(linked)).reason == "nothing received for 600 s"


# --- reset -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["in", "out"])
async def test_server_reset_mid_frame_ends_the_session_alone(
    direction: str, autojump_clock: MockClock
) -> None:
    reset = conditions_from({direction: {"reset_in_frame": True}})
    async with open_linked() as linked, others_undisturbed(linked):
        async with linked.client() as client:
            await client.call("BootNotification", BOOT)
            with linked.network.fault("reset-mid-frame", reset, "CP1"), pytest.raises(Closed):
                await client.call("StartTransaction", START)
        assert (await ended(linked)).code == 1006
        assert linked.central.told(Restarted) == []
        assert len(await transactions(linked)) == (direction == "out")
        async with linked.client() as again:
            await again.call("StartTransaction", START)
        assert len(await transactions(linked)) == 1


async def test_server_reset_in_the_handshake_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, others_undisturbed(linked):
        cut = conditions_from({"in": {"reset_after": 100}})
        with linked.network.fault("reset", cut, "CP1"), pytest.raises(Unreachable):
            async with linked.client():
                pass
        await wait_all_tasks_blocked()
        assert linked.central.server._serving == 1
        async with linked.client() as client:
            await client.call("BootNotification", BOOT)


# --- corruption ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "code"),
    [(0, 1002), (1, 1002), (2, 1007), (12, 1007)],
    ids=["opcode", "length", "mask", "payload"],
)
async def test_server_corrupted_byte_is_answered_with_a_close_code(
    place: int, code: int, autojump_clock: MockClock
) -> None:
    async with open_linked() as linked, others_undisturbed(linked), linked.client() as client:
        await client.call("BootNotification", BOOT)
        corrupted = conditions_from({"in": {"corrupt_at": place}})
        with linked.network.fault("corruption", corrupted, "CP1"), pytest.raises(Closed) as closed:
            await client.call("Heartbeat", {})
        assert closed.value.code == code
        assert (await ended(linked, within=LINGER)).code == code
        assert linked.central.told(Restarted) == []


async def test_server_corruption_at_random_ends_only_that_connection(autojump_clock: MockClock) -> None:
    """Whatever a changed bit makes of a frame: a close code, a CALLERROR, or a message that means something else."""
    outcomes: Counter[int | str] = Counter()
    async with open_linked() as linked, linked.client("CP2") as other:
        for _ in range(60):
            async with linked.client() as client:
                with fault(linked, "corruption", **{"in": {"corrupt": 0.03}, "out": {"corrupt": 0}}):
                    outcomes[await _outcome(client)] += 1
            assert (await other.call("Heartbeat", {})).seconds == 0
        async with linked.client() as client:
            await client.call("BootNotification", BOOT)
    assert linked.central.told(Restarted) == []
    assert set(outcomes) == {1002, 1007, "CALLERROR", "CALLRESULT", "silence"}


async def _outcome(client: Client) -> int | str:
    with trio.move_on_after(60):
        try:
            exchange = await client.call("Authorize", {"idTag": "TAG"})
        except Closed as closed:
            return closed.code
        return "CALLRESULT" if exchange.answered.text.startswith("[3") else "CALLERROR"
    return "silence"


async def test_server_corrupted_handshake_is_refused(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, others_undisturbed(linked):
        corrupted = conditions_from({"in": {"corrupt_at": 0}})
        with linked.network.fault("corruption", corrupted), pytest.raises((Refused, Unreachable)):
            async with linked.client():
                pass
        await wait_all_tasks_blocked()
        assert linked.central.server._serving == 1


async def test_server_duplicated_bytes_end_only_that_connection(autojump_clock: MockClock) -> None:
    async with open_linked() as linked, others_undisturbed(linked):
        peer = RawPeer(await linked.target("CP1").dial())
        await peer.send(upgrade("/ocpp/CP1"))
        assert (await peer.answer()).status == 101
        twice = conditions_from({"in": {"duplicate_bytes": 1}})
        with linked.network.fault("duplicate-bytes", twice, "CP1"):
            await peer.call("1", "Heartbeat", {})
            assert await peer.close_code() == 1007
        assert (await ended(linked, within=LINGER)).code == 1007
        await peer.stream.aclose()


# --- duplicated frames -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fragment", "quirk"), [(None, ["CALL repeated while in progress"]), (10, [])], ids=["at once", "later"]
)
async def test_server_duplicated_frame_is_answered_as_a_repetition(
    fragment: int | None, quirk: list[str], autojump_clock: MockClock
) -> None:
    """The second comes while the first is being answered, or after that: it is not handled again."""
    router, handled = default_router(), 0

    @router.around(StartTransaction)
    async def count(request: StartTransaction, context: Context, proceed: Any) -> Any:
        nonlocal handled
        handled += 1
        if fragment is None:
            await trio.testing.wait_all_tasks_blocked()  # until the second was read
        return await proceed(request, context)

    async with open_linked(router=router) as linked, linked.client() as client:
        await client.call("BootNotification", BOOT)
        since = client.wire.mark()
        with fault(linked, "duplicate-frames", **{"in": {"duplicate_frames": 1, "fragment": fragment}}):
            started = await client.call("StartTransaction", START)
            await trio.sleep(1)
        assert started.result["idTagInfo"] == {"status": "Accepted"}
        answers = [
            each.text for each in client.wire.frames if each.number > since and each.direction == "out"
        ]
        assert answers == [started.answered.text] * (2 - len(quirk))
        assert [event.quirk for event in linked.central.told(Flagged)] == quirk
        assert handled == 1
        await client.call("Heartbeat", {})
        assert sessions_ended(linked) == 0


# --- slow readers and slow links -------------------------------------------------------------------------------


async def test_server_slow_reader_is_dropped_after_the_send_timeout(autojump_clock: MockClock) -> None:
    async with (
        open_linked(bounded=True, send_timeout=10) as linked,
        others_undisturbed(linked),
        linked.client() as client,
    ):
        await client.call("BootNotification", BOOT)
        with fault(linked, "slow-reader"):
            await client.send([2, "1", "Heartbeat", {}])
            await trio.sleep(9)
            assert sessions_ended(linked) == 0
            assert (await ended(linked, within=2)).reason == "a frame could not be written within 10 s"


async def test_server_narrow_link_is_given_up_where_the_handshake_takes_too_long(
    autojump_clock: MockClock,
) -> None:
    async with open_linked(handshake_timeout=10) as linked, others_undisturbed(linked):
        with fault(linked, "narrow", bandwidth=10):
            began = trio.current_time()
            with pytest.raises(Unreachable):
                async with linked.client():
                    pass
            assert trio.current_time() - began == pytest.approx(10, abs=1)


async def test_server_narrow_link_carries_all_the_same(autojump_clock: MockClock) -> None:
    """A write that takes seconds is no reader that has gone."""
    async with open_linked(bounded=True, send_timeout=10) as linked, linked.client() as client:
        await client.call("BootNotification", BOOT)
        with fault(linked, "narrow", bandwidth=10, window=1):
            seconds = [(await client.call("Heartbeat", {})).seconds for _ in range(3)]
        assert all(each == pytest.approx(8, abs=2) for each in seconds)
        assert sessions_ended(linked) == 0


async def test_server_latency_above_the_call_timeout_ends_the_call_not_the_session(
    autojump_clock: MockClock,
) -> None:
    """The answer that comes too late is not taken for that to the next command."""
    async with open_linked(call_timeout=30) as linked, linked.client() as client:
        await client.call("BootNotification", BOOT)
        async with trio.open_nursery() as nursery:

            async def obey() -> None:
                for status in ("Accepted", "Rejected"):
                    await client.answer(await client.next_call("Reset"), {"status": status})

            nursery.start_soon(obey)
            with fault(linked, "latency", latency=20, jitter=0):
                outcome = await linked.central.fleet.call("CP1", Reset(type=ResetType.SOFT))
                assert (outcome.state, outcome.seconds) == (CommandState.TIMEOUT, 30)
            outcome = await linked.central.fleet.call("CP1", Reset(type=ResetType.HARD))
            assert (outcome.state, outcome.seconds) == (CommandState.ANSWERED, 10)
            assert outcome.payload == {"status": "Rejected"}
            assert [event.quirk for event in linked.central.told(Flagged)] == ["late reply"]
        assert sessions_ended(linked) == 0


@pytest.mark.parametrize(
    "conditions",
    [
        {"fragment": 1},
        {"fragment": 7, "in": {"coalesce": 3.0}},
        {"coalesce": 1.0},
        {"latency": 0.5, "jitter": 4.0},
        {"bandwidth": 200, "fragment": 3, "latency": 1.0, "jitter": 1.0, "coalesce": 0.5, "window": 40},
    ],
    ids=["fragments", "fragments, coalescing", "coalescing", "jitter", "all"],
)
async def test_server_fragments_coalescing_and_jitter_change_nothing_that_is_said(
    conditions: dict[str, Any], autojump_clock: MockClock
) -> None:
    said, expected = [await _conversation(each) for each in (conditions_from(conditions), LinkConditions())]
    assert said == expected
    assert len(said) == 47


async def _conversation(conditions: LinkConditions) -> list[str]:
    """Say a lot at once, long and short, and return the answers; they name times only of the beginning."""
    async with (
        open_linked(conditions, bounded=True, handshake_timeout=60) as linked,
        linked.client() as client,
    ):
        await client.call("BootNotification", BOOT)
        await client.send([2, "start", "StartTransaction", START])
        for number in range(5):
            await client.send([2, f"d{number}", "DataTransfer", {"vendorId": "é" * 80 * number}])
        for number in range(40):
            await client.send([2, f"a{number}", "Authorize", {"idTag": "T"}])
        await client.send([2, "stop", "StopTransaction", {**STOP, "transactionId": 1}])
        with trio.fail_after(600):
            return [(await client.receive()).text for _ in range(47)]


# --- partition -------------------------------------------------------------------------------------------------


async def test_server_partition_transactions_are_replayed_and_stored_once(autojump_clock: MockClock) -> None:
    """Each answer is lost in a partition, so that the charge point says the same again, under another id."""
    async with open_linked(silence_limit=300) as linked:
        stop: dict[str, Any] = {}
        for action, payload in (("StartTransaction", START), ("StopTransaction", stop)):
            async with linked.client() as client:
                await client.call("BootNotification", BOOT)
                with fault(linked, "slow-reader", window=64 * 1024):
                    await client.send([2, f"lost {action}", action, payload])
                    await wait_all_tasks_blocked()
                    with linked.network.partition("CP1"):
                        await trio.sleep(301)
                        assert (await ended(linked)).reason == "nothing received for 300 s"
                        with pytest.raises(Unreachable):
                            async with linked.client():
                                pass
                        linked.network.cut("CP1")
            assert len(await transactions(linked)) == 1
            async with linked.client() as client:
                await client.call("BootNotification", BOOT)
                answer = (await client.call(action, payload)).result
                assert answer["idTagInfo"] == {"status": "Accepted"}
                if action == "StartTransaction":
                    stop |= {**STOP, "transactionId": answer["transactionId"]}
        (transaction,) = await transactions(linked)
        assert transaction.transaction_id == stop["transactionId"]
        assert transaction.meter_stop == 500
