"""Chargers come up, are measured from their first frame on, and fail alone; in virtual time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import trio
from attrs import define
from tests.testbench.session import scenarios as s
from tests.testbench.session.fakes import FakeStation
from tests.testbench.session.running import open_session
from trio.testing import MockClock

from ocpp_actors.testbench import yard
from ocpp_actors.testbench.chargers.simulated import open_simulated
from ocpp_actors.testbench.chargers.unit import Surroundings, Unit
from ocpp_actors.testbench.failures import Failed, Skipped
from ocpp_actors.testbench.profiles.profile import Chargers
from ocpp_actors.testbench.runner import Verdict
from ocpp_actors.testbench.scenario import scenario
from ocpp_actors.testbench.session import HANDS, Result
from ocpp_actors.testbench.station import Feature
from ocpp_actors.testbench.target import Target
from ocpp_actors.testbench.wire import Wire

ATTACHED = "[[chargers]]\nkind = 'attached'\nidentities = ['REAL-1', 'REAL-2']\nreconnect_interval = 2\n"
OUTSIDE = "duration = 15\n[[chargers]]\nkind = 'microocpp'\ncount = 2\nreconnect_interval = 2\n"
PARTITION = "[[faults.steps]]\nat = 5\nfor = 6\nfault = 'partition'\n"

Open = Callable[[Chargers, Surroundings], AbstractAsyncContextManager[list[Unit]]]


@define(eq=False)
class Running(FakeStation):
    """One that runs already, and has no switch."""

    features: frozenset[Feature] = frozenset({Feature.LINK})

    async def power_on(self) -> None:
        raise Skipped("nobody is at its switch")


@define(eq=False)
class Dud(FakeStation):
    """One that cannot be started."""

    async def power_on(self) -> None:
        raise Failed("it does not start")


def opener(
    make: type[FakeStation] = FakeStation, first: type[FakeStation] | None = None, boots: bool = True
) -> Open:
    """Make chargers that connect over the network of their group, as those do that are not made here."""

    @asynccontextmanager
    async def open_them(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        async with trio.open_nursery() as nursery:
            units: list[Unit] = []
            for identity in group.identities or around.identities:
                wire = around.new_wire(identity, tapped=False)
                target = Target(around.target.url, around.network.faulty(around.target.dial, identity))
                kind = first if first and not units else make
                station = kind(target, wire, nursery)
                station._booted = not boots
                if isinstance(station, Running):
                    await FakeStation.power_on(station)
                units.append(Unit(station, group))
            yield units
            nursery.cancel_scope.cancel()

    return open_them


def states(result: Result) -> dict[str, set[str]]:
    return {identity: {str(span.state) for span in spans} for identity, spans in result.measures.timelines}


async def test_chargers_that_run_already_are_waited_for_and_measured(autojump_clock: MockClock) -> None:
    async with open_session(ATTACHED, [s.station_beats], open_chargers=opener(Running)) as session:
        result = await session.run()
    assert result.troubles == ()
    assert [each.verdict for each in result.outcomes] == [Verdict.PASSED] * 2
    assert result.measures.stability == 1
    assert {each.connection.connected_seconds > 0 for each in result.measures.chargers.values()} == {True}


async def test_one_that_does_not_connect_is_a_trouble(autojump_clock: MockClock) -> None:
    profile = ATTACHED + "boot_within = 20\n[faults.always]\npartition = 'refused'\n"
    async with open_session(profile, [s.passes], open_chargers=opener(Running)) as session:
        result = await session.run()
    assert result.troubles == ("2 of 2 attached chargers were not accepted within 20 seconds",)


async def test_one_that_connects_without_a_word_is_asked_for_its_boot(autojump_clock: MockClock) -> None:
    wires: list[Wire] = []
    async with open_session(
        ATTACHED, [s.station_beats], open_chargers=opener(Running, boots=False), on_wire=wires.append
    ) as session:
        result = await session.run()
    assert result.troubles == ()
    asked = [
        each.payload["requestedMessage"]
        for each in wires[0].exchanges
        if each.action == "TriggerMessage" and each.payload.get("connectorId") in (None, 1)
    ]
    assert asked[-2:] == ["BootNotification", "StatusNotification"]


async def test_two_chargers_of_one_name_are_refused(autojump_clock: MockClock) -> None:
    twins = ATTACHED.replace("REAL-2", "real-1")
    async with open_session(twins, [s.passes], open_chargers=opener(Running)) as session:
        result = await session.run()
    assert len(result.troubles) == 1
    assert "two chargers are called real-1" in result.troubles[0]


async def test_profiles_name_attached_chargers_by_their_place(autojump_clock: MockClock) -> None:
    faults = "duration = 15\n" + ATTACHED + PARTITION + "stations = ['C2']\n"
    async with open_session(faults, open_chargers=opener(Running)) as session:
        result = await session.run()
    assert [(each.kind, each.who) for each in result.measures.events] == [("partition", "REAL-2")]
    assert "down" in states(result)["REAL-2"]
    first = result.measures.chargers["REAL-1"].connection
    assert first.connected_seconds == pytest.approx(first.expected_seconds)


async def test_a_person_has_time(autojump_clock: MockClock) -> None:
    @scenario(features={Feature.LINK}, seconds=5)
    async def hangs_on_a_station(_bench: object) -> None:
        """It waits."""
        await trio.sleep_forever()

    async with open_session(
        ATTACHED + "hands = true", [hangs_on_a_station], open_chargers=opener(Running)
    ) as session:
        result = await session.run()
    assert [each.seconds for each in result.outcomes] == pytest.approx([5 + HANDS] * 2)


async def test_faults_are_not_for_a_group_without_them(autojump_clock: MockClock) -> None:
    groups = OUTSIDE + "faults = false\n[[chargers]]\nkind = 'microocpp'\nreconnect_interval = 2\n"
    async with open_session(groups + PARTITION, open_chargers=opener()) as session:
        result = await session.run()
    assert result.troubles == ()
    assert {name: "down" in each for name, each in states(result).items()} == {
        "lab-C1": False,
        "lab-C2": False,
        "lab-C3": True,
    }


SLOW_LINKS = """
duration = 30
[[chargers]]
kind = 'simulated'
count = 2
activity = 'charging'
[[chargers]]
kind = 'simulated'
faults = false
[faults.always]
latency = 0.5
[[faults.steps]]
at = 5
for = 6
fault = 'partition'
[[faults.steps]]
at = 15
for = 5
fault = 'stall'
"""


async def test_what_faults_do_is_not_the_central_systems_response_time(autojump_clock: MockClock) -> None:
    wires: list[Wire] = []
    async with open_session(SLOW_LINKS, open_chargers=open_simulated, on_wire=wires.append) as session:
        result = await session.run()
    assert result.troubles == ()
    assert result.measures.all_response_times.max < 0.5
    for wire in wires[:2]:
        seen = [each.seconds for each in wire.answered()]
        assert min(seen) >= 1, "the charger's own record is as it sees it"
        charger = result.measures.chargers[wire.identity]
        assert charger.response_times.count >= len(seen)
        assert charger.connection.stability == 1
    assert result.measures.chargers["lab-C3"].response_times.count > 0
    audit = result.findings.audit
    assert audit is not None
    assert (audit.compared > 0, audit.lost_count, audit.doubled_count) == (True, 0, 0)


@pytest.mark.parametrize("condition", ["stall = true", "corrupt = 1e-12"])
async def test_faults_that_are_always_on_are_told(condition: str, autojump_clock: MockClock) -> None:
    profile = OUTSIDE + f"boot_within = 5\n[faults.always]\n{condition}\n"
    async with open_session(profile, open_chargers=opener()) as session:
        result = await session.run()
    (event,) = result.measures.events
    assert (event.kind, event.at, event.until) == (
        "always",
        result.began_at,
        result.began_at + result.seconds,
    )
    assert states(result) == {"lab-C1": {"down"}, "lab-C2": {"down"}}
    assert result.measures.stability is None
    assert result.measures.all_response_times.count == 0, "what may be damaged is not judged"


async def test_an_always_fault_is_not_for_a_group_without_them(autojump_clock: MockClock) -> None:
    profile = OUTSIDE + "faults = false\n[faults.always]\npartition = 'refused'\n"
    async with open_session(profile, open_chargers=opener()) as session:
        result = await session.run()
    assert result.troubles == ()
    assert result.measures.stability == 1


async def test_a_wire_is_followed_from_its_making(autojump_clock: MockClock) -> None:
    followed: list[Wire] = []
    told: list[int] = []

    @asynccontextmanager
    async def open_early(group: Chargers, around: Surroundings) -> AsyncIterator[list[Unit]]:
        async with trio.open_nursery() as nursery:
            wire = around.new_wire("lab-C1", tapped=False)
            wire.opened()
            wire.record("in", '[2,"0","Heartbeat",{}]')
            wire.closed(1006)
            told.append(session.measures.frames)
            yield [Unit(FakeStation(around.target, wire, nursery), group)]
            nursery.cancel_scope.cancel()

    one = "[[chargers]]\nkind = 'microocpp'\n"
    async with open_session(one, [s.passes], open_chargers=open_early, on_wire=followed.append) as session:
        result = await session.run()
    assert told == [1]
    assert followed[0].identity == "lab-C1"
    assert result.measures.chargers["lab-C1"].frames >= 3


async def test_one_that_cannot_be_started_leaves_the_others_alone(autojump_clock: MockClock) -> None:
    async with open_session(OUTSIDE, [s.station_is_cut_off], open_chargers=opener(first=Dud)) as session:
        result = await session.run()
    assert result.troubles[0] == "1 of 2 microocpp chargers were not accepted within 60 seconds"
    assert "lab-C1 was given up after station-is-cut-off" in result.troubles[1]
    assert len(result.troubles) == 2
    assert sorted(each.verdict for each in result.outcomes) == [Verdict.FAILED, Verdict.PASSED]
    assert not result.passed


async def test_the_frames_in_memory_are_bounded(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yard, "MAX_FRAMES_KEPT", 40)
    async with open_session(
        OUTSIDE + "[[chargers]]\nkind = 'simulated'\ncount = 3\n", open_chargers=opener()
    ) as session:
        result = await session.run()
        wires = [each.station.wire for each in session._yard.placed]
    assert result.measures.frames > 40
    kept = {frame.number for frame in wires[0].frames}
    kept |= {frame.number for each in wires[0].exchanges for frame in (each.asked, each.answered)}
    assert 0 < len(kept) <= 40 / 5
    assert {wire.max_kept for wire in wires} == {4}
