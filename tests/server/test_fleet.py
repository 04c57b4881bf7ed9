"""Who is connected: identities, counts, and two devices that fight over one identity."""

from datetime import timedelta
from typing import Any

import trio
from tests.server.test_turnstile import held
from tests.support.central import START, Central, open_central
from tests.support.failing_ledger import FailingLedger
from tests.support.known import introduce
from tests.support.listening import PipeListener, charger_on
from tests.support.messages import serve_command, status
from tests.support.raw import raw_peer, upgrade

from ocpp_actors.ledger.port import (
    ChargePointSettings,
    CommandState,
    FindChargePoint,
    FindCommand,
    ListChargePoints,
    ListSecurityEvents,
    Origin,
    PutChargePoint,
    QueueCommand,
    RecordSecurityEvent,
)
from ocpp_actors.observer import Connected, Disconnected, SecurityEventRaised
from ocpp_actors.protocol import messages as m
from ocpp_actors.server.admission import Handshake
from ocpp_actors.server.fleet import FIGHT_PAUSE, FIGHT_TAKEOVERS, FIGHT_WINDOW


async def test_the_fleet_counts_who_is_connected(autojump_clock: Any) -> None:
    async with open_central() as central:
        assert len(central.fleet) == 0
        async with central.charger("CP1"), central.charger("CP2"):
            await trio.testing.wait_all_tasks_blocked()
            assert len(central.fleet) == 2
            async with central.charger("CP1"):
                await trio.testing.wait_all_tasks_blocked()
                assert len(central.fleet) == 2
            await trio.sleep(5)
            assert [session.identity for session in central.fleet.sessions()] == ["CP2"]
            assert len(central.fleet) == 1
        await trio.sleep(5)
        assert len(central.fleet) == 0
        assert [event.generation for event in central.told(Connected) if event.identity == "CP1"] == [1, 2]
        assert sorted(
            event.generation for event in central.told(Disconnected) if event.identity == "CP1"
        ) == [1, 2]


async def test_two_spellings_are_one_charger_that_keeps_the_letters_of_its_first(autojump_clock: Any) -> None:
    async with open_central() as central:
        async with central.charger("Stra%C3%9Fe-1") as first:
            await first.boot()
            async with central.charger("STRASSE-1") as second:
                assert await first.closed() == (1008, "replaced")
                await second.result("StatusNotification", status())
                central.fleet.submit("straße-1", m.ClearCache())
                await serve_command(second, {"status": "Accepted"})
                [session] = central.fleet.sessions()
                assert session.identity == "Straße-1"
        records = await central.ledger.ask(ListChargePoints())
    assert [record.identity for record in records] == ["Straße-1"]


async def test_an_identity_never_connected_is_not_found(autojump_clock: Any) -> None:
    async with open_central() as central:
        assert central.fleet.find("CP1") is None


async def test_when_a_session_ends_the_time_is_noted(autojump_clock: Any) -> None:
    async with open_central() as central:
        async with central.charger("CP1"):
            await trio.sleep(100)
        await trio.sleep(5)
        record = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert record.last_seen_at is not None
    assert (record.last_seen_at - START).total_seconds() == 100


async def test_one_that_an_operator_added_is_first_seen_when_it_comes(autojump_clock: Any) -> None:
    async with open_central() as central:
        await central.ledger.ask(PutChargePoint("CP1", None, ChargePointSettings(), START))
        await trio.sleep(100)
        async with central.charger("CP1"):
            await trio.sleep(5)
            record = await central.ledger.ask(FindChargePoint("CP1"))
        await trio.sleep(100)
        async with central.charger("CP1"):
            await trio.sleep(5)
        again = await central.ledger.ask(FindChargePoint("CP1"))
    assert record is not None
    assert again is not None
    assert (
        record.first_seen_at == record.last_seen_at == again.first_seen_at == START + timedelta(seconds=100)
    )


async def take_over(central: Central, times: int, every: float = 1.0) -> list[float]:
    """Connect that often without letting go; return how long each had to wait for its answer."""
    waited: list[float] = []

    async def stay() -> None:
        async with central.charger("CP1") as charger:
            waited.append(trio.current_time() - began)
            await charger.connection._close_handshake.wait()

    for _ in range(times):
        began = trio.current_time()
        central.nursery.start_soon(stay)
        await trio.sleep(every)
    return waited


async def test_two_devices_that_fight_over_an_identity_are_reported_and_slowed_down(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        async with trio.open_nursery() as nursery:
            waited = await take_over(central, FIGHT_TAKEOVERS + 1)
            assert waited == [0] * (FIGHT_TAKEOVERS + 1)
            assert central.told(SecurityEventRaised) == []
            waited = await take_over(central, 1, every=FIGHT_PAUSE + 1)
            assert waited == [FIGHT_PAUSE]
            nursery.cancel_scope.cancel()
        [told] = central.told(SecurityEventRaised)
        assert (told.identity, told.type) == ("CP1", "IdentityConflict")
        assert "two devices use this identity" in told.detail
        [event] = await central.ledger.ask(ListSecurityEvents())
        assert (event.type, event.origin) == ("IdentityConflict", Origin.CENTRAL_SYSTEM)
        central.nursery.cancel_scope.cancel()


async def test_a_fight_is_slowed_down_whatever_the_ledger_does(autojump_clock: Any) -> None:
    for how in ("fails", "hangs"):
        ledger = FailingLedger()
        ledger.hangs(RecordSecurityEvent) if how == "hangs" else ledger.unavailable(RecordSecurityEvent)
        async with open_central(ledger=ledger) as central:
            await take_over(central, FIGHT_TAKEOVERS + 1)
            assert await take_over(central, 1, every=FIGHT_PAUSE + 1) == [FIGHT_PAUSE]
            central.nursery.cancel_scope.cancel()


async def test_takeovers_that_are_far_apart_are_no_fight(autojump_clock: Any) -> None:
    async with open_central() as central:
        every = FIGHT_WINDOW / FIGHT_TAKEOVERS
        assert await take_over(central, 20, every=every) == [0] * 20
        assert central.told(SecurityEventRaised) == []
        central.nursery.cancel_scope.cancel()


async def test_after_a_fight_a_charger_that_lost_its_connection_is_not_slowed_down(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        await take_over(central, FIGHT_TAKEOVERS + 1)
        for session in central.fleet.sessions():
            session.end(1000, "gone")
        await trio.sleep(3)
        began = trio.current_time()
        async with central.charger("CP1") as charger:
            await charger.boot()
            assert trio.current_time() == began
        central.nursery.cancel_scope.cancel()


async def test_one_that_comes_back_before_the_end_of_its_connection_was_its_turn_does_not_fight(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, trio.open_nursery() as holding:
        await holding.start(held, central.server._turnstile)
        for _ in range(3 * FIGHT_TAKEOVERS):
            async with central.charger() as charger:
                await charger.boot()
                assert isinstance(charger.stream, trio.StapledStream)
                charger.stream.send_stream.close()
                await trio.testing.wait_all_tasks_blocked()
                assert len(central.fleet) == 1  # its end waits
        assert trio.current_time() == 0
        assert central.told(SecurityEventRaised) == []
        holding.cancel_scope.cancel()
        central.nursery.cancel_scope.cancel()


async def test_the_pause_of_a_fight_is_no_part_of_the_handshakes_time_and_takes_no_place_for_one(
    autojump_clock: Any,
) -> None:
    async with open_central(handshake_timeout=2.0, max_handshakes=1) as central:
        listener = PipeListener()
        central.nursery.start_soon(central.server.run, [listener])
        await take_over(central, FIGHT_TAKEOVERS + 1)
        began = trio.current_time()
        async with trio.open_nursery() as nursery:

            async def late() -> None:
                async with charger_on(listener.connect(central)) as charger:
                    assert trio.current_time() - began == FIGHT_PAUSE
                    await charger.boot()

            nursery.start_soon(late)
            await trio.sleep(1)
            async with charger_on(listener.connect(central), "CP2") as other:
                await other.boot()
                assert trio.current_time() - began == 1
        central.nursery.cancel_scope.cancel()


async def test_of_the_newcomers_to_a_fight_only_the_last_waits_and_the_fight_is_recorded_once(
    autojump_clock: Any,
) -> None:
    async with open_central() as central:
        await take_over(central, FIGHT_TAKEOVERS + 1)
        began, answers = trio.current_time(), []

        async def newcomer() -> None:
            async with raw_peer(central) as peer:
                await peer.send(upgrade("/ocpp/CP1"))
                answers.append(((await peer.answer()).status, trio.current_time() - began))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(newcomer)
                await trio.sleep(1)
        assert answers == [(503, 1), (503, 2), (101, 2 + FIGHT_PAUSE)]
        assert len(central.told(SecurityEventRaised)) == 1
        await trio.sleep(FIGHT_WINDOW)
        await take_over(central, FIGHT_TAKEOVERS + 1)
        await take_over(central, 1, every=FIGHT_PAUSE + 1)
        assert len(central.told(SecurityEventRaised)) == 2
        central.nursery.cancel_scope.cancel()


# --- what is kept in memory --------------------------------------------------------------------------------------


async def test_strangers_that_never_registered_are_forgotten_when_they_leave(autojump_clock: Any) -> None:
    async with open_central() as central:
        for number in range(50):
            async with central.charger(f"stranger {number}".replace(" ", "%20")):
                pass
        async with central.charger("here"):
            await trio.sleep(10)
            assert [*central.fleet._entries] == ["here"]


async def test_an_entry_is_kept_while_something_is_known_in_memory_only(autojump_clock: Any) -> None:
    async with open_central() as central:
        async with central.charger("registered") as charger:
            await charger.boot()
        async with central.charger("noted") as charger:
            await charger.result("StatusNotification", status())
        async with central.charger("fought%20over"), central.charger("fought%20over"):
            await trio.sleep(1)
        await introduce(central.ledger, "commanded")
        await central.fleet.queue("commanded", m.ClearCache(), timedelta(seconds=100))
        await trio.sleep(FIGHT_WINDOW - 5)
        assert {*central.fleet._entries} == {"registered", "noted", "fought over", "commanded"}
        await trio.sleep(10)
        assert {*central.fleet._entries} == {"registered", "commanded"}
        await trio.sleep(60)
        assert {*central.fleet._entries} == {"registered"}
        async with central.charger("noted") as charger:
            await charger.boot()
            entry = central.fleet.find("noted")
            assert entry is not None
            assert set(entry.charge_point.record.connectors) == {1}


async def test_an_entry_is_kept_while_its_charger_is_on_its_way(autojump_clock: Any) -> None:
    async def dawdle(handshake: Handshake) -> None:
        central.fleet.entry(handshake.known)
        await trio.sleep(5)

    async with open_central(change_steps=lambda steps: [*steps, dawdle]) as central:
        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                async with central.charger():
                    await trio.sleep(1)

            nursery.start_soon(connect)
            await trio.sleep(3)
            assert central.fleet.find("CP1") is not None
        await trio.sleep(3)
        assert central.fleet.find("CP1") is None


async def test_a_charge_point_that_is_removed_is_sent_away_and_its_commands_are_lost(
    autojump_clock: Any,
) -> None:
    async with open_central() as central, central.charger() as charger:
        await charger.boot()
        central.fleet.submit("CP1", m.ClearCache())
        await charger.receive()
        waiting = central.fleet.submit("CP1", m.ClearCache())
        central.fleet.remove("cp1")
        assert await charger.closed() == (1008, "removed")
        assert (await waiting.wait()).state is CommandState.LOST
        assert central.fleet.find("CP1") is None
        central.fleet.remove("CP1")
        async with central.charger() as again:
            await again.boot()
            assert len(central.fleet) == 1


async def test_a_command_is_lost_if_the_connection_ends_while_it_is_recorded(autojump_clock: Any) -> None:
    ledger = FailingLedger()
    ledger.is_slow(QueueCommand, seconds=5)
    async with open_central(ledger=ledger) as central, central.charger() as charger:
        await charger.boot()
        submitted: list[Any] = []

        async def submit() -> None:
            submitted.extend(
                await central.fleet.submit_recorded(
                    "CP1", m.ClearCache(), patience=timedelta(seconds=30), requested_by="alice"
                )
            )

        central.nursery.start_soon(submit)
        await trio.testing.wait_all_tasks_blocked()
        await charger.stream.aclose()
        await trio.sleep(10)
        command_id, command = submitted
        assert command.outcome.state is CommandState.LOST
        record = await ledger.ask(FindCommand(command_id))
        assert record is not None
        assert record.state is CommandState.LOST
