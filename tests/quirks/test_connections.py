"""Quirks 11 to 14, 28 and 29: connections that live, die, come too early and come all at once."""

from collections import Counter
from typing import Any

import pytest
import trio
from tests.support.central import BOOT, Central, open_central
from tests.support.known import central_with, introduce
from tests.support.listening import PipeListener
from tests.support.raw import PING, PONG, RawPeer, frame, raw_charger, upgrade

from ocpp_actors.central_system.context import Context
from ocpp_actors.central_system.handlers import default_router
from ocpp_actors.charge_point.session import Session
from ocpp_actors.observer import Disconnected
from ocpp_actors.protocol.messages import Authorize, RegistrationStatus, Reset, ResetType

HOUR = 3600.0
RESET = Reset(type=ResetType.SOFT)


def session_of(central: Central, identity: str = "CP1") -> Session | None:
    entry = central.fleet.find(identity)
    return None if entry is None else entry.session


async def pings_within(peer: RawPeer, seconds: float) -> int:
    """Count the pings that the server sends in this time; the charger itself says nothing."""
    seen: Counter[int] = Counter()
    with trio.move_on_after(seconds):
        while (got := await peer.frame()) is not None:
            seen[got[0]] += 1
    return seen[PING]


# --- 11 ----------------------------------------------------------------------------------------------------------


async def test_quirk_11_a_charger_that_never_answers_pings_stays_while_it_talks(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient, ping_interval=30, ping_timeout=30) as central,
        raw_charger(central) as peer,
    ):
        for number in range(24):
            assert await pings_within(peer, 300) >= 9
            await peer.call(str(number), "Heartbeat", {})
            assert (await peer.text())[:2] == [3, str(number)]
        assert session_of(central) is not None


async def test_quirk_11_the_deadline_for_a_pong_counts_after_a_first_pong(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient, ping_interval=30, ping_timeout=20) as central,
        raw_charger(central) as peer,
    ):
        assert await peer.frame() == (PING, b"")
        ponged_at = trio.current_time()
        await peer.send(frame(PONG))
        assert await pings_within(peer, HOUR) == 1
        assert trio.current_time() - ponged_at == pytest.approx(30 + 20)
        await trio.testing.wait_all_tasks_blocked()
        (ended,) = central.told(Disconnected)
        assert ended.reason == "a ping was not answered within 20 s"


async def test_quirk_11_any_traffic_counts_as_a_pong(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    async with (
        central_with(lenient, ping_interval=30, ping_timeout=20) as central,
        raw_charger(central) as peer,
    ):
        assert await peer.frame() == (PING, b"")
        await peer.send(frame(PONG))
        for number in range(100):
            assert await pings_within(peer, 15) <= 1
            await peer.call(str(number), "Heartbeat", {})
            assert (await peer.text())[:2] == [3, str(number)]
        assert session_of(central) is not None


async def test_quirk_11_a_silent_charger_is_given_up_after_the_silence_limit(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with (
        central_with(lenient, ping_interval=30, silence_limit=600) as central,
        raw_charger(central) as peer,
    ):
        connected_at = trio.current_time()
        await pings_within(peer, HOUR)
        await trio.testing.wait_all_tasks_blocked()
        (ended,) = central.told(Disconnected)
        assert ended.reason == "nothing received for 600 s"
        assert trio.current_time() - connected_at == pytest.approx(600, abs=1)


async def test_quirk_11_a_charger_can_be_marked_no_ping(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with open_central(ping_interval=30, silence_limit=2 * HOUR) as central:
        await introduce(central.ledger, lenient=lenient, pings=False)
        async with raw_charger(central) as peer:
            assert await pings_within(peer, HOUR) == 0


# --- 12 ----------------------------------------------------------------------------------------------------------


async def test_quirk_12_a_newcomer_wins_at_once_over_a_half_open_connection(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """The old socket answers nothing any more, not even the close; its end must not unregister the new one."""
    async with central_with(lenient) as central, raw_charger(central) as old:
        await trio.testing.wait_all_tasks_blocked()
        former = session_of(central)
        async with central.charger() as charger:
            before = trio.current_time()
            await charger.boot()
            assert trio.current_time() == before
            assert session_of(central) not in {None, former}
            assert await old.close_code() == 1008
            await trio.sleep(60)
            assert [event.generation for event in central.told(Disconnected)] == [1]
            present = session_of(central)
            assert present is not None
            assert present.generation == 2
            assert len(central.fleet) == 1
            await charger.result("Heartbeat", {})


async def test_quirk_12_only_an_authenticated_newcomer_wins(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient) as central, central.charger() as charger:
        await charger.boot()
        await introduce(central.ledger, key=b"secret", lenient=lenient)
        assert (await central.refused()).status_code == 401
        assert (await central.refused(identity="cp1")).status_code == 401
        await charger.result("Heartbeat", {})


# --- 13 ----------------------------------------------------------------------------------------------------------


async def test_quirk_13_calls_are_held_until_the_boot_is_answered(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient, boot_grace=10) as central, central.charger() as charger:
        await trio.testing.wait_all_tasks_blocked()
        central.fleet.submit("CP1", RESET)
        await trio.sleep(9)
        await charger.send([2, "boot", "BootNotification", BOOT])
        assert (await charger.receive())[:2] == [3, "boot"]
        answered_at = trio.current_time()
        assert (await charger.receive())[2:] == ["Reset", {"type": "Soft"}]
        assert trio.current_time() == answered_at


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "talking"])
async def test_quirk_13_without_a_boot_calls_are_held_for_a_short_grace(
    autojump_clock: trio.abc.Clock, lenient: bool, talks: bool
) -> None:
    """Also where a charger that never booted here says something else first."""
    async with open_central(boot_grace=10) as central:
        registration = None if talks else RegistrationStatus.ACCEPTED
        await introduce(central.ledger, lenient=lenient, registration=registration)
        async with central.charger() as charger:
            await trio.testing.wait_all_tasks_blocked()
            connected_at = trio.current_time()
            central.fleet.submit("CP1", RESET)
            if talks:
                await charger.result("Heartbeat", {})
            assert (await charger.receive())[2] == "Reset"
            assert trio.current_time() - connected_at == pytest.approx(10)


async def test_quirk_13_calls_are_held_anew_on_every_connection(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    async with central_with(lenient, boot_grace=10) as central:
        for _ in range(2):
            async with central.charger() as charger:
                await charger.boot()
        async with central.charger() as charger:
            await trio.testing.wait_all_tasks_blocked()
            connected_at = trio.current_time()
            central.fleet.submit("CP1", RESET)
            assert (await charger.receive())[2] == "Reset"
            assert trio.current_time() - connected_at == pytest.approx(10)


# --- 14 ----------------------------------------------------------------------------------------------------------


async def test_quirk_14_several_calls_at_once_are_handled_in_order_one_at_a_time(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """Also those that were sent before the boot was answered, and more than are read ahead."""
    router = default_router()
    busy = 0

    @router.around(Authorize)
    async def slow(request: Authorize, context: Context, proceed: Any) -> Any:
        nonlocal busy
        busy += 1
        assert busy == 1
        await trio.sleep(float(request.id_tag))
        busy -= 1
        return await proceed(request, context)

    async with central_with(lenient, router=router) as central, central.charger() as charger:
        await charger.send([2, "boot", "BootNotification", BOOT])
        for number in range(40):
            await charger.send([2, f"a{number}", "Authorize", {"idTag": str((7 * number) % 5)}])
            await charger.send([2, f"b{number}", "Heartbeat", {}])
        answered = [(await charger.receive())[:2] for _ in range(81)]
        expected = [[3, f"{letter}{number}"] for number in range(40) for letter in "ab"]
        assert answered == [[3, "boot"], *expected]


async def test_quirk_14_a_charger_that_sends_all_at_once_does_not_hold_up_another(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    router = default_router()

    @router.around(Authorize)
    async def slow(request: Authorize, context: Context, proceed: Any) -> Any:
        await trio.sleep(5)
        return await proceed(request, context)

    async with central_with(lenient, router=router) as central, central.charger() as charger:
        for number in range(30):
            await charger.send([2, str(number), "Authorize", {"idTag": "A"}])
        async with central.charger("CP2") as other:
            before = trio.current_time()
            await other.boot()
            assert trio.current_time() == before


# --- 28 ----------------------------------------------------------------------------------------------------------


async def test_quirk_28_shutdown_closes_with_1001_or_drops_a_charger_marked_so(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """Some chargers never come back after a graceful close."""
    async with open_central() as central:
        await introduce(central.ledger, "closed", lenient=lenient)
        await introduce(central.ledger, "dropped", lenient=lenient, abort_on_shutdown=True)
        central.nursery.start_soon(central.server.run, [PipeListener()])
        async with raw_charger(central, "closed") as closed, raw_charger(central, "dropped") as dropped:
            await trio.testing.wait_all_tasks_blocked()
            central.server.shut_down()
            assert await closed.close_code() == 1001
            assert await dropped.frame() is None


async def test_quirk_28_what_is_in_hand_is_answered_before(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    router = default_router()

    @router.around(Authorize)
    async def slow(request: Authorize, context: Context, proceed: Any) -> Any:
        await trio.sleep(5)
        return await proceed(request, context)

    async with open_central(router=router) as central:
        await introduce(central.ledger, lenient=lenient, abort_on_shutdown=True)
        central.nursery.start_soon(central.server.run, [PipeListener()])
        async with raw_charger(central) as peer:
            await peer.call("1", "Authorize", {"idTag": "A"})
            await trio.sleep(1)
            central.server.shut_down()
            assert (await peer.text())[:2] == [3, "1"]
            assert await peer.frame() is None


# --- 29 ----------------------------------------------------------------------------------------------------------


async def test_quirk_29_connections_are_accepted_at_a_limited_rate(
    autojump_clock: trio.abc.Clock, lenient: bool
) -> None:
    """A storm of 60 chargers at 10 a second: the first 10 at once, the others as the rate allows."""
    async with central_with(lenient, max_connection_rate=10) as central:
        listener = PipeListener()
        peers = [listener.connect(central) for _ in range(60)]
        central.nursery.start_soon(central.server.run, [listener])
        for number, stream in enumerate(peers):
            await stream.send_all(upgrade(f"/ocpp/CP{number}"))
        begun_at = trio.current_time()
        for stream in peers:
            assert (await RawPeer(stream).answer()).status == 101
        times = [at - begun_at for at in listener.accepted_at]
        assert times[:10] == [0] * 10
        for number, at in enumerate(times[10:], 1):
            assert at == pytest.approx(number / 10, abs=0.11)
        for stream in peers:
            await stream.aclose()


async def test_quirk_29_boot_intervals_have_jitter(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    """Those who are turned away together do not return together; heartbeats are as often as was set."""
    intervals: dict[RegistrationStatus, list[int]] = {status: [] for status in RegistrationStatus}
    async with open_central(heartbeat_interval=1000) as central:
        for status, heard in intervals.items():
            for number in range(30):
                identity = f"{status}{number}"
                await introduce(central.ledger, identity, lenient=lenient, registration=status)
                async with central.charger(identity) as charger:
                    conf = await charger.boot()
                    assert conf["status"] == status
                    heard.append(conf["interval"])
    assert set(intervals[RegistrationStatus.ACCEPTED]) == {1000}
    for status in (RegistrationStatus.PENDING, RegistrationStatus.REJECTED):
        assert len(set(intervals[status])) > 20
        assert all(900 <= interval <= 1100 for interval in intervals[status])


async def test_quirk_29_an_interval_is_never_0(autojump_clock: trio.abc.Clock, lenient: bool) -> None:
    async with open_central(heartbeat_interval=1) as central:
        await introduce(central.ledger, lenient=lenient, registration=RegistrationStatus.PENDING)
        async with central.charger() as charger:
            assert (await charger.boot())["interval"] == 1
