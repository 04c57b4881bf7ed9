"""One session, in virtual time: every way in which it can end, and what it measures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from tests.testbench.session import scenarios as s
from tests.testbench.session.fakes import FakeStation, open_fakes
from tests.testbench.session.running import open_session, said, session_of, under_test_of
from trio.testing import MockClock

from ocpp_actors.ledger.memory import MemoryLedger
from ocpp_actors.testbench import runner
from ocpp_actors.testbench.chargers.simulated import open_simulated
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.microocpp.outside import OutsideStation
from ocpp_actors.testbench.profiles.profile import Chargers, RestartKind
from ocpp_actors.testbench.runner import Verdict
from ocpp_actors.testbench.scenarios import authorization, charging
from ocpp_actors.testbench.session import Result, Session
from ocpp_actors.testbench.simulated.charge_point import SimulatedChargePoint
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.under_test import ServerTrouble, UnderTest
from ocpp_actors.testing.in_process import open_in_process

STATIONS = "[[chargers]]\nkind = 'simulated'\ncount = 3\nreconnect_interval = 2\n"
BUSY = "duration = 15\n[[chargers]]\nkind = 'simulated'\ncount = 3\nactivity = 'charging'\nreconnect_interval = 3\n"
NO_RESTARTS = "[limits]\nrestarts = ''\n"


def verdicts(result: Result) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in result.outcomes:
        found.setdefault(each.scenario.name, []).append(str(each.verdict))
    return found


async def test_a_session_that_passes(autojump_clock: MockClock) -> None:
    async with open_session(STATIONS, [s.passes, s.station_beats, s.operator_asks]) as session:
        result = await session.run()
    assert verdicts(result) == {
        "passes": ["passed"],
        "operator-asks": ["passed"],
        "station-beats": ["passed"] * 3,
    }
    assert result.passed
    assert result.troubles == ()
    assert result.measures.stability == 1
    assert result.measures.accuracy == 1
    assert {each.name: each.held for each in result.limits} == {
        "verdict accuracy": True,
        "restarts of server and task trees": None,
        "lost transactions": True,
        "doubled transactions": True,
    }


async def test_every_way_to_end_is_a_verdict_and_the_others_go_on(autojump_clock: MockClock) -> None:
    all_of_them = [s.breaks, s.hangs, s.fails, s.skips, s.secure, s.passes]
    async with open_session("[scenarios]\nlanes = 2", all_of_them) as session:
        lines = said(session)
        result = await session.run()
    assert verdicts(result) == {
        "breaks": ["broken"],
        "hangs": ["failed"],
        "fails": ["failed"],
        "skips": ["skipped"],
        "secure": ["skipped"],
        "passes": ["passed"],
    }
    assert not result.passed
    assert any("expected the moon" in line for line in lines)
    broken = next(each for each in result.outcomes if each.verdict is Verdict.BROKEN)
    assert "ZeroDivisionError" in broken.reason


async def test_only_what_failed_keeps_its_frames(autojump_clock: MockClock) -> None:
    async with open_session("", [s.fails, s.passes]) as session:
        result = await session.run()
    frames = {each.scenario.name: sum(map(len, each.frames.values())) for each in result.outcomes}
    assert frames == {"fails": 4, "passes": 0}


async def test_what_failed_keeps_every_frame(autojump_clock: MockClock) -> None:
    async with open_session("", [s.fails_after_much]) as session:
        (outcome,) = (await session.run()).outcomes
    assert [len(frames) for frames in outcome.frames.values()] == [2 * 2 * 301]
    assert outcome.left_out == 0


async def test_what_a_wire_dropped_of_a_failed_scenario_is_counted(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "MAX_FRAMES", 400)
    async with open_session("", [s.fails_after_much]) as session:
        (outcome,) = (await session.run()).outcomes
    assert [len(frames) for frames in outcome.frames.values()] == [800]
    assert outcome.left_out == 2 * 2 * 301 - 800


async def test_frames_of_all_failed_scenarios_are_bounded(autojump_clock: MockClock) -> None:
    async with open_session("[scenarios]\nlanes = 1", [s.fails, s.fails, s.fails]) as session:
        session.progress.frames_left = 5
        outcomes = (await session.run()).outcomes
    kept = [(sum(map(len, each.frames.values())), each.left_out) for each in outcomes]
    assert kept == [(4, 0), (1, 3), (0, 4)]


async def test_lanes_run_side_by_side_and_no_more_of_them(autojump_clock: MockClock) -> None:
    s.MEANWHILE[:] = [0, 0]
    async with open_session("[scenarios]\nlanes = 3", [s.meanwhile] * 7) as session:
        result = await session.run()
    assert s.MEANWHILE == [0, 3]
    assert 30 <= result.seconds < 31
    assert result.passed


async def test_stations_run_their_scenarios_at_once(autojump_clock: MockClock) -> None:
    async with open_session(STATIONS, [s.station_beats, s.station_beats]) as session:
        result = await session.run()
    assert len(result.outcomes) == 6
    assert result.seconds < 20


async def test_a_station_on_which_a_scenario_failed_starts_again(autojump_clock: MockClock) -> None:
    async with open_session(STATIONS, [s.station_fails, s.station_is_up]) as session:
        result = await session.run()
    assert verdicts(result) == {"station-fails": ["failed"] * 3, "station-is-up": ["passed"] * 3}
    assert result.troubles == ()


UNANSWERED = "[[chargers]]\nkind = 'simulated'\n[[misbehaviour]]\nkind = 'drop'\naction = 'StopTransaction'\n"


async def test_a_charger_is_free_again_after_a_failure(autojump_clock: MockClock) -> None:
    chosen = [charging.plug_in_first_then_present_a_card, authorization.invalid_card_is_turned_away]
    async with open_session(
        UNANSWERED, chosen, settings={"testing": True}, open_chargers=open_simulated
    ) as session:
        result = await session.run()
    first, then = result.outcomes
    assert (first.verdict, then.verdict) == (Verdict.FAILED, Verdict.PASSED), then.reason
    assert first.reason.startswith("StopTransaction was not answered (line ")
    assert result.troubles == ()


async def test_a_charger_that_does_not_come_back_free_is_given_up(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedChargePoint, "wipe", OutsideStation.wipe)  # it keeps what it has
    chosen = [charging.plug_in_first_then_present_a_card, authorization.invalid_card_is_turned_away]
    async with open_session(
        UNANSWERED, chosen, settings={"testing": True}, open_chargers=open_simulated
    ) as session:
        result = await session.run()
    first, then = result.outcomes
    assert (first.verdict, then.verdict) == (Verdict.FAILED, Verdict.SKIPPED)
    assert then.reason.startswith(
        f"the charger was given up after {first.scenario.name}: it did not come back free: connector 1 is "
    )
    assert result.troubles == (then.reason.replace("the charger was", "lab-C1 was"),)


async def test_without_a_charger_what_needs_one_is_skipped(autojump_clock: MockClock) -> None:
    async with open_session("", [s.station_beats, s.passes]) as session:
        result = await session.run()
    assert verdicts(result) == {"station-beats": ["skipped"], "passes": ["passed"]}
    assert result.passed


async def test_what_the_central_system_has_not_is_skipped(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        bare = UnderTest(central.target, central.clock)
        session = session_of(bare, NO_RESTARTS, [s.operator_asks, s.server_misbehaves, s.passes])
        result = await session.run()
    assert verdicts(result) == {
        "operator-asks": ["skipped"],
        "server-misbehaves": ["skipped"],
        "passes": ["passed"],
    }


async def test_where_nothing_was_tested_nothing_passed(autojump_clock: MockClock) -> None:
    nobody = "no scenario is chosen, and there are no chargers that live for a duration"
    for profile, scenarios, why in (
        ("", [s.skips], "every scenario was skipped"),
        ("", [], nobody),
        ("duration = 5", [], nobody),
        (STATIONS, [], nobody),
    ):
        async with open_session(profile, scenarios) as session:
            result = await session.run()
        assert result.troubles == (f"nothing was tested: {why}",)
        assert not result.passed
    async with open_session("duration = 5\n" + STATIONS) as session:
        lines = said(session)
        assert (await session.run()).passed
    assert lines[0] == "bringing up 3 chargers"
    async with open_session("", [s.passes]) as session:
        lines = said(session)
        await session.run()
    assert lines[1] == "running 1 scenario"


async def test_what_a_misbehaving_server_answers_is_not_measured(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        session = session_of(under_test_of(central, testing=True), "", [s.server_misbehaves])
        result = await session.run()
    assert verdicts(result) == {"server-misbehaves": ["passed"]}
    assert (result.measures.accuracy, result.measures.all_response_times.count) == (None, 0)
    assert result.measures.frames == 4


async def test_a_link_that_a_scenario_cuts_is_no_outage(autojump_clock: MockClock) -> None:
    async with open_session(STATIONS, [s.station_is_cut_off]) as session:
        result = await session.run()
    assert result.passed
    assert result.measures.stability == 1
    assert {each.connection.outages for each in result.measures.chargers.values()} == {0}


async def test_activities_go_on_for_the_duration_and_the_books_agree(autojump_clock: MockClock) -> None:
    async with open_session(BUSY) as session:
        result = await session.run()
    assert result.passed, result.troubles
    assert 15 <= result.seconds < 25
    audit = result.findings.audit
    assert audit is not None
    assert audit.compared >= 3 * 10
    assert (audit.lost_count, audit.doubled_count) == (0, 0)
    assert (result.findings.online, result.findings.online_expected) == (3, 3)


async def test_a_lost_transaction_is_found(autojump_clock: MockClock) -> None:
    ledger = MemoryLedger()
    async with open_in_process(ledger=ledger) as central:
        session = session_of(under_test_of(central), BUSY)

        def lose(phase: str) -> None:
            if phase == "comparing the books":
                del ledger._facts.transactions[7]

        session.progress.listeners.append(lose)
        result = await session.run()
    assert not result.passed
    assert result.findings.audit is not None
    assert result.findings.audit.lost_count == 1
    assert [each.name for each in result.limits if each.held is False] == ["lost transactions"]


async def test_faults_come_and_go_and_are_in_the_report(autojump_clock: MockClock) -> None:
    faults = "[[faults.steps]]\nat = 5\nfor = 6\nfault = 'partition'\nstations = ['C2']\n"
    async with open_session(BUSY + faults) as session:
        result = await session.run()
    assert result.troubles == ()
    assert [(each.kind, each.who, round(each.until - each.at)) for each in result.measures.events] == [
        ("partition", "lab-C2", 6)
    ]
    states = {identity: {span.state for span in spans} for identity, spans in result.measures.timelines}
    assert "down" in states["lab-C2"]
    assert "connected" in states["lab-C1"]
    assert result.measures.stability == 1


async def test_a_restart_brings_everybody_back(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        doors = [True]

        async def dial() -> trio.abc.Stream:
            if not doors[0]:
                raise ConnectionRefusedError
            return await central.target.dial()

        async def restart(how: RestartKind, down: float) -> None:
            assert how == "kill"
            under_test.on_change[0](False)
            doors[0] = False
            central.server.drop_all()
            await trio.sleep(down)
            doors[0] = True
            under_test.on_change[0](True)

        under_test = UnderTest(
            Target(central.target.url, dial), central.clock, central.operator, restart=restart
        )
        session = session_of(under_test, BUSY + "[[restarts]]\nat = 5\ndown = 4\nback_within = 20\n")
        result = await session.run()
    assert result.troubles == ()
    (returned,) = result.findings.returned
    assert (returned.chargers, returned.back) == (3, 3)
    assert returned.down == pytest.approx(4)
    assert returned.seconds < 3
    assert result.passed
    assert [each.kind for each in result.measures.events] == ["server"]


async def test_chargers_that_do_not_come_back_fail_the_session(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        doors = [True]

        async def dial() -> trio.abc.Stream:
            if not doors[0]:
                raise ConnectionRefusedError
            return await central.target.dial()

        async def restart(how: RestartKind, down: float) -> None:
            doors[0] = False
            central.server.drop_all()

        under_test = UnderTest(
            Target(central.target.url, dial), central.clock, central.operator, restart=restart
        )
        session = session_of(under_test, BUSY + "[[restarts]]\nat = 5\ndown = 4\nback_within = 20\n")
        result = await session.run()
    assert not result.passed
    assert result.findings.returned[0].back == 0
    assert [each.name for each in result.limits if each.held is False] == [
        "back after restart 1",
        "online by the central system's account, each once",
    ]


async def test_the_deadline_ends_it_with_a_report(autojump_clock: MockClock) -> None:
    async with open_session(
        "deadline = 20", [s.meanwhile, s.meanwhile, s.passes, *[s.meanwhile] * 40]
    ) as session:
        result = await session.run()
    assert result.troubles == ("it did not end within 20 seconds",)
    assert 20 <= result.seconds < 21
    assert verdicts(result)["passes"] == ["passed"]
    assert not result.passed


async def stop_after(session: Session, seconds: float) -> None:
    await trio.sleep(seconds)
    session.stop.set()


async def test_it_can_be_stopped_and_tells_what_it_had(autojump_clock: MockClock) -> None:
    async with (
        open_session(STATIONS, [s.passes, *[s.meanwhile] * 40]) as session,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(stop_after, session, 15)
        result = await session.run()
    assert result.interrupted
    assert not result.passed
    assert verdicts(result)["passes"] == ["passed"]
    assert result.seconds < 16


@pytest.mark.parametrize("after", [0, 0.5, 3, 10, 16])
async def test_it_can_be_stopped_at_any_moment(after: float, autojump_clock: MockClock) -> None:
    faults = "[faults.random]\nevery = 3\nfor = [1, 2]\nfaults = ['stall', 'reset', 'partition']\n"
    async with open_session(BUSY + faults, [s.meanwhile]) as session, trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, session, after)
        result = await session.run()
    assert result.interrupted
    assert result.troubles == ()
    assert result.seconds <= after + 1


async def test_what_is_to_be_undone_is_not_waited_for_when_it_is_stopped(autojump_clock: MockClock) -> None:
    async with open_session(STATIONS, [s.station_is_kept_waiting]) as session, trio.open_nursery() as nursery:
        nursery.start_soon(stop_after, session, 5)
        result = await session.run()
    assert result.interrupted
    assert result.seconds <= 6


async def test_what_is_to_be_undone_is_not_waited_for_at_the_deadline(autojump_clock: MockClock) -> None:
    async with open_session("deadline = 5\n" + STATIONS, [s.station_is_kept_waiting]) as session:
        result = await session.run()
    assert result.troubles == ("it did not end within 5 seconds",)
    assert not result.interrupted
    assert result.seconds <= 6


async def test_an_early_end_loses_no_restart(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:

        async def restart(how: RestartKind, down: float) -> None:
            central.server.drop_all()

        session = session_of(
            under_test_of(central, restart=restart),
            "deadline = 30\n" + BUSY + "[[restarts]]\nat = 2\nback_within = 20\n",
            [s.meanwhile] * 40,
        )
        result = await session.run()
    assert result.troubles == ("it did not end within 30 seconds",)
    assert result.findings.returned[0].back == 3


async def test_a_server_that_is_gone_for_good_ends_it_with_a_report(autojump_clock: MockClock) -> None:
    async def gone() -> None:
        await trio.sleep(15)
        raise ServerTrouble("the server ended with status 7")

    async with open_in_process() as central:
        session = session_of(under_test_of(central, gone=gone), STATIONS, [s.passes, *[s.meanwhile] * 40])
        result = await session.run()
    assert result.troubles == ("the server ended with status 7",)
    assert not result.passed
    assert not result.interrupted
    assert 15 <= result.seconds < 16
    assert verdicts(result)["passes"] == ["passed"]


async def test_chargers_that_are_not_accepted_are_a_trouble(autojump_clock: MockClock) -> None:
    settings = {"first_boot": "Rejected"}
    async with open_session(STATIONS + "boot_within = 5", [s.passes], settings) as session:
        result = await session.run()
    assert result.troubles == ("3 of 3 simulated chargers were not accepted within 5 seconds",)
    assert verdicts(result) == {"passes": ["passed"]}
    assert not result.passed


async def test_chargers_that_cannot_be_made_end_it_with_a_report(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_nothing(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        if around.identities:
            raise OSError("no room")
        yield []

    async with open_session(STATIONS, [s.passes], open_chargers=open_nothing) as session:
        result = await session.run()
    assert len(result.troubles) == 1
    assert result.troubles[0].startswith("OSError: no room (test_session.py:")
    assert not result.passed


async def test_an_activity_that_crashes_leaves_the_others_alone(autojump_clock: MockClock) -> None:
    class Crash:
        def finish(self) -> None:
            pass

        async def run(self) -> None:
            raise ZeroDivisionError("oops")

    @asynccontextmanager
    async def open_one_bad(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        async with open_fakes(group, around) as units:
            units[0].activity = Crash()
            yield units

    async with open_session(BUSY, open_chargers=open_one_bad) as session:
        result = await session.run()
    assert len(result.troubles) == 1
    assert result.troubles[0].startswith("lab-C1: ZeroDivisionError: oops")
    assert result.findings.audit is not None
    assert result.findings.audit.compared >= 20


async def test_an_unfit_station_is_a_trouble_and_given_up(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_stubborn(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        async with open_fakes(group, around) as units:
            for unit in units:
                assert isinstance(unit.station, FakeStation)
                unit.station.stuck = True
            yield units

    async with open_session(
        STATIONS, [s.station_fails, s.station_beats], open_chargers=open_stubborn
    ) as session:
        result = await session.run()
    assert len(result.troubles) == 3
    assert "the switch is stuck" in result.troubles[0]
    assert verdicts(result)["station-beats"] == ["skipped"] * 3
    assert (
        "the charger was given up after station-fails: it could not be switched" in result.outcomes[-1].reason
    )


async def test_each_frame_is_recorded_once(autojump_clock: MockClock) -> None:
    for opener in (open_fakes, open_simulated):
        async with open_session(STATIONS, [s.passes], open_chargers=opener) as session:
            result = await session.run()
        boots = result.measures.response_times["BootNotification"].count
        assert boots == 1 + 3, opener


async def test_names_are_of_the_session(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        session = session_of(under_test_of(central), STATIONS, [s.passes, s.station_beats])
        await session.run()
        known = [each["identity"] async for each in central.operator.all_items("/charge-points")]
    assert {"lab-C1", "lab-C2", "lab-C3"} < set(known)
    assert len(known) == 4
    assert all(each.startswith("lab-") for each in known)


async def test_two_sessions_at_one_central_system_do_not_meet(autojump_clock: MockClock) -> None:
    async with open_in_process() as central:
        one = session_of(under_test_of(central), BUSY)
        other = session_of(under_test_of(central), BUSY)
        other.label = "other"
        results: list[Result] = []

        async def run(session: object) -> None:
            results.append(await session.run())  # type: ignore[attr-defined]

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, one)
            nursery.start_soon(run, other)
    assert [each.passed for each in results] == [True, True]


async def test_a_server_that_is_told_to_misbehave_does(autojump_clock: MockClock) -> None:
    rules = "[[misbehaviour]]\nchargers = ['C1']\naction = 'Heartbeat'\nkind = 'callError'\nerrorCode = 'GenericError'"
    async with open_session(BUSY + rules, settings={"testing": True}) as session:
        result = await session.run()
    assert result.troubles == ()
    assert result.measures.call_errors["central system", "GenericError"] >= 2
    assert result.measures.chargers["lab-C1"].call_errors >= 2
    assert result.measures.chargers["lab-C2"].call_errors == 0
    assert result.measures.chargers["lab-C1"].response_times.count == 1, (
        "its boot: what came later is not judged"
    )


async def test_a_server_that_is_started_again_misbehaves_on_until_the_session_ends(
    autojump_clock: MockClock,
) -> None:
    rules = "[[misbehaviour]]\nchargers = ['C1']\naction = 'Heartbeat'\nkind = 'callError'\n"
    path = "/charge-points/lab-C1/misbehaviour"
    async with open_in_process(testing=True) as central:

        async def restart(how: RestartKind, down: float) -> None:
            for listener in list(under_test.on_change):
                listener(False)
            assert (await central.operator.get(path))["rules"]
            await central.operator.delete(path)  # a server that is started has no rules
            for listener in list(under_test.on_change):
                listener(True)
            await trio.sleep(1)
            after.append([each["kind"] for each in (await central.operator.get(path))["rules"]])

        after: list[list[str]] = []
        under_test = under_test_of(central, testing=True, restart=restart)
        session = session_of(under_test, BUSY + rules + "[[restarts]]\nat = 2\n[[restarts]]\nat = 5\n")
        result = await session.run()
        assert (await central.operator.get(path))["rules"] == []
    assert after == [["callError"], ["callError"]]
    assert result.troubles == ()


async def test_rules_that_a_server_takes_no_more_are_a_trouble_while_it_is_up(
    autojump_clock: MockClock,
) -> None:
    async with open_in_process(testing=True) as central:

        async def restart(how: RestartKind, down: float) -> None:
            central.fleet.testing = False
            for listener in list(under_test.on_change):
                listener(True)

        under_test = under_test_of(central, testing=True, restart=restart)
        session = session_of(
            under_test, BUSY + "[[misbehaviour]]\nkind = 'drop'\naction = 'Heartbeat'\n[[restarts]]\nat = 2\n"
        )
        result = await session.run()
    (trouble,) = result.troubles
    assert (
        "started again misbehaves no more: PUT /charge-points/lab-C1/misbehaviour was answered with 4"
        in trouble
    )


async def test_rules_that_the_server_does_not_know_are_a_trouble(autojump_clock: MockClock) -> None:
    async with open_session(
        BUSY + "[[misbehaviour]]\nkind = 'close'\ncloseCode = 1", settings={"testing": True}
    ) as session:
        result = await session.run()
    assert len(result.troubles) == 1
    assert "/charge-points/lab-C1/misbehaviour was answered with 422" in result.troubles[0]


async def test_scenarios_that_restart_the_server_come_last_and_alone(autojump_clock: MockClock) -> None:
    restarts: list[float] = []

    async def restart(how: RestartKind, down: float) -> None:
        restarts.append(trio.current_time())
        await trio.sleep(5)

    async with open_in_process() as central:
        under_test = under_test_of(central, restart=restart)
        session = session_of(under_test, STATIONS, [s.restarts, s.restarts, s.meanwhile, s.station_beats])
        result = await session.run()
    assert verdicts(result)["restarts"] == ["passed", "passed"]
    assert restarts[0] >= 10
    assert restarts[1] - restarts[0] >= 5


async def test_without_a_server_of_its_own_none_is_restarted(autojump_clock: MockClock) -> None:
    async with open_session("", [s.restarts, s.passes]) as session:
        result = await session.run()
    assert verdicts(result)["restarts"] == ["skipped"]
